//! A running cluster-analyzer with a folder of its own.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context as _, Result, bail};
use tables::StoreConfig;
use toml::{Table, Value};

use crate::http::{get_json, get_text};
use crate::mosquitto::ports;
use crate::place::{Scratch, bin, repo_root};
use crate::process::{Proc, Start};
use crate::wait::{eventually_ok, secs};

/// What an analyzer is started with. Without a broker or a store it starts its own.
#[derive(Debug, Clone)]
pub struct AnalyzerBuilder {
    site: PathBuf,
    model: PathBuf,
    broker: Option<String>,
    store: Option<StoreConfig>,
    extra: Table,
}

/// A running cluster-analyzer that keeps its data through [`Analyzer::restart`].
#[derive(Debug)]
pub struct Analyzer {
    process: Proc,
    config: PathBuf,
    data_dir: PathBuf,
    base_url: String,
    mqtt_url: String,
    store: StoreConfig,
    scratch: Scratch,
}

impl Analyzer {
    /// The default detector over `site`.
    pub fn builder(site: &Path) -> AnalyzerBuilder {
        AnalyzerBuilder {
            site: site.to_owned(),
            model: repo_root().join("models/centernet"),
            broker: None,
            store: None,
            extra: Table::new(),
        }
    }

    /// `http://HOST:PORT` of its HTTP server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Where agents find the broker.
    pub fn mqtt_url(&self) -> &str {
        &self.mqtt_url
    }

    /// The bucket that it fills.
    pub fn store(&self) -> &StoreConfig {
        &self.store
    }

    /// Its state and footage.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Its config file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Its folder.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Proc {
        &mut self.process
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// `/metrics`.
    ///
    /// # Errors
    /// It does not answer.
    pub fn metrics(&self) -> Result<String> {
        get_text(&self.url("/metrics"))
    }

    /// `/api/incidents`.
    ///
    /// # Errors
    /// It does not answer with a list.
    pub fn incidents(&self) -> Result<Vec<serde_json::Value>> {
        let answer = get_json(&self.url("/api/incidents"))?;
        let list = answer.get("incidents").unwrap_or(&answer);
        list.as_array().cloned().with_context(|| format!("no list: {answer}"))
    }

    /// Ends it as a power cut would.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// It is still running after half a minute.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.process.terminate_and_wait(secs(30))
    }

    /// Starts it again over the same data; ends it first where it runs.
    ///
    /// # Errors
    /// It does not get ready.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9();
        let (process, base_url) = launch(&self.config, &self.data_dir, &self.scratch)?;
        (self.process, self.base_url) = (process, base_url);
        Ok(())
    }
}

impl AnalyzerBuilder {
    /// With this model folder.
    #[must_use]
    pub fn model(mut self, dir: &Path) -> Self {
        self.model = dir.to_owned();
        self
    }

    /// With this broker.
    #[must_use]
    pub fn broker(mut self, url: &str) -> Self {
        self.broker = Some(url.to_owned());
        self
    }

    /// With this store.
    #[must_use]
    pub fn store(mut self, store: &StoreConfig) -> Self {
        self.store = Some(store.clone());
        self
    }

    /// With this key in a section of its config file.
    #[must_use]
    pub fn set(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let table = self.extra.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Some(table) = table.as_table_mut() {
            table.insert(key.into(), value.into());
        }
        self
    }

    /// Writes `analyzer.toml` into `dir` and gives its path.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&self, dir: &Scratch, mqtt_port: u16, s3_port: u16) -> Result<PathBuf> {
        let mut file = Table::new();
        let text = |path: &Path| Value::String(path.display().to_string());
        file.insert("site".into(), text(&self.site));
        file.insert("data_dir".into(), text(&dir.join("data")));
        file.insert("model".into(), text(&self.model));
        file.insert("listen".into(), "127.0.0.1:0".into());
        if let Some(url) = &self.broker {
            file.insert("broker".into(), Value::Table([("url".to_owned(), url.clone().into())].into_iter().collect()));
        }
        if let Some(store) = &self.store {
            file.insert("store".into(), Value::try_from(store)?);
        }
        file.extend(self.extra.clone());
        if self.broker.is_none() || self.store.is_none() {
            let children = file.entry("children").or_insert_with(|| Value::Table(Table::new()));
            if let Some(table) = children.as_table_mut() {
                table.insert("mqtt_port".into(), i64::from(mqtt_port).into());
                table.insert("s3_port".into(), i64::from(s3_port).into());
            }
        }
        dir.write("analyzer.toml", file.to_string())
    }

    /// Starts it and waits until it answers. A port of a child that is taken is met with others.
    ///
    /// # Errors
    /// It is not built, ends, or does not answer within a minute.
    pub fn start(self) -> Result<Analyzer> {
        let own_children = self.broker.is_none() || self.store.is_none();
        let mut last = None;
        for port in ports().take(if own_children { 3 } else { 1 }) {
            match self.start_at(port, port + 1000) {
                Ok(analyzer) => return Ok(analyzer),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no port was tried")))
    }

    fn start_at(&self, mqtt_port: u16, s3_port: u16) -> Result<Analyzer> {
        let scratch = Scratch::new("analyzer")?;
        let config = self.write(&scratch, mqtt_port, s3_port)?;
        let data_dir = scratch.join("data");
        let (process, base_url) = launch(&config, &data_dir, &scratch)?;
        let mqtt_url = self.broker.clone().unwrap_or_else(|| format!("mqtt://127.0.0.1:{mqtt_port}"));
        let store = match &self.store {
            Some(store) => store.clone(),
            None => child_store(&data_dir)?,
        };
        Ok(Analyzer { process, config, data_dir, base_url, mqtt_url, store, scratch })
    }
}

fn launch(config: &Path, data_dir: &Path, scratch: &Scratch) -> Result<(Proc, String)> {
    let address_file = data_dir.join("http.addr");
    let _ = std::fs::remove_file(&address_file);
    let mut process = Start::new(bin("cluster-analyzer")?)
        .args(["run".as_ref(), "--config".as_ref(), config.as_os_str()])
        .spawn(&scratch.join("analyzer.log"))?;
    let mut ended = None;
    let url = eventually_ok(secs(60), "the analyzer answers at /healthz", || {
        if !process.is_running() {
            ended = Some(process.log());
            return Ok(None);
        }
        let url = format!("http://{}", std::fs::read_to_string(&address_file)?.trim());
        get_text(&format!("{url}/healthz")).map(|_| Some(url))
    });
    match (url, ended) {
        (Ok(Some(url)), _) => Ok((process, url)),
        (_, Some(log)) => bail!("the analyzer ended: {log}"),
        (Ok(None), None) => bail!("the analyzer ended"),
        (Err(error), None) => Err(error.context(process.log())),
    }
}

/// Where the analyzer's own object store is, and the keys that it made: it writes both for cloud-trends.
fn child_store(data_dir: &Path) -> Result<StoreConfig> {
    let path = data_dir.join("trends.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let file: Table = text.parse()?;
    let store = file.get("store").cloned().context("trends.toml has no [store]")?;
    Ok(store.try_into()?)
}
