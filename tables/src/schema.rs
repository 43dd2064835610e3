//! Pure: the tables' columns. Each carries its meaning and unit as the Delta column comment, so that any
//! reader of the table finds it there.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// One of the five tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row a footage segment that is verified in object storage.
    Segments,
    /// One row a track and second.
    Observations,
    /// Seconds recorded and analysed, a camera and minute; several rows may share one minute and are summed.
    Coverage,
    /// One row a closed incident.
    Incidents,
    /// Which segment was analysed under which model and settings, by which run.
    Analyses,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 5] =
        [Table::Segments, Table::Observations, Table::Coverage, Table::Incidents, Table::Analyses];

    /// Its name in SQL and in the bucket.
    pub fn name(self) -> &'static str {
        match self {
            Table::Segments => "segments",
            Table::Observations => "observations",
            Table::Coverage => "coverage",
            Table::Incidents => "incidents",
            Table::Analyses => "analyses",
        }
    }

    /// What a row is.
    pub fn comment(self) -> &'static str {
        match self {
            Table::Segments => "One footage segment that is verified in object storage.",
            Table::Observations => {
                "One track at one second. Live rows come from the analyzer, batch rows from footage; choose one source, never add both."
            }
            Table::Coverage => {
                "Seconds recorded and analysed by camera and minute. Late footage adds a further row of the same minute: sum them."
            }
            Table::Incidents => "One closed incident: one animal out of place, across cameras.",
            Table::Analyses => "One segment analysed by cloud-trends under one model and settings.",
        }
    }

    /// Its partition columns, outermost first.
    pub fn partition_columns(self) -> [&'static str; 2] {
        match self {
            Table::Incidents => ["site", "year"],
            _ => ["site", "date"],
        }
    }

    /// Its columns.
    pub fn schema(self) -> SchemaRef {
        let mut fields = vec![text("site", "The zoo.")];
        fields.extend(match self {
            Table::Segments => segments(),
            Table::Observations => observations(),
            Table::Coverage => coverage(),
            Table::Incidents => incidents(),
            Table::Analyses => analyses(),
        });
        Arc::new(Schema::new(fields))
    }
}

/// Written as it is told.
impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn segments() -> Vec<Field> {
    vec![
        date("UTC date of start."),
        text("camera", "The camera."),
        text("id", "The segment, unique within the camera."),
        time("start", "Capture time of its first frame."),
        time("end", "Capture time of the end of its last frame."),
        field("duration_us", DataType::Int64, "Length, microseconds."),
        text("key", "Object key in this bucket."),
        field("bytes", DataType::Int64, "Size, bytes."),
        text("sha256", "Of the object, 64 lower case hexadecimal digits."),
        text("codec", "h264 or hevc."),
        field("width", DataType::Int32, "Pixels."),
        field("height", DataType::Int32, "Pixels."),
        field("fps", DataType::Float64, "Frames a second."),
        field("frames", DataType::Int64, "How many frames it holds."),
        field("motion", DataType::Float32, "Share of its gate frames in which something moved, 0..1."),
        field("drill", DataType::Boolean, "Carries a synthetic animal."),
    ]
}

fn observations() -> Vec<Field> {
    let unit = DataType::Float32;
    vec![
        date("UTC date of ts."),
        time("ts", "The second, at its beginning."),
        text("camera", "The camera."),
        text("track", "The track, unique within the site."),
        text("label", "The detector's best label over the track."),
        maybe(text("species", "What it could be, of the site's species.")),
        field("score", unit.clone(), "Score of label, 0..1."),
        field("box_x", unit.clone(), "Left edge of the box, 0..1 of the picture's width."),
        field("box_y", unit.clone(), "Top edge, 0..1 of the picture's height."),
        field("box_w", unit.clone(), "Width, 0..1 of the picture's width."),
        field("box_h", unit.clone(), "Height, 0..1 of the picture's height."),
        field("ground_x", unit.clone(), "Where it stands, 0..1 of the picture's width."),
        field("ground_y", unit.clone(), "Where it stands, 0..1 of the picture's height."),
        maybe(text("zone", "The zone that holds the ground point.")),
        maybe(text("enclosure", "The zone's enclosure.")),
        field("speed", unit, "Of the ground point, picture widths a second."),
        text("source", "live (the analyzer) or batch (cloud-trends)."),
        text("model", "The detector."),
    ]
}

fn coverage() -> Vec<Field> {
    vec![
        date("UTC date of minute."),
        time("minute", "The minute, at its beginning."),
        text("camera", "The camera."),
        field("recorded_s", DataType::Float64, "Seconds of footage stored, 0..60. Sum the rows of a minute."),
        field("analysed_s", DataType::Float64, "Seconds looked at live, 0..60. Sum the rows of a minute."),
    ]
}

fn incidents() -> Vec<Field> {
    vec![
        field("year", DataType::Int32, "UTC year of opened_at."),
        text("id", "The incident."),
        text("tier", "watch or escape."),
        text("state", "resolved."),
        time("opened_at", "Capture time of the frame that decided it."),
        time("updated_at", "Last sighting or command."),
        maybe(time("acknowledged_at", "When somebody took it.")),
        maybe(text("acknowledged_by", "Who took it.")),
        maybe(time("resolved_at", "All-clear.")),
        maybe(text("resolved_by", "Who gave the all-clear.")),
        text("first_camera", "Camera of the first sighting."),
        text("camera", "Camera of the last sighting."),
        text("cameras", "Every camera that saw it, in order, separated by commas."),
        maybe(text("zone", "Zone of the last sighting.")),
        text("label", "The detector's best label."),
        maybe(text("species", "What it could be, of the site's species.")),
        maybe(text("danger", "The zoo's danger code.")),
        field("confidence", DataType::Float32, "Probability that it was an animal out of place, 0..1."),
        field("sightings", DataType::Int32, "How many sightings."),
        field("drill", DataType::Boolean, "A synthetic animal."),
        text("detail", "The whole incident as JSON, as on the wire."),
    ]
}

fn analyses() -> Vec<Field> {
    vec![
        date("UTC date of the segment's start."),
        text("camera", "The camera."),
        text("segment", "The segment."),
        text("key", "Its object key."),
        text("model", "The detector."),
        text("settings", "Hash of the settings that change the answer."),
        text("run", "The run that did it."),
        text("batch", "The batch within which it was committed."),
        time("analysed_at", "When."),
        text("outcome", "ok, or 'failed: why'."),
        field("frames_decoded", DataType::Int64, "Frames decoded."),
        field("cpu_us", DataType::Int64, "CPU time, microseconds."),
    ]
}

/// The type of every time.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn field(name: &str, kind: DataType, comment: &str) -> Field {
    // Delta's own key for a column's description.
    Field::new(name, kind, false).with_metadata(HashMap::from([("comment".to_owned(), comment.to_owned())]))
}

fn text(name: &str, comment: &str) -> Field {
    field(name, DataType::Utf8, comment)
}

fn time(name: &str, comment: &str) -> Field {
    field(name, timestamp(), comment)
}

fn date(comment: &str) -> Field {
    field("date", DataType::Date32, comment)
}

fn maybe(field: Field) -> Field {
    field.with_nullable(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_partition_columns_and_says_what_each_column_means() {
        for table in Table::ALL {
            let schema = table.schema();
            assert_eq!(schema.field(0).name(), "site");
            for partition in table.partition_columns() {
                assert!(schema.field_with_name(partition).is_ok(), "{table}.{partition}");
            }
            for field in schema.fields() {
                assert!(field.metadata().get("comment").is_some_and(|c| c.ends_with('.')), "{table}.{}", field.name());
            }
        }
    }
}
