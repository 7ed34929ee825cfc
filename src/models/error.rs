//! What can go wrong with models, each in one sentence that ends with the next step.
//!
//! The command line prints these as they are. [`ConvertError`] belongs to the converters; everything else is [`ModelsError`].

use std::{io, path::Path, path::PathBuf};

use super::digest::Digest;

/// A published file could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The input is not what the converter expects.
    #[error("cannot convert {}: {reason}", path.display())]
    Format {
        /// The input file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("cannot convert: {}: {source}", path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A model could not be found, fetched, checked or installed.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// Neither a profile nor a model has this name.
    #[error("there is no profile or model '{name}'; profiles: {profiles}; models: {models}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The profiles there are.
        profiles: String,
        /// The models there are.
        models: String,
    },
    /// The catalogue contradicts itself.
    #[error("the model catalogue is not valid: {0}")]
    Catalog(String),
    /// The model has no file for this machine.
    #[error("model '{model}' is not published for {platform}; build it yourself and put it into {}", dir.display())]
    Platform {
        /// The model.
        model: String,
        /// This operating system and architecture.
        platform: String,
        /// Where the engines look for it.
        dir: PathBuf,
    },
    /// An environment variable that names an index or mirror is unusable.
    #[error("{variable} is not a usable http(s) address or folder: {reason}; correct or unset it")]
    Mirror {
        /// The variable.
        variable: String,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are not the ones the catalogue pins.
    #[error(
        "{what} from {from} has the wrong digest (expected sha256 {expected}, got {found}) and was deleted; \
         pull again, and if it stays wrong use another mirror"
    )]
    WrongDigest {
        /// The file.
        what: String,
        /// Where it came from.
        from: String,
        /// What the catalogue pins.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// More or fewer bytes than the catalogue says.
    #[error(
        "{what} from {from} is not {expected} bytes as the catalogue says and was deleted; pull again, or use another mirror"
    )]
    WrongSize {
        /// The file.
        what: String,
        /// Where it came from.
        from: String,
        /// What the catalogue says.
        expected: u64,
    },
    /// Not enough room.
    #[error(
        "not enough disk space in {}: about {needed_mb} MB needed, {available_mb} MB free; \
         free some, or set TONGCHUAN_MODELS to a folder on another disk", dir.display()
    )]
    DiskFull {
        /// The folder that is too small.
        dir: PathBuf,
        /// Roughly what is needed, in 10^6 bytes.
        needed_mb: u64,
        /// What is free, in 10^6 bytes.
        available_mb: u64,
    },
    /// No connection, or it broke too often.
    #[error(
        "cannot download from {url}: {reason}; check the network and HTTPS_PROXY, or set PIP_INDEX_URL, \
         NPM_CONFIG_REGISTRY or HF_ENDPOINT to a mirror, and pull again (it resumes)"
    )]
    Unreachable {
        /// The address, without credentials.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The server answered, but not with the file.
    #[error("{url} answered {status}; check that the index or mirror carries it, or use another one")]
    Refused {
        /// The address, without credentials.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The index does not list the pinned file.
    #[error("{file} is not listed at {index}; use an index or mirror that carries {package} {version}")]
    NotListed {
        /// The archive's file name.
        file: String,
        /// Its package.
        package: String,
        /// Its version.
        version: String,
        /// The index that was asked.
        index: String,
    },
    /// An archive is not as the catalogue says.
    #[error("cannot read {}: {reason}; delete it and pull again", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A local source of a file is missing or another file.
    #[error("{} cannot be used: {reason}; put the right file there or correct the catalogue", path.display())]
    Unusable {
        /// The local source.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Every source of a file failed; the first one's error speaks for them.
    #[error("{first} ({others} further source(s) of {file} failed too)")]
    Sources {
        /// The first source's error.
        first: Box<ModelsError>,
        /// How many other sources were tried.
        others: usize,
        /// The file.
        file: String,
    },
    /// The system does not allow it.
    #[error("no permission to write {}; choose a folder of your own with TONGCHUAN_MODELS, or correct its owner", path.display())]
    Permission {
        /// The file or folder.
        path: PathBuf,
    },
    /// Any other trouble with a file.
    #[error("{}: {source}; check the disk and the folder, then pull again", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A converter refused.
    #[error("model '{model}': {source}; pull again, and report it if it stays")]
    Convert {
        /// The model.
        model: String,
        /// What the converter said.
        source: ConvertError,
    },
    /// A file is not there.
    #[error("model '{model}' is not installed ({} is missing): run `tongchuan models pull {model}`", path.display())]
    Missing {
        /// The model.
        model: String,
        /// The missing file.
        path: PathBuf,
    },
}

impl ModelsError {
    /// An I/O error in words: a full disk and a refused permission have their own sentence.
    pub(crate) fn io(path: &Path, source: io::Error) -> ModelsError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let dir = path.parent().unwrap_or(path).to_owned();
                let available_mb = fs4::available_space(&dir).unwrap_or(0) / 1_000_000;
                ModelsError::DiskFull { dir, needed_mb: available_mb + 1, available_mb }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ModelsError::Permission { path: path.to_owned() }
            }
            _ => ModelsError::Io { path: path.to_owned(), source },
        }
    }

    /// Whether another source cannot help, because the trouble is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, ModelsError::DiskFull { .. } | ModelsError::Permission { .. } | ModelsError::Io { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_refused_permission_say_what_to_do_and_end_the_search_for_sources() {
        let dir = tempfile::tempdir().unwrap();
        let of = |kind: io::ErrorKind| ModelsError::io(&dir.path().join("w.bin"), kind.into());
        for (error, named) in [
            (of(io::ErrorKind::StorageFull), "not enough disk space"),
            (of(io::ErrorKind::PermissionDenied), "no permission"),
            (of(io::ErrorKind::ReadOnlyFilesystem), "no permission"),
        ] {
            let text = error.to_string();
            assert!(text.contains(named) && text.contains("TONGCHUAN_MODELS") && error.is_local(), "{text}");
        }
        assert!(matches!(of(io::ErrorKind::NotFound), ModelsError::Io { .. }));
    }
}
