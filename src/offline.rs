//! The stages one after the other on whole files and lines, for tools and benches: no room, no pacing, the same engines.

use std::{sync::Arc, time::Duration};

use crate::{
    asr::{AsrJob, Hypothesis},
    inference::{JobError, Priority, worker::Handle},
    language::{Language, Spoken, Voice},
    mt::{MtJob, Translation},
    pipeline::{
        amounts,
        conversation::Conversation,
        segments::{Patience, Segments},
        terms,
    },
    privacy::Redacted,
    time::SampleRate,
    trade::{Context, Glossary, doubt, guard::Guard},
    tts::{Speech, TtsJob, clauses},
    vad::{
        VadJob, VadOutput, VadState, WINDOW,
        segmenter::{Event, Segmenter, SegmenterOptions, Utterance},
    },
};

/// Nobody waits at the other end: a tool's job may take as long as it takes.
const NO_HURRY: Duration = Duration::from_secs(600);

/// A result with the computing time it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// The result.
    pub output: T,
    /// Computing, without waiting.
    pub took: Duration,
}

/// What is done for the trade beyond recognising and translating. All of it, as the pipeline does, unless somebody measures what a
/// part is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Misheard terms are put right.
    pub repair: bool,
    /// Numbers are read, asked for in digits, compared and mended.
    pub amounts: bool,
    /// The last currency fills one that nobody says.
    pub context: bool,
    /// Terms are asked for as the glossary calls them.
    pub wording: bool,
    /// A sentence is translated with the one before it.
    pub history: bool,
    /// The recogniser is told the server's own terms.
    pub vocabulary: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self { repair: true, amounts: true, context: true, wording: true, history: true, vocabulary: true }
    }
}

/// A conversation that no room has.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// What was said before, and the words to use.
    pub conversation: Conversation,
    /// What is done.
    pub parts: Parts,
}

impl Talk {
    /// Nothing was said yet; a server's `own` terms go before those that the program comes with.
    pub fn new(own: &Arc<Glossary>) -> Self {
        Self { conversation: Conversation::new(own.clone()), parts: Parts::default() }
    }
}

/// Finds the utterances in 16 kHz mono `samples`.
///
/// # Errors
/// [`JobError`] of the detector.
pub async fn segment(
    vad: &Handle<VadJob, VadOutput>,
    options: &SegmenterOptions,
    samples: &[f32],
) -> Result<Timed<Vec<Utterance>>, JobError> {
    let mut segmenter = Segmenter::new(options);
    let (mut state, mut took, mut utterances) = (VadState::default(), Duration::ZERO, Vec::new());
    // A second at a time, and half a second of silence so that a word at the very end is judged whole.
    let mut padded = samples.to_vec();
    padded.resize((samples.len() + SampleRate::ASR.samples(Duration::from_millis(500))).next_multiple_of(WINDOW), 0.0);
    for chunk in padded.chunks(32 * WINDOW) {
        let job = VadJob { samples: chunk.to_vec(), state: std::mem::take(&mut state) };
        let done = vad.submit(job, Priority::FinalAsr, NO_HURRY)?.output().await?;
        state = done.output.state;
        took += done.ran;
        for (window, probability) in chunk.chunks(WINDOW).zip(done.output.probabilities) {
            segmenter.push(window, probability);
        }
    }
    segmenter.force_end();
    while let Some(event) = segmenter.poll_event() {
        if let Event::Ended(utterance) = event {
            utterances.push(utterance);
        }
    }
    Ok(Timed { output: utterances, took })
}

/// Recognises one utterance as the pipeline would: the conversation's terms are put right. Also gives the amounts that were heard.
///
/// # Errors
/// [`JobError`] of the recogniser.
pub async fn recognise(
    asr: &Handle<AsrJob, Hypothesis>,
    samples: Arc<[f32]>,
    language: Spoken,
    talk: &Talk,
) -> Result<Timed<(Hypothesis, Vec<doubt::Heard>)>, JobError> {
    let prompt = if talk.parts.vocabulary { terms::vocabulary(&talk.conversation, language) } else { None };
    let job = AsrJob { samples, language, candidates: Vec::new(), prompt, committed: None, partial: false };
    let done = asr.submit(job, Priority::FinalAsr, NO_HURRY)?.output().await?;
    let output =
        if talk.parts.repair { terms::put_right(done.output, "", &talk.conversation) } else { (done.output, Vec::new()) };
    Ok(Timed { output, took: done.ran })
}

/// A translation whose amounts were checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The text.
    pub text: Redacted,
    /// False when it may say a wrong amount, or lacks one.
    pub verified: bool,
}

/// Translates `text` as the pipeline would: sentence by sentence, each with the one before it, amounts held to those of the source.
/// `talk` is what was said before and is told what `text` says.
///
/// # Errors
/// [`JobError`] of the translator.
pub async fn translate(
    mt: &Handle<MtJob, Translation>,
    from: Language,
    to: Language,
    text: &str,
    talk: &Talk,
) -> Result<Timed<Checked>, JobError> {
    let Talk { conversation, parts } = talk;
    let mut segments = Segments::default();
    segments.push(text);
    let (mut took, mut target, mut verified) = (Duration::ZERO, String::new(), true);
    let mut history = Vec::new();
    while let Some(segment) = segments.next(from, Patience::SENTENCES, false).or_else(|| segments.finish()) {
        let context = if parts.context { conversation.context() } else { Context::default() };
        let guard = Guard::new(&segment, from, to, &context);
        conversation.note(guard.amounts());
        let job = if parts.amounts { amounts::job(from, to, &guard) } else { MtJob::new(from, to, segment.as_str()) };
        let text = if parts.wording { terms::worded(job.text.expose(), from, to, conversation).into() } else { job.text };
        let asked = text.clone();
        let job = MtJob { history: std::mem::take(&mut history), text, ..job };
        let done = mt.submit(job.clone(), Priority::Mt, NO_HURRY)?.output().await?;
        took += done.ran;
        let (text, right) = if parts.amounts {
            let settled = amounts::settle(mt, NO_HURRY, &guard, job, "", done.output.text).await;
            took += settled.took;
            (settled.text, settled.verified)
        } else {
            (done.output.text, true)
        };
        verified &= right;
        if !target.is_empty() && !to.is_unspaced() {
            target.push(' ');
        }
        target.push_str(text.expose());
        if parts.history {
            history = vec![(asked, text)];
        }
    }
    Ok(Timed { output: Checked { text: target.into(), verified }, took })
}

/// Speaks `text`, clause by clause.
///
/// # Errors
/// [`JobError`] of the synthesiser.
pub async fn speak(
    tts: &Handle<TtsJob, Speech>,
    language: Language,
    voice: Voice,
    text: &str,
) -> Result<Timed<Vec<f32>>, JobError> {
    let (mut took, mut samples) = (Duration::ZERO, Vec::new());
    for clause in clauses::split(language, text) {
        let job = TtsJob { language, voice, text: clause.into(), speed: 1.0 };
        let done = tts.submit(job, Priority::FirstClause, NO_HURRY)?.output().await?;
        took += done.ran;
        if !samples.is_empty() {
            samples.resize(samples.len() + SampleRate::TTS.samples(crate::pipeline::synthesis::CLAUSE_PAUSE), 0.0);
        }
        samples.extend(done.output.samples);
    }
    Ok(Timed { output: samples, took })
}
