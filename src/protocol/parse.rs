//! The strict parser for control messages: size, encoding, nesting, JSON, `type`, fields; one error per way to be wrong.
//!
//! Owns what must hold beyond the types of [`super::message`] (lengths, characters). Called by `ClientMessage::parse` and
//! `ServerMessage::parse` only; errors never quote the input.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    VERSION,
    message::{Hello, MAX_NAME, MAX_SAY, MAX_TEXT, MAX_TOKEN, Say},
};
use crate::privacy::Secret;

/// Deepest nesting of arrays and objects; version 1 needs 2.
pub const MAX_DEPTH: usize = 8;

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

pub(super) fn hello(value: Value) -> Result<Hello, MessageError> {
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

pub(super) fn say(value: Value) -> Result<Say, MessageError> {
    let say: Say = required("say", &["lang", "text"], value)?;
    let text = say.text.expose();
    // Line breaks are typed by people; other control characters are not.
    let strange = |c: char| c.is_control() && c != '\n';
    if say.text.is_blank() || text.chars().count() > MAX_SAY || text.chars().any(strange) {
        return Err(MessageError::BadField { message: "say", field: "text".to_owned() });
    }
    Ok(say)
}

pub(super) fn required<T: DeserializeOwned>(
    message: &'static str,
    fields: &'static [&'static str],
    value: Value,
) -> Result<T, MessageError> {
    match fields.iter().find(|f| value.get(**f).is_none()) {
        Some(field) => Err(MessageError::MissingField { message, field }),
        None => typed(message, value),
    }
}

pub(super) fn typed<T: DeserializeOwned>(message: &'static str, value: Value) -> Result<T, MessageError> {
    // The path names fields of our own types only, so nothing of the input gets into the error.
    serde_path_to_error::deserialize(value).map_err(|e| MessageError::BadField { message, field: e.path().to_string() })
}

/// Size, encoding, nesting, JSON, object, `type`: what every message must pass, in the order of cost.
pub(super) fn object(bytes: &[u8]) -> Result<(String, Value), MessageError> {
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

#[cfg(test)]
mod tests {
    use super::{
        super::message::{ClientMessage, Ping, ServerMessage},
        *,
    };

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
        assert_eq!(parse(r#"{"type":"hello","room":"K7M2QX","hear":"en","resume":"x","received":-1}"#), bad("hello", "received"));
        assert_eq!(parse(r#"{"type":"say","text":"hi"}"#), Err(MessageError::MissingField { message: "say", field: "lang" }));
        assert_eq!(parse(r#"{"type":"say","lang":"auto","text":"hi"}"#), bad("say", "lang"));
        let say = |text: &str| format!(r#"{{"type":"say","lang":"en","text":"{text}"}}"#);
        for text in ["", " ", r"\u0000", &"x".repeat(MAX_SAY + 1)] {
            assert_eq!(parse(&say(text)), bad("say", "text"), "{} bytes", text.len());
        }
        for text in ["x", r"two\nlines", &"价".repeat(MAX_SAY)] {
            assert!(matches!(parse(&say(text)), Ok(Some(ClientMessage::Say(_)))), "{} bytes", text.len());
        }
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
        for text in [
            r#"{"type":"hello","room":"SESAME","hear":"sesame"}"#,
            r#"{"type":"ping","id":"sesame"}"#,
            "sesame",
            r#"{"type":"say","lang":"sesame","text":"sesame"}"#,
        ] {
            let error = parse(text).expect_err("wrong");
            assert!(!format!("{error} {error:?}").to_lowercase().contains("sesame"), "{error}");
        }
    }
}
