//! Pure: what an animal could be, and how dangerous that is. Names only; nothing here decides about an alarm.

use base::ids::SpeciesId;
use base::site::{Danger, Site, Species};
use base::time::Micros;

use super::Sight;

/// What an incident is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The detector's best animal label.
    pub label: String,
    /// The likeliest species of the site.
    pub species: Option<SpeciesId>,
    /// Of that species, or of the most dangerous that it could be.
    pub danger: Option<Danger>,
}

/// Custom: red is worst, then blue, then yellow; a zoo's own words come between, in the order of its file.
fn rank(danger: &str) -> u8 {
    match danger {
        "red" => 0,
        "blue" => 1,
        "yellow" => 3,
        _ => 2,
    }
}

/// Names what `sight` shows. A species of the enclosure that it came out of goes before what only looks like it.
pub fn name(site: &Site, sight: &Sight) -> Name {
    let label = sight.scores.first().map_or_else(|| "animal".to_owned(), |(label, _)| label.clone());
    let home = sight.home.as_ref().and_then(|id| site.enclosure(id));
    let looks = |s: &Species| -> f32 {
        sight.scores.iter().filter(|(l, _)| s.looks_like.contains(l)).map(|(_, score)| score).sum()
    };
    let weight = |s: &Species| looks(s) + if home.is_some_and(|e| e.species.contains(&s.id)) { 10.0 } else { 0.0 };
    let likely = site.species.iter().filter(|s| weight(s) > 0.0);
    // Of equally likely ones the most dangerous; of those the first of the file.
    let best = likely.min_by(|a, b| weight(b).total_cmp(&weight(a)).then(rank(&a.danger).cmp(&rank(&b.danger))));
    let worst = site.species.iter().min_by_key(|s| rank(&s.danger));
    Name { label, species: best.map(|s| s.id.clone()), danger: best.or(worst).map(|s| s.danger.clone()) }
}

/// One sentence for a person: what is where, and what speaks for it.
pub fn why(name: &Name, t: Micros, sight: &Sight) -> String {
    let seen = &sight.evidence;
    let what = match &name.species {
        Some(species) => format!("{} (looks like {})", capital(species.as_str()), name.label),
        None => format!("Unknown animal (looks like {})", name.label),
    };
    let rule = seen.rule.map_or("out of place", base::incident::Rule::sentence);
    let place = match &sight.zone {
        Some(zone) => format!("in zone {zone}"),
        None => "where no zone is drawn".to_owned(),
    };
    let home = sight.home.as_ref().map_or_else(String::new, |home| format!("; it came out of {home}"));
    let percent = (sight.confidence * 100.0).floor();
    let seconds = t.seconds_since(sight.since).max(0.0);
    format!("{what} {rule}, {place}{home}; it moved by itself and was watched for {seconds:.1} s, {percent} % sure.")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
