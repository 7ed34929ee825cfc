//! The recogniser: Whisper run by whisper.cpp, the only file that names `whisper_rs`.
//!
//! Owns the model (one context, shared) and a decoding state per worker. The greedy loop is here instead of whisper.cpp's own
//! `whisper_full` so that the encoder runs once even when the language is unknown, the job is cancelled or lets urgent work
//! pass between tokens, and a loop is stopped while it is young. What to believe of the result is [`super::filter`]'s business.
//!
//! A decode is: log-mel, encoder over a window fitted to the clip, prompt, then one token at a time without timestamps.

use std::{
    borrow::Cow,
    ffi::c_void,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState, WhisperSysContext, WhisperSysState,
};

use super::{
    AsrJob, Hypothesis, Recogniser, chinese,
    filter::{self, Evidence},
    prompt,
    sampling::{self, Choice},
    timing,
};
use crate::{
    inference::{CancelToken, JobContext, JobError},
    language::{Language, Spoken},
    privacy::Redacted,
    time::SampleRate,
};

/// The stage's name in errors.
const STAGE: &str = "asr";
/// Encoder positions per second of sound.
const POSITIONS_PER_SECOND: usize = 50;
/// Positions of silence after the clip. The full window (1,500) costs over a second more on two cores. With 128 positions 5 of 70
/// development recordings went round in circles, with 160 2 of them, with 192 none. It hears better, too, the more there is: of people's
/// recordings 10.4 % wrong in Chinese and 12.4 % in English with 192, 10.1 and 10.3 with 320, 9.9 and 8.9 with the full window; but each 100
/// positions cost 40 ms.
const MARGIN: usize = 320;
/// The same for a partial decode, of which there are many: of one that goes round in circles the beginning is believed. With
/// 96 positions one in ten did, with 192 each took a quarter longer and translation began later.
const PARTIAL_MARGIN: usize = 128;
/// Words at the end of a partial decode that are less probable than this are not passed on: the sound ended in the middle of them, and the
/// next decode hears others. Words that stay have 0.8 to 1.0 most of the time, such 0.1 to 0.5.
const SURE: f32 = 0.6;
/// More silence for the second try of a clip that went round in circles: half a second of computing at most, where the full window
/// would be two.
const SECOND_MARGIN: usize = 192;
/// Windows come in steps of this many positions: a multiple of every vector width, and few distinct sizes.
const WINDOW_STEP: usize = 16;
/// The longest clip one decode hears: Whisper's own window.
const LONGEST: Duration = Duration::from_secs(30);
/// Shorter clips are padded: whisper.cpp refuses fractions of a second.
const SHORTEST: Duration = Duration::from_secs(1);
/// Fast speech is 6 to 8 tokens a second in any language; what comes faster is a loop, and waiting for its end costs the listener
/// half a second.
const TOKENS_PER_SECOND: usize = 9;
/// And a few more, for clips that hold one short word.
const EXTRA_TOKENS: usize = 12;
/// Whisper was trained with at most half its text window as prompt, the `<|startofprev|>` mark included.
const MAX_PROMPT_TOKENS: usize = 223;
/// A prompt is cut to its last characters before it is tokenised, so that its cost is bounded; 223 tokens are fewer in any script.
const MAX_PROMPT_CHARS: usize = 900;
/// Below this peak (about -74 dBFS, beneath the noise floor of any microphone) a clip is digital silence.
const SILENCE_PEAK: f32 = 2e-4;

/// The model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is missing.
    #[error("cannot read the recognition model {}: {source}; run `make models`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is there but is not a model that this engine can use.
    #[error("cannot load the recognition model {}: {reason}; run `tongchuan models verify`", path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// How to run Whisper.
#[derive(Debug, Clone)]
pub struct WhisperOptions {
    /// Threads of one decode; never more than the cores the gate lends.
    pub threads: usize,
    /// Compute on the GPU, when this build has a backend for it.
    pub gpu: bool,
    /// Put the wholesale market's vocabulary before every clip ([`prompt::market_vocabulary`]).
    pub market_vocabulary: bool,
}

impl Default for WhisperOptions {
    fn default() -> Self {
        Self { threads: 2, gpu: cfg!(feature = "cuda"), market_vocabulary: true }
    }
}

/// The weights, loaded once; every worker takes its own [`Whisper`] from here. Cheap to clone.
#[derive(Clone)]
pub struct SharedModel {
    context: Arc<WhisperContext>,
    vocabulary: Arc<Vocabulary>,
    options: WhisperOptions,
}

/// One worker's recogniser: a decoding state (about 100 MB for the base model) over the shared weights.
pub struct Whisper {
    model: SharedModel,
    state: WhisperState,
}

/// Numbers of the tokens that the loop handles itself.
struct Vocabulary {
    end_of_text: i32,
    start: i32,
    previous: i32,
    transcribe: i32,
    no_timestamps: i32,
    no_speech: i32,
    languages: Vec<(Language, i32)>,
    /// Indexed by token up to and with the end of text: true for what is never said.
    suppressed: Vec<bool>,
    /// The token of a single space: as the first one it means "nothing".
    blank: Option<usize>,
}

impl Whisper {
    /// Loads the GGML model at `path`.
    ///
    /// # Errors
    /// [`LoadError`] when the file is missing, broken, or an English-only model.
    pub fn load(path: &Path, options: WhisperOptions) -> Result<SharedModel, LoadError> {
        // Without this whisper.cpp and ggml write to stderr, at times what they decode; no log backend is compiled in, so it
        // silences them.
        whisper_rs::install_logging_hooks();
        let broken = |reason: &str| LoadError::Broken { path: path.to_owned(), reason: reason.to_owned() };
        std::fs::File::open(path).map_err(|source| LoadError::Missing { path: path.to_owned(), source })?;
        let mut parameters = WhisperContextParameters::new();
        parameters.use_gpu(options.gpu).flash_attn(false);
        let context = WhisperContext::new_with_params(path, parameters).map_err(|e| broken(&e.to_string()))?;
        if !context.is_multilingual() {
            return Err(broken("it is an English-only model"));
        }
        let vocabulary = Vocabulary::of(&context).ok_or_else(|| broken("its vocabulary is incomplete"))?;
        let options = WhisperOptions { threads: options.threads.max(1), ..options };
        Ok(SharedModel { context: Arc::new(context), vocabulary: Arc::new(vocabulary), options })
    }

    /// Decodes a longest clip, so that every buffer has its full size before the first listener waits.
    ///
    /// # Errors
    /// As [`Recogniser::recognise`].
    pub fn warm_up(&mut self) -> Result<(), JobError> {
        chinese::warm_up();
        // A faint hum: digital silence would be answered without computing anything.
        let samples: Vec<f32> = (0..SampleRate::ASR.samples(LONGEST)).map(|i| if i % 160 < 80 { 0.01 } else { -0.01 }).collect();
        let plan = Decode { candidates: &[Language::ZH], prompt: None, vocabulary: true, committed: None, limit: EXTRA_TOKENS };
        self.decode(&samples, &plan, self.model.window(samples.len(), MARGIN), &JobContext::detached()).map(|_| ())
    }
}

impl SharedModel {
    /// A recogniser for one worker.
    ///
    /// # Errors
    /// [`JobError::Failed`] when there is not enough memory for its state.
    pub fn recogniser(&self) -> Result<Whisper, JobError> {
        let state = self.context.create_state().map_err(|e| JobError::failed(STAGE, e))?;
        Ok(Whisper { model: self.clone(), state })
    }

    /// Encoder positions for a clip of `samples`: the clip, a margin, and never more than the model has.
    fn window(&self, samples: usize, margin: usize) -> usize {
        fitted_window(samples, margin).min(self.full_window())
    }

    fn full_window(&self) -> usize {
        usize::try_from(self.context.n_audio_ctx()).unwrap_or(0)
    }

    /// The prompt's tokens with their mark in front, or nothing: the market's words first, the caller's last, because Whisper
    /// leans most on what is nearest.
    fn prompt_tokens(&self, language: Language, job_prompt: Option<&str>, vocabulary: bool) -> Result<Vec<i32>, JobError> {
        let general = if vocabulary { prompt::market_vocabulary(language) } else { prompt::style(language) };
        let mut own = self.tokenize(job_prompt.unwrap_or(""))?;
        let mut tokens = self.tokenize(general.unwrap_or(""))?;
        own.drain(..own.len().saturating_sub(MAX_PROMPT_TOKENS));
        tokens.truncate(MAX_PROMPT_TOKENS - own.len());
        tokens.append(&mut own);
        if !tokens.is_empty() {
            tokens.insert(0, self.vocabulary.previous);
        }
        Ok(tokens)
    }

    /// Tokens of what was already heard of a clip, as the decoder would have chosen them: with a space in front where words have one.
    fn committed_tokens(&self, language: Language, committed: Option<&str>) -> Result<Vec<i32>, JobError> {
        let Some(text) = committed else { return Ok(Vec::new()) };
        let lead = if language.is_unspaced() { "" } else { " " };
        let mut tokens = self.tokenize(&format!("{lead}{}", text.trim()))?;
        tokens.drain(..tokens.len().saturating_sub(MAX_PROMPT_TOKENS));
        Ok(tokens)
    }

    fn tokenize(&self, text: &str) -> Result<Vec<i32>, JobError> {
        let skipped = text.chars().count().saturating_sub(MAX_PROMPT_CHARS);
        let text: String = text.chars().skip(skipped).filter(|c| *c != '\0').collect();
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        // whisper-rs trusts the count that comes back, and whisper.cpp answers a negative one when the room is too small: a
        // token is at least one byte, so this room never is.
        self.context.tokenize(&text, text.len() + 1).map_err(|_| JobError::failed(STAGE, "the prompt cannot be tokenised"))
    }
}

/// What one decode is asked.
struct Decode<'j> {
    /// Languages it may be in; with one only there is nothing to detect.
    candidates: &'j [Language],
    prompt: Option<&'j str>,
    /// Put the market's vocabulary before the clip.
    vocabulary: bool,
    /// What was already heard of the clip: the decoder goes on behind it.
    committed: Option<&'j str>,
    /// At most so many tokens.
    limit: usize,
}

/// What one decode gave.
struct Decoded {
    language: Language,
    choices: Vec<Choice>,
    no_speech: f32,
    /// It went round in circles, or ran into its limit.
    astray: bool,
    /// How many choices were made before it went round in circles, if it did.
    before: Option<usize>,
}

impl Recogniser for Whisper {
    fn recognise(&mut self, job: &AsrJob, context: &JobContext) -> Result<Hypothesis, JobError> {
        context.checkpoint()?;
        let length = SampleRate::ASR.duration(job.samples.len());
        if length > LONGEST {
            return Err(JobError::failed(STAGE, format_args!("a clip of {length:?} is longer than {LONGEST:?}")));
        }
        if job.samples.iter().any(|s| !s.is_finite()) {
            return Err(JobError::failed(STAGE, "a sample is not a number"));
        }
        let candidates = self.model.vocabulary.candidates(job)?;
        if job.samples.iter().all(|s| s.abs() < SILENCE_PEAK) {
            let language = candidates.first().copied().unwrap_or(Language::EN);
            return Ok(Hypothesis { text: Redacted::default(), language, tokens: Vec::new(), no_speech: 1.0 });
        }

        let limit = EXTRA_TOKENS + TOKENS_PER_SECOND * job.samples.len() / SampleRate::ASR.0 as usize;
        let prompt = job.prompt.as_ref().map(Redacted::expose);
        let committed = job.committed.as_ref().map(Redacted::expose).filter(|text| !text.trim().is_empty());
        let vocabulary = self.model.options.market_vocabulary;
        let plan = Decode { candidates: &candidates, prompt, vocabulary, committed, limit };
        let window = self.model.window(job.samples.len(), if job.partial { PARTIAL_MARGIN } else { MARGIN });
        let mut decoded = self.decode(&job.samples, &plan, window, context)?;
        // A short window, or a prompt, makes Whisper circle now and then, or begin anew; with more silence behind the clip and no words
        // before it the same clip comes out right. Noise comes out no better. Of a partial decode, which need not be complete, what it
        // heard on the way there is kept.
        let guessing = sampling::mean_probability(&decoded.choices) < filter::GUESSING;
        let astray = self.is_astray(&decoded, committed);
        if astray && job.partial {
            decoded.choices.truncate(decoded.before.unwrap_or(0));
            let unsure = sampling::mean_probability(&decoded.choices) < filter::UNSURE;
            if unsure || self.says_again(&decoded, committed) {
                decoded.choices.clear();
            }
        } else if astray && !guessing {
            let wider = (window + SECOND_MARGIN).min(self.model.full_window());
            let plan = Decode { prompt: None, vocabulary: false, ..plan };
            let second = self.decode(&job.samples, &plan, wider, context)?;
            // Two tries that both went astray: the filter makes the best of the first, which knew the prompt.
            if !self.is_astray(&second, committed) {
                decoded = second;
            }
        }
        Ok(self.hypothesis(job, decoded))
    }
}

impl Whisper {
    fn decode(&mut self, samples: &[f32], plan: &Decode<'_>, window: usize, context: &JobContext) -> Result<Decoded, JobError> {
        let began = std::time::Instant::now();
        self.encode(samples, window, &context.cancel)?;
        let encoded = began.elapsed();
        context.checkpoint()?;
        let vocabulary = Arc::clone(&self.model.vocabulary);
        let language = self.language(plan.candidates)?;
        let language_token = vocabulary
            .languages
            .iter()
            .find(|(l, _)| *l == language)
            .map(|(_, token)| *token)
            .ok_or_else(|| unknown(language))?;

        // The start mark goes in alone: its logits, and only the last ones of a batch are kept, tell whether anybody speaks.
        let prompt = self.model.prompt_tokens(language, plan.prompt, plan.vocabulary)?;
        let mut past = 0;
        self.feed(&prompt, &mut past)?;
        self.feed(&[vocabulary.start], &mut past)?;
        let no_speech = sampling::probability(self.logits()?, usize::try_from(vocabulary.no_speech).unwrap_or(usize::MAX));
        self.feed(&[language_token, vocabulary.transcribe], &mut past)?;
        let mut heard = vec![vocabulary.no_timestamps];
        heard.extend(self.model.committed_tokens(language, plan.committed)?);
        // The last one alone: its logits choose the first word.
        let (before, last) = heard.split_at(heard.len() - 1);
        self.feed(before, &mut past)?;
        self.feed(last, &mut past)?;

        let room = usize::try_from(self.model.context.n_text_ctx()).unwrap_or(0).saturating_sub(past + 1);
        let mut decoded = Decoded { language, choices: Vec::new(), no_speech, astray: false, before: None };
        loop {
            context.checkpoint()?;
            let choice = vocabulary.choose(self.logits()?, plan.committed.is_none() && decoded.choices.is_empty());
            let Some(choice) = choice else { break };
            decoded.choices.push(choice);
            let limit = decoded.choices.len() >= plan.limit.min(room);
            // Two rounds are no emphasis where there are more words than anybody says in the time.
            decoded.before = sampling::circles(&decoded.choices, if limit { 2 } else { usize::MAX });
            decoded.astray = decoded.before.is_some() || limit;
            if decoded.astray {
                break;
            }
            self.feed(&[choice.token], &mut past)?;
        }
        let (tokens, prompt, astray) = (decoded.choices.len(), prompt.len(), decoded.astray);
        tracing::debug!(window, prompt, tokens, astray, encode = ?encoded, all = ?began.elapsed(), "decoded");
        Ok(decoded)
    }

    /// Log-mel of `samples` and the encoder over `window` positions.
    fn encode(&mut self, samples: &[f32], window: usize, cancel: &CancelToken) -> Result<(), JobError> {
        let shortest = SampleRate::ASR.samples(SHORTEST);
        let mut samples = Cow::Borrowed(samples);
        if samples.len() < shortest {
            samples.to_mut().resize(shortest, 0.0);
        }
        // The window is a field of the state that only `whisper_full` sets. It is asked to do so, computes the log-mel as well,
        // and is stopped in front of the encoder: that leaves the decoding to us. (whisper.cpp 1.7 to 1.8.)
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        parameters.set_n_threads(self.threads());
        parameters.set_audio_ctx(i32::try_from(window).unwrap_or(0));
        parameters.set_no_context(true);
        parameters.set_print_progress(false);
        parameters.set_print_realtime(false);
        parameters.set_print_timestamps(false);
        // SAFETY: the callback has the signature that whisper.cpp calls, ignores its arguments and touches nothing.
        unsafe { parameters.set_start_encoder_callback(Some(stop_before_the_encoder)) };
        self.state.full(parameters, &samples).map_err(|e| JobError::failed(STAGE, e))?;
        if cancel.is_cancelled() {
            return Err(JobError::Cancelled);
        }
        let threads = self.model.options.threads;
        self.state.encode(0, threads).map_err(|e| JobError::failed(STAGE, e))
    }

    /// The only candidate, or the most likely one: one step of the decoder over what the encoder already heard.
    fn language(&mut self, candidates: &[Language]) -> Result<Language, JobError> {
        if let [only] = candidates {
            return Ok(*only);
        }
        self.feed(&[self.model.vocabulary.start], &mut 0)?;
        let logits = self.logits()?;
        let logit = |token: i32| usize::try_from(token).ok().and_then(|token| logits.get(token)).copied().unwrap_or(f32::MIN);
        let languages = self.model.vocabulary.languages.iter().filter(|(language, _)| candidates.contains(language));
        let best = languages.max_by(|a, b| logit(a.1).total_cmp(&logit(b.1)));
        best.map(|(language, _)| *language).ok_or_else(|| JobError::failed(STAGE, "there is no language to choose from"))
    }

    /// Runs the decoder over `tokens` at position `past`, which moves on.
    fn feed(&mut self, tokens: &[i32], past: &mut usize) -> Result<(), JobError> {
        if tokens.is_empty() {
            return Ok(());
        }
        self.state.decode(tokens, *past, self.model.options.threads).map_err(|e| JobError::failed(STAGE, e))?;
        *past += tokens.len();
        Ok(())
    }

    /// The logits after the last [`Whisper::feed`], which must have been of one token: whisper-rs shows the first row of a batch,
    /// whisper.cpp fills the last.
    fn logits(&self) -> Result<&[f32], JobError> {
        self.state.get_logits().map_err(|e| JobError::failed(STAGE, e))
    }

    fn threads(&self) -> i32 {
        i32::try_from(self.model.options.threads).unwrap_or(1)
    }

    /// True when it went round in circles, or says what was committed again.
    fn is_astray(&self, decoded: &Decoded, committed: Option<&str>) -> bool {
        decoded.astray || self.says_again(decoded, committed)
    }

    fn says_again(&self, decoded: &Decoded, committed: Option<&str>) -> bool {
        committed.is_some_and(|committed| {
            let text: String = self.pieces(&decoded.choices).into_iter().map(|(text, _)| text).collect();
            let text = if decoded.language == Language::ZH { chinese::simplified(&text) } else { text.into() };
            filter::says_again(committed, &text, decoded.language)
        })
    }

    fn pieces(&self, choices: &[Choice]) -> Vec<(String, f32)> {
        sampling::pieces(choices, |token| self.model.context.token_to_bytes(token).unwrap_or_default())
    }

    fn hypothesis(&self, job: &AsrJob, decoded: Decoded) -> Hypothesis {
        let Decoded { language, choices, no_speech, .. } = decoded;
        let speech = timing::speech_bounds(&job.samples);
        let mut pieces = self.pieces(&choices);
        if job.partial {
            pieces.truncate(sampling::without_unsure_end(&pieces, language.is_unspaced(), SURE));
        }
        let text: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let evidence = Evidence {
            language,
            no_speech,
            probability: sampling::mean_probability(&choices),
            speech: speech.end.saturating_sub(speech.start),
            prompted: self.model.options.market_vocabulary.then(|| prompt::market_vocabulary(language)).flatten(),
            continues: job.committed.is_some(),
        };
        // What follows committed words keeps its space, and may be nothing but a full stop.
        let lead = if job.committed.is_some() && text.starts_with(' ') { " " } else { "" };
        let cleaned = filter::clean(text.trim(), &evidence);
        let text = if cleaned.is_empty() { cleaned } else { format!("{lead}{cleaned}") };
        let text = if language == Language::ZH { chinese::simplified(&text).into_owned() } else { text };
        let tokens = timing::spread(pieces, speech);
        Hypothesis { text: Redacted::new(text), language, tokens, no_speech }
    }
}

impl Vocabulary {
    fn of(context: &WhisperContext) -> Option<Self> {
        let end_of_text = usize::try_from(context.token_eot()).ok()?;
        let (mut suppressed, mut blank) = (vec![false; end_of_text + 1], None);
        for (token, suppressed) in suppressed.iter_mut().enumerate().take(end_of_text) {
            let bytes = context.token_to_bytes(i32::try_from(token).ok()?).ok()?;
            *suppressed = sampling::is_not_speech(bytes);
            if bytes == b" " {
                blank = Some(token);
            }
        }
        let languages: Vec<_> = Language::all()
            .filter_map(|language| Some((language, context.token_lang(whisper_rs::get_lang_id(language.tag())?))))
            .collect();
        Some(Self {
            end_of_text: context.token_eot(),
            start: context.token_sot(),
            previous: context.token_prev(),
            transcribe: context.token_transcribe(),
            no_timestamps: context.token_not(),
            no_speech: context.token_nosp(),
            languages,
            suppressed,
            blank,
        })
    }

    /// The languages a job may be in, and that the model knows.
    fn candidates(&self, job: &AsrJob) -> Result<Vec<Language>, JobError> {
        let known = |language: &Language| self.languages.iter().any(|(l, _)| l == language);
        match job.language {
            Spoken::Fixed(language) if known(&language) => Ok(vec![language]),
            Spoken::Fixed(language) => Err(unknown(language)),
            Spoken::Auto => {
                let wanted: Vec<Language> = job.candidates.iter().copied().filter(known).collect();
                Ok(if wanted.is_empty() { self.languages.iter().map(|(l, _)| *l).collect() } else { wanted })
            }
        }
    }

    /// The most likely next token, or nothing at the end of the text. The first one must say something.
    fn choose(&self, logits: &[f32], first: bool) -> Option<Choice> {
        let end = usize::try_from(self.end_of_text).ok()?;
        let allowed = |token: usize| !self.suppressed[token] && !(first && (token == end || Some(token) == self.blank));
        let choice = sampling::greedy(logits.get(..=end)?, allowed)?;
        (choice.token != self.end_of_text).then_some(choice)
    }
}

fn unknown(language: Language) -> JobError {
    JobError::failed(STAGE, format_args!("the recognition model does not know the language {language}"))
}

/// Encoder positions for a clip of `samples`, before the model's own limit.
fn fitted_window(samples: usize, margin: usize) -> usize {
    let clip = samples.max(SampleRate::ASR.samples(SHORTEST));
    (clip * POSITIONS_PER_SECOND).div_ceil(SampleRate::ASR.0 as usize).saturating_add(margin).next_multiple_of(WINDOW_STEP)
}

/// Called by whisper.cpp in front of the encoder: stops there.
unsafe extern "C" fn stop_before_the_encoder(_: *mut WhisperSysContext, _: *mut WhisperSysState, _: *mut c_void) -> bool {
    false
}

#[cfg(test)]
mod tests;
