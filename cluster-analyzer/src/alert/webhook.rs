//! Adapter: a webhook: the notice as JSON in a POST, signed so that the receiver knows whence it comes.
//!
//! `X-Paddock-Signature: sha256=HEX` is the HMAC-SHA256 under the shared secret of `TIMESTAMP.BODY`, where TIMESTAMP
//! is the value of `X-Paddock-Timestamp`, seconds since the Unix epoch. `X-Paddock-Delivery` and `Idempotency-Key`
//! are the notice's id, the same over all attempts.

use std::sync::Arc;

use base::time::Clock;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hmac::{Hmac, Mac as _};
use reqwest::Client;
use sha2::Sha256;

use super::web::{self, Web};
use super::{Answer, Channel, Delivery, DeliveryError, Secret, body};

/// How to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookParams {
    /// Name.
    pub name: String,
    /// Where.
    pub web: Web,
    /// Shared with the receiver.
    pub secret: Option<Secret>,
}

/// A webhook.
pub struct Webhook {
    params: WebhookParams,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// One sentence.
    pub fn new(params: WebhookParams, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let client = web::client(&params.web)?;
        Ok(Self { params, client, clock })
    }
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.params.name
    }

    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
        async move {
            let body = body::json(delivery);
            let timestamp = self.clock.now().0.div_euclid(1_000_000);
            let mut request = self
                .client
                .post(self.params.web.url.clone())
                .header("Content-Type", "application/json")
                .header("X-Paddock-Delivery", &delivery.notice.id)
                .header("Idempotency-Key", &delivery.notice.id)
                .header("X-Paddock-Timestamp", timestamp);
            if let Some(secret) = &self.params.secret {
                request = request.header("X-Paddock-Signature", signature(secret.reveal(), timestamp, &body));
            }
            web::answer(request.body(body).send().await).await
        }
        .boxed()
    }
}

/// `sha256=` and the HMAC of `timestamp.body` in hexadecimal digits.
pub fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "an HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key is taken");
    mac.update(format!("{timestamp}.{body}").as_bytes());
    let digits = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        // printf '1700000000.{"v":1}' | openssl dgst -sha256 -hmac secret
        let expected = "sha256=8a547bfd2adcd07f78c08448d60b727dd145789fe26971db4ead66af709bb87e";
        assert_eq!(signature("secret", 1_700_000_000, "{\"v\":1}"), expected);
    }
}
