//! What is said in a room: recognised words become captions and feed lanes; lanes' words and sound go to those who hear them.
//!
//! Part of [`RoomState`]; pure. The audience of an utterance, with the language each hears, is fixed when it begins: who joins or
//! changes language later gets the next one.

use super::{Lane, RoomState};
use crate::{
    ids::{ParticipantId, StreamId, UtteranceId},
    inference::JobError,
    language::Language,
    pipeline::event::{LaneEvent, LaneInput, LaneText, SaidAmount, SpeakerEvent, StageTimes, Stretch},
    privacy::Redacted,
    protocol::{
        Fault, Frame, ServerMessage,
        frame::{Kind, TICKS_PER_PACKET},
        message::{Caption, CaptionKind, Notice, NoticeCode, Number, Numbers, Say, SpeechEnd, SpeechStart},
    },
    router::event::{LaneKey, Output, SpeakerKey},
    time::Millis,
};

/// Utterances remembered per room. Lanes hold far fewer at once (their backlogs are bounded); what they say of an older one is
/// dropped.
const MAX_UTTERANCES: usize = 128;

/// Utterances of one speaker that may be open at once; a sound pipeline has one or two.
const MAX_OPEN: usize = 8;

#[derive(Debug)]
pub(super) struct Utterance {
    pub(super) speaker: ParticipantId,
    /// Who was there when it began, besides the speaker, and what they heard then.
    audience: Vec<(ParticipantId, Language)>,
    /// Known from the first words on: committed ones, if it was to be detected.
    language: Option<Language>,
    /// Lanes that are fed with it.
    pub(super) lanes: Vec<LaneKey>,
    /// Those of them that have neither translated all of it nor failed.
    pub(super) untranslated: Vec<LaneKey>,
    /// The language of its last source caption, once one was sent.
    captioned: Option<Language>,
    pub(super) ended: bool,
}

/// What a speaker's pipeline recognised at once.
struct Words {
    committed: Redacted,
    pending: Redacted,
    speech_end: Option<Millis>,
    doubtful: Vec<Stretch>,
    times: StageTimes,
}

/// A lane's stream on its way to its listeners.
#[derive(Debug)]
pub(super) struct LiveStream {
    utterance: UtteranceId,
    /// Each listener with the number the stream has for him.
    pub(super) listeners: Vec<(ParticipantId, StreamId)>,
}

impl RoomState {
    pub(super) fn on_speaker_event(&mut self, now: Millis, key: SpeakerKey, event: SpeakerEvent) {
        let who = key.participant;
        match event {
            SpeakerEvent::UtteranceStarted { utterance, .. } => self.on_utterance_started(who, utterance),
            SpeakerEvent::Recognised { utterance, language, committed, pending, speech_end, doubtful, times, .. } => {
                if let Some(utterance) = self.open_utterance(who, utterance) {
                    self.on_recognised(utterance, language, Words { committed, pending, speech_end, doubtful, times });
                }
            }
            SpeakerEvent::UtteranceEnded { utterance, speech_end } => {
                self.close_utterance(now, who, utterance, Some(speech_end));
            }
            SpeakerEvent::Failed { utterance, error } => self.on_speaker_failed(now, who, utterance, &error),
            SpeakerEvent::Dropped(packets) => {
                metrics::counter!("tongchuan_media_dropped_total", "where" => "speaker").increment(packets);
            }
            SpeakerEvent::Finished => match self.speakers.get(&who).map(|s| s.phase) {
                Some(super::Phase::Running) => self.on_speaker_lost(now, key),
                _ => self.on_speaker_finished(now, who),
            },
        }
    }

    fn open_utterance(&self, who: ParticipantId, local: u64) -> Option<UtteranceId> {
        self.speakers.get(&who)?.open.get(&local).copied()
    }

    fn on_utterance_started(&mut self, who: ParticipantId, local: u64) {
        let Some(speaker) = self.speakers.get_mut(&who) else { return };
        if speaker.phase == super::Phase::Finished || speaker.open.contains_key(&local) || speaker.open.len() >= MAX_OPEN {
            return;
        }
        let id = UtteranceId(self.next_utterance);
        speaker.open.insert(local, id);
        self.begin_utterance(who);
    }

    /// A new utterance, for those who are there now.
    fn begin_utterance(&mut self, who: ParticipantId) -> UtteranceId {
        let id = UtteranceId(self.next_utterance);
        self.next_utterance += 1;
        let audience = self.members.iter().filter(|(other, _)| **other != who).map(|(other, m)| (*other, m.hear)).collect();
        let utterance = Utterance {
            speaker: who,
            audience,
            language: None,
            lanes: Vec::new(),
            untranslated: Vec::new(),
            captioned: None,
            ended: false,
        };
        self.utterances.insert(id, utterance);
        while self.utterances.len() > MAX_UTTERANCES {
            self.utterances.pop_first();
        }
        id
    }

    /// What somebody writes is an utterance that is complete at once; what he is saying meanwhile goes on beside it.
    pub(super) fn on_said(&mut self, now: Millis, who: ParticipantId, say: Say) {
        if !self.members.contains_key(&who) {
            return;
        }
        if self.drain.is_some() {
            return self.send(who, Fault::ShuttingDown.utterance_message(None));
        }
        let id = self.begin_utterance(who);
        let (committed, pending, times) = (say.text, Redacted::default(), StageTimes::default());
        self.on_recognised(id, say.lang, Words { committed, pending, speech_end: None, doubtful: Vec::new(), times });
        self.end_utterance(id, None);
        self.close_unneeded_lanes(now);
    }

    fn on_recognised(&mut self, id: UtteranceId, language: Language, words: Words) {
        let Words { committed, pending, speech_end, doubtful, times } = words;
        let Some(utterance) = self.utterances.get_mut(&id) else { return };
        // A language that is detected may change until words are committed; then the lanes are chosen and it stays.
        let language = utterance.language.unwrap_or(language);
        let fixed = self.members.get(&utterance.speaker).and_then(|speaker| speaker.speak.fixed()) == Some(language);
        let known = !committed.is_blank() || fixed && !pending.is_blank();
        let mut lanes = utterance.lanes.clone();
        if known && utterance.language.is_none() {
            utterance.language = Some(language);
            lanes = self.lanes_for(id, language);
            if let Some(utterance) = self.utterances.get_mut(&id) {
                utterance.lanes.clone_from(&lanes);
                utterance.untranslated.clone_from(&lanes);
            }
        }
        for lane in lanes.into_iter().filter(|k| self.lanes.contains_key(k)) {
            let (pending, doubtful) = (pending.clone(), doubtful.clone());
            let text = LaneText { pending, speech_end, doubtful, ..LaneText::new(id, language, committed.clone()) };
            self.outputs.push_back(Output::Lane(lane, LaneInput::Text(text)));
        }
        self.send_source_caption(id, language, (committed, pending), false, Some(times));
    }

    /// The lanes an utterance needs, opened where they are not: one per language that somebody of its audience hears.
    fn lanes_for(&mut self, id: UtteranceId, language: Language) -> Vec<LaneKey> {
        let Some(utterance) = self.utterances.get(&id) else { return Vec::new() };
        let speaker = self.key(utterance.speaker);
        let mut heard: Vec<Language> = utterance
            .audience
            .iter()
            .filter(|(who, hear)| *hear != language && self.members.contains_key(who))
            .map(|(_, hear)| *hear)
            .collect();
        heard.sort_unstable();
        heard.dedup();
        heard.into_iter().map(|language| self.lane(speaker, language)).collect()
    }

    fn lane(&mut self, speaker: SpeakerKey, language: Language) -> LaneKey {
        let open = self.lanes.iter().find(|(k, l)| k.speaker == speaker && k.language == language && l.finish_by.is_none());
        if let Some((key, _)) = open {
            return *key;
        }
        let key = LaneKey { speaker, language, generation: self.next_generation };
        self.next_generation = self.next_generation.wrapping_add(1);
        self.lanes.insert(key, Lane { finish_by: None, streams: Default::default() });
        let voice = self.speakers.get(&speaker.participant).map(|s| s.voice).unwrap_or_default();
        self.outputs.push_back(Output::OpenLane(key, voice));
        key
    }

    fn close_utterance(&mut self, now: Millis, who: ParticipantId, local: u64, speech_end: Option<Millis>) {
        let Some(speaker) = self.speakers.get_mut(&who) else { return };
        let Some(id) = speaker.open.remove(&local) else { return };
        let quiet = speaker.open.is_empty();
        self.end_utterance(id, speech_end);
        if quiet && self.drain.is_some() {
            self.finish_speaker(now, who);
        }
        self.close_unneeded_lanes(now);
    }

    /// Says that no more words follow: to those who saw captions and to the lanes that were fed.
    pub(super) fn end_utterance(&mut self, id: UtteranceId, speech_end: Option<Millis>) {
        let Some(utterance) = self.utterances.get_mut(&id) else { return };
        utterance.ended = true;
        let captioned = utterance.captioned;
        if let Some(from) = utterance.language {
            for lane in utterance.lanes.clone().into_iter().filter(|k| self.lanes.contains_key(k)) {
                self.outputs.push_back(Output::Lane(lane, LaneInput::Text(LaneText::end(id, from, speech_end))));
            }
        }
        if let Some(language) = captioned {
            self.send_source_caption(id, language, Default::default(), true, None);
        }
    }

    fn send_source_caption(
        &mut self,
        id: UtteranceId,
        lang: Language,
        (committed, pending): (Redacted, Redacted),
        last: bool,
        times: Option<StageTimes>,
    ) {
        let Some(utterance) = self.utterances.get_mut(&id) else { return };
        if utterance.captioned.is_none() && committed.is_blank() && pending.is_blank() {
            return;
        }
        utterance.captioned = Some(lang);
        let speaker = utterance.speaker;
        let seen_by: Vec<_> = std::iter::once(speaker).chain(utterance.audience.iter().map(|(who, _)| *who)).collect();
        let caption = Caption { utterance: id, speaker, lang, kind: CaptionKind::Source, committed, pending, last, times };
        for who in seen_by {
            self.send(who, ServerMessage::Caption(caption.clone()));
        }
    }

    fn on_speaker_failed(&mut self, now: Millis, who: ParticipantId, local: Option<u64>, error: &JobError) {
        let id = local.and_then(|n| self.open_utterance(who, n));
        if let Some(fault) = Fault::of_stage(error) {
            count(&fault);
            self.send(who, fault.utterance_message(id));
        }
        if let Some(local) = local {
            self.close_utterance(now, who, local, None);
        }
    }

    pub(super) fn on_lane_event(&mut self, key: LaneKey, event: LaneEvent) {
        if !self.lanes.contains_key(&key) {
            return;
        }
        match event {
            LaneEvent::Translated { utterance, committed, last, times, .. } => {
                self.on_translated(key, utterance, committed, last, times);
            }
            LaneEvent::Amounts { utterance, amounts, verified } => self.on_amounts(key, utterance, &amounts, verified),
            // The listeners hear it; nobody is shown it yet.
            LaneEvent::Spoken { .. } => {}
            LaneEvent::Behind(lag) => {
                let text = format!("the interpretation is {} s behind; a pause lets it catch up", lag.as_secs());
                self.send(key.speaker.participant, ServerMessage::Notice(Notice { code: NoticeCode::Behind, text }));
            }
            LaneEvent::SpeechStarted { utterance, stream, times } => self.on_speech_started(key, utterance, stream, times),
            LaneEvent::Packet { stream, sequence, first, last, payload } => {
                let Some(live) = self.lanes.get(&key).and_then(|l| l.streams.get(&stream.0)) else { return };
                for (who, stream) in &live.listeners {
                    let timestamp = sequence.wrapping_mul(TICKS_PER_PACKET);
                    let payload = payload.clone();
                    let kind = Kind::Down;
                    let frame = Frame { kind, first, last, silence: false, stream: *stream, sequence, timestamp, payload };
                    self.outputs.push_back(Output::Audio(*who, frame));
                }
            }
            LaneEvent::SpeechEnded { stream, .. } => {
                if let Some(live) = self.lanes.get_mut(&key).and_then(|l| l.streams.remove(&stream.0)) {
                    self.end_stream(&live);
                }
            }
            LaneEvent::Failed { utterance, error } => {
                if let Some(fault) = Fault::of_stage(&error) {
                    self.fail_in_lane(key, utterance, &fault);
                }
            }
            LaneEvent::Finished => self.drop_lane(key),
        }
    }

    /// Those of an utterance's audience who hear a lane and are still here.
    fn listeners(&self, key: LaneKey, utterance: &Utterance) -> Vec<ParticipantId> {
        let hears = |(who, hear): &&(ParticipantId, Language)| *hear == key.language && self.members.contains_key(who);
        utterance.audience.iter().filter(hears).map(|(who, _)| *who).collect()
    }

    /// The speaker and those who hear him through a lane; nobody when the utterance is not that speaker's or is forgotten.
    fn concerned(&self, key: LaneKey, id: UtteranceId) -> Vec<ParticipantId> {
        let Some(utterance) = self.utterances.get(&id).filter(|u| u.speaker == key.speaker.participant) else {
            return Vec::new();
        };
        std::iter::once(utterance.speaker).chain(self.listeners(key, utterance)).collect()
    }

    fn on_translated(&mut self, key: LaneKey, id: UtteranceId, committed: Redacted, last: bool, times: StageTimes) {
        let (speaker, lang) = (key.speaker.participant, key.language);
        let kind = CaptionKind::Translation;
        let (pending, times) = (Redacted::default(), Some(times));
        let caption = Caption { utterance: id, speaker, lang, kind, committed, pending, last, times };
        for who in self.concerned(key, id) {
            self.send(who, ServerMessage::Caption(caption.clone()));
        }
        if last {
            self.settle(key, id);
        }
    }

    fn on_amounts(&mut self, key: LaneKey, id: UtteranceId, amounts: &[SaidAmount], verified: bool) {
        let (speaker, lang) = (key.speaker.participant, key.language);
        let numbers = Numbers { utterance: id, speaker, lang, numbers: amounts.iter().map(Number::from).collect(), verified };
        for who in self.concerned(key, id) {
            self.send(who, ServerMessage::Numbers(numbers.clone()));
        }
    }

    fn on_speech_started(&mut self, key: LaneKey, id: UtteranceId, stream: StreamId, times: StageTimes) {
        // A lane speaks one stream at a time: what it left open when a stage failed ends here.
        let open = self.lanes.get_mut(&key).map(|l| std::mem::take(&mut l.streams)).unwrap_or_default();
        for live in open.values() {
            self.end_stream(live);
        }
        let Some(utterance) = self.utterances.get(&id).filter(|u| u.speaker == key.speaker.participant) else { return };
        let speaker = utterance.speaker;
        let listeners: Vec<_> = self.listeners(key, utterance).into_iter().map(|who| (who, self.free_stream(who))).collect();
        for (who, stream) in &listeners {
            let start = SpeechStart { utterance: id, speaker, lang: key.language, stream: *stream, times: Some(times) };
            self.send(*who, ServerMessage::SpeechStart(start));
        }
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.streams.insert(stream.0, LiveStream { utterance: id, listeners });
        }
    }

    /// The next number that no live stream of this listener has.
    fn free_stream(&mut self, who: ParticipantId) -> StreamId {
        let live: Vec<StreamId> = self
            .lanes
            .values()
            .flat_map(|l| l.streams.values())
            .flat_map(|s| s.listeners.iter().filter(|(listener, _)| *listener == who).map(|(_, stream)| *stream))
            .collect();
        let Some(member) = self.members.get_mut(&who) else { return StreamId(0) };
        let mut number = member.next_stream;
        while live.contains(&StreamId(number)) {
            number = number.wrapping_add(1);
        }
        member.next_stream = number.wrapping_add(1);
        StreamId(number)
    }

    pub(super) fn end_stream(&mut self, live: &LiveStream) {
        for (who, stream) in &live.listeners {
            self.send(*who, ServerMessage::SpeechEnd(SpeechEnd { utterance: live.utterance, stream: *stream }));
        }
    }

    /// Tells the speaker and the lane's listeners that an utterance was not (fully) interpreted.
    pub(super) fn fail_in_lane(&mut self, key: LaneKey, id: UtteranceId, fault: &Fault) {
        count(fault);
        for who in self.concerned(key, id) {
            self.send(who, fault.utterance_message(Some(id)));
        }
        self.settle(key, id);
    }

    /// A lane has said all it will say of an utterance, or failed on it: its end is no news any more.
    fn settle(&mut self, key: LaneKey, id: UtteranceId) {
        if let Some(utterance) = self.utterances.get_mut(&id) {
            utterance.untranslated.retain(|k| *k != key);
        }
    }

    /// Nothing more is sent to somebody who left.
    pub(super) fn forget_listener(&mut self, who: ParticipantId) {
        for live in self.lanes.values_mut().flat_map(|l| l.streams.values_mut()) {
            live.listeners.retain(|(listener, _)| *listener != who);
        }
    }
}

fn count(fault: &Fault) {
    metrics::counter!("tongchuan_errors_total", "code" => fault.code().as_str()).increment(1);
}
