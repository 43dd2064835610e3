//! The built-in object store: SeaweedFS, all of it in one process.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tables::StoreConfig;

use super::ports::Wanted;
use super::supervise::{Spec, Supervised, wait_for_former};
use super::{ChildError, find_program};
use crate::metrics::Metrics;
use crate::upload::s3::{Bucket, Multipart};

const NAME: &str = "weed";

/// How long it may take to begin.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Its parts listen on the S3 port and the ones after it, in this order.
const PORT_FLAGS: [&str; 9] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
];

/// Its maintenance worker expects the admin part's gRPC port this far above the admin port, whatever the flag for
/// it says.
const ADMIN_GRPC_ABOVE: u16 = 10_000;

/// The highest S3 port that leaves room for the others.
const MOST: u16 = u16::MAX - ADMIN_GRPC_ABOVE - PORT_FLAGS.len() as u16 + 1;

/// A running SeaweedFS; dropping it ends it.
#[derive(Debug)]
pub struct Weed {
    store: StoreConfig,
    process: Supervised,
}

impl Weed {
    /// Starts it with its S3 gateway on `port` of 127.0.0.1 and its data under `data_dir/children`, and waits until
    /// it answers and `bucket` is there.
    ///
    /// # Errors
    /// See [`ChildError`].
    pub async fn start(data_dir: &Path, port: u16, bucket: &str, metrics: Arc<Metrics>) -> Result<Self, ChildError> {
        let wanted = wanted(port)?;
        let missing = ChildError::Missing { program: NAME, variable: "PADDOCK_WEED", instead: "`store`" };
        let program = find_program(NAME, "PADDOCK_WEED", ".setup/bin/weed").ok_or(missing)?;
        let folder = data_dir.join("children").join(NAME);
        let failed = |source| ChildError::Files { program: NAME, path: folder.clone(), source };
        std::fs::create_dir_all(folder.join("data")).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        let keys = Keys::of(&folder.join("s3.json")).map_err(failed)?;
        wait_for_former(NAME, &folder, Duration::from_secs(20)).await;
        wanted.check()?;
        let args = args(&folder, port, bucket);
        let spec = Spec { name: NAME, program, args, folder, grace: Duration::from_secs(8) };
        let process = Supervised::start(spec, metrics)?;
        let store = keys.store(port, bucket);
        let client = Bucket::new(&store, Multipart::default());
        process
            .until_ready(READY_WITHIN, async || client.check().await.is_ok() || client.ensure().await.is_ok())
            .await?;
        Ok(Self { store, process })
    }

    /// How to reach it.
    pub fn store(&self) -> StoreConfig {
        self.store.clone()
    }

    /// The process, if it runs now.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}

fn wanted(port: u16) -> Result<Wanted, ChildError> {
    if port > MOST {
        return Err(ChildError::PortTooHigh { port, program: NAME, key: "children.s3_port", most: MOST });
    }
    let mut ports: Vec<u16> = (port..).take(PORT_FLAGS.len()).collect();
    ports.push(port + PORT_FLAGS.len() as u16 - 1 + ADMIN_GRPC_ABOVE);
    Ok(Wanted { program: NAME, ports, flag: "--s3-port", key: "children.s3_port" })
}

fn args(folder: &Path, port: u16, bucket: &str) -> Vec<String> {
    // Both ip flags: its own default is not local. Telemetry off. A bucket is made by name only, so that a
    // mistyped one is a mistake and not a second bucket.
    let mut args: Vec<String> = ["-logtostderr=true", "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        .into_iter()
        .chain(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-s3.autoCreateBucket=false"])
        .chain(["-webdav=false", "-admin.ui=false", "-master.telemetry=false"])
        .map(str::to_owned)
        .collect();
    args.push(format!("-dir={}", folder.join("data").display()));
    args.push(format!("-s3.config={}", folder.join("s3.json").display()));
    args.push(format!("-bucket={bucket}"));
    args.extend(PORT_FLAGS.iter().zip(port..).map(|(flag, port)| format!("-{flag}={port}")));
    args
}

/// Its access key, drawn once; they live in its own configuration, readable by its owner alone.
struct Keys {
    access_key: String,
    secret_key: String,
}

impl Keys {
    fn of(file: &Path) -> io::Result<Self> {
        if !file.exists() {
            write_keys(file)?;
        }
        let unreadable = |what: &str| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{what}; remove the file and new keys are made"))
        };
        let value: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file)?).map_err(|e| unreadable(&format!("not JSON ({e})")))?;
        let credential = &value["identities"][0]["credentials"][0];
        let text = |key: &str| credential[key].as_str().map(str::to_owned).ok_or_else(|| unreadable("no credentials"));
        Ok(Self { access_key: text("accessKey")?, secret_key: text("secretKey")? })
    }

    fn store(&self, port: u16, bucket: &str) -> StoreConfig {
        StoreConfig {
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            region: "us-east-1".into(),
            bucket: bucket.to_owned(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
        }
    }
}

fn write_keys(file: &Path) -> io::Result<()> {
    let config = serde_json::json!({"identities": [{
        "name": "paddock",
        "credentials": [{"accessKey": random_hex(10)?, "secretKey": random_hex(20)?}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }]});
    let fresh: PathBuf = file.with_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    out.write_all(config.to_string().as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&fresh, file)
}

fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_drawn_once_and_readable_by_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s3.json");
        let first = Keys::of(&file).unwrap();
        let second = Keys::of(&file).unwrap();
        assert_eq!((first.access_key.len(), first.secret_key.len()), (20, 40));
        assert_eq!(first.secret_key, second.secret_key);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_port_without_room_above_it_is_refused() {
        let error = wanted(60_000).unwrap_err().to_string();
        assert_eq!(error, "`children.s3_port` is 60000: weed needs ports above it too; choose one from 1024 to 55527");
        assert_eq!(wanted(MOST).unwrap().ports.last(), Some(&u16::MAX));
    }
}
