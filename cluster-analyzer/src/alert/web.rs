//! Adapter: one HTTP client a channel, by reqwest. No redirects, since a secret must not be sent on to wherever an
//! answer points; no address in errors, since addresses of webhooks are often secrets themselves.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, Url};

use super::{Answer, DeliveryError, answer_line};

/// Where to, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Web {
    /// Address.
    pub url: Url,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Certificates, PEM, that are trusted beside the system's: a zoo's own authority.
    pub ca_file: Option<PathBuf>,
}

/// Host only.
impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web")
            .field("host", &self.url.host_str())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A client.
///
/// # Errors
/// One sentence: the file of certificates cannot be used.
pub fn client(web: &Web) -> Result<Client, String> {
    let mut builder =
        Client::builder().redirect(Policy::none()).timeout(web.timeout).connect_timeout(web.timeout.min(CONNECT));
    builder = builder.user_agent(concat!("paddock/", env!("CARGO_PKG_VERSION")));
    let local = web.url.host_str().is_some_and(|h| h == "localhost" || h.starts_with("127.") || h == "[::1]");
    if local {
        builder = builder.no_proxy();
    }
    if let Some(path) = &web.ca_file {
        let wrong = |why: String| format!("{}: {why}; name a PEM file of certificates", path.display());
        let pem = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| wrong(base::input::chain(&e)))?;
        builder = certificates.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
    }
    builder.build().map_err(|e| format!("the HTTP client cannot be made: {}", base::input::chain(&e)))
}

const CONNECT: Duration = Duration::from_secs(5);

/// An answer of 200 to 299 is a delivery.
///
/// # Errors
/// Any other answer, or none.
pub async fn answer(sent: Result<Response, reqwest::Error>) -> Result<Answer, DeliveryError> {
    let response = sent.map_err(|e| DeliveryError::new(e.without_url()))?;
    let status = response.status();
    // What it says is of use to whoever looks for a mistake; what cannot be read is not.
    let body = limited(response).await;
    let line = answer_line(&format!("{status} {body}"));
    if status.is_success() { Ok(line) } else { Err(DeliveryError::new(line)) }
}

/// So much of an answer is read, bytes.
const MOST_BYTES: usize = 2048;

async fn limited(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= MOST_BYTES {
            break;
        }
    }
    bytes.truncate(MOST_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}
