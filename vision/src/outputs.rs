//! Adapter: ONNX Runtime's output tensors given to the head that reads them.

use ort::session::SessionOutputs;

use crate::card::{Head, ModelCard, Queries};
use crate::detection::Detection;
use crate::head::{HeadParams, centernet, detr, megadetector, yolox};
use crate::letterbox::Letterbox;

/// What is in a picture by what the network gave out.
///
/// # Errors
/// An output of another type or size than the card implies.
pub(crate) fn decode(
    outputs: &SessionOutputs<'_>,
    card: &ModelCard,
    params: &HeadParams,
    letterbox: &Letterbox,
) -> ort::Result<Vec<Detection>> {
    let (input, classes) = ((card.input.width, card.input.height), card.labels.len());
    let detections = match &card.head {
        Head::Centernet { scores, wh, stride_px } => {
            let (scores, wh) = (floats(outputs, scores)?.1, floats(outputs, wh)?.1);
            let maps = centernet::Maps::new(scores, wh, input, *stride_px, classes);
            maps.map(|maps| centernet::decode(&maps, letterbox, params))
        }
        Head::Yolox { output } => {
            let rows = yolox::Rows::new(floats(outputs, output)?.1, input, classes);
            rows.map(|rows| yolox::decode(&rows, letterbox, params))
        }
        Head::Detr(Queries::Raw { logits, boxes, softmax, no_object }) => {
            let (logits, boxes) = (floats(outputs, logits)?.1, floats(outputs, boxes)?.1);
            let queries = detr::Queries::new(logits, boxes, input, classes, *softmax, *no_object);
            queries.map(|queries| detr::decode(&queries, letterbox, params))
        }
        Head::Detr(Queries::Fused { labels, boxes, scores }) => {
            let labels = integers(outputs, labels)?;
            let (boxes, scores) = (floats(outputs, boxes)?.1, floats(outputs, scores)?.1);
            let fused = detr::Fused::new(&labels, boxes, scores);
            fused.map(|fused| detr::decode_fused(&fused, classes, letterbox, params))
        }
        Head::Megadetector { output, rows } => {
            let (shape, values) = floats(outputs, output)?;
            let output = megadetector::Output::new(values, &shape, *rows, input, classes);
            output.map(|output| megadetector::decode(&output, letterbox, params))
        }
    };
    detections.map_err(ort::Error::new)
}

/// Shape and values of an output; its name was compared with the network's when the model was opened.
fn floats<'o>(outputs: &'o SessionOutputs<'_>, name: &str) -> ort::Result<(Vec<i64>, &'o [f32])> {
    let (shape, values) = outputs[name].try_extract_tensor::<f32>()?;
    Ok((shape.to_vec(), values))
}

/// Exporters write labels as 64 bits, as 32, or as floats.
fn integers(outputs: &SessionOutputs<'_>, name: &str) -> ort::Result<Vec<i64>> {
    let output = &outputs[name];
    if let Ok((_, values)) = output.try_extract_tensor::<i32>() {
        return Ok(values.iter().map(|v| i64::from(*v)).collect());
    }
    if let Ok((_, values)) = output.try_extract_tensor::<f32>() {
        return Ok(values.iter().map(|v| *v as i64).collect());
    }
    Ok(output.try_extract_tensor::<i64>()?.1.to_vec())
}
