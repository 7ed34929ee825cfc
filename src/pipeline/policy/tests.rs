//! The policy against a real segmenter and a recogniser that is the test.

use super::*;
use crate::vad::segmenter::{Segmenter, SegmenterOptions};

fn answer(text: &str) -> Result<Answer, JobError> {
    let hypothesis = Hypothesis { text: text.into(), language: Language::EN, tokens: Vec::new(), no_speech: 0.0 };
    Ok(Answer { hypothesis, queued: 0, ran: 0 })
}

struct Speaker {
    segmenter: Segmenter,
    policy: Policy,
    /// Answers partial decodes with as many of these words as were spoken, three a second; without words nothing is answered.
    words: Vec<&'static str>,
}

impl Speaker {
    fn new(mode: Mode) -> Self {
        Self { segmenter: Segmenter::new(&SegmenterOptions::default()), policy: Policy::new(mode), words: Vec::new() }
    }

    fn saying(words: &'static str) -> Self {
        Self { words: words.split(' ').collect(), ..Self::new(Mode::Simultaneous) }
    }

    /// Speech or silence of so many windows; returns what the policy wants, less the partial decodes that were answered.
    fn windows(&mut self, count: usize, probability: f32) -> Vec<Output> {
        let level = if probability > 0.5 { 0.1 } else { 0.0001 };
        let mut outputs = Vec::new();
        for _ in 0..count {
            self.segmenter.push(&[level; WINDOW], probability);
            while let Some(event) = self.segmenter.poll_event() {
                self.policy.on_segment(event);
                while let Some(output) = self.policy.poll_output() {
                    match output {
                        Output::Decode(decode) if decode.partial => self.answer(&decode),
                        output => outputs.push(output),
                    }
                }
                self.segmenter.keep(self.policy.settled());
            }
        }
        outputs
    }

    /// What a recogniser would have heard so far of the window, behind what is committed of it.
    fn answer(&mut self, decode: &Decode) {
        if !self.words.is_empty() {
            let heard = (decode.samples.len() / 5_333).min(self.words.len());
            let text = self.words[..heard].join(" ");
            let rest = text.strip_prefix(decode.committed.expose()).expect("what is committed stays").to_owned();
            self.policy.on_decoded(decode.request, answer(&rest));
        }
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.policy.poll_output()).collect()
    }
}

fn decodes(outputs: &[Output]) -> Vec<&Decode> {
    fn decode(output: &Output) -> Option<&Decode> {
        if let Output::Decode(decode) = output { Some(decode) } else { None }
    }
    outputs.iter().filter_map(decode).collect()
}

fn request(outputs: &[Output]) -> (u64, usize) {
    let decodes = decodes(outputs);
    assert_eq!(decodes.len(), 1, "{outputs:?}");
    (decodes[0].request, decodes[0].samples.len())
}

fn committed(outputs: &[Output]) -> String {
    let words = |o: &Output| if let Output::Words(w) = o { w.committed.expose().to_owned() } else { String::new() };
    outputs.iter().map(words).collect()
}

const MODES: [Mode; 2] = [Mode::Simultaneous, Mode::Sentence];

#[test]
fn a_right_guess_is_committed_the_moment_the_utterance_ends() {
    for mode in MODES {
        let mut speaker = Speaker::new(mode);
        speaker.windows(30, 0.95);
        let (guess, length) = request(&speaker.windows(6, 0.02));
        speaker.policy.on_decoded(guess, answer("hello."));
        assert!(speaker.outputs().is_empty(), "nothing is committed before the end");
        let outputs = speaker.windows(40, 0.02);
        assert!(
            matches!(outputs.as_slice(), [Output::Words(_), Output::Ended { utterance: 0, result: Ok(()), .. }]),
            "{outputs:?}"
        );
        assert_eq!(committed(&outputs), "hello.");
        assert_eq!(length % WINDOW, 0);
        assert!(speaker.policy.is_idle());
    }
}

#[test]
fn a_short_pause_inside_a_sentence_makes_the_guess_void_or_a_partial_one() {
    let mut speaker = Speaker::new(Mode::Sentence);
    speaker.windows(30, 0.95);
    let (guess, _) = request(&speaker.windows(5, 0.02));
    let outputs = speaker.windows(5, 0.95);
    assert!(matches!(outputs.as_slice(), [Output::Abandon { request }] if *request == guess), "{outputs:?}");
    speaker.policy.on_decoded(guess, answer("half a"));
    let (second, _) = request(&speaker.windows(40, 0.02));
    assert_ne!(guess, second);
    speaker.policy.on_decoded(second, answer("half a sentence"));
    assert_eq!(committed(&speaker.outputs()), "half a sentence");

    let mut speaker = Speaker::new(Mode::Simultaneous);
    speaker.windows(30, 0.95);
    let (guess, _) = request(&speaker.windows(5, 0.02));
    assert!(speaker.windows(5, 0.95).is_empty());
    speaker.policy.on_decoded(guess, answer("half a"));
    let outputs = speaker.outputs();
    assert!(
        matches!(outputs.as_slice(), [Output::Words(w)] if w.committed.is_blank() && w.pending.expose() == "half a"),
        "{outputs:?}"
    );
    let (second, _) = request(&speaker.windows(40, 0.02));
    speaker.policy.on_decoded(second, answer("half a sentence"));
    assert_eq!(committed(&speaker.outputs()), "half a sentence");
}

#[test]
fn whoever_wants_sentences_gets_them_whole() {
    let mut speaker = Speaker { words: vec!["never", "asked"], ..Speaker::new(Mode::Sentence) };
    let mut outputs = speaker.windows(300, 0.95);
    outputs.extend(speaker.windows(9, 0.02));
    outputs.extend(speaker.windows(300, 0.95));
    let (_, length) = request(&speaker.windows(40, 0.02));
    assert_eq!(decodes(&outputs).len(), 1, "the guess at the pause, {outputs:?}");
    assert!(length > 600 * WINDOW);
}

#[test]
fn words_are_committed_while_they_are_spoken_and_never_taken_back() {
    let mut speaker = Speaker::saying("so we would like to have blue ones and red ones for the shop");
    let mut outputs = speaker.windows(140, 0.95);
    let early = committed(&outputs);
    assert!(early.starts_with("so we would like to"), "{early}");
    assert!(!early.contains("shop"), "{early}");
    let pending: Vec<_> =
        outputs.iter().filter_map(|o| if let Output::Words(w) = o { Some(w.pending.expose()) } else { None }).collect();
    assert!(pending.iter().any(|p| !p.is_empty()), "what is not certain is shown as pending: {pending:?}");
    outputs.extend(speaker.windows(6, 0.02));
    let last = decodes(&outputs).last().copied().cloned().expect("the guess");
    assert_eq!(last.committed.expose(), early, "the final decode goes on behind what is committed");
    speaker.policy.on_decoded(last.request, answer(" and so on"));
    outputs = speaker.windows(40, 0.02);
    assert_eq!(committed(&outputs), " and so on");
}

#[test]
fn a_pause_between_clauses_closes_the_window() {
    let mut speaker = Speaker::new(Mode::Simultaneous);
    speaker.windows(80, 0.95);
    // The partial decodes of a recogniser that never answers are given up for the guess.
    let (first, length) = request(&speaker.windows(9, 0.02));
    assert!(speaker.windows(5, 0.95).is_empty(), "the guess is wanted");
    speaker.policy.on_decoded(first, answer("the first half."));
    let outputs = speaker.outputs();
    assert_eq!(committed(&outputs), "the first half,");
    let outputs = speaker.windows(40, 0.95);
    assert!(decodes(&outputs).is_empty());
    let outputs = speaker.windows(40, 0.02);
    let last = decodes(&outputs)[0].clone();
    assert_eq!(last.prompt.expose(), "the first half,");
    assert!(last.samples.len() < length, "only the second half is decoded");
    speaker.policy.on_decoded(last.request, answer("and the second."));
    let outputs = speaker.outputs();
    assert_eq!(committed(&outputs), " and the second.");
    assert!(matches!(outputs.last(), Some(Output::Ended { utterance: 0, result: Ok(()), .. })));
    assert!(speaker.policy.is_idle());
}

#[test]
fn nobody_who_talks_without_a_pause_makes_a_window_longer_than_the_longest() {
    let mut speaker = Speaker::saying("a b c d e f g h i j k l m n o p q r s t u v w x y z");
    let mut outputs = speaker.windows(700, 0.95);
    outputs.extend(speaker.windows(40, 0.02));
    let finals: Vec<_> = decodes(&outputs).into_iter().cloned().collect();
    assert!(finals.len() >= 3, "{}", finals.len());
    assert!(finals.iter().all(|d| d.samples.len() <= LONGEST_WINDOW + WINDOW), "each is bounded");
    let heard: usize = finals.iter().map(|d| d.samples.len()).sum();
    assert!(heard >= 700 * WINDOW, "every sample is heard in a final decode: {heard}");
}

#[test]
fn words_come_in_the_order_they_were_spoken() {
    let mut speaker = Speaker::new(Mode::Simultaneous);
    speaker.windows(30, 0.95);
    let (first, _) = request(&speaker.windows(40, 0.02));
    speaker.windows(30, 0.95);
    let (second, _) = request(&speaker.windows(40, 0.02));
    speaker.policy.on_decoded(second, answer("two"));
    assert!(speaker.outputs().is_empty());
    speaker.policy.on_decoded(first, Err(JobError::DeadlinePassed("asr")));
    let outputs = speaker.outputs();
    assert!(
        matches!(
            outputs.as_slice(),
            [
                Output::Ended { utterance: 0, result: Err(_), .. },
                Output::Words(_),
                Output::Ended { utterance: 1, result: Ok(()), .. }
            ]
        ),
        "{outputs:?}"
    );
}

#[test]
fn an_utterance_that_grows_too_long_is_cut_behind_what_was_committed() {
    let mut speaker = Speaker::saying("one two three four five six seven eight nine ten");
    let mut outputs = speaker.windows(900, 0.95);
    outputs.extend(speaker.windows(40, 0.02));
    let windows: Vec<_> =
        outputs.iter().filter_map(|o| if let Output::Words(w) = o { Some(w.window.clone()) } else { None }).collect();
    assert!(outputs.iter().filter(|o| matches!(o, Output::Started { .. })).count() > 1);
    let mut heard: Vec<_> = decodes(&outputs).iter().map(|d| d.at..d.at + d.samples.len() as u64).collect();
    heard.dedup();
    assert!(heard.windows(2).all(|w| w[0].end <= w[1].start), "nothing is heard twice for good: {heard:?}");
    let mut begins: Vec<_> = windows.iter().map(|w| w.start).collect();
    begins.dedup();
    assert!(begins.is_sorted());
}

#[test]
fn marks_at_the_end_of_a_window_say_what_comes_next() {
    let en = |committed: &str, text: &str, next| ending(Language::EN, committed, text, next);
    assert_eq!(en("", "so it goes.", Next::End), "so it goes.");
    assert_eq!(en("", "so it goes.", Next::Pause), "so it goes,");
    assert_eq!(en("", "does it?", Next::Pause), "does it?");
    assert_eq!(en("so it goes", ".", Next::Pause), ",");
    assert_eq!(en("so it goes,", "", Next::Pause), "");
    assert_eq!(en("", "so it goes...", Next::Cut), "so it goes");
    assert_eq!(en("", "it is 5 %.", Next::Pause), "it is 5 %,");
    assert_eq!(ending(Language::ZH, "", "下雨了。", Next::Pause), "下雨了，");
    assert_eq!(en("", "", Next::Pause), "");
}

#[test]
fn a_recogniser_that_never_answers_is_bounded() {
    let mut speaker = Speaker::new(Mode::Simultaneous);
    let mut asked = Vec::new();
    let mut ended = 0;
    for _ in 0..3 * MAX_WAITING {
        for outputs in [speaker.windows(30, 0.95), speaker.windows(40, 0.02)] {
            asked.extend(decodes(&outputs).into_iter().map(|d| d.request));
        }
    }
    assert_eq!(asked.len(), MAX_WAITING, "no more is asked of a recogniser that is behind");
    for request in asked {
        speaker.policy.on_decoded(request, answer("late"));
    }
    for output in speaker.outputs() {
        if let Output::Ended { result, .. } = output {
            ended += 1;
            assert_eq!(matches!(result, Err(JobError::Busy(_))), ended > MAX_WAITING);
        }
    }
    assert_eq!(ended, 3 * MAX_WAITING, "every utterance gets its answer");
}
