//! `tongchuan serve`: the server, until a signal stops it. Prints the address for people, as a QR code too where there is a terminal.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::PathBuf,
};

use clap::Args;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use crate::{
    config::Config,
    fake,
    server::Server,
    shutdown,
    transport::reach::{Reach, Security},
};

/// Start the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on, such as 0.0.0.0:8720 for phones in the same network; port 0 takes a free one.
    #[arg(long, env = "TONGCHUAN_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address under which phones reach the server, such as https://stall.example; needed behind a proxy.
    #[arg(long, env = "TONGCHUAN_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Certificate chain (PEM). Without it the server makes a certificate of its own when it listens on more than loopback.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// No TLS: behind a proxy that does it. Phones allow a microphone over https only.
    #[arg(long, conflicts_with = "cert")]
    plain_http: bool,
    /// Serve the page in this folder instead of the one in the program: for work on it.
    #[arg(long, value_name = "DIR")]
    web: Option<PathBuf>,
    /// Use scripted stages instead of models: for tests of clients, without weights.
    #[arg(long)]
    fake_stages: bool,
}

impl Serve {
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if self.public_url.is_some() {
            config.server.public_url = self.public_url;
        }
        if self.cert.is_some() {
            config.server.certificate = self.cert;
            config.server.private_key = self.key;
        }
        config.server.plain_http |= self.plain_http;
        config.validate()?;
        let stop = shutdown::on_signal();
        let stages =
            self.fake_stages.then(|| fake::stages(fake::FakeOptions { pipeline: config.pipeline(), ..Default::default() }));
        let server = tokio::select! {
            server = Server::start_with(&config, stages, self.web.as_deref()) => server?,
            () = stop.cancelled() => return Ok(()),
        };
        eprint!("{}", ready(server.reach(), io::stderr().is_terminal()));
        stop.cancelled().await;
        server.stop().await;
        Ok(())
    }
}

/// What a person at the machine needs to know now.
fn ready(reach: &Reach, terminal: bool) -> String {
    let url = reach.url();
    let mut text = format!("\n  tongchuan is ready: {url}\n");
    if reach.is_local_only() {
        text += "\n  Only this machine reaches it. For phones in the same network start it with --listen 0.0.0.0:8720:\n";
        text += "      make serve ARGS=\"--listen 0.0.0.0:8720\"\n";
    } else {
        if let Some(code) = terminal.then(|| qr(&url)).flatten() {
            text += &format!("\n{code}\n  Scan it with the merchant's phone, or open the address there.\n");
        }
        if reach.security == Security::Own && reach.public.is_none() {
            text += "  The browser will warn once, because this machine made the certificate itself: choose \"advanced\", then go on.\n";
        }
    }
    text + "\n"
}

/// The address as a QR code, two modules per character. Dark on light, as scanners want it, in a terminal that is light on dark.
fn qr(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(listen: &str, public: Option<&str>, security: Security) -> Reach {
        Reach { public: public.map(|p| p.parse().unwrap()), listen: listen.parse().unwrap(), security }
    }

    #[test]
    fn on_loopback_it_says_how_phones_get_in() {
        let text = ready(&reach("127.0.0.1:8720", None, Security::Plain), true);
        assert!(text.contains("http://127.0.0.1:8720") && text.contains("--listen 0.0.0.0:8720"), "{text}");
        assert!(!text.contains('█'), "a code that no phone can use: {text}");
    }

    #[test]
    fn in_the_network_it_shows_the_address_as_a_code_on_terminals() {
        let here = reach("192.0.2.7:8720", None, Security::Own);
        let text = ready(&here, true);
        assert!(text.contains("https://192.0.2.7:8720") && text.contains('█') && text.contains("warn once"), "{text}");
        assert!(!ready(&here, false).contains('█'), "a log file is no terminal");
        let proxied = ready(&reach("127.0.0.1:8720", Some("https://stall.example"), Security::Plain), true);
        assert!(proxied.contains("https://stall.example") && proxied.contains('█') && !proxied.contains("--listen"), "{proxied}");
    }
}
