//! The packaged CCTV, read through `media`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use media::{Decoder, Frame, OpenOptions, Picture, Source, SourceUrl};

use crate::error::ScenesError;
use crate::world::{FRAMES, HEIGHT, WIDTH};

/// Where `deploy/setup` and Debian put it, in the order in which they are tried.
pub const PACKAGED: [&str; 2] = [".setup/footage/vtest.avi", "/usr/share/doc/opencv-doc/examples/data/vtest.avi"];

/// So many frames, spread over the footage, show every place more often empty than with someone in it.
const BACKGROUND_FRAMES: u32 = 15;

/// The footage file.
#[derive(Debug, Clone)]
pub struct Footage {
    path: PathBuf,
}

impl Footage {
    /// The named file, or the packaged one.
    ///
    /// # Errors
    /// [`ScenesError::NoFootage`] names the package.
    pub fn find(named: Option<&Path>) -> Result<Self, ScenesError> {
        let candidates: Vec<PathBuf> =
            named.map_or_else(|| PACKAGED.iter().map(PathBuf::from).collect(), |path| vec![path.to_owned()]);
        let found = candidates.iter().find(|path| path.is_file()).cloned();
        match (found, candidates.into_iter().next_back()) {
            (Some(path), _) => Ok(Self { path }),
            (None, last) => Err(ScenesError::NoFootage(last.unwrap_or_default())),
        }
    }

    /// Plays from a frame on.
    ///
    /// # Errors
    /// [`ScenesError::OtherFootage`] when it is another video, or what reading it says.
    pub fn play(&self, first_frame: u32) -> Result<Player, ScenesError> {
        let source = Source::open(&SourceUrl::file(&self.path)?, &OpenOptions::default())?;
        let size = (source.info().width, source.info().height);
        if size != (WIDTH, HEIGHT) {
            return Err(self.other(format!("it is {}x{}", size.0, size.1)));
        }
        let decoder = source.decoder(None)?;
        let mut player = Player { source, decoder, ready: VecDeque::new(), ended: false };
        for _ in 0..first_frame {
            player.next_frame()?;
        }
        Ok(player)
    }

    /// The street without people: the median of frames spread over the footage, interleaved BGR.
    ///
    /// # Errors
    /// As [`Footage::play`].
    pub fn background(&self) -> Result<Vec<u8>, ScenesError> {
        let mut player = self.play(0)?;
        let mut pictures = Vec::new();
        for number in 0..FRAMES {
            let frame = player.next_frame()?.ok_or_else(|| self.other(format!("it has {number} frames")))?;
            if number % (FRAMES / BACKGROUND_FRAMES) == 0 {
                pictures.push(frame.bgr(None).bgr);
            }
        }
        let mut column = vec![0u8; pictures.len()];
        Ok((0..pictures[0].len())
            .map(|i| {
                column.iter_mut().zip(&pictures).for_each(|(value, picture)| *value = picture[i]);
                *column.select_nth_unstable(pictures.len() / 2).1
            })
            .collect())
    }

    /// Pictures of the footage, by their numbers, read in one go.
    ///
    /// # Errors
    /// As [`Footage::play`].
    pub fn reel(&self, wanted: &HashSet<u32>) -> Result<Reel, ScenesError> {
        let mut player = self.play(0)?;
        let mut pictures = HashMap::with_capacity(wanted.len());
        for number in 0..wanted.iter().max().map_or(0, |last| last + 1) {
            let frame = player.next_frame()?.ok_or_else(|| self.other(format!("it has {number} frames")))?;
            if wanted.contains(&number) {
                pictures.insert(number, frame.bgr(None).bgr);
            }
        }
        Ok(Reel { pictures })
    }

    fn other(&self, found: String) -> ScenesError {
        ScenesError::OtherFootage { path: self.path.clone(), found }
    }
}

/// The number of the picture that the footage shows at a frame when it is played to its end, backwards to its
/// beginning and so on.
pub fn to_and_fro(frame: u32) -> u32 {
    let at = frame % (2 * FRAMES - 2);
    if at < FRAMES { at } else { 2 * FRAMES - 2 - at }
}

/// Pictures of the footage in memory.
pub struct Reel {
    pictures: HashMap<u32, Vec<u8>>,
}

impl Reel {
    /// The picture at a frame, played to and fro; interleaved BGR.
    ///
    /// # Errors
    /// [`ScenesError::Plan`] when it was not read.
    pub fn at(&self, frame: u32) -> Result<&[u8], ScenesError> {
        let number = to_and_fro(frame);
        let found = self.pictures.get(&number).map(Vec::as_slice);
        found.ok_or_else(|| ScenesError::Plan(format!("picture {number} of the footage was not read")))
    }
}

/// Footage being read.
pub struct Player {
    source: Source,
    decoder: Decoder,
    ready: VecDeque<Frame>,
    ended: bool,
}

impl Player {
    /// The next picture; `None` at the end.
    ///
    /// # Errors
    /// What reading or decoding says.
    pub fn next_picture(&mut self) -> Result<Option<Picture>, ScenesError> {
        Ok(self.next_frame()?.map(|frame| frame.bgr(None)))
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, ScenesError> {
        while self.ready.is_empty() && !self.ended {
            match self.source.read()? {
                Some(packet) => self.ready.extend(self.decoder.decode_frames(&packet)?),
                None => {
                    self.ready.extend(self.decoder.flush_frames());
                    self.ended = true;
                }
            }
        }
        Ok(self.ready.pop_front())
    }
}
