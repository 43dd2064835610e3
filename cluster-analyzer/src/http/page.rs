//! The page itself: what `make console` built, out of the program. Nothing of it comes from anywhere else, and
//! the headers tell the browser so.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::Fault;

/// Every file of `console/dist` with its bytes; beside a file its compressed forms, `.br` and `.gz`.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

static BY_NAME: LazyLock<BTreeMap<&str, &[u8]>> = LazyLock::new(|| FILES.iter().copied().collect());

/// Scripts, styles and pictures from this server alone; no other page may frame it.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Paddock</title>\
     <h1>Paddock is running</h1><p>The page was not built into this program. Run <code>make build</code> (or \
     <code>make console</code>, then <code>cargo build</code>) and start it again.</p>\
     <p>Until then: <a href=\"/healthz\">health</a>, <a href=\"/metrics\">metrics</a>, \
     <a href=\"/api/incidents\">incidents</a>, <a href=\"/api/cameras\">cameras</a>, \
     <a href=\"/api/openapi.json\">all of the API</a>.</p></html>";

/// Any path that no route takes: a file of the page, or one of the page's own places, which it finds itself.
pub(super) async fn file(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || path.starts_with("api/") || path == "api" {
        return Fault::not_found("there is no such page").into_response();
    }
    if let Some(bytes) = BY_NAME.get(path) {
        return answer(path, bytes, request.headers());
    }
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return Fault::not_found("there is no such page").into_response();
    }
    match BY_NAME.get("index.html") {
        Some(bytes) => answer("index.html", bytes, request.headers()),
        None => Html(NOT_BUILT).into_response(),
    }
}

fn answer(name: &str, bytes: &'static [u8], asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex(&Sha256::digest(bytes)[..8]));
    let mut headers = HeaderMap::new();
    let mut set = |name, value: &str| HeaderValue::from_str(value).ok().and_then(|v| headers.insert(name, v));
    set(header::CONTENT_TYPE, kind(name));
    set(header::ETAG, &tag);
    set(header::VARY, "accept-encoding");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    // The names under assets/ change with their content.
    let keep = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(header::CACHE_CONTROL, keep);
    if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let takes = |what: &str| {
        let encodings = asked.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
        encodings.split(',').any(|e| e.split(';').next().is_some_and(|e| e.trim() == what))
    };
    let packed = [("br", ".br"), ("gzip", ".gz")].into_iter().find_map(|(encoding, end)| {
        let packed = BY_NAME.get(format!("{name}{end}").as_str())?;
        takes(encoding).then_some((encoding, *packed))
    });
    let body = packed.map_or(bytes, |(encoding, packed)| {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        packed
    });
    (headers, body).into_response()
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
