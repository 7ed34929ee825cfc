//! The room without tokio: scenes that a market has, then random input against what the room promises.

mod presence;

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    ids::StreamId,
    inference::JobError,
    pipeline::event::{LaneEvent, SpeakerEvent, StageTimes, Stretch},
    protocol::{
        ErrorCode,
        message::{Caption, CaptionKind, LeaveReason, Say},
    },
    router::event::{Admission, Newcomer},
};

const ZH: Language = Language::ZH;
const EN: Language = Language::EN;
const T0: Millis = Millis(0);

fn es() -> Language {
    "es".parse().expect("known")
}

/// A room with its outputs collected.
struct Scene {
    room: RoomState,
    now: Millis,
}

impl Scene {
    fn new(capacity: usize) -> Self {
        let options = RoomOptions { capacity, ..RoomOptions::default() };
        Self { room: RoomState::new(RoomSerial(1), options, T0), now: T0 }
    }

    fn join(&mut self, speak: Language, hear: Language) -> Result<Admission, Fault> {
        self.join_as(None, speak, hear)
    }

    fn join_as(&mut self, role: Option<Role>, speak: Language, hear: Language) -> Result<Admission, Fault> {
        let newcomer = Newcomer { role, name: None, speak: Spoken::Fixed(speak), hear, voice: Voice::Female };
        self.room.join(self.now, newcomer)
    }

    fn member(&mut self, speak: Language, hear: Language) -> ParticipantId {
        let id = self.join(speak, hear).expect("there is room").participant;
        self.outputs();
        id
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        self.room.handle(self.now, input);
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.room.poll_output()).collect()
    }

    fn speaker(&mut self, who: ParticipantId, event: SpeakerEvent) -> Vec<Output> {
        self.tell(Input::Speaker(self.room.key(who), event))
    }

    fn started(&mut self, who: ParticipantId, utterance: u64) -> Vec<Output> {
        let at = self.now;
        self.speaker(who, SpeakerEvent::UtteranceStarted { utterance, at })
    }

    fn says(&mut self, who: ParticipantId, utterance: u64, language: Language, committed: &str) -> Vec<Output> {
        self.speaker(who, recognised(utterance, language, committed, ""))
    }

    fn ends(&mut self, who: ParticipantId, utterance: u64) -> Vec<Output> {
        let speech_end = self.now;
        self.speaker(who, SpeakerEvent::UtteranceEnded { utterance, speech_end })
    }

    /// A whole utterance; its id and the lanes opened for it.
    fn utters(&mut self, who: ParticipantId, utterance: u64, language: Language) -> (UtteranceId, Vec<LaneKey>) {
        let mut outputs = self.started(who, utterance);
        outputs.extend(self.says(who, utterance, language, "words"));
        outputs.extend(self.ends(who, utterance));
        let id = captions(&outputs).first().expect("a caption").1.utterance;
        (id, lanes_fed(&outputs))
    }

    fn lane(&mut self, key: LaneKey, event: LaneEvent) -> Vec<Output> {
        self.tell(Input::Lane(key, event))
    }

    fn speaks(&mut self, key: LaneKey, utterance: UtteranceId, stream: u16) -> Vec<Output> {
        let stream = StreamId(stream);
        let payload = Bytes::from_static(&[0x78]);
        let mut outputs = self.lane(key, LaneEvent::SpeechStarted { utterance, stream, times: StageTimes::default() });
        outputs.extend(self.lane(key, LaneEvent::Packet { stream, sequence: 0, first: true, last: true, payload }));
        outputs.extend(self.lane(key, LaneEvent::SpeechEnded { utterance, stream }));
        outputs
    }
}

fn sent(outputs: &[Output]) -> Vec<(ParticipantId, &ServerMessage)> {
    outputs.iter().filter_map(|o| if let Output::Send(to, message) = o { Some((*to, message)) } else { None }).collect()
}

fn captions(outputs: &[Output]) -> Vec<(ParticipantId, &Caption)> {
    sent(outputs).into_iter().filter_map(|(to, m)| if let ServerMessage::Caption(c) = m { Some((to, c)) } else { None }).collect()
}

fn audience(outputs: &[Output]) -> Vec<ParticipantId> {
    outputs.iter().filter_map(|o| if let Output::Audio(to, _) = o { Some(*to) } else { None }).collect()
}

fn lanes_fed(outputs: &[Output]) -> Vec<LaneKey> {
    let mut lanes: Vec<_> =
        outputs.iter().filter_map(|o| if let Output::Lane(key, LaneInput::Text(_)) = o { Some(*key) } else { None }).collect();
    lanes.sort();
    lanes.dedup();
    lanes
}

fn errors(outputs: &[Output]) -> Vec<(ParticipantId, ErrorCode)> {
    sent(outputs)
        .into_iter()
        .filter_map(|(to, m)| if let ServerMessage::Error(e) = m { Some((to, e.code)) } else { None })
        .collect()
}

#[test]
fn a_sentence_goes_to_both_as_caption_and_to_the_listener_as_sound() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    assert!(scene.started(merchant, 0).is_empty(), "nothing to show yet");
    let outputs = scene.says(merchant, 0, ZH, "甲");
    let seen: Vec<_> = captions(&outputs).iter().map(|(to, c)| (*to, c.kind, c.lang)).collect();
    assert_eq!(seen, [(merchant, CaptionKind::Source, ZH), (buyer, CaptionKind::Source, ZH)]);
    let [lane] = lanes_fed(&outputs)[..] else { panic!("one lane") };
    assert_eq!((lane.speaker.participant, lane.language), (merchant, EN));
    let id = captions(&outputs)[0].1.utterance;
    let outputs = scene.ends(merchant, 0);
    assert!(matches!(outputs.first(), Some(Output::Lane(key, LaneInput::Text(text))) if *key == lane && text.last));
    assert!(captions(&outputs).iter().all(|(_, c)| c.last));

    let outputs = scene.lane(
        lane,
        LaneEvent::Translated {
            utterance: id,
            source: Stretch::default(),
            committed: "a".into(),
            last: true,
            times: StageTimes::default(),
        },
    );
    let seen: Vec<_> = captions(&outputs).iter().map(|(to, c)| (*to, c.kind, c.lang)).collect();
    assert_eq!(seen, [(merchant, CaptionKind::Translation, EN), (buyer, CaptionKind::Translation, EN)]);
    assert_eq!(audience(&scene.speaks(lane, id, 0)), [buyer]);
    assert_eq!(scene.utters(merchant, 1, ZH).1, [lane], "the lane stays");
}

#[test]
fn each_language_has_one_lane_and_same_language_has_none() {
    let mut scene = Scene::new(5);
    let speaker = scene.member(ZH, ZH);
    let (en1, en2, spanish, chinese) =
        (scene.member(EN, EN), scene.member(EN, EN), scene.member(es(), es()), scene.member(ZH, ZH));
    let (id, lanes) = scene.utters(speaker, 0, ZH);
    assert_eq!(lanes.iter().map(|k| k.language).collect::<Vec<_>>(), [EN, es()]);
    let outputs = scene.speaks(lanes[0], id, 3);
    assert_eq!(audience(&outputs), [en1, en2]);
    assert!(!sent(&outputs).iter().any(|(to, _)| [spanish, chinese, speaker].contains(to)));
    let (_, lanes) = scene.utters(chinese, 0, ZH);
    assert_eq!(lanes.len(), 2, "the other Chinese speaker has lanes of his own");
}

#[test]
fn one_merchant_and_no_third() {
    let mut scene = Scene::new(2);
    assert_eq!(scene.join(ZH, ZH).map(|a| a.role), Ok(Role::Merchant));
    assert_eq!(scene.join_as(Some(Role::Merchant), ZH, ZH), Err(Fault::RoleTaken(Role::Merchant)));
    let buyer = scene.join(EN, EN).expect("the second");
    assert_eq!((buyer.role, buyer.others.len()), (Role::Buyer, 1));
    assert_eq!(scene.join(EN, EN), Err(Fault::RoomFull(2)));
    scene.tell(Input::Left(buyer.participant, LeaveReason::Bye));
    let again = scene.join(EN, EN).expect("his place is free");
    assert!(again.participant > buyer.participant, "an id is never given twice");
    let mut scene = Scene::new(2);
    assert_eq!(scene.join_as(Some(Role::Buyer), EN, EN).map(|a| a.role), Ok(Role::Buyer));
    assert_eq!(scene.join_as(Some(Role::Buyer), EN, EN), Err(Fault::RoleTaken(Role::Buyer)), "the merchant's place is kept");
    assert_eq!(scene.join(ZH, ZH).map(|a| a.role), Ok(Role::Merchant));
}

#[test]
fn changes_apply_from_the_next_utterance() {
    let mut scene = Scene::new(3);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(merchant, 0);
    let change = LanguageChange { hear: Some(es()), ..LanguageChange::default() };
    scene.tell(Input::Language(buyer, change));
    let late = scene.member(EN, EN);
    let outputs = scene.says(merchant, 0, ZH, "甲");
    assert!(!captions(&outputs).iter().any(|(to, _)| *to == late), "who comes late gets the next one");
    let [lane] = lanes_fed(&outputs)[..] else { panic!("one lane") };
    assert_eq!(lane.language, EN, "what the buyer heard when it began");
    let id = captions(&outputs)[0].1.utterance;
    scene.ends(merchant, 0);
    assert_eq!(audience(&scene.speaks(lane, id, 0)), [buyer]);
    let (id, lanes) = scene.utters(merchant, 1, ZH);
    assert_eq!(lanes.iter().map(|k| k.language).collect::<Vec<_>>(), [EN, es()]);
    assert_eq!(audience(&scene.speaks(lanes[0], id, 1)), [late]);
}

#[test]
fn a_lane_without_listeners_finishes_and_opens_anew() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    let (id, lanes) = scene.utters(merchant, 0, ZH);
    let change = |hear| LanguageChange { hear: Some(hear), ..LanguageChange::default() };
    let outputs = scene.tell(Input::Language(buyer, change(es())));
    assert!(outputs.contains(&Output::Lane(lanes[0], LaneInput::Finish)));
    assert_eq!(audience(&scene.speaks(lanes[0], id, 0)), [buyer], "what was begun is heard");
    scene.tell(Input::Language(buyer, change(EN)));
    let (_, again) = scene.utters(merchant, 1, ZH);
    assert_ne!(again, lanes, "a closing lane takes nothing new");
    scene.lane(
        lanes[0],
        LaneEvent::Translated {
            utterance: id,
            source: Stretch::default(),
            committed: "".into(),
            last: true,
            times: StageTimes::default(),
        },
    );
    assert_eq!(scene.lane(lanes[0], LaneEvent::Finished), [Output::DropLane(lanes[0])]);
}

#[test]
fn a_speaker_who_leaves_is_heard_to_the_end() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(merchant, 0);
    let outputs = scene.tell(Input::Left(merchant, LeaveReason::Lost));
    assert!(outputs.contains(&Output::Speaker(scene.room.key(merchant), SpeakerInput::Finish)));
    let outputs = scene.says(merchant, 0, ZH, "甲");
    assert_eq!(captions(&outputs).iter().map(|(to, _)| *to).collect::<Vec<_>>(), [buyer]);
    let (id, lane) = (captions(&outputs)[0].1.utterance, lanes_fed(&outputs)[0]);
    scene.ends(merchant, 0);
    scene.speaker(merchant, SpeakerEvent::Finished);
    assert_eq!(audience(&scene.speaks(lane, id, 0)), [buyer]);
    scene.lane(lane, LaneEvent::Finished);
    assert!(scene.room.speakers.keys().eq([&buyer]) && scene.room.lanes.is_empty(), "nothing of him is left");
}

#[test]
fn failures_are_told_and_the_next_sentence_works() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(merchant, 0);
    let failed = SpeakerEvent::Failed { utterance: Some(0), error: JobError::failed("asr", "reason") };
    assert_eq!(errors(&scene.speaker(merchant, failed)), [(merchant, ErrorCode::AsrFailed)]);
    let (id, lanes) = scene.utters(merchant, 1, ZH);
    let failed = LaneEvent::Failed { utterance: id, error: JobError::DeadlinePassed("mt") };
    let both = |code| vec![(merchant, code), (buyer, code)];
    assert_eq!(errors(&scene.lane(lanes[0], failed)), both(ErrorCode::Deadline));
    let (id, _) = scene.utters(merchant, 2, ZH);
    assert_eq!(errors(&scene.tell(Input::LaneFull(lanes[0], id))), both(ErrorCode::Busy));
    let (_, again) = scene.utters(merchant, 3, ZH);
    assert_eq!(again, lanes);
    let lost = scene.tell(Input::LaneLost(lanes[0]));
    assert_eq!(errors(&lost), both(ErrorCode::Internal), "only the sentence that had not failed before");
    assert_ne!(scene.utters(merchant, 4, ZH).1, lanes, "a new lane");
    let outputs = scene.tell(Input::SpeakerLost(scene.room.key(merchant)));
    assert!(outputs.contains(&Output::Dismiss(merchant, Fault::Internal)));
    assert_eq!(scene.room.members(), 1, "the other stays");
}

#[test]
fn a_pipeline_that_never_finishes_is_dropped() {
    let mut scene = Scene::new(2);
    let (merchant, _) = (scene.member(ZH, ZH), scene.member(EN, EN));
    let (_, lanes) = scene.utters(merchant, 0, ZH);
    scene.tell(Input::Left(merchant, LeaveReason::Bye));
    scene.now = scene.room.poll_timeout().expect("a limit");
    let outputs = scene.tell(Input::Timeout);
    assert!(outputs.contains(&Output::DropSpeaker(scene.room.key(merchant))));
    assert!(outputs.contains(&Output::DropLane(lanes[0])));
    assert_eq!(scene.room.poll_timeout(), None);
}

#[test]
fn an_empty_room_expires_and_a_used_one_does_not() {
    let mut scene = Scene::new(2);
    assert_eq!(scene.room.poll_timeout(), Some(Millis(600_000)));
    let id = scene.member(ZH, ZH);
    assert_eq!(scene.room.poll_timeout(), None);
    scene.now = Millis(1_000_000);
    scene.tell(Input::Left(id, LeaveReason::Bye));
    scene.speaker(id, SpeakerEvent::Finished);
    assert_eq!(scene.room.poll_timeout(), Some(Millis(1_600_000)));
    scene.now = Millis(1_600_000);
    assert_eq!(scene.tell(Input::Timeout), [Output::Ended]);
    assert_eq!(scene.join(ZH, ZH), Err(Fault::ShuttingDown));
}

#[test]
fn draining_waits_for_the_sentence_and_its_interpretation() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(merchant, 0);
    let outputs = scene.tell(Input::Drain);
    let key = |who| SpeakerKey { room: RoomSerial(1), participant: who };
    assert!(outputs.contains(&Output::Speaker(key(buyer), SpeakerInput::Finish)), "the quiet one finishes at once");
    assert!(!outputs.contains(&Output::Speaker(key(merchant), SpeakerInput::Finish)));
    assert_eq!(sent(&outputs).len(), 2, "both are told");
    scene.speaker(buyer, SpeakerEvent::Finished);
    let lane = lanes_fed(&scene.says(merchant, 0, ZH, "甲"))[0];
    assert!(scene.ends(merchant, 0).contains(&Output::Speaker(key(merchant), SpeakerInput::Finish)));
    assert!(scene.speaker(merchant, SpeakerEvent::Finished).contains(&Output::Lane(lane, LaneInput::Finish)));
    let last = [Output::Dismiss(merchant, Fault::ShuttingDown), Output::Dismiss(buyer, Fault::ShuttingDown), Output::Ended];
    let outputs = scene.lane(lane, LaneEvent::Finished);
    assert!(outputs.ends_with(&last), "{outputs:?}");
}

#[test]
fn draining_cuts_a_speaker_who_does_not_stop_and_ends_in_time() {
    let mut scene = Scene::new(2);
    let (merchant, _) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(merchant, 0);
    scene.tell(Input::Drain);
    assert_eq!(scene.room.poll_timeout(), Some(Millis(5_000)));
    scene.now = Millis(5_000);
    let finish = Output::Speaker(scene.room.key(merchant), SpeakerInput::Finish);
    assert_eq!(scene.tell(Input::Timeout), [finish]);
    assert_eq!(scene.room.poll_timeout(), Some(Millis(10_000)));
    scene.now = Millis(10_000);
    assert_eq!(scene.tell(Input::Timeout).last(), Some(&Output::Ended));
}

fn recognised(utterance: u64, language: Language, committed: &str, pending: &str) -> SpeakerEvent {
    SpeakerEvent::Recognised {
        utterance,
        language,
        committed: committed.into(),
        pending: pending.into(),
        speech_end: None,
        heard: Millis(0),
        doubtful: Vec::new(),
        times: StageTimes::default(),
    }
}

#[test]
fn a_language_that_is_detected_stays_once_words_are_committed() {
    let mut scene = Scene::new(2);
    let (_, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(buyer, 0);
    assert!(lanes_fed(&scene.speaker(buyer, recognised(0, ZH, "", "guess"))).is_empty(), "a guess opens no lane");
    let first = lanes_fed(&scene.speaker(buyer, recognised(0, EN, "one", "")));
    assert_eq!(first.len(), 1);
    let outputs = scene.speaker(buyer, recognised(0, ZH, "two", ""));
    assert_eq!(lanes_fed(&outputs), first);
    assert!(captions(&outputs).iter().all(|(_, c)| c.lang == EN));
}

#[test]
fn a_translation_may_begin_with_a_guess_in_a_known_language_and_is_told_when_nothing_came_of_it() {
    let mut scene = Scene::new(2);
    let (_, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(buyer, 0);
    let told = |outputs: Vec<Output>| {
        outputs.into_iter().find_map(|o| if let Output::Lane(_, LaneInput::Text(text)) = o { Some(text) } else { None })
    };
    let begun = told(scene.speaker(buyer, recognised(0, EN, "", "guess"))).expect("a lane is told");
    assert!(begun.is_pending_only() && begun.pending == Redacted::from("guess"));
    let ended = told(scene.ends(buyer, 0)).expect("and told again");
    assert!(ended.last && ended.utterance == begun.utterance);
}

#[test]
fn stream_numbers_wrap_and_skip_live_ones() {
    let mut scene = Scene::new(3);
    let (a, b) = (scene.member(ZH, ZH), scene.member(ZH, ZH));
    let listener = scene.member(EN, EN);
    let (first, lane_a) = scene.utters(a, 0, ZH);
    scene.lane(lane_a[0], LaneEvent::SpeechStarted { utterance: first, stream: StreamId(0), times: StageTimes::default() });
    scene.room.members.get_mut(&listener).expect("here").next_stream = u16::MAX;
    let (id, lane_b) = scene.utters(b, 0, ZH);
    let streams: Vec<u16> = (0..2)
        .map(|n| {
            let outputs = scene.speaks(lane_b[0], id, n);
            let frame = outputs.iter().find_map(|o| if let Output::Audio(_, f) = o { Some(f.stream.0) } else { None });
            frame.expect("a frame")
        })
        .collect();
    assert_eq!(streams, [u16::MAX, 1], "0 is still being spoken");
}

/// What a listener may rely on, checked on every output.
#[derive(Default)]
struct Promises {
    /// Who speaks each utterance.
    speakers: BTreeMap<UtteranceId, ParticipantId>,
    /// Live streams by listener and number, with the next sequence.
    streams: BTreeMap<(ParticipantId, StreamId), (UtteranceId, u32)>,
    here: Vec<ParticipantId>,
    lanes: Vec<LaneKey>,
    finished_lanes: Vec<LaneKey>,
    audio: usize,
    highest: u64,
}

impl Promises {
    fn check(&mut self, output: &Output) {
        match output {
            Output::Send(to, message) => {
                assert!(self.here.contains(to), "nothing to somebody who left");
                match message {
                    ServerMessage::Caption(c) => {
                        assert_eq!(*self.speakers.entry(c.utterance).or_insert(c.speaker), c.speaker);
                        self.highest = self.highest.max(c.utterance.0);
                    }
                    ServerMessage::SpeechStart(s) => {
                        assert_ne!(*to, s.speaker, "nobody hears himself");
                        let old = self.streams.insert((*to, s.stream), (s.utterance, 0));
                        assert_eq!(old, None, "a live stream's number is not given again");
                    }
                    ServerMessage::SpeechEnd(s) => {
                        let live = self.streams.remove(&(*to, s.stream));
                        assert_eq!(live.map(|(u, _)| u), Some(s.utterance), "only what began ends");
                    }
                    _ => {}
                }
            }
            Output::Audio(to, frame) => {
                assert!(self.here.contains(to));
                let live = self.streams.get_mut(&(*to, frame.stream)).expect("no audio without speech_start");
                assert_eq!(frame.sequence, live.1, "in order");
                live.1 += 1;
                self.audio += 1;
            }
            Output::OpenLane(key, _) => {
                assert!(!self.lanes.contains(key), "a lane's key is new");
                self.lanes.push(*key);
            }
            Output::Lane(key, input) => {
                assert!(self.lanes.contains(key), "only open lanes are told anything");
                assert!(!self.finished_lanes.contains(key), "nothing after finish");
                if *input == LaneInput::Finish {
                    self.finished_lanes.push(*key);
                }
                if let LaneInput::Text(text) = input {
                    assert_ne!(text.from, key.language, "nothing is translated into its own language");
                }
            }
            Output::DropLane(key) => self.lanes.retain(|k| k != key),
            _ => {}
        }
    }
}

/// Plays random members, speakers and lanes (which keep the pipeline's contract, more or less) against a room.
fn play(seed: u64, steps: usize) -> Promises {
    let mut rng = StdRng::seed_from_u64(seed);
    let languages = [ZH, EN, es()];
    let mut scene = Scene::new(rng.random_range(2..6));
    let mut promises = Promises::default();
    // What the pipelines know: the next own number per speaker, and per lane what it was told and what it says now.
    let mut locals: BTreeMap<ParticipantId, u64> = BTreeMap::new();
    let mut fed: Vec<(LaneKey, UtteranceId)> = Vec::new();
    let mut speaking: BTreeMap<LaneKey, (UtteranceId, StreamId, u32)> = BTreeMap::new();
    let mut next_stream = 0u16;
    for _ in 0..steps {
        scene.now = scene.now + Duration::from_millis(rng.random_range(0..50));
        let who = ParticipantId(rng.random_range(1..scene.room.next_participant.max(1) + 1));
        let language = languages[rng.random_range(0..3)];
        let local = locals.get(&who).copied().unwrap_or(0);
        let key = scene.room.key(who);
        let input = match rng.random_range(0..17) {
            0 => {
                let admitted = scene.join(language, languages[rng.random_range(0..3)]);
                for output in scene.outputs() {
                    // Somebody who is away may have to make room.
                    if let Output::Dismiss(who, _) = &output {
                        promises.here.retain(|p| p != who);
                        promises.streams.retain(|(to, _), _| to != who);
                    }
                    promises.check(&output);
                }
                promises.here.extend(admitted.map(|admission| admission.participant));
                continue;
            }
            1 if rng.random_bool(0.3) => {
                promises.here.retain(|p| *p != who);
                promises.streams.retain(|(to, _), _| *to != who);
                Input::Left(who, LeaveReason::Bye)
            }
            2 => Input::Language(who, LanguageChange { hear: Some(language), ..LanguageChange::default() }),
            3 | 4 => {
                locals.insert(who, local + 1);
                Input::Speaker(key, SpeakerEvent::UtteranceStarted { utterance: local + 1, at: scene.now })
            }
            5..=7 => {
                let text = if rng.random_bool(0.7) { "word" } else { "" };
                Input::Speaker(key, recognised(local, language, text, "x"))
            }
            8 => Input::Speaker(key, SpeakerEvent::UtteranceEnded { utterance: local, speech_end: scene.now }),
            9 if rng.random_bool(0.2) => Input::Speaker(key, SpeakerEvent::Finished),
            9 if rng.random_bool(0.2) => Input::Timeout,
            14 => Input::Lost(who),
            15 => {
                assert_eq!(scene.room.resume(who).is_ok(), promises.here.contains(&who));
                for output in scene.outputs() {
                    promises.check(&output);
                }
                continue;
            }
            16 => Input::Said(who, Say { lang: language, text: "typed".into() }),
            9 => Input::Speaker(key, SpeakerEvent::Failed { utterance: Some(local), error: JobError::Busy("asr") }),
            _ if fed.is_empty() => continue,
            roll => {
                let (lane, utterance) = fed[rng.random_range(0..fed.len())];
                match (roll, speaking.get(&lane).copied()) {
                    (10, _) => Input::Lane(
                        lane,
                        LaneEvent::Translated {
                            utterance,
                            source: Stretch::default(),
                            committed: "t".into(),
                            last: true,
                            times: StageTimes::default(),
                        },
                    ),
                    (11, None) => {
                        let stream = StreamId(next_stream);
                        next_stream = next_stream.wrapping_add(1);
                        speaking.insert(lane, (utterance, stream, 0));
                        Input::Lane(lane, LaneEvent::SpeechStarted { utterance, stream, times: StageTimes::default() })
                    }
                    (11 | 12, Some((utterance, stream, sequence))) => {
                        speaking.insert(lane, (utterance, stream, sequence + 1));
                        let payload = Bytes::from_static(&[0x78]);
                        Input::Lane(lane, LaneEvent::Packet { stream, sequence, first: sequence == 0, last: false, payload })
                    }
                    (13, Some((utterance, stream, _))) => {
                        speaking.remove(&lane);
                        Input::Lane(lane, LaneEvent::SpeechEnded { utterance, stream })
                    }
                    (12, None) if rng.random_bool(0.2) => Input::LaneLost(lane),
                    (13, None) if rng.random_bool(0.2) => Input::Lane(lane, LaneEvent::Finished),
                    _ => Input::Lane(lane, LaneEvent::Failed { utterance, error: JobError::failed("tts", "reason") }),
                }
            }
        };
        for output in scene.tell(input) {
            if let Output::Lane(key, LaneInput::Text(text)) = &output {
                fed.push((*key, text.utterance));
            }
            if let Output::Dismiss(who, _) = &output {
                promises.here.retain(|p| p != who);
                promises.streams.retain(|(to, _), _| to != who);
            }
            promises.check(&output);
        }
        if fed.len() > 30 {
            fed.drain(..10);
        }
        let sizes = (scene.room.utterances.len(), scene.room.lanes.len(), scene.room.outputs.len());
        assert!(sizes.0 <= 128 && sizes.1 <= 200 && sizes.2 == 0, "bounded: {sizes:?}");
    }
    promises
}

#[test]
fn any_sequence_of_inputs_keeps_the_promises() {
    let (mut audio, mut utterances) = (0, 0);
    for seed in 0..300 {
        let promises = play(seed, 400);
        audio += promises.audio;
        utterances += promises.highest;
    }
    assert!(audio > 1000 && utterances > 1000, "something was said: {audio} packets, {utterances} utterances");
}
