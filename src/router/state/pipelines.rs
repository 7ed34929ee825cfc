//! The life of a room's pipelines: when speakers and lanes are told to finish, and what happens when they do or vanish.
//!
//! Part of [`RoomState`]; pure. A pipeline outlives the member until what he said last is interpreted.

use std::time::Duration;

use super::{Phase, RoomState};
use crate::{
    ids::ParticipantId,
    pipeline::event::{LaneInput, SpeakerInput},
    protocol::{Fault, message::LeaveReason},
    router::event::{LaneKey, Output, SpeakerKey},
    time::Millis,
};

/// A pipeline that was told to finish and has not after this long is dropped: a minute of speech waiting in one lane would be
/// longer than any deadline of its stages.
const FINISH_LIMIT: Duration = Duration::from_secs(30);

impl RoomState {
    /// Asks a running pipeline to finish.
    pub(super) fn finish_speaker(&mut self, now: Millis, who: ParticipantId) {
        let key = self.key(who);
        if let Some(speaker) = self.speakers.get_mut(&who).filter(|s| s.phase == Phase::Running) {
            speaker.phase = Phase::Finishing(now + FINISH_LIMIT);
            self.outputs.push_back(Output::Speaker(key, SpeakerInput::Finish));
        }
    }

    /// Nothing more comes from a speaker: end what is open, let its lanes finish.
    pub(super) fn on_speaker_finished(&mut self, now: Millis, who: ParticipantId) {
        let Some(speaker) = self.speakers.get_mut(&who).filter(|s| s.phase != Phase::Finished) else { return };
        speaker.phase = Phase::Finished;
        for utterance in std::mem::take(&mut speaker.open).into_values() {
            self.end_utterance(utterance, None);
        }
        let key = self.key(who);
        self.outputs.push_back(Output::DropSpeaker(key));
        let lanes: Vec<_> = self.lanes.keys().filter(|k| k.speaker == key).copied().collect();
        for lane in lanes {
            self.finish_lane(now, lane);
        }
        self.forget_silent_speaker(who);
    }

    /// A pipeline vanished: its person cannot be heard any more and must connect again.
    pub(super) fn on_speaker_lost(&mut self, now: Millis, key: SpeakerKey) {
        let who = key.participant;
        if !self.speakers.get(&who).is_some_and(|s| s.phase != Phase::Finished) {
            return;
        }
        self.on_speaker_finished(now, who);
        if self.members.contains_key(&who) && self.drain.is_none() {
            self.outputs.push_back(Output::Dismiss(who, Fault::Internal));
            self.on_left(now, who, LeaveReason::Closed);
        }
    }

    fn finish_lane(&mut self, now: Millis, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(&key).filter(|l| l.finish_by.is_none()) {
            lane.finish_by = Some(now + FINISH_LIMIT);
            self.outputs.push_back(Output::Lane(key, LaneInput::Finish));
        }
    }

    /// Lets go of lanes that nobody will need again: no listener, and no utterance that still feeds them.
    pub(super) fn close_unneeded_lanes(&mut self, now: Millis) {
        let needed = |key: &LaneKey| {
            let speaker = key.speaker.participant;
            let heard = self.members.iter().any(|(who, m)| *who != speaker && m.hear == key.language);
            let fed = self.utterances.values().any(|u| !u.ended && u.lanes.contains(key));
            fed || (heard && self.members.contains_key(&speaker))
        };
        let idle: Vec<_> = self.lanes.keys().filter(|k| !needed(k)).copied().collect();
        for lane in idle {
            self.finish_lane(now, lane);
        }
    }

    /// A lane is over. What it still owed is reported as failed; after an orderly end that is nothing.
    pub(super) fn drop_lane(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.remove(&key) else { return };
        for stream in lane.streams.values() {
            self.end_stream(stream);
        }
        let owed: Vec<_> = self.utterances.iter().filter(|(_, u)| u.untranslated.contains(&key)).map(|(id, _)| *id).collect();
        for utterance in owed {
            self.fail_in_lane(key, utterance, &Fault::Internal);
        }
        self.outputs.push_back(Output::DropLane(key));
        self.forget_silent_speaker(key.speaker.participant);
    }

    /// A speaker who left and whose lanes are done is history.
    fn forget_silent_speaker(&mut self, who: ParticipantId) {
        let key = self.key(who);
        let finished = self.speakers.get(&who).is_some_and(|s| s.phase == Phase::Finished);
        if finished && !self.members.contains_key(&who) && !self.lanes.keys().any(|k| k.speaker == key) {
            self.speakers.remove(&who);
            self.utterances.retain(|_, u| u.speaker != who);
        }
    }
}
