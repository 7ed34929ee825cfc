//! `tongchuan models pull|verify|list`: the model store on the command line.
//!
//! Only arguments and printing; the work is in [`crate::models`]. Results go to stdout, progress to stderr.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::{
    config::Config,
    models::{PullOptions, Store, progress::human, store::State},
};

/// Fetch, check and list the models.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Download, verify and convert what is missing
    Pull {
        /// A profile or one model; the configured profile when absent
        what: Option<String>,
        /// Downloads at once
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
        jobs: u8,
        /// A folder with archives that were downloaded elsewhere, for machines without internet; may be repeated
        #[arg(long, value_name = "DIR")]
        from: Vec<PathBuf>,
    },
    /// Hash every installed file again
    Verify {
        /// A profile or one model; the configured profile when absent
        what: Option<String>,
    },
    /// Show every known model, its licence, and whether it is installed
    List,
}

/// Runs one of the subcommands.
///
/// # Errors
/// Each with the next step in its text.
pub(crate) async fn run(args: ModelsArgs, config: &Config) -> anyhow::Result<()> {
    let store = Store::open(config.models.dir.clone());
    let profile = |what: Option<String>| what.unwrap_or_else(|| config.models.profile.clone());
    match args.command {
        Command::Pull { what, jobs, from } => pull(&store, &profile(what), jobs, from).await,
        Command::Verify { what } => {
            let what = profile(what);
            tokio::task::spawn_blocking(move || verify(&store, &what)).await?
        }
        Command::List => list(&store),
    }
}

async fn pull(store: &Store, what: &str, jobs: u8, from: Vec<PathBuf>) -> anyhow::Result<()> {
    let mut options = PullOptions::from_env()?;
    options.jobs = usize::from(jobs);
    options.mirrors.folders.splice(..0, from);
    store.pull(what, &options).await?;
    Ok(())
}

fn verify(store: &Store, what: &str) -> anyhow::Result<()> {
    let result = store.verify(what)?;
    let mut out = io::stdout().lock();
    for problem in &result.problems {
        writeln!(out, "{problem}")?;
    }
    writeln!(out, "{} files, {} hashed, {} problem(s)", result.files, human(result.bytes), result.problems.len())?;
    if !result.problems.is_empty() {
        bail!("the models are not intact");
    }
    Ok(())
}

fn list(store: &Store) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "models folder: {}", store.root().display())?;
    for row in store.list() {
        let state = match row.state {
            State::Installed(bytes) => format!("installed, {}", human(bytes)),
            State::Outdated => "incomplete or outdated".to_owned(),
            State::Missing => format!("not installed, downloads {}", human(row.download_bytes)),
        };
        writeln!(out, "{:14} {state} [{}]", row.model.name, row.profiles.join(", "))?;
        writeln!(out, "{:14} {} · {} · {}", "", row.model.purpose, row.model.licence, row.model.languages.join(" "))?;
    }
    Ok(())
}
