//! The folder of what must survive a restart: the key that signs tokens, the certificate. Files there are the owner's alone (0600).
//!
//! `$XDG_STATE_HOME/tongchuan`, else `~/.local/state/tongchuan`, else what the configuration names. Where the default one cannot be
//! written (a read-only container), nothing is kept and a warning says what that means. Knows names and bytes, not what they are.
//! Called by `server`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep {name} in {}: {source}; choose a folder of your own with server.state_dir", path.display())]
pub struct StateError {
    name: String,
    path: PathBuf,
    source: io::Error,
}

/// The folder, or nothing where nothing can be kept.
#[derive(Debug, Clone)]
pub struct StateDir(Option<PathBuf>);

impl StateDir {
    /// A folder that keeps nothing: for a server that lives shorter than its tokens.
    pub fn nowhere() -> Self {
        Self(None)
    }

    /// The folder that the configuration names, or the user's own.
    ///
    /// # Errors
    /// When the folder named cannot be made or written.
    pub fn open(configured: Option<&Path>) -> Result<Self, StateError> {
        if let Some(path) = configured {
            return prepare(path).map(|()| Self(Some(path.to_owned()))).map_err(|source| StateError {
                name: "the server's state".into(),
                path: path.to_owned(),
                source,
            });
        }
        let Some(path) = default_path() else { return Ok(Self::kept_nowhere("there is no home folder")) };
        Ok(match prepare(&path) {
            Ok(()) => Self(Some(path)),
            Err(error) => Self::kept_nowhere(&format!("{}: {error}", path.display())),
        })
    }

    fn kept_nowhere(why: &str) -> Self {
        tracing::warn!(
            why,
            "nothing is kept: after a restart invitations are void and phones ask about a new certificate; set server.state_dir"
        );
        Self(None)
    }

    /// What is kept under `name` when `reuse` takes it, else what `make` makes of what was there; that is kept from now on.
    /// Processes that share the folder wait for each other.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn keep<T>(
        &self,
        name: &str,
        reuse: impl FnOnce(&[u8]) -> Option<T>,
        make: impl FnOnce(Option<&[u8]>) -> (Vec<u8>, T),
    ) -> Result<T, StateError> {
        let Some(dir) = &self.0 else { return Ok(make(None).1) };
        let keep = || -> io::Result<T> {
            let lock = private(OpenOptions::new().write(true).create(true).truncate(false)).open(dir.join("lock"))?;
            lock.lock()?;
            let path = dir.join(name);
            let kept = match fs::read(&path) {
                Ok(bytes) => Some(bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            if let Some(value) = kept.as_deref().and_then(reuse) {
                return Ok(value);
            }
            let (bytes, value) = make(kept.as_deref());
            replace(&path, &bytes)?;
            Ok(value)
        };
        keep().map_err(|source| StateError { name: name.to_owned(), path: dir.clone(), source })
    }
}

fn default_path() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| std::env::home_dir().map(|home| home.join(".local/state")));
    state.map(|state| state.join("tongchuan"))
}

/// Makes the folder and finds out whether it can be written.
fn prepare(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    private(OpenOptions::new().write(true).create(true).truncate(false)).open(path.join("lock")).map(drop)
}

/// All or nothing: a crash leaves the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // One left by a crash may have other rights.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = private(OpenOptions::new().write(true).create_new(true)).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// Readable and writable by the owner alone, from the first moment.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(dir: &StateDir, wanted: &[u8]) -> (Vec<u8>, bool) {
        let made = std::cell::Cell::new(false);
        let value = dir.keep(
            "thing",
            |kept| (kept == wanted).then(|| kept.to_vec()),
            |_| {
                made.set(true);
                (wanted.to_vec(), wanted.to_vec())
            },
        );
        (value.unwrap(), made.get())
    }

    #[test]
    fn what_is_kept_is_used_again_until_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/on/the/way");
        let open = || StateDir::open(Some(&path)).unwrap();
        assert_eq!(keep(&open(), b"one"), (b"one".to_vec(), true));
        assert_eq!(keep(&open(), b"one"), (b"one".to_vec(), false));
        assert_eq!(keep(&open(), b"two"), (b"two".to_vec(), true));
        assert_eq!(fs::read(path.join("thing")).unwrap(), b"two");
        assert_eq!(keep(&StateDir::nowhere(), b"two"), (b"two".to_vec(), true));
    }

    #[cfg(unix)]
    #[test]
    fn files_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        // What a crash left behind does not lend its rights to the next file.
        fs::write(folder.path().join("thing.new"), b"old").unwrap();
        let dir = StateDir::open(Some(folder.path())).unwrap();
        keep(&dir, b"one");
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
        assert!(files.len() >= 2);
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
        }
    }

    #[test]
    fn a_folder_that_was_asked_for_must_work() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = StateDir::open(Some(&file)).unwrap_err().to_string();
        assert!(error.contains("server.state_dir"), "{error}");
    }
}
