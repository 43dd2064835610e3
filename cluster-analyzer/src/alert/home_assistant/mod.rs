//! Pure: what Home Assistant is told: which entities there are (MQTT discovery,
//! <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>) and how they stand.
//!
//! Per camera a picture and whether it is connected, per zone whether it is safe, and for the site an alarm and a
//! drill. All of it retained; available while the analyzer is. [`tell`] (adapter) publishes it.

use std::collections::BTreeMap;

use base::ids::{CameraId, SiteId};
use base::incident::{Incident, IncidentState, Tier};
use base::site::{Camera, Site, Zone};
use base::topic::Topic;
use serde_json::{Value, json};

pub mod tell;

/// Retained messages by topic.
pub type Messages = BTreeMap<String, String>;

/// How entities are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Home Assistant's discovery prefix, `homeassistant` unless it was told otherwise.
    pub prefix: String,
    /// The analyzer's page, shown with the devices.
    pub page_url: Option<String>,
}

struct Names<'a> {
    params: &'a Params,
    site: &'a SiteId,
}

impl Names<'_> {
    fn topic(&self, component: &str, object: &str) -> String {
        format!("{}/{component}/paddock_{}/{object}/config", self.params.prefix, self.site)
    }

    fn site_device(&self) -> Value {
        let mut device = json!({
            "identifiers": [format!("paddock_{}", self.site)],
            "name": format!("Paddock {}", self.site),
            "manufacturer": "Paddock",
            "model": "cluster-analyzer",
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        if let Some(url) = &self.params.page_url {
            device["configuration_url"] = json!(url);
        }
        device
    }

    fn camera_device(&self, camera: &CameraId) -> Value {
        json!({
            "identifiers": [format!("paddock_{}_{camera}", self.site)],
            "name": format!("Camera {camera}"),
            "manufacturer": "Paddock",
            "model": "camera-agent",
            "via_device": format!("paddock_{}", self.site),
        })
    }

    /// An entity: unavailable while the analyzer is, since nobody then keeps it current.
    fn entity(&self, component: &str, object: &str, name: &str, device: Value, more: Value) -> (String, String) {
        let mut config = json!({
            "unique_id": format!("paddock_{}_{object}", self.site),
            "object_id": format!("paddock_{}_{object}", self.site),
            "name": name,
            "availability_topic": Topic::AnalyzerStatus.name(self.site),
            "availability_template": "{{ 'online' if value_json.online else 'offline' }}",
            "device": device,
            "origin": { "name": "Paddock", "sw_version": env!("CARGO_PKG_VERSION") },
        });
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        (self.topic(component, object), config.to_string())
    }

    fn picture(&self, camera: &CameraId) -> (String, String) {
        let more = json!({ "topic": Topic::Frame(camera.clone()).name(self.site) });
        self.entity("camera", &format!("{camera}_picture"), "Picture", self.camera_device(camera), more)
    }

    fn connection(&self, camera: &CameraId) -> (String, String) {
        let more = json!({
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": Topic::CameraStatus(camera.clone()).name(self.site),
            "value_template": "{{ 'ON' if value_json.online else 'OFF' }}",
        });
        self.entity("binary_sensor", &format!("{camera}_connection"), "Connection", self.camera_device(camera), more)
    }

    fn safety(&self, object: &str, name: &str, device: Value, topic: String) -> (String, String) {
        let more = json!({
            "device_class": "safety",
            "state_topic": topic,
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": topic,
        });
        self.entity("binary_sensor", object, name, device, more)
    }
}

fn zone_topic(site: &SiteId, camera: &Camera, zone: &Zone) -> String {
    format!("paddock/{site}/zone/{}/{}", camera.id, zone.id)
}

fn site_topic(site: &SiteId, what: &str) -> String {
    format!("paddock/{site}/site/{what}")
}

/// All entities of a site.
pub fn discovery(site: &Site, params: &Params) -> Messages {
    let names = Names { params, site: &site.name };
    let mut messages = Messages::new();
    for camera in &site.cameras {
        messages.extend([names.picture(&camera.id), names.connection(&camera.id)]);
        for zone in &camera.zones {
            let object = format!("{}_zone_{}", camera.id, zone.id);
            let topic = zone_topic(&site.name, camera, zone);
            let name = format!("Zone {}", zone.id);
            messages.extend([names.safety(&object, &name, names.camera_device(&camera.id), topic)]);
        }
    }
    for (what, name) in [("alarm", "Animal out"), ("drill", "Drill")] {
        messages.extend([names.safety(what, name, names.site_device(), site_topic(&site.name, what))]);
    }
    messages
}

/// How everything stands. `open`: incidents that are not resolved.
pub fn states(site: &Site, open: &[Incident]) -> Messages {
    let open: Vec<&Incident> =
        open.iter().filter(|i| i.tier == Tier::Escape && i.state != IncidentState::Resolved).collect();
    let real = |i: &&&Incident| !i.drill;
    let mut messages = Messages::new();
    for camera in &site.cameras {
        for zone in &camera.zones {
            let here = |i: &&&Incident| i.camera == camera.id && i.zone.as_ref() == Some(&zone.id);
            let here: Vec<&Incident> = open.iter().filter(real).filter(here).copied().collect();
            messages.insert(zone_topic(&site.name, camera, zone), state(&here));
        }
    }
    let (drills, escapes): (Vec<&Incident>, Vec<&Incident>) = open.into_iter().partition(|i| i.drill);
    messages.insert(site_topic(&site.name, "alarm"), state(&escapes));
    messages.insert(site_topic(&site.name, "drill"), state(&drills));
    messages
}

/// `safety` is ON where it is not safe.
fn state(incidents: &[&Incident]) -> String {
    let newest = incidents.iter().max_by_key(|i| i.opened_at);
    json!({
        "state": if incidents.is_empty() { "OFF" } else { "ON" },
        "incidents": incidents.iter().map(|i| &i.id).collect::<Vec<_>>(),
        "acknowledged": !incidents.is_empty() && incidents.iter().all(|i| i.state == IncidentState::Acknowledged),
        "danger": newest.and_then(|i| i.danger.as_ref()),
        "species": newest.and_then(|i| i.species.as_ref()),
        "camera": newest.map(|i| &i.camera),
        "zone": newest.and_then(|i| i.zone.as_ref()),
    })
    .to_string()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
