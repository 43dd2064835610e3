//! From the analyzer's word about a camera to its agent running beside the camera: enroll, package, install, remove.

use anyhow::Result;
use tests::http::get_json;
use tests::place::{Scratch, bin, repo_root};
use tests::process::Start;
use tests::scenes;
use tests::wait::{eventually, eventually_ok, secs};

use crate::common::{STREET_CAMERA, Stage};

#[test]
fn an_enrolled_agent_is_installed_comes_online_and_is_removed_without_a_trace() -> Result<()> {
    let stage = Stage::street()?;
    let files = Scratch::new("deploy")?;
    let site = files.write("site.toml", tests::site::open_ground(crate::common::STREET, &[STREET_CAMERA]))?;
    let enroll = |camera: &str, parcel: &std::path::Path| {
        Start::new(bin("cluster-analyzer")?)
            .args(["enroll", camera, "--broker", &stage.broker.url(), "--source", "/srv/clip.mp4", "--site"])
            .args([&site])
            .args(["--out".as_ref(), parcel.as_os_str()])
            .run(secs(30))
    };
    let parcel = files.join("corner.tar");
    let refused = enroll("korner", &parcel)?;
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("nearest names are corner"), "{}", refused.err);
    enroll(STREET_CAMERA, &parcel)?.success()?;

    let build = repo_root().join("deploy/build-deb");
    Start::new(build).args([&bin("camera-agent")?, &files.join("deb")]).run(secs(60))?.success()?;
    let deb = std::fs::read_dir(files.join("deb"))?.next().unwrap()?.path();
    let stop = files.join("stop");
    let mut installed = Start::new(repo_root().join("deploy/try-deb"))
        .args([&deb, &parcel, &scenes::street_clip(10)?, &stop])
        .spawn(&files.join("install.log"))?;
    eventually_ok(secs(60), "the camera is online at the analyzer", || {
        anyhow::ensure!(installed.is_running(), "installing failed: {}", installed.log());
        let cameras = get_json(&stage.analyzer.url("/api/cameras"))?;
        let online =
            cameras.as_array().into_iter().flatten().any(|row| {
                row["camera"] == STREET_CAMERA && row["online"] == true && !row["last_frame_age_ms"].is_null()
            });
        anyhow::ensure!(online, "{cameras}");
        Ok(())
    })?;
    std::fs::write(&stop, "")?;
    let ended = eventually(secs(60), "the agent was removed", || (!installed.is_running()).then(|| installed.log()))?;
    assert!(ended.contains("installed, ran, removed, purged"), "{ended}");
    Ok(())
}
