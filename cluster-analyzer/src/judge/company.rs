//! Pure: what stands with what in one picture: parts of a larger animal, things that people carry, things that stir.

use base::geometry::Rect;
use vision::{ModelCard, Track};

/// A part has at least this share of its box in that of the whole,
const PART_SHARE: f32 = 0.6;
/// which is so many times larger.
const PART_TIMES: f32 = 2.0;

/// A track with at least this person score, and more of a person than of an animal, is somebody.
const PERSON_SCORE: f32 = 0.35;
/// What is carried has at least this share of its box in its bearer's, widened on both sides by
const CARRIED_SHARE: f32 = 0.7;
/// this share of the bearer's height,
const ARM: f32 = 0.25;
/// ends at least this share of the bearer's height above their feet,
const LIFTED: f32 = 0.12;
/// and moves with them: their velocities differ by less than this share of the bearer's speed.
const SAME_WAY: f32 = 0.5;
/// Who stands carries nothing anywhere, bearer's heights a second.
const WALKS: f32 = 0.15;

/// A box stirs where moving regions cover at least this share of it.
const STIRS_SHARE: f32 = 0.3;
/// More than this share of the picture moving at once is the light or the camera.
const ALL_STIRS: f32 = 0.35;

/// Whether a track is a person.
pub fn is_person(card: &ModelCard, track: &Track) -> bool {
    let person = track.person_score(card);
    person >= PERSON_SCORE && person > track.animal_score(card)
}

/// Most of the track's box lies in the box of a larger and likelier animal.
pub fn is_part(card: &ModelCard, track: &Track, all: &[Track]) -> bool {
    let (area, score) = (track.rect.area(), track.animal_score(card));
    all.iter().any(|other| {
        let shared = other.rect.intersection(&track.rect).area();
        other.id != track.id
            && other.rect.area() > PART_TIMES * area
            && shared > PART_SHARE * area
            && other.animal_score(card) > score
    })
}

/// Somebody who walks has it in their arms: it hangs above the ground they walk on and goes their way. An
/// animal that a person leads or walks behind stands on the ground, so that it is not meant.
pub fn is_carried(card: &ModelCard, track: &Track, all: &[Track]) -> bool {
    all.iter().filter(|other| other.id != track.id && is_person(card, other)).any(|bearer| {
        let body = bearer.rect;
        let reach = Rect { x: body.x - ARM * body.h, w: body.w + 2.0 * ARM * body.h, ..body };
        let held = reach.intersection(&track.rect).area() > CARRIED_SHARE * track.rect.area();
        let lifted = track.rect.bottom() < body.bottom() - LIFTED * body.h;
        let smaller = track.rect.area() < 0.8 * body.area();
        let speed = bearer.velocity.x.hypot(bearer.velocity.y);
        let (dx, dy) = (track.velocity.x - bearer.velocity.x, track.velocity.y - bearer.velocity.y);
        let together = speed > WALKS * body.h && dx.hypot(dy) < SAME_WAY * speed;
        held && lifted && smaller && together
    })
}

/// Whether the picture changes where the track is, and not everywhere, nor only because somebody walks past.
pub fn stirs(card: &ModelCard, track: &Track, all: &[Track], motion: &[Rect]) -> bool {
    let covered = |part: &Rect| motion.iter().map(|m| m.intersection(part).area()).sum::<f32>();
    if covered(&Rect::FULL) > ALL_STIRS {
        return false;
    }
    let passed = all.iter().any(|other| {
        let shared = other.rect.intersection(&track.rect).area();
        other.id != track.id && is_person(card, other) && shared > 0.1 * track.rect.area()
    });
    !passed && covered(&track.rect) > STIRS_SHARE * track.rect.area()
}
