//! A translator over a decoder-only language model in ONNX: greedy, one sentence at a time, with a kept KV cache for the prompt's
//! fixed beginning.
//!
//! Owns the loop over tokens, its limits and the retries; [`decoder`] runs the graph, [`memory`] keeps what was read, [`super::prompt`] says
//! what to ask and what to accept. Called by the translation worker, which owns it on one thread.

mod decoder;
mod memory;

use std::{path::Path, sync::Arc};

use decoder::{Decoder, DecoderError, Step};
use memory::{Memory, Read, Start};

use super::{
    MtJob, Translation, Translator, numerals,
    prompt::{
        self, Piece, PrefixKey, Prompt, Strictness,
        judge::{self, Rejection},
    },
    tokenizer::{Tokenizer, TokenizerError},
};
use crate::{
    inference::{
        JobContext, JobError,
        onnx::{OnnxError, Provider, SessionOptions},
    },
    language::Language,
    privacy::Redacted,
};

/// How errors name this stage; `protocol::fault` knows it by this name.
const STAGE: &str = "mt";
/// Graph and vocabulary in the model's directory; the weights' name is in the graph.
const MODEL_FILE: &str = "model.onnx";
const TOKENIZER_FILE: &str = "tokenizer.json";
/// Prompt tokens computed at once: cancellation and more urgent work are looked at in between.
const PROMPT_CHUNK: usize = 32;
/// Tokens of a guess that are checked at once: each costs a tenth of what writing it would, if it is right.
const MAX_GUESS: usize = 32;
/// Tokens that a cache has room for behind a prompt: it need not grow for most answers.
const USUAL_ANSWER: usize = 32;
/// A draft goes the way of the one before it, its guess, where the next token is at least so many times as probable as the best one: what two
/// drafts begin with is said. (Arivazhagan et al. 2020, "Re-translation versus Streaming for Simultaneous Translation", bias likewise.)
const STAY: f32 = 0.5;
/// The translator is sure of a draft up to its first token that is less probable: what is made up of words that nobody has said yet might
/// as well go on otherwise. Of 18 monologues, one run each, start lag from English was 2.96 s and chrF 45.8 and 15.5; with 0.5 it is not
/// sure of the wording of what was said, either, 3.17 s, 45.2 and 15.0; without it 2.8 s, 45.1 and 16.5, and more is said that nobody said.
const SURE: f32 = 0.25;
/// No interpretation of one sentence needs more; at 25 tokens/s it would be 15 s late.
const MAX_TOKENS: usize = 384;

/// How to load and run the model.
#[derive(Debug, Clone)]
pub struct DecoderLmOptions {
    /// Threads that compute; the whole of what this engine uses.
    pub threads: usize,
    /// Where to compute.
    pub provider: Provider,
    /// Prompt beginnings whose KV cache is kept, the least recently used goes first: one per pair of languages and
    /// [`Strictness`]; about 35 MB each with the 1.5B. 0 keeps nothing and computes everything again for every sentence.
    pub kept_prefixes: usize,
}

impl DecoderLmOptions {
    /// On the CPU with `threads` threads, keeping eight beginnings: a room's two directions, four rooms' worth of pairs.
    pub fn cpu(threads: usize) -> Self {
        Self { threads, provider: Provider::Cpu, kept_prefixes: 8 }
    }
}

/// The model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// ONNX Runtime or the graph.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The graph is no decoder that this engine can run.
    #[error(
        "{path}: {reason}; a decoder with GroupQueryAttention, a float32 KV cache and the names of Hugging Face's exports is needed"
    )]
    Graph {
        /// Which file.
        path: String,
        /// What is missing or different.
        reason: String,
    },
}

/// The engine. See the module's page.
pub struct DecoderLm {
    decoder: Decoder,
    tokenizer: Tokenizer,
    control: Control,
    memory: Memory,
    /// Per target language that was asked for: which tokens an answer may have.
    writable: Vec<(Language, Arc<[bool]>)>,
    /// Tokens that may stand in a numeral, with their text; none before the first job.
    numeric: Arc<[(u32, String)]>,
}

/// ChatML's control tokens.
#[derive(Debug, Clone, Copy)]
struct Control {
    start: u32,
    end: u32,
    end_of_text: u32,
}

impl std::fmt::Debug for DecoderLm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DecoderLm({:?}, {} prefixes kept)", self.tokenizer, self.memory.prefixes())
    }
}

impl DecoderLm {
    /// Loads `model.onnx` (with its external weights) and `tokenizer.json` from `dir`. ONNX Runtime must be loaded already.
    ///
    /// # Errors
    /// [`LoadError`] when a file is missing, broken, or another kind of model.
    pub fn load(dir: &Path, options: &DecoderLmOptions) -> Result<Self, LoadError> {
        let model = dir.join(MODEL_FILE);
        let session = SessionOptions { provider: options.provider, ..SessionOptions::cpu(options.threads) };
        let decoder = Decoder::load(&model, &session)?;
        let tokenizer = Tokenizer::load(&dir.join(TOKENIZER_FILE))?;
        let control = Control {
            start: tokenizer.control("<|im_start|>")?,
            end: tokenizer.control("<|im_end|>")?,
            end_of_text: tokenizer.control("<|endoftext|>")?,
        };
        let (memory, writable) = (Memory::new(options.kept_prefixes), Vec::new());
        Ok(Self { decoder, tokenizer, control, memory, writable, numeric: Arc::default() })
    }

    /// Computes the prompt beginnings of `pairs` (from, to) and runs one step of each, so that the first sentence is as fast as
    /// the others. At most as many pairs as are kept are worth it.
    ///
    /// # Errors
    /// [`JobError::Failed`] when the model does not run.
    pub fn warm_up(&mut self, pairs: &[(Language, Language)]) -> Result<(), JobError> {
        pairs.iter().try_for_each(|&(from, to)| self.prepare(from, to, &JobContext::detached()))
    }

    /// Computes the beginning of a direction's prompt, which tokens its answers may have, and one step.
    fn prepare(&mut self, from: Language, to: Language, context: &JobContext) -> Result<(), JobError> {
        let prefix = self.prefix(PrefixKey { from, to, strictness: Strictness::Normal }, context)?;
        self.writable(to);
        self.numeric();
        let tokens = [prefix.tokens.as_slice(), &[self.control.start]].concat();
        self.read(&tokens, &[], &prefix, context)?;
        Ok(())
    }

    /// Reads the words of `job`, more of which will come, and gives what it may have of the translation.
    fn read_ahead(&mut self, job: &MtJob, context: &JobContext) -> Result<Translation, JobError> {
        if job.ahead != Some(0) {
            let (answer, tokens) = self.answer(job, Strictness::Normal, context)?;
            let (text, sure, complete) = match answer {
                Answer::Text { text, sure, complete } if judge::acceptable_so_far(job, text.expose()) => {
                    let sure = text.expose().get(..sure).map_or(0, |sure| sure.trim().len());
                    (Redacted::new(text.expose().trim()), sure, complete)
                }
                _ => Default::default(),
            };
            return Ok(Translation { text, sure, tokens, tries: 1, complete });
        }
        let Asked { prefix, tokens, .. } = self.ask(job, Strictness::Normal, context)?;
        if tokens.len() < self.decoder.positions() {
            let step = self.read(&tokens, &[], &prefix, context)?;
            self.memory.keep_ahead(Read::new(&tokens, step.cache));
        }
        Ok(Translation { text: Redacted::default(), sure: 0, tokens: 0, tries: 1, complete: false })
    }

    /// The prompt for `job` in tokens.
    fn ask(&mut self, job: &MtJob, strictness: Strictness, context: &JobContext) -> Result<Asked, JobError> {
        let prompt = Prompt::new(job, strictness);
        let prefix = self.prefix(PrefixKey { from: job.from, to: job.to, strictness }, context)?;
        let tokens = [prefix.tokens.clone(), self.encode(&prompt.turn)?].concat();
        Ok(Asked { prefix, tokens, answer: self.encode(&prompt.answer)? })
    }

    /// One try: the answer as text, and how many tokens it took.
    fn answer(&mut self, job: &MtJob, strictness: Strictness, context: &JobContext) -> Result<(Answer, usize), JobError> {
        let Asked { prefix, tokens: mut read, answer } = self.ask(job, strictness, context)?;
        read.extend(answer);
        let asked = read.len();
        let writable = self.writable(job.to);
        let source_tokens = self.tokenizer.encode(job.text.expose()).map_err(failed)?.len();
        let limit = answer_limit(source_tokens, job.to);
        let begun = self.tokenizer.encode(job.begun.expose()).map_err(failed)?.len();
        // A draft that is longer than its source makes up how that goes on.
        let ahead = job.ahead.map(|most| most.min((source_tokens * usual_length(job.to)).saturating_sub(begun)));
        if read.len() + limit > self.decoder.positions() {
            return Err(JobError::failed(STAGE, "the text is too long for the model: cut it into sentences"));
        }
        let numeric = if job.numerals.is_some() { self.numeric() } else { Arc::default() };
        let may_follow = |text: &str| match &job.numerals {
            Some(numerals) => restrict(&writable, &numeric, |more| numerals.allow(text, more)),
            None => Arc::clone(&writable),
        };
        let mut text = job.begun.expose().trim_end().to_owned();
        let mut guess = self.guess(job, strictness, ahead)?;
        let mut step = self.read(&read, &guess, &prefix, context)?;
        // Tokens of the guess that the step has read and that are not known to be right.
        let mut unsure = guess.len();
        let (mut sure, mut is_sure) = (text.len(), true);
        let complete = loop {
            // A draft stays with the one before it where that is nearly as good.
            let guessed = guess.get(guess.len() - unsure).copied();
            let other = guessed.filter(|_| job.ahead.is_some()).map(|token| (token, STAY));
            let token = step.best(unsure, &may_follow(&text), other).map_err(failed)?;
            if token == self.control.end || token == self.control.end_of_text {
                break true;
            }
            if ahead == Some(read.len() - asked) {
                break false;
            }
            if read.len() - asked == limit {
                return Ok((Answer::Endless, limit));
            }
            read.push(token);
            text = joined(job.begun.expose(), &self.tokenizer.decode(&read[asked..]).map_err(failed)?);
            is_sure = is_sure && (job.ahead.is_none() || step.probability(unsure, token).map_err(failed)? >= SURE);
            if is_sure {
                sure = text.len();
            }
            if token == self.control.start || repeats(&read[asked..]) {
                break true;
            }
            if let Some(running) = &job.running
                && judge::acceptable_so_far(job, &text)
            {
                running.send_replace(Redacted::new(text.trim_start()));
            }
            if guessed == Some(token) {
                unsure -= 1;
                continue;
            }
            let cache = step.cache.without_last(std::mem::take(&mut unsure));
            if let Err(stopped) = context.checkpoint() {
                self.keep(job, Read::new(&read, cache));
                return Err(stopped);
            }
            guess.clear();
            step = self.decoder.step(&[token], 1, cache).map_err(failed)?;
        };
        self.keep(job, Read::new(&read, step.cache.without_last(unsure)));
        Ok((Answer::Text { text: Redacted::new(text), sure, complete }, read.len() - asked))
    }

    /// What probably follows what was begun, in at most so many tokens.
    fn guess(&self, job: &MtJob, strictness: Strictness, most: Option<usize>) -> Result<Vec<u32>, JobError> {
        if strictness != Strictness::Normal || !self.decoder.keeps_scores() {
            return Ok(Vec::new());
        }
        let more = job.guess.expose().strip_prefix(job.begun.expose().trim_end()).unwrap_or_default();
        let mut tokens = self.tokenizer.encode(more).map_err(failed)?;
        tokens.truncate(most.unwrap_or(MAX_GUESS).min(MAX_GUESS));
        Ok(tokens)
    }

    fn keep(&mut self, job: &MtJob, read: Read) {
        if job.ahead.is_some() { self.memory.keep_ahead(read) } else { self.memory.keep(read) }
    }

    /// Reads what of `tokens`, which begin with `prefix`, is not known, in chunks, and with the last of them the `guess` at what follows:
    /// scored is what follows them and each token of it. What was read before it was cancelled is kept.
    fn read(&mut self, tokens: &[u32], guess: &[u32], prefix: &Arc<Read>, context: &JobContext) -> Result<Step, JobError> {
        let (start, known) = self.memory.start(tokens, prefix);
        let new = &tokens[known..];
        let (mut cache, is_taken) = match start {
            Start::Kept(read) => {
                let more = new.len() + guess.len() + USUAL_ANSWER;
                (self.decoder.copy(&read.cache, known, more).map_err(failed)?, false)
            }
            Start::Taken(read) => (read.cache.first(known), true),
        };
        let mut chunks = new.chunks(PROMPT_CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            if let Err(stopped) = context.checkpoint() {
                if is_taken || cache.length() > known {
                    self.memory.keep_ahead(Read::new(tokens, cache));
                }
                return Err(stopped);
            }
            let step = match chunks.peek() {
                Some(_) => self.decoder.step(chunk, 1, cache),
                None => return self.decoder.step(&[chunk, guess].concat(), 1 + guess.len(), cache).map_err(failed),
            };
            cache = step.map_err(failed)?.cache;
        }
        Err(JobError::failed(STAGE, "an empty prompt"))
    }

    /// A prompt's beginning, kept or read. Nothing writes to its cache: what goes on behind it is a copy.
    fn prefix(&mut self, key: PrefixKey, context: &JobContext) -> Result<Arc<Read>, JobError> {
        if let Some(kept) = self.memory.prefix(key) {
            return Ok(kept);
        }
        let tokens = self.encode(&prompt::prefix(key))?;
        if tokens.len() >= self.decoder.positions() {
            return Err(JobError::failed(STAGE, "the model's context is too short for the prompt"));
        }
        let empty = Arc::new(Read::new(&[], self.decoder.empty_cache().map_err(failed)?));
        let step = self.read(&tokens, &[], &empty, context)?;
        let read = Arc::new(Read::new(&tokens, step.cache));
        self.memory.keep_prefix(key, &read);
        Ok(read)
    }

    /// Which tokens an answer in `to` may have: those without letters of other scripts.
    ///
    /// A small model copies a source word that it does not know (about one sentence in seven, Chinese into English); without these
    /// tokens it finds a translation or a spelling instead. The judge would reject the sentence, and the retries copy again.
    fn writable(&mut self, to: Language) -> Arc<[bool]> {
        if let Some((_, writable)) = self.writable.iter().find(|(language, _)| *language == to) {
            return Arc::clone(writable);
        }
        let count = u32::try_from(self.tokenizer.size()).unwrap_or(0);
        let writable: Arc<[bool]> =
            (0..count).map(|id| self.tokenizer.decode(&[id]).is_ok_and(|text| judge::may_write(to, &text))).collect();
        self.writable.push((to, Arc::clone(&writable)));
        writable
    }

    /// The tokens that concern numerals.
    fn numeric(&mut self) -> Arc<[(u32, String)]> {
        if self.numeric.is_empty() {
            let count = u32::try_from(self.tokenizer.size()).unwrap_or(0);
            let texts = (0..count).filter_map(|id| Some((id, self.tokenizer.decode(&[id]).ok()?)));
            self.numeric = texts.filter(|(_, text)| numerals::concerns(text)).collect();
        }
        Arc::clone(&self.numeric)
    }

    fn encode(&self, pieces: &[Piece]) -> Result<Vec<u32>, JobError> {
        let mut tokens = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Start => tokens.push(self.control.start),
                Piece::End => tokens.push(self.control.end),
                Piece::Text(text) => tokens.extend(self.tokenizer.encode(text).map_err(failed)?),
            }
        }
        Ok(tokens)
    }
}

/// What one try asks.
struct Asked {
    prefix: Arc<Read>,
    /// Up to the end of the words, the prefix included.
    tokens: Vec<u32>,
    /// From there to where the answer begins.
    answer: Vec<u32>,
}

/// What one try gave.
#[derive(Debug)]
enum Answer {
    /// The model ended it, or, where it is not complete, it was to be no longer. `sure`: see [`Translation`].
    Text { text: Redacted, sure: usize, complete: bool },
    /// The limit ended it.
    Endless,
}

impl Translator for DecoderLm {
    fn translate(&mut self, job: &MtJob, context: &JobContext) -> Result<Translation, JobError> {
        context.checkpoint()?;
        let source = job.text.expose().trim();
        if source.is_empty() {
            self.prepare(job.from, job.to, context)?;
            return Ok(Translation { tries: 0, ..Translation::whole(Redacted::default(), 0) });
        }
        if !judge::needs_translation(source) || job.from == job.to {
            return Ok(Translation { tries: 0, ..Translation::whole(source, 0) });
        }
        if job.ahead.is_some() {
            return self.read_ahead(job, context);
        }
        let mut tokens = 0;
        let mut rejections = Vec::new();
        for strictness in Strictness::TRIES {
            let (answer, count) = self.answer(job, strictness, context)?;
            tokens += count;
            let verdict = match answer {
                Answer::Text { text, .. } => judge::accept(job, text.expose()),
                Answer::Endless => Err(Rejection::TooLong),
            };
            match verdict {
                Ok(text) => {
                    return Ok(Translation { tries: rejections.len() + 1, ..Translation::whole(text, tokens) });
                }
                Err(rejection) => {
                    tracing::debug!(%rejection, from = %job.from, to = %job.to, ?strictness, "translation rejected");
                    rejections.push(rejection.to_string());
                }
            }
        }
        Err(JobError::failed(STAGE, format!("no try gave a translation: {}", rejections.join("; "))))
    }
}

/// `writable` without the tokens that `allow` refuses; only numeric ones, when nothing else may follow (a numeral was begun).
fn restrict(writable: &[bool], numeric: &[(u32, String)], allow: impl Fn(&str) -> bool) -> Arc<[bool]> {
    let allowed: Vec<(usize, bool)> =
        numeric.iter().filter_map(|(id, text)| Some((usize::try_from(*id).ok()?, allow(text)))).collect();
    let begun = !allow(" ");
    let mut mask = if begun { vec![false; writable.len()] } else { writable.to_vec() };
    for (id, allowed) in &allowed {
        if let (Some(place), Some(written)) = (mask.get_mut(*id), writable.get(*id)) {
            *place = *allowed && *written;
        }
    }
    // A vocabulary without the character that must follow: better a numeral that the comparison finds than no answer.
    if mask.contains(&true) { mask.into() } else { writable.into() }
}

/// What was begun with what follows it: one space between words, none before a mark.
fn joined(begun: &str, more: &str) -> String {
    let glued = more.is_empty() || more.starts_with(|c: char| c.is_whitespace() || c.is_ascii_punctuation());
    format!("{}{more}", if glued { begun.trim_end() } else { begun })
}

/// Most tokens an answer to `source` tokens may have.
///
/// Measured on the vocabulary: Latin, Cyrillic and East Asian text has within a factor of 3 as many tokens as the same text in
/// another of them; scripts that the vocabulary spells in bytes have up to three times more.
fn answer_limit(source: usize, to: Language) -> usize {
    source.saturating_mul(if usual_length(to) > 1 { 10 } else { 4 }).saturating_add(24).min(MAX_TOKENS)
}

/// Tokens of a translation into `to` per token of its source, roughly: see [`answer_limit`].
fn usual_length(to: Language) -> usize {
    use unicode_script::Script::{Cyrillic, Han, Hangul, Hiragana, Latin};
    let spelled = !matches!(to.info().scripts.first(), Some(Latin | Cyrillic | Han | Hiragana | Hangul));
    if spelled { 3 } else { 1 }
}

/// True when the last tokens are one phrase of up to 16 tokens, again and again: waiting for the limit would cost seconds.
/// The judge then sees the loop, unless the source is one.
fn repeats(tokens: &[u32]) -> bool {
    (1..=16usize).any(|period| {
        let span = (period * 5).max(16);
        tokens.len() >= span + period && {
            let tail = &tokens[tokens.len() - span..];
            let before = &tokens[tokens.len() - span - period..tokens.len() - period];
            tail == before
        }
    })
}

fn failed(error: impl Into<EngineError>) -> JobError {
    JobError::failed(STAGE, error.into())
}

/// What may go wrong while running, none of it with words in it.
#[derive(Debug, thiserror::Error)]
enum EngineError {
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

#[cfg(test)]
mod tests;
