//! Pure: a notice as JSON, for webhooks and commands (docs/alerts.md). Version 1.

use base::incident::Alert;
use base::time::Micros;
use serde::Serialize;

use super::{Delivery, HealthEvent, Payload};

#[derive(Debug, Serialize)]
struct Body<'a> {
    v: u32,
    /// The same over all attempts: who gets it twice drops the second.
    delivery: &'a str,
    channel: &'a str,
    route: &'a str,
    reason: &'a str,
    round: u32,
    people: &'a [String],
    drill: bool,
    planned_at: Micros,
    title: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    alert: Option<&'a Alert>,
    health: Option<&'a HealthEvent>,
}

/// The JSON of a delivery; the same bytes for the same delivery but for its words, which name the hour.
pub fn json(delivery: &Delivery) -> String {
    let notice = &delivery.notice;
    let (alert, health) = match &notice.payload {
        Payload::Incident(alert) => (Some(alert.as_ref()), None),
        Payload::Health(event) => (None, Some(event)),
        Payload::Test(_) => (None, None),
    };
    let body = Body {
        v: 1,
        delivery: &notice.id,
        channel: &notice.channel,
        route: &notice.route,
        reason: notice.reason.as_str(),
        round: notice.round,
        people: &notice.people,
        drill: notice.payload.is_drill(),
        planned_at: notice.planned_at,
        title: &delivery.text.title,
        text: &delivery.text.sentence,
        page: page(delivery),
        alert,
        health,
    };
    // Strings, numbers and lists only: there is nothing that JSON could not hold.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The incident's page, where the page's address is known.
pub fn page(delivery: &Delivery) -> Option<String> {
    let base = delivery.page_url.as_ref()?;
    Some(match delivery.notice.payload.alert() {
        Some(alert) => format!("{base}/incidents/{}", alert.after.id),
        None => base.clone(),
    })
}
