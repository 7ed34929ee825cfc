//! The only door to the wire: bytes to messages and back, for version 1 of `tongchuan.v1`.
//!
//! [`frame`] is the binary audio frame, [`message`] the JSON control messages ([`numbers`] one of them) and [`parse`] their
//! parser, [`fault`] the only mapping from errors to wire codes.
//! Pure: no tokio, no socket, no clock. Called by `session` and `router`; the byte-level description for people is in `proto/`.

pub mod fault;
pub mod frame;
pub mod message;
pub mod numbers;
pub mod parse;

pub use fault::{CloseCode, ErrorCode, Fault};
pub use frame::{Frame, FrameError};
pub use message::{ClientMessage, MessageError, ServerMessage};

/// Version of the protocol that this build speaks; in every frame's first byte and in `hello`.
pub const VERSION: u8 = 1;

/// WebSocket subprotocol that a client must offer and the server echoes.
pub const SUBPROTOCOL: &str = "tongchuan.v1";

/// The JSON Schema of every control message and of the answer to `POST /v1/rooms`, as pretty JSON with a final newline.
///
/// `proto/messages.schema.json` is this text; a test compares them.
pub fn schema() -> String {
    let mut generator = schemars::SchemaGenerator::default();
    let client = generator.subschema_for::<ClientMessage>();
    let server = generator.subschema_for::<ServerMessage>();
    let invitation = generator.subschema_for::<message::Invitation>();
    let document = serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SUBPROTOCOL,
        "description": "Control messages of tongchuan, version 1, and the answer to POST /v1/rooms. Unknown message types and unknown fields are to be ignored.",
        "anyOf": [client, server, invitation],
        "$defs": generator.take_definitions(true),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
