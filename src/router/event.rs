//! What goes in and out of a room, and the trait through which it reaches the pipeline.
//!
//! The room knows no stage and no model: it asks a [`PipelineFactory`] for a speaker's pipeline or a lane and talks to it through
//! bounded channels. The pipeline and the scripted ones in tests implement the trait.

use std::{fmt, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    ids::{ParticipantId, UtteranceId},
    language::{Language, Spoken, Voice},
    pipeline::event::{LaneEvent, LaneInput, SpeakerEvent, SpeakerInput},
    privacy::Redacted,
    protocol::{
        Fault, Frame, ServerMessage,
        message::{LanguageChange, LeaveReason, Person, Role, Say},
    },
    trade::Glossary,
};

/// Number of a room on this node, for keys and logs: unlike its code it lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomSerial(pub u64);

impl fmt::Display for RoomSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One speaker's pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpeakerKey {
    /// The room.
    pub room: RoomSerial,
    /// Who speaks.
    pub participant: ParticipantId,
}

/// One lane: a speaker into a language. A lane that was closed and opened again has another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// Whose words.
    pub speaker: SpeakerKey,
    /// Into which language.
    pub language: Language,
    /// Counts the lanes of the room.
    pub generation: u32,
}

/// The way into a speaker's pipeline. Dropping all clones ends it at once, without finishing.
#[derive(Debug, Clone)]
pub struct SpeakerHandle {
    /// Bounded. Control waits outside (see [`super::backlog`]); media is dropped when three quarters are taken.
    pub tx: mpsc::Sender<SpeakerInput>,
}

/// The way into a lane. Dropping it ends the lane at once, without finishing.
#[derive(Debug, Clone)]
pub struct LaneHandle {
    /// Bounded; what does not fit waits in a bounded backlog of the room.
    pub tx: mpsc::Sender<LaneInput>,
}

/// Makes pipelines for rooms. Both calls return at once; the work runs in tasks of the pipeline's own.
///
/// Events go into the given bounded channels and wait there; a room reads them until the pipeline says `Finished`.
pub trait PipelineFactory: Send + Sync {
    /// Starts the pipeline of a participant: audio in, words out.
    fn start_speaker(&self, key: SpeakerKey, speak: Spoken, events: mpsc::Sender<(SpeakerKey, SpeakerEvent)>) -> SpeakerHandle;

    /// Opens a lane: words in, translation and interpreted speech out.
    fn open_lane(&self, key: LaneKey, voice: Voice, events: mpsc::Sender<(LaneKey, LaneEvent)>) -> LaneHandle;

    /// Gives a room words of its own.
    fn set_glossary(&self, _room: RoomSerial, _glossary: &Glossary) {}

    /// The room is over: nothing about it need be kept.
    fn forget(&self, _room: RoomSerial) {}
}

impl<P: PipelineFactory + ?Sized> PipelineFactory for Arc<P> {
    fn start_speaker(&self, key: SpeakerKey, speak: Spoken, events: mpsc::Sender<(SpeakerKey, SpeakerEvent)>) -> SpeakerHandle {
        (**self).start_speaker(key, speak, events)
    }

    fn open_lane(&self, key: LaneKey, voice: Voice, events: mpsc::Sender<(LaneKey, LaneEvent)>) -> LaneHandle {
        (**self).open_lane(key, voice, events)
    }

    fn set_glossary(&self, room: RoomSerial, glossary: &Glossary) {
        (**self).set_glossary(room, glossary);
    }

    fn forget(&self, room: RoomSerial) {
        (**self).forget(room);
    }
}

/// Somebody at the door, already let in by token or by an open room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// The role their token gives or they ask for; the first free one when `None`.
    pub role: Option<Role>,
    /// The name they gave.
    pub name: Option<Redacted>,
    /// The language they speak.
    pub speak: Spoken,
    /// The language they want to hear.
    pub hear: Language,
    /// In which voice the others hear them.
    pub voice: Voice,
}

/// The answer to a [`Newcomer`] and to somebody who comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Who they are from now on.
    pub participant: ParticipantId,
    /// Their role.
    pub role: Role,
    /// Who else is there.
    pub others: Vec<Person>,
}

/// What a room is told (besides [`super::state::RoomState::join`] and [`super::state::RoomState::resume`], which answer).
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody is gone.
    Left(ParticipantId, LeaveReason),
    /// Somebody's connection is lost; he may come back ([`super::state::RoomState::resume`]).
    Lost(ParticipantId),
    /// Somebody changes languages or voice.
    Language(ParticipantId, LanguageChange),
    /// Somebody takes or gives up the floor.
    Floor(ParticipantId, Option<bool>),
    /// Somebody says something by writing it.
    Said(ParticipantId, Say),
    /// A speaker's pipeline said something.
    Speaker(SpeakerKey, SpeakerEvent),
    /// A lane said something.
    Lane(LaneKey, LaneEvent),
    /// A speaker's pipeline is gone without having finished.
    SpeakerLost(SpeakerKey),
    /// A lane is gone without having finished.
    LaneLost(LaneKey),
    /// A lane's backlog was full: (the rest of) this utterance is not interpreted.
    LaneFull(LaneKey, UtteranceId),
    /// The server stops: finish the sentence being spoken, then end.
    Drain,
    /// [`super::state::RoomState::poll_timeout`] has come.
    Timeout,
}

/// What a room wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Control: must arrive, or the participant is dismissed.
    Send(ParticipantId, ServerMessage),
    /// Media: may be dropped.
    Audio(ParticipantId, Frame),
    /// Close the participant's session.
    Dismiss(ParticipantId, Fault),
    /// Start a speaker's pipeline.
    StartSpeaker(SpeakerKey, Spoken),
    /// Tell a speaker's pipeline.
    Speaker(SpeakerKey, SpeakerInput),
    /// Forget a speaker's pipeline.
    DropSpeaker(SpeakerKey),
    /// Open a lane.
    OpenLane(LaneKey, Voice),
    /// Tell a lane.
    Lane(LaneKey, LaneInput),
    /// Forget a lane.
    DropLane(LaneKey),
    /// The room is over: expired, or drained.
    Ended,
}
