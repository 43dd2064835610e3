//! Pure: the broker's address, shown without its password.

use std::fmt;
use std::str::FromStr;

/// `mqtt://[user:password@]host[:port]`. `Display` and `Debug` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    host: String,
    port: u16,
    login: Option<(String, String)>,
}

/// Why a text is not a broker's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the broker's address {why}; give mqtt://host:port or mqtt://user:password@host:port")]
pub struct BrokerUrlError {
    why: &'static str,
}

impl BrokerUrl {
    /// Host name or address; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// 1883 unless said otherwise.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same address with this password for the user that it names; `None` where it names none or has one already.
    pub fn with_password(mut self, password: String) -> Option<Self> {
        match &mut self.login {
            Some((_, empty)) if empty.is_empty() => *empty = password,
            _ => return None,
        }
        Some(self)
    }

    /// User and password.
    pub fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }
}

impl FromStr for BrokerUrl {
    type Err = BrokerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why| Err(BrokerUrlError { why });
        // The parser's own messages name no part of the text, but neither do they help.
        let Ok(url) = url::Url::parse(text) else {
            return bad("is none (a password's own / ? # @ and : are written %2F %3F %23 %40 and %3A)");
        };
        match url.scheme() {
            "mqtt" | "tcp" => {}
            "mqtts" | "ssl" => return bad("asks for TLS, which this build does not speak"),
            _ => return bad("does not begin with mqtt://"),
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return bad("names no host");
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return bad("goes on after the port");
        }
        let login = match (percent_decoded(url.username()), url.password().map(percent_decoded)) {
            (Some(user), None) if user.is_empty() => None,
            (Some(user), _) if user.is_empty() => return bad("has a password and no user"),
            (Some(user), None) => Some((user, String::new())),
            (Some(user), Some(Some(password))) => Some((user, password)),
            _ => return bad("has a user or password that is not UTF-8 after percent-decoding"),
        };
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(1883), login })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| format!("{user}:***@")).unwrap_or_default();
        write!(f, "mqtt://{user}{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn host_port_and_login_are_read() {
        let url: BrokerUrl = "mqtt://zoo:p%40ss%2F1@broker.local:1884".parse().unwrap();
        assert_eq!((url.host(), url.port(), url.login()), ("broker.local", 1884, Some(("zoo", "p@ss/1"))));
        assert_eq!(
            format!("{url} {url:?}"),
            "mqtt://zoo:***@broker.local:1884 BrokerUrl(mqtt://zoo:***@broker.local:1884)"
        );
        let url: BrokerUrl = "mqtt://[::1]".parse().unwrap();
        assert_eq!((url.host(), url.port(), url.login()), ("[::1]", 1883, None));
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_would_be_right() {
        for (text, part) in [
            ("", "is none"),
            ("127.0.0.1:1883", "is none"),
            ("localhost:1883", "mqtt://"),
            ("http://host:1883", "does not begin with mqtt://"),
            ("mqtts://host", "TLS"),
            ("mqtt://:1883", "address"),
            ("mqtt://host:notaport", "is none"),
            ("mqtt://host:99999", "is none"),
            ("mqtt://host:1883/topic", "goes on"),
            ("mqtt://:secret@host", "no user"),
        ] {
            let error = text.parse::<BrokerUrl>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("give mqtt://host:port"), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_password_is_ever_shown(password in "[!-~]{6,20}") {
            let text = format!("mqtt://u:{password}@host:1");
            let shown = match text.parse::<BrokerUrl>() {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assume!(!"mqtt://u:***@host:1 BrokerUrl(mqtt://user:password@".contains(&password));
            prop_assert!(!shown.contains(&password), "{shown}");
        }
    }
}
