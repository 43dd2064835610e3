//! What the tests share: where things lie, pictures, and a network made by hand.

use std::path::{Path, PathBuf};

use opencv::core::{MatTraitConst, MatTraitConstManual};
use opencv::imgcodecs;
use vision::{ImageRef, runtime};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Loads ONNX Runtime, or fails with the sentence that says how to get it.
pub fn load_runtime() {
    let in_repository = root().join(runtime::DEFAULT_DYLIB);
    let given = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    // A relative path is meant from the repository's root, where people set it; tests run in the crate.
    let path = given.map_or(in_repository, |given| root().join(given));
    runtime::load(Some(&path)).unwrap_or_else(|error| panic!("{error}"));
}

/// A decoded picture.
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub bgr: Vec<u8>,
}

impl Picture {
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        assert!(path.exists(), "{} is missing: apt-get install darknet (`deploy/setup`)", path.display());
        let mat = imgcodecs::imread(path.to_str().unwrap(), imgcodecs::IMREAD_COLOR).unwrap();
        let (width, height) = (mat.cols() as u32, mat.rows() as u32);
        Self { width, height, bgr: mat.data_bytes().unwrap().to_vec() }
    }

    /// One of the photographs that the package `darknet` brings.
    pub fn photograph(name: &str) -> Self {
        Self::read(format!("/usr/share/darknet/data/{name}.jpg"))
    }

    pub fn as_image(&self) -> ImageRef<'_> {
        ImageRef { width: self.width, height: self.height, bgr: &self.bgr }
    }
}

/// The smallest network: output `y` is input `x`, both of `shape`. Protobuf by hand, so that no test needs
/// Python.
pub fn identity_network(shape: &[u8]) -> Vec<u8> {
    let dimensions: Vec<u8> = shape.iter().flat_map(|size| field(1, &varint_field(1, *size))).collect();
    let float_tensor = [varint_field(1, 1), field(2, &dimensions)].concat();
    let value = |name: &str| [field(1, name.as_bytes()), field(2, &field(1, &float_tensor))].concat();
    let node = [field(1, b"x"), field(2, b"y"), field(4, b"Identity")].concat();
    let graph = [field(1, &node), field(2, b"g"), field(11, &value("x")), field(12, &value("y"))].concat();
    [varint_field(1, 8), field(7, &graph), field(8, &varint_field(2, 13))].concat()
}

/// A field of bytes; all of ours are shorter than 2^14.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let mut out = vec![number << 3 | 2];
    match length {
        0..128 => out.push(length as u8),
        _ => out.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]),
    }
    out.extend_from_slice(bytes);
    out
}

fn varint_field(number: u8, value: u8) -> Vec<u8> {
    assert!(value < 128);
    vec![number << 3, value]
}
