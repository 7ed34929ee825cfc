//! A room as a pure state machine: who is here, who hears what, when a pipeline starts and stops.
//!
//! Sans-IO: [`RoomState::join`], [`RoomState::resume`] and [`RoomState::handle`] take the time, then [`RoomState::poll_output`] until
//! drained. This file owns the whole, languages and draining; [`presence`] who is here, [`pipelines`] the life of pipelines, [`talk`]
//! what is said. `task` runs it; it knows no channel and no stage.
//!
//! Promises (checked on random input in the tests): nobody is sent the interpretation of his own words; audio only between its
//! `speech_start` and `speech_end`, in order; captions and audio of an utterance go to those who were there when it began.

mod pipelines;
mod presence;
mod talk;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::event::{Input, LaneKey, Output, RoomSerial, SpeakerKey};
use crate::{
    ids::{ParticipantId, UtteranceId},
    language::{Language, Spoken, Voice},
    pipeline::event::{LaneInput, SpeakerInput},
    privacy::Redacted,
    protocol::{
        Fault, ServerMessage,
        message::{LanguageChange, Notice, NoticeCode, Person, Role},
    },
    time::Millis,
};
use talk::{LiveStream, Utterance};

pub use presence::RESUME_LIMIT;

/// How a room behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomOptions {
    /// People in the room: one merchant, the rest buyers.
    pub capacity: usize,
    /// An empty room is forgotten after this long.
    pub expire_after: Duration,
    /// Longest wait for the last sentence when the server stops. Speech still going on at half of it is cut there, so that its
    /// interpretation has the other half.
    pub drain_limit: Duration,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self { capacity: 2, expire_after: Duration::from_secs(600), drain_limit: Duration::from_secs(10) }
    }
}

#[derive(Debug)]
struct Member {
    role: Role,
    name: Option<Redacted>,
    speak: Spoken,
    hear: Language,
    voice: Voice,
    /// Where the search for the next stream number starts.
    next_stream: u16,
    /// His connection is lost; he is waited for until then.
    away_until: Option<Millis>,
}

/// A participant's pipeline; outlives the member until what he said last is done.
#[derive(Debug)]
struct Speaker {
    voice: Voice,
    /// Utterances not yet ended: the speaker's own number -> the room's.
    open: BTreeMap<u64, UtteranceId>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// `Finish` was sent; dropped at this time if it does not answer.
    Finishing(Millis),
    /// Nothing more comes from it; it stays for its lanes.
    Finished,
}

#[derive(Debug)]
struct Lane {
    /// When set, `Finish` was sent.
    finish_by: Option<Millis>,
    /// Streams being spoken, by the lane's own number.
    streams: BTreeMap<u16, LiveStream>,
}

#[derive(Debug, Clone, Copy)]
struct Drain {
    cut_speech_at: Millis,
    end_at: Millis,
    cut: bool,
}

/// The room.
#[derive(Debug)]
pub struct RoomState {
    serial: RoomSerial,
    options: RoomOptions,
    members: BTreeMap<ParticipantId, Member>,
    speakers: BTreeMap<ParticipantId, Speaker>,
    lanes: BTreeMap<LaneKey, Lane>,
    utterances: BTreeMap<UtteranceId, Utterance>,
    next_participant: u32,
    next_utterance: u64,
    next_generation: u32,
    empty_since: Option<Millis>,
    drain: Option<Drain>,
    ended: bool,
    outputs: VecDeque<Output>,
}

impl RoomState {
    /// An empty room.
    pub fn new(serial: RoomSerial, options: RoomOptions, now: Millis) -> Self {
        Self {
            serial,
            options,
            members: BTreeMap::new(),
            speakers: BTreeMap::new(),
            lanes: BTreeMap::new(),
            utterances: BTreeMap::new(),
            next_participant: 1,
            next_utterance: 1,
            next_generation: 1,
            empty_since: Some(now),
            drain: None,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// Tells the room something.
    pub fn handle(&mut self, now: Millis, input: Input) {
        if self.ended {
            return;
        }
        match input {
            Input::Left(who, reason) => self.on_left(now, who, reason),
            Input::Lost(who) => self.on_lost(now, who),
            Input::Said(who, say) => self.on_said(now, who, say),
            Input::Language(who, change) => self.on_language(now, who, change),
            Input::Floor(who, held) => self.on_floor(who, held),
            Input::Speaker(key, event) => self.on_speaker_event(now, key, event),
            Input::Lane(key, event) => self.on_lane_event(key, event),
            Input::SpeakerLost(key) => self.on_speaker_lost(now, key),
            Input::LaneLost(key) => self.drop_lane(key),
            Input::LaneFull(key, utterance) => self.fail_in_lane(key, utterance, &Fault::Busy),
            Input::Drain => self.on_drain(now),
            Input::Timeout => self.on_timeout(now),
        }
        self.end_if_drained();
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`RoomState::handle`] with [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Millis> {
        if self.ended {
            return None;
        }
        let speakers = self.speakers.values().filter_map(|s| match s.phase {
            Phase::Finishing(by) => Some(by),
            _ => None,
        });
        let drain = self.drain.map(|d| if d.cut { d.end_at } else { d.cut_speech_at });
        let expiry = self.empty_since.map(|since| since + self.options.expire_after);
        let absences = self.members.values().filter_map(|m| m.away_until);
        let lanes = self.lanes.values().filter_map(|l| l.finish_by);
        speakers.chain(lanes).chain(absences).chain(drain).chain(expiry).min()
    }

    /// People in the room.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    fn on_language(&mut self, now: Millis, who: ParticipantId, change: LanguageChange) {
        let key = self.key(who);
        let Some(member) = self.members.get_mut(&who) else { return };
        if let Some(speak) = change.speak {
            member.speak = speak;
            self.outputs.push_back(Output::Speaker(key, SpeakerInput::Language(speak)));
        }
        member.hear = change.hear.unwrap_or(member.hear);
        member.voice = change.voice.unwrap_or(member.voice);
        let (voice, person) = (member.voice, member.person(who));
        if let Some(speaker) = self.speakers.get_mut(&who).filter(|s| s.voice != voice) {
            speaker.voice = voice;
            for (lane, _) in self.lanes.iter().filter(|(k, l)| k.speaker == key && l.finish_by.is_none()) {
                self.outputs.push_back(Output::Lane(*lane, LaneInput::Voice(voice)));
            }
        }
        self.send_to_others(who, &ServerMessage::Joined(person));
        self.send_candidates();
        self.close_unneeded_lanes(now);
    }

    fn on_floor(&mut self, who: ParticipantId, held: Option<bool>) {
        if self.members.contains_key(&who) {
            self.outputs.push_back(Output::Speaker(self.key(who), SpeakerInput::Floor(held)));
        }
    }

    fn on_drain(&mut self, now: Millis) {
        if self.drain.is_some() {
            return;
        }
        let limit = self.options.drain_limit;
        self.drain = Some(Drain { cut_speech_at: now + limit / 2, end_at: now + limit, cut: false });
        let text = "the server is stopping; the sentence being spoken is still interpreted".to_owned();
        let notice = ServerMessage::Notice(Notice { code: NoticeCode::ShuttingDown, text });
        for who in self.members.keys() {
            self.outputs.push_back(Output::Send(*who, notice.clone()));
        }
        let quiet: Vec<_> = self.speakers.iter().filter(|(_, s)| s.open.is_empty()).map(|(who, _)| *who).collect();
        for who in quiet {
            self.finish_speaker(now, who);
        }
    }

    fn on_timeout(&mut self, now: Millis) {
        if self.empty_since.is_some_and(|since| now >= since + self.options.expire_after) {
            return self.end();
        }
        self.expire_absences(now);
        let late = |by: Millis| now >= by;
        let speakers: Vec<_> =
            self.speakers.iter().filter(|(_, s)| matches!(s.phase, Phase::Finishing(by) if late(by))).map(|(w, _)| *w).collect();
        for who in speakers {
            self.on_speaker_finished(now, who);
        }
        let lanes: Vec<_> = self.lanes.iter().filter(|(_, l)| l.finish_by.is_some_and(late)).map(|(k, _)| *k).collect();
        for lane in lanes {
            self.drop_lane(lane);
        }
        if let Some(drain) = &mut self.drain {
            if late(drain.end_at) {
                self.end();
            } else if late(drain.cut_speech_at) && !drain.cut {
                drain.cut = true;
                for who in self.speakers.keys().copied().collect::<Vec<_>>() {
                    self.finish_speaker(now, who);
                }
            }
        }
    }

    fn end_if_drained(&mut self) {
        let done = self.lanes.is_empty() && self.speakers.values().all(|s| s.phase == Phase::Finished);
        if self.drain.is_some() && !self.ended && (done || self.members.is_empty()) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        for who in self.members.keys() {
            self.outputs.push_back(Output::Dismiss(*who, Fault::ShuttingDown));
        }
        self.outputs.push_back(Output::Ended);
    }

    /// Tells every pipeline which languages make sense for `auto`: the speaker's own to hear, then what others speak or hear.
    fn send_candidates(&mut self) {
        for (who, member) in &self.members {
            let mut languages = vec![member.hear];
            for (_, other) in self.members.iter().filter(|(id, _)| *id != who) {
                for language in other.speak.fixed().into_iter().chain([other.hear]) {
                    if !languages.contains(&language) {
                        languages.push(language);
                    }
                }
            }
            let key = SpeakerKey { room: self.serial, participant: *who };
            self.outputs.push_back(Output::Speaker(key, SpeakerInput::Candidates(languages)));
        }
    }

    fn send(&mut self, to: ParticipantId, message: ServerMessage) {
        if self.members.contains_key(&to) {
            self.outputs.push_back(Output::Send(to, message));
        }
    }

    fn send_to_others(&mut self, who: ParticipantId, message: &ServerMessage) {
        for other in self.members.keys().filter(|id| **id != who) {
            self.outputs.push_back(Output::Send(*other, message.clone()));
        }
    }

    fn key(&self, participant: ParticipantId) -> SpeakerKey {
        SpeakerKey { room: self.serial, participant }
    }
}

impl Member {
    fn person(&self, participant: ParticipantId) -> Person {
        let away = self.away_until.is_some();
        Person { participant, role: self.role, name: self.name.clone(), speak: self.speak, hear: self.hear, away }
    }
}
