//! A real S3 server (SeaweedFS) for one test; ended with it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tables::{Lake, StoreConfig};

/// A running server.
pub struct Weed {
    child: Child,
    port: u16,
    /// Its own, so that a server of another test on the same port is not taken for this one.
    secret: String,
    _dir: tempfile::TempDir,
}

impl Weed {
    /// Starts one that has `bucket`. Ports are drawn; when one is taken the server says so by ending, and others
    /// are drawn.
    pub async fn start(bucket: &str) -> Self {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let port = rand::random_range(21_000..45_000u16);
            let secret = format!("secret-{}", rand::random::<u64>());
            let mut weed = Self { child: spawn(dir.path(), port, &secret), port, secret, _dir: dir };
            let config = weed.config(bucket);
            if ready(&mut weed.child, &config, port + 6).await {
                return weed;
            }
        }
        panic!("weed did not start: run deploy/setup, or name the program in PADDOCK_WEED");
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn config(&self, bucket: &str) -> StoreConfig {
        StoreConfig {
            endpoint: Some(self.endpoint()),
            region: "us-east-1".into(),
            bucket: bucket.into(),
            access_key: "key".into(),
            secret_key: self.secret.clone(),
        }
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        // Nothing of it is kept, so that there is nothing to wait for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.setup/bin/weed");
    std::env::var_os("PADDOCK_WEED").map_or(default, PathBuf::from)
}

fn spawn(dir: &Path, port: u16, secret: &str) -> Child {
    let identities = format!(
        r#"{{"identities":[{{"name":"app","credentials":[{{"accessKey":"key","secretKey":"{secret}"}}],
        "actions":["Admin","Read","List","Tagging","Write"]}}]}}"#
    );
    std::fs::write(dir.join("s3.json"), identities).unwrap();
    let mut args = vec![
        "-logtostderr=true".to_owned(),
        "mini".into(),
        "-ip=127.0.0.1".into(),
        "-ip.bind=127.0.0.1".into(),
        format!("-dir={}", dir.display()),
        format!("-s3.config={}", dir.join("s3.json").display()),
    ];
    let ports = [
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
    args.extend(ports.iter().zip(port..).map(|(flag, port)| format!("-{flag}={port}")));
    let off = [
        "s3.port.iceberg=0",
        "s3.port.lance=0",
        "webdav=false",
        "admin.ui=false",
        "master.telemetry=false",
        "s3.autoCreateBucket=false",
        "s3.iam=false",
    ];
    args.extend(off.iter().map(|flag| format!("-{flag}")));
    Command::new(program()).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// It answers, and has the bucket.
async fn ready(child: &mut Child, config: &StoreConfig, filer_port: u16) -> bool {
    let lake = Lake::open(config).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
        if lake.check().await.is_ok() {
            return true;
        }
        make_bucket(config, filer_port);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

/// A bucket is a folder of its filer. Asked for on its command line, it takes it ten seconds.
fn make_bucket(config: &StoreConfig, filer_port: u16) {
    let request = format!(
        "POST /buckets/{}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        config.bucket
    );
    // An error means that it does not listen yet.
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", filer_port))
        && stream.write_all(request.as_bytes()).is_ok()
    {
        let _ = stream.read_to_string(&mut String::new());
    }
}
