//! Adapter: the picture of the synthetic animal, by OpenCV.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use media::CutOut;
use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, Size, Vector, VectorToVec as _};
use opencv::{imgcodecs, imgproc};

/// Photographs of the package `tuxpaint-stamps-default` that the default detector sees well, and whether they face
/// right.
const PACKAGED: [(&str, bool); 3] = [
    ("/usr/share/tuxpaint/stamps/animals/mammals/cats/lion-2.png", false),
    ("/usr/share/tuxpaint/stamps/animals/mammals/cats/tiger_sumatran.png", true),
    ("/usr/share/tuxpaint/stamps/animals/mammals/elephant.png", true),
];
/// Taller is of no use in an analysis frame.
const MOST_ROWS: u32 = 240;

/// A synthetic animal.
#[derive(Debug, Clone)]
pub struct Sprite {
    /// As it is pasted.
    pub cut: CutOut,
    /// As it is sent: a PNG, base64.
    pub base64: String,
    /// Which way it faces.
    pub faces_right: bool,
}

impl Sprite {
    /// The one that is configured, or the first of the packaged ones that is there.
    ///
    /// # Errors
    /// One sentence that names the file or the package.
    pub fn load(configured: Option<(&Path, bool)>) -> Result<Self, String> {
        let packaged = || PACKAGED.iter().map(|(path, right)| (PathBuf::from(path), *right)).find(|(p, _)| p.exists());
        let (path, faces_right) = configured.map(|(path, right)| (path.to_owned(), right)).or_else(packaged).ok_or(
            "there is no picture for a drill: name one with `drill.sprite`, or install tuxpaint-stamps-default",
        )?;
        let wrong = |why: &str| format!("{}: {why}; name a PNG with transparency with `drill.sprite`", path.display());
        let png = std::fs::read(&path).map_err(|e| wrong(&e.to_string()))?;
        let cut = decode(&png).map_err(|e| wrong(&e.to_string()))?.ok_or_else(|| wrong("it has no transparency"))?;
        let (cut, png) = shrunk(&cut).map_err(|e| wrong(&e.to_string()))?.ok_or_else(|| wrong("it cannot be used"))?;
        Ok(Self { cut, base64: base64::engine::general_purpose::STANDARD.encode(png), faces_right })
    }
}

fn decode(png: &[u8]) -> opencv::Result<Option<CutOut>> {
    let image = imgcodecs::imdecode(&Vector::<u8>::from_slice(png), imgcodecs::IMREAD_UNCHANGED)?;
    if image.channels() != 4 || image.depth() != opencv::core::CV_8U {
        return Ok(None);
    }
    Ok(CutOut::new(image.cols() as u32, image.rows() as u32, image.data_bytes()?))
}

/// At most [`MOST_ROWS`] tall, and as a PNG.
fn shrunk(cut: &CutOut) -> opencv::Result<Option<(CutOut, Vec<u8>)>> {
    let rows = Mat::from_slice(cut.bgra())?;
    let whole = rows.reshape(4, cut.height() as i32)?;
    let height = cut.height().min(MOST_ROWS);
    let width = (cut.width() * height / cut.height()).max(1);
    let mut small = Mat::default();
    imgproc::resize(&whole, &mut small, Size::new(width as i32, height as i32), 0.0, 0.0, imgproc::INTER_AREA)?;
    let mut png = Vector::<u8>::new();
    imgcodecs::imencode_def(".png", &small, &mut png)?;
    let cut = CutOut::new(width, height, small.data_bytes()?);
    Ok(cut.map(|cut| (cut, png.to_vec())))
}
