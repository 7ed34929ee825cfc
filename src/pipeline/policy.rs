//! When to recognise and what is committed (pure): segmenter events and hypotheses in, decode requests and captions out.
//!
//! Utterance by utterance: words are committed when the utterance is over. So that nobody waits for the recogniser then, it is
//! asked at the first real pause already; if the speaker does not go on, its answer is there when the end of the utterance is
//! certain. Utterances are committed in the order in which they were spoken, whatever order the answers come in.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    asr::Hypothesis,
    inference::JobError,
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
    Decode {
        /// To be named in the answer.
        request: u64,
        /// Of which utterance it is the beginning, or all.
        utterance: u64,
        /// Position of its first sample.
        at: u64,
        /// 16 kHz mono.
        samples: Arc<[f32]>,
    },
    /// The answer to this request is not wanted any more.
    Abandon {
        /// Which.
        request: u64,
    },
    /// The utterance is over and these are its words (maybe none).
    Committed {
        /// Which utterance.
        utterance: u64,
        /// Position after its last word.
        speech_end: u64,
        /// Position up to which was listened before it was certain that these are the words.
        heard: u64,
        /// What was said.
        result: Result<Answer, JobError>,
    },
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
    growing: Option<Growing>,
    waiting: VecDeque<Waiting>,
    outputs: VecDeque<Output>,
}

/// The utterance being spoken.
#[derive(Debug)]
struct Growing {
    utterance: u64,
    /// Position of its first sample.
    at: u64,
    samples: Vec<f32>,
    /// Samples since the last speech, while there is a pause.
    silence: Option<usize>,
    guess: Option<Guess>,
}

/// Recognition that was asked for before the utterance was over.
#[derive(Debug)]
struct Guess {
    request: u64,
    length: usize,
    result: Option<Result<Answer, JobError>>,
}

/// A finished utterance without its words.
#[derive(Debug)]
struct Waiting {
    utterance: u64,
    speech_end: u64,
    heard: u64,
    request: u64,
    result: Option<Result<Answer, JobError>>,
}

impl Policy {
    /// Takes what the segmenter found.
    pub fn on_segment(&mut self, event: Event) {
        match event {
            Event::Started { at } => {
                let utterance = self.next_utterance;
                self.next_utterance += 1;
                self.growing = Some(Growing { utterance, at, samples: Vec::new(), silence: None, guess: None });
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
        if let Some(guess) = self.growing.as_mut().and_then(|g| g.guess.as_mut()).filter(|g| g.request == request) {
            guess.result = Some(result);
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
        let Some(silence) = &mut growing.silence else { return };
        *silence += samples.len();
        if *silence >= GUESS_AFTER && growing.guess.is_none() && self.waiting.len() < MAX_WAITING {
            // Speech and the silence up to here: what the segmenter will keep if nothing more is said, but for a little silence.
            let length = growing.samples.len() - (*silence - GUESS_AFTER);
            let samples = growing.samples[..length].into();
            let request = self.next_request;
            self.next_request += 1;
            growing.guess = Some(Guess { request, length, result: None });
            self.outputs.push_back(Output::Decode { request, utterance: growing.utterance, at: growing.at, samples });
        }
    }

    fn on_resumed(&mut self) {
        let Some(growing) = &mut self.growing else { return };
        growing.silence = None;
        if let Some(guess) = growing.guess.take()
            && guess.result.is_none()
        {
            self.outputs.push_back(Output::Abandon { request: guess.request });
        }
    }

    fn on_ended(&mut self, ended: Utterance) {
        let Some(growing) = self.growing.take() else { return };
        let Growing { utterance, guess, at, samples: listened, .. } = growing;
        let heard = at + listened.len() as u64;
        let Utterance { samples, speech_end, start, .. } = ended;
        let (right, wrong) = match guess {
            // A guess that survived until here heard all the speech, unless the utterance was cut before the end of it.
            Some(guess) if samples.len().saturating_sub(guess.length) <= MORE_SILENCE && guess.length <= samples.len() => {
                (Some(guess), None)
            }
            other => (None, other),
        };
        if let Some(Guess { request, result: None, .. }) = wrong {
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
                    self.outputs.push_back(Output::Decode { request, utterance, at: start, samples });
                    (request, None)
                } else {
                    (request, Some(Err(JobError::Busy("asr"))))
                }
            }
        };
        self.waiting.push_back(Waiting { utterance, speech_end, heard, request, result });
        self.commit();
    }

    fn commit(&mut self) {
        while self.waiting.front().is_some_and(|w| w.result.is_some()) {
            if let Some(Waiting { utterance, speech_end, heard, result: Some(result), .. }) = self.waiting.pop_front() {
                self.outputs.push_back(Output::Committed { utterance, speech_end, heard, result });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::Language,
        vad::segmenter::{Segmenter, SegmenterOptions},
    };

    fn answer(text: &str) -> Result<Answer, JobError> {
        let hypothesis = Hypothesis { text: text.into(), language: Language::EN, tokens: Vec::new(), no_speech: 0.0 };
        Ok(Answer { hypothesis, queued: 0, ran: 0 })
    }

    struct Speaker {
        segmenter: Segmenter,
        policy: Policy,
    }

    impl Speaker {
        fn new() -> Self {
            Self { segmenter: Segmenter::new(&SegmenterOptions::default()), policy: Policy::default() }
        }

        /// Speech or silence of so many windows; returns what the policy wants.
        fn windows(&mut self, count: usize, probability: f32) -> Vec<Output> {
            let level = if probability > 0.5 { 0.1 } else { 0.0001 };
            for _ in 0..count {
                self.segmenter.push(&[level; WINDOW], probability);
            }
            while let Some(event) = self.segmenter.poll_event() {
                self.policy.on_segment(event);
            }
            self.outputs()
        }

        fn outputs(&mut self) -> Vec<Output> {
            std::iter::from_fn(|| self.policy.poll_output()).collect()
        }
    }

    fn request(outputs: &[Output]) -> (u64, usize) {
        let decodes: Vec<_> = outputs
            .iter()
            .filter_map(|o| match o {
                Output::Decode { request, samples, .. } => Some((*request, samples.len())),
                _ => None,
            })
            .collect();
        assert_eq!(decodes.len(), 1, "{outputs:?}");
        decodes[0]
    }

    #[test]
    fn a_right_guess_is_committed_the_moment_the_utterance_ends() {
        let mut speaker = Speaker::new();
        speaker.windows(40, 0.95);
        let (guess, length) = request(&speaker.windows(6, 0.02));
        speaker.policy.on_decoded(guess, answer("hello"));
        assert!(speaker.outputs().is_empty(), "nothing is committed before the end");
        let outputs = speaker.windows(40, 0.02);
        assert!(
            matches!(outputs.as_slice(), [Output::Committed { utterance: 0, result: Ok(a), .. }] if a.hypothesis.text.expose() == "hello")
        );
        assert_eq!(length % WINDOW, 0);
        assert!(speaker.policy.is_idle());
    }

    #[test]
    fn a_pause_inside_a_sentence_abandons_the_guess() {
        let mut speaker = Speaker::new();
        speaker.windows(40, 0.95);
        let (guess, _) = request(&speaker.windows(6, 0.02));
        let outputs = speaker.windows(20, 0.95);
        assert!(matches!(outputs.as_slice(), [Output::Abandon { request }] if *request == guess), "{outputs:?}");
        speaker.policy.on_decoded(guess, answer("half a"));
        let (second, _) = request(&speaker.windows(40, 0.02));
        assert_ne!(guess, second);
        speaker.policy.on_decoded(second, answer("half a sentence"));
        let outputs = speaker.outputs();
        assert!(
            matches!(outputs.as_slice(), [Output::Committed { utterance: 0, result: Ok(a), .. }] if a.hypothesis.text.expose() == "half a sentence")
        );
    }

    #[test]
    fn words_come_in_the_order_they_were_spoken() {
        let mut speaker = Speaker::new();
        speaker.windows(40, 0.95);
        let (first, _) = request(&speaker.windows(40, 0.02));
        speaker.windows(40, 0.95);
        let (second, _) = request(&speaker.windows(40, 0.02));
        speaker.policy.on_decoded(second, answer("two"));
        assert!(speaker.outputs().is_empty());
        speaker.policy.on_decoded(first, Err(JobError::DeadlinePassed("asr")));
        let outputs = speaker.outputs();
        assert!(matches!(
            outputs.as_slice(),
            [Output::Committed { utterance: 0, result: Err(_), .. }, Output::Committed { utterance: 1, result: Ok(_), .. }]
        ));
    }

    #[test]
    fn a_recogniser_that_never_answers_is_bounded() {
        let mut speaker = Speaker::new();
        let mut asked = 0;
        for _ in 0..3 * MAX_WAITING {
            for output in [speaker.windows(40, 0.95), speaker.windows(40, 0.02)].into_iter().flatten() {
                asked += usize::from(matches!(output, Output::Decode { .. }));
            }
        }
        assert_eq!(asked, MAX_WAITING, "no more is asked of a recogniser that is behind");
        for request in 0..asked as u64 {
            speaker.policy.on_decoded(request, answer("late"));
        }
        let results: Vec<_> = speaker.outputs();
        let busy = |o: &&Output| matches!(o, Output::Committed { result: Err(JobError::Busy(_)), .. });
        assert_eq!(results.len(), 3 * MAX_WAITING, "every utterance gets its answer");
        assert_eq!(results.iter().filter(busy).count(), 2 * MAX_WAITING);
    }
}
