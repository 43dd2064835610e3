//! What an incident tells: why, where the animal goes next, and its footage.

use std::path::Path;

use base::ids::CameraId;
use base::incident::Rule;
use base::topic::Topic;
use serde_json::Value;
use tests::http::{get, get_bytes, get_json};
use tests::process::Start;
use tests::wait::{eventually_ok, secs};
use tests::{Scratch, scenes};

use crate::common::{SOON, Stage, wait_opened};

/// Times of the pictures that other people's player finds in a video, seconds.
fn pictures(video: &Path) -> Vec<f64> {
    let shown = ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"];
    let out = Start::new("ffprobe").args(shown).args([video]).run(secs(60)).unwrap().success().unwrap();
    out.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

#[test]
fn an_escape_explains_itself_boosts_the_linked_camera_and_gives_its_clip() {
    let set = scenes::set("smoke").unwrap();
    let clip = set.escapes()[0];
    let linked = format!(
        "\n[[camera]]\nid = \"next-door\"\n\n[[link]]\nfrom = \"{}\"\nto = \"next-door\"\nseconds = [2, 30]\n",
        clip.camera
    );
    let stage = Stage::over(&(std::fs::read_to_string(set.site()).unwrap() + &linked)).unwrap();
    let mut agent = stage.agent_on(&set, clip, &["--once"]).unwrap();
    let (alert, _) = wait_opened(&stage.watch, &clip.camera, SOON).unwrap();
    let (incident, next_door) = (&alert.after, CameraId::new("next-door").unwrap());
    assert_eq!(incident.reason.rule, Some(Rule::OutsideEnclosures));
    assert!(incident.reason.why.contains("outside every enclosure"), "{}", incident.reason.why);
    assert!(incident.whereabouts.seen_now && incident.whereabouts.last_seen == incident.opened_at);
    assert!(incident.next.iter().any(|n| n.camera == next_door && n.until > n.from), "{:?}", incident.next);
    let control = Topic::Control(next_door).name(&stage.site);
    let boost = stage.watch.wait_for(secs(10), |m| m.topic == control).unwrap().json();
    assert_eq!(boost["action"], "boost", "{boost}");

    let url = |rest: &str| stage.analyzer.url(&format!("/api/incidents/{}/{rest}", incident.id));
    let told = get_json(&url("evidence")).unwrap();
    assert_eq!(told["rule_text"], "outside every enclosure");
    let frames = told["frames"].as_array().unwrap();
    let decided = frames.iter().find(|f| f["t"] == incident.opened_at.0).unwrap();
    assert!(decided["sum"].as_f64() >= decided["sum_needed"].as_f64(), "{decided}");
    let (marked, plain) = (get_bytes(&url("still.jpg")).unwrap(), get_bytes(&url("still.jpg?plain=1")).unwrap());
    assert!(marked.starts_with(b"\xFF\xD8") && plain.starts_with(b"\xFF\xD8") && marked != plain);

    // The agent ends when its footage is acknowledged: then all of the clip that will ever be is there.
    assert!(agent.process().wait(SOON).unwrap().success(), "{}", agent.log());
    let ready = eventually_ok(SOON, "the clip was whole", || {
        let answer = get(&url("clip.mp4"))?;
        anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    });
    ready.unwrap();
    let scratch = Scratch::new("clip").unwrap();
    let video = scratch.write("clip.mp4", get_bytes(&url("clip.mp4")).unwrap()).unwrap();
    let opened = incident.opened_at;
    let around = (opened.plus_us(-10_000_000), opened.plus_us(10_000_000));
    let footage = |rest: &str| {
        stage.analyzer.url(&format!("/api/footage/{}{rest}?from={}&to={}", clip.camera, around.0.0, around.1.0))
    };
    let timeline = get_json(&footage("")).unwrap();
    let recorded = timeline["recorded"].as_array().unwrap();
    let time = |row: &Value, name: &str| row[name].as_i64().unwrap();
    let first = time(&recorded[0], "start").max(around.0.0);
    let last = time(recorded.last().unwrap(), "end").min(around.1.0);
    let covered_s = (last - first) as f64 / 1e6;
    assert!(first < opened.0 && last > opened.0 && covered_s > 4.0, "{timeline}");
    assert_eq!(timeline["incidents"][0]["id"], incident.id.as_str(), "{timeline}");
    let times = pictures(&video);
    let (begin, end) = (times[0], times[times.len() - 1]);
    assert!(begin < 0.2 && end - begin > covered_s - 0.5, "{covered_s} s of footage, {begin} to {end} in the clip");
    assert!(times.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] < 1.0), "it plays without a stop");
    let same_span = scratch.write("span.mp4", get_bytes(&footage("/video.mp4")).unwrap()).unwrap();
    assert_eq!(pictures(&same_span), times, "a clip is a span like any other");
}
