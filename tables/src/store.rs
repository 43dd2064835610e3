//! Which bucket, where, and with which keys.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An S3 bucket and how to reach it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `http://host:port` or `https://host`; without it, AWS itself in `region`.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// `us-east-1` where nothing is said: what stores of one's own expect.
    #[serde(default = "default_region")]
    pub region: String,
    /// The bucket; footage lies under `footage/`, tables under `tables/`.
    pub bucket: String,
    /// Access key id; where it is left out, `PADDOCK_S3_ACCESS_KEY` of the environment.
    #[serde(default = "access_key_of_environment")]
    pub access_key: String,
    /// Secret access key; where it is left out, `PADDOCK_S3_SECRET_KEY` of the environment.
    #[serde(default = "secret_key_of_environment")]
    pub secret_key: String,
}

fn access_key_of_environment() -> String {
    std::env::var("PADDOCK_S3_ACCESS_KEY").unwrap_or_default()
}

fn secret_key_of_environment() -> String {
    std::env::var("PADDOCK_S3_SECRET_KEY").unwrap_or_default()
}

fn default_region() -> String {
    "us-east-1".into()
}

impl StoreConfig {
    /// What is missing, as one sentence.
    ///
    /// # Errors
    /// No bucket or no keys.
    pub fn check(&self) -> Result<(), String> {
        let empty = |key: &str, how: &str| Err(format!("key `store.{key}` is empty; {how}"));
        match self {
            Self { bucket, .. } if bucket.is_empty() => empty("bucket", "name the bucket"),
            Self { access_key, .. } if access_key.is_empty() => empty("access_key", "set it or PADDOCK_S3_ACCESS_KEY"),
            Self { secret_key, .. } if secret_key.is_empty() => empty("secret_key", "set it or PADDOCK_S3_SECRET_KEY"),
            _ => Ok(()),
        }
    }

    /// Where it is, in words.
    pub fn place(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("AWS S3 in {}", self.region),
        }
    }
}

/// Hides the secret.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("access_key", &self.access_key)
            .field("secret_key", &"…")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_not_shown() {
        let json = r#"{"bucket":"b","access_key":"k","secret_key":"hush"}"#;
        let config: StoreConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.region, "us-east-1");
        assert!(!format!("{config:?}").contains("hush"));
        assert!(serde_json::from_str::<StoreConfig>(r#"{"bucket":"b","buckett":"k"}"#).is_err());
    }
}
