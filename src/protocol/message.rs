//! The JSON control messages, both directions.
//!
//! One struct per message; the types are also the source of `proto/messages.schema.json`. [`super::parse`] reads them. Knows nothing
//! of sessions or rooms. What people say and their names are [`Redacted`], tokens are [`Secret`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ErrorCode, VERSION,
    parse::{hello, object, required, say, typed},
};
use crate::{
    ids::{ParticipantId, RoomCode, SessionId, StreamId, UtteranceId},
    language::{Language, Spoken, Voice},
    pipeline::event::StageTimes,
    privacy::{Redacted, Secret},
};

pub use super::{
    numbers::{Number, NumberKind, Numbers, Place},
    parse::MessageError,
};

/// Largest text message from a client. The longest real one (`say` with 500 escaped characters) is about 6 KiB.
pub const MAX_TEXT: usize = 16 * 1024;

/// Longest display name, in characters.
pub const MAX_NAME: usize = 64;

/// Longest token, in bytes; ours have 32.
pub const MAX_TOKEN: usize = 128;

/// Longest typed message, in characters: half a minute of speech.
pub const MAX_SAY: usize = 500;

/// What a participant is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one who sells; at most one per room.
    Merchant,
    /// Somebody who buys; the rest of the room.
    Buyer,
}

/// First message of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// Protocol version; 1 when absent.
    #[serde(default = "version")]
    pub version: u8,
    /// The room's code, from `POST /v1/rooms` or agreed between the two people.
    pub room: RoomCode,
    /// The join token of one's role; not needed where the server's rooms are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub token: Option<Secret>,
    /// The role wanted; given by the token, or the first free one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// A name to show to the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub name: Option<Redacted>,
    /// The language this person speaks; `auto` when absent.
    #[serde(default)]
    pub speak: Spoken,
    /// The language this person wants to hear.
    pub hear: Language,
    /// The voice in which the others hear this person's words.
    #[serde(default)]
    pub voice: Voice,
    /// The `resume` secret of the last `welcome`: goes on with that session, within 60 s after its connection was lost. The server
    /// looks at `room`, `resume` and `received` only; everything else is as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub resume: Option<Secret>,
    /// With `resume`: how many WebSocket data messages, text and binary, came since the first `welcome` of the session, over all its
    /// connections, no `welcome` counted. The server goes on with the one after them. 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
}

fn version() -> u8 {
    VERSION
}

/// A change of languages or voice; what is absent stays. Applies from the next utterance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LanguageChange {
    /// The language this person speaks from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speak: Option<Spoken>,
    /// The language this person wants to hear from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hear: Option<Language>,
    /// The voice in which the others hear this person from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
}

/// Push-to-talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Floor {
    /// `true` while the button is held, `false` when released, `null` to go back to an open microphone.
    #[serde(default)]
    pub held: Option<bool>,
}

/// A client's request for a [`Pong`]; the number comes back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ping {
    /// Any number the client likes.
    pub id: u64,
}

/// A typed message: an utterance as if it had been spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Say {
    /// The language it is written in.
    pub lang: Language,
    /// What to say; not blank.
    #[schemars(with = "String", length(min = 1, max = 500))]
    pub text: Redacted,
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Joins a room; the first message, once.
    Hello(Hello),
    /// Changes languages or voice.
    Language(LanguageChange),
    /// Takes or gives up the floor.
    Floor(Floor),
    /// Asks for a `pong`.
    Ping(Ping),
    /// Says something by writing it.
    Say(Say),
    /// Asks for a fresh join token for the other side; for merchants.
    Invite {},
    /// Leaves the room for good; the server closes with 1000.
    Bye {},
}

impl ClientMessage {
    /// Reads what a client sent. `None` is a message type that this version does not know: ignore it.
    ///
    /// # Errors
    /// [`MessageError`], one variant per way to be wrong.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, MessageError> {
        let (kind, value) = object(bytes)?;
        Ok(Some(match kind.as_str() {
            "hello" => ClientMessage::Hello(hello(value)?),
            "language" => ClientMessage::Language(typed("language", value)?),
            "floor" => ClientMessage::Floor(typed("floor", value)?),
            "ping" => ClientMessage::Ping(required("ping", &["id"], value)?),
            "say" => ClientMessage::Say(say(value)?),
            "invite" => ClientMessage::Invite {},
            "bye" => ClientMessage::Bye {},
            _ => return Ok(None),
        }))
    }

    /// The message as JSON text.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serialisation cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Somebody in the room, as the others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Who.
    pub participant: ParticipantId,
    /// What they are here.
    pub role: Role,
    /// The name they gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Redacted>,
    /// The language they speak.
    pub speak: Spoken,
    /// The language they hear.
    pub hear: Language,
    /// Their connection is lost and they are waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
}

/// What this server allows; the figures are explained in `proto/README.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Largest text message, bytes.
    pub text_bytes: u32,
    /// Largest binary frame, bytes.
    pub frame_bytes: u32,
    /// Control messages per second, on average.
    pub messages_per_second: u32,
    /// The connection is closed after this long without anything from the client, milliseconds.
    pub silence_ms: u32,
    /// The connection is closed at this many wrong messages.
    pub bad_messages: u32,
    /// People in a room.
    pub room_capacity: u32,
    /// A session whose connection was lost can be resumed for this long, milliseconds.
    pub resume_ms: u32,
}

/// Where a resumed session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// The sequence number of the next audio packet that the server has not got; 0 when it has none. Send what you keep from there.
    pub packets: u32,
}

/// Answer to `hello`: the client is in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    /// Protocol version of this session.
    pub version: u8,
    /// The session's number, for reports of problems; stays when it is resumed.
    pub session: SessionId,
    /// The room.
    pub room: RoomCode,
    /// Who the client is in the room.
    pub participant: ParticipantId,
    /// Its role.
    pub role: Role,
    /// Secret for going on with this session after the connection was lost: works once, within 60 s.
    pub resume: Secret,
    /// Secret for coming back into this room in this role when resuming fails, for instance after a restart of the server: the
    /// `token` of a later `hello`. Valid for 12 hours.
    pub token: Secret,
    /// Present when a session goes on: what was missed follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// Who else is here.
    pub others: Vec<Person>,
    /// What this server allows.
    pub limits: Limits,
    /// Every language this server knows.
    pub languages: Vec<Language>,
}

/// Why somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// Said `bye`.
    Bye,
    /// The connection broke or went silent.
    Lost,
    /// The server closed the connection.
    Closed,
}

/// Somebody left the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// Who.
    pub participant: ParticipantId,
    /// Why.
    pub reason: LeaveReason,
}

/// Whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// Who.
    pub participant: ParticipantId,
}

/// Answer to `invite`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FreshInvitation {
    /// Whom it lets in.
    pub role: Role,
    /// What their `hello` carries.
    pub token: Secret,
    /// It is valid for this many seconds.
    pub expires_in: u64,
}

/// Whether a caption is what was said or its translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptionKind {
    /// What was recognised.
    Source,
    /// The translation.
    Translation,
}

/// Words of an utterance, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caption {
    /// Which utterance.
    pub utterance: UtteranceId,
    /// Who spoke.
    pub speaker: ParticipantId,
    /// Language of the text.
    pub lang: Language,
    /// What was said, or its translation.
    pub kind: CaptionKind,
    /// Text to append: never revised.
    pub committed: Redacted,
    /// Grey tail that may change; replaces the previous tail.
    pub pending: Redacted,
    /// No more text of this utterance in this language follows.
    pub last: bool,
    /// What it took the server, for those who measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<StageTimes>,
}

/// Interpreted speech begins: binary frames with this stream number follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpeechStart {
    /// Which utterance is interpreted.
    pub utterance: UtteranceId,
    /// Who said it.
    pub speaker: ParticipantId,
    /// Language of the speech.
    pub lang: Language,
    /// Number in the header of its frames.
    pub stream: StreamId,
    /// What its first clause took the server, for those who measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<StageTimes>,
}

/// Interpreted speech is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpeechEnd {
    /// Which utterance.
    pub utterance: UtteranceId,
    /// Its stream; the number is free again.
    pub stream: StreamId,
}

/// What a [`Notice`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeCode {
    /// The server stops soon; the sentence being spoken is still interpreted.
    ShuttingDown,
    /// The listeners of what is being said have much to hear yet: a pause lets them catch up.
    Behind,
}

/// Something worth knowing that is nobody's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// For programs.
    pub code: NoticeCode,
    /// For people, in English.
    pub text: String,
}

/// Something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorMessage {
    /// For programs.
    pub code: ErrorCode,
    /// For people, in English; never contains what was said.
    pub text: String,
    /// The connection is closed right after this message.
    pub fatal: bool,
    /// Try again after this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The utterance it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utterance: Option<UtteranceId>,
}

/// Answer to `ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pong {
    /// The ping's number.
    pub id: u64,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The client is in the room.
    Welcome(Welcome),
    /// Somebody joined, or changed their languages.
    Joined(Person),
    /// Somebody left.
    Left(Left),
    /// Somebody's connection was lost: they are waited for.
    Away(Who),
    /// Somebody is back from `away`.
    Back(Who),
    /// Words.
    Caption(Caption),
    /// Interpreted speech begins.
    SpeechStart(SpeechStart),
    /// Interpreted speech is complete.
    SpeechEnd(SpeechEnd),
    /// Numbers that were said.
    Numbers(Numbers),
    /// A fresh join token.
    Invitation(FreshInvitation),
    /// Something worth knowing.
    Notice(Notice),
    /// Something went wrong.
    Error(ErrorMessage),
    /// Answer to `ping`.
    Pong(Pong),
}

impl ServerMessage {
    const TYPES: [&'static str; 13] = [
        "welcome",
        "joined",
        "left",
        "away",
        "back",
        "caption",
        "speech_start",
        "speech_end",
        "numbers",
        "invitation",
        "notice",
        "error",
        "pong",
    ];

    /// Reads what a server sent, for clients written in Rust. `None` is a type that this version does not know: ignore it.
    ///
    /// # Errors
    /// [`MessageError`], as for clients' messages.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, MessageError> {
        let (kind, value) = object(bytes)?;
        match Self::TYPES.iter().find(|t| **t == kind) {
            Some(message) => typed(message, value).map(Some),
            None => Ok(None),
        }
    }

    /// The message as JSON text.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serialisation cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One join token per role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// For the one who sells.
    pub merchant: Secret,
    /// For those who buy.
    pub buyer: Secret,
}

/// Answer to `POST /v1/rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invitation {
    /// The new room's code.
    pub room: RoomCode,
    /// What `hello` carries to join it.
    pub tokens: Tokens,
    /// The tokens are good for this many seconds.
    pub expires_in: u64,
    /// Where phones reach the server, such as `https://192.168.1.5:8720`: what the QR code begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_url: Option<String>,
}
