//! Rooms: who must hear what.
//!
//! ```text
//!  sessions --Command--> room actor --SpeakerInput/LaneInput--> pipeline (through PipelineFactory)
//!  sessions <--Outbound--  (one per room) <--SpeakerEvent/LaneEvent-- pipeline
//! ```
//! [`state`] is the room as a pure state machine, [`task`] the actor around it, [`room`] the registry that finds rooms by code,
//! [`token`] who may come in, [`event`] what goes in and out, [`outbox`] the bounded way to a participant, [`backlog`] the bounded way
//! to a slow pipeline.

pub mod backlog;
pub mod event;
pub mod outbox;
pub mod room;
pub mod state;
pub mod task;
pub mod token;

pub use event::{LaneHandle, LaneKey, PipelineFactory, RoomSerial, SpeakerHandle, SpeakerKey};
pub use outbox::{Inbox, Outbound, Outbox};
pub use room::{JoinRequest, Membership, RoomHandle, RoomRegistry, RouterOptions};
pub use state::RoomOptions;
pub use token::{Purpose, TokenKey};
