//! Adapter: object storage through aws-sdk-s3, and the only place that names it.
//!
//! Nothing is looked up: no profile, no instance metadata; what is not in the configuration is not used.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tables::StoreConfig;

/// The object's metadata key that carries its sha256 in hexadecimal: `x-amz-meta-sha256`.
const SHA256: &str = "sha256";

/// What went wrong, sorted here once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store answers and has no such bucket.
    #[error("bucket '{bucket}' does not exist at {place}: create it there, or name another one as `store.bucket`")]
    NoBucket {
        /// The bucket.
        bucket: String,
        /// The endpoint.
        place: String,
    },
    /// The store answers, but not to these keys.
    #[error(
        "{place} refuses access to bucket '{bucket}' ({why}): check `store.access_key` and `store.secret_key`, and what they may do"
    )]
    Denied {
        /// The bucket.
        bucket: String,
        /// The endpoint.
        place: String,
        /// What the store says.
        why: String,
    },
    /// The store does not answer, or says that it cannot now.
    #[error("{place} cannot be reached: {why}")]
    Unreachable {
        /// The endpoint.
        place: String,
        /// What the client says.
        why: String,
    },
    /// This object and no other is refused, or is not what it should be.
    #[error("object '{key}': {why}")]
    Object {
        /// Its key.
        key: String,
        /// What is wrong.
        why: String,
    },
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Size.
    pub bytes: u64,
    /// Of its content, as it was said when it was put; hexadecimal.
    pub sha256: Option<String>,
}

/// What a put found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is there now.
    Created,
    /// One was there before, and was left as it is.
    Exists,
}

/// When an object goes in parts.
#[derive(Debug, Clone, Copy)]
pub struct Multipart {
    /// Objects larger than this, bytes.
    pub above_bytes: usize,
    /// Size of a part, at least 5 MiB.
    pub part_bytes: usize,
}

impl Default for Multipart {
    fn default() -> Self {
        Self { above_bytes: 64 << 20, part_bytes: 16 << 20 }
    }
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
    place: String,
    multipart: Multipart,
}

impl Bucket {
    /// A client of the configured bucket; nothing is asked yet.
    pub fn new(config: &StoreConfig, multipart: Multipart) -> Self {
        let credentials = Credentials::new(&config.access_key, &config.secret_key, None, None, "paddock");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(120))
            .build();
        let mut builder = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(credentials)
            .region(Region::new(config.region.clone()))
            .force_path_style(true)
            .timeout_config(timeouts)
            // The queue retries, for ever and with its own backoff.
            .retry_config(RetryConfig::disabled());
        if let Some(endpoint) = &config.endpoint {
            builder = builder.endpoint_url(endpoint.trim_end_matches('/'));
        }
        let client = Client::from_conf(builder.build());
        Self { client, name: config.bucket.clone(), place: config.place(), multipart }
    }

    /// Makes the bucket where it is missing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn ensure(&self) -> Result<(), StoreError> {
        match self.client.create_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.code(), Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists")) => Ok(()),
            Err(e) => Err(self.sorted("", &e)),
        }
    }

    /// Whether the bucket is there and open to us.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn check(&self) -> Result<(), StoreError> {
        let listed = self.client.list_objects_v2().bucket(&self.name).max_keys(1).send().await;
        listed.map(drop).map_err(|e| self.sorted("", &e))
    }

    /// Puts an object unless there is one, with its checksum: the store refuses other bytes than these.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn put(&self, key: &str, content: Bytes, sha256_hex: &str) -> Result<Put, StoreError> {
        if content.len() > self.multipart.above_bytes {
            return self.put_in_parts(key, content, sha256_hex).await;
        }
        let checksum = base64_of_hex(sha256_hex);
        let sent = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .if_none_match("*")
            .content_type("video/mp4")
            .content_length(content.len() as i64)
            .checksum_sha256(&checksum)
            .metadata(SHA256, sha256_hex)
            .body(ByteStream::from(content))
            .send()
            .await;
        match sent {
            Ok(answer) => match answer.checksum_sha256() {
                Some(theirs) if theirs != checksum => {
                    Err(object(key, &format!("the store computed another checksum ({theirs}, not {checksum})")))
                }
                _ => Ok(Put::Created),
            },
            Err(error) if status(&error) == Some(412) => Ok(Put::Exists),
            Err(error) => Err(self.sorted(key, &error)),
        }
    }

    async fn put_in_parts(&self, key: &str, content: Bytes, sha256_hex: &str) -> Result<Put, StoreError> {
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .content_type("video/mp4")
            .metadata(SHA256, sha256_hex)
            .send()
            .await
            .map_err(|e| self.sorted(key, &e))?;
        let Some(upload) = created.upload_id() else {
            return Err(object(key, "the store began a multipart upload without an id"));
        };
        let result = self.send_parts(key, upload, &content).await;
        if !matches!(result, Ok(Put::Created)) {
            // Best effort: what stays behind is the store's lifecycle's business.
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload);
            let _ = abort.send().await;
        }
        result
    }

    async fn send_parts(&self, key: &str, upload: &str, content: &Bytes) -> Result<Put, StoreError> {
        let mut parts = vec![];
        for (number, start) in (1..).zip((0..content.len()).step_by(self.multipart.part_bytes)) {
            let part = content.slice(start..content.len().min(start + self.multipart.part_bytes));
            let sent = self
                .client
                .upload_part()
                .bucket(&self.name)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                .body(ByteStream::from(part))
                .send()
                .await
                .map_err(|e| self.sorted(key, &e))?;
            let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
            parts.push(part.set_checksum_crc32(sent.checksum_crc32).build());
        }
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .if_none_match("*")
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await;
        match completed {
            Ok(_) => Ok(Put::Created),
            Err(error) if status(&error) == Some(412) => Ok(Put::Exists),
            Err(error) => Err(self.sorted(key, &error)),
        }
    }

    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn head(&self, key: &str) -> Result<Option<Head>, StoreError> {
        let request = self.client.head_object().bucket(&self.name).key(key).checksum_mode(ChecksumMode::Enabled);
        match request.send().await {
            Ok(answer) => {
                let said = answer.metadata().and_then(|m| m.get(SHA256)).cloned();
                let sha256 = said.or_else(|| answer.checksum_sha256().and_then(hex_of_base64));
                Ok(Some(Head { bytes: answer.content_length().unwrap_or_default().max(0) as u64, sha256 }))
            }
            // An answer without a body: a missing bucket looks the same, and the next put names it.
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(self.sorted(key, &error)),
        }
    }

    /// An object's content; `None` when there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let got = match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(got) => got,
            Err(error) if status(&error) == Some(404) && error.code() != Some("NoSuchBucket") => return Ok(None),
            Err(error) => return Err(self.sorted(key, &error)),
        };
        let content = got.body.collect().await.map_err(|error| StoreError::Unreachable {
            place: self.place.clone(),
            why: base::input::one_line(&error.to_string()),
        })?;
        Ok(Some(content.into_bytes()))
    }

    fn sorted<E>(&self, key: &str, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (bucket, place) = (self.name.clone(), self.place.clone());
        let why = || match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {}", base::input::one_line(message)),
            _ => base::input::one_line(&DisplayErrorContext(error).to_string()),
        };
        match (status(error), error.code()) {
            (_, Some("NoSuchBucket")) => StoreError::NoBucket { bucket, place },
            (Some(401 | 403), _) => StoreError::Denied { bucket, place, why: why() },
            (Some(400..=499), code) if !matches!(code, Some("RequestTimeout" | "SlowDown" | "TooManyRequests")) => {
                object(key, &why())
            }
            _ => StoreError::Unreachable { place, why: why() },
        }
    }
}

fn object(key: &str, why: &str) -> StoreError {
    StoreError::Object { key: key.to_owned(), why: why.to_owned() }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|r| r.status().as_u16())
}

fn base64_of_hex(hex: &str) -> String {
    let bytes = (0..hex.len() / 2).filter_map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok());
    STANDARD.encode(bytes.collect::<Vec<u8>>())
}

fn hex_of_base64(text: &str) -> Option<String> {
    Some(STANDARD.decode(text).ok()?.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_same_in_hexadecimal_and_base64() {
        let hex = base::segment::sha256_hex(b"x");
        assert_eq!(hex_of_base64(&base64_of_hex(&hex)), Some(hex));
    }
}
