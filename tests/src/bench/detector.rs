//! One frame through `vision::Model::detect` against the same network called directly.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use media::{OpenOptions, Picture, Source, SourceUrl};
use vision::{ImageRef, Model, ModelOptions};

use super::{Row, median, progress};
use crate::place::repo_root;
use crate::scenes;

/// Pictures a round, of each way.
const PICTURES: usize = 20;

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let set = scenes::set("smoke")?;
    let clip = set.escapes().first().copied().context("the set has no escape")?;
    let pictures = pictures(&set.path(clip))?;
    let mut rows = Vec::new();
    for name in ["centernet", "yolox_nano"] {
        let dir = repo_root().join("models").join(name);
        if !dir.join("model.onnx").exists() {
            progress(&format!("models/{name} is not there and is left out"));
            continue;
        }
        let mut model = Model::open(&dir, &ModelOptions::default())?;
        let (mut ours, mut alone) = (Vec::new(), Vec::new());
        for i in 0..rounds * PICTURES {
            let Picture { width, height, bgr, .. } = &pictures[i % pictures.len()];
            let began = Instant::now();
            model.detect(ImageRef { width: *width, height: *height, bgr })?;
            ours.push(began.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            model.session_run_blank()?;
            alone.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (ours, alone) = (median(&ours), median(&alone));
        let what = format!("detection of one frame, {name}, one thread");
        rows.push(Row::against(
            what,
            format!("{ours:.1} ms"),
            format!("ONNX Runtime alone {alone:.1} ms"),
            ours / alone,
        ));
    }
    Ok(rows)
}

/// A clip's pictures as the detector gets them.
fn pictures(clip: &Path) -> Result<Vec<Picture>> {
    let url = SourceUrl::parse(&clip.display().to_string())?;
    let mut source = Source::open(&url, &OpenOptions::default())?;
    let mut decoder = source.decoder(Some(640))?;
    let mut pictures = Vec::new();
    while pictures.len() < PICTURES
        && let Some(packet) = source.read()?
    {
        pictures.extend(decoder.decode(&packet)?);
    }
    anyhow::ensure!(!pictures.is_empty(), "{} has no pictures", clip.display());
    Ok(pictures)
}
