//! Adapter: a file fetched over HTTP with `reqwest`, going on where an earlier try was cut off.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, RANGE};
use reqwest::{Client, Response, StatusCode};

/// Nobody answers within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Nothing more comes within this time.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// Nobody answers: no internet, a name that is not resolved, a firewall, a certificate that is not trusted.
    #[error("{}nobody answers, or not safely ({why})", proxy.as_ref().map(|p| format!("through the proxy {p} ")).unwrap_or_default())]
    Unreachable {
        /// The innermost reason.
        why: String,
        /// The proxy that was to be used.
        proxy: Option<String>,
    },
    /// The server, or a proxy before it, says no.
    #[error("the answer was {status} ({})", meaning(*status))]
    Status {
        /// HTTP status.
        status: u16,
    },
    /// A page for people came, as a proxy's login.
    #[error("a web page came instead of the file, perhaps a proxy's login")]
    Page,
    /// The connection broke.
    #[error("it was cut off after {got_bytes} bytes{}; run it again and it goes on from there", of(*total_bytes))]
    Cut {
        /// What is there.
        got_bytes: u64,
        /// What there should be.
        total_bytes: Option<u64>,
    },
    /// The file cannot be written.
    #[error("the disk does not take it ({0})")]
    Disk(#[source] std::io::Error),
    /// The client does not start.
    #[error("the HTTP client does not start ({0})")]
    Client(String),
}

fn of(total_bytes: Option<u64>) -> String {
    total_bytes.map(|total| format!(" of {total}")).unwrap_or_default()
}

fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 | 451 => "refused",
        404 | 410 => "not there any more",
        407 => "the proxy wants a login: set it in HTTPS_PROXY",
        429 => "too many requests, try later",
        500..=599 => "the server has a problem, try later",
        _ => "unexpected",
    }
}

/// Fetches `url` into `file`, after what is in it already if `resume` says so. Returns whether the file's beginning
/// is of an earlier try.
///
/// # Errors
/// See [`DownloadError`]; after [`DownloadError::Cut`] the file holds what came.
pub async fn download(url: &str, file: &mut File, resume: bool) -> Result<bool, DownloadError> {
    let client = Client::builder()
        .user_agent(concat!("paddock/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        // An encrypted address must not be answered with one that is not.
        .https_only(url.starts_with("https://"))
        .build()
        .map_err(|e| DownloadError::Client(innermost(&e)))?;
    let had = if resume { file.metadata().map_err(DownloadError::Disk)?.len() } else { 0 };
    let mut response = ask(&client, url, had).await?;
    let goes_on = had > 0 && response.status() == StatusCode::PARTIAL_CONTENT && begins_at(response.headers(), had);
    if had > 0 && !goes_on && response.status() != StatusCode::OK {
        // The rest that was asked for does not exist, or another part came.
        response = ask(&client, url, 0).await?;
    }
    if response.status() != StatusCode::OK && !goes_on {
        return Err(DownloadError::Status { status: response.status().as_u16() });
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") {
        return Err(DownloadError::Page);
    }
    let at = if goes_on { had } else { 0 };
    file.set_len(at).and_then(|()| file.seek(SeekFrom::Start(at))).map_err(DownloadError::Disk)?;
    take(response, file, at).await?;
    Ok(goes_on)
}

async fn ask(client: &Client, url: &str, from: u64) -> Result<Response, DownloadError> {
    let request = client.get(url);
    let request = if from > 0 { request.header(RANGE, format!("bytes={from}-")) } else { request };
    request.send().await.map_err(|e| DownloadError::Unreachable { why: innermost(&e), proxy: proxy(url) })
}

fn begins_at(headers: &HeaderMap, at: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
    range.trim_start().strip_prefix("bytes").is_some_and(|rest| rest.trim_start().starts_with(&format!("{at}-")))
}

/// Writes what comes; `got_bytes` are there already.
async fn take(mut response: Response, file: &mut File, mut got_bytes: u64) -> Result<(), DownloadError> {
    let total_bytes = response.content_length().map(|rest| rest + got_bytes);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).map_err(DownloadError::Disk)?;
                got_bytes += chunk.len() as u64;
            }
            Ok(None) if total_bytes.is_none_or(|total| got_bytes >= total) => return Ok(()),
            Ok(None) | Err(_) => return Err(DownloadError::Cut { got_bytes, total_bytes }),
        }
    }
}

/// The outer ones only say that it failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    base::input::one_line(&inner.to_string())
}

/// The proxy that the environment names, without its password.
fn proxy(url: &str) -> Option<String> {
    let own = if url.starts_with("https://") { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let names = own.into_iter().chain(["ALL_PROXY", "all_proxy"]);
    let text = names.filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())?;
    Some(text.rsplit_once('@').map_or(text.as_str(), |(_, host)| host).to_owned())
}
