//! How others reach the store that was started: `DATA_DIR/trends.toml`, a config file of cloud-trends, readable by
//! this user alone. `cloud-trends analyze --config DATA_DIR/trends.toml` is then all that a newcomer types.

use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf, absolute};

use serde::Serialize;
use tables::StoreConfig;

/// Its name in the data folder.
pub const FILE: &str = "trends.toml";

#[derive(Serialize)]
struct TrendsFile<'a> {
    site: PathBuf,
    model: PathBuf,
    store: &'a StoreConfig,
}

/// Writes the file, whole or not at all.
///
/// # Errors
/// The disk.
pub fn write(data_dir: &Path, site: &Path, model: &Path, store: &StoreConfig) -> std::io::Result<PathBuf> {
    let content = TrendsFile { site: absolute(site)?, model: absolute(model)?, store };
    let text = toml::to_string(&content).map_err(std::io::Error::other)?;
    let (path, part) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.part")));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    // The mode above counts only where the file is new.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(format!("# Written by cluster-analyzer at each start; changes are lost.\n{text}").as_bytes())?;
    std::fs::rename(&part, &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_everything_and_is_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let json = r#"{"endpoint":"http://127.0.0.1:8333","bucket":"paddock","access_key":"k","secret_key":"s"}"#;
        let store = serde_json::from_str(json).unwrap();
        let path = write(dir.path(), Path::new("site.toml"), Path::new("models/centernet"), &store).unwrap();
        let table: toml::Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(table["site"].as_str().is_some_and(|s| s.starts_with('/') && s.ends_with("/site.toml")));
        assert_eq!(table["store"]["bucket"].as_str(), Some("paddock"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
