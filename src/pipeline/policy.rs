//! When to recognise and what is committed (pure): segmenter events and hypotheses in, decode requests and words out.
//!
//! While somebody speaks, the growing window is decoded again and again; what two decodes agree on ([`super::agreement`]), or one heard
//! long enough ago, is committed, and every later decode goes on behind it, so nothing can be taken back. A pause that may be the end asks at once for
//! a final decode: if the speaker does not go on, the words are there when the end is certain; if they do, and enough was said,
//! the window is closed there and the next one begins. A window that grows too long is cut where it is quietest. So a decode never
//! hears more than [`LONGEST_WINDOW`]. Words are committed in the order in which they were spoken, whatever order the answers come in.
//!
//! In [`Mode::Sentence`] only the pause that may be the end asks, and words are committed when the utterance is over.
//!
//! AlignAtt (Papi et al. 2023) commits from one decode instead of two: what the decoder attends to in sound that is old enough. Tried with
//! whisper.cpp's token times (DTW over its cross-attention, in `whisper_full` only) on 22 recordings, and not kept: at the same delay it
//! commits more that is wrong, and its decodes take a third longer (`cargo bench --bench commitment`, two cores of an AMD EPYC):
//!
//! | committed | CER zh, % | WER en, % | delay p50 / p95, s | a decode, ms |
//! | --- | --- | --- | --- | --- |
//! | as here | 26.1 | 5.4 | 2.21 / 3.10 | 182 |
//! | LocalAgreement-2 alone | 28.6 | 10.7 | 0.80 / 3.25 | 187 |
//! | AlignAtt-like, 0.5 s | 34.8 | 55.4 | 0.81 / 3.80 | 244 |
//! | AlignAtt-like, 2 s | 36.6 | 6.5 | 2.08 / 4.71 | 244 |
//!
//! A delay of 2 s is what errors at the ends of windows cost a model of this size. Interpretation does not wait for it ([`super::draft`]).

mod window;

use std::{collections::VecDeque, ops::Range, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::window::{Asked, Known, PARTIAL_STEP, Window};
use super::{agreement::is_sign, segments::keep_last};
use crate::{
    asr::Hypothesis,
    inference::JobError,
    language::Language,
    privacy::Redacted,
    time::{Millis, SampleRate},
    vad::{
        WINDOW,
        segmenter::{Event, Utterance},
    },
};

/// Samples of silence after which recognition starts on the guess that the utterance is over (128 ms). Sooner, every stop consonant
/// would start one; later, the words would come after the end of the utterance is known.
const GUESS_AFTER: usize = 4 * WINDOW;

/// Silence that the finished utterance may have more than the guess: the recogniser hears no more words in it.
const MORE_SILENCE: usize = 2 * WINDOW;

/// Windows that may wait for their words. At normal speed one does; more means that recognition is too slow for the speaker.
const MAX_WAITING: usize = 8;

/// A pause this long (224 ms) parts clauses: stop consonants and hesitation inside a word are shorter.
const CLAUSE_PAUSE: usize = 7 * WINDOW;

/// A window is closed at a pause only with so much in it (1.6 s): Whisper makes more mistakes on less.
const SHORTEST_WINDOW: usize = 50 * WINDOW;

/// And is cut without a pause at this length (10 s): a decode costs more the more it hears, and there is always one to come.
const LONGEST_WINDOW: usize = 312 * WINDOW;

/// No partial decode hears more (8.8 s): behind it there must be a quiet place to cut at, and people say two or three words in that time.
const LAST_PARTIAL: usize = LONGEST_WINDOW - 2 * PARTIAL_STEP;

/// Characters of what was said before that the recogniser is told.
const PROMPT_CHARS: usize = 60;

/// When words are committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// While they are spoken.
    #[default]
    Simultaneous,
    /// When the utterance is over: less work for the machine.
    Sentence,
}

impl Mode {
    /// As it is written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simultaneous => "simultaneous",
            Self::Sentence => "sentence",
        }
    }
}

/// What the policy wants done.
#[derive(Debug)]
pub enum Output {
    /// Somebody began to speak.
    Started {
        /// Number of the utterance, from 0.
        utterance: u64,
        /// Position of its first sample.
        at: u64,
    },
    /// Recognise this.
    Decode(Decode),
    /// The answer to this request is not wanted any more.
    Abandon {
        /// Which.
        request: u64,
    },
    /// Words of an utterance.
    Words(Words),
    /// The utterance is over; all its words were given, unless it failed.
    Ended {
        /// Which utterance.
        utterance: u64,
        /// Position after its last word.
        speech_end: u64,
        /// Why some of its words could not be recognised, if so.
        result: Result<(), JobError>,
    },
}

/// A request to the recogniser.
#[derive(Debug, Clone)]
pub struct Decode {
    /// To be named in the answer.
    pub request: u64,
    /// Which utterance.
    pub utterance: u64,
    /// Position of the first sample.
    pub at: u64,
    /// 16 kHz mono.
    pub samples: Arc<[f32]>,
    /// What was said before these samples; may be empty.
    pub prompt: Redacted,
    /// What these samples were already committed to begin with; may be empty.
    pub committed: Redacted,
    /// The language of the utterance, once words of it were committed.
    pub language: Option<Language>,
    /// The window still grows.
    pub partial: bool,
}

/// Words of an utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// Which utterance.
    pub utterance: u64,
    /// Their language.
    pub language: Language,
    /// To append: never revised. Empty when nothing (more) was heard.
    pub committed: Redacted,
    /// What may follow: replaces what was pending before.
    pub pending: Redacted,
    /// Positions of the sound that was listened to, and all that was heard in it.
    pub window: Range<u64>,
    /// See `window`.
    pub said: Redacted,
    /// The window is closed: no more of its words come.
    pub closed: bool,
    /// Position after the last committed word.
    pub speech_end: u64,
    /// Position up to which was listened before it was certain that these are the words.
    pub heard: u64,
    /// The recogniser's hypothesis behind what was committed before it, and what it cost.
    pub answer: Answer,
}

/// A hypothesis with what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was recognised.
    pub hypothesis: Hypothesis,
    /// Milliseconds waited.
    pub queued: u32,
    /// Milliseconds computed.
    pub ran: u32,
}

/// One speaker's policy.
#[derive(Debug, Default)]
pub struct Policy {
    mode: Mode,
    next_utterance: u64,
    next_request: u64,
    growing: Option<Window>,
    waiting: VecDeque<Waiting>,
    /// The end of what was committed of the utterance, for the recogniser to go on from.
    said: String,
    /// Why a window of the utterance whose words are due has none.
    missing: Option<JobError>,
    outputs: VecDeque<Output>,
}

/// A closed window without its last words.
#[derive(Debug)]
struct Waiting {
    utterance: u64,
    next: Next,
    /// Positions of its sound.
    window: Range<u64>,
    speech_end: u64,
    heard: u64,
    words: Known,
    request: u64,
    result: Option<Result<Answer, JobError>>,
}

/// What comes after a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing: the utterance is over.
    End,
    /// Another window, after a pause.
    Pause,
    /// Another window, without one.
    Cut,
}

impl Policy {
    /// A policy at the start of a stream.
    pub fn new(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Takes what the segmenter found.
    pub fn on_segment(&mut self, event: Event) {
        match event {
            Event::Started { at } => {
                let utterance = self.next_utterance;
                self.next_utterance += 1;
                self.growing = Some(Window::new(utterance, at, Vec::new()));
                self.outputs.push_back(Output::Started { utterance, at });
            }
            Event::Audio(samples) => self.on_audio(&samples),
            // The window that began the pause was announced as audio just before.
            Event::Paused { .. } => {
                if let Some(growing) = &mut self.growing {
                    growing.silence = Some(WINDOW);
                }
            }
            Event::Resumed => self.on_resumed(),
            Event::Ended(utterance) => self.on_ended(&utterance),
        }
    }

    /// Takes the answer to a [`Output::Decode`]; answers nobody waits for are ignored.
    pub fn on_decoded(&mut self, request: u64, result: Result<Answer, JobError>) {
        if let Some(asked) = self.growing.as_mut().and_then(|g| g.asked.as_mut()).filter(|a| a.request == request) {
            if asked.partial {
                self.on_partial(result);
            } else {
                asked.result = Some(result);
            }
        } else if let Some(waiting) = self.waiting.iter_mut().find(|w| w.request == request) {
            waiting.result = Some(result);
            self.commit();
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// True when every utterance has its words and none is being spoken.
    pub fn is_idle(&self) -> bool {
        self.growing.is_none() && self.waiting.is_empty()
    }

    /// Position before which the sound of the utterance being spoken belongs to it for good: words of it may be committed.
    pub fn settled(&self) -> u64 {
        self.growing.as_ref().map_or(0, Window::heard)
    }

    fn on_audio(&mut self, samples: &[f32]) {
        let Some(growing) = &mut self.growing else { return };
        growing.samples.extend_from_slice(samples);
        let length = growing.samples.len();
        if let Some(silence) = &mut growing.silence {
            *silence += samples.len();
            let silence = *silence;
            let guessed = growing.asked.as_ref().is_some_and(|asked| !asked.partial);
            if silence >= GUESS_AFTER && !guessed && self.waiting.len() < MAX_WAITING {
                // Speech and the silence up to here: what the segmenter will keep if nothing more is said, but for a little silence.
                self.ask(length - (silence - GUESS_AFTER), false);
            }
        } else if self.mode == Mode::Simultaneous && growing.asked.is_none() {
            if length >= LONGEST_WINDOW && self.waiting.len() < MAX_WAITING {
                self.cut();
            } else if length >= growing.next_partial && length <= LAST_PARTIAL && self.waiting.is_empty() {
                self.ask(length, true);
            }
        }
    }

    /// Asks for the words of the window's first `length` samples. A partial decode under way is given up for a final one.
    fn ask(&mut self, length: usize, partial: bool) {
        let request = self.new_request();
        let Some(growing) = &mut self.growing else { return };
        let asked = Asked { request, length, partial, result: None };
        if let Some(Asked { request, result: None, .. }) = growing.asked.replace(asked) {
            self.outputs.push_back(Output::Abandon { request });
        }
        let samples = growing.samples.get(..length).unwrap_or(&growing.samples).into();
        let decode = decode(request, growing.utterance, growing.at, samples, &self.said, &growing.words, partial);
        self.outputs.push_back(Output::Decode(decode));
    }

    fn new_request(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request - 1
    }

    fn on_partial(&mut self, result: Result<Answer, JobError>) {
        let Some(growing) = &mut self.growing else { return };
        let Some(Asked { length, .. }) = growing.asked.take() else { return };
        let Ok(answer) = result else {
            // Busy or late: the next one may fare better.
            growing.wait(growing.samples.len(), PARTIAL_STEP);
            return;
        };
        let took = Millis(u64::from(answer.queued) + u64::from(answer.ran));
        growing.wait(length, SampleRate::ASR.samples(took.since(Millis(0))));
        if answer.hypothesis.text.is_blank() {
            // The recogniser lost its way, or there was nothing new: what it heard before is as good as it was.
            return;
        }
        let language = answer.hypothesis.language;
        let agreed = growing.words.agree(language, answer.hypothesis.text.expose(), length);
        let words = Words {
            utterance: growing.utterance,
            language,
            committed: agreed.committed.into(),
            pending: agreed.pending.into(),
            window: growing.at..growing.position(length),
            said: growing.words.committed.as_str().into(),
            closed: false,
            speech_end: growing.position(agreed.spoken),
            heard: growing.position(length),
            answer,
        };
        self.give(words);
    }

    fn on_resumed(&mut self) {
        let Some(growing) = &mut self.growing else { return };
        let silence = growing.silence.take().unwrap_or_default();
        if growing.asked.as_ref().is_none_or(|asked| asked.partial) {
            return;
        }
        let spoken = growing.samples.len().saturating_sub(silence);
        match self.mode {
            // The guess heard all of this window; what it did not hear of the pause belongs to the next one.
            Mode::Simultaneous if silence >= CLAUSE_PAUSE && spoken >= SHORTEST_WINDOW => {
                self.close(spoken + silence / 2, spoken, Next::Pause);
            }
            // It is as good as any decode of a window that grows.
            Mode::Simultaneous => {
                let Some(asked) = &mut growing.asked else { return };
                asked.partial = true;
                if let Some(result) = asked.result.take() {
                    self.on_partial(result);
                }
            }
            Mode::Sentence => {
                if let Some(Asked { request, result: None, .. }) = growing.asked.take() {
                    self.outputs.push_back(Output::Abandon { request });
                }
            }
        }
    }

    /// Ends a window that has grown too long where it is quietest.
    fn cut(&mut self) {
        let Some(growing) = &self.growing else { return };
        let at = growing.quietest();
        self.ask(at, false);
        self.close(at, at, Next::Cut);
    }

    /// Closes the window at `end`, its speech ending at `speech_end` and its last decode asked for, and begins the next.
    fn close(&mut self, end: usize, speech_end: usize, next: Next) {
        let Some(growing) = &mut self.growing else { return };
        let Some(Asked { request, result, .. }) = growing.asked.take() else { return };
        let rest = growing.samples.split_off(end.min(growing.samples.len()));
        let mut window = Window::new(growing.utterance, growing.position(end), rest);
        window.words.language = growing.words.language;
        window.words.follows = true;
        let heard = window.position(window.samples.len());
        let Some(closed) = self.growing.replace(window) else { return };
        let (window, speech_end) = (closed.at..closed.position(end), closed.position(speech_end));
        let Window { utterance, words, .. } = closed;
        self.waiting.push_back(Waiting { utterance, next, window, speech_end, heard, words, request, result });
        self.commit();
    }

    fn on_ended(&mut self, ended: &Utterance) {
        let Some(growing) = self.growing.take() else { return };
        let heard = growing.position(growing.samples.len());
        let Window { utterance, at, asked, words, .. } = growing;
        let before = usize::try_from(at.saturating_sub(ended.start)).unwrap_or(usize::MAX);
        let samples = ended.samples.get(before..).unwrap_or_default();
        let (right, wrong) = match asked {
            // A guess that survived until here heard all the speech, unless the utterance was cut before the end of it.
            Some(guess)
                if !guess.partial
                    && samples.len().saturating_sub(guess.length) <= MORE_SILENCE
                    && guess.length <= samples.len() =>
            {
                (Some(guess), None)
            }
            other => (None, other),
        };
        if let Some(Asked { request, result: None, .. }) = wrong {
            self.outputs.push_back(Output::Abandon { request });
        }
        // A failed guess is no reason not to try again.
        let right = right.filter(|guess| !matches!(guess.result, Some(Err(_))));
        let (request, result) = match right {
            Some(guess) => (guess.request, guess.result),
            None => {
                let request = self.new_request();
                if self.waiting.len() < MAX_WAITING {
                    let decode = decode(request, utterance, at, samples.into(), &self.said, &words, false);
                    self.outputs.push_back(Output::Decode(decode));
                    (request, None)
                } else {
                    (request, Some(Err(JobError::Busy("asr"))))
                }
            }
        };
        let (window, speech_end) = (at..at + samples.len() as u64, ended.speech_end);
        self.waiting.push_back(Waiting { utterance, next: Next::End, window, speech_end, heard, words, request, result });
        self.commit();
    }

    /// Gives the words of closed windows, in order, as far as they are known.
    fn commit(&mut self) {
        while self.waiting.front().is_some_and(|w| w.result.is_some()) {
            let Some(Waiting { utterance, next, window, speech_end, heard, mut words, result: Some(result), .. }) =
                self.waiting.pop_front()
            else {
                return;
            };
            match result {
                Ok(answer) => {
                    let language = words.language.unwrap_or(answer.hypothesis.language);
                    let text = ending(language, &words.committed, answer.hypothesis.text.expose(), next);
                    let committed = words.commit(language, &text).into();
                    let (said, pending) = (words.committed.as_str().into(), Redacted::default());
                    let closed = true;
                    self.give(Words { utterance, language, committed, pending, window, said, closed, speech_end, heard, answer });
                    // Nothing was said in it: the next window is the first with words.
                    let follows = words.follows || !words.committed.is_empty();
                    if let Some(later) = self.later(utterance) {
                        later.language = later.language.or(words.language);
                        later.follows = follows;
                    }
                }
                // The rest of the utterance may still be heard: its end says that something is missing.
                Err(error) => drop(self.missing.get_or_insert(error)),
            }
            if next == Next::End {
                let result = self.missing.take().map_or(Ok(()), Err);
                self.outputs.push_back(Output::Ended { utterance, speech_end, result });
                self.said.clear();
            }
        }
    }

    /// The next window of `utterance`, whether it grows or waits, if it has given no words yet.
    fn later(&mut self, utterance: u64) -> Option<&mut Known> {
        let waiting = self.waiting.iter_mut().filter(|w| w.utterance == utterance).map(|w| &mut w.words);
        let growing = self.growing.iter_mut().filter(|g| g.utterance == utterance).map(|g| &mut g.words);
        waiting.chain(growing).next().filter(|words| words.committed.is_empty())
    }

    fn give(&mut self, words: Words) {
        self.said.push_str(words.committed.expose());
        keep_last(&mut self.said, PROMPT_CHARS);
        self.outputs.push_back(Output::Words(words));
    }
}

fn decode(request: u64, utterance: u64, at: u64, samples: Arc<[f32]>, said: &str, words: &Known, partial: bool) -> Decode {
    // What was said before the window: what is committed of it goes in by itself.
    let prompt = said.strip_suffix(words.committed.as_str()).unwrap_or_default().trim_end().into();
    let (committed, language) = (words.committed.as_str().into(), words.language);
    Decode { request, utterance, at, samples, prompt, committed, language, partial }
}

/// The last words of a window, `text`, behind its committed ones, with the marks that what comes `next` leaves them: Whisper ends all it
/// hears with a full stop.
fn ending(language: Language, committed: &str, text: &str, next: Next) -> String {
    let stop = |c: char| matches!(c, '.' | '。' | '…');
    let is_mark = |c: char| !c.is_alphanumeric() && !is_sign(c) && !matches!(c, ')' | '）');
    let bare = text.trim_end_matches(stop);
    let last = bare.chars().next_back().or_else(|| committed.chars().next_back());
    match next {
        Next::End => text.to_owned(),
        Next::Cut => bare.to_owned(),
        Next::Pause if last.is_none_or(is_mark) => bare.to_owned(),
        Next::Pause => format!("{bare}{}", if language.is_unspaced() { "，" } else { "," }),
    }
}

#[cfg(test)]
mod tests;
