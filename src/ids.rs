//! Names for the things that meet on the wire and in the router: participants, rooms, utterances, audio streams.
//!
//! Ids are newtypes so that one cannot be passed for another. Secrets (tokens) are not here: they never print.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One connection of one participant to this node; unique while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// A person in a room; unique within the room and never given to another person there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ParticipantId(pub u32);

/// What the VAD delimited as one stretch of speech; grows by one in a room, across all its speakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct UtteranceId(pub u64);

/// Number of an interpretation's audio stream, announced by `speech_start`; wraps around at 65,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StreamId(pub u16);

macro_rules! display_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
    )*};
}
display_number!(SessionId, ParticipantId, UtteranceId, StreamId);

/// The short code two people share to meet: 6 characters of [`RoomCode::ALPHABET`], read aloud and typed without mistakes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct RoomCode(#[schemars(regex(pattern = r"^[2-9A-HJ-NP-Z]{6}$"))] String);

impl RoomCode {
    /// Digits and capitals without the pairs people confuse (0/O, 1/I).
    pub const ALPHABET: &'static [u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    /// Characters in a code; 32^6 is about 10^9 codes.
    pub const LEN: usize = 6;

    /// A fresh random code from the operating system's generator.
    pub fn random() -> Self {
        let bytes: [u8; Self::LEN] = rand::random();
        Self(bytes.iter().map(|b| char::from(Self::ALPHABET[usize::from(*b) % 32])).collect())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a room code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a room code is {} letters or digits, such as K7M2QX", RoomCode::LEN)]
pub struct InvalidRoomCode;

impl FromStr for RoomCode {
    type Err = InvalidRoomCode;

    /// Accepts lower case, and spaces or hyphens between characters, as people type them.
    fn from_str(text: &str) -> Result<Self, InvalidRoomCode> {
        let code: String =
            text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).take(Self::LEN + 1).collect();
        let valid = code.len() == Self::LEN && code.bytes().all(|b| Self::ALPHABET.contains(&b));
        if valid { Ok(Self(code)) } else { Err(InvalidRoomCode) }
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_way_people_type_them() {
        let code = RoomCode::random();
        let typed = format!("{}-{}", &code.as_str()[..3].to_lowercase(), &code.as_str()[3..]);
        assert_eq!(typed.parse(), Ok(code));
        for bad in ["", "ABC", "ABCDEFG", "ABCDE0", "ABCDEI", "一二三四五六"] {
            assert_eq!(bad.parse::<RoomCode>(), Err(InvalidRoomCode), "{bad}");
        }
    }
}
