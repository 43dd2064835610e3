//! Adapter: a labelled set on disk: `site.toml`, `truth.json`, clips, and `tracks.json` where it has one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::ids::CameraId;
use base::site::Site;

use super::EvaluateError;
use super::truth::{self, ClipTracks, ClipTruth};

/// A labelled set.
#[derive(Debug, Clone)]
pub struct Set {
    /// Its folder.
    pub dir: PathBuf,
    /// Where everything is.
    pub site: Arc<Site>,
    /// What happens in which clip.
    pub clips: Vec<ClipTruth>,
    /// The true boxes of each clip, by its file.
    pub tracks: BTreeMap<String, ClipTracks>,
    /// Clips that play together, as places in `clips`.
    pub scenes: Vec<Vec<usize>>,
}

impl Set {
    /// Reads a set's folder. `site`: another site file than the set's own. `most`: at most so many clips, evenly
    /// spread; clips that play together stay together.
    ///
    /// # Errors
    /// One sentence that names the file, and the clip, line or key.
    pub fn open(dir: &Path, site: Option<&Path>, most: Option<usize>) -> Result<Self, EvaluateError> {
        let bad = EvaluateError::BadInput;
        let site_path = site.map_or_else(|| dir.join("site.toml"), Path::to_owned);
        let site = Site::load(&site_path).map_err(|e| bad(e.to_string()))?;
        let path = dir.join("truth.json");
        let at = |why: String| bad(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|e| {
            at(format!("it cannot be read ({e}); --set names a folder with site.toml, truth.json, clips"))
        })?;
        let clips = truth::parse(&text).map_err(at)?;
        for clip in &clips {
            if site.camera(&clip.camera).is_none() {
                return Err(at(format!("{}: key `camera`: the site file has no camera {}", clip.clip, clip.camera)));
            }
            if !dir.join(&clip.clip).is_file() {
                return Err(at(format!("{}: key `clip`: there is no such file in {}", clip.clip, dir.display())));
            }
        }
        let scenes = spread(scenes(&site, &clips).map_err(at)?, most);
        Ok(Self { dir: dir.to_owned(), site: Arc::new(site), clips, tracks: tracks(dir)?, scenes })
    }

    /// What the set is called where its clips do not say.
    pub fn name(&self) -> String {
        self.dir.file_name().map_or_else(|| self.dir.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    /// Where a clip lies.
    pub fn path(&self, clip: usize) -> PathBuf {
        self.dir.join(&self.clips[clip].clip)
    }
}

fn tracks(dir: &Path) -> Result<BTreeMap<String, ClipTracks>, EvaluateError> {
    let path = dir.join("tracks.json");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(BTreeMap::new()) };
    let read = truth::parse_tracks(&text);
    let read = read.map_err(|why| EvaluateError::BadInput(format!("{}: {why}", path.display())))?;
    Ok(read.into_iter().map(|clip| (clip.clip.clone(), clip)).collect())
}

/// Clips whose cameras are joined by links play together; of those that name a scene, only those of the same.
fn scenes(site: &Site, clips: &[ClipTruth]) -> Result<Vec<Vec<usize>>, String> {
    let joined = joined(site);
    let mut scenes: Vec<Vec<usize>> = Vec::new();
    let mut by_key: BTreeMap<(Option<&str>, usize), usize> = BTreeMap::new();
    for (i, clip) in clips.iter().enumerate() {
        let group = joined.get(&clip.camera).copied();
        let is_alone = group.is_none_or(|group| joined.values().filter(|g| **g == group).count() == 1);
        let Some(group) = group.filter(|_| !is_alone) else {
            scenes.push(vec![i]);
            continue;
        };
        let scene = *by_key.entry((clip.scene.as_deref(), group)).or_insert_with(|| {
            scenes.push(Vec::new());
            scenes.len() - 1
        });
        if let Some(other) = scenes[scene].iter().find(|other| clips[**other].camera == clip.camera) {
            let (other, camera) = (&clips[*other].clip, &clip.camera);
            return Err(format!(
                "{} and {other} are both of camera {camera}, which is linked to others; say by the key `scene` which \
                 clips begin together",
                clip.clip
            ));
        }
        scenes[scene].push(i);
    }
    Ok(scenes)
}

/// For each camera the number of its group: two cameras are in one when links join them, over others or not.
fn joined(site: &Site) -> BTreeMap<CameraId, usize> {
    let mut groups: BTreeMap<CameraId, usize> =
        site.cameras.iter().enumerate().map(|(i, camera)| (camera.id.clone(), i)).collect();
    for link in &site.links {
        if let (Some(&a), Some(&b)) = (groups.get(&link.from), groups.get(&link.to)) {
            groups.values_mut().filter(|group| **group == b).for_each(|group| *group = a);
        }
    }
    groups
}

fn spread(scenes: Vec<Vec<usize>>, most: Option<usize>) -> Vec<Vec<usize>> {
    let clips: usize = scenes.iter().map(Vec::len).sum();
    let Some(most) = most.filter(|most| *most < clips) else { return scenes };
    // Of each `clips / most` neighbours one: a scene is taken when a multiple of that step lies in it.
    let mut before = 0;
    let mut taken = Vec::new();
    for scene in scenes {
        let (from, to) = (before * most / clips, (before + scene.len()) * most / clips);
        before += scene.len();
        if to > from {
            taken.push(scene);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    fn clip(name: &str, camera: &str, scene: Option<&str>) -> ClipTruth {
        ClipTruth {
            clip: name.into(),
            camera: testkit::camera(camera),
            set: None,
            conditions: vec![],
            scene: scene.map(str::to_owned),
            events: vec![],
        }
    }

    #[test]
    fn clips_of_linked_cameras_play_together_and_others_alone() {
        let site = testkit::site();
        let clips = [clip("a", "gate", None), clip("b", "far", None), clip("c", "plaza", None), clip("d", "far", None)];
        assert_eq!(scenes(&site, &clips).unwrap(), [vec![0, 2], vec![1], vec![3]]);
        let twice = [clip("a", "gate", None), clip("b", "gate", None)];
        let error = scenes(&site, &twice).unwrap_err();
        assert!(error.contains("b and a") && error.contains("`scene`"), "{error}");
        let named = ["1", "2"].map(|s| [clip("a", "gate", Some(s)), clip("b", "plaza", Some(s))]).concat();
        assert_eq!(scenes(&site, &named).unwrap(), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn fewer_clips_are_spread_evenly() {
        let alone = |n: usize| (0..n).map(|i| vec![i]).collect::<Vec<_>>();
        assert_eq!(spread(alone(6), Some(3)), [vec![1], vec![3], vec![5]]);
        assert_eq!(spread(alone(6), Some(9)).len(), 6);
        assert_eq!(spread(vec![vec![0, 1], vec![2]], Some(1)), [vec![2]]);
    }
}
