//! Adapter: OpenCV scales the picture, one pass lays it into the network's input. All buffers are kept.

use opencv::core::{Mat, MatTraitConstManual, Size, Vec3b};
use opencv::imgproc;

use crate::card::{Channels, InputSpec, Layout};
use crate::error::ModelError;
use crate::letterbox::Letterbox;
use crate::model::ImageRef;

/// The network's input tensor and what fills it.
#[derive(Debug)]
pub(crate) struct Preprocessor {
    spec: InputSpec,
    tensor: Vec<f32>,
    /// Value of each of the 256 pixel levels in each tensor channel: one table serves every normalisation.
    levels: [[f32; 256]; 3],
    scaled: Mat,
    /// Where the last picture lay: only when that changes must the padding be written again.
    padded_for: Option<Letterbox>,
}

impl Preprocessor {
    pub(crate) fn new(spec: &InputSpec) -> Self {
        let mut levels = [[0.0; 256]; 3];
        for (c, table) in levels.iter_mut().enumerate() {
            for (level, value) in table.iter_mut().enumerate() {
                *value = (level as f32 * spec.scale - spec.mean[c]) / spec.std[c];
            }
        }
        let values = spec.width as usize * spec.height as usize * 3;
        Self { spec: spec.clone(), tensor: vec![0.0; values], levels, scaled: Mat::default(), padded_for: None }
    }

    /// The tensor's shape, a batch of one.
    pub(crate) fn shape(&self) -> [i64; 4] {
        let (w, h) = (i64::from(self.spec.width), i64::from(self.spec.height));
        match self.spec.layout {
            Layout::Nhwc => [1, h, w, 3],
            Layout::Nchw => [1, 3, h, w],
        }
    }

    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.spec.width, self.spec.height)
    }

    /// The tensor as it was filled last.
    pub(crate) fn tensor(&self) -> &[f32] {
        &self.tensor
    }

    /// Lays a picture into the tensor.
    pub(crate) fn fill(&mut self, image: ImageRef<'_>) -> Result<Letterbox, ModelError> {
        image.check()?;
        let letterbox = Letterbox::new(self.spec.fit, (image.width, image.height), (self.spec.width, self.spec.height));
        if self.padded_for != Some(letterbox) {
            self.pad();
            self.padded_for = Some(letterbox);
        }
        if (image.width, image.height) == (letterbox.width_px, letterbox.height_px) {
            write(&mut self.tensor, &self.spec, &self.levels, &letterbox, image.bgr);
        } else {
            resize(image, &letterbox, &mut self.scaled).map_err(|source| ModelError::Scale { source })?;
            let bytes = self.scaled.data_bytes().map_err(|source| ModelError::Scale { source })?;
            write(&mut self.tensor, &self.spec, &self.levels, &letterbox, bytes);
        }
        Ok(letterbox)
    }

    fn pad(&mut self) {
        let pad = usize::from(self.spec.pad);
        let values = [self.levels[0][pad], self.levels[1][pad], self.levels[2][pad]];
        match self.spec.layout {
            Layout::Nhwc => self.tensor.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&values)),
            Layout::Nchw => {
                let plane = self.tensor.len() / 3;
                self.tensor.chunks_exact_mut(plane).zip(values).for_each(|(plane, value)| plane.fill(value));
            }
        }
    }
}

/// Bilinear samples every second pixel or fewer when it shrinks by more than half, which loses small animals
/// to noise; averaging the area does not.
fn resize(image: ImageRef<'_>, letterbox: &Letterbox, into: &mut Mat) -> opencv::Result<()> {
    let source = Mat::new_rows_cols_with_bytes::<Vec3b>(image.height as i32, image.width as i32, image.bgr)?;
    let shrinks = image.width > 2 * letterbox.width_px || image.height > 2 * letterbox.height_px;
    let method = if shrinks { imgproc::INTER_AREA } else { imgproc::INTER_LINEAR };
    let size = Size::new(letterbox.width_px as i32, letterbox.height_px as i32);
    imgproc::resize(&source, into, size, 0.0, 0.0, method)
}

/// Writes `bgr`, of the letterbox's size, into its place in the tensor.
fn write(tensor: &mut [f32], spec: &InputSpec, levels: &[[f32; 256]; 3], letterbox: &Letterbox, bgr: &[u8]) {
    // Which byte of a BGR pixel feeds tensor channel 0, and which channel 2.
    let (first, last) = if spec.channels == Channels::Bgr { (0, 2) } else { (2, 0) };
    let [table_0, table_1, table_2] = levels;
    let (width, left) = (spec.width as usize, letterbox.left_px as usize);
    let row_px = letterbox.width_px as usize;
    let starts = (letterbox.top_px as usize..).map(|y| y * width + left);
    let plane = tensor.len() / 3;
    for (row, start) in bgr.chunks_exact(row_px * 3).zip(starts) {
        let pixels = row.as_chunks::<3>().0;
        match spec.layout {
            Layout::Nhwc => {
                let out = tensor[start * 3..(start + row_px) * 3].as_chunks_mut::<3>().0;
                for (out, pixel) in out.iter_mut().zip(pixels) {
                    *out = [
                        table_0[usize::from(pixel[first])],
                        table_1[usize::from(pixel[1])],
                        table_2[usize::from(pixel[last])],
                    ];
                }
            }
            Layout::Nchw => {
                let (a, rest) = tensor.split_at_mut(plane);
                let (b, c) = rest.split_at_mut(plane);
                let out = a[start..start + row_px].iter_mut().zip(&mut b[start..start + row_px]);
                let out = out.zip(&mut c[start..start + row_px]);
                for (((a, b), c), pixel) in out.zip(pixels) {
                    *a = table_0[usize::from(pixel[first])];
                    *b = table_1[usize::from(pixel[1])];
                    *c = table_2[usize::from(pixel[last])];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letterbox::Fit;

    fn spec(layout: Layout, channels: Channels, fit: Fit) -> InputSpec {
        InputSpec {
            width: 4,
            height: 4,
            layout,
            channels,
            fit,
            pad: 100,
            scale: 2.0,
            mean: [1.0, 2.0, 3.0],
            std: [1.0, 2.0, 4.0],
        }
    }

    /// 4 by 2 pixels, all (blue 10, green 20, red 30).
    fn picture() -> Vec<u8> {
        [10, 20, 30].repeat(8)
    }

    #[test]
    fn a_value_is_scaled_and_normalised_in_its_channel_and_place() {
        let mut p = Preprocessor::new(&spec(Layout::Nhwc, Channels::Rgb, Fit::LetterboxCenter));
        p.fill(ImageRef { width: 4, height: 2, bgr: &picture() }).unwrap();
        assert_eq!(p.shape(), [1, 4, 4, 3]);
        let pixels = p.tensor().as_chunks::<3>().0;
        let (padding, inside) = ([199.0, 99.0, 49.25], [59.0, 19.0, 4.25]);
        assert_eq!(pixels[..4], [padding; 4]);
        assert_eq!(pixels[4..12], [inside; 8]);
        assert_eq!(pixels[12..], [padding; 4]);
    }

    #[test]
    fn planes_and_blue_first_come_out_as_the_card_says() {
        let mut p = Preprocessor::new(&spec(Layout::Nchw, Channels::Bgr, Fit::LetterboxTopLeft));
        p.fill(ImageRef { width: 4, height: 2, bgr: &picture() }).unwrap();
        assert_eq!(p.shape(), [1, 3, 4, 4]);
        assert_eq!(p.tensor()[..8], [19.0; 8]);
        assert_eq!(p.tensor()[8..16], [199.0; 8]);
        assert_eq!(p.tensor()[16..24], [19.0; 8]);
        assert_eq!(p.tensor()[32..40], [14.25; 8]);
    }

    #[test]
    fn a_picture_of_another_shape_leaves_nothing_of_the_one_before() {
        let mut p = Preprocessor::new(&spec(Layout::Nchw, Channels::Bgr, Fit::LetterboxTopLeft));
        p.fill(ImageRef { width: 4, height: 4, bgr: &[0; 48] }).unwrap();
        p.fill(ImageRef { width: 40, height: 20, bgr: &[10, 20, 30].repeat(800) }).unwrap();
        assert_eq!(p.tensor()[..8], [19.0; 8], "shrunk by averaging");
        assert_eq!(p.tensor()[8..16], [199.0; 8], "padding again");
    }

    #[test]
    fn bytes_that_are_not_the_picture_are_refused() {
        let mut p = Preprocessor::new(&spec(Layout::Nchw, Channels::Bgr, Fit::Stretch));
        let error = p.fill(ImageRef { width: 4, height: 4, bgr: &[0; 47] }).unwrap_err();
        assert_eq!(error.to_string(), "a picture of 4x4 pixels needs 48 bytes of BGR, but 47 were given");
        assert!(p.fill(ImageRef { width: 0, height: 4, bgr: &[] }).is_err());
    }
}
