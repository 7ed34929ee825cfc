//! The stretch of an utterance that is being recognised (pure): its sound, what was asked about it, what of its words is known.
//!
//! Used by [`super::Policy`], which decides when it is closed.

use super::{super::agreement::agreed, Answer};
use crate::{inference::JobError, language::Language, pipeline::segments::letters, vad::WINDOW};

/// The first decode of a window that grows (1.1 s): less is two words, and heard worse. And
const FIRST_PARTIAL: usize = 35 * WINDOW;

/// the least between two (0.45 s).
pub(super) const PARTIAL_STEP: usize = 14 * WINDOW;

/// On a busy machine it is so many times what the last one took: partial decodes never take more than a third of it, because final
/// ones, translation and speech need the rest.
const SHARE: usize = 3;
/// While the listener waits for the first words of an utterance, a half.
const SHARE_FIRST: usize = 2;

/// What two decodes agree on is committed when it ended so long before the last sound (2.0 s): the end of a window is heard worst, and
/// twice the same way as often as not. Interpretation does not wait for it ([`super::super::draft`]). Of the Chinese characters of 18
/// monologues 12.1 % were wrong with it, 13.4 % with 1.3 s, 10.8 % by sentence; nothing was heard later.
const RIPE: usize = 62 * WINDOW;

/// Words that ended so long ago (3.5 s) have all the context that changes them: they do not wait for a second decode. What is decoded
/// seldom is committed by this, what is decoded often by agreement.
const OLD: usize = 110 * WINDOW;

/// The window that grows: the utterance, or what of it is not closed yet.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) utterance: u64,
    /// Position of its first sample.
    pub(super) at: u64,
    pub(super) samples: Vec<f32>,
    /// Samples since the last speech, while there is a pause.
    pub(super) silence: Option<usize>,
    pub(super) asked: Option<Asked>,
    pub(super) words: Known,
    /// Length at which the next partial decode is due.
    pub(super) next_partial: usize,
}

/// The decode of a growing window that was asked for last.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: u64,
    pub(super) length: usize,
    pub(super) partial: bool,
    pub(super) result: Option<Result<Answer, JobError>>,
}

/// What is known of a window's words.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The utterance's language, once words were committed.
    pub(super) language: Option<Language>,
    /// Words of the utterance came before this window's first.
    pub(super) follows: bool,
    /// Its beginning, for good.
    pub(super) committed: String,
    /// All of it, as last decoded; starts with `committed`.
    latest: String,
    /// Samples that the last decode heard: whatever is committed lies before them.
    pub(super) heard: usize,
}

/// What a partial decode made certain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// To append to what was given of the utterance.
    pub(super) committed: String,
    /// What may follow.
    pub(super) pending: String,
    /// Samples of the window up to the end of the last committed word, to a few tenths of a second.
    pub(super) spoken: usize,
}

impl Window {
    pub(super) fn new(utterance: u64, at: u64, samples: Vec<f32>) -> Self {
        let (silence, asked, words) = (None, None, Known::default());
        Self { utterance, at, samples, silence, asked, words, next_partial: FIRST_PARTIAL }
    }

    /// Position of the sample at `index` in the window.
    pub(super) fn position(&self, index: usize) -> u64 {
        self.at + index as u64
    }

    /// Up to where the sound was listened to, words committed or not.
    pub(super) fn heard(&self) -> u64 {
        self.position(self.words.heard)
    }

    /// When the next partial decode is due after one that heard `length` and took `cost` samples of time.
    pub(super) fn wait(&mut self, length: usize, cost: usize) {
        let waited = self.words.committed.is_empty() && !self.words.follows;
        let share = if waited { SHARE_FIRST } else { SHARE };
        self.next_partial = length + PARTIAL_STEP.max(share * cost);
    }

    /// Where it is quietest behind all that was listened to: the best place to cut it without a pause.
    pub(super) fn quietest(&self) -> usize {
        let from = self.words.heard.max(self.samples.len().saturating_sub(3 * PARTIAL_STEP)).min(self.samples.len());
        let power = |window: &[f32]| window.iter().map(|s| s * s).sum::<f32>();
        let windows = self.samples[from..].windows(2 * WINDOW).enumerate().step_by(WINDOW / 4);
        let quietest = windows.min_by(|a, b| power(a.1).total_cmp(&power(b.1))).map_or(0, |(at, _)| at);
        (from + quietest + WINDOW).min(self.samples.len())
    }
}

impl Known {
    /// Takes what a partial decode heard behind the committed words, in the first `length` samples.
    pub(super) fn agree(&mut self, language: Language, heard: &str, length: usize) -> Agreed {
        let now = format!("{}{heard}", self.committed);
        let [ripe, old] = [RIPE, OLD].map(|age| share(&now, length.saturating_sub(age), length));
        // As if the words of what is old had been all of an earlier decode.
        let end = agreed(language, &self.latest, ripe).max(agreed(language, old, &now)).max(self.committed.len());
        let (certain, pending) = now.split_at_checked(end).unwrap_or((&now, ""));
        let new = certain.get(self.committed.len()..).unwrap_or_default().to_owned();
        let spoken = length * letters(certain) / letters(&now).max(1);
        let pending = pending.to_owned();
        self.latest = now;
        self.heard = length;
        let committed = self.commit(language, &new);
        Agreed { committed, pending, spoken }
    }

    /// Takes note of newly committed words, and gives them as they follow what was given before.
    pub(super) fn commit(&mut self, language: Language, new: &str) -> String {
        if new.trim().is_empty() {
            return String::new();
        }
        self.language.get_or_insert(language);
        let lead = if self.committed.is_empty() && self.follows && !language.is_unspaced() { " " } else { "" };
        self.committed.push_str(new);
        format!("{lead}{new}")
    }
}

/// The beginning of `text` that was said in the first `part` of a sound of `whole` samples, if its letters share the sound out evenly.
fn share(text: &str, part: usize, whole: usize) -> &str {
    let wanted = letters(text) * part / whole.max(1);
    let mut ends = text.char_indices().filter(|(_, c)| c.is_alphanumeric()).map(|(at, c)| at + c.len_utf8());
    let end = wanted.checked_sub(1).and_then(|last| ends.nth(last)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}
