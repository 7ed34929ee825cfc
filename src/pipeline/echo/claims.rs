//! What another source explains of an utterance: where it is the same sound, and between two microphones whose voice it is.
//!
//! Pure; used by [`super`], which owns the sources and decides.

use std::time::Duration;

use super::{
    EchoOptions, Kind, Source, State,
    bands::{self, Bands},
    compare::{Heard, Likeness, SPAN, STEP},
    replay,
    track::{FRAME_MS, Track},
};

/// How much earlier than it should be something may be heard: clocks and packets are not exact.
pub(super) const EARLY: Duration = Duration::from_millis(150);

/// From this correlation on, a stretch is the same sound. Measured over half seconds of 85 voices: the same sound through a room and a
/// codec, 20 dB fainter, has 0.65 to 0.96; another sound at its most similar delay 0.1, and 0.6 in one of twenty.
const SAME: f32 = 0.65;

/// Beside stretches that are the same, those down to this correlation belong to them: noise got in between.
const ALIKE: f32 = 0.4;

/// Stretches in a row that are the same: 1 s. Fewer are chance...
const MIN_RUN: usize = 5;

/// ...unless they are all there is, and as alike as this.
const SHORT: f32 = 0.75;

/// Two microphones this near to each other in loudness, in dB, hear the voice equally well: then the first keeps it.
const EQUAL: f32 = 2.0;

/// The most that unequal noise may say about unequal gain, in dB.
const MAX_GAIN: f32 = 5.0;

/// What one source explains of an utterance.
pub(super) struct Claim {
    pub(super) kind: Kind,
    /// Per frame.
    pub(super) explained: Vec<bool>,
}

impl Claim {
    /// What something played explains.
    pub(super) fn played(heard: &Heard, begin: i64, source: &Source, options: &EchoOptions) -> Option<Self> {
        let window = window(heard, begin, options.playback_delay, EARLY, &source.track);
        let likeness = heard.compare(&window)?;
        let same = same(&likeness)?;
        let explained = heard.explained(&window, &likeness, |s| same[s]);
        Some(Self { kind: Kind::Playback, explained })
    }

    /// What something played explains that is heard again, whenever it was played. Only an utterance that is it from beginning to end counts.
    pub(super) fn replayed(heard: &Heard, source: &Source) -> Option<Self> {
        let played: Vec<Bands> = source.track.latest(usize::MAX).copied().collect();
        let window = replay::window(heard, &played)?;
        let likeness = heard.compare(&window)?;
        if likeness.correlations.len() < MIN_RUN || likeness.mean() < SAME {
            return None;
        }
        let same = same(&likeness)?;
        let explained = heard.explained(&window, &likeness, |s| same[s]);
        Some(Self { kind: Kind::Playback, explained })
    }

    /// What another microphone explains: stretches of the same sound in which that one was nearer. `sent` says whether words of what
    /// was heard here were passed on already.
    pub(super) fn overheard(
        heard: &Heard,
        begin: i64,
        sent: bool,
        here: &Source,
        there: &Source,
        options: &EchoOptions,
    ) -> Option<Self> {
        let delay = options.microphone_delay;
        let window = window(heard, begin, delay, delay, &there.track);
        let likeness = heard.compare(&window)?;
        let same = same(&likeness)?;
        // Amplified room noise says how much of the loudness is only gain; half of it, because noise is not the same everywhere.
        let gain = ((loudness(&here.noise()) - loudness(&there.noise())) / 2.0).clamp(-MAX_GAIN, MAX_GAIN);
        let louder = |s: usize| likeness.gains[s] - gain;
        let matched: Vec<usize> = (0..same.len()).filter(|s| same[*s]).collect();
        // Whose voice is it? Each stretch has its own answer when both speak in turn; one answer for all when they are alike.
        let mean = matched.iter().map(|s| louder(*s)).sum::<f32>() / matched.len().max(1) as f32;
        let alike = 2 * matched.iter().filter(|s| louder(**s).abs() < EQUAL).count() > matched.len();
        let start = begin - i64::try_from(delay.as_millis()).unwrap_or(0);
        let at = |s: usize| there.state_at(start + ((likeness.delay + s * STEP + SPAN / 2) as i64) * FRAME_MS as i64);
        let theirs = |s: usize| {
            same[s]
                && match at(s) {
                    // What it heard was an echo there, so it is one here.
                    Some(State::Dropped(Kind::Playback)) => true,
                    // Nobody else would say it.
                    Some(State::Dropped(Kind::Microphone)) | None => false,
                    Some(state) if alike => match (sent, state == State::Kept) {
                        (false, true) => true,
                        (true, false) => false,
                        _ => mean < 0.0,
                    },
                    Some(_) => louder(s) < 0.0,
                }
        };
        if !matched.iter().any(|s| theirs(*s)) {
            return None;
        }
        let explained = heard.explained(&window, &likeness, theirs);
        Some(Self { kind: Kind::Microphone, explained })
    }
}

/// Mean level of a noise, in dB; what is under -75 dB is called silence, however deep.
fn loudness(noise: &Bands) -> f32 {
    bands::level(&noise.map(|db| db.max(-75.0)))
}

/// The part of `track` where `heard`, which begins at `begin`, may come from.
pub(super) fn window(heard: &Heard, begin: i64, before: Duration, after: Duration, track: &Track) -> Vec<Bands> {
    let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    let frames = |d: Duration| usize::try_from(d.as_millis()).unwrap_or(0) / FRAME_MS as usize;
    track.window(begin - ms(before), frames(before) + heard.count() + frames(after))
}

/// The stretches that are the same sound, if any surely are: where many in a row are much alike, and beside them those that are still
/// more alike than chance.
fn same(likeness: &Likeness) -> Option<Vec<bool>> {
    let r = &likeness.correlations;
    let mut same = vec![false; r.len()];
    let mut from = 0;
    while from < r.len() {
        let length = r[from..].iter().take_while(|r| **r >= ALIKE).count();
        let run = &r[from..from + length];
        let longest = run.split(|r| *r < SAME).map(<[f32]>::len).max().unwrap_or(0);
        if longest >= MIN_RUN || (r.len() < MIN_RUN && r.iter().all(|r| *r >= SHORT)) {
            same[from..from + length].fill(true);
        }
        from += length + 1;
    }
    same.contains(&true).then_some(same)
}
