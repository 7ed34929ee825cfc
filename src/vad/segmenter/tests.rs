//! The segmenter on probabilities: where utterances begin and end, and that no sample is lost.

use proptest::prelude::*;

use super::*;

const SPEECH: f32 = 0.95;
const SILENCE: f32 = 0.02;

/// Samples that name their own position, so that any loss or doubling shows; quiet ones in silence.
fn window(at: usize, probability: f32) -> Vec<f32> {
    let scale = if probability >= 0.35 { 1.0 } else { 1e-3 };
    (0..WINDOW).map(|i| scale * (0.1 + ((at * WINDOW + i) % 65_536) as f32 / 131_072.0)).collect()
}

/// What the stream held in `range`.
fn stream(probabilities: &[f32], range: std::ops::Range<u64>) -> Vec<f32> {
    let all: Vec<f32> = probabilities.iter().enumerate().flat_map(|(i, p)| window(i, *p)).collect();
    all[range.start as usize..range.end as usize].to_vec()
}

fn run(segmenter: &mut Segmenter, probabilities: &[f32], end: bool) -> Vec<Event> {
    let mut events = Vec::new();
    for (i, p) in probabilities.iter().enumerate() {
        segmenter.push(&window(i, *p), *p);
        events.extend(std::iter::from_fn(|| segmenter.poll_event()));
    }
    if end {
        segmenter.force_end();
        events.extend(std::iter::from_fn(|| segmenter.poll_event()));
    }
    events
}

fn utterances(events: &[Event]) -> Vec<&Utterance> {
    events.iter().filter_map(|e| if let Event::Ended(u) = e { Some(u) } else { None }).collect()
}

/// `parts` of (windows, probability).
fn speak(parts: &[(usize, f32)]) -> Vec<f32> {
    parts.iter().flat_map(|(n, p)| vec![*p; *n]).collect()
}

fn segmenter() -> Segmenter {
    Segmenter::new(&SegmenterOptions::default())
}

#[test]
fn one_sentence_with_pre_roll_and_tail() {
    let talk = speak(&[(20, SILENCE), (50, SPEECH), (20, SILENCE)]);
    let events = run(&mut segmenter(), &talk, false);
    let found = utterances(&events);
    let [utterance] = found[..] else { panic!("{events:?}") };
    assert_eq!(utterance.start, 20 * 512 - 4_096, "256 ms before the first word");
    assert_eq!(utterance.speech_end, 70 * 512);
    assert_eq!(utterance.samples.len() as u64, 50 * 512 + 4_096 + 2_560, "and 160 ms after the last");
    assert_eq!(utterance.reason, EndReason::Pause);
    let range = utterance.start..utterance.start + utterance.samples.len() as u64;
    assert_eq!(&utterance.samples[..], &stream(&talk, range)[..]);
}

#[test]
fn a_clear_end_is_told_after_416_ms() {
    let mut segmenter = segmenter();
    let talk = speak(&[(20, SILENCE), (50, SPEECH), (12, SILENCE)]);
    assert!(utterances(&run(&mut segmenter, &talk, false)).is_empty());
    segmenter.push(&window(82, SILENCE), SILENCE);
    assert!(std::iter::from_fn(|| segmenter.poll_event()).any(|e| matches!(e, Event::Ended(_))));
}

#[test]
fn a_short_start_or_a_loud_background_is_given_longer() {
    for (voiced, background) in [(8, SILENCE), (50, 0.3)] {
        let mut segmenter = segmenter();
        let talk = speak(&[(20, SILENCE), (voiced, SPEECH), (15, background), (10, SPEECH), (30, SILENCE)]);
        assert_eq!(utterances(&run(&mut segmenter, &talk, false)).len(), 1, "{voiced} {background}");
    }
}

#[test]
fn a_speaker_who_goes_on_after_pauses_is_given_longer() {
    let mut segmenter = segmenter();
    // Pauses of 480 ms: the first ends prove to come too early.
    let hesitant: Vec<(usize, f32)> = (0..6).flat_map(|_| [(40, SPEECH), (15, SILENCE)]).collect();
    let mut parts = vec![(20, SILENCE)];
    parts.extend(hesitant);
    let found = utterances(&run(&mut segmenter, &speak(&parts), true)).len();
    assert_eq!(found, 3, "two pauses split, the later four do not");
}

#[test]
fn clicks_and_flicker_start_nothing() {
    let talk = speak(&[(20, SILENCE), (2, 1.0), (10, SILENCE), (1, 1.0), (1, 0.0), (2, 1.0), (30, 0.45)]);
    assert!(run(&mut segmenter(), &talk, true).is_empty());
}

#[test]
fn a_weak_syllable_does_not_end_speech() {
    let talk = speak(&[(10, SILENCE), (20, SPEECH), (40, 0.4), (20, SPEECH), (20, SILENCE)]);
    assert_eq!(utterances(&run(&mut segmenter(), &talk, false)).len(), 1);
}

#[test]
fn a_long_monologue_is_cut_at_its_best_pause() {
    // 25 s are 782 windows; a breath of 160 ms at window 700, a shorter dip at 760.
    let talk = speak(&[(10, SILENCE), (690, SPEECH), (5, 0.05), (55, SPEECH), (1, 0.3), (200, SPEECH), (30, SILENCE)]);
    let events = run(&mut segmenter(), &talk, false);
    let found = utterances(&events);
    let [first, second] = found[..] else { panic!("{} utterances", found.len()) };
    assert_eq!(first.reason, EndReason::MaxLength);
    assert_eq!(first.start + first.samples.len() as u64, second.start);
    assert!((700 * 512..=705 * 512).contains(&second.start), "{}", second.start / 512);
    assert_eq!(first.speech_end, 700 * 512);
    assert_eq!(&first.samples[..], &stream(&talk, first.start..second.start)[..]);
    assert_eq!(second.speech_end, (10 + 690 + 5 + 55 + 1 + 200) * 512);
}

#[test]
fn forced_ends_close_the_utterance_and_the_next_begins_after_it() {
    let mut segmenter = segmenter();
    segmenter.force_end();
    assert_eq!(segmenter.poll_event(), None, "nothing to end");
    let talk = speak(&[(10, SILENCE), (20, SPEECH)]);
    let first = run(&mut segmenter, &talk, true);
    let found = utterances(&first);
    let [utterance] = found[..] else { panic!() };
    assert_eq!((utterance.reason, utterance.speech_end), (EndReason::Forced, 30 * 512));
    let second = run(&mut segmenter, &speak(&[(20, SPEECH)]), true);
    assert_eq!(second[0], Event::Started { at: 30 * 512 });
}

#[test]
fn reset_forgets_everything() {
    let mut used = segmenter();
    run(&mut used, &speak(&[(5, SILENCE), (20, SPEECH)]), false);
    used.reset();
    assert!(!used.is_speaking());
    let talk = speak(&[(10, SILENCE), (30, SPEECH), (20, SILENCE)]);
    assert_eq!(run(&mut used, &talk, true), run(&mut segmenter(), &talk, true));
}

#[test]
fn debug_output_shows_no_samples() {
    let events = run(&mut segmenter(), &speak(&[(5, SILENCE), (20, SPEECH)]), true);
    assert!(format!("{:?}", utterances(&events)[0]).len() < 100);
}

/// Checks the order of events and that the pieces make up the utterances.
fn check(events: &[Event], probabilities: &[f32], max: usize) -> Result<(), TestCaseError> {
    let mut open: Option<(u64, Vec<f32>)> = None;
    let mut paused = false;
    let mut previous_end = 0;
    for event in events {
        match event {
            Event::Started { at } => {
                prop_assert!(open.is_none() && *at >= previous_end);
                (open, paused) = (Some((*at, Vec::new())), false);
            }
            Event::Audio(samples) => open.as_mut().expect("audio inside an utterance").1.extend_from_slice(samples),
            Event::Paused { .. } => prop_assert!(open.is_some() && !std::mem::replace(&mut paused, true)),
            Event::Resumed => prop_assert!(open.is_some() && std::mem::replace(&mut paused, false)),
            Event::Ended(utterance) => {
                let (start, pieces) = open.take().expect("an end has a start");
                let end = utterance.start + utterance.samples.len() as u64;
                prop_assert_eq!(utterance.start, start);
                prop_assert!(pieces.starts_with(&utterance.samples));
                prop_assert_eq!(&utterance.samples[..], &stream(probabilities, start..end)[..]);
                prop_assert!(utterance.speech_end <= end && utterance.speech_end > start);
                prop_assert!(utterance.samples.len() <= max + WINDOW);
                previous_end = end;
            }
        }
    }
    prop_assert!(open.is_none());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_said_is_lost_or_doubled(runs in prop::collection::vec((1usize..60, prop::sample::select(vec![0.0f32, 0.1, 0.3, 0.4, 0.6, 0.9, 1.0])), 1..25)) {
        let probabilities = speak(&runs);
        let options = SegmenterOptions {
            max_utterance: Duration::from_secs(3), cut_search: Duration::from_secs(1), ..SegmenterOptions::default()
        };
        let mut segmenter = Segmenter::new(&options);
        let events = run(&mut segmenter, &probabilities, true);
        check(&events, &probabilities, 94 * WINDOW)?;
        // Every stretch that counts as speech is inside exactly one utterance (they do not overlap: see `check`).
        let ranges: Vec<_> = utterances(&events).iter().map(|u| u.start..u.start + u.samples.len() as u64).collect();
        let mut run = 0;
        for (i, p) in probabilities.iter().enumerate() {
            run = if *p >= 0.5 { run + 1 } else { 0 };
            if run >= 3 {
                for w in i + 1 - run..=i {
                    let covered = ranges.iter().map(|r| {
                        let (from, to) = ((w * WINDOW) as u64, ((w + 1) * WINDOW) as u64);
                        r.end.min(to).saturating_sub(r.start.max(from))
                    }).sum::<u64>();
                    prop_assert_eq!(covered, WINDOW as u64, "window {}", w);
                }
            }
        }
    }

    #[test]
    fn any_numbers_are_survived(probabilities in prop::collection::vec(prop::num::f32::ANY, 0..300), length in 0usize..40) {
        let options = SegmenterOptions {
            max_utterance: Duration::from_millis(length as u64 * 50), cut_search: Duration::from_millis(300), ..SegmenterOptions::default()
        };
        let mut segmenter = Segmenter::new(&options);
        for p in &probabilities {
            segmenter.push(&[*p; WINDOW], *p);
            while segmenter.poll_event().is_some() {}
        }
        segmenter.push(&[], 1.0);
        segmenter.push(&[0.1; 7], 1.0);
        segmenter.force_end();
        prop_assert!(!segmenter.is_speaking());
    }
}
