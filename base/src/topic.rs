//! Pure: MQTT topics under `paddock/{site}/` (docs/wire.md).

use std::fmt;

use crate::ids::{CameraId, IncidentId, SegmentId, SiteId};

/// One topic of a site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What a camera is and does; retained, with a last will.
    CameraStatus(CameraId),
    /// A JPEG for analysis.
    Frame(CameraId),
    /// A chunk of a footage segment.
    Segment(CameraId, SegmentId),
    /// Which segments are stored durably.
    SegmentAck(CameraId),
    /// Desired settings; retained.
    Config(CameraId),
    /// Boost, key frame, snapshot, drill.
    Control(CameraId),
    /// What is wrong with a camera; retained.
    CameraHealth(CameraId),
    /// From detector workers to the judge.
    Detections(CameraId),
    /// The whole state of an incident; retained.
    Incident(IncidentId),
    /// Acknowledge, resolve, note.
    IncidentCommand(IncidentId),
    /// One event of an incident.
    Alert,
    /// What the analyzer does; retained, with a last will.
    AnalyzerStatus,
    /// What is wrong with the analyzer, beyond what its status says; retained.
    AnalyzerHealth,
}

impl Topic {
    /// The topic's name on the broker.
    pub fn name(&self, site: &SiteId) -> String {
        format!("paddock/{site}/{self}")
    }

    /// The topic of a name under `site`; `None` for what is not ours.
    pub fn parse(site: &SiteId, name: &str) -> Option<Topic> {
        let rest = name.strip_prefix("paddock/")?.strip_prefix(site.as_str())?.strip_prefix('/')?;
        let levels: Vec<&str> = rest.split('/').collect();
        Some(match levels[..] {
            ["camera", c, "segment", id] => Topic::Segment(c.parse().ok()?, id.parse().ok()?),
            ["camera", c, leaf] => Topic::of_camera(c.parse().ok()?, leaf)?,
            ["detections", c] => Topic::Detections(c.parse().ok()?),
            ["incident", id] => Topic::Incident(id.parse().ok()?),
            ["incident", id, "command"] => Topic::IncidentCommand(id.parse().ok()?),
            ["alert"] => Topic::Alert,
            ["analyzer", "status"] => Topic::AnalyzerStatus,
            ["analyzer", "health"] => Topic::AnalyzerHealth,
            _ => return None,
        })
    }

    fn of_camera(camera: CameraId, leaf: &str) -> Option<Topic> {
        Some(match leaf {
            "status" => Topic::CameraStatus(camera),
            "frame" => Topic::Frame(camera),
            "segment-ack" => Topic::SegmentAck(camera),
            "config" => Topic::Config(camera),
            "control" => Topic::Control(camera),
            "health" => Topic::CameraHealth(camera),
            _ => return None,
        })
    }
}

/// Below `paddock/{site}/`.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::CameraStatus(c) => write!(f, "camera/{c}/status"),
            Topic::Frame(c) => write!(f, "camera/{c}/frame"),
            Topic::Segment(c, id) => write!(f, "camera/{c}/segment/{id}"),
            Topic::SegmentAck(c) => write!(f, "camera/{c}/segment-ack"),
            Topic::Config(c) => write!(f, "camera/{c}/config"),
            Topic::Control(c) => write!(f, "camera/{c}/control"),
            Topic::CameraHealth(c) => write!(f, "camera/{c}/health"),
            Topic::Detections(c) => write!(f, "detections/{c}"),
            Topic::Incident(id) => write!(f, "incident/{id}"),
            Topic::IncidentCommand(id) => write!(f, "incident/{id}/command"),
            Topic::Alert => f.write_str("alert"),
            Topic::AnalyzerStatus => f.write_str("analyzer/status"),
            Topic::AnalyzerHealth => f.write_str("analyzer/health"),
        }
    }
}

/// Subscriptions of the analyzer and of tools: `+` for every camera or incident.
pub fn filter(site: &SiteId, below: &str) -> String {
    format!("paddock/{site}/{below}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_read_back_as_it_was_written() {
        let site = SiteId::new("demo").unwrap();
        let c = || CameraId::new("gate-3").unwrap();
        let incident = || IncidentId::new("i1").unwrap();
        let topics = [
            Topic::CameraStatus(c()),
            Topic::Frame(c()),
            Topic::Segment(c(), SegmentId::new("s1").unwrap()),
            Topic::SegmentAck(c()),
            Topic::Config(c()),
            Topic::Control(c()),
            Topic::Detections(c()),
            Topic::Incident(incident()),
            Topic::IncidentCommand(incident()),
            Topic::Alert,
            Topic::AnalyzerStatus,
            Topic::CameraHealth(c()),
            Topic::AnalyzerHealth,
        ];
        for topic in topics {
            assert_eq!(Topic::parse(&site, &topic.name(&site)), Some(topic.clone()), "{topic}");
        }
    }

    #[test]
    fn a_topic_of_another_site_or_shape_is_not_ours() {
        let site = SiteId::new("demo").unwrap();
        for name in [
            "paddock/demo2/alert",
            "paddock/demo",
            "paddock/demo/camera/UP/frame",
            "x/demo/alert",
            "paddock/demo/camera/a/b/c/d",
        ] {
            assert_eq!(Topic::parse(&site, name), None, "{name}");
        }
    }
}
