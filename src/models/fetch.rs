//! One URL into one verified file: streamed, resumed, hashed on the way, renamed into place when it is right.
//!
//! Knows HTTP and the disk, nothing of catalogues. A partial download stays next to its target as `NAME.part`; whoever holds the model's
//! lock may resume it, in this process or a later one. Called by the installation of one model.

use std::{
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use reqwest::{Response, StatusCode, Url, header};
use tokio::{fs, io::AsyncWriteExt, task::spawn_blocking};

use super::{
    digest::{Digest, Hasher, hash_file},
    error::ModelsError,
    index::{self, Mirrors, shown},
    progress::Bar,
};

/// When to give up on a connection.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Consecutive failures without a new byte before the download fails. 5 with the pauses below ride out about 8 s, the restart
    /// of a proxy.
    pub attempts: u32,
    /// The pause after the first failure; it doubles each time.
    pub pause: Duration,
    /// A connection that sends nothing for so long counts as broken.
    pub stall: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: 5, pause: Duration::from_millis(500), stall: Duration::from_secs(30) }
    }
}

/// What must arrive.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// For people.
    pub what: &'a str,
    /// Exact bytes; more are refused before they fill the disk.
    pub size: u64,
    /// Of the whole.
    pub sha256: Digest,
}

/// An HTTP client with its mirrors and its patience. Honours HTTPS_PROXY, NO_PROXY and the system's certificates (SSL_CERT_FILE).
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    mirrors: Mirrors,
    retry: Retry,
}

/// How one attempt failed.
enum Failure {
    /// Worth another try.
    Transient(ModelsError),
    /// Nobody answers at all: worth one more try, not minutes of them.
    NoConnection(ModelsError),
    /// Will be the same next time.
    Final(ModelsError),
}

impl Client {
    /// Builds the client.
    ///
    /// # Errors
    /// [`ModelsError::Unreachable`] when TLS or the proxy setting cannot be set up.
    pub fn new(mirrors: Mirrors, retry: Retry) -> Result<Client, ModelsError> {
        static PROVIDER: Once = Once::new();
        // An error means that a provider is installed already, which is as good.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let http = reqwest::Client::builder()
            .user_agent(concat!("tongchuan/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(retry.stall)
            .read_timeout(retry.stall)
            .build()
            .map_err(|error| ModelsError::Unreachable { url: "the network".into(), reason: innermost(&error) })?;
        Ok(Client { http, mirrors, retry })
    }

    /// The servers it asks.
    pub fn mirrors(&self) -> &Mirrors {
        &self.mirrors
    }

    /// A small page: its final address, content type and text.
    pub(crate) async fn page(&self, url: Url, accept: &str, limit: usize) -> Result<(Url, String, String), ModelsError> {
        let mut failures = 0;
        loop {
            let attempt = async {
                let response = self.http.get(url.clone()).header(header::ACCEPT, accept).send().await;
                let response = checked(&url, response)?;
                if !response.status().is_success() {
                    return Err(Failure::Final(refused(&url, response.status())));
                }
                index::bounded_text(response, limit).await.map_err(Failure::Transient)
            };
            match attempt.await {
                Ok(page) => return Ok(page),
                Err(failure) => self.pause(failure, &mut failures).await?,
            }
        }
    }

    /// Downloads `url` to `to`. When this returns `Ok`, `to` is complete, verified and on the disk; until then `to` does not exist.
    ///
    /// # Errors
    /// Network errors after the retries, a wrong digest or size (the bytes are deleted), and disk errors.
    pub async fn download(&self, url: &Url, wanted: Wanted<'_>, to: &Path, bar: &Bar) -> Result<(), ModelsError> {
        let part = part_path(to);
        let (mut failures, mut best, mut clean) = (0, 0, false);
        loop {
            match self.attempt(url, wanted, &part, bar).await {
                Ok((found, _)) if found == wanted.sha256 => {
                    return fs::rename(&part, to).await.map_err(|error| ModelsError::io(to, error));
                }
                Ok((found, resumed)) => {
                    remove(&part).await?;
                    // A resumed file's beginning may be left over from another server: one clean start decides.
                    if clean || !resumed {
                        let (what, from) = (wanted.what.to_owned(), shown(url));
                        return Err(ModelsError::WrongDigest { what, from, expected: wanted.sha256, found });
                    }
                    clean = true;
                }
                Err(failure) => {
                    let have = fs::metadata(&part).await.map_or(0, |meta| meta.len());
                    if have > best {
                        (best, failures) = (have, 0);
                    }
                    self.pause(failure, &mut failures).await?;
                }
            }
        }
    }

    /// One request from where the partial file ends. The digest of the whole, and whether a prefix was already there.
    async fn attempt(&self, url: &Url, wanted: Wanted<'_>, part: &Path, bar: &Bar) -> Result<(Digest, bool), Failure> {
        let disk = |error| Failure::Final(ModelsError::io(part, error));
        let mut hasher = prefix(part, wanted.size).await.map_err(Failure::Final)?;
        let mut resumed = hasher.bytes() > 0;
        bar.set(hasher.bytes());
        if hasher.bytes() == wanted.size {
            return Ok((hasher.finish(), resumed));
        }
        let mut request = self.http.get(url.clone()).header(header::ACCEPT_ENCODING, "identity");
        if resumed {
            request = request.header(header::RANGE, format!("bytes={}-", hasher.bytes()));
        }
        let mut response = checked(url, request.send().await)?;
        let mut file = match response.status() {
            StatusCode::PARTIAL_CONTENT if resumed && range_start(&response) == Some(hasher.bytes()) => {
                fs::OpenOptions::new().append(true).open(part).await.map_err(disk)?
            }
            // Also the answer of a server that does not know ranges: the whole file again.
            StatusCode::OK => {
                (hasher, resumed) = (Hasher::default(), false);
                fs::File::create(part).await.map_err(disk)?
            }
            status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE) => {
                remove(part).await.map_err(Failure::Final)?;
                return Err(Failure::Transient(refused(url, status)));
            }
            status => return Err(Failure::Final(refused(url, status))),
        };
        let streamed = loop {
            match response.chunk().await {
                Ok(Some(chunk)) if hasher.bytes() + chunk.len() as u64 > wanted.size => {
                    drop(file);
                    remove(part).await.map_err(Failure::Final)?;
                    let (what, from) = (wanted.what.to_owned(), shown(url));
                    return Err(Failure::Final(ModelsError::WrongSize { what, from, expected: wanted.size }));
                }
                Ok(Some(chunk)) => {
                    hasher.update(&chunk);
                    file.write_all(&chunk).await.map_err(disk)?;
                    bar.set(hasher.bytes());
                }
                Ok(None) if hasher.bytes() == wanted.size => break Ok(()),
                Ok(None) => break Err(ModelsError::Unreachable { url: shown(url), reason: "the file ended early".into() }),
                Err(error) => break Err(unreachable(url, error)),
            }
        };
        // Also after a broken connection: what came is what the next attempt resumes from.
        file.flush().await.map_err(disk)?;
        file.sync_all().await.map_err(disk)?;
        streamed.map_err(Failure::Transient)?;
        Ok((hasher.finish(), resumed))
    }

    /// Waits before the next attempt, or gives the error up.
    async fn pause(&self, failure: Failure, failures: &mut u32) -> Result<(), ModelsError> {
        *failures += 1;
        let (error, attempts) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::NoConnection(error) => (error, self.retry.attempts.min(2)),
            Failure::Transient(error) => (error, self.retry.attempts),
        };
        if *failures >= attempts {
            return Err(error);
        }
        // Capped at 2^6 pauses: with many attempts the wait must not become hours.
        tokio::time::sleep(self.retry.pause * 2u32.pow((*failures - 1).min(6))).await;
        Ok(())
    }
}

/// `NAME.part`
fn part_path(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// The hash of the part that is already there; a part that cannot be right (too long) is removed.
async fn prefix(part: &Path, size: u64) -> Result<Hasher, ModelsError> {
    match fs::metadata(part).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Hasher::default()),
        Err(error) => return Err(ModelsError::io(part, error)),
        Ok(meta) if meta.len() > size => {
            remove(part).await?;
            return Ok(Hasher::default());
        }
        Ok(_) => {}
    }
    hash(part).await
}

/// Hashes a file off the async threads.
pub(crate) async fn hash(path: &Path) -> Result<Hasher, ModelsError> {
    let owned = path.to_owned();
    let hashed = spawn_blocking(move || hash_file(&owned)).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    hashed.map_err(|error| ModelsError::io(path, error))
}

async fn remove(path: &Path) -> Result<(), ModelsError> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ModelsError::io(path, error)),
        _ => Ok(()),
    }
}

/// Sorts an answer into usable, worth another try, and hopeless.
fn checked(url: &Url, response: Result<Response, reqwest::Error>) -> Result<Response, Failure> {
    match response {
        Err(error) if error.is_connect() => Err(Failure::NoConnection(unreachable(url, error))),
        Err(error) => Err(Failure::Transient(unreachable(url, error))),
        Ok(response) => match response.status() {
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
                Err(Failure::Transient(refused(url, status)))
            }
            status if status.is_server_error() => Err(Failure::Transient(refused(url, status))),
            _ => Ok(response),
        },
    }
}

/// Where a 206 answer begins: `Content-Range: bytes START-END/TOTAL`.
fn range_start(response: &Response) -> Option<u64> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    value.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

fn refused(url: &Url, status: StatusCode) -> ModelsError {
    ModelsError::Refused { url: shown(url), status: status.as_u16() }
}

pub(crate) fn unreachable(url: &Url, error: reqwest::Error) -> ModelsError {
    // The URL inside reqwest's error may hold credentials.
    ModelsError::Unreachable { url: shown(url), reason: innermost(&error.without_url()) }
}

/// The innermost cause says what happened ("connection refused"); the outer ones only that something did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
