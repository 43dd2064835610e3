//! Pure: `model.toml`, everything about a model that its ONNX file does not say.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::error::ModelError;
use crate::letterbox::Fit;

mod head;

use head::RawOutput;
pub use head::{Boxes, Head, NoObject, Queries, Rows};

/// What a label stands for in a zoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Group {
    /// May be an animal.
    Animal,
    /// A person.
    Person,
    /// A car, a cart, a bicycle.
    Vehicle,
    /// Anything else.
    #[default]
    Other,
}

/// Order of the input tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Rows, columns, channels.
    Nhwc,
    /// Channels, rows, columns.
    Nchw,
}

/// Order of the input tensor's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// What the network wants to be given. A value of the tensor is `(pixel * scale - mean[c]) / std[c]`, where `c`
/// counts in the order of `channels`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Order of axes.
    pub layout: Layout,
    /// Order of channels.
    pub channels: Channels,
    /// How a picture of another shape is laid in.
    pub fit: Fit,
    /// Pixel value where the picture is not.
    #[serde(default)]
    pub pad: u8,
    /// Factor of each pixel.
    #[serde(default = "one")]
    pub scale: f32,
    /// Subtracted after scaling.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Divided by at last.
    #[serde(default = "ones")]
    pub std: [f32; 3],
}

fn one() -> f32 {
    1.0
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

/// What key `sha256` says where any file will do.
pub const ANY_SHA256: &str = "any";

/// A model's card: what `model.toml` says, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    /// What the model is called in tables and logs.
    pub name: String,
    /// Its licence, an SPDX expression.
    pub license: String,
    /// Where it comes from, for people.
    pub source: String,
    /// Where `model.onnx` can be fetched as it is; `None` where nobody publishes it in this form.
    pub url: Option<String>,
    /// SHA-256 of `model.onnx`, 64 lower-case hexadecimal digits; empty where nobody knows it yet, and then the
    /// file is not run; [`ANY_SHA256`] where whatever lies there is to be run. Of a model that was opened it is
    /// the file's own in any case.
    pub sha256: String,
    /// SHA-256 of other files that hold the same network, as another exporter or mirror wrote it.
    pub also_sha256: Vec<String>,
    /// What it wants to be given.
    pub input: InputSpec,
    /// How its outputs are read.
    pub head: Head,
    /// Names of its classes, in the order of its outputs.
    pub labels: Vec<String>,
    /// What each label stands for, in the order of `labels`.
    pub groups: Vec<Group>,
}

impl ModelCard {
    /// Reads the text of a `model.toml`; `path` is only for the error.
    ///
    /// # Errors
    /// One sentence with file, line and key: TOML that is none, an unknown or missing key, a head that is not
    /// known, sizes that do not fit, no labels, a group's label that is not among the names.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        parse(text).map_err(|fault| ModelError::Card {
            path: path.to_path_buf(),
            line: line_of(text, fault.at),
            message: fault.message,
        })
    }

    /// Whether a file with this SHA-256 is one that the card vouches for; `None` where the card does not know.
    pub fn vouches_for(&self, sha256: &str) -> Option<bool> {
        match self.sha256.as_str() {
            "" => None,
            ANY_SHA256 => Some(true),
            own => Some(own == sha256 || self.also_sha256.iter().any(|other| other == sha256)),
        }
    }

    /// What a label stands for.
    pub fn group(&self, label: u16) -> Group {
        self.groups.get(usize::from(label)).copied().unwrap_or_default()
    }

    /// A label's name, or "?" for an index the model does not have.
    pub fn label_name(&self, label: u16) -> &str {
        self.labels.get(usize::from(label)).map_or("?", String::as_str)
    }

    /// The index of a label.
    pub fn label_index(&self, name: &str) -> Option<u16> {
        self.labels.iter().position(|l| l == name).map(|i| i as u16)
    }

    /// Names of the labels of one group, in the model's order.
    pub fn labels_of(&self, group: Group) -> impl Iterator<Item = &str> {
        self.labels.iter().zip(&self.groups).filter(move |(_, g)| **g == group).map(|(l, _)| l.as_str())
    }

    /// How surely these class scores mean an animal: `1 - prod(1 - s)` over the animal labels, as if each label
    /// were a witness of its own. A class that the model never learnt (tiger, ape, wolf) spreads its score over
    /// several labels, and the best one alone would undervalue it.
    pub fn animal_score(&self, scores: &[(u16, f32)]) -> f32 {
        self.group_score(Group::Animal, scores)
    }

    /// How surely it is an animal and not a person: the animal score times what the person score leaves. It
    /// orders better than the animal score alone where walkers have some of it: at the score that one picture of
    /// walkers in 50 exceeds it finds 71 % of pasted animals with the default detector, the animal score 58 %,
    /// the best label 48 %. But an ape is a person to these models: a low value never means "no animal".
    pub fn animal_not_person_score(&self, scores: &[(u16, f32)]) -> f32 {
        self.animal_score(scores) * (1.0 - self.person_score(scores))
    }

    /// How surely they mean a person.
    pub fn person_score(&self, scores: &[(u16, f32)]) -> f32 {
        self.group_score(Group::Person, scores)
    }

    /// The same for vehicles.
    pub fn vehicle_score(&self, scores: &[(u16, f32)]) -> f32 {
        self.group_score(Group::Vehicle, scores)
    }

    /// The same for any group.
    pub fn group_score(&self, group: Group, scores: &[(u16, f32)]) -> f32 {
        group_score(&self.groups, group, scores)
    }

    /// The animal label that scores best, and its score.
    pub fn best_animal(&self, scores: &[(u16, f32)]) -> Option<(&str, f32)> {
        let animals = scores.iter().filter(|(label, _)| self.group(*label) == Group::Animal);
        animals.max_by(|a, b| a.1.total_cmp(&b.1)).map(|&(label, score)| (self.label_name(label), score))
    }
}

/// See [`ModelCard::animal_score`]; without a card, for whoever holds only the groups.
pub fn group_score(groups: &[Group], group: Group, scores: &[(u16, f32)]) -> f32 {
    let of_group = |label: u16| groups.get(usize::from(label)).copied().unwrap_or_default() == group;
    let none = scores.iter().filter(|(label, _)| of_group(*label)).map(|(_, s)| 1.0 - s.clamp(0.0, 1.0));
    1.0 - none.product::<f32>()
}

/// What these class scores stand for most: the group whose labels say most together. The many labels that stand
/// for nothing do not add up: their best one counts.
pub fn best_group(groups: &[Group], scores: &[(u16, f32)]) -> Group {
    let wanted = [Group::Animal, Group::Person, Group::Vehicle];
    let scored = wanted.map(|group| (group, group_score(groups, group, scores)));
    let is_other = |label: u16| groups.get(usize::from(label)).copied().unwrap_or_default() == Group::Other;
    let other = scores.iter().filter(|(label, _)| is_other(*label)).map(|(_, s)| *s).fold(0.0, f32::max);
    let all = [(Group::Other, other)].into_iter().chain(scored);
    all.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Group::Other, |(group, _)| group)
}

/// `model.toml` as it is typed; [`ModelCard`] is what is needed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCard {
    name: Spanned<String>,
    head: Spanned<String>,
    license: Spanned<String>,
    source: String,
    url: Option<Spanned<String>>,
    sha256: Spanned<String>,
    #[serde(default)]
    also_sha256: Vec<Spanned<String>>,
    input: Spanned<InputSpec>,
    output: Spanned<RawOutput>,
    labels: RawLabels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLabels {
    names: Spanned<Vec<String>>,
    animals: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    people: Vec<Spanned<String>>,
    #[serde(default)]
    vehicles: Vec<Spanned<String>>,
}

/// A mistake and the byte at which it stands.
struct Fault {
    at: usize,
    message: String,
}

fn fault<T>(at: std::ops::Range<usize>, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at: at.start, message: message.into() })
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

fn parse(text: &str) -> Result<ModelCard, Fault> {
    let raw: RawCard = toml::from_str(text).map_err(|error| syntax_fault(text, &error))?;
    for (key, value) in [("name", &raw.name), ("license", &raw.license)] {
        if value.get_ref().trim().is_empty() {
            return fault(value.span(), format!("key `{key}` is empty"));
        }
    }
    let sha256 = raw.sha256.get_ref().to_ascii_lowercase();
    if !is_digest(&sha256) && !sha256.is_empty() && sha256 != ANY_SHA256 {
        let wanted = "the 64 hexadecimal digits of model.onnx's SHA-256, empty, or \"any\"";
        return fault(raw.sha256.span(), format!("key `sha256` must be {wanted}"));
    }
    if let Some(other) = raw.also_sha256.iter().find(|other| !is_digest(other.get_ref())) {
        return fault(other.span(), "key `also_sha256` must list SHA-256s of 64 hexadecimal digits");
    }
    let url = checked_url(raw.url)?;
    let head = head::parse(&raw.head, &raw.output)?;
    check_input(&raw.input, &head)?;
    let groups = groups(&raw.labels)?;
    Ok(ModelCard {
        name: raw.name.into_inner(),
        license: raw.license.into_inner(),
        source: raw.source,
        url,
        sha256,
        also_sha256: raw.also_sha256.into_iter().map(|other| other.into_inner().to_ascii_lowercase()).collect(),
        input: raw.input.into_inner(),
        head,
        labels: raw.labels.names.into_inner(),
        groups,
    })
}

/// The parser's own message, with the key of the line it points at.
fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.lines().nth(line_of(text, at) - 1).unwrap_or_default();
    let said = error.message().replace('\n', " ");
    let message = match line.split_once('=') {
        Some((key, _)) if !said.contains(&format!("`{}`", key.trim())) => format!("key `{}`: {said}", key.trim()),
        _ => said,
    };
    Fault { at, message }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn checked_url(url: Option<Spanned<String>>) -> Result<Option<String>, Fault> {
    let Some(url) = url else { return Ok(None) };
    let is_web = ["https://", "http://"].iter().any(|scheme| url.get_ref().starts_with(scheme));
    if !is_web {
        return fault(
            url.span(),
            "key `url` must be the https address of model.onnx; leave it out where there is none",
        );
    }
    Ok(Some(url.into_inner()))
}

fn check_input(input: &Spanned<InputSpec>, head: &Head) -> Result<(), Fault> {
    let spec = input.get_ref();
    let cell_px = match head {
        Head::Centernet { stride_px, .. } => *stride_px,
        Head::Yolox { .. } => 32,
        // Their boxes are given in parts or pixels of the whole input: any size will do.
        Head::Detr(_) | Head::Megadetector { .. } => 1,
    };
    for (key, size) in [("width", spec.width), ("height", spec.height)] {
        if !(32..=4096).contains(&size) || size % cell_px != 0 {
            let wanted = format!("must be 32 to 4096 and a multiple of {cell_px}");
            return fault(input.span(), format!("key `input.{key}` is {size}, but {wanted}"));
        }
    }
    let finite = spec.mean.iter().chain(&spec.std).chain([&spec.scale]).all(|v| v.is_finite());
    if !finite || spec.scale == 0.0 || spec.std.contains(&0.0) {
        return fault(
            input.span(),
            "keys `input.scale`, `input.mean` and `input.std` must be finite, scale and std not 0",
        );
    }
    Ok(())
}

fn groups(raw: &RawLabels) -> Result<Vec<Group>, Fault> {
    let names = raw.names.get_ref();
    if names.is_empty() || names.len() > usize::from(u16::MAX) {
        return fault(raw.names.span(), "key `labels.names` must list the model's classes in the order of its outputs");
    }
    if raw.animals.get_ref().is_empty() {
        return fault(
            raw.animals.span(),
            "key `labels.animals` is empty, but must name the labels that may be an animal",
        );
    }
    let mut groups = vec![Group::Other; names.len()];
    let lists = [
        ("animals", raw.animals.get_ref(), Group::Animal),
        ("people", &raw.people, Group::Person),
        ("vehicles", &raw.vehicles, Group::Vehicle),
    ];
    for (key, list, group) in lists {
        for label in list {
            let Some(index) = names.iter().position(|n| n == label.get_ref()) else {
                let text = format!("key `labels.{key}` names '{}', which is not in `labels.names`", label.get_ref());
                return fault(label.span(), text);
            };
            if ![Group::Other, group].contains(&groups[index]) {
                let text = format!("key `labels.{key}` names '{}', which another group names too", label.get_ref());
                return fault(label.span(), text);
            }
            groups[index] = group;
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
