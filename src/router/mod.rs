//! Rooms: who must hear what.
//!
//! ```text
//!  sessions --Command--> room actor --SpeakerInput/LaneInput--> pipeline (through PipelineFactory)
//!  sessions <--Outbound--  (one per room) <--SpeakerEvent/LaneEvent-- pipeline
//! ```
//! [`state`] is the room as a pure state machine, [`task`] the actor around it, [`room`] the registry that finds rooms by code,
//! [`token`] who may come in, [`event`] what goes in and out, [`seats`] the participants' ends, each an [`outbox`] over a bounded
//! [`downlink`] that outlives its connection, [`backlog`] the bounded way to a slow pipeline.

pub mod backlog;
pub mod downlink;
pub mod event;
pub mod outbox;
pub mod room;
pub mod seats;
pub mod state;
pub mod task;
pub mod token;

pub use downlink::Outbound;
pub use event::{LaneHandle, LaneKey, PipelineFactory, RoomSerial, SpeakerHandle, SpeakerKey};
pub use outbox::{Inbox, Outbox};
pub use room::{JoinRequest, Membership, Place, RoomHandle, RoomRegistry, RouterOptions};
pub use seats::ResumeRequest;
pub use state::RoomOptions;
pub use token::{Purpose, TokenKey};
