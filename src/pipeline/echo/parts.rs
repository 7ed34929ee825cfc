//! From frames that something else explains to the parts of an utterance that somebody really said. Pure; used by [`super`].

use std::ops::Range;

use super::compare::Heard;

/// Frames of speech that must be unexplained in one place before somebody is taken to have spoken: 128 ms, less than any word.
const MIN_OWN: usize = 8;
/// Speech is what is at most this much fainter than the loudest of the utterance, in dB.
const SPEECH: f32 = 18.0;
/// Unexplained speech with a gap of up to this many frames is one place.
const GAP: usize = 16;
/// Frames kept around what was really said: soft consonants are explained by anything.
const MARGIN: usize = 14;
/// Echo of up to this many frames inside or beside what was said stays: cutting it would harm more than it helps.
const SHORT_ECHO: usize = 30;

/// What is left of an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parts {
    /// Everything.
    All,
    /// These frames.
    Some(Vec<Range<usize>>),
    /// Nothing.
    None,
}

/// `own` says which frames nothing else explains.
pub(super) fn parts(heard: &Heard, own: impl Fn(usize) -> bool) -> Parts {
    let levels: Vec<f32> = (0..heard.count()).map(|i| heard.level(i)).collect();
    let mut sorted = levels.clone();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let Some(loudest) = sorted.get(sorted.len() * 3 / 100) else { return Parts::All };
    let mut places: Vec<(Range<usize>, usize)> = Vec::new();
    for i in (0..heard.count()).filter(|i| levels[*i] >= loudest - SPEECH && own(*i)) {
        match places.last_mut() {
            Some((place, count)) if i <= place.end + GAP => {
                place.end = i + 1;
                *count += 1;
            }
            _ => places.push((i..i + 1, 1)),
        }
    }
    let mut kept: Vec<Range<usize>> = Vec::new();
    for (place, _) in places.into_iter().filter(|(_, count)| *count >= MIN_OWN) {
        let place = place.start.saturating_sub(MARGIN)..(place.end + MARGIN).min(heard.count());
        match kept.last_mut() {
            Some(last) if place.start <= last.end + SHORT_ECHO => last.end = place.end,
            _ => kept.push(place),
        }
    }
    let (Some(first), Some(last)) = (kept.first().cloned(), kept.last().cloned()) else { return Parts::None };
    if first.start <= SHORT_ECHO {
        kept[0].start = 0;
    }
    if last.end + SHORT_ECHO >= heard.count() {
        let end = kept.len() - 1;
        kept[end].end = heard.count();
    }
    let all = 0..heard.count();
    if kept.len() == 1 && kept.contains(&all) { Parts::All } else { Parts::Some(kept) }
}
