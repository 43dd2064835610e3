//! Pure: what one agent needs to begin, as one file to carry to it: `cluster-analyzer enroll gate-3 --out gate-3.tar`.
//!
//! The site in, the bytes of a tar file out. Certificates are not in it yet: agents log in by password or are
//! trusted on their network (docs/security.md).

use base::ids::CameraId;
use base::site::Site;

/// The files of an agent's parcel, as a tar file; `source` and `broker` as its configuration names them.
///
/// # Errors
/// The site has no such camera: a sentence with the names that are nearest.
pub fn parcel(site: &Site, camera: &str, broker: &str, source: Option<&str>) -> Result<Vec<u8>, String> {
    let known = CameraId::new(camera).ok().filter(|id| site.camera(id).is_some());
    let Some(id) = known else { return Err(unknown(site, camera)) };
    let name = site.name.as_str();
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let source = match source {
        Some(source) => format!("source = {}\n", quoted(source)),
        None => "# The camera's address, with user and password where it wants them:\n\
                 source = \"rtsp://user:password@CAMERA/stream\"\n"
            .to_owned(),
    };
    let config = format!(
        "# camera-agent of {id} at {name}. Every other key is in agent.example.toml.\nsite = {}\ncamera = {}\n{source}\
         broker = {}\n\n[spool]\ndir = {}\n",
        quoted(name),
        quoted(id.as_str()),
        quoted(broker),
        quoted(&format!("/var/lib/paddock/{id}")),
    );
    let readme = format!(
        "The agent of camera {id} at {name}.\n\n1. On the computer beside the camera: install the package \
         paddock-camera-agent, then run\n       install-agent {id}.tar\n2. It asks for nothing. If agent.toml still says \
         CAMERA, write the camera's address there (/etc/paddock/{id}.toml) and\n       systemctl restart \
         paddock-agent@{id}\n3. `camera-agent probe --source ADDRESS` says whether the camera sends what it should.\n"
    );
    let mut tar = Vec::new();
    for (file, text, mode) in
        [("agent.toml", &config, 0o600), ("README", &readme, 0o644), ("camera", &format!("{id}\n"), 0o644)]
    {
        append(&mut tar, file, text.as_bytes(), mode);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    Ok(tar)
}

const BLOCK: usize = 512;

/// One file as POSIX's ustar has it: a header of 512 bytes, the content, zeros up to a whole block.
fn append(tar: &mut Vec<u8>, name: &str, content: &[u8], mode: u32) {
    let mut header = [0u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(&header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
}

fn unknown(site: &Site, camera: &str) -> String {
    let mut names: Vec<&str> = site.cameras.iter().map(|c| c.id.as_str()).collect();
    names.sort_by_key(|name| distance(name, camera));
    names.truncate(3);
    match names.as_slice() {
        [] => {
            format!("the site file has no camera `{camera}`, nor any other: add `[[camera]]` with `id = \"{camera}\"`")
        }
        names => format!("the site file has no camera `{camera}`; the nearest names are {}", names.join(", ")),
    }
}

/// Letters to change, add or leave out to make one of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn site() -> Site {
        let text = "[site]\nname = \"demo\"\ntimezone = \"Europe/Berlin\"\n\n[[camera]]\nid = \"gate-3\"\n\n\
                    [[camera]]\nid = \"plaza\"\n";
        Site::parse(text, Path::new("site.toml")).unwrap()
    }

    #[test]
    fn a_parcel_is_a_tar_file_that_tar_unpacks() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gate-3.tar");
        let broker = "mqtt://cluster:1883";
        std::fs::write(&file, parcel(&site(), "gate-3", broker, Some("rtsp://cam/1")).unwrap()).unwrap();
        let done = std::process::Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(dir.path()).status().unwrap();
        assert!(done.success());
        let text = std::fs::read_to_string(dir.path().join("agent.toml")).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let value = |key: &str| config[key].as_str().unwrap().to_owned();
        assert_eq!((value("site"), value("camera")), ("demo".into(), "gate-3".into()));
        assert_eq!((value("broker"), value("source")), (broker.into(), "rtsp://cam/1".into()));
        assert!(std::fs::read_to_string(dir.path().join("README")).unwrap().contains("install-agent gate-3.tar"));
    }

    #[test]
    fn an_unknown_camera_is_refused_with_the_nearest_names() {
        let why = parcel(&site(), "gate3", "mqtt://c", None).unwrap_err();
        assert_eq!(why, "the site file has no camera `gate3`; the nearest names are gate-3, plaza");
    }
}
