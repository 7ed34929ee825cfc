//! The page: every file of `src/web`, in the program itself, so that one binary is all there is to install.
//!
//! Files are revalidated by `ETag` each time (a new version of the server is a new page at once) and sent gzipped to who takes it;
//! they are compressed once, at the start. Knows nothing of what the files say. Called by [`super::app`].

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{Arc, LazyLock},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

/// What a browser gets for `/`.
const INDEX: &str = "index.html";

/// In development builds too: what the tests see is what is shipped.
#[derive(rust_embed::RustEmbed)]
#[folder = "src/web"]
struct Embedded;

/// One file as it is sent.
#[derive(Debug)]
struct Asset {
    content_type: &'static str,
    etag: HeaderValue,
    plain: Bytes,
    /// Where that is smaller.
    gzipped: Option<Bytes>,
}

/// The files by path, such as `vendor/opus.wasm`.
#[derive(Debug, Default)]
pub struct Assets(HashMap<String, Asset>);

impl Assets {
    /// Those in the program.
    pub fn embedded() -> Arc<Self> {
        static EMBEDDED: LazyLock<Arc<Assets>> = LazyLock::new(|| {
            let files = Embedded::iter().filter_map(|path| Embedded::get(&path).map(|file| (path.into_owned(), file.data)));
            let files = files.map(|(path, data)| (path, Bytes::from(data.into_owned())));
            Arc::new(Assets::new(files))
        });
        EMBEDDED.clone()
    }

    /// Those in a folder, as they are now: for who works on the page.
    ///
    /// # Errors
    /// When the folder cannot be read or has no page in it.
    pub fn from_dir(folder: &Path) -> io::Result<Arc<Self>> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str) {
                    files.push((name.replace('\\', "/"), Bytes::from(fs::read(&path)?)));
                }
            }
        }
        let assets = Self::new(files);
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no {INDEX} in it"));
        if assets.0.contains_key(INDEX) { Ok(Arc::new(assets)) } else { Err(missing()) }
    }

    /// Files of a kind that no browser asks for (type declarations) are left out.
    fn new(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let asset = |(path, plain): (String, Bytes)| {
            let (content_type, compressible) = kind(&path)?;
            let gzipped = compressible.then(|| gzip(&plain)).filter(|g| g.len() < plain.len());
            let digest = Sha256::digest(&plain);
            let etag: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
            // Weak: it is the same for both encodings.
            let etag = HeaderValue::try_from(format!("W/\"{etag}\"")).ok()?;
            Some((path, Asset { content_type, etag, plain, gzipped }))
        };
        Self(files.into_iter().filter_map(asset).collect())
    }

    /// The answer to `GET /<path>`.
    pub fn get(&self, path: &str, headers: &HeaderMap) -> Response {
        let path = if path.is_empty() { INDEX } else { path };
        let Some(asset) = self.0.get(path) else { return (StatusCode::NOT_FOUND, "not found\n").into_response() };
        let unchanged = headers.get_all(header::IF_NONE_MATCH).iter().any(|tags| names_tag(tags, &asset.etag));
        let gzipped = asset.gzipped.as_ref().filter(|_| takes_gzip(headers));
        let body = match (unchanged, gzipped) {
            (true, _) => Bytes::new(),
            (false, Some(gzipped)) => gzipped.clone(),
            (false, None) => asset.plain.clone(),
        };
        let mut response = Response::new(Body::from(body));
        let answer = response.headers_mut();
        answer.insert(header::ETAG, asset.etag.clone());
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if asset.gzipped.is_some() {
            answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if gzipped.is_some() {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Content type, and whether compressing helps.
fn kind(path: &str) -> Option<(&'static str, bool)> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "html" => ("text/html; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "json" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "wasm" => ("application/wasm", true),
        "svg" => ("image/svg+xml", true),
        "txt" | "md" => ("text/plain; charset=utf-8", true),
        "png" => ("image/png", false),
        "ico" => ("image/x-icon", false),
        "woff2" => ("font/woff2", false),
        "mp3" => ("audio/mpeg", false),
        _ => return None,
    })
}

fn gzip(bytes: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; what was not written would be longer than the original and not be used.
    match encoder.write_all(bytes).and_then(|()| encoder.finish()) {
        Ok(gzipped) => gzipped.into(),
        Err(_) => Bytes::copy_from_slice(bytes),
    }
}

/// `If-None-Match` compares weakly: the mark of weakness does not count (RFC 9110, 13.1.2).
fn names_tag(tags: &HeaderValue, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Ok(tags), Ok(etag)) = (tags.to_str(), etag.to_str()) else { return false };
    tags.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

/// Whether `Accept-Encoding` has gzip, and not with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let refused = |weight: &str| weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    let mut codings =
        values.map(|coding| coding.split_once(';').map_or((coding.trim(), ""), |(name, weight)| (name.trim(), weight)));
    codings.any(|(name, weight)| name.eq_ignore_ascii_case("gzip") && !refused(weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn assets() -> Assets {
        let files = [
            ("index.html", "<!doctype html>".repeat(100)),
            ("vendor/x.wasm", "\0asm".repeat(100)),
            ("icon.png", "p".repeat(400)),
            ("capture.d.ts", "declare".into()),
        ];
        Assets::new(files.map(|(path, text)| (path.to_owned(), Bytes::from(text))))
    }

    fn shown(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).map_or("", |v| v.to_str().unwrap())
    }

    #[test]
    fn a_file_is_sent_with_its_type_and_gzipped_to_who_takes_it() {
        let assets = assets();
        let none = HeaderMap::new();
        assert_eq!(shown(&assets.get("", &none), header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(shown(&assets.get("vendor/x.wasm", &none), header::CONTENT_TYPE), "application/wasm");
        assert_eq!(shown(&assets.get("index.html", &none), header::CONTENT_ENCODING), "");
        for (accepted, encoding) in
            [("gzip", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("gzip;q=0, br", ""), ("br", ""), ("identity", "")]
        {
            let response = assets.get("index.html", &headers(header::ACCEPT_ENCODING, accepted));
            assert_eq!(shown(&response, header::CONTENT_ENCODING), encoding, "{accepted}");
            assert_eq!(shown(&response, header::VARY), "accept-encoding");
        }
        let picture = assets.get("icon.png", &headers(header::ACCEPT_ENCODING, "gzip"));
        assert_eq!(shown(&picture, header::CONTENT_ENCODING), "");
    }

    #[test]
    fn a_file_that_did_not_change_is_not_sent_again() {
        let assets = assets();
        let etag = shown(&assets.get("", &HeaderMap::new()), header::ETAG).to_owned();
        let strong = etag.trim_start_matches("W/").to_owned();
        for tags in [etag.clone(), strong, format!("\"other\", {etag}"), "*".into()] {
            let response = assets.get("", &headers(header::IF_NONE_MATCH, &tags));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tags}");
            assert_eq!(shown(&response, header::ETAG), etag);
        }
        assert_eq!(assets.get("", &headers(header::IF_NONE_MATCH, "\"other\"")).status(), StatusCode::OK);
        assert_ne!(shown(&assets.get("icon.png", &HeaderMap::new()), header::ETAG), etag);
    }

    #[test]
    fn nothing_else_is_found() {
        let assets = assets();
        for path in ["capture.d.ts", "../Cargo.toml", "/etc/passwd", "index.html/", "vendor", "%2e%2e/Cargo.toml"] {
            assert_eq!(assets.get(path, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn a_folder_replaces_what_is_in_the_program() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Assets::from_dir(folder.path()).is_err(), "no page in it");
        fs::create_dir(folder.path().join("vendor")).unwrap();
        fs::write(folder.path().join("index.html"), "hello").unwrap();
        fs::write(folder.path().join("vendor/a.js"), "let a").unwrap();
        let assets = Assets::from_dir(folder.path()).unwrap();
        assert_eq!(assets.get("vendor/a.js", &HeaderMap::new()).status(), StatusCode::OK);
        assert_eq!(assets.0["index.html"].plain, "hello");
    }

    #[test]
    fn the_program_has_a_page() {
        let page = Assets::embedded().get("", &HeaderMap::new());
        assert_eq!(page.status(), StatusCode::OK);
    }
}
