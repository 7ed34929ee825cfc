//! One model from its sources into its folder, under its lock.
//!
//! Works in `ROOT/.partial/MODEL/` (`downloads`, `pieces`, `files`, `converted`, `ready`) and makes the result visible with one rename, so a
//! reader sees the old model or the new one. Every file there is complete once it has its name; what is left after an interruption is
//! used by the next pull. Only [`super::pull`] calls this.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::{
    archive::{self, Member},
    catalog::{Archive, Model, ModelFile, Piece, Source},
    convert::Conversion,
    digest::hash_file,
    error::ModelsError,
    fetch::{self, Wanted},
    index,
    pull::{Outcome, Shared},
    store::{Entry, MANIFEST, Manifest, State, Store},
};

/// The places of one model's installation.
#[derive(Debug, Clone)]
pub(super) struct Work(PathBuf);

impl Work {
    pub(super) fn new(store: &Store, model: &Model) -> Work {
        Work(store.root().join(".partial").join(&model.name))
    }

    fn download(&self, name: &str) -> PathBuf {
        self.0.join("downloads").join(name)
    }

    /// An unpacked piece. Numbered by the catalogue, because a member's name is not a file name of ours.
    fn piece(&self, archive: &str, number: usize) -> PathBuf {
        self.0.join("pieces").join(archive).join(number.to_string())
    }

    fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    fn converted(&self) -> PathBuf {
        self.0.join("converted")
    }

    fn ready(&self) -> PathBuf {
        self.0.join("ready")
    }

    /// Bytes that an interrupted pull left.
    pub(super) fn bytes(&self) -> u64 {
        fn sum(dir: &Path) -> u64 {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries
                .map(|entry| if entry.path().is_dir() { sum(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) })
                .sum()
        }
        sum(&self.0)
    }
}

/// Creates a folder and its parents.
pub(super) fn create_dir(dir: &Path) -> Result<(), ModelsError> {
    fs::create_dir_all(dir).map_err(|error| ModelsError::io(dir, error))
}

/// Installs one model unless it is there. Waits while another pull (of any process) works on it.
pub(super) async fn install(store: &Store, model: &Model, shared: &Shared<'_>) -> Result<Outcome, ModelsError> {
    // Held by the blocking steps too: a cancelled pull must not unlock while one of them still writes.
    let lock = Arc::new(lock(store, model, shared).await?);
    if matches!(store.state(model), State::Installed(_)) {
        return Ok(Outcome::AlreadyThere);
    }
    let files: Vec<&ModelFile> = model.files_for(store.platform()).collect();
    if files.is_empty() {
        let (model, dir) = (model.name.clone(), store.dir(&model.name));
        return Err(ModelsError::Platform { model, platform: store.platform().to_owned(), dir });
    }
    let work = Work::new(store, model);
    create_dir(&work.0.join("downloads"))?;
    let job = Job {
        store,
        model,
        shared,
        files: &files,
        manifest: store.manifest(model),
        archives: model.archives.iter().map(|archive| (archive.id.as_str(), OnceCell::new())).collect(),
        lock: lock.clone(),
        work,
    };
    let concurrent = shared.options.jobs.max(1);
    stream::iter(&files).map(|file| job.obtain(file)).buffer_unordered(concurrent).try_collect::<Vec<()>>().await?;
    if let Some(conversion) = &model.conversion {
        job.convert(conversion).await?;
    }
    job.finish().await?;
    Ok(Outcome::Installed)
}

/// The model's lock file, locked; closing it unlocks.
async fn lock(store: &Store, model: &Model, shared: &Shared<'_>) -> Result<File, ModelsError> {
    let dir = store.root().join(".locks");
    create_dir(&dir)?;
    let path = dir.join(format!("{}.lock", model.name));
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| ModelsError::io(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(ModelsError::io(&path, error)),
        Err(TryLockError::WouldBlock) => {
            shared.options.progress.say(&format!("{}: waiting for another pull that is working on it", model.name));
            blocking(&path, move || file.lock().map(|()| file)).await
        }
    }
}

/// Runs disk work off the async threads.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ModelsError> {
    // A JoinError is a panic of ours; it must not take the other models down.
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| ModelsError::io(path, error))
}

struct Job<'a> {
    store: &'a Store,
    model: &'a Model,
    shared: &'a Shared<'a>,
    files: &'a [&'a ModelFile],
    /// Of the installation that is being replaced.
    manifest: Option<Manifest>,
    /// Set once the archive's pieces are unpacked.
    archives: HashMap<&'a str, OnceCell<()>>,
    lock: Arc<File>,
    work: Work,
}

impl Job<'_> {
    /// Puts one verified file into `files`.
    async fn obtain(&self, file: &ModelFile) -> Result<(), ModelsError> {
        let to = self.work.files().join(&file.name);
        if let Some(parent) = to.parent() {
            create_dir(parent)?;
        }
        if to.is_file() {
            let found = fetch::hash(&to).await?;
            if found.bytes() == file.size && found.finish() == file.sha256 {
                return Ok(());
            }
            fs::remove_file(&to).map_err(|error| ModelsError::io(&to, error))?;
        }
        if self.reuse(file, &to).await {
            return Ok(());
        }
        let mut first = None;
        for (number, source) in file.sources.iter().enumerate() {
            match self.fetch_from(file, source, &to).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_local() => return Err(error),
                Err(error) => {
                    if number + 1 < file.sources.len() {
                        self.shared.options.progress.say(&format!("{}: {error}; trying its next source", self.model.name));
                    }
                    first.get_or_insert(error);
                }
            }
        }
        let first = first.unwrap_or_else(|| ModelsError::Catalog(format!("'{}' has no source", file.name)));
        match file.sources.len().saturating_sub(1) {
            0 => Err(first),
            others => Err(ModelsError::Sources { first: Box::new(first), others, file: file.name.clone() }),
        }
    }

    /// Takes the file over from the installation that is being replaced, if it is the same one and intact.
    async fn reuse(&self, file: &ModelFile, to: &Path) -> bool {
        let same = |entry: &Entry| *entry == Entry { sha256: file.sha256, size: file.size };
        if !self.manifest.as_ref().and_then(|manifest| manifest.files.get(&file.name)).is_some_and(same) {
            return false;
        }
        let old = self.store.dir(&self.model.name).join(&file.name);
        let intact = fetch::hash(&old).await.is_ok_and(|found| found.finish() == file.sha256);
        // A link when the file system has them: no second copy of a large file.
        intact && (fs::hard_link(&old, to).is_ok() || fs::copy(&old, to).is_ok())
    }

    async fn fetch_from(&self, file: &ModelFile, source: &Source, to: &Path) -> Result<(), ModelsError> {
        match source {
            Source::Url(url) => {
                let url = self.shared.client.mirrors().hub_url(url)?;
                let what = format!("{}/{}", self.model.name, file.name);
                let wanted = Wanted { what: &what, size: file.size, sha256: file.sha256 };
                let _permit = self.shared.downloads.acquire().await;
                let bar = self.shared.options.progress.start(&what, file.size);
                self.shared.client.download(&url, wanted, to, &bar).await
            }
            Source::Path(path) => {
                // Opened here so that a file that is not there, or not readable, is a failed source and not a failed disk.
                let unusable = |reason: String| ModelsError::Unusable { path: path.clone(), reason };
                let found = fetch::hash(path).await.map_err(|error| unusable(error.to_string()))?;
                if found.bytes() != file.size || found.finish() != file.sha256 {
                    return Err(unusable(format!("its sha256 is not {}", file.sha256)));
                }
                self.assemble(file, vec![path.clone()], to).await
            }
            Source::Pieces(pieces) => {
                let parts: Vec<PathBuf> = try_join_all(pieces.iter().map(|piece| self.unpacked(piece))).await?;
                let assembled = self.assemble(file, parts.clone(), to).await;
                // Right or wrong, nobody needs the pieces again: they are twice the disk, or the next pull's same error.
                parts.iter().for_each(|part| drop(fs::remove_file(part)));
                assembled
            }
        }
    }

    /// Joins `parts` into `to` and checks the result.
    async fn assemble(&self, file: &ModelFile, parts: Vec<PathBuf>, to: &Path) -> Result<(), ModelsError> {
        let (target, lock, size) = (to.to_owned(), self.lock.clone(), file.size);
        let from = parts.iter().map(|part| part.display().to_string()).collect::<Vec<_>>().join(" + ");
        let joined = spawn_blocking(move || {
            let _lock = lock;
            archive::join(&parts, &target, size)
        });
        let what = file.name.clone();
        match joined.await.unwrap_or_else(|error| Err(ModelsError::io(to, io::Error::other(error)))) {
            Ok(found) if found == (file.sha256, file.size) => Ok(()),
            Ok((found, _)) => {
                drop(fs::remove_file(to));
                Err(ModelsError::WrongDigest { what, from, expected: file.sha256, found })
            }
            Err(ModelsError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidData => {
                Err(ModelsError::WrongSize { what, from, expected: size })
            }
            Err(error) => Err(error),
        }
    }

    /// The members that this platform's files take from an archive, in catalogue order, with the most bytes each may have.
    fn members(&self, archive: &str) -> Vec<(&str, u64)> {
        let mut seen = BTreeSet::new();
        let sources = self.files.iter().flat_map(|file| file.sources.iter().map(move |source| (source, file.size)));
        let pieces = sources.flat_map(|(source, size)| match source {
            Source::Pieces(pieces) => pieces.iter().map(|piece| (piece, size)).collect(),
            _ => Vec::new(),
        });
        pieces
            .filter(|(piece, _)| piece.archive == archive && seen.insert(&piece.member))
            .map(|(piece, size)| (piece.member.as_str(), size))
            .collect()
    }

    /// Where a piece is, after its archive was fetched and unpacked once, whichever file asked first.
    async fn unpacked(&self, piece: &Piece) -> Result<PathBuf, ModelsError> {
        let unknown = || ModelsError::Catalog(format!("archive '{}' has no member '{}'", piece.archive, piece.member));
        let number = self.members(&piece.archive).iter().position(|(member, _)| *member == piece.member).ok_or_else(unknown)?;
        let path = self.work.piece(&piece.archive, number);
        // An earlier pull may have left it; it got its name only when it was complete.
        if !path.is_file() {
            let archive = self.model.archive(&piece.archive).ok_or_else(unknown)?;
            let once = self.archives.get(piece.archive.as_str()).ok_or_else(unknown)?;
            once.get_or_try_init(|| self.unpack(archive)).await?;
        }
        Ok(path)
    }

    async fn unpack(&self, archive: &Archive) -> Result<(), ModelsError> {
        let members: Vec<Member> = self
            .members(&archive.id)
            .into_iter()
            .enumerate()
            .map(|(number, (name, limit))| Member { name: name.to_owned(), to: self.work.piece(&archive.id, number), limit })
            .collect();
        let _permit = self.shared.downloads.acquire().await;
        let (path, ours) = match self.local_copy(archive).await {
            Some(path) => (path, false),
            None => (self.download(archive).await?, true),
        };
        let (registry, lock, from) = (archive.registry, self.lock.clone(), path.clone());
        let unpacked = spawn_blocking(move || {
            let _lock = lock;
            archive::unpack(&from, registry, &members)
        });
        unpacked.await.unwrap_or_else(|error| Err(ModelsError::io(&path, io::Error::other(error))))?;
        if ours {
            fs::remove_file(&path).map_err(|error| ModelsError::io(&path, error))?;
        }
        Ok(())
    }

    /// The archive in one of the folders that people named, if it is the right one.
    async fn local_copy(&self, archive: &Archive) -> Option<PathBuf> {
        for path in self.shared.client.mirrors().folders.iter().map(|folder| folder.join(&archive.file)) {
            if !fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == archive.size) {
                continue;
            }
            if fetch::hash(&path).await.is_ok_and(|found| found.finish() == archive.sha256) {
                return Some(path);
            }
            self.shared.options.progress.say(&format!("{} has the wrong digest and is not used", path.display()));
        }
        None
    }

    async fn download(&self, archive: &Archive) -> Result<PathBuf, ModelsError> {
        let to = self.work.download(&archive.file);
        if to.is_file() {
            // It got its name only after it was verified.
            return Ok(to);
        }
        let url = index::locate(&self.shared.client, archive).await?;
        let wanted = Wanted { what: &archive.file, size: archive.size, sha256: archive.sha256 };
        let bar = self.shared.options.progress.start(&archive.file, archive.size);
        self.shared.client.download(&url, wanted, &to, &bar).await?;
        Ok(to)
    }

    /// Runs the conversion into an empty folder.
    async fn convert(&self, conversion: &Conversion) -> Result<(), ModelsError> {
        let _turn = self.shared.conversions.clone().acquire_owned().await;
        self.shared.options.progress.say(&format!("{}: converting ({}), up to a few minutes", self.model.name, conversion.kind));
        let (converter, lock) = (self.shared.options.converter, self.lock.clone());
        let (from, to, owned) = (self.work.files(), self.work.converted(), conversion.clone());
        empty_dir(&to)?;
        let into = to.clone();
        let converted = spawn_blocking(move || {
            let _lock = lock;
            converter(&owned, &from, &into)
        });
        match converted.await {
            Ok(Ok(())) => {}
            Ok(Err(source)) => return Err(ModelsError::Convert { model: self.model.name.clone(), source }),
            Err(error) => return Err(ModelsError::io(&to, io::Error::other(error))),
        }
        match conversion.outputs.iter().map(|name| to.join(name)).find(|path| !path.is_file()) {
            Some(path) => Err(ModelsError::io(&path, io::Error::other("the converter did not make it"))),
            None => Ok(()),
        }
    }

    /// Collects what is kept, writes the manifest, and puts the folder in place of the old one.
    async fn finish(&self) -> Result<(), ModelsError> {
        let ready = self.work.ready();
        empty_dir(&ready)?;
        let mut entries = BTreeMap::new();
        for file in self.files.iter().filter(|file| !file.intermediate) {
            rename(&self.work.files().join(&file.name), &ready.join(&file.name))?;
            entries.insert(file.name.clone(), Entry { sha256: file.sha256, size: file.size });
        }
        for name in self.model.conversion.iter().flat_map(|conversion| &conversion.outputs) {
            let path = ready.join(name);
            rename(&self.work.converted().join(name), &path)?;
            let (lock, output) = (self.lock.clone(), path.clone());
            let hashed = blocking(&path, move || {
                let _lock = lock;
                // The converter need not know about durability.
                File::open(&output)?.sync_all()?;
                hash_file(&output)
            });
            let hashed = hashed.await?;
            entries.insert(name.clone(), Entry { size: hashed.bytes(), sha256: hashed.finish() });
        }
        let manifest = Manifest::new(self.model, self.store.platform(), entries);
        let path = ready.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| ModelsError::io(&path, error.into()))?;
        archive::write_atomically(&path, |file| io::Write::write_all(file, &text))
            .map_err(|error| ModelsError::io(&path, error))?;

        let dir = self.store.dir(&self.model.name);
        if dir.symlink_metadata().is_ok() {
            let old = self.work.0.join("old");
            remove_dir(&old)?;
            rename(&dir, &old)?;
        }
        rename(&ready, &dir)?;
        remove_dir(&self.work.0)
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), ModelsError> {
    if let Some(parent) = to.parent() {
        create_dir(parent)?;
    }
    fs::rename(from, to).map_err(|error| ModelsError::io(to, error))
}

fn empty_dir(dir: &Path) -> Result<(), ModelsError> {
    remove_dir(dir)?;
    create_dir(dir)
}

fn remove_dir(dir: &Path) -> Result<(), ModelsError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ModelsError::io(dir, error)),
        _ => Ok(()),
    }
}
