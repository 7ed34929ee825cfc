//! Data sets for `tongchuan eval` (pure): tables of recordings with transcripts and reference translations, and long monologues
//! made of them.
//!
//! Three tables are understood, by their name and the names of their columns, separated by tabs:
//! `dialogue.tsv` (id, lang, text, reference; the sound is `ID.LANG.opus` beside it or in `audio/`), `manifest.tsv` (file, lang,
//! transcript, and `reference_LANG` per language) and the plain `eval.tsv` (file, lang, transcript, target_lang, reference). A
//! column `speaker` and one `numbers` (separated by `;`) are used where there are; other columns are ignored.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::{language::Language, time::SampleRate};

/// The tables that are looked for in a folder, the first that exists is read.
pub const TABLES: [&str; 3] = ["eval.tsv", DIALOGUE, "manifest.tsv"];

/// The table whose rows are one conversation.
pub const DIALOGUE: &str = "dialogue.tsv";

/// Silence between two recordings of a monologue: shorter than what ends an utterance most of the time, as between sentences of
/// somebody who goes on talking.
pub const PAUSE_S: f64 = 0.4;

/// One recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its name.
    pub id: String,
    /// Who speaks, where the table says it.
    pub speaker: String,
    /// Places where the sound may be, best first.
    pub audio: Vec<PathBuf>,
    /// The language spoken.
    pub from: Language,
    /// The language to interpret into.
    pub to: Language,
    /// What is said.
    pub transcript: String,
    /// A translation by people.
    pub reference: Option<String>,
    /// The numbers in it, separated by `;`, where the table lists them.
    pub numbers: Option<String>,
}

/// Reads a table that lies in `dir`. `to` overrides the language to interpret into; without it and without a column that says it,
/// Chinese is interpreted into English and everything else into Chinese. Recordings already in that language are left out.
///
/// # Errors
/// When a column is missing or a row is not as the header says.
pub fn parse(table: &str, dir: &Path, to: Option<Language>) -> anyhow::Result<Vec<Item>> {
    let mut rows = table.lines().map(|row| row.trim_end_matches('\r')).filter(|row| !row.is_empty());
    let header: Vec<&str> = rows.next().context("the table is empty")?.split('\t').collect();
    let column = |name: &str| header.iter().position(|c| *c == name);
    let transcript = column("transcript").or(column("text")).context("the table has no column `transcript` or `text`")?;
    let lang = column("lang").context("the table has no column `lang`")?;
    let (file, id) = (column("file"), column("id"));
    ensure!(file.is_some() || id.is_some(), "the table has no column `file` or `id`");
    let mut items = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        let at = |n: Option<usize>| n.and_then(|n| cells.get(n)).copied().unwrap_or_default();
        let from: Language = at(Some(lang)).parse().with_context(|| format!("column `lang`: {row}"))?;
        let said: Option<Language> = match at(column("target_lang")) {
            "" => None,
            tag => Some(tag.parse().with_context(|| format!("column `target_lang`: {row}"))?),
        };
        let usual = if from == Language::ZH { Language::EN } else { Language::ZH };
        let to = to.or(said).unwrap_or(usual);
        let (name, audio) = match at(file) {
            "" => {
                let (id, name) = (at(id), format!("{}.{from}.opus", at(id)));
                (id, vec![dir.join(&name), dir.join("audio").join(&name)])
            }
            name => (name, vec![dir.join(name)]),
        };
        ensure!(!name.is_empty(), "a row has no file: {row}");
        // A reference without its language is in the language that the row, or the usual direction, says.
        let own = column(&format!("reference_{to}")).or(column("reference").filter(|_| to == said.unwrap_or(usual)));
        let reference = Some(at(own).to_owned()).filter(|text| !text.is_empty());
        let numbers = column("numbers").map(|n| at(Some(n)).to_owned());
        let (id, speaker, transcript) = (name.to_owned(), at(column("speaker")).to_owned(), at(Some(transcript)).to_owned());
        if from != to {
            items.push(Item { id, speaker, audio, from, to, transcript, reference, numbers });
        }
    }
    Ok(items)
}

/// What is played in one go: one recording, or several as a monologue.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Its name.
    pub id: String,
    /// The language spoken.
    pub from: Language,
    /// The language to interpret into.
    pub to: Language,
    /// 16 kHz mono.
    pub samples: Vec<f32>,
    /// The recordings in it, in order.
    pub parts: Vec<Part>,
}

/// One recording in a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where it begins, in seconds.
    pub from_s: f64,
    /// Where it ends, in seconds.
    pub to_s: f64,
    /// What is said.
    pub transcript: String,
    /// A translation by people.
    pub reference: Option<String>,
    /// The numbers in it, separated by `;`, where the table lists them.
    pub numbers: Option<String>,
}

impl Clip {
    /// One recording alone.
    pub fn of(item: Item, samples: Vec<f32>) -> Self {
        let Item { id, from, to, transcript, reference, numbers, .. } = item;
        let to_s = SampleRate::ASR.duration(samples.len()).as_secs_f64();
        let parts = vec![Part { from_s: 0.0, to_s, transcript, reference, numbers }];
        Self { id, from, to, samples, parts }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        SampleRate::ASR.duration(self.samples.len()).as_secs_f64()
    }

    fn append(&mut self, item: &Item, samples: &[f32]) {
        let pause = SampleRate::ASR.samples(std::time::Duration::from_secs_f64(PAUSE_S));
        self.samples.resize(self.samples.len() + pause, 0.0);
        let from_s = self.seconds();
        self.samples.extend_from_slice(samples);
        let Item { transcript, reference, numbers, .. } = item.clone();
        self.parts.push(Part { from_s, to_s: self.seconds(), transcript, reference, numbers });
    }
}

/// Joins recordings of one speaker (as far as known), language and direction to monologues of at least `seconds`. The last one of
/// a speaker is filled up with his first recordings again.
pub fn monologues(recordings: &[(Item, Vec<f32>)], seconds: f64) -> Vec<Clip> {
    let mut groups: Vec<Vec<&(Item, Vec<f32>)>> = Vec::new();
    let key = |item: &Item| (item.speaker.clone(), item.from, item.to, item.reference.is_some());
    for recording in recordings.iter().filter(|(_, samples)| !samples.is_empty()) {
        match groups.iter_mut().find(|group| key(&group[0].0) == key(&recording.0)) {
            Some(group) => group.push(recording),
            None => groups.push(vec![recording]),
        }
    }
    let mut clips = Vec::new();
    for group in groups {
        let mut rest = group.iter();
        while let Some((first, samples)) = rest.next() {
            let mut clip = Clip::of(first.clone(), samples.clone());
            let mut again = group.iter().cycle();
            while clip.seconds() < seconds {
                let Some((item, samples)) = rest.next().or_else(|| again.next()) else { break };
                clip.append(item, samples);
            }
            clip.id = format!("{}+{}", clip.id, clip.parts.len() - 1);
            clips.push(clip);
        }
    }
    clips
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: &str = "/data";

    #[test]
    fn the_three_tables_are_read() {
        let dialogue =
            "id\tspeaker\tlang\ttext\treference\tnumbers\nd01\tmerchant\tzh\t你好。\tHello.\t\nd02\tbuyer\ten\tHi.\t嗨。\t3";
        let items = parse(dialogue, Path::new(DIR), None).unwrap();
        assert_eq!((items[0].from, items[0].to, items[1].to), (Language::ZH, Language::EN, Language::ZH));
        assert_eq!(items[0].audio, [PathBuf::from("/data/d01.zh.opus"), PathBuf::from("/data/audio/d01.zh.opus")]);
        assert_eq!((items[1].reference.as_deref(), items[1].speaker.as_str()), (Some("嗨。"), "buyer"));
        assert_eq!((items[0].numbers.as_deref(), items[1].numbers.as_deref()), (Some(""), Some("3")));
        let spanish: Language = "es".parse().unwrap();
        let other = parse(dialogue, Path::new(DIR), Some(spanish)).unwrap();
        assert_eq!((other[0].to, other[0].reference.as_deref()), (spanish, None), "a reference in another language is none");

        let manifest = "file\tlang\tseconds\ttranscript\treference_en\treference_zh\nde/a.flac\tde\t3\thallo\thello\t你好\nen/b.flac\ten\t2\thi\t\t\n";
        let items = parse(manifest, Path::new(DIR), None).unwrap();
        assert_eq!((items[0].to, items[0].reference.as_deref()), (Language::ZH, Some("你好")));
        assert_eq!((items[1].to, items[1].reference.as_deref()), (Language::ZH, None));
        let english = parse(manifest, Path::new(DIR), Some(Language::EN)).unwrap();
        assert_eq!((english.len(), english[0].reference.as_deref()), (1, Some("hello")), "English is English already");

        let plain = "file\tlang\ttranscript\ttarget_lang\treference\na.wav\tzh\t你好\tes\tHola\n";
        let items = parse(plain, Path::new(DIR), None).unwrap();
        assert_eq!((items[0].to, items[0].reference.as_deref(), items[0].id.as_str()), (spanish, Some("Hola"), "a.wav"));
    }

    #[test]
    fn a_table_that_cannot_be_used_says_why() {
        let error = |table: &str| format!("{:#}", parse(table, Path::new(DIR), None).unwrap_err());
        assert!(error("").contains("empty"));
        assert!(error("file\tlang\n").contains("transcript"));
        assert!(error("lang\ttext\n").contains("file"));
        assert!(error("file\tlang\ttext\na.wav\txx\thi\n").contains("lang"));
    }

    #[test]
    fn monologues_are_of_one_speaker_and_long_enough() {
        let item = |id: &str, speaker: &str, from, to| Item {
            id: id.into(),
            speaker: speaker.into(),
            audio: Vec::new(),
            from,
            to,
            transcript: id.to_uppercase(),
            reference: Some(id.into()),
            numbers: None,
        };
        let (zh, en) = (Language::ZH, Language::EN);
        let second = vec![0.5; 16_000];
        let recordings: Vec<_> = [item("a", "x", zh, en), item("b", "y", en, zh), item("c", "x", zh, en), item("d", "x", zh, en)]
            .into_iter()
            .map(|i| (i, second.clone()))
            .collect();
        let clips = monologues(&recordings, 2.0);
        let ids: Vec<_> = clips.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids, ["a+1", "d+1", "b+1"]);
        let said: Vec<_> = clips[1].parts.iter().map(|p| (p.transcript.as_str(), p.from_s, p.to_s)).collect();
        assert_eq!(said, [("D", 0.0, 1.0), ("A", 1.4, 2.4)], "the last one is filled up from the beginning");
        assert_eq!(clips[2].parts.len(), 2, "b twice");
        assert_eq!(clips[0].samples.len(), 38_400);
    }
}
