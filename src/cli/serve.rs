//! `tongchuan serve`: the server, until a signal stops it.

use std::net::SocketAddr;

use clap::Args;

use crate::{config::Config, fake, server::Server, shutdown};

/// Start the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on, such as 0.0.0.0:8720 for other machines; port 0 takes a free one.
    #[arg(long, env = "TONGCHUAN_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Use scripted stages instead of models: for tests of clients, without weights.
    #[arg(long)]
    fake_stages: bool,
}

impl Serve {
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        let stop = shutdown::on_signal();
        let stages =
            self.fake_stages.then(|| fake::stages(fake::FakeOptions { pipeline: config.pipeline(), ..Default::default() }));
        let server = tokio::select! {
            server = Server::start(&config, stages) => server?,
            () = stop.cancelled() => return Ok(()),
        };
        eprintln!("\n  tongchuan is ready: http://{}\n", server.address());
        stop.cancelled().await;
        server.stop().await;
        Ok(())
    }
}
