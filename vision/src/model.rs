//! Adapter: a model folder opened as an ONNX Runtime session.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base::geometry::Rect;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{TensorElementType, TensorRef};
use sha2::{Digest, Sha256};

use crate::card::ModelCard;
use crate::detection::Detection;
use crate::error::ModelError;
use crate::head::HeadParams;
use crate::looks::{self, Glance, LookParams};
use crate::mosaic::Mosaic;
use crate::preprocess::Preprocessor;
use crate::{outputs, runtime};

/// A picture as a decoder leaves it: interleaved BGR, 8 bits, rows of `3 * width` bytes.
#[derive(Debug, Clone, Copy)]
pub struct ImageRef<'a> {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `3 * width * height` bytes.
    pub bgr: &'a [u8],
}

impl ImageRef<'_> {
    /// Checks that the bytes are as many as the size says.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let wanted = self.width as usize * self.height as usize * 3;
        if wanted == 0 || wanted != self.bgr.len() {
            return Err(ModelError::Picture { width: self.width, height: self.height, wanted, found: self.bgr.len() });
        }
        Ok(())
    }
}

/// How a model is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelOptions {
    /// Threads of one detection. One, and several models side by side, is faster than one model with several
    /// on a busy machine.
    pub threads: usize,
    /// Best class score under which nothing is reported. 0.1 is the tracker's low score: a box that weak
    /// carries a track on and never begins one.
    pub min_score: f32,
    /// At most so many detections a picture, the best ones.
    pub max_detections: usize,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { threads: 1, min_score: 0.1, max_detections: 100 }
    }
}

/// A model folder: `model.toml` checked, `model.onnx` read and its checksum compared.
#[derive(Debug, Clone)]
pub struct ModelDir {
    /// The folder.
    pub path: PathBuf,
    /// What `model.toml` says; `sha256` is that of the file in any case.
    pub card: ModelCard,
    /// The bytes of `model.onnx`.
    pub network: Vec<u8>,
}

impl ModelDir {
    /// Reads a model folder.
    ///
    /// # Errors
    /// One sentence for a folder or file that is missing, a card with a mistake, a checksum that differs or that
    /// the card does not know.
    pub fn read(dir: &Path) -> Result<Self, ModelError> {
        let mut card = ModelCard::read(dir)?;
        let path = dir.join("model.onnx");
        let network = read_file(&path)?;
        let found: String = Sha256::digest(&network).iter().map(|b| format!("{b:02x}")).collect();
        match card.vouches_for(&found) {
            None => return Err(ModelError::Unverified { path, found }),
            Some(false) => return Err(ModelError::Checksum { path, wanted: card.sha256, found }),
            // What is recorded of a model is which file ran.
            Some(true) => card.sha256 = found,
        }
        Ok(Self { path: dir.to_path_buf(), card, network })
    }
}

impl ModelCard {
    /// Reads `model.toml` of a model folder.
    ///
    /// # Errors
    /// As [`ModelCard::parse`], and one sentence for a folder or file that is missing.
    pub fn read(dir: &Path) -> Result<Self, ModelError> {
        if !dir.is_dir() {
            return Err(ModelError::FolderMissing { path: dir.to_path_buf() });
        }
        let path = dir.join("model.toml");
        let bytes = read_file(&path)?;
        Self::parse(&path, &String::from_utf8_lossy(&bytes))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => ModelError::FileMissing { path: path.to_path_buf() },
        _ => ModelError::Read { path: path.to_path_buf(), source },
    })
}

/// A network ready to run, for one thread at a time; open it once per detector thread.
#[derive(Debug)]
pub struct Model {
    card: ModelCard,
    params: HeadParams,
    session: Session,
    preprocessor: Preprocessor,
    mosaic: Mosaic,
    /// The network also wants to be told the picture's size.
    sizes: Option<SizesInput>,
}

/// The second input of a DETR exported with its postprocessor, `orig_target_sizes`: 1 x 2, width and height. It is
/// given the input's own size, so that boxes come in input pixels like everyone else's.
#[derive(Debug, Clone, Copy)]
struct SizesInput {
    /// Place among the inputs, 0 or 1.
    index: usize,
    integers: bool,
}

impl Model {
    /// Opens a model folder, loading ONNX Runtime first where nobody has (see [`runtime::load`]).
    ///
    /// # Errors
    /// As [`ModelDir::read`], and one sentence for a file that is no network, and for a network whose tensors
    /// are not those of its card.
    pub fn open(dir: &Path, options: &ModelOptions) -> Result<Self, ModelError> {
        let ModelDir { path, card, network } = ModelDir::read(dir)?;
        let environment = runtime::environment(None)?;
        let session = build_session(&environment, options, &network)
            .map_err(|source| ModelError::Network { path: path.join("model.onnx"), source })?;
        let preprocessor = Preprocessor::new(&card.input);
        let params = HeadParams {
            min_score: options.min_score,
            max_detections: options.max_detections,
            groups: card.groups.clone(),
        };
        let mut model = Self { card, params, session, preprocessor, mosaic: Mosaic::default(), sizes: None };
        model.check_tensors(&path.join("model.toml"))?;
        Ok(model)
    }

    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// What is in the picture: best first.
    ///
    /// # Errors
    /// A picture whose bytes are not as many as its size says; a network that fails.
    pub fn detect(&mut self, image: ImageRef<'_>) -> Result<Vec<Detection>, ModelError> {
        let letterbox = self.preprocessor.fill(image)?;
        let outputs = run(&mut self.session, &self.preprocessor, self.sizes).map_err(|e| run_error(&self.card, e))?;
        // The shapes were checked when the model was opened; a network that changes them later is broken.
        outputs::decode(&outputs, &self.card, &self.params, &letterbox).map_err(|e| run_error(&self.card, e))
    }

    /// What is in the picture, after a closer look at what moves in it and at what the first look was not sure of
    /// (see [`crate::looks`]): best first. `turn` counts up from picture to picture.
    ///
    /// # Errors
    /// As [`Model::detect`].
    pub fn detect_closely(
        &mut self,
        image: ImageRef<'_>,
        looks: &LookParams,
        motion: &[Rect],
        turn: u64,
    ) -> Result<Vec<Detection>, ModelError> {
        let whole = self.detect(image)?;
        let input = (self.card.input.width, self.card.input.height);
        let glance = Glance { picture: (image.width, image.height), input, motion, seen: &whole, turn };
        let tiles = looks::plan(looks, &self.card, &glance);
        if tiles.is_empty() {
            return Ok(whole);
        }
        let mut mosaic = std::mem::take(&mut self.mosaic);
        let found = mosaic
            .fill(image, &tiles, input, self.card.input.pad)
            .map_err(|source| ModelError::Scale { source })
            .and_then(|picture| self.detect(picture));
        self.mosaic = mosaic;
        let closer = found?.into_iter().filter_map(|mut d| {
            d.rect = tiles.iter().find_map(|tile| tile.to_picture(&d.rect))?;
            Some(d)
        });
        Ok(looks::together(whole, closer.collect(), &self.params))
    }

    /// Runs the network alone over a blank input that is already laid out: what a plain call of ONNX Runtime
    /// costs, to measure [`Model::detect`] against.
    ///
    /// # Errors
    /// A network that fails.
    pub fn session_run_blank(&mut self) -> Result<(), ModelError> {
        run(&mut self.session, &self.preprocessor, self.sizes).map(drop).map_err(|e| run_error(&self.card, e))
    }

    /// Compares names and shapes with the card: the input's as declared, the outputs' by running it once, since
    /// many exporters leave them open. That also makes the first real picture as fast as the others.
    fn check_tensors(&mut self, card_path: &Path) -> Result<(), ModelError> {
        let shape = |message: String| ModelError::Shape { path: card_path.to_path_buf(), message };
        let (image, sizes) = inputs(&self.session).map_err(shape)?;
        self.sizes = sizes;
        let declared = self.session.inputs()[image].dtype().tensor_shape().map(|s| s.to_vec()).unwrap_or_default();
        let wanted = self.preprocessor.shape();
        let fits = declared.len() == 4 && declared.iter().zip(&wanted).all(|(d, w)| *d < 0 || d == w);
        if !fits {
            let text = "the network's input is {}, but `input.width`, `input.height` and `input.layout` make it {}";
            let message = text.replacen("{}", &dimensions(&declared), 1).replacen("{}", &dimensions(&wanted), 1);
            return Err(shape(message));
        }
        self.check_output_names(card_path)?;
        let blank = ImageRef { width: 1, height: 1, bgr: &[0, 0, 0] };
        self.detect(blank).map(drop).map_err(|error| match error {
            ModelError::Run { source, .. } => shape(source.message().to_owned()),
            other => other,
        })
    }

    fn check_output_names(&self, card_path: &Path) -> Result<(), ModelError> {
        let named = self.card.head.outputs();
        let has: Vec<&str> = self.session.outputs().iter().map(|o| o.name()).collect();
        match named.iter().find(|(_, name)| !has.contains(name)) {
            None => Ok(()),
            Some((key, name)) => Err(ModelError::Output {
                path: card_path.to_path_buf(),
                key,
                name: (*name).to_owned(),
                has: has.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

fn dimensions(shape: &[i64]) -> String {
    let sizes: Vec<_> = shape.iter().map(|d| if *d < 0 { "?".to_owned() } else { d.to_string() }).collect();
    sizes.join("x")
}

fn run_error(card: &ModelCard, source: ort::Error) -> ModelError {
    ModelError::Run { model: card.name.clone(), source }
}

fn build_session(env: &ort::environment::Environment, options: &ModelOptions, network: &[u8]) -> ort::Result<Session> {
    Session::builder(env)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(options.threads.max(1))?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        // A thread that spins while it waits takes the core from the decoder and the broker.
        .with_intra_op_spinning(false)?
        // One picture at a time: a fixed size lets the optimiser fold what hangs on it.
        .with_dimension_override("batch", 1)?
        .commit_from_memory(network)
}

/// Which input is the picture's, and the one that asks for its size where there is one.
fn inputs(session: &Session) -> Result<(usize, Option<SizesInput>), String> {
    let all = session.inputs();
    let dims = |i: usize| all[i].dtype().tensor_shape().map_or(0, |s| s.len());
    match all.len() {
        1 => Ok((0, None)),
        2 if dims(0).max(dims(1)) == 4 && dims(0).min(dims(1)) == 2 => {
            let index = usize::from(dims(0) == 4);
            let integers = all[index].dtype().tensor_type() == Some(TensorElementType::Int64);
            Ok((1 - index, Some(SizesInput { index, integers })))
        }
        count => {
            let names: Vec<_> = all.iter().map(|input| format!("'{}'", input.name())).collect();
            let text = "must have one, and beside it at most one for the picture's size (1x2)";
            Err(format!("the network has {count} inputs ({}), but {text}", names.join(", ")))
        }
    }
}

fn run<'s>(
    session: &'s mut Session,
    input: &Preprocessor,
    sizes: Option<SizesInput>,
) -> ort::Result<SessionOutputs<'s>> {
    let tensor = TensorRef::from_array_view((input.shape(), input.tensor()))?;
    let Some(sizes) = sizes else { return session.run(ort::inputs![tensor]) };
    let (width, height) = input.size();
    let floats = [width as f32, height as f32];
    let integers = [i64::from(width), i64::from(height)];
    let asked: SessionInputValue<'_> = match sizes.integers {
        true => TensorRef::from_array_view(([1_i64, 2], integers.as_slice()))?.into(),
        false => TensorRef::from_array_view(([1_i64, 2], floats.as_slice()))?.into(),
    };
    let picture: SessionInputValue<'_> = tensor.into();
    session.run(if sizes.index == 0 { [asked, picture] } else { [picture, asked] })
}
