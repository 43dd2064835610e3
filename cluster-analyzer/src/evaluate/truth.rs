//! Pure: `truth.json` of a labelled set: what happens in which clip (DESIGN §8).
//!
//! `clip`, `camera` and `events` with `start`, `end` and `species` are needed; whatever else a renderer or a
//! person has noted is taken where it is known and left alone where it is not.

use base::geometry::Rect;
use base::ids::CameraId;
use serde_json::{Map, Value};

/// An animal is out of place in a clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// Seconds from the clip's start.
    pub start: f64,
    /// Seconds from the clip's start.
    pub end: f64,
    /// Which species.
    pub species: String,
    /// Seconds: from here on its ground point is in the picture and out of place.
    pub ground_out: Option<f64>,
    /// Its size, the root of its box's area, pixels of the clip.
    pub size_px: Option<f64>,
    /// How it came: "walked-out", "edge" …
    pub entry: Option<String>,
    /// An ape or a monkey.
    pub ape: bool,
}

impl Event {
    /// The moment from which an alarm's delay counts, seconds.
    pub fn out_from(&self) -> f64 {
        self.ground_out.unwrap_or(self.start)
    }
}

/// One clip and what happens in it; no event means that any alarm is false.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipTruth {
    /// Its file, in the set's folder.
    pub clip: String,
    /// Its camera in the site file.
    pub camera: CameraId,
    /// The set it belongs to, where it says so.
    pub set: Option<String>,
    /// What makes it hard: "night", "rain" …
    pub conditions: Vec<String>,
    /// Clips of one scene begin at the same moment.
    pub scene: Option<String>,
    /// In order of time.
    pub events: Vec<Event>,
}

/// Reads `truth.json`.
///
/// # Errors
/// One sentence that names the clip and the key, and what would be right.
pub fn parse(text: &str) -> Result<Vec<ClipTruth>, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| base::input::one_line(&e.to_string()))?;
    let clips = value.as_array().ok_or("it must be a list of clips: [{\"clip\":…,\"camera\":…,\"events\":[…]}]")?;
    let read = clips.iter().enumerate().map(|(i, value)| clip(value, i + 1));
    read.collect()
}

fn clip(value: &Value, number: usize) -> Result<ClipTruth, String> {
    let place = match value.get("clip").and_then(Value::as_str) {
        Some(name) => format!("clip {number} ({name})"),
        None => format!("clip {number}"),
    };
    let keys = Keys::of(value, &place)?;
    let camera = keys.text("camera")?;
    let camera = CameraId::new(&camera).map_err(|e| format!("{place}: key `camera`: {e}"))?;
    let listed = keys.get("events")?.as_array();
    let listed = listed.ok_or_else(|| format!("{place}: key `events` must be a list; [] where nothing is out"))?;
    let mut events = Vec::new();
    for (i, value) in listed.iter().enumerate() {
        events.push(event(&Keys::of(value, &format!("{place}, event {}", i + 1))?)?);
    }
    events.sort_by(|a: &Event, b: &Event| a.start.total_cmp(&b.start));
    let conditions = match keys.0.get("conditions") {
        Some(Value::Array(all)) => all.iter().filter_map(|c| c.as_str().map(str::to_owned)).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    let (set, scene) = (keys.maybe_text("set")?, keys.maybe_text("scene")?);
    Ok(ClipTruth { clip: keys.text("clip")?, camera, set, conditions, scene, events })
}

fn event(keys: &Keys<'_>) -> Result<Event, String> {
    let (start, end) = (keys.number("start")?, keys.number("end")?);
    if start < 0.0 || end < start {
        return Err(format!("{}: key `end` is {end} and `start` {start}; 0 <= start <= end in seconds", keys.1));
    }
    Ok(Event {
        start,
        end,
        species: keys.text("species")?,
        ground_out: keys.maybe_number("ground_out")?,
        size_px: keys.maybe_number("size_px")?,
        entry: keys.maybe_text("entry")?,
        ape: keys.0.get("ape").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// The keys of an object, and where it is.
struct Keys<'a>(&'a Map<String, Value>, String);

impl<'a> Keys<'a> {
    fn of(value: &'a Value, place: &str) -> Result<Self, String> {
        let object = value.as_object().ok_or_else(|| format!("{place} must be an object {{…}}"))?;
        Ok(Self(object, place.to_owned()))
    }

    fn get(&self, key: &str) -> Result<&'a Value, String> {
        self.0.get(key).ok_or_else(|| format!("{}: key `{key}` is missing", self.1))
    }

    fn text(&self, key: &str) -> Result<String, String> {
        let text = self.get(key)?.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| format!("{}: key `{key}` must be a text", self.1))
    }

    fn number(&self, key: &str) -> Result<f64, String> {
        self.get(key)?.as_f64().ok_or_else(|| format!("{}: key `{key}` must be a number of seconds", self.1))
    }

    fn maybe_text(&self, key: &str) -> Result<Option<String>, String> {
        if self.is_there(key) { self.text(key).map(Some) } else { Ok(None) }
    }

    fn maybe_number(&self, key: &str) -> Result<Option<f64>, String> {
        if self.is_there(key) { self.number(key).map(Some) } else { Ok(None) }
    }

    fn is_there(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.is_null())
    }
}

/// Where one animal truly is, of `tracks.json`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct TrueTrack {
    /// Which animal.
    pub animal: String,
    /// Its species.
    pub species: String,
    /// In order of time; ten a second; frames in which it is not to be seen are left out.
    pub frames: Vec<TrueBox>,
}

/// One animal in one frame.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
pub struct TrueBox {
    /// The frame's number, from 0.
    pub frame: u32,
    /// The part of it that lies in the picture, hidden or not.
    #[serde(rename = "box")]
    pub rect: Rect,
    /// It is out of place.
    #[serde(default)]
    pub out: bool,
    /// The share that nothing in front hides.
    #[serde(default = "all")]
    pub shows: f32,
}

fn all() -> f32 {
    1.0
}

/// The animals of one clip, of `tracks.json`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct ClipTracks {
    /// The clip's file.
    pub clip: String,
    /// Allowed ones and those at home too.
    pub animals: Vec<TrueTrack>,
}

/// Frames a second of `tracks.json`.
pub const TRACKS_FPS: f64 = 10.0;

impl ClipTracks {
    /// Each animal that is in the picture at a time, with its place in the list.
    pub fn at(&self, t_s: f64) -> impl Iterator<Item = (usize, TrueBox)> + '_ {
        let frame = (t_s * TRACKS_FPS).round() as u32;
        self.animals.iter().enumerate().filter_map(move |(i, animal)| {
            let found = animal.frames.binary_search_by_key(&frame, |boxed| boxed.frame).ok()?;
            Some((i, animal.frames[found]))
        })
    }
}

/// Reads `tracks.json`.
///
/// # Errors
/// One sentence with line and key.
pub fn parse_tracks(text: &str) -> Result<Vec<ClipTracks>, String> {
    serde_json::from_str(text).map_err(|e| base::input::one_line(&e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_form_is_enough_and_unknown_keys_are_left_alone() {
        let text = r#"[{"clip":"a.mp4","camera":"gate-3","events":[
            {"start":9,"end":12.5,"species":"lion","weather":"odd","ground_out":9.4,"size_px":55,"ape":false},
            {"start":3.2,"end":9.0,"species":"tiger"}]},
            {"clip":"b.mp4","camera":"gate-3","events":[],"conditions":["night"],"set":"night","scene":null}]"#;
        let clips = parse(text).unwrap();
        assert_eq!((clips[0].events[0].species.as_str(), clips[0].events[0].out_from()), ("tiger", 3.2));
        assert_eq!((clips[0].events[1].out_from(), clips[0].events[1].size_px), (9.4, Some(55.0)));
        assert_eq!((clips[1].conditions.as_slice(), clips[1].scene.as_ref()), (&["night".to_owned()][..], None));
    }

    #[test]
    fn a_mistake_names_the_clip_and_the_key() {
        let fault = |text: &str| parse(text).unwrap_err();
        assert!(fault("{}").contains("list of clips"));
        assert!(fault("[").contains("line 1"));
        assert!(fault(r#"[{"camera":"a","events":[]}]"#).contains("clip 1: key `clip` is missing"));
        let event = |event: &str| fault(&format!(r#"[{{"clip":"a.mp4","camera":"a","events":[{event}]}}]"#));
        assert!(event(r#"{"end":3,"species":"x"}"#).contains("clip 1 (a.mp4), event 1: key `start` is missing"));
        assert!(event(r#"{"start":"3","end":3,"species":"x"}"#).contains("key `start` must be a number"));
        assert!(event(r#"{"start":4,"end":3,"species":"x"}"#).contains("key `end`"));
        assert!(event("3").contains("must be an object"));
    }

    #[test]
    fn true_boxes_are_found_by_time() {
        let text = r#"[{"clip":"a.mp4","camera":"c","animals":[{"animal":"x","species":"lion","frames":[
            {"frame":4,"box":[0.1,0.2,0.3,0.4],"out":false,"shows":1.0},{"frame":5,"box":[0.2,0.2,0.3,0.4],"out":true}]}]}]"#;
        let tracks = parse_tracks(text).unwrap();
        assert_eq!(tracks[0].at(0.5).map(|(i, b)| (i, b.out, b.shows)).collect::<Vec<_>>(), [(0, true, 1.0)]);
        assert_eq!(tracks[0].at(0.7).count(), 0);
    }
}
