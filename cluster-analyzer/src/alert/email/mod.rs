//! Adapter: e-mail. [`smtp`] (adapter) speaks to the server; the message itself is lettre's: plain text, HTML with
//! the picture in it, and an id that is the same over all attempts, so that mail programs show it once.
//!
//! lettre's own transport is not used: it would switch on features of the TLS and future crates that every heavy
//! dependency is built on, and so build all of those twice.

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use tokio_rustls::TlsConnector;

use super::{Answer, Channel, Delivery, DeliveryError, Secret, body};

pub mod smtp;

/// How the connection is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte, port 465 by custom.
    Tls,
    /// TLS after a greeting in the open; without it nothing is sent. Port 587 by custom.
    Starttls,
    /// In the open: a relay on this machine. Port 25 by custom.
    None,
}

impl Security {
    /// The port by custom.
    pub fn port(self) -> u16 {
        match self {
            Security::Tls => 465,
            Security::Starttls => 587,
            Security::None => 25,
        }
    }
}

/// How to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailParams {
    /// Name.
    pub name: String,
    /// Server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Sender.
    pub from: Mailbox,
    /// The channel's own recipients.
    pub to: Vec<Mailbox>,
    /// Addresses of people.
    pub people: Vec<(String, Mailbox)>,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Certificates, PEM, that are trusted in place of the system's: a zoo's own authority.
    pub ca_file: Option<PathBuf>,
}

/// A mail server.
pub struct Email {
    params: EmailParams,
    tls: Option<TlsConnector>,
}

/// An address, with or without a name before it.
///
/// # Errors
/// One sentence.
pub fn mailbox(text: &str) -> Result<Mailbox, String> {
    let wrong = |e| format!("'{text}' is no address ({e}); write \"kim@zoo.example\" or \"Kim <kim@zoo.example>\"");
    text.parse::<Mailbox>().map_err(wrong)
}

impl Email {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// One sentence: the certificates cannot be used.
    pub fn new(params: EmailParams) -> Result<Self, String> {
        let tls = match params.security {
            Security::None => None,
            _ => Some(smtp::connector(params.ca_file.as_deref())?),
        };
        Ok(Self { params, tls })
    }

    fn recipients(&self, delivery: &Delivery) -> Vec<Mailbox> {
        let of = |name: &String| self.params.people.iter().find(|(person, _)| person == name).map(|(_, to)| to.clone());
        match delivery.notice.person.as_ref().and_then(of) {
            Some(to) => vec![to],
            None => self.params.to.clone(),
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Answer, DeliveryError> {
        let to = self.recipients(delivery);
        let message = message(delivery, &self.params.from, &to).map_err(DeliveryError::new)?;
        let envelope = smtp::Envelope {
            from: self.params.from.email.clone(),
            to: to.into_iter().map(|mailbox| mailbox.email).collect::<Vec<Address>>(),
        };
        let sending = smtp::send(&self.params, self.tls.as_ref(), &envelope, &message);
        match tokio::time::timeout(self.params.timeout, sending).await {
            Ok(sent) => sent.map_err(DeliveryError::new),
            Err(_) => Err(DeliveryError::new("the mail server did not answer in time")),
        }
    }
}

fn message(delivery: &Delivery, from: &Mailbox, to: &[Mailbox]) -> Result<Vec<u8>, lettre::error::Error> {
    let domain = from.email.domain();
    let mut builder = Message::builder()
        .from(from.clone())
        .subject(delivery.text.title.clone())
        .message_id(Some(format!("<{}@{domain}>", delivery.notice.id)));
    for mailbox in to {
        builder = builder.to(mailbox.clone());
    }
    let page = body::page(delivery);
    let plain = match &page {
        Some(page) => format!("{}\n\n{page}\n", delivery.text.sentence),
        None => format!("{}\n", delivery.text.sentence),
    };
    let link = page.map(|p| format!("<p><a href=\"{0}\">{0}</a></p>", escaped(&p))).unwrap_or_default();
    let picture = delivery.still.as_ref().map_or("", |_| "<p><img src=\"cid:still\" alt=\"The deciding picture\"></p>");
    let html = format!("<p><strong>{}</strong></p>{picture}{link}", escaped(&delivery.text.sentence));
    let html = SinglePart::html(html);
    let shown = match &delivery.still {
        Some(jpeg) => {
            let kind = ContentType::parse("image/jpeg").unwrap_or(ContentType::TEXT_PLAIN);
            let still = Attachment::new_inline("still".to_owned()).body(jpeg.to_vec(), kind);
            MultiPart::alternative()
                .singlepart(SinglePart::plain(plain))
                .multipart(MultiPart::related().singlepart(html).singlepart(still))
        }
        None => MultiPart::alternative().singlepart(SinglePart::plain(plain)).singlepart(html),
    };
    Ok(builder.multipart(shown)?.formatted())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Channel for Email {
    fn name(&self) -> &str {
        &self.params.name
    }

    fn kind(&self) -> &'static str {
        "email"
    }

    fn shows_still(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
        self.send(delivery).boxed()
    }
}
