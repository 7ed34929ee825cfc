//! Everything that can go wrong between a client and this server, and the only mapping from it to wire codes and close codes.
//!
//! Texts are for people and say what to do; they never contain what was said, tokens or addresses. Used by `session`, `router`
//! and `transport`; the tables in `proto/README.md` list the same codes (a test compares them).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    frame::FrameError,
    message::{ErrorMessage, MessageError, Role, ServerMessage},
};
use crate::{ids::UtteranceId, inference::JobError};

/// Error codes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A text message that is not one of version 1.
    BadMessage,
    /// A binary frame that is not one of version 1.
    BadFrame,
    /// A protocol version this server does not speak.
    UnsupportedVersion,
    /// Something else came, or nothing, where `hello` must come.
    HelloExpected,
    /// A second `hello`.
    DuplicateHello,
    /// Too many wrong messages.
    TooManyErrors,
    /// Control messages faster than the limit.
    RateLimited,
    /// No such room.
    RoomNotFound,
    /// The room has all the people it takes.
    RoomFull,
    /// The room has somebody in that role.
    RoleTaken,
    /// The token is not one of the room's, or is missing.
    BadToken,
    /// The session cannot be resumed: join again.
    ResumeFailed,
    /// Another connection resumed this session.
    TakenOver,
    /// That is not for this role.
    NotAllowed,
    /// The server has all the rooms or connections it takes.
    ServerFull,
    /// The server is stopping.
    ShuttingDown,
    /// The client reads more slowly than it is sent to.
    TooSlow,
    /// Nothing came from the client for too long.
    Idle,
    /// The utterance could not be recognised.
    AsrFailed,
    /// The utterance could not be translated.
    MtFailed,
    /// The translation could not be spoken.
    TtsFailed,
    /// Too much work is waiting; this utterance was not interpreted.
    Busy,
    /// A stage took too long; this utterance was not interpreted.
    Deadline,
    /// A mistake of the server.
    Internal,
}

impl ErrorCode {
    /// The code as it is written on the wire, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadMessage => "bad_message",
            ErrorCode::BadFrame => "bad_frame",
            ErrorCode::UnsupportedVersion => "unsupported_version",
            ErrorCode::HelloExpected => "hello_expected",
            ErrorCode::DuplicateHello => "duplicate_hello",
            ErrorCode::TooManyErrors => "too_many_errors",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::RoomNotFound => "room_not_found",
            ErrorCode::RoomFull => "room_full",
            ErrorCode::RoleTaken => "role_taken",
            ErrorCode::BadToken => "bad_token",
            ErrorCode::ResumeFailed => "resume_failed",
            ErrorCode::TakenOver => "taken_over",
            ErrorCode::NotAllowed => "not_allowed",
            ErrorCode::ServerFull => "server_full",
            ErrorCode::ShuttingDown => "shutting_down",
            ErrorCode::TooSlow => "too_slow",
            ErrorCode::Idle => "idle",
            ErrorCode::AsrFailed => "asr_failed",
            ErrorCode::MtFailed => "mt_failed",
            ErrorCode::TtsFailed => "tts_failed",
            ErrorCode::Busy => "busy",
            ErrorCode::Deadline => "deadline",
            ErrorCode::Internal => "internal",
        }
    }
}

/// WebSocket close codes; those from 4000 are tongchuan's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client said `bye`.
    Normal = 1000,
    /// The server is stopping; connect again later.
    GoingAway = 1001,
    /// Too many wrong messages, or an unforgivable one.
    Protocol = 4000,
    /// The protocol version is not spoken here: update the client.
    UnsupportedVersion = 4001,
    /// `hello` did not come, or not first.
    HelloExpected = 4002,
    /// The join token is wrong or missing.
    BadToken = 4003,
    /// There is no such room.
    RoomNotFound = 4004,
    /// The room is full or the role is taken.
    RoomFull = 4005,
    /// The server takes no more rooms now: try again later.
    ServerFull = 4006,
    /// Nothing came from the client for too long.
    Idle = 4007,
    /// The client reads more slowly than it is sent to.
    TooSlow = 4008,
    /// A mistake of the server: connect again.
    Internal = 4009,
    /// The session cannot be resumed: say `hello` without `resume`.
    ResumeFailed = 4010,
    /// The session goes on over another connection.
    TakenOver = 4011,
}

impl CloseCode {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// What is wrong with what a client did, or why it cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A binary frame is wrong.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A text message is wrong.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Something else came before `hello`.
    #[error("the first message must be `hello`")]
    HelloExpected,
    /// `hello` did not come in time.
    #[error("no `hello` came within {} seconds", .0.as_secs())]
    HelloTimeout(Duration),
    /// A message came between `hello` and `welcome`.
    #[error("wait for `welcome` before sending anything else")]
    NotWelcomeYet,
    /// `hello` came twice.
    #[error("`hello` is sent once; use `language` to change languages, or connect again for another room")]
    DuplicateHello,
    /// Control messages came too fast.
    #[error("too many messages; this one was ignored, slow down")]
    RateLimited,
    /// Too many wrong messages.
    #[error("closed after {0} wrong messages")]
    TooManyErrors(u32),
    /// The room does not exist.
    #[error("there is no room with this code; check it, or create a room with POST /v1/rooms")]
    RoomNotFound,
    /// The room is full.
    #[error("the room is full ({0} people)")]
    RoomFull(usize),
    /// The role is taken.
    #[error("the room already has a {}", match .0 { Role::Merchant => "merchant; join as buyer", Role::Buyer => "buyer; join as merchant" })]
    RoleTaken(Role),
    /// The token is wrong or missing.
    #[error("the join token is missing or does not fit this room and role; ask for a new invitation")]
    BadToken,
    /// The resume secret is wrong, used or expired, or what was missed is not kept any more.
    #[error("this session cannot be resumed any more; join again")]
    ResumeFailed,
    /// Another connection came with the session's resume secret.
    #[error("this session goes on over another connection")]
    TakenOver,
    /// A request that only the other role may make.
    #[error("only a merchant can invite")]
    NotAllowed,
    /// The server takes no more rooms.
    #[error("the server is full; try again later")]
    ServerFull,
    /// The server stops.
    #[error("the server is stopping; connect again in a moment")]
    ShuttingDown,
    /// The client does not read fast enough.
    #[error("the connection is too slow for this conversation")]
    TooSlow,
    /// Nothing came for too long.
    #[error("nothing came from the client for {} seconds", .0.as_secs())]
    Idle(Duration),
    /// A part of the server failed.
    #[error("the server made a mistake; connect again")]
    Internal,
    /// The utterance could not be recognised.
    #[error("this sentence was not understood; please say it again")]
    AsrFailed,
    /// The utterance could not be translated.
    #[error("this sentence could not be translated; please say it in other words")]
    MtFailed,
    /// The translation could not be spoken.
    #[error("this sentence could not be spoken; read the caption")]
    TtsFailed,
    /// Too much is waiting.
    #[error("too much is waiting; this sentence was not interpreted, please say it again")]
    Busy,
    /// A stage took too long.
    #[error("this sentence took too long to interpret; please say it again")]
    Deadline,
}

/// After how many seconds a refused client may try again.
const RETRY_AFTER_S: u32 = 5;

impl Fault {
    /// What a stage's failure is to the people in the room; `None` for cancelled work, which somebody wanted.
    ///
    /// The stage is known by the first word of its name: `asr`, `vad`, `opus`, `mt`, `tts` (as in `inference` workers' names).
    pub fn of_stage(error: &JobError) -> Option<Fault> {
        match error {
            JobError::Busy(_) => Some(Fault::Busy),
            JobError::DeadlinePassed(_) => Some(Fault::Deadline),
            JobError::Cancelled => None,
            JobError::Stopped(_) => Some(Fault::Internal),
            JobError::Failed { stage, .. } => Some(match stage.split(|c: char| !c.is_ascii_lowercase()).next() {
                Some("asr" | "vad" | "opus" | "audio" | "decode") => Fault::AsrFailed,
                Some("mt") => Fault::MtFailed,
                Some("tts" | "encode") => Fault::TtsFailed,
                _ => Fault::Internal,
            }),
        }
    }

    /// The wire code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Fault::Frame(FrameError::UnsupportedVersion(_)) | Fault::Message(MessageError::UnsupportedVersion(_)) => {
                ErrorCode::UnsupportedVersion
            }
            Fault::Frame(_) => ErrorCode::BadFrame,
            Fault::Message(_) => ErrorCode::BadMessage,
            Fault::HelloExpected | Fault::HelloTimeout(_) | Fault::NotWelcomeYet => ErrorCode::HelloExpected,
            Fault::DuplicateHello => ErrorCode::DuplicateHello,
            Fault::RateLimited => ErrorCode::RateLimited,
            Fault::TooManyErrors(_) => ErrorCode::TooManyErrors,
            Fault::RoomNotFound => ErrorCode::RoomNotFound,
            Fault::RoomFull(_) => ErrorCode::RoomFull,
            Fault::RoleTaken(_) => ErrorCode::RoleTaken,
            Fault::BadToken => ErrorCode::BadToken,
            Fault::ResumeFailed => ErrorCode::ResumeFailed,
            Fault::TakenOver => ErrorCode::TakenOver,
            Fault::NotAllowed => ErrorCode::NotAllowed,
            Fault::ServerFull => ErrorCode::ServerFull,
            Fault::ShuttingDown => ErrorCode::ShuttingDown,
            Fault::TooSlow => ErrorCode::TooSlow,
            Fault::Idle(_) => ErrorCode::Idle,
            Fault::Internal => ErrorCode::Internal,
            Fault::AsrFailed => ErrorCode::AsrFailed,
            Fault::MtFailed => ErrorCode::MtFailed,
            Fault::TtsFailed => ErrorCode::TtsFailed,
            Fault::Busy => ErrorCode::Busy,
            Fault::Deadline => ErrorCode::Deadline,
        }
    }

    /// The close code of a fault that ends the connection; `None` when the conversation goes on.
    pub fn close(&self) -> Option<CloseCode> {
        Some(match self {
            Fault::Message(MessageError::UnsupportedVersion(_)) => CloseCode::UnsupportedVersion,
            Fault::HelloExpected | Fault::HelloTimeout(_) => CloseCode::HelloExpected,
            Fault::TooManyErrors(_) => CloseCode::Protocol,
            Fault::RoomNotFound => CloseCode::RoomNotFound,
            Fault::RoomFull(_) | Fault::RoleTaken(_) => CloseCode::RoomFull,
            Fault::BadToken => CloseCode::BadToken,
            Fault::ResumeFailed => CloseCode::ResumeFailed,
            Fault::TakenOver => CloseCode::TakenOver,
            Fault::ServerFull => CloseCode::ServerFull,
            Fault::ShuttingDown => CloseCode::GoingAway,
            Fault::TooSlow => CloseCode::TooSlow,
            Fault::Idle(_) => CloseCode::Idle,
            Fault::Internal => CloseCode::Internal,
            Fault::Frame(_)
            | Fault::Message(_)
            | Fault::NotWelcomeYet
            | Fault::DuplicateHello
            | Fault::NotAllowed
            | Fault::RateLimited
            | Fault::AsrFailed
            | Fault::MtFailed
            | Fault::TtsFailed
            | Fault::Busy
            | Fault::Deadline => return None,
        })
    }

    /// When to try again, in seconds.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Fault::ServerFull | Fault::ShuttingDown => Some(RETRY_AFTER_S),
            Fault::RateLimited | Fault::Busy => Some(1),
            _ => None,
        }
    }

    /// The `error` message that tells the client.
    pub fn message(&self, utterance: Option<UtteranceId>) -> ServerMessage {
        self.message_with(self.close().is_some(), utterance)
    }

    /// The `error` message for a fault that concerns one utterance: never fatal, whatever it is.
    pub fn utterance_message(&self, utterance: Option<UtteranceId>) -> ServerMessage {
        self.message_with(false, utterance)
    }

    fn message_with(&self, fatal: bool, utterance: Option<UtteranceId>) -> ServerMessage {
        ServerMessage::Error(ErrorMessage {
            code: self.code(),
            text: self.to_string(),
            fatal,
            retry_after: self.retry_after(),
            utterance,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_on_the_wire() {
        for fault in [Fault::Busy, Fault::RoomFull(2), Fault::Frame(FrameError::Empty), Fault::Idle(Duration::ZERO)] {
            let written = serde_json::to_value(fault.code()).expect("serialises");
            assert_eq!(written, fault.code().as_str());
        }
    }

    #[test]
    fn stages_map_by_name_and_cancelled_work_is_silent() {
        let failed = |stage| Fault::of_stage(&JobError::failed(stage, "reason"));
        assert_eq!(failed("asr"), Some(Fault::AsrFailed));
        assert_eq!(failed("mt"), Some(Fault::MtFailed));
        assert_eq!(failed("tts-0"), Some(Fault::TtsFailed));
        assert_eq!(failed("unheard-of"), Some(Fault::Internal));
        assert_eq!(Fault::of_stage(&JobError::Busy("mt")), Some(Fault::Busy));
        assert_eq!(Fault::of_stage(&JobError::Cancelled), None);
    }

    #[test]
    fn a_fatal_message_is_one_that_closes() {
        let ServerMessage::Error(error) = Fault::RoomFull(2).message(None) else { unreachable!("an error") };
        assert!(error.fatal);
        let ServerMessage::Error(error) = Fault::Internal.utterance_message(Some(UtteranceId(3))) else {
            unreachable!("an error")
        };
        assert!(!error.fatal && error.utterance == Some(UtteranceId(3)));
    }
}
