//! What goes in and out of a session: on the connection's side and on the room's side.
//!
//! Pure values; `transport` maps [`Incoming`] and [`Outgoing`] to WebSocket messages, tests use them as they are.

use bytes::Bytes;

use crate::{
    pipeline::event::UplinkPacket,
    protocol::{
        CloseCode, Fault, ServerMessage,
        message::{LanguageChange, LeaveReason, Say},
    },
    router::{JoinRequest, Place},
};

/// What a connection brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text message, UTF-8 or not.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A sign of life without content: ping or pong of the transport.
    Alive,
}

/// What a connection is given to carry.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// A control message as JSON.
    Text(String),
    /// An audio frame.
    Binary(Bytes),
    /// Ask the other side for a sign of life.
    Ping,
    /// Close with this code; nothing follows.
    Close(CloseCode),
}

/// What a session is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The connection brought something.
    Received(Incoming),
    /// The connection is gone.
    Disconnected,
    /// The room took the participant in, or back.
    Joined(Place),
    /// The room did not, or does not any more.
    Refused(Fault),
    /// The server stops.
    ShuttingDown,
    /// [`super::state::SessionState::poll_timeout`] has come.
    Timeout,
}

/// What a session wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ask a room to let the client in, or back in; answer with [`Input::Joined`] or [`Input::Refused`].
    Join(JoinRequest),
    /// Tell the room about languages and voice.
    Language(LanguageChange),
    /// Tell the room about the floor.
    Floor(Option<bool>),
    /// Tell the room what was written.
    Say(Say),
    /// Make a token for a buyer and answer with it.
    Invite,
    /// Give the pipeline a packet.
    Packet(UplinkPacket),
    /// Tell the pipeline that no packet is on its way.
    Quiet,
    /// Tell the client.
    Send(ServerMessage),
    /// Ask the client for a sign of life.
    Ping,
    /// Leave the room for this reason and, where a code is given, close the connection with it. Nothing follows.
    Close(Option<CloseCode>, LeaveReason),
}
