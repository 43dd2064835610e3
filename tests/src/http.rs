//! The smallest HTTP client that a test needs: one request to a server on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// The answer to a GET, whatever its status.
///
/// # Errors
/// `url` is no `http://HOST:PORT/PATH`, or nobody answers within ten seconds.
pub fn get(url: &str) -> Result<Answer> {
    ask("GET", url, "")
}

/// The answer to a POST of JSON, whatever its status.
///
/// # Errors
/// As [`get`].
pub fn post(url: &str, json: &serde_json::Value) -> Result<Answer> {
    ask("POST", url, &json.to_string())
}

fn ask(method: &str, url: &str, body: &str) -> Result<Answer> {
    let (status, body) = exchange(method, url, body)?;
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

fn exchange(method: &str, url: &str, body: &str) -> Result<(u16, Vec<u8>)> {
    let rest = url.strip_prefix("http://").context("not an http address")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |i| rest.split_at(i));
    let mut stream = TcpStream::connect(host).with_context(|| format!("nobody listens at {host}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // HTTP/1.0: the server closes the connection after the answer and does not send it in chunks.
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{kind}Content-Length: {length}\r\n\r\n{body}")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").context("the answer has no end of its head")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let status = head.split_whitespace().nth(1).and_then(|s| s.parse().ok()).context("the answer has no status")?;
    Ok((status, bytes[end + 4..].to_vec()))
}

/// The body of a GET that succeeds.
///
/// # Errors
/// As [`get`], and any status but 200.
pub fn get_text(url: &str) -> Result<String> {
    let answer = get(url)?;
    if answer.status != 200 {
        bail!("{url} answers {}: {}", answer.status, answer.body);
    }
    Ok(answer.body)
}

/// The bytes of a GET that succeeds, such as a picture or a video.
///
/// # Errors
/// As [`get`], and any status but 200.
pub fn get_bytes(url: &str) -> Result<Vec<u8>> {
    let (status, body) = exchange("GET", url, "")?;
    if status != 200 {
        bail!("{url} answers {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}

/// The JSON of a GET that succeeds.
///
/// # Errors
/// As [`get_text`], and a body that is no JSON.
pub fn get_json(url: &str) -> Result<serde_json::Value> {
    let body = get_text(url)?;
    serde_json::from_str(&body).with_context(|| format!("{url} answers no JSON: {body}"))
}

/// The value of one line of a Prometheus page, such as `metric(page, "paddock_alerts_total{event=\"opened\"}")`.
pub fn metric(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The sum over all series of a name, whatever their labels.
pub fn metric_sum(page: &str, name: &str) -> f64 {
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with([' ', '{']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_found_by_its_whole_name() {
        let page = "# TYPE a counter\na_total 3\na_total_b 9\nx_total{reason=\"r\"} 2\nx_total{reason=\"s\"} 5\n";
        assert_eq!(metric(page, "a_total"), Some(3.0));
        assert_eq!(metric(page, "x_total{reason=\"s\"}"), Some(5.0));
        assert_eq!(metric(page, "b"), None);
        assert_eq!((metric_sum(page, "x_total"), metric_sum(page, "a_total")), (7.0, 3.0));
    }
}
