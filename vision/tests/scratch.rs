//! scratch
#![allow(clippy::unwrap_used, missing_docs, reason = "scratch")]
use opencv::core::{MatTraitConst, MatTraitConstManual};
use opencv::imgcodecs;
use std::path::Path;
use std::time::Instant;
use vision::*;
fn main_model(name: &str) -> Model {
    runtime::load(Some(Path::new("/work/main/.setup/onnxruntime/libonnxruntime.so"))).unwrap();
    Model::open(Path::new("/work/main/models").join(name).as_path(), &ModelOptions::default()).unwrap()
}
fn read(p: &Path) -> (u32, u32, Vec<u8>) {
    let m = imgcodecs::imread(p.to_str().unwrap(), imgcodecs::IMREAD_COLOR).unwrap();
    (m.cols() as u32, m.rows() as u32, m.data_bytes().unwrap().to_vec())
}
#[test]
fn timing() {
    for name in ["centernet", "yolox_nano"] {
        let mut m = main_model(name);
        let (width, height, bgr) = read(Path::new("/tmp/vision-h/frames/vtest/0100.jpg"));
        let (mut a, mut b) = (vec![], vec![]);
        for _ in 0..40 {
            let t = Instant::now();
            m.session_run_blank().unwrap();
            a.push(t.elapsed().as_micros());
            let t = Instant::now();
            m.detect(ImageRef { width, height, bgr: &bgr }).unwrap();
            b.push(t.elapsed().as_micros());
        }
        a.sort();
        b.sort();
        println!("{name}: session min {} median {}, detect min {} median {} us", a[0], a[20], b[0], b[20]);
    }
}
#[test]
fn tracking() {
    for name in ["centernet", "yolox_nano"] {
        let mut m = main_model(name);
        let card = m.card().clone();
        let mut dirs: Vec<_> = std::fs::read_dir("/tmp/vision-h/frames").unwrap().map(|d| d.unwrap().path()).collect();
        dirs.sort();
        for dir in dirs {
            let mut files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|d| d.unwrap().path()).collect();
            files.sort();
            let mut t = Tracker::new(TrackerParams::for_card(&card));
            for (i, f) in files.iter().enumerate() {
                let (width, height, bgr) = read(f);
                let d = m.detect(ImageRef { width, height, bgr: &bgr }).unwrap();
                t.update(base::time::Micros(i as i64 * 200_000), &d);
            }
            let all = t.finish();
            let conf = all.iter().filter(|t| t.confirmed).count();
            println!("{name} {} frames {} tracks {} confirmed {conf}", dir.display(), files.len(), all.len());
            for t in all.iter().filter(|t| t.hits >= 5) {
                println!(
                    "   #{} {:.1}-{:.1}s hits {} box {:.2?} moved {:.2} animal {:.2} person {:.2} a!p {:.2} {:?}",
                    t.id,
                    t.first_seen.0 as f64 / 1e6,
                    t.last_seen.0 as f64 / 1e6,
                    t.hits,
                    <[f32; 4]>::from(t.rect),
                    t.moved,
                    t.animal_score(&card),
                    t.person_score(&card),
                    card.animal_not_person_score(&t.class_scores),
                    t.class_scores
                        .iter()
                        .take(4)
                        .map(|(l, s)| format!("{}:{s:.2}", card.label_name(*l)))
                        .collect::<Vec<_>>()
                );
            }
        }
    }
}
