//! One speaker's words, stage by stage: frames in, captions and interpreted speech out.
//!
//! [`speaker`] turns a microphone into words, [`lane`] turns words into another language's speech; [`policy`],
//! [`agreement`] and [`segments`] are the pure decisions inside them. Rooms see only [`event`] and get their pipelines from [`Pipelines`].

pub mod agreement;
pub mod event;
pub mod lane;
pub mod policy;
pub mod segments;
pub mod speaker;
pub mod stages;
mod task;

use std::sync::OnceLock;

use tokio::sync::mpsc;

use self::{
    event::{LaneEvent, SpeakerEvent},
    stages::Stages,
};
use crate::{
    inference::JobError,
    language::{Spoken, Voice},
    router::event::{LaneHandle, LaneKey, PipelineFactory, SpeakerHandle, SpeakerKey},
    time::Clock,
};

/// Packets and control messages that may wait for a speaker's task: 5 s of sound.
const SPEAKER_INPUTS: usize = 256;

/// Pieces of text that may wait for a lane, besides the room's own bounded backlog.
const LANE_INPUTS: usize = 16;

/// Makes the pipelines of all rooms over one set of stages.
#[derive(Debug)]
pub struct Pipelines {
    stages: OnceLock<Stages>,
    clock: Clock,
}

impl Pipelines {
    /// Pipelines whose stages are still loading: nobody is let in before [`Pipelines::fill`].
    pub fn empty(clock: Clock) -> Self {
        Self { stages: OnceLock::new(), clock }
    }

    /// Gives the stages; a second call changes nothing.
    pub fn fill(&self, stages: Stages) {
        let _ = self.stages.set(stages);
    }
}

impl PipelineFactory for Pipelines {
    fn start_speaker(&self, key: SpeakerKey, speak: Spoken, events: mpsc::Sender<(SpeakerKey, SpeakerEvent)>) -> SpeakerHandle {
        let (tx, input_rx) = mpsc::channel(SPEAKER_INPUTS);
        // Without stages or a decoder the handle leads nowhere: the room sees the pipeline gone and says so.
        let Some(stages) = self.stages.get() else { return SpeakerHandle { tx } };
        if let Err(error) = speaker::start(stages.clone(), self.clock, speak, key, input_rx, events.clone()) {
            tracing::error!(%error, "a speaker's pipeline could not be started");
            let error = JobError::failed("decode", error);
            let _ = events.try_send((key, SpeakerEvent::Failed { utterance: None, error }));
        }
        SpeakerHandle { tx }
    }

    fn open_lane(&self, key: LaneKey, voice: Voice, events: mpsc::Sender<(LaneKey, LaneEvent)>) -> LaneHandle {
        let (tx, input_rx) = mpsc::channel(LANE_INPUTS);
        let options = lane::LaneOptions { language: key.language, voice, clock: self.clock };
        if let Some(stages) = self.stages.get() {
            lane::open(stages.clone(), options, key, input_rx, events);
        }
        LaneHandle { tx }
    }
}
