//! Pure: addresses of sources, and how they are shown without their secrets.

use std::fmt;
use std::str::FromStr;

use crate::error::MediaError;

/// How a source is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A camera or recorder that speaks RTSP.
    Rtsp,
    /// A file on this machine.
    File,
    /// A camera on this machine, through Video4Linux.
    V4l2,
    /// A stream or a file over HTTP, as MJPEG cameras send it.
    Http,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SourceKind::Rtsp => "rtsp",
            SourceKind::File => "file",
            SourceKind::V4l2 => "v4l2",
            SourceKind::Http => "http",
        })
    }
}

/// The address of a source. `Display` and `Debug` show it without its password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SourceUrl {
    kind: SourceKind,
    /// What FFmpeg opens: an address, or a bare path.
    target: String,
}

/// Query keys whose values are secrets on some camera.
const SECRET_KEYS: [&str; 11] =
    ["password", "passwd", "pass", "pwd", "psw", "token", "key", "apikey", "api_key", "auth", "secret"];

impl SourceUrl {
    /// Reads an address: `rtsp://user:password@host/path`, `http://host/video.mjpeg`, `/path/clip.mp4`,
    /// `file:/path/clip.mp4`, `/dev/video0` or `v4l2:/dev/video0`.
    ///
    /// # Errors
    /// [`MediaError::BadUrl`] says what is wrong with it.
    pub fn parse(given: &str) -> Result<Self, MediaError> {
        let bad = |why| Err(MediaError::BadUrl { given: redact(given), why });
        if given.trim().is_empty() {
            return bad("it is empty");
        }
        if given.contains('\0') {
            return bad("it contains a zero byte");
        }
        if let Some((scheme, rest)) = given.split_once("://") {
            let kind = match scheme.to_ascii_lowercase().as_str() {
                "rtsp" | "rtsps" => SourceKind::Rtsp,
                "http" | "https" => SourceKind::Http,
                "file" if rest.starts_with('/') => return Ok(Self { kind: SourceKind::File, target: rest.into() }),
                "file" => return bad("a file's address has three slashes, as in file:///path/clip.mp4"),
                _ => return bad("its scheme is none of rtsp, rtsps, http, https, file"),
            };
            return match authority_fault(rest) {
                Some(why) => bad(why),
                None => Ok(Self { kind, target: given.into() }),
            };
        }
        if slashless_scheme(given) {
            return bad("two slashes follow its scheme, as in rtsp://host/path");
        }
        let device = given.strip_prefix("v4l2:").or_else(|| given.strip_prefix("video4linux2:"));
        if let Some(device) = device.or(given.starts_with("/dev/video").then_some(given)) {
            return if device.starts_with('/') {
                Ok(Self { kind: SourceKind::V4l2, target: device.into() })
            } else {
                bad("a camera device is given by its path, as in v4l2:/dev/video0")
            };
        }
        match given.strip_prefix("file:").unwrap_or(given) {
            "" => bad("it is empty"),
            path => Ok(Self { kind: SourceKind::File, target: path.into() }),
        }
    }

    /// The address of a file.
    pub fn file(path: impl AsRef<std::path::Path>) -> Result<Self, MediaError> {
        let path = path.as_ref();
        match path.to_str() {
            Some(text) if !text.is_empty() && !text.contains('\0') => {
                Ok(Self { kind: SourceKind::File, target: text.into() })
            }
            _ => Err(MediaError::BadUrl {
                given: path.display().to_string(),
                why: "a file's path must be UTF-8 without a zero byte",
            }),
        }
    }

    /// How it is reached.
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// Whether it is a file that can be read again from its start.
    pub fn is_file(&self) -> bool {
        self.kind == SourceKind::File
    }

    /// The address with its password, for whoever opens it: never for a message or a log.
    pub fn expose_secret(&self) -> &str {
        &self.target
    }

    /// The same address with this password for the user that it names, or `None` where it names none or has a
    /// password already.
    pub fn with_password(&self, password: &str) -> Option<Self> {
        let (scheme, rest) = self.target.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = rest[..end].rsplit_once('@')?;
        if user.is_empty() || user.contains(':') {
            return None;
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let encode = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
        let password: String = password.bytes().map(encode).collect();
        Some(Self { kind: self.kind, target: format!("{scheme}://{user}:{password}@{host}{}", &rest[end..]) })
    }

    /// What FFmpeg is given. A path gets the prefix `file:`, so that `a:b.mp4` is not taken for a protocol.
    pub(crate) fn for_ffmpeg(&self) -> String {
        match self.kind {
            SourceKind::File => format!("file:{}", self.target),
            _ => self.target.clone(),
        }
    }
}

impl FromStr for SourceUrl {
    type Err = MediaError;

    fn from_str(given: &str) -> Result<Self, MediaError> {
        Self::parse(given)
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SourceKind::File | SourceKind::V4l2 => f.write_str(&self.target),
            SourceKind::Rtsp | SourceKind::Http => f.write_str(&redact(&self.target)),
        }
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceUrl({self})")
    }
}

/// What is wrong with `user:password@host:port/path`, if anything. A password with `/`, `?` or `#` in it is
/// refused, because it could not be told from the path: neither when opening nor when hiding it.
fn authority_fault(rest: &str) -> Option<&'static str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let before_query = path.split('?').next().unwrap_or(path);
    if user.is_none() && authority.contains(':') && !authority.starts_with('[') && path.contains('@') {
        return Some("an `@` after the host is written %40, and in a password `/` is %2F, `?` is %3F and `#` is %23");
    }
    if user.is_some() && before_query.contains('@') {
        return Some("an `@` after the host is written %40, and in a password `/` is %2F, `?` is %3F and `#` is %23");
    }
    if user.is_some() && user != user.map(str::trim) {
        return Some("its user name and password have spaces around them");
    }
    if host.is_empty() || host.starts_with(':') {
        return Some("it names no host");
    }
    let port = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map_or(Some(""), |(_, rest)| rest.strip_prefix(':')),
        None => host.split_once(':').map(|(_, port)| port),
    };
    match port {
        Some(port) if port.parse::<u16>().is_err() => Some("its port is not a number from 0 to 65535"),
        _ => None,
    }
}

/// `text` with passwords and secret query values replaced by `***`. Where it cannot be told how far a
/// password reaches, too much is hidden and not too little.
pub(crate) fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        let scheme = text.split(':').next().unwrap_or_default();
        return if slashless_scheme(text) { format!("{scheme}:***") } else { text.to_owned() };
    };
    let shown = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None if user.contains(['/', '?', '#']) => rest.to_owned(),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    };
    match shown.split_once('?') {
        Some((before, query)) => format!("{scheme}://{before}?{}", redact_query(query)),
        None => format!("{scheme}://{shown}"),
    }
}

/// `rtsp:/user:password@host`: a slip that must not end up as a file name in a message.
fn slashless_scheme(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    !text.contains("://") && matches!(scheme.as_deref(), Some("rtsp" | "rtsps" | "http" | "https"))
}

fn redact_query(query: &str) -> String {
    let hidden = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if SECRET_KEYS.contains(&key.to_ascii_lowercase().as_str()) => format!("{key}=***"),
        _ => pair.to_owned(),
    });
    hidden.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_password_that_is_kept_elsewhere_is_put_in_and_not_shown() {
        let url = SourceUrl::parse("rtsp://root@cam:554/axis?x=1").unwrap().with_password("p@ss/1").unwrap();
        assert_eq!(url.expose_secret(), "rtsp://root:p%40ss%2F1@cam:554/axis?x=1");
        assert_eq!(url.to_string(), "rtsp://root:***@cam:554/axis?x=1");
        for has_no_place in ["rtsp://cam/1", "rtsp://u:p@cam/1", "/clip.mp4", "v4l2:/dev/video0"] {
            assert!(SourceUrl::parse(has_no_place).unwrap().with_password("p").is_none(), "{has_no_place}");
        }
    }

    #[test]
    fn each_form_of_address_is_told_apart() {
        for (given, kind, shown) in [
            ("rtsp://u:p@cam/1", SourceKind::Rtsp, "rtsp://u:***@cam/1"),
            ("RTSPS://cam:322/1", SourceKind::Rtsp, "RTSPS://cam:322/1"),
            ("rtsp://[::1]:8554/a", SourceKind::Rtsp, "rtsp://[::1]:8554/a"),
            ("http://cam/v.mjpg?user=a&pwd=b", SourceKind::Http, "http://cam/v.mjpg?user=a&pwd=***"),
            ("/path/clip.mp4", SourceKind::File, "/path/clip.mp4"),
            ("clip.mp4", SourceKind::File, "clip.mp4"),
            ("file:clip.mp4", SourceKind::File, "clip.mp4"),
            ("file:///path/clip.mp4", SourceKind::File, "/path/clip.mp4"),
            ("12:30 gate.mp4", SourceKind::File, "12:30 gate.mp4"),
            ("/dev/video0", SourceKind::V4l2, "/dev/video0"),
            ("v4l2:/dev/v4l/by-id/cam", SourceKind::V4l2, "/dev/v4l/by-id/cam"),
        ] {
            let url = SourceUrl::parse(given).unwrap();
            assert_eq!((url.kind(), url.to_string().as_str()), (kind, shown), "{given}");
        }
    }

    #[test]
    fn a_path_with_a_colon_is_not_taken_for_a_protocol() {
        assert_eq!(SourceUrl::parse("12:30 gate.mp4").unwrap().for_ffmpeg(), "file:12:30 gate.mp4");
        assert_eq!(SourceUrl::parse("v4l2:/dev/video2").unwrap().for_ffmpeg(), "/dev/video2");
    }

    #[test]
    fn an_address_that_cannot_be_opened_is_refused_in_one_sentence() {
        for (given, part) in [
            ("", "empty"),
            ("ftp://host/clip.mp4", "scheme"),
            ("rtsp:///path", "no host"),
            ("rtsp://host:port/path", "port"),
            ("rtsp://user:12345/6@host/path", "%2F"),
            ("rtsp://user:p@ss/geheim@host/path", "%2F"),
            ("v4l2:video0", "path"),
            ("rtsp:/u:12345@host/", "two slashes"),
            ("file://clip.mp4", "three slashes"),
        ] {
            let error = SourceUrl::parse(given).unwrap_err().to_string();
            assert!(error.contains(part), "{given}: {error}");
            assert!(!error.contains("geheim") && !error.contains("12345"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_password_is_ever_shown(password in "[!-~]{6,20}", host in "[a-z]{1,8}", path in "[a-z0-9/]{0,12}") {
            // Whether it is accepted or refused: neither what is shown nor the refusal has it.
            let given = format!("rtsp://u:{password}@{host}/{path}");
            prop_assume!(!format!("rtsp://u:***@{host}/{path} is not a source that can be read").contains(&password));
            match SourceUrl::parse(&given) {
                Ok(url) => {
                    prop_assert!(!url.to_string().contains(&password), "{url}");
                    prop_assert!(!format!("{url:?}").contains(&password), "{url:?}");
                }
                Err(error) => {
                    prop_assert!(!error.to_string().contains(&password), "{error}");
                    prop_assert!(!format!("{error:?}").contains(&password), "{error:?}");
                }
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(given in ".{0,60}") {
            let _ = SourceUrl::parse(&given);
        }
    }
}
