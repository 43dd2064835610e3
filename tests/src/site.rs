//! Site files, and stores, for tests that need no rendered scene.

use anyhow::{Context as _, Result};
use tables::StoreConfig;
use toml::{Table, Value};

/// A site with these cameras and no zones: every animal is out everywhere.
pub fn open_ground(name: &str, cameras: &[&str]) -> String {
    let mut text = format!(
        "[site]\nname = \"{name}\"\ntimezone = \"Europe/Berlin\"\n\n[[species]]\nid = \"tiger\"\ndanger = \"red\"\n\
         looks_like = [\"cat\", \"dog\", \"zebra\", \"horse\", \"cow\"]\n"
    );
    for camera in cameras {
        text.push_str(&format!("\n[[camera]]\nid = \"{camera}\"\n"));
    }
    text
}

/// `text` with a further camera [`copy_id`] that sees what `camera` sees.
///
/// # Errors
/// `text` is no site file with that camera.
pub fn with_copy(text: &str, camera: &str, copy: usize) -> Result<String> {
    let mut site: Table = text.parse().context("not a site file")?;
    let cameras = site.get_mut("camera").and_then(Value::as_array_mut).context("a site without cameras")?;
    let is_it = |c: &&Value| c.get("id").and_then(Value::as_str) == Some(camera);
    let mut twin = cameras.iter().find(is_it).context("no such camera")?.clone();
    if let Some(table) = twin.as_table_mut() {
        table.insert("id".into(), copy_id(camera, copy).into());
    }
    cameras.push(twin);
    Ok(site.to_string())
}

/// The id of a copy: `{camera}-{copy}`.
pub fn copy_id(camera: &str, copy: usize) -> String {
    format!("{camera}-{copy}")
}

/// A store at which nobody listens: port 9 is `discard`, which this machine does not run.
pub fn no_store() -> StoreConfig {
    StoreConfig {
        endpoint: Some("http://127.0.0.1:9".into()),
        region: "us-east-1".into(),
        bucket: "zoo".into(),
        access_key: "nobody".into(),
        secret_key: "nobody".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::site::Site;

    #[test]
    fn a_made_site_is_a_site() {
        let text = open_ground("demo", &["a", "b"]);
        let site = Site::parse(&with_copy(&text, "b", 1).unwrap(), "site.toml".as_ref()).unwrap();
        let ids: Vec<&str> = site.cameras.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "b-1"]);
    }
}
