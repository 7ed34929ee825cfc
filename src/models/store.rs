//! The folder of installed models: where each file is, what is installed, whether it is intact.
//!
//! `ROOT/MODEL/FILE`, with a manifest `installed.json` in each model's folder, written last. Reads only; [`Store::pull`] writes.
//! Called by the engines (for paths), the command line and the readiness check. Blocking.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    catalog::{self, Catalog, Model},
    convert::ConversionKind,
    digest::{Digest, hash_file},
    error::ModelsError,
};

/// The manifest's file name in a model's folder.
pub(crate) const MANIFEST: &str = "installed.json";
/// Raised when the manifest changes its meaning; an unknown format counts as not installed.
const MANIFEST_FORMAT: u32 = 1;

/// A models folder and the catalogue it is filled from. Cheap to clone relative to what it stands for.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    catalog: Catalog,
    platform: String,
}

/// What was installed, so that the next start need not hash gigabytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The conversion that made part of `files`.
    conversion: Option<(ConversionKind, u32)>,
    /// Every published file that went in, intermediates too.
    published: BTreeMap<String, Digest>,
    /// Every file in the folder.
    pub(crate) files: BTreeMap<String, Entry>,
}

/// One installed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
}

/// Whether a model can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Ready; bytes on disk.
    Installed(u64),
    /// Something is there, but incomplete or of an older catalogue.
    Outdated,
    /// Nothing is there.
    Missing,
}

/// One row of [`Store::list`].
#[derive(Debug)]
pub struct Status<'a> {
    /// The catalogue's entry.
    pub model: &'a Model,
    /// The profiles that include it.
    pub profiles: Vec<&'a str>,
    /// Whether it is installed.
    pub state: State,
    /// Its folder.
    pub dir: PathBuf,
    /// Bytes to download for it.
    pub download_bytes: u64,
}

/// The result of [`Store::verify`].
#[derive(Debug, Default)]
pub struct Verification {
    /// Files hashed.
    pub files: usize,
    /// Bytes hashed.
    pub bytes: u64,
    /// One sentence for each thing that is wrong; empty means intact.
    pub problems: Vec<String>,
}

impl Store {
    /// The store in `dir`, else in `TONGCHUAN_MODELS`, else in `tongchuan` under the user's cache folder (`XDG_CACHE_HOME`, default
    /// `~/.cache`). Creates nothing.
    pub fn open(dir: Option<PathBuf>) -> Store {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = dir.or_else(|| variable("TONGCHUAN_MODELS")).unwrap_or_else(|| {
            let cache = variable("XDG_CACHE_HOME").or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
            // Without a home (some service managers) the working folder is the only place that is surely meant for us.
            cache.unwrap_or_else(|| PathBuf::from(".cache")).join("tongchuan")
        });
        Store::with_catalog(root, Catalog::builtin().clone())
    }

    /// A store with another catalogue, for operators with models of their own and for tests.
    pub fn with_catalog(root: PathBuf, catalog: Catalog) -> Store {
        Store { root, catalog, platform: catalog::platform() }
    }

    /// The folder that holds the models' folders.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it is filled from.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The running machine, as the catalogue writes it.
    pub(crate) fn platform(&self) -> &str {
        &self.platform
    }

    /// A model's folder, which need not exist.
    pub fn dir(&self, model: &str) -> PathBuf {
        self.root.join(model)
    }

    /// The path of an installed file.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`] for a model that is not in the catalogue, [`ModelsError::Missing`] (which names the command that
    /// fetches it) when the file is not there.
    pub fn file(&self, model: &str, file: &str) -> Result<PathBuf, ModelsError> {
        let model = self.catalog.model(model)?;
        let path = self.dir(&model.name).join(file);
        if path.is_file() { Ok(path) } else { Err(ModelsError::Missing { model: model.name.clone(), path }) }
    }

    /// Every model of the catalogue and whether it is installed. Instant: sizes are compared, nothing is hashed.
    pub fn list(&self) -> Vec<Status<'_>> {
        let row = |model| Status {
            model,
            profiles: self.profiles_of(model),
            state: self.state(model),
            dir: self.dir(&model.name),
            download_bytes: model.download_bytes(&self.platform),
        };
        self.catalog.models.iter().map(row).collect()
    }

    /// Hashes every installed file of a profile (or one model). Reads everything: seconds per gigabyte.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`]; what is wrong with files is in the result.
    pub fn verify(&self, selection: &str) -> Result<Verification, ModelsError> {
        let mut result = Verification::default();
        for model in self.catalog.select(selection)? {
            let again = format!("run `tongchuan models pull {}`", model.name);
            let Some(manifest) = self.manifest(model) else {
                result.problems.push(format!("{} is not installed: {again}", model.name));
                continue;
            };
            if self.state(model) == State::Outdated {
                result.problems.push(format!("{} is incomplete or older than the catalogue: {again}", model.name));
            }
            for (name, entry) in &manifest.files {
                let path = self.dir(&model.name).join(name);
                let problem = match hash_file(&path) {
                    Ok(hasher) => {
                        result.files += 1;
                        result.bytes += hasher.bytes();
                        (hasher.finish() != entry.sha256).then(|| "has changed since it was installed".to_owned())
                    }
                    Err(error) => Some(error.to_string()),
                };
                if let Some(problem) = problem {
                    result.problems.push(format!(
                        "{}: {problem}; delete {} and {again}",
                        path.display(),
                        self.dir(&model.name).display()
                    ));
                }
            }
        }
        Ok(result)
    }

    /// Whether the model is installed as the catalogue has it now.
    pub(crate) fn state(&self, model: &Model) -> State {
        let Some(manifest) = self.manifest(model) else {
            return if self.dir(&model.name).exists() { State::Outdated } else { State::Missing };
        };
        let dir = self.dir(&model.name);
        let same_size =
            |name: &str, entry: &Entry| fs::metadata(dir.join(name)).is_ok_and(|meta| meta.is_file() && meta.len() == entry.size);
        let outputs = model.conversion.iter().flat_map(|conversion| &conversion.outputs);
        let complete = manifest.format == MANIFEST_FORMAT
            && manifest.conversion == model.conversion.as_ref().map(|conversion| (conversion.kind, conversion.version))
            && manifest.published == published(model, &self.platform)
            && outputs
                .chain(model.files_for(&self.platform).filter(|file| !file.intermediate).map(|file| &file.name))
                .all(|name| manifest.files.contains_key(name))
            && manifest.files.iter().all(|(name, entry)| same_size(name, entry));
        if complete { State::Installed(manifest.files.values().map(|entry| entry.size).sum()) } else { State::Outdated }
    }

    /// What the model's folder says about itself; `None` when it says nothing readable.
    pub(crate) fn manifest(&self, model: &Model) -> Option<Manifest> {
        let text = fs::read_to_string(self.dir(&model.name).join(MANIFEST)).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn profiles_of(&self, model: &Model) -> Vec<&str> {
        self.catalog.profiles.iter().filter(|(_, models)| models.contains(&model.name)).map(|(name, _)| name.as_str()).collect()
    }
}

impl Manifest {
    /// The manifest of a model that consists of `files` now.
    pub(crate) fn new(model: &Model, platform: &str, files: BTreeMap<String, Entry>) -> Manifest {
        Manifest {
            format: MANIFEST_FORMAT,
            conversion: model.conversion.as_ref().map(|conversion| (conversion.kind, conversion.version)),
            published: published(model, platform),
            files,
        }
    }
}

fn published(model: &Model, platform: &str) -> BTreeMap<String, Digest> {
    model.files_for(platform).map(|file| (file.name.clone(), file.sha256)).collect()
}
