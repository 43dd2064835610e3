//! Adapter: ntfy (<https://docs.ntfy.sh/publish/>): words, priority, tags and buttons in headers, the picture as
//! the body. A server that takes no attachment is told again without one: the alarm matters more.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::{Client, RequestBuilder, StatusCode};

use super::web::{self, Web};
use super::{Answer, Channel, Delivery, DeliveryError, Payload, Reason, Secret, body};

/// How to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NtfyParams {
    /// Name.
    pub name: String,
    /// The server.
    pub web: Web,
    /// Where the channel itself is told; `None`: only people's topics.
    pub topic: Option<String>,
    /// Topics of people.
    pub people: Vec<(String, String)>,
    /// Access token.
    pub token: Option<Secret>,
}

/// An ntfy server.
pub struct Ntfy {
    params: NtfyParams,
    client: Client,
}

impl Ntfy {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// One sentence.
    pub fn new(params: NtfyParams) -> Result<Self, String> {
        let client = web::client(&params.web)?;
        Ok(Self { params, client })
    }

    fn topic(&self, delivery: &Delivery) -> Option<&str> {
        let of = |name: &String| self.params.people.iter().find(|(person, _)| person == name).map(|(_, topic)| topic);
        let personal = delivery.notice.person.as_ref().and_then(of);
        personal.or(self.params.topic.as_ref()).map(String::as_str)
    }

    fn request(&self, delivery: &Delivery) -> Result<RequestBuilder, DeliveryError> {
        let topic = self.topic(delivery).ok_or_else(|| DeliveryError::new("this channel has no topic"))?;
        let mut url = self.params.web.url.clone();
        url.path_segments_mut().map_err(|()| DeliveryError::new("the address has no path"))?.pop_if_empty().push(topic);
        let mut request = self
            .client
            .put(url)
            .header("X-Title", header_text(&delivery.text.title))
            .header("X-Priority", u16::from(priority(delivery)))
            .header("X-Tags", tags(delivery).join(","));
        if let Some(token) = &self.params.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(page) = body::page(delivery) {
            request = request.header("X-Click", header_text(&page));
        }
        if let Some(actions) = actions(delivery) {
            request = request.header("X-Actions", header_text(&actions));
        }
        Ok(request)
    }

    async fn tell(&self, delivery: &Delivery) -> Result<Answer, DeliveryError> {
        if let Some(still) = &delivery.still {
            let request = self
                .request(delivery)?
                .header("X-Message", header_text(&delivery.text.sentence))
                .header("X-Filename", "still.jpg")
                .body(still.clone());
            let sent = request.send().await;
            let refused = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::TOO_MANY_REQUESTS];
            if !sent.as_ref().is_ok_and(|response| refused.contains(&response.status())) {
                return web::answer(sent).await;
            }
        }
        web::answer(self.request(delivery)?.body(delivery.text.sentence.clone()).send().await).await
    }
}

impl Channel for Ntfy {
    fn name(&self) -> &str {
        &self.params.name
    }

    fn kind(&self) -> &'static str {
        "ntfy"
    }

    fn shows_still(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
        self.tell(delivery).boxed()
    }
}

fn danger(delivery: &Delivery) -> Option<&str> {
    delivery.notice.payload.alert()?.after.danger.as_deref()
}

/// 5 breaks through a phone's silence, 3 is ordinary.
fn priority(delivery: &Delivery) -> u8 {
    match (&delivery.notice.payload, delivery.notice.reason) {
        (Payload::Test(_), _) | (_, Reason::Resolved | Reason::Acknowledged | Reason::Health) => 3,
        (_, Reason::Updated) => 4,
        _ => match danger(delivery) {
            Some("yellow") => 3,
            Some("blue") => 4,
            // A zoo's own word, or one that nobody knows, is taken for the worst.
            _ => 5,
        },
    }
}

/// ntfy shows these as emoji before the title.
fn tags(delivery: &Delivery) -> Vec<&'static str> {
    let mut tags = match (&delivery.notice.payload, delivery.notice.reason) {
        (Payload::Test(_), _) => return vec!["test_tube"],
        (Payload::Health(event), _) => vec![if event.is_over() { "white_check_mark" } else { "wrench" }],
        (_, Reason::Resolved) => vec!["white_check_mark"],
        (_, Reason::Acknowledged) => vec!["eyes"],
        _ => match danger(delivery) {
            Some("yellow") => vec!["yellow_circle"],
            Some("blue") => vec!["rotating_light", "blue_circle"],
            _ => vec!["rotating_light", "red_circle"],
        },
    };
    if delivery.notice.payload.is_drill() {
        tags.insert(0, "mortar_board");
    }
    tags
}

/// A button that acknowledges, where the page's address is known and nobody has.
fn actions(delivery: &Delivery) -> Option<String> {
    let base = delivery.page_url.as_ref()?;
    let incident = &delivery.notice.payload.alert()?.after;
    if incident.state != base::incident::IncidentState::Open {
        return None;
    }
    let by = delivery.notice.person.as_ref().unwrap_or(&delivery.notice.channel);
    let url = format!("{base}/api/incidents/{}/acknowledge", incident.id);
    Some(format!("http, Acknowledge, {url}, method=POST, body='{{\"by\":\"{by}\"}}', clear=true"))
}

/// A header holds ASCII; ntfy reads anything else as RFC 2047 has it.
fn header_text(text: &str) -> String {
    use base64::Engine as _;
    if text.bytes().all(|b| (0x20..0x7F).contains(&b)) {
        return text.to_owned();
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(base::input::one_line(text));
    format!("=?UTF-8?B?{encoded}?=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_encoded_as_ntfy_reads_it() {
        assert_eq!(header_text("RED: tiger"), "RED: tiger");
        assert_eq!(header_text("Bär"), "=?UTF-8?B?QsOkcg==?=");
        assert_eq!(header_text("a\r\nX-Evil: 1"), format!("=?UTF-8?B?{}?=", "YSBYLUV2aWw6IDE="));
    }
}
