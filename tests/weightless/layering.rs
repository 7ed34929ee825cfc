//! Holds the source to the invariants of `src/lib.rs` that can be read off it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every source file with its path relative to `src/`, comments and test modules left out.
fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 40, "the walk finds {} files: is it looking in the right place?", files.len());
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            (name, fs::read_to_string(&path).unwrap())
        })
        .filter(|(name, _)| !name.ends_with("tests.rs"))
        .map(|(name, text)| {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            (name, code)
        })
        .collect()
}

/// `word` in `code` as a whole path segment, not as part of a longer name.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

#[test]
fn each_dependency_is_named_in_one_place() {
    let rules: &[(&str, &[&str])] = &[
        ("axum", &["transport/"]),
        ("tungstenite", &["transport/", "client.rs"]),
        ("tokio_tungstenite", &["transport/", "client.rs"]),
        ("whisper_rs", &["asr/whisper"]),
        ("SessionBuilder", &["inference/onnx.rs"]),
        ("commit_from_file", &["inference/onnx.rs"]),
        ("cpal", &["kiosk/device.rs"]),
        ("async_nats", &["cluster/nats.rs"]),
        ("reqwest", &["models/"]),
    ];
    let sources = sources();
    for (word, homes) in rules {
        for (name, code) in &sources {
            let at_home = homes.iter().any(|home| name.starts_with(home));
            // `transport` names crates in a list of log targets, as text.
            assert!(at_home || !names(code, word), "src/{name} names {word}; only {homes:?} may");
        }
    }
    for (name, code) in &sources {
        let binding =
            code.contains("::opus::") && code.replace("audio::opus::", "").replace("super::opus::", "").contains("::opus::");
        assert!(name.starts_with("audio/opus") || !binding, "src/{name} names the Opus binding; only audio/opus may");
    }
}

#[test]
fn pure_parts_know_no_runtime_no_socket_and_no_clock() {
    let pure = [
        "protocol/",
        "session/state",
        "router/downlink.rs",
        "router/state",
        "router/token.rs",
        "vad/segmenter",
        "pipeline/echo/",
        "pipeline/agreement",
        "pipeline/draft",
        "pipeline/fillers",
        "pipeline/interpretation",
        "pipeline/pace",
        "pipeline/policy",
        "pipeline/running",
        "pipeline/segments.rs",
        "asr/filter",
        "mt/prompt",
        "tts/clauses",
        "tts/normalize",
        "score.rs",
        "eval/data.rs",
        "eval/events.rs",
        "eval/laal.rs",
        "eval/measure.rs",
        "eval/numbers.rs",
        "eval/report",
        "trade/",
    ];
    let sources = sources();
    for part in pure {
        let files: Vec<_> = sources.iter().filter(|(name, _)| name.starts_with(part)).collect();
        assert!(!files.is_empty(), "src/{part} is gone: change the list");
        for (name, code) in files {
            for word in ["tokio", "std::net", "Instant::now", "SystemTime", "std::fs", "tracing"] {
                assert!(!names(code, word), "src/{name} is pure and names {word}");
            }
        }
    }
}

#[test]
fn no_channel_is_unbounded() {
    for (name, code) in sources() {
        for word in ["unbounded_channel", "unbounded", "UnboundedSender"] {
            assert!(!names(&code, word), "src/{name} names {word}: channels are bounded");
        }
        assert!(!code.contains("std::sync::mpsc::channel"), "src/{name}: std's mpsc::channel is unbounded, use sync_channel");
    }
}

#[test]
fn every_file_says_what_it_is() {
    fn first_line(path: &Path) -> String {
        fs::read_to_string(path).unwrap().lines().next().unwrap_or_default().to_owned()
    }
    for (name, _) in sources() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&name);
        assert!(first_line(&path).starts_with("//!"), "src/{name} does not open with what it owns (//!)");
    }
}
