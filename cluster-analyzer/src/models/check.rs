//! Adapter: `models check` opens a model in `vision` and runs it.

use std::io::Write;
use std::time::Instant;

use vision::{ImageRef, Model, ModelOptions};

use super::ModelsError;
use super::catalogue::{Catalogue, Entry, State};

/// A plain picture holds nothing; a network that sees something in it with this score is given its pixels wrongly,
/// or its output is read wrongly.
const SURE: f32 = 0.5;

/// Checks one model and says what it is.
///
/// # Errors
/// It is not installed, is not what its card says, or does not run.
pub fn check(entry: &Entry) -> Result<String, ModelsError> {
    if entry.state() == State::Missing && entry.card.is_ok() {
        return Err(ModelsError::NotInstalled { name: entry.name.clone(), path: entry.network() });
    }
    let mut model = Model::open(&entry.path, &ModelOptions::default())?;
    let (width, height) = (640, 480);
    let grey = vec![128; width as usize * height as usize * 3];
    let began = Instant::now();
    let seen = model.detect(ImageRef { width, height, bgr: &grey })?;
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let card = model.card();
    let (input_w, input_h) = (card.input.width, card.input.height);
    let mut line = format!(
        "{}: runs, {took_ms:.0} ms a picture on one thread, head {}, input {input_w}x{input_h}, {} labels, {}, sha256 {}",
        entry.name,
        card.head.name(),
        card.labels.len(),
        card.license,
        card.sha256
    );
    if let Some(first) = seen.first().filter(|first| first.score >= SURE) {
        line += &format!(
            "; but it sees a {} with a score of {:.2} in a plain grey picture: are `input` and `output` of model.toml right?",
            first.label_name(card),
            first.score
        );
    }
    Ok(line)
}

/// Checks all that are installed, one line each.
///
/// # Errors
/// One or more cannot be used; the others were checked all the same.
pub fn check_all(catalogue: &Catalogue, out: &mut dyn Write) -> Result<(), ModelsError> {
    let (mut checked, mut failed) = (0, 0);
    for entry in &catalogue.entries {
        let line = match check(entry) {
            Err(ModelsError::NotInstalled { name, .. }) => format!("{name}: not installed"),
            Err(error) => {
                (checked, failed) = (checked + 1, failed + 1);
                format!("{}: {}", entry.name, base::input::chain(&error))
            }
            Ok(line) => {
                checked += 1;
                line
            }
        };
        writeln!(out, "{line}").map_err(ModelsError::Out)?;
    }
    if failed > 0 { Err(ModelsError::SomeFailed { failed, checked }) } else { Ok(()) }
}
