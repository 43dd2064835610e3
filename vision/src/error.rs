//! Why a model cannot be used: each one sentence that names the file, the line or the key.

use std::path::PathBuf;

/// Why a model cannot be opened or run. What lies below it (an IO error, ONNX Runtime's own message) is its
/// source and not repeated in its text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The shared library is not where it should be.
    #[error(
        "ONNX Runtime's library is not at {}: run `deploy/setup`, or set ORT_DYLIB_PATH to a libonnxruntime.so",
        path.display()
    )]
    RuntimeMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The shared library is there and is not one we can use.
    #[error("{} cannot be loaded as ONNX Runtime 1.22 or newer", path.display())]
    RuntimeLoad {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        source: ort::LoadDynamicError,
    },
    /// ONNX Runtime loaded and would not start.
    #[error("ONNX Runtime did not start")]
    RuntimeStart {
        /// What it said.
        source: ort::Error,
    },
    /// The model folder is not there.
    #[error("model folder {} does not exist: run `deploy/setup`, or name a folder that holds model.onnx and model.toml", path.display())]
    FolderMissing {
        /// The folder.
        path: PathBuf,
    },
    /// One of the folder's two files is not there.
    #[error("{} does not exist: a model is a folder that holds model.onnx and model.toml; `deploy/setup` fetches the default, `cluster-analyzer models fetch` others", path.display())]
    FileMissing {
        /// The file.
        path: PathBuf,
    },
    /// A file is there and cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `model.toml` says something that cannot be.
    #[error("{}:{line}: {message}", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong, with the key's name, and what would be right.
        message: String,
    },
    /// The network is not the one that the card describes.
    #[error("{} has sha256 {found}, but key `sha256` of model.toml says {wanted}: fetch the file again, or correct the key", path.display())]
    Checksum {
        /// The network's file.
        path: PathBuf,
        /// What the card says.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The card does not say which network it describes.
    #[error(
        "{} has sha256 {found}, and key `sha256` of model.toml is empty, so it is not run: compare it with what the \
         publisher says and write it there, or write \"any\" to run whatever file lies there",
        path.display()
    )]
    Unverified {
        /// The network's file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// ONNX Runtime does not take the file.
    #[error("{} is not an ONNX network that ONNX Runtime can run", path.display())]
    Network {
        /// The network's file.
        path: PathBuf,
        /// What ONNX Runtime said.
        source: ort::Error,
    },
    /// The card names an output that the network does not have.
    #[error("{}: key `output.{key}` names the output '{name}', but the network has {has}", path.display())]
    Output {
        /// The card's file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// The name given there.
        name: String,
        /// The outputs that exist.
        has: String,
    },
    /// The network's tensors have other shapes than the card implies.
    #[error("{}: {message}", path.display())]
    Shape {
        /// The card's file.
        path: PathBuf,
        /// Which tensor, what it is and what the card says.
        message: String,
    },
    /// The picture handed in is no picture.
    #[error("a picture of {width}x{height} pixels needs {wanted} bytes of BGR, but {found} were given")]
    Picture {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Bytes it should have.
        wanted: usize,
        /// Bytes it has.
        found: usize,
    },
    /// The picture could not be scaled.
    #[error("the picture could not be scaled to the network's input")]
    Scale {
        /// What OpenCV said.
        source: opencv::Error,
    },
    /// The network failed on a picture.
    #[error("the network '{model}' failed on a picture")]
    Run {
        /// The model's name.
        model: String,
        /// What ONNX Runtime said.
        source: ort::Error,
    },
}
