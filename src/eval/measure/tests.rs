//! Measures of traces written by hand.

use super::*;

fn line(kind: Kind, utterance: u64, text: &str, times: [u64; 3]) -> TraceEvent {
    let [from, to, wall] = times;
    TraceEvent {
        event: kind,
        utterance: Some(utterance),
        lang: Some(if kind == Kind::Source { Language::ZH } else { Language::EN }),
        text: text.into(),
        from_ms: Some(from),
        to_ms: Some(to),
        heard_ms: Some(to + 400),
        wall_ms: wall,
        play_ms: None,
        audio_ms: None,
        last: false,
        ms: None,
        verified: None,
    }
}

fn speech(utterance: u64, text: &str, times: [u64; 3], play: u64, audio: u64) -> TraceEvent {
    TraceEvent { play_ms: Some(play), audio_ms: Some(audio), ..line(Kind::Speech, utterance, text, times) }
}

/// 8 s, loud from 1 s to 7.5 s.
fn clip() -> Clip {
    let mut samples = vec![0.0; 16_000];
    samples.resize(120_000, 0.5);
    samples.resize(128_000, 0.0);
    let part = Part {
        from_s: 0.0,
        to_s: 8.0,
        transcript: "今天下雨。明天天晴。".into(),
        reference: Some("Rain today. Sun tomorrow.".into()),
        numbers: None,
    };
    Clip { id: "clip".into(), from: Language::ZH, to: Language::EN, samples, parts: vec![part] }
}

/// Two phrases of one utterance, the second one spoken in two clauses.
fn events() -> Vec<TraceEvent> {
    vec![
        line(Kind::Source, 0, "今天下雨。", [1_000, 4_000, 4_500]),
        line(Kind::Target, 0, "Rain today.", [1_000, 4_000, 5_000]),
        speech(0, "Rain today.", [1_000, 4_000, 5_500], 5_500, 1_000),
        line(Kind::Source, 0, "明天天情。", [4_000, 7_500, 8_000]),
        line(Kind::Target, 0, " Sun, tomorrow.", [4_000, 7_500, 8_500]),
        speech(0, "Sun,", [4_000, 7_500, 8_800], 8_800, 400),
        speech(0, "tomorrow.", [4_000, 7_500, 8_900], 9_300, 700),
        line(Kind::End, 0, "", [1_000, 7_500, 9_800]),
    ]
}

#[test]
fn a_trace_gives_the_numbers_computed_by_hand() {
    let m = measure(&clip(), &events(), &Context::default());
    assert_eq!((m.source.as_str(), m.target.as_str()), ("今天下雨。明天天情。", "Rain today. Sun, tomorrow."));
    assert_eq!((m.edits, m.length), (1, 8));
    // From 1 s to 7.5 s: |X| = 6.5; four words, as in the reference. Delays 4, 4, 7.5, 7.5; the third is past the end.
    let expected = (4.0 + (4.0 - 1.625) + (7.5 - 3.25)) / 3.0;
    assert!((m.laal_aware_s[0] - expected).abs() < 1e-9, "{:?}", m.laal_aware_s);
    // Listened to 4.4 s and 7.9 s: delays 3.4, 3.4, 6.9.
    let expected = (3.4 + (3.4 - 1.625) + (6.9 - 3.25)) / 3.0;
    assert!((m.laal_unaware_s[0] - expected).abs() < 1e-9, "{:?}", m.laal_unaware_s);
    let phrases: Vec<_> = m.phrases.iter().map(|p| (p.lag_s(), p.audio_s)).collect();
    assert_eq!(phrases.len(), 2);
    for ((lag, audio), (expected_lag, expected_audio)) in phrases.iter().zip([(4.5, 1.0), (4.8, 1.2)]) {
        assert!((lag - expected_lag).abs() < 1e-9 && (audio - expected_audio).abs() < 1e-9, "{phrases:?}");
    }
    let near = |values: &[f64], expected: f64| values.len() == 1 && (values[0] - expected).abs() < 1e-9;
    assert!(near(&m.start_lag_s, 4.5) && near(&m.first_audio_lag_s, -2.0) && near(&m.last_phrase_lag_s, 1.3), "{m:?}");
    assert!((m.end_lag_s.unwrap() - 2.5).abs() < 1e-9);
    assert_eq!((m.retractions, m.untranslated, m.errors), (0, 0, 0));
}

#[test]
fn each_recording_of_a_monologue_has_its_own_laal() {
    let mut clip = clip();
    let second = Part { from_s: 4.0, ..clip.parts[0].clone() };
    clip.parts[0].to_s = 4.0;
    clip.parts.push(second);
    let m = measure(&clip, &events(), &Context::default());
    // The first: words from 1 s to 4 s, both after its end: only the first counts, 5 - 1. The second from 4 s to 7.5 s.
    assert_eq!(m.laal_aware_s, [4.0, 4.5]);
}

#[test]
fn what_is_taken_back_is_counted() {
    let changed = |change: fn(&mut Vec<TraceEvent>)| {
        let mut events = events();
        change(&mut events);
        retractions(&events)
    };
    assert_eq!(changed(|_| {}), 0);
    assert_eq!(changed(|e| e.push(line(Kind::Target, 0, "More.", [4_000, 7_500, 9_900]))), 1, "after the end");
    assert_eq!(changed(|e| e[1].last = true), 2, "words and a translation after the last translation");
    assert_eq!(changed(|e| e[4].to_ms = Some(3_000)), 1, "a translation of words before those of the last one");
    assert_eq!(changed(|e| e[5].text = "Snow,".into()), 1, "something else is said than shown");
    assert_eq!(changed(|e| drop(e.remove(5))), 0, "a filler may be left out");
}

#[test]
fn words_that_nobody_translated_are_counted() {
    let mut events = events();
    events.remove(4);
    assert_eq!(untranslated(&events, Language::EN), 5);
    assert_eq!(untranslated(&events, Language::ZH), 0, "what needs no translation is not missing");
}

#[test]
fn summaries_are_by_direction_and_weighted() {
    let one = Measures {
        from: "zh".into(),
        to: "en".into(),
        edits: 1,
        length: 10,
        laal_aware_s: vec![1.0, 3.0],
        ..Measures::default()
    };
    let two = Measures { edits: 9, length: 90, laal_aware_s: vec![2.0], ..one.clone() };
    let back = Measures { from: "en".into(), to: "zh".into(), ..Measures::default() };
    let summaries = summarise(&[one, back, two]);
    let [there, back] = summaries.as_slice() else { panic!("{summaries:?}") };
    assert_eq!((there.direction.as_str(), there.clips, there.error_kind, there.error_percent), ("zh→en", 2, "CER", 10.0));
    assert_eq!(there.laal_aware_s, Spread { count: 3, p50: Some(2.0), p95: Some(3.0), mean: Some(2.0) });
    assert_eq!((back.error_kind, back.laal_aware_s.p50), ("WER", None));
}

#[test]
fn drift_compares_the_end_with_the_first_minute() {
    let phrase = |from_s: f64, lag: f64| Phrase { from_s, to_s: from_s + 2.0, ready_s: 0.0, heard_s: from_s + lag, audio_s: 1.0 };
    let phrases = vec![phrase(10.0, 9.0), phrase(50.0, 2.0), phrase(80.0, 3.0), phrase(130.0, 3.0), phrase(181.0, 5.0)];
    let long = Measures { seconds: 182.0, phrases, ..Measures::default() };
    assert_eq!(drift(&long), Some(1.5));
    assert_eq!(by_minute(&[&long]), [5.5, 3.0, 4.0]);
    let short = Measures { seconds: 60.0, ..long.clone() };
    assert_eq!((drift(&short), by_minute(&[&short])), (None, vec![]));
    let other = Measures { seconds: 120.0, phrases: vec![phrase(70.0, 5.0)], ..Measures::default() };
    assert_eq!(by_minute(&[&other, &long]), [5.5, 4.0, 4.0]);
}
