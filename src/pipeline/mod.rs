//! One speaker's words, stage by stage: frames in, captions and interpreted speech out.
//!
//! [`speaker`] turns a microphone into words, [`lane`] turns words into another language, [`synthesis`] speaks them and [`player`] plays
//! that to a [`listener`]. The pure decisions inside them: [`interpretation`] knows how far an utterance has come; [`policy`] says when to
//! recognise and, with [`agreement`], what is certain; [`segments`] what is translated as one,
//! [`draft`] how that begins before it is complete, [`running`] what is shown and spoken while it is written, [`fillers`] what is not
//! translated; [`pace`] how fast to speak. [`amounts`] holds a translation to the numbers of its source, [`terms`] to the trade's words.
//! The pipelines of one room share its [`acoustics`], so that [`echo`] can tell who really spoke, and its [`conversation`]: what was said
//! before.
//!
//! Rooms see only [`event`] and get their pipelines from [`Pipelines`].

pub mod acoustics;
mod agreement;
pub mod amounts;
pub mod conversation;
mod draft;
pub mod echo;
pub mod event;
pub mod fillers;
mod interpretation;
pub mod lane;
mod listener;
mod pace;
mod player;
pub mod policy;
mod running;
pub mod segments;
pub mod speaker;
pub mod stages;
pub mod synthesis;
mod task;
pub mod terms;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use tokio::sync::mpsc;

use self::{
    acoustics::Room,
    conversation::Conversations,
    echo::Acoustics,
    event::{LaneEvent, SpeakerEvent},
    stages::Stages,
};
use crate::{
    inference::JobError,
    language::{Spoken, Voice},
    router::event::{LaneHandle, LaneKey, PipelineFactory, RoomSerial, SpeakerHandle, SpeakerKey},
    time::Clock,
    trade::Glossary,
};

/// Packets and control messages that may wait for a speaker's task. A client that resumes sends the 15 s that it kept at once: 750
/// packets, and a quarter of the places is left to control.
const SPEAKER_INPUTS: usize = 1280;

/// Pieces of text that may wait for a lane, besides the room's own bounded backlog.
const LANE_INPUTS: usize = 16;

/// Makes the pipelines of all rooms over one set of stages.
#[derive(Debug)]
pub struct Pipelines {
    stages: OnceLock<Stages>,
    clock: Clock,
    /// The sounds of each room; its pipelines hold them, this only finds them.
    rooms: Mutex<HashMap<RoomSerial, Weak<Mutex<Acoustics>>>>,
    conversations: Conversations,
}

impl Pipelines {
    /// Pipelines whose stages are still loading: nobody is let in before [`Pipelines::fill`].
    pub fn empty(clock: Clock) -> Self {
        Self { stages: OnceLock::new(), clock, rooms: Mutex::default(), conversations: Conversations::new(Arc::default()) }
    }

    /// With the server's own terms before those that the program comes with.
    pub fn with_glossary(self, own: Glossary) -> Self {
        Self { conversations: Conversations::new(Arc::new(own)), ..self }
    }

    /// Gives the stages; a second call changes nothing.
    pub fn fill(&self, stages: Stages) {
        terms::warm_up();
        let _ = self.stages.set(stages);
    }

    /// The sounds of a room that has pipelines, or of a new one.
    fn room(&self, serial: RoomSerial, stages: &Stages) -> Room {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&serial).and_then(Room::upgrade) {
            return room;
        }
        rooms.retain(|_, room| room.strong_count() > 0);
        let room = Room::new(stages.options.echo.clone());
        rooms.insert(serial, room.weak());
        room
    }
}

impl PipelineFactory for Pipelines {
    fn start_speaker(&self, key: SpeakerKey, speak: Spoken, events: mpsc::Sender<(SpeakerKey, SpeakerEvent)>) -> SpeakerHandle {
        let (tx, input_rx) = mpsc::channel(SPEAKER_INPUTS);
        // Without stages or a decoder the handle leads nowhere: the room sees the pipeline gone and says so.
        let Some(stages) = self.stages.get() else { return SpeakerHandle { tx } };
        let microphone = self.room(key.room, stages).microphone();
        let conversation = self.conversations.of(key.room);
        let options = speaker::SpeakerOptions { clock: self.clock, spoken: speak, microphone, conversation };
        if let Err(error) = speaker::start(stages.clone(), options, key, input_rx, events.clone()) {
            tracing::error!(%error, "a speaker's pipeline could not be started");
            let error = JobError::failed("decode", error);
            let _ = events.try_send((key, SpeakerEvent::Failed { utterance: None, error }));
        }
        SpeakerHandle { tx }
    }

    fn open_lane(&self, key: LaneKey, voice: Voice, events: mpsc::Sender<(LaneKey, LaneEvent)>) -> LaneHandle {
        let (tx, input_rx) = mpsc::channel(LANE_INPUTS);
        let Some(stages) = self.stages.get() else { return LaneHandle { tx } };
        // Speech that cannot be compared is better than none.
        let loudspeaker = self.room(key.speaker.room, stages).loudspeaker();
        let loudspeaker = loudspeaker.inspect_err(|error| tracing::error!(%error, "echoes of a lane will not be known")).ok();
        let conversation = self.conversations.of(key.speaker.room);
        let options = lane::LaneOptions { language: key.language, voice, clock: self.clock, loudspeaker, conversation };
        lane::open(stages.clone(), options, key, input_rx, events);
        LaneHandle { tx }
    }

    fn set_glossary(&self, room: RoomSerial, glossary: &Glossary) {
        self.conversations.set_glossary(room, glossary);
    }

    fn forget(&self, room: RoomSerial) {
        self.conversations.forget(room);
    }
}
