//! espeak-ng as a separate program that turns words into IPA, and the translation of its IPA into Kokoro's phonemes.
//!
//! espeak-ng is GPL-3 and therefore run, never linked. Text goes through its standard input, so nothing that is said appears in a
//! process list; all clauses of a call share one process. The replacement tables are misaki's `EspeakG2P` and `EspeakFallback` (Apache-2.0).

use std::{
    io::{ErrorKind, Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::G2pError;

/// Starting takes about 10 ms and a clause less than one; a program that needs longer than this has hung.
const TIMEOUT: Duration = Duration::from_secs(2);
/// espeak-ng reads lines into a buffer of 1,000 bytes; longer ones are cut at a space before they get there.
const MAX_LINE: usize = 600;
/// A call's output, far above that of any clause: a broken program cannot fill the memory.
const MAX_OUTPUT: u64 = 1 << 20;

/// How to run espeak-ng.
#[derive(Debug)]
pub(super) struct Espeak {
    program: PathBuf,
}

impl Espeak {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// IPA of each of `words` or clauses, which must not contain punctuation (espeak-ng starts a new line there).
    ///
    /// Stress marks as ˈ ˌ, sounds of two letters tied with `^`.
    pub(super) fn transcribe(&self, voice: &str, lines: &[String]) -> Result<Vec<String>, G2pError> {
        let cut: Vec<Vec<&str>> = lines.iter().map(|line| cut_long(line)).collect();
        let flat: Vec<&str> = cut.iter().flatten().copied().collect();
        if flat.is_empty() {
            return Ok(vec![String::new(); lines.len()]);
        }
        let deadline = Instant::now() + TIMEOUT;
        let mut answers = self.run(voice, &flat, deadline)?;
        if answers.len() != flat.len() {
            // A word made espeak-ng break its line: ask for each alone, so that none is given the sounds of another.
            answers = flat
                .iter()
                .map(|line| self.run(voice, &[line], deadline).map(|parts| parts.join(" ")))
                .collect::<Result<_, _>>()?;
        }
        let mut answers = answers.into_iter();
        Ok(cut.iter().map(|parts| answers.by_ref().take(parts.len()).collect::<Vec<_>>().join(" ")).collect())
    }

    /// One process; one line of output per line of input, as a rule.
    fn run(&self, voice: &str, lines: &[&str], deadline: Instant) -> Result<Vec<String>, G2pError> {
        let mut child = Command::new(&self.program)
            .args(["-q", "-b", "1", "--ipa", "--tie=^", "-v", voice])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| match e.kind() {
                ErrorKind::NotFound => G2pError::EspeakMissing(self.program.clone()),
                _ => G2pError::Espeak(e.to_string()),
            })?;
        let mut input = lines.join("\n").into_bytes();
        input.push(b'\n');
        let answer = converse(&mut child, input, deadline);
        if answer.is_err() {
            // Errors mean that it has ended already; then there is nothing to stop.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|e| G2pError::Espeak(e.to_string()))?;
        let text = answer?;
        if !status.success() {
            return Err(G2pError::Espeak(format!("it ended with {status} (is the voice {voice} installed?)")));
        }
        Ok(text.lines().map(str::trim).filter(|l| !l.is_empty()).map(strip_switches).collect())
    }
}

/// Feeds the process and reads all it says, until the deadline.
fn converse(child: &mut Child, input: Vec<u8>, deadline: Instant) -> Result<String, G2pError> {
    let pipes = child.stdin.take().zip(child.stdout.take());
    let Some((mut stdin, stdout)) = pipes else { return Err(G2pError::Espeak("its pipes are gone".into())) };
    let (text_tx, text_rx) = mpsc::sync_channel(1);
    // Two threads, because a pipe holds 64 KiB: a writer that waits for a reader that waits for the writer would hang both.
    thread::spawn(move || stdin.write_all(&input));
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.take(MAX_OUTPUT).read_to_end(&mut text).map(|_| text);
        let _ = text_tx.send(read);
    });
    match text_rx.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(text)) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Ok(Err(e)) => Err(G2pError::Espeak(e.to_string())),
        Err(_) => Err(G2pError::Espeak(format!("no answer within {} s", TIMEOUT.as_secs()))),
    }
}

/// Pieces of at most [`MAX_LINE`] bytes, cut at spaces where there are any.
fn cut_long(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line.trim();
    while rest.len() > MAX_LINE {
        let limit = (0..=MAX_LINE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let at = rest.get(..limit).and_then(|head| head.rfind(' ')).filter(|at| *at > 0).unwrap_or(limit);
        let (head, tail) = rest.split_at(at);
        parts.push(head.trim_end());
        rest = tail.trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// Removes the marks of a change of language inside a text: `(en)wˈɜːd(fr)`.
fn strip_switches(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut inside = false;
    for c in line.chars() {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            // Underscores mark pauses.
            '_' => {}
            _ if inside => {}
            _ => out.push(c),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// espeak-ng's IPA of an English word in Kokoro's letters (misaki's `EspeakFallback`, American).
pub(super) fn english(ipa: &str) -> String {
    const PAIRS: [(&str, &str); 21] = [
        ("ʔˌn\u{329}", "ʔn"),
        ("a^ɪ", "I"),
        ("a^ʊ", "W"),
        ("d^ʒ", "ʤ"),
        ("e^ɪ", "A"),
        ("t^ʃ", "ʧ"),
        ("ɔ^ɪ", "Y"),
        ("ə^l", "ᵊl"),
        ("ʔn\u{329}", "ʔn"),
        ("ʲo", "jo"),
        ("ʲə", "jə"),
        ("e", "A"),
        ("ʲ", ""),
        ("ɚ", "əɹ"),
        ("r", "ɹ"),
        ("x", "k"),
        ("ç", "k"),
        ("ɐ", "ə"),
        ("ɬ", "l"),
        ("\u{303}", ""),
        ("g", "ɡ"),
    ];
    let mut out = PAIRS.iter().fold(ipa.to_owned(), |text, (from, to)| text.replace(from, to));
    // A syllabic consonant: ᵊ goes before it.
    while let Some(at) = out.find('\u{329}') {
        out.remove(at);
        if let Some((before, _)) = out.get(..at).and_then(|head| head.char_indices().next_back()) {
            out.insert(before, 'ᵊ');
        }
    }
    const LAST: [(&str, &str); 9] =
        [("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"), ("^", "")];
    LAST.iter().fold(out, |text, (from, to)| text.replace(from, to))
}

/// espeak-ng's IPA of a clause of another language in Kokoro's letters (misaki's `EspeakG2P`).
pub(super) fn foreign(ipa: &str) -> String {
    const PAIRS: [(&str, &str); 14] = [
        ("a^ɪ", "I"),
        ("a^ʊ", "W"),
        ("d^z", "ʣ"),
        ("d^ʒ", "ʤ"),
        ("e^ɪ", "A"),
        ("o^ʊ", "O"),
        ("s^s", "S"),
        ("t^s", "ʦ"),
        ("t^ʃ", "ʧ"),
        ("ə^ʊ", "Q"),
        ("ɔ^ɪ", "Y"),
        ("^", ""),
        ("-", ""),
        ("g", "ɡ"),
    ];
    PAIRS.iter().fold(ipa.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let error = Espeak::new("no-such-espeak-ng".into()).transcribe("en-us", &["word".into()]).unwrap_err();
        assert!(error.to_string().contains("apt install espeak-ng"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("hangs");
        std::fs::write(&script, "#!/bin/sh\nexec sleep 60\n").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let error = Espeak::new(script).transcribe("en-us", &["word".into()]).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
    }

    #[test]
    fn every_line_gets_its_own_answer() {
        let espeak = Espeak::new("espeak-ng".into());
        let lines: Vec<String> = ["one", "", "two three", &"very ".repeat(400)].map(str::to_owned).to_vec();
        let answers = espeak.transcribe("en-us", &lines).unwrap();
        assert_eq!(answers.len(), 4);
        assert_eq!(answers[0], "wˈʌn");
        assert_eq!(answers[1], "");
        assert_eq!(answers[2], "tˈuː θɹˈiː");
        assert_eq!(answers[3].split(' ').count(), 400);
    }

    #[test]
    fn ipa_becomes_kokoro_letters() {
        assert_eq!(english("nˈe^ɪʃən"), "nˈAʃən");
        assert_eq!(english("bˈʌʔn\u{329}"), "bˈʌtn");
        assert_eq!(english("wˈɜːld"), "wˈɜɹld");
        assert!(!english("lˈɪt^l\u{329}").contains('^'));
        assert_eq!(foreign("d^ʒˈɔrno"), "ʤˈɔrno");
        assert_eq!(strip_switches("(en)wˈʌn(fr) dˈø"), "wˈʌn dˈø");
    }
}
