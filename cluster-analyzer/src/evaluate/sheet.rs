//! Adapter: contact sheets: a row of pictures around a miss or a false alarm, so that a person can look (OpenCV).

use std::path::Path;

use base::geometry::{Point, Rect};
use base::site::Camera;
use base::time::Micros;
use media::{MediaError, Picture};
use opencv::core::{Mat, MatTraitConst as _, Point as Px, Scalar, Size, Vec3b, Vector};
use opencv::{imgcodecs, imgproc};
use vision::ModelCard;

use super::truth::ClipTracks;
use crate::judge::calibration::animal_evidence;
use crate::replay::clip::Clip;
use crate::replay::seen::{Seen, SeenClip};

/// Pictures of a row.
const PICTURES: usize = 6;
/// Width of each, pixels.
const WIDTH_PX: i32 = 480;
/// Height of the line of text above, pixels.
const TITLE_PX: i32 = 26;

/// Why there is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The clip cannot be read again.
    #[error(transparent)]
    Clip(#[from] MediaError),
    /// OpenCV refuses.
    #[error("a contact sheet cannot be drawn")]
    Draw(#[from] opencv::Error),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// What a sheet shows.
pub struct Sheet<'a> {
    /// The line above.
    pub title: String,
    /// The clip's file.
    pub clip: &'a Path,
    /// First and last picture, seconds.
    pub span_s: [f64; 2],
    /// What was seen of the clip.
    pub seen: &'a SeenClip,
    /// Labels.
    pub card: &'a ModelCard,
    /// The zones.
    pub camera: Option<&'a Camera>,
    /// Where the animals truly are.
    pub truth: Option<&'a ClipTracks>,
    /// Time and box of the alarm.
    pub alarm: Option<(f64, Rect)>,
}

fn bgr(b: u8, g: u8, r: u8) -> Scalar {
    Scalar::new(f64::from(b), f64::from(g), f64::from(r), 0.0)
}

impl Sheet<'_> {
    /// Draws it and writes a PNG.
    ///
    /// # Errors
    /// The clip cannot be read, OpenCV refuses, the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SheetError> {
        let pictures = self.pictures()?;
        let mut row = Vector::<Mat>::new();
        for picture in &pictures {
            row.push(self.draw(picture)?);
        }
        let (mut joined, mut sheet) = (Mat::default(), Mat::default());
        opencv::core::hconcat(&row, &mut joined)?;
        opencv::core::copy_make_border(
            &joined,
            &mut sheet,
            TITLE_PX,
            0,
            0,
            0,
            opencv::core::BORDER_CONSTANT,
            bgr(20, 20, 20),
        )?;
        text(&mut sheet, &self.title, 6, 18, bgr(255, 255, 255))?;
        let mut png = Vector::<u8>::new();
        imgcodecs::imencode_def(".png", &sheet, &mut png)?;
        Ok(std::fs::write(path, png.as_slice())?)
    }

    /// Pictures at even distances over the span.
    fn pictures(&self) -> Result<Vec<Picture>, MediaError> {
        let [from, to] = self.span_s;
        let step = (to - from).max(0.0) / (PICTURES - 1) as f64;
        let mut wanted =
            (0..PICTURES).map(|i| Micros(((from + step * i as f64).max(0.0) * 1e6) as i64 - 50_000)).peekable();
        let mut clip = Clip::open(self.clip)?;
        let mut pictures: Vec<Picture> = Vec::new();
        while wanted.peek().is_some()
            && let Some((t, frame)) = clip.next_frame()?
        {
            while wanted.next_if(|wanted| t >= *wanted).is_some() {
                pictures.push(Picture { pts_us: t.0, ..frame.bgr(WIDTH_PX as u32) });
            }
        }
        Ok(pictures)
    }

    fn draw(&self, picture: &Picture) -> opencv::Result<Mat> {
        let (width, height) = (picture.width as i32, picture.height as i32);
        let whole = Mat::new_rows_cols_with_bytes::<Vec3b>(height, width, &picture.bgr)?;
        let mut image = Mat::default();
        let size = Size::new(WIDTH_PX, WIDTH_PX * height / width.max(1));
        imgproc::resize(&whole, &mut image, size, 0.0, 0.0, imgproc::INTER_AREA)?;
        let t_s = picture.pts_us as f64 / 1e6;
        self.draw_zones(&mut image)?;
        for (_, boxed) in self.truth.iter().flat_map(|truth| truth.at(t_s)) {
            let colour = if boxed.out { bgr(255, 80, 255) } else { bgr(160, 160, 160) };
            outline(&mut image, &boxed.rect, colour, 1)?;
        }
        // What was seen in the newest picture that the gate had let through by then.
        let at = self.seen.seen.partition_point(|seen| seen.t.0 <= picture.pts_us + 50_000);
        if let Some(seen) = at.checked_sub(1).map(|i| &self.seen.seen[i]) {
            self.draw_seen(&mut image, seen)?;
        }
        if let Some((alarm_s, rect)) = &self.alarm
            && (alarm_s - t_s).abs() < 0.3
        {
            outline(&mut image, rect, bgr(0, 0, 255), 3)?;
        }
        text(&mut image, &format!("{t_s:.2} s"), 4, 14, bgr(255, 255, 255))?;
        Ok(image)
    }

    fn draw_zones(&self, image: &mut Mat) -> opencv::Result<()> {
        for zone in self.camera.iter().flat_map(|camera| &camera.zones) {
            let corners: Vec<Px> = zone.polygon.0.iter().map(|corner| px(image, corner)).collect();
            for (i, corner) in corners.iter().enumerate() {
                let next = corners[(i + 1) % corners.len()];
                imgproc::line(image, *corner, next, bgr(200, 160, 0), 1, imgproc::LINE_8, 0)?;
            }
            if let Some(corner) = corners.first() {
                text(image, zone.id.as_str(), corner.x + 3, corner.y + 12, bgr(200, 160, 0))?;
            }
        }
        Ok(())
    }

    fn draw_seen(&self, image: &mut Mat, seen: &Seen) -> opencv::Result<()> {
        for detection in &seen.detections {
            let animal = animal_evidence(detection, self.card);
            let colour = if animal >= 0.14 { bgr(0, 255, 255) } else { bgr(0, 160, 0) };
            outline(image, &detection.rect, colour, 1)?;
            let corner = px(image, &Point { x: detection.rect.x, y: detection.rect.y });
            let label = format!("{} {:.2} a{animal:.2}", detection.label_name(self.card), detection.score);
            text(image, &label, corner.x, (corner.y - 3).max(10), colour)?;
        }
        let lit = format!("seen {:.2} s, {:?}", seen.t.0 as f64 / 1e6, seen.light);
        let below = image.rows() - 6;
        text(image, &lit, 4, below, bgr(255, 255, 255))
    }
}

fn px(image: &Mat, point: &Point) -> Px {
    Px::new((point.x * image.cols() as f32) as i32, (point.y * image.rows() as f32) as i32)
}

fn outline(image: &mut Mat, rect: &Rect, colour: Scalar, thick: i32) -> opencv::Result<()> {
    let (a, b) = (px(image, &Point { x: rect.x, y: rect.y }), px(image, &Point { x: rect.right(), y: rect.bottom() }));
    let rect = opencv::core::Rect::from_points(a, b);
    imgproc::rectangle(image, rect, colour, thick, imgproc::LINE_8, 0)
}

fn text(image: &mut Mat, words: &str, x: i32, y: i32, colour: Scalar) -> opencv::Result<()> {
    let font = imgproc::FONT_HERSHEY_SIMPLEX;
    imgproc::put_text(image, words, Px::new(x + 1, y + 1), font, 0.38, bgr(0, 0, 0), 1, imgproc::LINE_AA, false)?;
    imgproc::put_text(image, words, Px::new(x, y), font, 0.38, colour, 1, imgproc::LINE_AA, false)
}

#[cfg(test)]
mod tests {
    use media::{ClipOptions, ClipWriter};
    use opencv::core::MatTraitConstManual as _;

    use super::*;
    use crate::testkit::{CAT, card, site, thing};

    #[test]
    fn a_sheet_is_a_png_with_a_row_of_pictures() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        let mut writer = ClipWriter::create(&path, 160, 96, 10.0, &ClipOptions::default()).unwrap();
        for i in 0..20 {
            let bgr = vec![60; 160 * 96 * 3];
            writer.write(&Picture { width: 160, height: 96, bgr, pts_us: i * 100_000, key: false }).unwrap();
        }
        writer.finish().unwrap();
        let detections = vec![thing(0.5, &[(CAT, 0.6)])];
        let seen = Seen { t: Micros(0), light: Default::default(), motion: vec![], detections };
        let seen = SeenClip { width: 160, height: 96, frames: 20, duration_us: 2_000_000, seen: vec![seen] };
        let (site, card) = (site(), card());
        let alarm = Some((0.5, Rect { x: 0.4, y: 0.4, w: 0.2, h: 0.2 }));
        let title = "missed: a lion".to_owned();
        let camera = site.cameras.first();
        let sheet =
            Sheet { title, clip: &path, span_s: [0.0, 1.9], seen: &seen, card: &card, camera, truth: None, alarm };
        let out = dir.path().join("sheet.png");
        sheet.write(&out).unwrap();
        let image = imgcodecs::imread(out.display().to_string(), imgcodecs::IMREAD_COLOR).unwrap();
        assert_eq!((image.cols(), image.rows()), (6 * WIDTH_PX, TITLE_PX + WIDTH_PX * 96 / 160));
        let red = image.data_bytes().unwrap().chunks(3).filter(|p| p[2] > 200 && p[0] < 80 && p[1] < 80).count();
        assert!(red > 100, "the alarm's box is drawn: {red}");
    }
}
