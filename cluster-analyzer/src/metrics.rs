//! What is counted: one struct of counters that every part holds by `Arc`, and its Prometheus text.
//!
//! Names on the page begin with `paddock_`; counters end with `_total` there.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Label `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// One of a fixed set of words: never text that came from outside.
    pub reason: &'static str,
}

/// Label `camera`, one of those that the site file knows or that an agent has shown itself as.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfCamera {
    /// The camera's id.
    pub camera: String,
}

/// Label `event`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Event {
    /// `opened`, `updated` or `resolved`.
    pub event: &'static str,
}

/// Labels `channel`, one of the config file's, and `result`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfDelivery {
    /// The channel's name.
    pub channel: String,
    /// `delivered`, `failed` or `given_up`.
    pub result: &'static str,
}

/// Label `channel`, one of the config file's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfChannel {
    /// The channel's name.
    pub channel: String,
}

/// A gauge of a fraction.
pub type GaugeF64 = Gauge<f64, AtomicU64>;

/// All counters of the analyzer.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,

    /// Messages of any kind that came from the broker.
    pub messages_received: Counter,
    /// Messages refused, by reason (see `ingest::Rejection`).
    pub messages_rejected: Family<Reason, Counter>,
    /// 1 while connected to the broker.
    pub broker_connected: Gauge,
    /// Connections to the broker that were lost or refused.
    pub broker_failures: Counter,

    /// Frames taken in, by camera.
    pub frames_received: Family<OfCamera, Counter>,
    /// Frames replaced by a newer one of the same camera before the detector took them, by camera.
    pub frames_superseded: Family<OfCamera, Counter>,
    /// Frames that the detector has looked at.
    pub frames_analysed: Counter,
    /// Frames on which decoding or the network failed.
    pub frames_failed: Counter,
    /// Frames that wait for the detector now.
    pub frames_waiting: Gauge,
    /// From capture to the end of detection, seconds.
    pub capture_to_detection_seconds: Histogram,
    /// The network alone, seconds.
    pub detection_seconds: Histogram,
    /// Capture to detection of the last frame, milliseconds.
    pub detection_lag_ms: Gauge,
    /// 1 while the detector works.
    pub detector_up: Gauge,

    /// Incidents opened, by tier being `escape`.
    pub incidents_open: Gauge,
    /// Alerts handed to the outbox, by event.
    pub alerts: Family<Event, Counter>,
    /// Attempts at delivery that failed.
    pub alert_failures: Counter,
    /// Alerts that wait for delivery.
    pub alerts_waiting: Gauge,
    /// From the capture of the deciding frame to the broker's word that it has the alert, seconds; of opened
    /// ones that were not drills.
    pub capture_to_alert_seconds: Histogram,
    /// Attempts at delivery, by channel and result.
    pub deliveries: Family<OfDelivery, Counter>,
    /// How long an attempt took, by channel and result, seconds.
    pub delivery_seconds: Family<OfDelivery, Histogram, fn() -> Histogram>,
    /// Notices not delivered yet, by channel.
    pub notices_waiting: Family<OfChannel, Gauge>,

    /// Chunks of segments received.
    pub segment_chunks: Counter,
    /// Segments stored durably: file and row fsynced.
    pub segments_stored: Counter,
    /// Segments that came again after they were stored.
    pub segments_repeated: Counter,
    /// Segments or chunks refused, by reason.
    pub segments_rejected: Family<Reason, Counter>,
    /// Segments named in an acknowledgement that the broker took.
    pub segments_acked: Counter,
    /// Bytes of segments stored durably.
    pub segment_bytes: Counter,
    /// Segments now being put together of chunks.
    pub segments_in_assembly: Gauge,
    /// Bytes of footage in the archive.
    pub archive_bytes: Gauge,
    /// Segments in the archive.
    pub archive_segments: Gauge,
    /// Segments removed from the archive by retention.
    pub archive_removed: Counter,
    /// 1 while the archive can write.
    pub archive_up: Gauge,

    /// Segments verified in object storage.
    pub segments_uploaded: Counter,
    /// Bytes verified in object storage.
    pub uploaded_bytes: Counter,
    /// Attempts at an upload that failed and are made again.
    pub upload_retries: Counter,
    /// Segments stored here and not yet verified in object storage.
    pub upload_backlog: Gauge,
    /// From durable here to verified in object storage, seconds.
    pub upload_seconds: Histogram,
    /// 1 while object storage answers.
    pub store_up: Gauge,

    /// Rows written to tables.
    pub table_rows: Counter,
    /// Commits to tables.
    pub table_commits: Counter,
    /// Commits to tables that failed and are made again.
    pub table_retries: Counter,
    /// Rows given up because a table could not be written for too long.
    pub table_rows_lost: Counter,

    /// Segments that came late and wait to be judged.
    pub catch_up_waiting: Gauge,
    /// Segments that came late and were judged.
    pub catch_up_segments: Counter,
    /// Pictures of late footage that the detector has looked at.
    pub catch_up_frames: Counter,

    /// Drills that ended, by how.
    pub drills: Family<Reason, Counter>,
    /// From the capture of the deciding frame to the delivery of the alert, seconds; of drills.
    pub drill_capture_to_alert_seconds: Histogram,

    /// 1 while a camera is well (see `base::health`), by camera.
    pub camera_healthy: Family<OfCamera, Gauge>,
    /// Changes of health, by the state that it changed to.
    pub health_changes: Family<Reason, Counter>,

    /// Times a child process was started again.
    pub child_restarts: Family<Reason, Counter>,
}

const LATENCY_BUCKETS_S: [f64; 14] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 15.0, 60.0];

fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS_S)
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("paddock"),
            messages_received: Counter::default(),
            messages_rejected: Family::default(),
            broker_connected: Gauge::default(),
            broker_failures: Counter::default(),
            frames_received: Family::default(),
            frames_superseded: Family::default(),
            frames_analysed: Counter::default(),
            frames_failed: Counter::default(),
            frames_waiting: Gauge::default(),
            capture_to_detection_seconds: latency(),
            detection_seconds: latency(),
            detection_lag_ms: Gauge::default(),
            detector_up: Gauge::default(),
            incidents_open: Gauge::default(),
            alerts: Family::default(),
            alert_failures: Counter::default(),
            alerts_waiting: Gauge::default(),
            capture_to_alert_seconds: latency(),
            deliveries: Family::default(),
            delivery_seconds: Family::new_with_constructor(latency as fn() -> Histogram),
            notices_waiting: Family::default(),
            segment_chunks: Counter::default(),
            segments_stored: Counter::default(),
            segments_repeated: Counter::default(),
            segments_rejected: Family::default(),
            segments_acked: Counter::default(),
            segment_bytes: Counter::default(),
            segments_in_assembly: Gauge::default(),
            archive_bytes: Gauge::default(),
            archive_segments: Gauge::default(),
            archive_removed: Counter::default(),
            archive_up: Gauge::default(),
            segments_uploaded: Counter::default(),
            uploaded_bytes: Counter::default(),
            upload_retries: Counter::default(),
            upload_backlog: Gauge::default(),
            upload_seconds: latency(),
            store_up: Gauge::default(),
            table_rows: Counter::default(),
            table_commits: Counter::default(),
            table_retries: Counter::default(),
            table_rows_lost: Counter::default(),
            catch_up_waiting: Gauge::default(),
            catch_up_segments: Counter::default(),
            catch_up_frames: Counter::default(),
            drills: Family::default(),
            drill_capture_to_alert_seconds: latency(),
            camera_healthy: Family::default(),
            health_changes: Family::default(),
            child_restarts: Family::default(),
        };
        metrics.register_live();
        metrics.register_storage();
        metrics.register_health();
        Arc::new(metrics)
    }

    fn register_live(&mut self) {
        let r = &mut self.registry;
        r.register("messages_received", "Messages from the broker", self.messages_received.clone());
        r.register("messages_rejected", "Messages refused, by reason", self.messages_rejected.clone());
        r.register("broker_connected", "1 while connected to the broker", self.broker_connected.clone());
        r.register("broker_failures", "Connections lost or refused", self.broker_failures.clone());
        r.register("frames_received", "Frames taken in", self.frames_received.clone());
        r.register(
            "frames_superseded",
            "Frames replaced by a newer one before detection",
            self.frames_superseded.clone(),
        );
        r.register("frames_analysed", "Frames the detector has looked at", self.frames_analysed.clone());
        r.register("frames_failed", "Frames on which decoding or the network failed", self.frames_failed.clone());
        r.register("frames_waiting", "Frames waiting for the detector", self.frames_waiting.clone());
        r.register(
            "capture_to_detection_seconds",
            "From capture to the end of detection",
            self.capture_to_detection_seconds.clone(),
        );
        r.register("detection_seconds", "Decoding and network, one frame", self.detection_seconds.clone());
        r.register("detection_lag_ms", "Capture to detection of the last frame", self.detection_lag_ms.clone());
        r.register("detector_up", "1 while the detector works", self.detector_up.clone());
        r.register("incidents_open", "Escapes not resolved", self.incidents_open.clone());
        r.register("alerts", "Alerts, by event", self.alerts.clone());
        r.register("alert_failures", "Attempts at delivery that failed", self.alert_failures.clone());
        r.register("alerts_waiting", "Alerts waiting for delivery", self.alerts_waiting.clone());
        r.register(
            "capture_to_alert_seconds",
            "From capture of the deciding frame to delivery of the alert",
            self.capture_to_alert_seconds.clone(),
        );
        r.register("deliveries", "Attempts at delivery, by channel and result", self.deliveries.clone());
        r.register("delivery_seconds", "How long an attempt at delivery took", self.delivery_seconds.clone());
        r.register("notices_waiting", "Notices not delivered yet, by channel", self.notices_waiting.clone());
    }

    fn register_storage(&mut self) {
        let r = &mut self.registry;
        r.register("segment_chunks", "Chunks of segments received", self.segment_chunks.clone());
        r.register("segments_stored", "Segments stored durably", self.segments_stored.clone());
        r.register(
            "segments_repeated",
            "Segments that came again after they were stored",
            self.segments_repeated.clone(),
        );
        r.register("segments_rejected", "Segments or chunks refused, by reason", self.segments_rejected.clone());
        r.register("segments_acked", "Segments acknowledged to their agent", self.segments_acked.clone());
        r.register("segment_bytes", "Bytes of segments stored durably", self.segment_bytes.clone());
        r.register("segments_in_assembly", "Segments being put together of chunks", self.segments_in_assembly.clone());
        r.register("archive_bytes", "Bytes of footage in the archive", self.archive_bytes.clone());
        r.register("archive_segments", "Segments in the archive", self.archive_segments.clone());
        r.register("archive_removed", "Segments removed by retention", self.archive_removed.clone());
        r.register("archive_up", "1 while the archive can write", self.archive_up.clone());
        r.register("segments_uploaded", "Segments verified in object storage", self.segments_uploaded.clone());
        r.register("uploaded_bytes", "Bytes verified in object storage", self.uploaded_bytes.clone());
        r.register("upload_retries", "Uploads that failed and are made again", self.upload_retries.clone());
        r.register("upload_backlog", "Segments not yet verified in object storage", self.upload_backlog.clone());
        r.register("upload_seconds", "From durable here to verified in object storage", self.upload_seconds.clone());
        r.register("store_up", "1 while object storage answers", self.store_up.clone());
        r.register("table_rows", "Rows written to tables", self.table_rows.clone());
        r.register("table_commits", "Commits to tables", self.table_commits.clone());
        r.register("table_retries", "Commits that failed and are made again", self.table_retries.clone());
        r.register("table_rows_lost", "Rows given up", self.table_rows_lost.clone());
        r.register("child_restarts", "Child processes started again, by child", self.child_restarts.clone());
    }

    fn register_health(&mut self) {
        let r = &mut self.registry;
        r.register("catch_up_waiting", "Late segments that wait to be judged", self.catch_up_waiting.clone());
        r.register("catch_up_segments", "Late segments that were judged", self.catch_up_segments.clone());
        r.register("catch_up_frames", "Late pictures looked at", self.catch_up_frames.clone());
        r.register("drills", "Drills that ended, by how", self.drills.clone());
        r.register(
            "drill_capture_to_alert_seconds",
            "From capture to delivery of the alert, of drills",
            self.drill_capture_to_alert_seconds.clone(),
        );
        r.register("camera_healthy", "1 while a camera is well, by camera", self.camera_healthy.clone());
        r.register("health_changes", "Changes of health, by the state changed to", self.health_changes.clone());
    }

    /// Counts a refused message.
    pub fn reject(&self, reason: &'static str) {
        self.messages_rejected.get_or_create(&Reason { reason }).inc();
    }

    /// Sum of refused messages.
    pub fn rejected_total(&self, reasons: &[&'static str]) -> u64 {
        reasons.iter().map(|reason| self.messages_rejected.get_or_create(&Reason { reason }).get()).sum()
    }

    /// Sum of frames that were replaced, over `cameras`.
    pub fn superseded_total(&self, cameras: &[String]) -> u64 {
        let of = |camera: &String| self.frames_superseded.get_or_create(&OfCamera { camera: camera.clone() }).get();
        cameras.iter().map(of).sum()
    }

    /// The page that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_latency_histogram_and_counters_by_reason() {
        let metrics = Metrics::new();
        metrics.capture_to_alert_seconds.observe(0.4);
        metrics.reject("no_header");
        let text = metrics.text();
        assert!(text.contains("paddock_capture_to_alert_seconds_bucket{le=\"0.5\"} 1"), "{text}");
        assert!(text.contains("paddock_messages_rejected_total{reason=\"no_header\"} 1"), "{text}");
        assert_eq!(metrics.rejected_total(&["no_header", "version"]), 1);
    }

    #[test]
    fn the_dashboard_asks_for_nothing_that_the_page_does_not_have() {
        // A family without a label yet is not on the page, so that names are taken from where they are registered.
        let known: std::collections::BTreeSet<&str> = include_str!("metrics.rs").split('"').collect();
        let dashboard = include_str!("../../deploy/grafana/paddock.json");
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let names: std::collections::BTreeSet<&str> =
            dashboard.split(|c| !is_name(c)).filter(|word| word.starts_with("paddock_")).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            let plain = name.strip_suffix("_total").or(name.strip_suffix("_bucket")).unwrap_or(name);
            let plain = plain.strip_prefix("paddock_").unwrap_or(plain);
            assert!(known.contains(plain), "{name} is registered nowhere");
        }
    }
}
