//! Frames into pictures of a wanted size. Scalers are kept by size, because making one costs more than
//! using it.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling;

use crate::raw::Sws;

/// The size of a picture of `width` x `height` whose long side is at most `max_side`: never larger than it
/// was, sides even (at least 2). Without `max_side` it stays as it is.
///
/// ```
/// assert_eq!(media::scaled_size(1920, 1080, Some(640)), (640, 360));
/// assert_eq!(media::scaled_size(320, 240, Some(640)), (320, 240));
/// assert_eq!(media::scaled_size(321, 241, None), (321, 241));
/// ```
pub fn scaled_size(width: u32, height: u32, max_side: Option<u32>) -> (u32, u32) {
    let Some(max_side) = max_side else {
        return (width, height);
    };
    let long = width.max(height).max(1);
    let wanted = max_side.min(long);
    let side = |side: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(long);
        // The long side is rounded down, so that it stays within the limit; the short one to the nearest.
        let halves = if side == long { (exact / 2.0).floor() } else { (exact / 2.0).round() };
        (halves as u32 * 2).min(side & !1).max(2)
    };
    (side(width), side(height))
}

/// What makes one scaler different from another.
#[derive(Clone, Copy, PartialEq)]
struct Key {
    from: (Pixel, u32, u32),
    colours: (ffmpeg::color::Space, bool),
    to: (Pixel, u32, u32),
}

struct Entry {
    key: Key,
    sws: Sws,
    out: frame::Video,
}

/// Scalers by source and destination, the one used last first.
#[derive(Default)]
pub(crate) struct Scalers(Vec<Entry>);

/// More sizes than these at once are not in use; a source that keeps changing must not fill the memory.
const KEPT: usize = 6;

impl Scalers {
    /// `picture` in another format and size. The result is overwritten by the next call.
    fn scale(
        &mut self,
        picture: &frame::Video,
        format: Pixel,
        (width, height): (u32, u32),
    ) -> Result<&frame::Video, ffmpeg::Error> {
        let entry = self.entry(picture, format, (width, height))?;
        if entry.out.width() == 0 {
            entry.out = frame::Video::new(format, width, height);
        }
        entry.sws.run(picture, &mut entry.out)?;
        Ok(&entry.out)
    }

    /// `picture` into `out`, in the format and size that `out` has.
    pub(crate) fn scale_into(&mut self, picture: &frame::Video, out: &mut frame::Video) -> Result<(), ffmpeg::Error> {
        let (format, size) = (out.format(), (out.width(), out.height()));
        self.entry(picture, format, size)?.sws.run(picture, out)
    }

    /// The same into a frame of its own, for an encoder that may hold on to it.
    pub(crate) fn scaled(
        &mut self,
        picture: &frame::Video,
        format: Pixel,
        size: (u32, u32),
    ) -> Result<frame::Video, ffmpeg::Error> {
        let mut out = frame::Video::new(format, size.0, size.1);
        self.entry(picture, format, size)?.sws.run(picture, &mut out)?;
        Ok(out)
    }

    fn entry(
        &mut self,
        picture: &frame::Video,
        format: Pixel,
        (width, height): (u32, u32),
    ) -> Result<&mut Entry, ffmpeg::Error> {
        let key = Key {
            from: (picture.format(), picture.width(), picture.height()),
            colours: (picture.color_space(), picture.color_range() == ffmpeg::color::Range::JPEG),
            to: (format, width, height),
        };
        match self.0.iter().position(|entry| entry.key == key) {
            Some(at) => self.0[..=at].rotate_right(1),
            None => {
                self.0.truncate(KEPT - 1);
                self.0.insert(0, Entry { key, sws: open(key)?, out: frame::Video::empty() });
            }
        }
        Ok(&mut self.0[0])
    }

    /// The same as tight rows of `channels` bytes a pixel.
    pub(crate) fn packed(
        &mut self,
        picture: &frame::Video,
        format: Pixel,
        (width, height): (u32, u32),
        channels: usize,
    ) -> Result<Vec<u8>, ffmpeg::Error> {
        let scaled = self.scale(picture, format, (width, height))?;
        let row_bytes = width as usize * channels;
        let mut packed = Vec::with_capacity(row_bytes * height as usize);
        for row in scaled.data(0).chunks(scaled.stride(0)).take(height as usize) {
            packed.extend_from_slice(&row[..row_bytes]);
        }
        Ok(packed)
    }
}

fn open(key: Key) -> Result<Sws, ffmpeg::Error> {
    let ((from, from_width, from_height), (to, width, height)) = (key.from, key.to);
    let flags = scaling::Flags::BILINEAR;
    let make = |flags| scaling::Context::get(from, from_width, from_height, to, width, height, flags);
    // A filter over more than 256 pixels is refused; picking single pixels always works.
    let mut sws = Sws::new(make(flags).or_else(|_| make(scaling::Flags::POINT))?);
    if matches!(to, Pixel::BGR24 | Pixel::YUVJ420P) {
        let full = key.colours.1 || matches!(from, Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P);
        sws.set_source_colours(key.colours.0, full, to == Pixel::YUVJ420P);
    }
    Ok(sws)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_long_side_is_brought_to_the_limit() {
        assert_eq!(scaled_size(768, 576, Some(640)), (640, 480));
        assert_eq!(scaled_size(1080, 1920, Some(640)), (360, 640));
        assert_eq!(scaled_size(1920, 1080, Some(320)), (320, 180));
        assert_eq!(scaled_size(767, 575, Some(2000)), (766, 574));
        assert_eq!(scaled_size(4000, 3, Some(100)), (100, 2));
    }

    proptest! {
        #[test]
        fn a_scaled_size_is_even_and_never_larger(w in 2u32..8000, h in 2u32..8000, max in 2u32..8000) {
            let (sw, sh) = scaled_size(w, h, Some(max));
            prop_assert!(sw % 2 == 0 && sh % 2 == 0 && sw >= 2 && sh >= 2);
            prop_assert!(sw.max(sh) <= max && sw <= w && sh <= h.max(2), "{w}x{h} to {max}: {sw}x{sh}");
        }
    }
}
