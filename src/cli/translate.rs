//! `tongchuan translate`: lines on stdin to translated lines on stdout, each flushed as soon as it is ready.

use clap::Args;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::output::{Record, Stages, line, ms};
use crate::{
    config::Config,
    engines::Engines,
    language::Language,
    offline::{self, Talk},
};

/// Lines on stdin to translated lines on stdout.
#[derive(Debug, Args)]
pub(super) struct Translate {
    /// Language of the lines.
    #[arg(long)]
    from: Language,
    /// Language wanted.
    #[arg(long)]
    to: Language,
    /// One JSON object per line: source, target, verified (no amount is wrong or missing), ms.
    #[arg(long)]
    json: bool,
}

impl Translate {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        anyhow::ensure!(self.from != self.to, "--from and --to are the same language: {}", self.from);
        let mt = Engines::open(config)?.mt().await?;
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let (mut count, mut failed) = (0_usize, 0_usize);
        // The lines are one conversation.
        let talk = Talk::new(&config.glossary()?.into());
        while let Some(source) = lines.next_line().await? {
            count += 1;
            // One line out per line in, so that the two can be laid side by side.
            let (checked, took) = match offline::translate(&mt, self.from, self.to, &source, &talk).await {
                Ok(done) => (done.output, done.took),
                Err(error) => {
                    failed += 1;
                    tracing::warn!(line = count, %error, "not translated");
                    Default::default()
                }
            };
            let target = checked.text.expose();
            if self.json {
                let stages = Stages { mt: Some(ms(took)), ..Stages::default() };
                let verified = Some(checked.verified);
                Record { source: Some(&source), target: Some(target), verified, ms: stages, ..Record::default() }.print()?;
            } else {
                line(target)?;
            }
        }
        anyhow::ensure!(failed == 0, "{failed} of {count} lines could not be translated; their lines are empty");
        Ok(())
    }
}
