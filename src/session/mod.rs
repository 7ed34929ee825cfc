//! One participant's connection.
//!
//! [`state`] is the conversation with the client as a pure state machine, [`event`] what goes in and out of it, [`limit`] the rate
//! limits, [`task`] the actor that joins it to a connection and a room. Knows nothing of HTTP, WebSocket or models.

pub mod event;
pub mod limit;
pub mod state;
pub mod task;

pub use event::{Incoming, Outgoing};
pub use state::SessionOptions;
pub use task::SessionTask;
