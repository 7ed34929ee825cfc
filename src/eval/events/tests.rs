//! The observer on scripted events.

use super::*;
use crate::{ids::StreamId, inference::JobError};

const ORIGIN: Millis = Millis(5_000);

fn at(ms: u64) -> Millis {
    Millis(ORIGIN.0 + ms)
}

/// A recording of 20 s, loud from 300 ms on.
fn observer() -> Observer {
    let mut samples = vec![0.0; 4_800];
    samples.resize(320_000, 0.5);
    Observer::new(ORIGIN, Language::EN, &samples)
}

fn words(utterance: u64, text: &str, end: u64, heard: u64) -> SpeakerEvent {
    SpeakerEvent::Recognised {
        utterance,
        language: Language::ZH,
        committed: text.into(),
        pending: "".into(),
        speech_end: Some(at(end)),
        heard: at(heard),
        doubtful: Vec::new(),
        times: StageTimes::default(),
    }
}

fn translated(source: Stretch, text: &str) -> LaneEvent {
    LaneEvent::Translated { utterance: UtteranceId(0), source, committed: text.into(), last: false, times: StageTimes::default() }
}

fn spoken(utterance: u64, from: usize, to: usize, audio: u64) -> LaneEvent {
    LaneEvent::Spoken {
        utterance: UtteranceId(utterance),
        source: Stretch { from, to },
        text: "clause".into(),
        audio: Duration::from_millis(audio),
        pause: Duration::from_millis(90),
    }
}

#[test]
fn pieces_of_text_find_their_stretch_of_the_recording() {
    let mut observer = observer();
    observer.on_speaker(at(500), &SpeakerEvent::UtteranceStarted { utterance: 0, at: at(100) });
    observer.on_speaker(at(2_600), &words(0, "一二三四", 2_300, 2_400));
    observer.on_speaker(at(3_700), &words(0, " 五六", 3_300, 3_600));
    // The first three characters; then the last of the first piece and all of the second.
    observer.on_lane(at(3_900), &translated(Stretch { from: 0, to: 3 }, "one two three"));
    observer.on_lane(at(4_000), &translated(Stretch { from: 3, to: 6 }, " four five six"));
    let events = observer.drain();
    let times: Vec<_> = events.iter().map(|e| (e.event, e.from_ms, e.to_ms, e.heard_ms, e.wall_ms)).collect();
    assert_eq!(
        times,
        [
            // The utterance's first 200 ms (pre-roll) are silent.
            (Kind::Source, Some(300), Some(2_300), Some(2_400), 2_600),
            (Kind::Source, Some(2_300), Some(3_300), Some(3_600), 3_700),
            (Kind::Target, Some(300), Some(1_800), Some(2_400), 3_900),
            (Kind::Target, Some(1_800), Some(3_300), Some(3_600), 4_000),
        ]
    );
}

#[test]
fn words_that_are_not_committed_were_heard_when_they_were_last_listened_to() {
    let mut observer = observer();
    observer.on_speaker(at(500), &SpeakerEvent::UtteranceStarted { utterance: 0, at: at(300) });
    observer.on_speaker(at(2_100), &words(0, "", 0, 1_900));
    observer.on_lane(at(2_500), &translated(Stretch { from: 0, to: 3 }, "one two"));
    observer.on_speaker(at(2_600), &words(0, "一二", 1_300, 2_400));
    observer.on_speaker(at(3_700), &words(0, "", 0, 3_500));
    observer.on_lane(at(3_900), &translated(Stretch { from: 0, to: 3 }, " three"));
    let targets = observer.drain().into_iter().filter(|e| e.event == Kind::Target);
    let times: Vec<_> = targets.map(|e| (e.from_ms, e.to_ms, e.heard_ms)).collect();
    assert_eq!(times, [(Some(300), Some(300), Some(1_900)), (Some(300), Some(1_300), Some(3_500))]);
}

#[test]
fn a_word_that_seems_to_end_before_its_utterance_takes_nothing_back() {
    let mut observer = observer();
    observer.on_speaker(at(500), &SpeakerEvent::UtteranceStarted { utterance: 0, at: at(300) });
    observer.on_speaker(at(2_100), &words(0, "", 0, 1_900));
    observer.on_lane(at(2_500), &translated(Stretch { from: 0, to: 2 }, "one"));
    observer.on_speaker(at(2_600), &words(0, "一", 200, 2_400));
    observer.on_lane(at(2_900), &translated(Stretch { from: 0, to: 2 }, " two"));
    let ends: Vec<_> = observer.drain().into_iter().map(|e| e.to_ms).collect();
    assert_eq!(ends, [Some(300); 3]);
}

#[test]
fn a_clause_waits_for_those_before_it() {
    let mut observer = observer();
    observer.on_speaker(at(500), &SpeakerEvent::UtteranceStarted { utterance: 0, at: at(300) });
    observer.on_speaker(at(2_600), &words(0, "一二三四", 2_300, 2_400));
    observer.on_lane(at(3_000), &spoken(0, 0, 2, 1_000));
    observer.on_lane(at(3_200), &spoken(0, 2, 4, 500));
    observer.on_speaker(at(3_300), &SpeakerEvent::UtteranceStarted { utterance: 1, at: at(3_000) });
    observer.on_speaker(at(3_400), &words(1, "五六", 3_300, 3_300));
    observer.on_lane(at(3_500), &spoken(1, 0, 2, 500));
    observer.on_lane(at(9_000), &spoken(1, 0, 2, 500));
    let played: Vec<_> =
        observer.drain().into_iter().filter(|e| e.event == Kind::Speech).map(|e| (e.wall_ms, e.play_ms.unwrap())).collect();
    // 1090 + 590 ms are 84 packets; with the codec's look-ahead a 85th is begun.
    assert_eq!(played, [(3_000, 3_000), (3_200, 4_090), (3_500, 4_700), (9_000, 9_000)]);
}

#[test]
fn every_utterance_ends_once_and_in_order() {
    let mut observer = observer();
    for id in 0..4 {
        observer.on_speaker(at(id * 1_000), &SpeakerEvent::UtteranceStarted { utterance: id, at: at(id * 1_000) });
        if id != 1 {
            observer.on_speaker(at(id * 1_000 + 800), &words(id, "一二", id * 1_000 + 700, id * 1_000 + 750));
        }
        let speech_end = at(id * 1_000 + 700);
        observer.on_speaker(at(id * 1_000 + 800), &SpeakerEvent::UtteranceEnded { utterance: id, speech_end });
    }
    let stream = StreamId(0);
    let times = StageTimes::default();
    observer.on_lane(at(5_000), &LaneEvent::SpeechStarted { utterance: UtteranceId(0), stream, times });
    observer.on_lane(at(5_500), &LaneEvent::SpeechEnded { utterance: UtteranceId(0), stream });
    // The second one's translation failed: it is over when the next one speaks.
    let error = JobError::DeadlinePassed("mt");
    observer.on_lane(at(5_600), &LaneEvent::Failed { utterance: UtteranceId(2), error });
    observer.on_lane(at(6_000), &LaneEvent::SpeechStarted { utterance: UtteranceId(3), stream, times });
    observer.on_lane(at(7_000), &LaneEvent::Finished);
    observer.finish(at(7_000));
    let events = observer.drain();
    let ends: Vec<_> = events.iter().filter(|e| e.event == Kind::End).map(|e| (e.utterance.unwrap(), e.wall_ms)).collect();
    assert_eq!(ends, [(1, 1_800), (0, 5_500), (2, 6_000), (3, 7_000)]);
    assert_eq!(events.iter().filter(|e| e.event == Kind::Error).count(), 1);
}

#[test]
fn a_line_has_what_the_documentation_says() {
    let mut observer = observer();
    observer.on_speaker(at(500), &SpeakerEvent::UtteranceStarted { utterance: 0, at: at(300) });
    observer.on_speaker(at(2_600), &words(0, "一二", 2_300, 2_400));
    observer.on_lane(at(3_000), &spoken(0, 0, 2, 1_000));
    let line = serde_json::to_value(observer.drain().last().unwrap()).unwrap();
    let expected = serde_json::json!({
        "event": "speech", "utterance": 0, "lang": "en", "text": "clause", "from_ms": 300, "to_ms": 2300, "heard_ms": 2400,
        "wall_ms": 3000, "play_ms": 3000, "audio_ms": 1000,
    });
    assert_eq!(line, expected);
}

#[test]
fn loudness_finds_words_between_silences() {
    let mut samples = vec![0.0; 16_000];
    samples.extend(vec![0.3; 16_000]);
    samples.extend(vec![0.0001; 16_000]);
    let loud = Loudness::of(&samples);
    assert_eq!((loud.first_from(0), loud.first_from(1_500), loud.first_from(2_500)), (1_000, 1_500, 2_500));
    assert_eq!((loud.last_before(3_000), loud.last_before(1_500), loud.last_before(900)), (2_000, 1_500, 900));
}
