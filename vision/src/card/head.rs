//! Pure: the keys `head` and `[output]` of `model.toml`: how the network's outputs are read.

use serde::Deserialize;
use toml::Spanned;

use super::{Fault, fault};

/// How the network's outputs are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// Two maps over cells of `stride_px`: scores per class, and distances to the box's four edges.
    Centernet {
        /// Name of the output of class scores, after the sigmoid.
        scores: String,
        /// Name of the output of distances: left, top, right, bottom, in input pixels.
        wh: String,
        /// Input pixels per cell.
        stride_px: u32,
    },
    /// One row per anchor of strides 8, 16 and 32: centre, size, objectness, class scores, not yet decoded.
    Yolox {
        /// Name of the output.
        output: String,
    },
    /// A fixed number of queries, each an object or none (RT-DETR, D-FINE, RF-DETR).
    Detr(Queries),
    /// One output of boxes with scores (MegaDetector 6).
    Megadetector {
        /// Name of the output.
        output: String,
        /// How its rows are laid out.
        rows: Rows,
    },
}

/// What a DETR gives out for its queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queries {
    /// The network's own outputs.
    Raw {
        /// Name of the output of class logits: 1 x queries x classes.
        logits: String,
        /// Name of the output of boxes: 1 x queries x 4, centre and size in parts of the input.
        boxes: String,
        /// Logits are to be made scores by a softmax over the classes; else by a sigmoid each.
        softmax: bool,
        /// Where the class "no object" stands among the logits; it has no label.
        no_object: NoObject,
    },
    /// Outputs of an exported postprocessor: label, box (left, top, right, bottom) and score of the best pairs of
    /// query and class. Boxes are in pixels of what the input `orig_target_sizes` says, which is given the input's
    /// own size; without such an input they are in input pixels.
    Fused {
        /// Name of the output of labels: 1 x pairs, integers.
        labels: String,
        /// Name of the output of boxes: 1 x pairs x 4.
        boxes: String,
        /// Name of the output of scores: 1 x pairs.
        scores: String,
    },
}

/// Where the class "no object" stands among a query's logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoObject {
    /// There is none.
    None,
    /// Before the first label.
    First,
    /// After the last label.
    Last,
}

/// How the rows of MegaDetector's output are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// `1 x (4 + classes) x anchors`: centre and size in input pixels, then each class's score after the sigmoid.
    Yolov9,
    /// `1 x boxes x 6`, suppressed already: left, top, right, bottom, score, class.
    Edges(Boxes),
    /// `1 x boxes x 6`, suppressed already: centre, size, score, class.
    Centres(Boxes),
}

/// What a row's coordinates count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boxes {
    /// Pixels of the input.
    Pixels,
    /// Parts of the input's width and height.
    Parts,
}

impl Head {
    /// The word that `model.toml` uses.
    pub fn name(&self) -> &'static str {
        match self {
            Head::Centernet { .. } => "centernet",
            Head::Yolox { .. } => "yolox",
            Head::Detr(_) => "detr",
            Head::Megadetector { .. } => "megadetector",
        }
    }

    /// Keys of `[output]` that name outputs of the network, with those names.
    pub fn outputs(&self) -> Vec<(&'static str, &str)> {
        match self {
            Head::Centernet { scores, wh, .. } => vec![("scores", scores), ("wh", wh)],
            Head::Yolox { output } | Head::Megadetector { output, .. } => vec![("output", output)],
            Head::Detr(Queries::Raw { logits, boxes, .. }) => vec![("logits", logits), ("boxes", boxes)],
            Head::Detr(Queries::Fused { labels, boxes, scores }) => {
                vec![("labels", labels), ("boxes", boxes), ("scores", scores)]
            }
        }
    }
}

/// `[output]` as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOutput {
    scores: Option<String>,
    wh: Option<String>,
    output: Option<String>,
    stride: Option<u32>,
    logits: Option<String>,
    boxes: Option<String>,
    labels: Option<String>,
    activation: Option<Activation>,
    no_object: Option<NoObject>,
    rows: Option<RowsWord>,
    coordinates: Option<Boxes>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Activation {
    Sigmoid,
    Softmax,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RowsWord {
    Yolov9,
    Edges,
    Centres,
}

/// Reads `head` and `[output]`.
pub(super) fn parse(head: &Spanned<String>, output: &Spanned<RawOutput>) -> Result<Head, Fault> {
    let keys = Keys { head, output };
    let raw = output.get_ref();
    match head.get_ref().as_str() {
        "centernet" => {
            keys.only(&["scores", "wh", "stride"])?;
            let stride_px = raw.stride.unwrap_or(4);
            if stride_px == 0 || stride_px > 64 {
                return fault(output.span(), format!("key `output.stride` is {stride_px}, but must be 1 to 64"));
            }
            let (scores, wh) = (keys.needed("scores", &raw.scores)?, keys.needed("wh", &raw.wh)?);
            Ok(Head::Centernet { scores, wh, stride_px })
        }
        "yolox" if raw.output.is_none() => {
            keys.only(&["scores"])?;
            Ok(Head::Yolox { output: keys.needed("output", &raw.scores)? })
        }
        "yolox" => {
            keys.only(&["output"])?;
            Ok(Head::Yolox { output: keys.needed("output", &raw.output)? })
        }
        "detr" => keys.queries().map(Head::Detr),
        // Its RT-DETR variants are exported like any other.
        "megadetector" if raw.output.is_none() => keys.queries().map(Head::Detr),
        "megadetector" => keys.megadetector(),
        other => fault(
            head.span(),
            format!(
                "key `head` is '{other}', but this version reads 'centernet', 'yolox', 'detr' and 'megadetector' only"
            ),
        ),
    }
}

/// The keys of `[output]`, for what is to be said of them.
struct Keys<'a> {
    head: &'a Spanned<String>,
    output: &'a Spanned<RawOutput>,
}

impl Keys<'_> {
    fn needed(&self, key: &str, value: &Option<String>) -> Result<String, Fault> {
        match value {
            Some(name) if !name.is_empty() => Ok(name.clone()),
            _ => fault(self.output.span(), format!("head '{}' needs the key `output.{key}`", self.head.get_ref())),
        }
    }

    /// Refuses keys that mean nothing to the head.
    fn only(&self, known: &[&str]) -> Result<(), Fault> {
        let raw = self.output.get_ref();
        let given = [
            ("scores", raw.scores.is_some()),
            ("wh", raw.wh.is_some()),
            ("output", raw.output.is_some()),
            ("stride", raw.stride.is_some()),
            ("logits", raw.logits.is_some()),
            ("boxes", raw.boxes.is_some()),
            ("labels", raw.labels.is_some()),
            ("activation", raw.activation.is_some()),
            ("no_object", raw.no_object.is_some()),
            ("rows", raw.rows.is_some()),
            ("coordinates", raw.coordinates.is_some()),
        ];
        match given.iter().find(|(key, given)| *given && !known.contains(key)) {
            Some((key, _)) => {
                let text = format!("key `output.{key}` means nothing to head '{}' as it is used", self.head.get_ref());
                fault(self.output.span(), text)
            }
            None => Ok(()),
        }
    }

    fn queries(&self) -> Result<Queries, Fault> {
        let raw = self.output.get_ref();
        if raw.logits.is_none() && (raw.labels.is_some() || raw.scores.is_some()) {
            self.only(&["labels", "boxes", "scores"])?;
            let (labels, boxes) = (self.needed("labels", &raw.labels)?, self.needed("boxes", &raw.boxes)?);
            return Ok(Queries::Fused { labels, boxes, scores: self.needed("scores", &raw.scores)? });
        }
        self.only(&["logits", "boxes", "activation", "no_object"])?;
        let softmax = raw.activation == Some(Activation::Softmax);
        // A softmax needs a class for "nothing here", and the first DETR put it last.
        let no_object = raw.no_object.unwrap_or(if softmax { NoObject::Last } else { NoObject::None });
        let (logits, boxes) = (self.needed("logits", &raw.logits)?, self.needed("boxes", &raw.boxes)?);
        Ok(Queries::Raw { logits, boxes, softmax, no_object })
    }

    fn megadetector(&self) -> Result<Head, Fault> {
        self.only(&["output", "rows", "coordinates"])?;
        let raw = self.output.get_ref();
        let coordinates = raw.coordinates.unwrap_or(Boxes::Pixels);
        let rows = match raw.rows {
            None | Some(RowsWord::Yolov9) if raw.coordinates == Some(Boxes::Parts) => {
                return fault(self.output.span(), "key `output.coordinates` must be \"pixels\" where `rows` is yolov9");
            }
            None | Some(RowsWord::Yolov9) => Rows::Yolov9,
            Some(RowsWord::Edges) => Rows::Edges(coordinates),
            Some(RowsWord::Centres) => Rows::Centres(coordinates),
        };
        Ok(Head::Megadetector { output: self.needed("output", &raw.output)?, rows })
    }
}
