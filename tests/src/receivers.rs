//! Those who are told of alerts: a real SMTP server (aiosmtpd), an ntfy-compatible server and a webhook that can fail.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::place::Scratch;
use crate::process::{Proc, Start};
use crate::wait::{eventually, secs};

/// What the webhook and Paddock both know.
pub const SECRET: &str = "shared-with-the-hook";
/// What ntfy and the mail server ask for.
pub const TOKEN: &str = "tk_zoo";

/// Running receivers; they keep what they were told.
#[derive(Debug)]
pub struct Receivers {
    process: Proc,
    http_port: u16,
    smtp_port: u16,
    scratch: Scratch,
}

impl Receivers {
    /// Starts them. `hook`: how the webhook behaves, request by request: `503`, `reset`, `hang`, `slow`; then it takes
    /// all. `down` refuses until [`Receivers::mend`].
    ///
    /// # Errors
    /// Python's aiosmtpd or openssl is not installed.
    pub fn start(hook: &[&str]) -> Result<Self> {
        let scratch = Scratch::new("receivers")?;
        certificate(&scratch)?;
        scratch.write("hook", hook.join("\n"))?;
        scratch.write("secret", SECRET)?;
        scratch.write("token", TOKEN)?;
        let script = scratch.write("receivers.py", include_str!("receivers.py"))?;
        let log = scratch.join("receivers.log");
        // Debian's own Python has aiosmtpd; another one on PATH has not.
        let mut process = Start::new("/usr/bin/python3")
            .args([script.as_os_str(), scratch.path().as_os_str(), SECRET.as_ref(), TOKEN.as_ref()])
            .spawn(&log)?;
        let ports = eventually(secs(20), "the receivers listen or have ended", || {
            let log = process.log();
            let port = |key: &str| log.split(key).nth(1)?.split_whitespace().next()?.parse::<u16>().ok();
            let both = log.contains(" end").then(|| Some((port("http=")?, port("smtp=")?))).flatten();
            both.map(Some).or_else(|| (!process.is_running()).then_some(None))
        })?;
        let Some((http_port, smtp_port)) = ports else { bail!("the receivers ended: {}", process.log()) };
        Ok(Self { process, http_port, smtp_port, scratch })
    }

    /// Address of a path of the HTTP server: `/hook`, `/ntfy`.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// Port of the mail server at `localhost`.
    pub fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// A file of theirs: `cert.pem`, `secret`, `token`.
    pub fn file(&self, name: &str) -> String {
        self.scratch.join(name).display().to_string()
    }

    /// From now on the webhook takes everything, but for these first.
    ///
    /// # Errors
    /// The disk.
    pub fn mend(&self, hook: &[&str]) -> Result<()> {
        self.scratch.write("hook", hook.join("\n")).map(drop)
    }

    /// What `hook` or `ntfy` was asked, oldest first.
    pub fn requests(&self, to: &str) -> Vec<Value> {
        let mut all = lines(&self.scratch.join("requests.jsonl"));
        all.retain(|record| record["to"] == to);
        all
    }

    /// Mails that came.
    pub fn mails(&self) -> Vec<Value> {
        lines(&self.scratch.join("mails.jsonl"))
    }

    /// What they wrote.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Whole lines only: the last may still be written.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n').filter(|l| l.ends_with('\n')).filter_map(|l| serde_json::from_str(l).ok()).collect()
}

/// A certificate of `localhost` that signs itself.
fn certificate(scratch: &Scratch) -> Result<()> {
    let (key, cert) = (scratch.join("key.pem"), scratch.join("cert.pem"));
    let fixed = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let what = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let no_authority = ["-addext", "basicConstraints=critical,CA:FALSE"];
    Start::new("openssl")
        .args(fixed)
        .args(what)
        .args(no_authority)
        .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .run(secs(30))?
        .success()
        .context("openssl made no certificate")
        .map(drop)
}
