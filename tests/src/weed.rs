//! A real S3 server (SeaweedFS) on ports of its own.

use anyhow::{Context as _, Result, bail};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use bytes::Bytes;
use tables::StoreConfig;
use tokio::runtime::Runtime;

use crate::mosquitto::{ports, random_u32};
use crate::place::{Scratch, setup_file};
use crate::process::{Proc, Start};
use crate::wait::{eventually, secs};

/// The flags of all ports that one server opens, in the order in which they get consecutive numbers.
const PORT_FLAGS: [&str; 12] = [
    "s3.port",
    "s3.port.grpc",
    "s3.port.iceberg",
    "s3.port.lance",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
];

/// A running S3 server that keeps its objects through [`Weed::restart`].
#[derive(Debug)]
pub struct Weed {
    process: Proc,
    s3: S3,
    scratch: Scratch,
}

impl Weed {
    /// Starts one, trying other ports where one is taken.
    ///
    /// # Errors
    /// `deploy/setup` has not been run, or the server does not get ready.
    pub fn start() -> Result<Self> {
        for port in ports() {
            let scratch = Scratch::new("weed")?;
            // Keys that no other server knows: one that answers to them is the one started here.
            let s3 = S3::new(StoreConfig {
                endpoint: Some(format!("http://127.0.0.1:{port}")),
                region: "us-east-1".into(),
                bucket: "paddock".into(),
                access_key: format!("test{:08x}", random_u32()),
                secret_key: format!("secret{:08x}", random_u32()),
            })?;
            let process = launch(&scratch, port, s3.config())?;
            let mut weed = Self { process, s3, scratch };
            if weed.wait_until_ready()? {
                return Ok(weed);
            }
        }
        bail!("the S3 server found no free ports")
    }

    /// Where a service finds `bucket`.
    pub fn store_config(&self, bucket: &str) -> StoreConfig {
        StoreConfig { bucket: bucket.into(), ..self.s3.config().clone() }
    }

    /// A client of one of its buckets.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn bucket(&self, bucket: &str) -> Result<S3> {
        S3::new(self.store_config(bucket))
    }

    /// Makes a bucket and gives a client of it.
    ///
    /// # Errors
    /// The server refuses.
    pub fn create_bucket(&self, bucket: &str) -> Result<S3> {
        let s3 = self.bucket(bucket)?;
        s3.create()?;
        Ok(s3)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it as a power cut would.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Starts it again on the same ports with what it has on disk; ends it first where it runs.
    ///
    /// # Errors
    /// It does not get ready.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9();
        let endpoint = self.s3.config().endpoint.clone().unwrap_or_default();
        let port = endpoint.rsplit(':').next().and_then(|p| p.parse().ok()).context("the endpoint has no port")?;
        self.process = launch(&self.scratch, port, self.s3.config())?;
        if self.wait_until_ready()? { Ok(()) } else { bail!("another program has taken one of the S3 server's ports") }
    }

    /// `false`: it ended, or another server is on the port.
    fn wait_until_ready(&mut self) -> Result<bool> {
        eventually(secs(60), "the S3 server is ready", || {
            if !self.process.is_running() {
                return Some(false);
            }
            // A put is answered only when its volumes are there.
            let ready = self.s3.create().is_ok() && self.s3.put("ready", b"ready".to_vec()).is_ok();
            ready.then_some(true)
        })
    }
}

fn launch(scratch: &Scratch, port: u16, config: &StoreConfig) -> Result<Proc> {
    let data = scratch.join("data");
    std::fs::create_dir_all(&data)?;
    let identities = serde_json::json!({"identities": [{
        "name": "app",
        "credentials": [{"accessKey": config.access_key, "secretKey": config.secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }]});
    let identities = scratch.write("s3.json", identities.to_string())?;
    let mut args = vec![
        "mini".to_owned(),
        format!("-dir={}", data.display()),
        "-ip=127.0.0.1".into(),
        "-ip.bind=127.0.0.1".into(),
        format!("-s3.config={}", identities.display()),
        "-webdav=false".into(),
        "-admin.ui=false".into(),
        "-master.telemetry=false".into(),
    ];
    args.extend(PORT_FLAGS.iter().zip(port..).map(|(flag, port)| format!("-{flag}={port}")));
    Start::new(setup_file("bin/weed")?).args(args).spawn(&scratch.join("weed.log"))
}

/// One bucket, seen from outside.
#[derive(Debug)]
pub struct S3 {
    config: StoreConfig,
    client: Client,
    runtime: Runtime,
}

impl S3 {
    /// A client of a bucket; nothing is asked yet.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn new(config: StoreConfig) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let keys = Credentials::new(&config.access_key, &config.secret_key, None, None, "tests");
        let mut sdk = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(keys)
            .force_path_style(true);
        if let Some(endpoint) = &config.endpoint {
            sdk = sdk.endpoint_url(endpoint);
        }
        Ok(Self { client: Client::from_conf(sdk.build()), config, runtime })
    }

    /// Where a service finds it.
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Makes the bucket where it is missing.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub fn create(&self) -> Result<()> {
        let head = self.client.head_bucket().bucket(&self.config.bucket);
        if self.runtime.block_on(head.send()).is_ok() {
            return Ok(());
        }
        self.runtime.block_on(self.client.create_bucket().bucket(&self.config.bucket).send())?;
        Ok(())
    }

    /// Stores an object.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let put = self.client.put_object().bucket(&self.config.bucket).key(key).body(bytes.into());
        self.runtime.block_on(put.send())?;
        Ok(())
    }

    /// An object's bytes.
    ///
    /// # Errors
    /// There is none, or the server does not answer.
    pub fn get(&self, key: &str) -> Result<Bytes> {
        self.runtime.block_on(async {
            let object = self.client.get_object().bucket(&self.config.bucket).key(key).send().await;
            Ok(object.with_context(|| format!("object {key}"))?.body.collect().await?.into_bytes())
        })
    }

    /// The keys that begin with `prefix`, in order.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.runtime.block_on(async {
            let list = self.client.list_objects_v2().bucket(&self.config.bucket).prefix(prefix);
            let mut pages = list.into_paginator().send();
            let mut keys = Vec::new();
            while let Some(page) = pages.next().await {
                keys.extend(page?.contents().iter().filter_map(|o| o.key().map(str::to_owned)));
            }
            keys.sort();
            Ok(keys)
        })
    }
}
