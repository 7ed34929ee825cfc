//! Certificates: the one the operator gives, or one of our own that phones can be told to trust once.
//!
//! A page may use the microphone over https only. Our own certificate is signed by itself, names what this machine is called and
//! reached by, and is kept in the state folder, so that a phone asks once; it is made again when it is about to expire or the
//! machine has a name it lacks. Knows no HTTP. Called by `server`.

use std::{
    collections::BTreeSet,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_rustls::TlsAcceptor;

use crate::{
    privacy::Secret,
    state_dir::{StateDir, StateError},
};

/// What it is called in the state folder.
const KEPT_AS: &str = "certificate.json";

/// Apple's devices take no certificate that is valid for longer than 825 days; a year asks seldom enough.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Made again this long before it expires, since a server may run for weeks after it looked.
const RENEW_BEFORE: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Valid from yesterday: phones' clocks are wrong by hours.
const SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// Names of earlier networks that stay in it, so that a laptop going to and fro between them does not make phones ask each time.
const MAX_NAMES: usize = 32;

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of the operator's is missing or is not PEM.
    #[error("{}: {reason}; give a certificate chain and its private key as PEM files with --cert and --key", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("the certificate cannot be used with its key: {0}")]
    Unusable(#[from] rustls::Error),
    /// Our own could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// Our own could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What connections are encrypted with. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// The operator's own: PEM files, the chain beginning with the server's certificate.
    ///
    /// # Errors
    /// [`TlsError`], naming the file.
    pub fn given(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let wrong = |path: &Path, reason: String| TlsError::File { path: path.to_owned(), reason };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|e| wrong(certificate, e.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(certificate, "there is no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, e.to_string()))?;
        Self::new(chain, key)
    }

    /// The one of our own that is kept, or a new one. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When none can be made or kept.
    pub fn own(state: &StateDir, names: &Names, now: u64) -> Result<Self, TlsError> {
        let usable = |kept: &[u8]| {
            let kept: Own = serde_json::from_slice(kept).ok()?;
            let current = now >= kept.not_before && now + RENEW_BEFORE.as_secs() < kept.not_after;
            (current && names.lasting.is_subset(&kept.names)).then(|| kept.tls().ok()).flatten()
        };
        let make = |kept: Option<&[u8]>| match Own::make(names, kept.and_then(|k| serde_json::from_slice(k).ok()), now) {
            // Plain strings and numbers: serialisation cannot fail.
            Ok(own) => (serde_json::to_vec_pretty(&own).unwrap_or_default(), own.tls()),
            Err(error) => (Vec::new(), Err(error)),
        };
        state.keep(KEPT_AS, |kept| usable(kept).map(Ok), make)?
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let certificate = chain.first().cloned().ok_or(rustls::Error::NoCertificatesPresented)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // WebSockets are HTTP/1.1 here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }

    /// The server's certificate, as clients see it.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

/// What the machine is called and reached by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Those that a certificate must have.
    lasting: BTreeSet<String>,
    /// Those it gets when it is made, and is not made for: IPv6 addresses that change every day for privacy.
    passing: BTreeSet<String>,
}

impl Names {
    /// `localhost`, the host's name and its name in the local network, and its addresses.
    pub fn new(host: Option<&str>, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut names = Self::default();
        names.lasting.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        if let Some(host) = host.map(|h| h.trim_end_matches('.').to_ascii_lowercase()).filter(|h| is_dns_name(h)) {
            if !host.contains('.') {
                // Multicast DNS: Apple's devices and most others find the machine by this name.
                names.lasting.insert(format!("{host}.local"));
            }
            names.lasting.insert(host);
        }
        for address in addresses {
            let set = if address.is_ipv4() { &mut names.lasting } else { &mut names.passing };
            set.insert(address.to_string());
        }
        names
    }
}

fn is_dns_name(text: &str) -> bool {
    let label = |l: &str| {
        let inner = l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner && (1..=63).contains(&l.len()) && !l.starts_with('-') && !l.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A certificate of our own with its key, as it is kept.
#[derive(Serialize, Deserialize)]
struct Own {
    names: BTreeSet<String>,
    not_before: u64,
    not_after: u64,
    certificate: String,
    private_key: Secret,
}

impl Own {
    fn make(wanted: &Names, before: Option<Own>, now: u64) -> Result<Self, TlsError> {
        let mut names: BTreeSet<String> = wanted.lasting.union(&wanted.passing).cloned().collect();
        for name in before.into_iter().flat_map(|own| own.names) {
            if names.len() < MAX_NAMES {
                names.insert(name);
            }
        }
        let not_before = now.saturating_sub(SKEW.as_secs());
        let not_after = not_before + LIFETIME.as_secs();
        let at = |unix: u64| i64::try_from(unix).ok().and_then(|u| OffsetDateTime::from_unix_timestamp(u).ok());
        // Names that parse as addresses become addresses.
        let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
        params.not_before = at(not_before).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        params.not_after = at(not_after).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "tongchuan");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        tracing::info!(names = names.len(), "made a certificate");
        Ok(Self { names, not_before, not_after, certificate, private_key: Secret::new(key.serialize_pem()) })
    }

    fn tls(&self) -> Result<Tls, TlsError> {
        let unreadable = |error: rustls::pki_types::pem::Error| rustls::Error::General(error.to_string());
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(self.private_key.expose().as_bytes()).map_err(unreadable)?;
        Tls::new(vec![certificate], key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 24 * 60 * 60;

    fn names(addresses: &[&str]) -> Names {
        Names::new(Some("Stall"), addresses.iter().map(|a| a.parse().unwrap()))
    }

    #[test]
    fn the_certificate_stays_until_it_expires_or_lacks_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(Some(folder.path())).unwrap();
        let at_home = names(&["192.168.1.5"]);
        let made = |names: &Names, now| Tls::own(&state, names, now).unwrap().certificate().clone();
        let first = made(&at_home, NOW);
        assert_eq!(made(&at_home, NOW + 300 * DAY), first, "another start, the same certificate");
        assert_eq!(made(&names(&["192.168.1.5", "2001:db8::7"]), NOW), first, "an IPv6 address of the day");
        let at_market = names(&["10.0.0.9"]);
        let second = made(&at_market, NOW);
        assert_ne!(second, first, "a new address");
        assert_eq!(made(&at_home, NOW), second, "back home: it has both");
        assert_ne!(made(&at_home, NOW + 306 * DAY), second, "about to expire");
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(Some(folder.path())).unwrap();
        for garbage in ["", "{}", r#"{"names":[],"not_before":0,"not_after":99999999999,"certificate":"","private_key":""}"#] {
            std::fs::write(folder.path().join(KEPT_AS), garbage).unwrap();
            let made = Tls::own(&state, &names(&[]), NOW).unwrap();
            assert_eq!(Tls::own(&state, &names(&[]), NOW).unwrap().certificate(), made.certificate());
        }
    }

    #[test]
    fn the_machine_has_names_that_browsers_use() {
        let all = names(&["192.168.1.5"]).lasting;
        for name in ["localhost", "stall", "stall.local", "192.168.1.5", "127.0.0.1"] {
            assert!(all.contains(name), "{name}");
        }
        assert_eq!(Names::new(Some("not a name!"), []), Names::new(None, []), "a host name that cannot be in a certificate");
    }

    #[test]
    fn given_files_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (one, other) = (Own::make(&names(&[]), None, NOW).unwrap(), Own::make(&names(&[]), None, NOW).unwrap());
        std::fs::write(path("cert.pem"), &one.certificate).unwrap();
        std::fs::write(path("key.pem"), one.private_key.expose()).unwrap();
        std::fs::write(path("other.pem"), other.private_key.expose()).unwrap();
        Tls::given(&path("cert.pem"), &path("key.pem")).unwrap();
        let fails = |cert: &str, key: &str| Tls::given(&path(cert), &path(key)).unwrap_err().to_string();
        assert!(fails("missing.pem", "key.pem").contains("missing.pem"));
        assert!(fails("key.pem", "key.pem").contains("no certificate"));
        assert!(fails("cert.pem", "cert.pem").contains("cert.pem"));
        assert!(fails("cert.pem", "other.pem").contains("key"));
    }
}
