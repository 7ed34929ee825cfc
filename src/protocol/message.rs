//! The JSON control messages, both directions, and the strict parser for what clients send.
//!
//! One struct per message; the types are also the source of `proto/messages.schema.json`. Knows nothing of sessions or rooms.
//! What people say and their names are [`Redacted`], tokens are [`Secret`]; errors never quote the input.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ErrorCode, VERSION};
use crate::{
    ids::{ParticipantId, RoomCode, SessionId, StreamId, UtteranceId},
    language::{Language, Spoken, Voice},
    pipeline::event::StageTimes,
    privacy::{Redacted, Secret},
};

/// Largest text message from a client. The longest real one (`hello` with every field) is under 1 KiB.
pub const MAX_TEXT: usize = 16 * 1024;

/// Deepest nesting of arrays and objects; version 1 needs 2.
pub const MAX_DEPTH: usize = 8;

/// Longest display name, in characters.
pub const MAX_NAME: usize = 64;

/// Longest token, in bytes; ours have 32.
pub const MAX_TOKEN: usize = 128;

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
    /// The resume token of an earlier `welcome`. Accepted and, in this version of the server, not yet used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub resume: Option<Secret>,
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
    /// Leaves the room for good; the server closes with 1000.
    Bye {},
}

/// The text is not a message of this version. Never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Larger than [`MAX_TEXT`].
    #[error("a text message is at most {MAX_TEXT} bytes long, this one has {0}")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("a text message is UTF-8")]
    NotUtf8,
    /// Arrays or objects within each other, deeper than [`MAX_DEPTH`].
    #[error("JSON is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Not JSON.
    #[error("not JSON: line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// JSON, but not an object.
    #[error("a message is a JSON object with a `type`")]
    NotAnObject,
    /// No `type`, or one that is not a string.
    #[error("the message has no `type`; send for example {{\"type\":\"ping\",\"id\":1}}")]
    NoType,
    /// `hello` asks for another version.
    #[error("protocol version {0} is not supported; this server speaks version {VERSION}")]
    UnsupportedVersion(u64),
    /// A known message without a field it needs.
    #[error("`{message}` lacks the field `{field}`")]
    MissingField {
        /// The message's type.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field of a known message has the wrong type or range.
    #[error("`{field}` of `{message}` has a wrong value; see proto/messages.schema.json")]
    BadField {
        /// The message's type.
        message: &'static str,
        /// The field.
        field: String,
    },
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

fn hello(value: Value) -> Result<Hello, MessageError> {
    // The version first: a `hello` of version 2 may be wrong in every other field.
    if let Some(version) = value.get("version").and_then(Value::as_u64).filter(|v| *v != u64::from(VERSION)) {
        return Err(MessageError::UnsupportedVersion(version));
    }
    let hello: Hello = required("hello", &["room", "hear"], value)?;
    let too_long = |secret: &Option<Secret>| secret.as_ref().is_some_and(|s| s.expose().len() > MAX_TOKEN);
    let bad = |field: &str| Err(MessageError::BadField { message: "hello", field: field.to_owned() });
    if too_long(&hello.token) {
        return bad("token");
    }
    if too_long(&hello.resume) {
        return bad("resume");
    }
    if hello.name.as_ref().is_some_and(|n| n.expose().chars().count() > MAX_NAME || n.expose().chars().any(char::is_control)) {
        return bad("name");
    }
    Ok(hello)
}

fn required<T: DeserializeOwned>(
    message: &'static str,
    fields: &'static [&'static str],
    value: Value,
) -> Result<T, MessageError> {
    match fields.iter().find(|f| value.get(**f).is_none()) {
        Some(field) => Err(MessageError::MissingField { message, field }),
        None => typed(message, value),
    }
}

fn typed<T: DeserializeOwned>(message: &'static str, value: Value) -> Result<T, MessageError> {
    // The path names fields of our own types only, so nothing of the input gets into the error.
    serde_path_to_error::deserialize(value).map_err(|e| MessageError::BadField { message, field: e.path().to_string() })
}

/// Size, encoding, nesting, JSON, object, `type`: what every message must pass, in the order of cost.
fn object(bytes: &[u8]) -> Result<(String, Value), MessageError> {
    if bytes.len() > MAX_TEXT {
        return Err(MessageError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8)?;
    if depth(text) > MAX_DEPTH {
        return Err(MessageError::TooDeep);
    }
    let value: Value = serde_json::from_str(text).map_err(|e| MessageError::NotJson { line: e.line(), column: e.column() })?;
    let fields = value.as_object().ok_or(MessageError::NotAnObject)?;
    let kind = fields.get("type").and_then(Value::as_str).ok_or(MessageError::NoType)?.to_owned();
    Ok((kind, value))
}

/// Deepest nesting of brackets outside strings; the text need not be valid JSON.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
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
}

/// Answer to `hello`: the client is in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    /// Protocol version of this session.
    pub version: u8,
    /// The connection's number, for reports of problems.
    pub session: SessionId,
    /// The room.
    pub room: RoomCode,
    /// Who the client is in the room.
    pub participant: ParticipantId,
    /// Its role.
    pub role: Role,
    /// Secret for coming back into this session after the connection was lost.
    pub resume: Secret,
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

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// Pieces, boxes, metres.
    Quantity,
    /// A price or a sum.
    Money,
    /// Anything else.
    Other,
}

/// One number that somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Number {
    /// What it counts.
    pub kind: NumberKind,
    /// The value in decimal digits, such as `3.8`.
    pub value: Redacted,
    /// Unit or currency code, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Redacted>,
}

/// The numbers of an utterance, to be shown large. Not sent yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Numbers {
    /// Which utterance.
    pub utterance: UtteranceId,
    /// Who said them.
    pub speaker: ParticipantId,
    /// In the order they were said.
    pub numbers: Vec<Number>,
}

/// What a [`Notice`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeCode {
    /// The server stops soon; the sentence being spoken is still interpreted.
    ShuttingDown,
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
    /// Words.
    Caption(Caption),
    /// Interpreted speech begins.
    SpeechStart(SpeechStart),
    /// Interpreted speech is complete.
    SpeechEnd(SpeechEnd),
    /// Numbers that were said.
    Numbers(Numbers),
    /// Something worth knowing.
    Notice(Notice),
    /// Something went wrong.
    Error(ErrorMessage),
    /// Answer to `ping`.
    Pong(Pong),
}

impl ServerMessage {
    const TYPES: [&'static str; 10] =
        ["welcome", "joined", "left", "caption", "speech_start", "speech_end", "numbers", "notice", "error", "pong"];

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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<ClientMessage>, MessageError> {
        ClientMessage::parse(text.as_bytes())
    }

    fn bad(message: &'static str, field: &str) -> Result<Option<ClientMessage>, MessageError> {
        Err(MessageError::BadField { message, field: field.to_owned() })
    }

    #[test]
    fn each_way_to_be_wrong_has_its_error() {
        assert_eq!(parse(&" ".repeat(MAX_TEXT + 1)), Err(MessageError::TooLarge(MAX_TEXT + 1)));
        assert_eq!(ClientMessage::parse(b"{\"type\":\"\xff\"}"), Err(MessageError::NotUtf8));
        assert_eq!(parse(&"[".repeat(MAX_TEXT)), Err(MessageError::TooDeep));
        assert_eq!(parse("{\"type\":}"), Err(MessageError::NotJson { line: 1, column: 9 }));
        assert!(matches!(parse(r#"{"type":"ping","id":1e999}"#), Err(MessageError::NotJson { .. })));
        assert_eq!(parse("[1]"), Err(MessageError::NotAnObject));
        assert_eq!(parse("{}"), Err(MessageError::NoType));
        assert_eq!(parse(r#"{"type":7}"#), Err(MessageError::NoType));
        assert_eq!(parse(r#"{"type":"hello","version":2}"#), Err(MessageError::UnsupportedVersion(2)));
        assert_eq!(parse(r#"{"type":"hello","hear":"en"}"#), Err(MessageError::MissingField { message: "hello", field: "room" }));
        assert_eq!(parse(r#"{"type":"ping"}"#), Err(MessageError::MissingField { message: "ping", field: "id" }));
        for id in ["-1", "1.5", "18446744073709551616", "\"1\"", "null"] {
            assert_eq!(parse(&format!(r#"{{"type":"ping","id":{id}}}"#)), bad("ping", "id"), "{id}");
        }
        assert_eq!(parse(r#"{"type":"floor","held":1}"#), bad("floor", "held"));
        assert_eq!(parse(r#"{"type":"language","hear":"tlh"}"#), bad("language", "hear"));
        assert_eq!(parse(r#"{"type":"hello","room":"K7M2Q","hear":"en"}"#), bad("hello", "room"));
        assert_eq!(parse(r#"{"type":"hello","room":"K7M2QX","hear":"en","version":-1}"#), bad("hello", "version"));
        let long = |key: &str, n: usize| format!(r#"{{"type":"hello","room":"K7M2QX","hear":"en","{key}":"{}"}}"#, "x".repeat(n));
        assert_eq!(parse(&long("token", MAX_TOKEN + 1)), bad("hello", "token"));
        assert_eq!(parse(&long("resume", MAX_TOKEN + 1)), bad("hello", "resume"));
        assert_eq!(parse(&long("name", MAX_NAME + 1)), bad("hello", "name"));
        assert!(parse(&long("name", MAX_NAME)).is_ok());
    }

    #[test]
    fn what_is_unknown_is_ignored() {
        assert_eq!(parse(r#"{"type":"dance","steps":[1,2]}"#), Ok(None));
        assert_eq!(parse(r#"{"type":"ping","id":3,"extra":{"a":[]}}"#), Ok(Some(ClientMessage::Ping(Ping { id: 3 }))));
        assert_eq!(ServerMessage::parse(br#"{"type":"dance"}"#), Ok(None));
    }

    #[test]
    fn brackets_within_strings_are_no_nesting() {
        assert_eq!(depth(r#"{"a":"[[[[[[[[[[\"[[[["}"#), 1);
        assert_eq!(depth("[[]]"), 2);
    }

    #[test]
    fn errors_quote_nothing() {
        for text in [r#"{"type":"hello","room":"SESAME","hear":"sesame"}"#, r#"{"type":"ping","id":"sesame"}"#, "sesame"] {
            let error = parse(text).expect_err("wrong");
            assert!(!format!("{error} {error:?}").to_lowercase().contains("sesame"), "{error}");
        }
    }
}
