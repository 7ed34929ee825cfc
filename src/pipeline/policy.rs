//! When to recognise and what is committed (pure): segmenter events and hypotheses in, decode requests and words out.
//!
//! While somebody speaks, the growing window is decoded again and again; what two decodes agree on ([`super::agreement`]) is
//! committed, and every later decode goes on behind it, so nothing can be taken back. A pause that may be the end asks at once for
//! a final decode: if the speaker does not go on, the words are there when the end is certain; if they do, and enough was said,
//! the window is closed there and the next one begins. A window that grows too long is cut where it is quietest. So a decode never
//! hears more than [`LONGEST_WINDOW`]. Words are committed in the order in which they were spoken, whatever order the answers come in.
//!
//! AlignAtt (Papi et al. 2023) would need the decoder's cross-attention, which whisper.cpp keeps to itself outside `whisper_full`.

use std::{collections::VecDeque, sync::Arc};

use super::agreement::{agreed, is_punctuation};
use crate::{
    asr::Hypothesis,
    inference::JobError,
    language::Language,
    privacy::Redacted,
    time::SampleRate,
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

/// Utterances that may wait for their words. At normal speed one does; more means that recognition is too slow for the speaker.
const MAX_WAITING: usize = 8;

/// A pause this long (224 ms) parts clauses: stop consonants and hesitation inside a word are shorter.
const CLAUSE_PAUSE: usize = 7 * WINDOW;

/// A window is closed at a pause only with so much in it (1.6 s): Whisper makes more mistakes on less.
const SHORTEST_WINDOW: usize = 50 * WINDOW;

/// And is cut without a pause at this length (10 s): a decode costs more the more it hears, and there is always one to come.
const LONGEST_WINDOW: usize = 312 * WINDOW;

/// The first decode of a window that grows (1.2 s), and
const FIRST_PARTIAL: usize = 38 * WINDOW;

/// the least between two (0.58 s). On a busy machine it is twice what the last one took, so that partial decodes never take more
/// than half of it.
const PARTIAL_STEP: usize = 18 * WINDOW;

/// Characters of what was said before that the recogniser is told.
const PROMPT_CHARS: usize = 60;

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
        /// Whether all of its words could be recognised.
        result: Result<(), JobError>,
    },
}

/// A request to the recogniser.
#[derive(Debug, Clone)]
pub struct Decode {
    /// To be named in the answer.
    pub request: u64,
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
    /// To append: never revised.
    pub committed: Redacted,
    /// What may follow: replaces what was pending before.
    pub pending: Redacted,
    /// Position after the last committed word; none when nothing is committed.
    pub speech_end: Option<u64>,
    /// Milliseconds that the decode waited.
    pub queued: u32,
    /// Milliseconds that it computed.
    pub ran: u32,
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
    next_utterance: u64,
    next_request: u64,
    growing: Option<Window>,
    waiting: VecDeque<Waiting>,
    /// The end of what was committed, for the recogniser to go on from; of the utterance being spoken, or the one before.
    said: String,
    /// Why a window of the utterance whose words are due has none.
    missing: Option<JobError>,
    outputs: VecDeque<Output>,
}

/// The window that grows: the utterance, or what of it is not closed yet.
#[derive(Debug)]
struct Window {
    utterance: u64,
    /// Position of the utterance's first sample, and how many of its samples came before this window.
    start: u64,
    offset: usize,
    samples: Vec<f32>,
    /// Samples since the last speech, while there is a pause.
    silence: Option<usize>,
    asked: Option<Asked>,
    heard: Heard,
    /// Length at which the next partial decode is due.
    next_partial: usize,
}

/// What is known of a window's words.
#[derive(Debug, Default, Clone)]
struct Heard {
    /// Its utterance's language, once words were committed.
    language: Option<Language>,
    /// Words of the utterance came before this window's first.
    follows: bool,
    /// Its beginning, for good.
    committed: String,
    /// All of it, as last decoded; starts with `committed`.
    latest: String,
    /// Samples that the last decode heard: whatever is committed lies before them.
    length: usize,
}

/// The decode of a growing window that was asked for last.
#[derive(Debug)]
struct Asked {
    request: u64,
    length: usize,
    partial: bool,
    result: Option<Result<Answer, JobError>>,
}

/// A closed window without its last words.
#[derive(Debug)]
struct Waiting {
    utterance: u64,
    next: Next,
    speech_end: u64,
    heard: Heard,
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

impl Window {
    fn new(utterance: u64, start: u64, offset: usize, samples: Vec<f32>) -> Self {
        let next_partial = FIRST_PARTIAL;
        Self { utterance, start, offset, samples, silence: None, asked: None, heard: Heard::default(), next_partial }
    }

    /// Position of the sample at `at` in the window.
    fn position(&self, at: usize) -> u64 {
        self.start + (self.offset + at) as u64
    }
}

impl Policy {
    /// Takes what the segmenter found.
    pub fn on_segment(&mut self, event: Event) {
        match event {
            Event::Started { at } => {
                let utterance = self.next_utterance;
                self.next_utterance += 1;
                self.growing = Some(Window::new(utterance, at, 0, Vec::new()));
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
            Event::Ended(utterance) => self.on_ended(utterance),
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

    fn on_audio(&mut self, samples: &[f32]) {
        let Some(growing) = &mut self.growing else { return };
        growing.samples.extend_from_slice(samples);
        let length = growing.samples.len();
        if let Some(silence) = &mut growing.silence {
            *silence += samples.len();
            let guessed = growing.asked.as_ref().is_some_and(|asked| !asked.partial);
            if *silence >= GUESS_AFTER && !guessed && self.waiting.len() < MAX_WAITING {
                // Speech and the silence up to here: what the segmenter will keep if nothing more is said, but for a little silence.
                let length = length - (*silence - GUESS_AFTER);
                self.ask(length, false);
            }
        } else if length >= LONGEST_WINDOW && growing.asked.is_none() {
            self.cut();
        } else if length >= growing.next_partial && growing.asked.is_none() && self.waiting.is_empty() {
            self.ask(length, true);
        }
    }

    /// Asks for the words of the window's first `length` samples. A partial decode under way is given up for a final one.
    fn ask(&mut self, length: usize, partial: bool) {
        let Some(growing) = &mut self.growing else { return };
        let request = self.next_request;
        self.next_request += 1;
        let asked = Asked { request, length, partial, result: None };
        if let Some(Asked { request, result: None, .. }) = growing.asked.replace(asked) {
            self.outputs.push_back(Output::Abandon { request });
        }
        let samples = growing.samples[..length].into();
        let (prompt, committed) = (self.said.as_str().into(), growing.heard.committed.as_str().into());
        let language = growing.heard.language;
        self.outputs.push_back(Output::Decode(Decode { request, samples, prompt, committed, language, partial }));
    }

    fn on_partial(&mut self, result: Result<Answer, JobError>) {
        let Some(growing) = &mut self.growing else { return };
        let Some(Asked { length, .. }) = growing.asked.take() else { return };
        let Ok(Answer { hypothesis, queued, ran }) = result else {
            // Busy or late: the next one may fare better.
            growing.next_partial = growing.samples.len() + 2 * PARTIAL_STEP;
            return;
        };
        let cost = SampleRate::ASR.samples(std::time::Duration::from_millis(u64::from(queued) + u64::from(ran)));
        growing.next_partial = length + PARTIAL_STEP.max(2 * cost);
        let heard = &mut growing.heard;
        let now = format!("{}{}", heard.committed, hypothesis.text.expose());
        let certain = agreed(hypothesis.language, &heard.latest, &now);
        let new = certain.get(heard.committed.len()..).unwrap_or_default().to_owned();
        let pending = now[heard.committed.len() + new.len()..].to_owned();
        // Good to a few tenths of a second: the words share out the sound.
        let share = heard.length * certain.chars().count() / heard.latest.chars().count().max(1);
        heard.latest = now;
        heard.length = length;
        let speech_end = (!new.is_empty()).then(|| growing.position(share));
        let utterance = growing.utterance;
        let committed = growing.heard.joined(hypothesis.language, new);
        self.words(Words {
            utterance,
            language: hypothesis.language,
            committed: committed.into(),
            pending: pending.into(),
            speech_end,
            queued,
            ran,
        });
    }

    fn on_resumed(&mut self) {
        let Some(growing) = &mut self.growing else { return };
        let silence = growing.silence.take().unwrap_or_default();
        if growing.asked.as_ref().is_none_or(|asked| asked.partial) {
            return;
        }
        if silence >= CLAUSE_PAUSE && growing.samples.len() >= SHORTEST_WINDOW + silence {
            // The guess heard all of this window; what it did not hear of the pause belongs to the next one.
            let length = growing.samples.len();
            self.close(length - silence / 2, length - silence, Next::Pause);
        } else if let Some(Asked { request, result: None, .. }) = growing.asked.take() {
            self.outputs.push_back(Output::Abandon { request });
        }
    }

    /// Ends a window that has grown too long where it is quietest, behind all that may have been committed.
    fn cut(&mut self) {
        let Some(growing) = &mut self.growing else { return };
        let from = growing.heard.length.max(growing.samples.len().saturating_sub(3 * PARTIAL_STEP));
        let power = |window: &[f32]| window.iter().map(|s| s * s).sum::<f32>();
        let windows = growing.samples[from..].windows(2 * WINDOW).enumerate().step_by(WINDOW / 4);
        let quietest = windows.min_by(|a, b| power(a.1).total_cmp(&power(b.1))).map_or(0, |(at, _)| at);
        let at = (from + quietest + WINDOW).min(growing.samples.len());
        self.ask(at, false);
        self.close(at, at, Next::Cut);
    }

    /// Closes the window at `at`, its speech ending at `speech_end` and its last decode asked for, and begins the next.
    fn close(&mut self, at: usize, speech_end: usize, next: Next) {
        let Some(mut growing) = self.growing.take() else { return };
        let Some(Asked { request, result, .. }) = growing.asked.take() else { return };
        let rest = growing.samples.split_off(at);
        let speech_end = growing.position(speech_end);
        let Window { utterance, start, offset, heard, .. } = growing;
        let mut window = Window::new(utterance, start, offset + at, rest);
        window.heard.language = heard.language;
        window.heard.follows = true;
        self.growing = Some(window);
        self.waiting.push_back(Waiting { utterance, next, speech_end, heard, request, result });
        self.commit();
    }

    fn on_ended(&mut self, ended: Utterance) {
        let Some(growing) = self.growing.take() else { return };
        let Window { utterance, offset, asked, heard, .. } = growing;
        let Utterance { samples, speech_end, .. } = ended;
        let samples = samples.get(offset..).unwrap_or_default();
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
                let request = self.next_request;
                self.next_request += 1;
                if self.waiting.len() < MAX_WAITING {
                    let (prompt, committed) = (self.said.as_str().into(), heard.committed.as_str().into());
                    let (samples, language) = (samples.into(), heard.language);
                    self.outputs.push_back(Output::Decode(Decode {
                        request,
                        samples,
                        prompt,
                        committed,
                        language,
                        partial: false,
                    }));
                    (request, None)
                } else {
                    (request, Some(Err(JobError::Busy("asr"))))
                }
            }
        };
        self.waiting.push_back(Waiting { utterance, next: Next::End, speech_end, heard, request, result });
        self.commit();
    }

    fn commit(&mut self) {
        while self.waiting.front().is_some_and(|w| w.result.is_some()) {
            let Some(Waiting { utterance, next, speech_end, mut heard, result: Some(result), .. }) = self.waiting.pop_front()
            else {
                return;
            };
            let result = result.map(|Answer { hypothesis, queued, ran }| {
                let mut text = hypothesis.text.expose().to_owned();
                let whole = format!("{}{text}", heard.committed);
                if next == Next::Pause && whole.ends_with(|c: char| !is_punctuation(c)) {
                    text.push(if hypothesis.language.is_unspaced() { '，' } else { ',' });
                }
                let committed = heard.joined(hypothesis.language, text);
                let language = heard.language.unwrap_or(hypothesis.language);
                if !committed.trim().is_empty() {
                    let (committed, pending) = (committed.into(), Redacted::default());
                    let speech_end = Some(speech_end);
                    self.words(Words { utterance, language, committed, pending, speech_end, queued, ran });
                }
                if let Some(growing) = self.growing.as_mut().filter(|g| g.utterance == utterance && heard.language.is_some()) {
                    growing.heard.language = heard.language;
                }
            });
            // The rest of the utterance may still be heard: its end says that something is missing.
            if let Err(error) = result {
                self.missing.get_or_insert(error);
            }
            if next == Next::End {
                let result = self.missing.take().map_or(Ok(()), Err);
                self.outputs.push_back(Output::Ended { utterance, speech_end, result });
            }
        }
    }

    fn words(&mut self, words: Words) {
        self.said.push_str(words.committed.expose());
        let excess = self.said.chars().count().saturating_sub(PROMPT_CHARS);
        self.said = self.said.chars().skip(excess).collect();
        self.outputs.push_back(Output::Words(words));
    }
}

impl Heard {
    /// Takes note of newly committed words, `new`, and gives them as they follow what was given before.
    fn joined(&mut self, language: Language, new: String) -> String {
        if new.is_empty() {
            return new;
        }
        self.language.get_or_insert(language);
        let lead = if self.committed.is_empty() && self.follows && !language.is_unspaced() { " " } else { "" };
        let joined = format!("{lead}{new}");
        self.committed.push_str(&new);
        joined
    }
}

#[cfg(test)]
mod tests;
