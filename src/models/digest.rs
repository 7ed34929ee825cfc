//! SHA-256 as a type, and files hashed as they are read or written.
//!
//! Blocking; the async callers go through `spawn_blocking`. Knows nothing about catalogues.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes per read: large enough that system calls do not count, small enough for any machine.
const CHUNK: usize = 256 * 1024;

/// A SHA-256, written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(hex: String) -> Result<Digest, String> {
        let wrong = || format!("'{hex}' is not a sha256: 64 lowercase hexadecimal digits");
        let digits: Vec<u8> = hex
            .chars()
            .map(|c| c.to_digit(16).filter(|_| !c.is_ascii_uppercase()).map(|d| d as u8))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        if digits.len() != 64 {
            return Err(wrong());
        }
        bytes.try_into().map(Digest).map_err(|_| wrong())
    }
}

/// A running SHA-256 that counts its bytes.
#[derive(Clone, Default)]
pub struct Hasher {
    sha: Sha256,
    bytes: u64,
}

impl Hasher {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        Digest(self.sha.finalize().into())
    }
}

/// Copies `from` to `to` through `hasher`, at most `limit` bytes.
///
/// # Errors
/// Whatever reading and writing give; `InvalidData` when `from` is longer than `limit`.
pub fn copy(from: &mut impl Read, to: &mut impl Write, hasher: &mut Hasher, limit: u64) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut copied = 0u64;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        copied += n as u64;
        if copied > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {limit} bytes")));
        }
        let chunk = buffer.get(..n).unwrap_or_default();
        hasher.update(chunk);
        to.write_all(chunk)?;
    }
}

/// Hashes a file. A missing file is an error, as any other read error.
///
/// # Errors
/// Whatever opening and reading give.
pub fn hash_file(path: &Path) -> io::Result<Hasher> {
    let mut hasher = Hasher::default();
    copy(&mut File::open(path)?, &mut io::sink(), &mut hasher, u64::MAX)?;
    Ok(hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digest_is_sha256_and_round_trips_through_text() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        assert_eq!(Digest::try_from(ABC.to_owned()), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn digest_refuses_what_is_not_64_lowercase_digits() {
        for bad in ["", "ba", &ABC[1..], &ABC.to_uppercase(), &format!("{ABC}0"), &ABC.replace('b', "é"), &ABC.replace('b', "g")]
        {
            assert!(Digest::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn copy_hashes_what_it_copies_and_stops_at_the_limit() {
        let mut hasher = Hasher::default();
        let mut out = Vec::new();
        assert_eq!(copy(&mut &b"abc"[..], &mut out, &mut hasher, 3).unwrap(), 3);
        assert_eq!((out.as_slice(), hasher.bytes(), hasher.finish()), (&b"abc"[..], 3, Digest::of(b"abc")));
        assert!(copy(&mut &b"abcd"[..], &mut Vec::new(), &mut Hasher::default(), 3).is_err());
    }
}
