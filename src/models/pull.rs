//! `Store::pull`: every model of a profile, side by side, with the disk checked first and people told what happens.
//!
//! What one model needs is in [`super::install`]. Called by the command line and before serving.

use std::{path::PathBuf, sync::Arc};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::{
    convert::{self, Converter},
    error::ModelsError,
    fetch::{Client, Retry},
    index::Mirrors,
    install::{self, Work},
    progress::{Progress, human},
    store::{State, Store},
};

/// How to pull.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// Downloads at once. 4 fill a line of about 100 Mbit/s without starving the other users of it.
    pub jobs: usize,
    /// Which servers to ask.
    pub mirrors: Mirrors,
    /// When to give up.
    pub retry: Retry,
    /// Where progress goes.
    pub progress: Progress,
    /// What runs conversions; [`convert::run`] except in tests.
    pub converter: Converter,
}

impl PullOptions {
    /// The usual options, mirrors from the environment.
    ///
    /// # Errors
    /// [`ModelsError::Mirror`] for an unusable variable.
    pub fn from_env() -> Result<PullOptions, ModelsError> {
        Ok(PullOptions::new(Mirrors::from_env()?, Progress::stderr()))
    }

    /// The usual options with these mirrors.
    pub fn new(mirrors: Mirrors, progress: Progress) -> PullOptions {
        PullOptions { jobs: 4, mirrors, retry: Retry::default(), progress, converter: convert::run }
    }
}

/// What a pull did.
#[derive(Debug)]
pub struct Report {
    /// The folder that holds the models' folders.
    pub root: PathBuf,
    /// Model name, what happened, bytes on disk.
    pub models: Vec<(String, Outcome, u64)>,
}

/// What happened to one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there before, or another process installed it meanwhile.
    AlreadyThere,
    /// It was fetched.
    Installed,
}

/// What the models of one pull share.
pub(super) struct Shared<'a> {
    pub(super) client: Client,
    pub(super) options: &'a PullOptions,
    /// One permit for each download that may run.
    pub(super) downloads: Semaphore,
    /// One conversion at a time: each takes a core and up to a gigabyte.
    pub(super) conversions: Arc<Semaphore>,
}

impl Store {
    /// Fetches, verifies, converts and installs what is missing of a profile (or one model). When everything is there it returns at
    /// once and touches neither network nor disk. What arrived before an error or a cancelled pull is kept and resumed.
    ///
    /// # Errors
    /// The first model's error, after the others were given their chance to finish.
    pub async fn pull(&self, selection: &str, options: &PullOptions) -> Result<Report, ModelsError> {
        let models = self.catalog().select(selection)?;
        let progress = &options.progress;
        let missing: Vec<_> = models.iter().copied().filter(|m| !matches!(self.state(m), State::Installed(_))).collect();
        let place = self.root().display();
        if missing.is_empty() {
            progress.say(&format!("models: all {} of '{selection}' are in {place}", models.len()));
        } else {
            install::create_dir(self.root())?;
            self.check_space(&missing)?;
            progress.say(&format!(
                "models: {} of {} of '{selection}' are missing: downloading up to {} into {place}, about {} there afterwards",
                missing.len(),
                models.len(),
                human(missing.iter().map(|model| model.download_bytes(self.platform())).sum()),
                human(models.iter().map(|model| model.installed_bytes(self.platform())).sum()),
            ));
        }
        let mut installed = Vec::new();
        if !missing.is_empty() {
            let shared = Shared {
                client: Client::new(options.mirrors.clone(), options.retry.clone())?,
                options,
                downloads: Semaphore::new(options.jobs.max(1)),
                conversions: Arc::new(Semaphore::new(1)),
            };
            for (model, result) in missing.iter().zip(join_all(missing.iter().map(|m| install::install(self, m, &shared))).await)
            {
                if result? == Outcome::Installed {
                    installed.push(model.name.as_str());
                }
            }
        }
        let report = Report { root: self.root().to_owned(), models: models.iter().map(|m| self.row(m, &installed)).collect() };
        if !installed.is_empty() {
            for (name, _, bytes) in &report.models {
                progress.say(&format!("  {:10} {}", human(*bytes), self.dir(name).display()));
            }
            let total = report.models.iter().map(|(_, _, bytes)| bytes).sum();
            progress.say(&format!("models: '{selection}' is complete, {} in {place}", human(total)));
        }
        Ok(report)
    }

    fn row(&self, model: &super::catalog::Model, installed: &[&str]) -> (String, Outcome, u64) {
        let outcome = if installed.contains(&model.name.as_str()) { Outcome::Installed } else { Outcome::AlreadyThere };
        let bytes = if let State::Installed(bytes) = self.state(model) { bytes } else { 0 };
        (model.name.clone(), outcome, bytes)
    }

    /// Refuses before the first byte what cannot fit. What an interrupted pull left behind counts as already written.
    fn check_space(&self, missing: &[&super::catalog::Model]) -> Result<(), ModelsError> {
        let needed: u64 =
            missing.iter().map(|model| model.peak_bytes(self.platform()).saturating_sub(Work::new(self, model).bytes())).sum();
        let available = fs4::available_space(self.root()).map_err(|error| ModelsError::io(self.root(), error))?;
        if needed > available {
            return Err(ModelsError::DiskFull {
                dir: self.root().to_owned(),
                needed_mb: needed.div_ceil(1_000_000),
                available_mb: available / 1_000_000,
            });
        }
        Ok(())
    }
}
