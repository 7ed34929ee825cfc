//! Join tokens: who may come into which room, as what, until when. Signed, so that nothing is remembered and a restart forgets none.
//!
//! Pure: time is an argument (seconds since 1970: a token outlives the process). Knows nothing of rooms that exist. Called by
//! [`super::room`], which holds the key; the key itself is kept by `state_dir`.
//!
//! ```text
//! token = base64url(grant | expiry | tag), 32 characters without padding
//! grant   1 byte    role (bit 0: buyer) and purpose (bit 1: rejoin)
//! expiry  5 bytes   big endian, seconds since 1970
//! tag    18 bytes   HMAC-SHA256(key, LABEL | room code | grant | expiry), its first 144 bits
//! ```

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::{ids::RoomCode, privacy::Secret, protocol::message::Role};

/// What the key signs and nothing else does: a signature made for another purpose is no token.
const LABEL: &[u8] = b"tongchuan join token, version 1\0";

/// RFC 2104 allows a tag cut to half of the hash or more. 144 bits cannot be guessed and make 32 characters: a small QR code.
const TAG: usize = 18;

const EXPIRY: usize = 5;
const LEN: usize = 1 + EXPIRY + TAG;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To come in, from an invitation: shown to another person, so short-lived.
    Join,
    /// To come back, from `welcome`: never leaves the device.
    Rejoin,
}

impl Purpose {
    /// How long a token lasts from when it is made.
    pub fn lifetime(self) -> Duration {
        match self {
            // Long enough to find the camera, too short to be of use to who finds the picture later.
            Purpose::Join => Duration::from_secs(10 * 60),
            // A market day.
            Purpose::Rejoin => Duration::from_secs(12 * 60 * 60),
        }
    }
}

/// What a good token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// As what one may come.
    pub role: Role,
    /// What for.
    pub purpose: Purpose,
    /// Until when, in seconds since 1970.
    pub expires: u64,
}

/// Why a token is not good. Clients are not told which: it would help only who forges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token at all.
    #[error("not a token")]
    Malformed,
    /// Not signed with this key for this room, or changed since.
    #[error("the signature does not fit")]
    Forged,
    /// It was good once.
    #[error("expired")]
    Expired,
}

/// The key that signs. Prints as `TokenKey(…)`.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    /// Length of a key in bytes: as much as the hash gives, more would not be stronger.
    pub const LEN: usize = 32;

    /// The key made of these bytes.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        // HMAC takes keys of any length.
        Self(Hmac::new_from_slice(&bytes).unwrap_or_else(|_| unreachable!("HMAC takes any key")))
    }

    /// A key that nobody else has and that ends with the process.
    pub fn random() -> Self {
        Self::new(rand::random())
    }

    /// A token for `room`, good until `expires` (seconds since 1970).
    pub fn sign(&self, room: &RoomCode, role: Role, purpose: Purpose, expires: u64) -> Secret {
        let mut token = [0; LEN];
        token[0] = u8::from(role == Role::Buyer) | u8::from(purpose == Purpose::Rejoin) << 1;
        token[1..=EXPIRY].copy_from_slice(&expires.to_be_bytes()[8 - EXPIRY..]);
        let tag = self.mac(room, &token[..=EXPIRY]).finalize().into_bytes();
        token[1 + EXPIRY..].copy_from_slice(&tag[..TAG]);
        Secret::new(URL_SAFE_NO_PAD.encode(token))
    }

    /// What `token` allows in `room` at `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, room: &RoomCode, token: &Secret, now: u64) -> Result<Grant, TokenError> {
        // A buffer larger than any token: what is longer is refused before it is looked at.
        let mut bytes = [0; LEN + 3];
        let decoded = URL_SAFE_NO_PAD.decode_slice(token.expose(), &mut bytes).map_err(|_| TokenError::Malformed)?;
        let (grant, tag) = match bytes.get(..decoded) {
            Some(token) if token.len() == LEN => token.split_at(1 + EXPIRY),
            _ => return Err(TokenError::Malformed),
        };
        // In constant time.
        self.mac(room, grant).verify_truncated_left(tag).map_err(|_| TokenError::Forged)?;
        let expires = grant[1..].iter().fold(0, |seconds, byte| seconds << 8 | u64::from(*byte));
        let role = if grant[0] & 1 == 0 { Role::Merchant } else { Role::Buyer };
        let purpose = if grant[0] & 2 == 0 { Purpose::Join } else { Purpose::Rejoin };
        if now < expires { Ok(Grant { role, purpose, expires }) } else { Err(TokenError::Expired) }
    }

    fn mac(&self, room: &RoomCode, grant: &[u8]) -> Hmac<Sha256> {
        // Every part has a fixed length, so no two rooms and grants give the same bytes.
        self.0.clone().chain_update(LABEL).chain_update(room.as_str()).chain_update(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn room(code: &str) -> RoomCode {
        code.parse().unwrap()
    }

    fn key() -> TokenKey {
        TokenKey::new([7; TokenKey::LEN])
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_expires() {
        let (key, room) = (key(), room("K7M2QX"));
        for role in [Role::Merchant, Role::Buyer] {
            for purpose in [Purpose::Join, Purpose::Rejoin] {
                let expires = NOW + purpose.lifetime().as_secs();
                let token = key.sign(&room, role, purpose, expires);
                assert_eq!(token.expose().len(), 32);
                assert_eq!(key.verify(&room, &token, NOW), Ok(Grant { role, purpose, expires }));
                assert_eq!(key.verify(&room, &token, expires - 1), Ok(Grant { role, purpose, expires }));
                assert_eq!(key.verify(&room, &token, expires), Err(TokenError::Expired));
            }
        }
    }

    #[test]
    fn no_changed_bit_passes() {
        let (key, room) = (key(), room("K7M2QX"));
        let token = key.sign(&room, Role::Buyer, Purpose::Join, NOW + 600);
        let bytes = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let changed = Secret::new(URL_SAFE_NO_PAD.encode(changed));
            // Among them the merchant's role (bit 0), the other purpose (bit 1) and every other expiry.
            assert_eq!(key.verify(&room, &changed, NOW), Err(TokenError::Forged), "bit {at}");
        }
    }

    #[test]
    fn no_other_room_role_purpose_or_key_passes() {
        let (key, here) = (key(), room("K7M2QX"));
        let sign = |role, purpose| key.sign(&here, role, purpose, NOW + 600);
        let token = sign(Role::Buyer, Purpose::Join);
        assert_eq!(key.verify(&room("K7M2QY"), &token, NOW), Err(TokenError::Forged));
        assert_eq!(TokenKey::random().verify(&here, &token, NOW), Err(TokenError::Forged));
        // The signature of one grant under the head of another: head and tag do not fit.
        let bytes = |token: &Secret| URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
        for other in [sign(Role::Merchant, Purpose::Join), sign(Role::Buyer, Purpose::Rejoin)] {
            let spliced = [&bytes(&other)[..=EXPIRY], &bytes(&token)[1 + EXPIRY..]].concat();
            let spliced = Secret::new(URL_SAFE_NO_PAD.encode(spliced));
            assert_eq!(key.verify(&here, &spliced, NOW), Err(TokenError::Forged));
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_a_panic() {
        let (key, room) = (key(), room("K7M2QX"));
        let token = key.sign(&room, Role::Buyer, Purpose::Join, NOW + 600);
        for end in 0..token.expose().len() {
            assert_eq!(key.verify(&room, &Secret::new(&token.expose()[..end]), NOW), Err(TokenError::Malformed), "{end}");
        }
        for text in ["a".repeat(33), "a".repeat(36), "A".repeat(10_000), "钥匙".repeat(8), format!("{}=", token.expose())] {
            assert_eq!(key.verify(&room, &Secret::new(text), NOW), Err(TokenError::Malformed));
        }
    }
}
