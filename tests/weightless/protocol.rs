//! The wire format against its documents: golden vectors both ways, the JSON Schema, the code tables, and hostile bytes.

use std::{fs, path::Path};

use bytes::Bytes;
use serde::Deserialize;
use tongchuan::{
    ids::StreamId,
    protocol::{
        ClientMessage, Frame, FrameError, MessageError, ServerMessage,
        fault::{CloseCode, ErrorCode},
        frame::Kind,
        schema,
    },
};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[derive(Deserialize)]
struct MessageVector {
    name: String,
    from: String,
    text: String,
    serialises_to: Option<String>,
    #[serde(default)]
    ignored: bool,
    error: Option<String>,
}

#[derive(Deserialize)]
struct FrameVector {
    name: String,
    hex: String,
    kind: Option<String>,
    #[serde(default)]
    first: bool,
    #[serde(default)]
    last: bool,
    #[serde(default)]
    silence: bool,
    #[serde(default)]
    stream: u16,
    #[serde(default)]
    sequence: u32,
    #[serde(default)]
    timestamp: u32,
    #[serde(default)]
    payload: String,
    serialises_to: Option<String>,
    error: Option<String>,
}

fn messages() -> Vec<MessageVector> {
    let vectors: Vec<MessageVector> = serde_json::from_str(&read("vectors/messages.json")).expect("vectors");
    assert!(vectors.len() >= 40, "the vectors are there");
    vectors
}

fn frames() -> Vec<FrameVector> {
    let vectors: Vec<FrameVector> = serde_json::from_str(&read("vectors/frames.json")).expect("vectors");
    assert!(vectors.len() >= 15, "the vectors are there");
    vectors
}

fn unhex(text: &str) -> Bytes {
    assert!(text.len().is_multiple_of(2), "whole bytes");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Parses and writes again, by direction.
fn reserialised(vector: &MessageVector) -> Result<Option<String>, MessageError> {
    let text = vector.text.as_bytes();
    match vector.from.as_str() {
        "client" => ClientMessage::parse(text).map(|m| m.map(|m| m.to_json())),
        "server" => ServerMessage::parse(text).map(|m| m.map(|m| m.to_json())),
        other => panic!("{}: from {other}?", vector.name),
    }
}

fn name_of(error: &MessageError) -> &'static str {
    match error {
        MessageError::TooLarge(_) => "too_large",
        MessageError::NotUtf8 => "not_utf8",
        MessageError::TooDeep => "too_deep",
        MessageError::NotJson { .. } => "not_json",
        MessageError::NotAnObject => "not_an_object",
        MessageError::NoType => "no_type",
        MessageError::UnsupportedVersion(_) => "unsupported_version",
        MessageError::MissingField { .. } => "missing_field",
        MessageError::BadField { .. } => "bad_field",
    }
}

fn name_of_frame(error: FrameError) -> &'static str {
    match error {
        FrameError::Truncated(_) => "truncated",
        FrameError::TooLong(_) => "too_long",
        FrameError::UnsupportedVersion(_) => "unsupported_version",
        FrameError::UnknownKind(_) => "unknown_kind",
        FrameError::Empty => "empty",
        FrameError::WrongDirection => "wrong_direction",
    }
}

#[test]
fn golden_messages_both_ways() {
    for vector in messages() {
        let name = &vector.name;
        match (&vector.error, reserialised(&vector)) {
            (Some(wanted), Err(error)) => assert_eq!(name_of(&error), wanted, "{name}"),
            (Some(wanted), Ok(_)) => panic!("{name}: accepted, must be {wanted}"),
            (None, Ok(None)) => assert!(vector.ignored, "{name}: ignored"),
            (None, Ok(Some(text))) => {
                assert!(!vector.ignored, "{name}: must be ignored");
                assert_eq!(&text, vector.serialises_to.as_ref().unwrap_or(&vector.text), "{name}");
            }
            (None, Err(error)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn golden_frames_both_ways() {
    for vector in frames() {
        let name = &vector.name;
        let frame = match (Frame::decode(&unhex(&vector.hex)), &vector.error) {
            (Err(error), Some(wanted)) => {
                assert_eq!(name_of_frame(error), wanted, "{name}");
                continue;
            }
            (Ok(frame), None) => frame,
            (got, wanted) => panic!("{name}: {got:?}, must be {wanted:?}"),
        };
        let kind = match vector.kind.as_deref() {
            Some("up") => Kind::Up,
            Some("down") => Kind::Down,
            other => panic!("{name}: kind {other:?}?"),
        };
        let meant = Frame {
            kind,
            first: vector.first,
            last: vector.last,
            silence: vector.silence,
            stream: StreamId(vector.stream),
            sequence: vector.sequence,
            timestamp: vector.timestamp,
            payload: unhex(&vector.payload),
        };
        assert_eq!(frame, meant, "{name}");
        assert_eq!(hex(&meant.encode()), *vector.serialises_to.as_ref().unwrap_or(&vector.hex), "{name}");
    }
}

#[test]
fn every_message_type_has_a_vector() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).expect("schema");
    let vectors = messages();
    for side in ["ClientMessage", "ServerMessage"] {
        let variants = schema["$defs"][side]["oneOf"].as_array().expect("one schema per type");
        assert!(variants.len() >= 5);
        for variant in variants {
            let kind = variant["properties"]["type"]["const"].as_str().expect("a type");
            let quoted = format!("\"type\":\"{kind}\"");
            assert!(vectors.iter().any(|v| v.error.is_none() && v.text.contains(&quoted)), "no vector of {kind}");
        }
    }
}

#[test]
fn the_schema_file_is_fresh() {
    assert!(
        read("messages.schema.json") == schema(),
        "proto/messages.schema.json is stale: regenerate it with `cargo run -- schema > proto/messages.schema.json`"
    );
}

#[test]
fn valid_vectors_fit_the_schema_and_it_can_say_no() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).expect("schema");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    for vector in messages().iter().filter(|v| v.error.is_none() && !v.ignored) {
        let text = vector.serialises_to.as_ref().unwrap_or(&vector.text);
        let value = serde_json::from_str(text).expect("JSON");
        let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", vector.name);
    }
    for vector in messages().iter().filter(|v| matches!(v.error.as_deref(), Some("bad_field" | "missing_field" | "no_type"))) {
        let value = serde_json::from_str(&vector.text).expect("JSON");
        // These have the shape of a language, of a number (`format: uint64` is a note to people), of a secret and of a text, so only
        // the server refuses them.
        let shape_only =
            ["unknown language", "ping with a number too large", "resume too long", "say white space", "say a control character"];
        assert_ne!(validator.is_valid(&value), !shape_only.contains(&vector.name.as_str()), "{}", vector.name);
    }
}

#[test]
fn the_readme_lists_every_code() {
    let (readme, schema) = (read("README.md"), schema());
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("schema");
    let codes = schema["$defs"]["ErrorCode"]["oneOf"].as_array().expect("codes");
    assert!(codes.len() > 15);
    for code in codes {
        let code: ErrorCode = serde_json::from_value(code["const"].clone()).expect("a code");
        assert!(readme.contains(&format!("| `{}` |", code.as_str())), "proto/README.md lacks `{}`", code.as_str());
    }
    use CloseCode::*;
    for code in [
        Normal,
        GoingAway,
        Protocol,
        UnsupportedVersion,
        HelloExpected,
        BadToken,
        RoomNotFound,
        RoomFull,
        ServerFull,
        Idle,
        TooSlow,
        Internal,
        ResumeFailed,
        TakenOver,
    ] {
        assert!(readme.contains(&format!("| {} |", code.number())), "proto/README.md lacks {}", code.number());
    }
}

/// An error or a frame that can be written, never a panic.
fn survive_frame(bytes: Vec<u8>) {
    let bytes = Bytes::from(bytes);
    if let Ok(frame) = Frame::decode(&bytes) {
        let written = frame.encode();
        assert_eq!(written.len(), bytes.len());
        assert_eq!(Frame::decode(&written), Ok(frame));
    }
}

#[test]
fn every_prefix_and_every_corruption_of_a_frame() {
    for vector in frames() {
        let bytes = unhex(&vector.hex);
        (0..bytes.len()).for_each(|n| survive_frame(bytes[..n].to_vec()));
        // Beyond the header the payload is not looked at: of a long one, 32 bytes stand for all.
        for position in 0..bytes.len().min(44) {
            for value in 0..=255 {
                let mut broken = bytes.to_vec();
                broken[position] = value;
                survive_frame(broken);
            }
        }
    }
}

/// An error, ignored, or a message that survives being written and read again.
fn survive_text(bytes: &[u8]) {
    if let Ok(Some(message)) = ClientMessage::parse(bytes) {
        assert_eq!(ClientMessage::parse(message.to_json().as_bytes()), Ok(Some(message)));
    }
    if let Ok(Some(message)) = ServerMessage::parse(bytes) {
        assert_eq!(ServerMessage::parse(message.to_json().as_bytes()), Ok(Some(message)));
    }
}

#[test]
fn every_prefix_and_every_corruption_of_a_message() {
    const BYTES: [u8; 20] = *b"\0\n\"\\{}[]:,-.019eEnu\xff";
    for vector in messages() {
        let text = vector.text.as_bytes();
        (0..text.len()).for_each(|n| survive_text(&text[..n]));
        for position in 0..text.len() {
            let flips = (0..8).map(|bit| text[position] ^ (1 << bit));
            for value in BYTES.into_iter().chain(flips) {
                let mut broken = text.to_vec();
                broken[position] = value;
                survive_text(&broken);
            }
        }
    }
}
