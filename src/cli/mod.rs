//! The commands of the `tongchuan` program: results on stdout, logs and progress on stderr, errors that say what to do.

mod demo;
mod eval;
mod eval_offline;
mod interpret;
mod models;
mod output;
mod serve;
mod speak;
mod transcribe;
mod translate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{config::Config, inference::onnx::Provider, language::LANGUAGES, protocol};

/// Self-hosted simultaneous interpretation: two people talk, each hears the other in their own language.
#[derive(Debug, Parser)]
#[command(name = "tongchuan", version, about)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command that runs models accepts. Each overrides the configuration file.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Configuration file (TOML); `tongchuan check` prints every key with its value.
    #[arg(long, global = true, env = "TONGCHUAN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which models: `default` or `lite`.
    #[arg(long, global = true, env = "TONGCHUAN_PROFILE")]
    profile: Option<String>,
    /// Folder of the models.
    #[arg(long, global = true, env = "TONGCHUAN_MODELS", value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Cores that models may use together; 0 takes all.
    #[arg(long, global = true, env = "TONGCHUAN_CORES")]
    cores: Option<usize>,
    /// What computes.
    #[arg(long, global = true, env = "TONGCHUAN_PROVIDER")]
    provider: Option<ProviderArg>,
    /// Log as JSON lines.
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProviderArg {
    Cpu,
    Cuda,
    Tensorrt,
    Coreml,
    Directml,
}

impl From<ProviderArg> for Provider {
    fn from(arg: ProviderArg) -> Self {
        match arg {
            ProviderArg::Cpu => Provider::Cpu,
            ProviderArg::Cuda => Provider::Cuda,
            ProviderArg::Tensorrt => Provider::TensorRt,
            ProviderArg::Coreml => Provider::CoreMl,
            ProviderArg::Directml => Provider::DirectMl,
        }
    }
}

impl Common {
    /// The configuration file with the command line over it.
    fn config(&self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if let Some(profile) = &self.profile {
            config.models.profile.clone_from(profile);
        }
        if self.models_dir.is_some() {
            config.models.dir.clone_from(&self.models_dir);
        }
        if let Some(cores) = self.cores {
            config.compute.cores = cores;
        }
        if let Some(provider) = self.provider {
            config.compute.provider = provider.into();
        }
        config.validate()?;
        Ok(config)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(serve::Serve),
    /// A merchant and a buyer talk through a server in this process; prints what each hears and how long it took.
    Demo(demo::Demo),
    /// Speech files to text.
    Transcribe(transcribe::Transcribe),
    /// Lines on stdin to translated lines on stdout.
    Translate(translate::Translate),
    /// Text to a WAV file.
    Speak(speak::Speak),
    /// Speech files to speech in another language.
    Interpret(interpret::Interpret),
    /// Run a data set in real time; print and save how good and how late the interpretation is.
    Eval(eval::Eval),
    /// Download, verify and list the models.
    Models(models::ModelsArgs),
    /// Check the configuration and print it with every default.
    Check,
    /// List the languages and who speaks each.
    Languages,
    /// Print the JSON Schema of the wire protocol (proto/messages.schema.json).
    Schema,
}

/// Runs the command that the program was called with.
///
/// # Errors
/// With a message for the person at the terminal.
pub async fn run() -> anyhow::Result<()> {
    let Cli { common, command } = Cli::parse();
    let quiet = !matches!(command, Command::Serve(_));
    crate::telemetry::init_logs(if quiet { "warn" } else { "info" }, common.log_json);
    match command {
        Command::Serve(args) => args.run(common.config()?).await,
        Command::Demo(args) => args.run(common.config()?).await,
        Command::Transcribe(args) => args.run(&common.config()?).await,
        Command::Translate(args) => args.run(&common.config()?).await,
        Command::Speak(args) => args.run(&common.config()?).await,
        Command::Interpret(args) => args.run(&common.config()?).await,
        Command::Eval(args) => args.run(&common.config()?).await,
        Command::Models(args) => models::run(args, &common.config()?).await,
        Command::Check => {
            let config = common.config()?;
            config.glossary()?;
            output::line(toml::to_string(&config)?.trim_end())
        }
        Command::Languages => languages(),
        Command::Schema => output::line(protocol::schema().trim_end()),
    }
}

fn languages() -> anyhow::Result<()> {
    for info in LANGUAGES {
        let speaker = if info.kokoro.is_some() { "Kokoro" } else { "espeak-ng" };
        output::line(format!("{}\t{}\t{}\t{speaker}", info.tag, info.english, info.native))?;
    }
    Ok(())
}
