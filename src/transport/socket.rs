//! `/v1/session`: upgrades to a WebSocket and maps its messages to a session's.
//!
//! Knows WebSocket, not what the messages mean. The session runs on any stream and sink, so its tests need no socket.

use axum::{
    Error, Extension,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::Response,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::ready};

use super::{
    AppState,
    admit::{self, Refusal},
    listen::Peer,
};
use crate::{
    protocol::CloseCode,
    session::{Incoming, Outgoing, SessionTask},
};

/// Largest WebSocket message that is read at all: four times the largest valid one, so that a client slightly wrong gets an error
/// message that says so, and a hostile one costs little memory.
const MAX_MESSAGE: usize = 64 * 1024;

/// Bytes written but not yet taken by the system, at most: a slow client makes writes wait instead.
const MAX_WRITE_BUFFER: usize = 256 * 1024;

/// Handles `GET /v1/session`.
///
/// # Errors
/// An HTTP refusal (see [`admit`]).
pub(super) async fn upgrade(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    admit::origin(&state, &headers)?;
    let client = admit::guesser(&state, &headers, peer)?;
    let upgrade = admit::subprotocol(upgrade)?;
    let permit = admit::permit(&state)?;
    let task = SessionTask {
        id: state.next_session(),
        options: state.session,
        clock: state.clock,
        rooms: state.rooms.clone(),
        shutdown: state.shutdown.clone(),
    };
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER);
    let sessions = state.sessions.clone();
    Ok(upgrade.on_upgrade(move |socket| {
        sessions.track_future(async move {
            run(task, socket, || admit::guessed(&state, client)).await;
            drop(permit);
        })
    }))
}

async fn run(task: SessionTask, socket: WebSocket, on_wrong_guess: impl Fn()) {
    let (sink, stream) = socket.split();
    // The peer's close message ends the stream; polling it answers the close.
    let stream = stream.take_while(|m| ready(!matches!(m, Ok(Message::Close(_))))).map(|m| m.map(incoming));
    let sink = sink.with(|item| {
        if matches!(item, Outgoing::Close(CloseCode::BadToken | CloseCode::RoomNotFound)) {
            on_wrong_guess();
        }
        ready(Ok::<_, Error>(message(item)))
    });
    task.run(stream, sink).await;
}

fn incoming(message: Message) -> Incoming {
    match message {
        Message::Text(text) => Incoming::Text(text.into()),
        Message::Binary(bytes) => Incoming::Binary(bytes),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Incoming::Alive,
    }
}

fn message(item: Outgoing) -> Message {
    match item {
        Outgoing::Text(text) => Message::Text(text.into()),
        Outgoing::Binary(bytes) => Message::Binary(bytes),
        Outgoing::Ping => Message::Ping(Bytes::new()),
        Outgoing::Close(code) => Message::Close(Some(CloseFrame { code: code.number(), reason: reason(code).into() })),
    }
}

/// A word for people who look at the connection in their browser.
fn reason(code: CloseCode) -> &'static str {
    match code {
        CloseCode::Normal => "bye",
        CloseCode::GoingAway => "shutting down",
        CloseCode::Protocol => "too many errors",
        CloseCode::UnsupportedVersion => "unsupported version",
        CloseCode::HelloExpected => "hello expected",
        CloseCode::BadToken => "bad token",
        CloseCode::RoomNotFound => "room not found",
        CloseCode::RoomFull => "room full",
        CloseCode::ServerFull => "server full",
        CloseCode::Idle => "idle",
        CloseCode::TooSlow => "too slow",
        CloseCode::Internal => "internal error",
        CloseCode::ResumeFailed => "resume failed",
        CloseCode::TakenOver => "taken over",
    }
}
