//! Quality per language with the installed weights: chrF of translation from and into Chinese, recognition error.
//!
//! `cargo bench --bench quality` (or `make bench`); `-- es ru` limits it to some languages. Data and licences: benches/data/README.md.
#![allow(clippy::print_stdout, reason = "a bench's output is its purpose")]

use std::{collections::BTreeMap, path::Path};

use tongchuan::{
    audio::file,
    config::Config,
    engines::Engines,
    inference::worker::Handle,
    language::{Language, Spoken},
    mt::{MtJob, Translation},
    offline::{self, Talk},
    score::{cer, chrf, wer},
    time::SampleRate,
};

const DATA: &str = "benches/data";

fn lines(language: Language) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(DATA).join("ntrex").join(format!("{language}.txt"))).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

/// chrF of the translations, and how many lines had none.
async fn score(mt: &Handle<MtJob, Translation>, from: Language, to: Language) -> Option<(f64, usize)> {
    let (sources, references) = (lines(from)?, lines(to)?);
    let (mut targets, mut failed) = (Vec::new(), 0);
    for source in &sources {
        match offline::translate(mt, from, to, source, &Talk::default()).await {
            Ok(done) => targets.push(done.output.text.into_inner()),
            Err(_) => {
                failed += 1;
                targets.push(String::new());
            }
        }
    }
    let pairs = references.iter().zip(&targets).map(|(r, t)| (r.as_str(), t.as_str()));
    Some((chrf(pairs), failed))
}

/// Mean recognition error over the recordings of a language: characters for unspaced ones, words for the others.
async fn recognition(engines: &Engines) -> BTreeMap<&'static str, (f64, usize)> {
    let asr = engines.asr().await.expect("recognition starts");
    let manifest = std::fs::read_to_string(Path::new(DATA).join("speech/manifest.tsv")).expect("the manifest");
    let mut sums: BTreeMap<&'static str, (f64, f64, usize)> = BTreeMap::new();
    for row in manifest.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let [name, tag, transcript, ..] = columns[..] else { panic!("a row lacks a column: {row}") };
        let language: Language = tag.parse().expect("a language");
        let samples = file::read(&Path::new(DATA).join("speech").join(name), SampleRate::ASR).expect("a recording");
        let heard =
            offline::recognise(&asr, samples.into(), Spoken::Fixed(language), &Talk::default()).await.expect("recognised");
        let heard = heard.output.0.text.into_inner();
        let (error, weight) = if language.is_unspaced() {
            (cer(transcript, &heard), transcript.chars().count())
        } else {
            (wer(transcript, &heard), transcript.split_whitespace().count())
        };
        let sum = sums.entry(language.tag()).or_default();
        *sum = (sum.0 + error * weight as f64, sum.1 + weight as f64, sum.2 + 1);
    }
    sums.into_iter().map(|(tag, (errors, weight, count))| (tag, (errors / weight, count))).collect()
}

#[tokio::main]
async fn main() {
    let only: Vec<Language> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let config = Config::default();
    let engines = Engines::open(&config).expect("the models are installed (make models)");
    let errors = recognition(&engines).await;
    println!("| language | recognition error | recordings |\n| --- | --- | --- |");
    for (tag, (error, count)) in &errors {
        println!("| {tag} | {:.1} % | {count} |", error * 100.0);
    }
    println!();
    let mt = engines.mt().await.expect("translation starts");
    println!(
        "profile `{}`, 50 lines of NTREX-128 each way; lines without an acceptable translation count as empty\n",
        config.models.profile
    );
    println!("| language | spoken by | chrF from Chinese | chrF into Chinese | recognition error (recordings) |");
    println!("| --- | --- | --- | --- | --- |");
    for language in Language::all().filter(|l| only.is_empty() || only.contains(l)) {
        if lines(language).is_none() {
            continue;
        }
        let mut row = vec![
            language.info().english.to_owned(),
            if language.info().kokoro.is_some() { "Kokoro" } else { "espeak-ng" }.into(),
        ];
        for (from, to) in [(Language::ZH, language), (language, Language::ZH)] {
            row.push(match if from == to { None } else { score(&mt, from, to).await } {
                Some((chrf, 0)) => format!("{chrf:.1}"),
                Some((chrf, failed)) => format!("{chrf:.1} ({failed} failed)"),
                None => "-".into(),
            });
        }
        let kind = if language.is_unspaced() { "CER" } else { "WER" };
        row.push(
            errors
                .get(language.tag())
                .map_or_else(|| "no recordings".into(), |(e, n)| format!("{kind} {:.1} % ({n})", e * 100.0)),
        );
        println!("| {} |", row.join(" | "));
    }
}
