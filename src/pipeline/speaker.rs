//! One participant's microphone: Opus packets in, recognised words out.
//!
//! The actor around the pure parts: [`Depacketiser`] makes an unbroken stream, the VAD judges it window by window, [`Segmenter`]
//! finds utterances, [`Policy`] decides what to recognise when. It never waits for a model: answers come back as events of its
//! loop. Started by [`super::Pipelines`], told things by the room and by the session's socket.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{sync::mpsc, time::Instant};

use super::{
    acoustics::Microphone,
    conversation::Conversation,
    echo::Verdict,
    event::{SpeakerEvent, SpeakerInput, StageTimes, UplinkPacket},
    policy::{Answer, Decode, Output, Policy, Words},
    segments::keep_last,
    stages::Stages,
    task::{Outlet, millis},
    terms,
};
use crate::{
    asr::{AsrJob, Hypothesis},
    audio::{opus::OpusError, uplink::Depacketiser},
    inference::{
        JobError, Priority,
        worker::{Done, Pending},
    },
    language::{Language, Spoken},
    mt::MtJob,
    privacy::Redacted,
    time::{Clock, Millis, SampleRate},
    vad::{VadJob, VadOutput, VadState, WINDOW, segmenter::Segmenter},
};

/// Sound that may wait for the VAD; more is dropped and counted. A client that resumes sends 15 s at once; the VAD needs 0.1 ms per
/// window, so more than that is a machine in trouble. 1.3 MB.
const MAX_UNJUDGED: Duration = Duration::from_secs(20);

/// A client that announced silence sends no packets: after this long without one, silence is assumed, in real time.
const SILENCE_AFTER_LAST: Duration = Duration::from_millis(60);

/// A client that announced nothing may have lost its connection in the middle of a word: the sentence waits for the sound that the
/// client keeps, as long as the client may come back. That a client is there and only silent, the session finds out
/// ([`SpeakerInput::Quiet`]); that it does not come back, the room ([`SpeakerInput::Finish`]).
const SILENCE_AFTER_GAP: Duration = Duration::from_secs(60);

/// One VAD window of silence at a time.
const SILENCE_STEP: Duration = Duration::from_millis(32);

/// A direction that is not ready by then was needed long ago.
const PREPARE_LIMIT: Duration = Duration::from_secs(60);

/// Characters of an utterance that may speak for a term in the words behind them: a clause.
const SAID_CHARS: usize = 24;

/// Silence between two parts of an utterance whose middle was an echo: the recogniser hears that they are apart.
const CUT_PAUSE: Duration = Duration::from_millis(200);

/// How to listen.
#[derive(Debug)]
pub struct SpeakerOptions {
    /// The process's clock.
    pub clock: Clock,
    /// The language that is spoken.
    pub spoken: Spoken,
    /// This microphone among the sounds of its room.
    pub microphone: Microphone,
    /// What was said before, in the room.
    pub conversation: Conversation,
}

/// Starts a speaker's task. It finishes what was said after [`SpeakerInput::Finish`], and ends at once when `input_rx`'s senders
/// are gone.
///
/// # Errors
/// When no Opus decoder can be made.
pub fn start<K>(
    stages: Stages,
    options: SpeakerOptions,
    key: K,
    input_rx: mpsc::Receiver<SpeakerInput>,
    events_tx: mpsc::Sender<(K, SpeakerEvent)>,
) -> Result<(), OpusError>
where
    K: Copy + Send + Sync + 'static,
{
    let SpeakerOptions { clock, spoken, microphone, conversation } = options;
    let segmenter = Segmenter::new(&stages.options.segmenter);
    let policy = Policy::new(stages.options.mode);
    let speaker = Speaker {
        stages,
        clock,
        spoken,
        candidates: Vec::new(),
        prepared: HashSet::new(),
        floor: None,
        outlet: Outlet::new(key, events_tx),
        depacketiser: Depacketiser::new()?,
        unjudged: Vec::new(),
        received: 0,
        received_at: clock.now(),
        vad_state: VadState::default(),
        segmenter,
        policy,
        pending: Redacted::default(),
        said: String::new(),
        microphone,
        conversation,
        judged: 0,
        asr: FuturesUnordered::new(),
        cancels: HashMap::new(),
        tally: StageTimes::default(),
        decoding: Duration::ZERO,
        silence_at: None,
        dropped: 0,
        flushing: false,
        finishing: false,
    };
    tokio::spawn(speaker.run(input_rx));
    Ok(())
}

type AsrAnswer = (u64, Option<Result<Done<Hypothesis>, JobError>>);
type VadAnswer = (Vec<f32>, Result<Done<VadOutput>, JobError>);

struct Speaker<K> {
    stages: Stages,
    clock: Clock,
    spoken: Spoken,
    candidates: Vec<Language>,
    /// Directions that the translator was asked to get ready for.
    prepared: HashSet<(Language, Language)>,
    /// Push-to-talk: whether the button is held; `None` is an open microphone.
    floor: Option<bool>,
    outlet: Outlet<K, SpeakerEvent>,
    depacketiser: Depacketiser,
    /// Samples the VAD has not seen yet.
    unjudged: Vec<f32>,
    /// Samples received in all, and when the last of them was.
    received: u64,
    received_at: Millis,
    vad_state: VadState,
    segmenter: Segmenter,
    policy: Policy,
    /// The tail that was last shown.
    pending: Redacted,
    /// The end of what was passed on of the utterance.
    said: String,
    microphone: Microphone,
    conversation: Conversation,
    /// Samples that the segmenter has seen.
    judged: u64,
    asr: FuturesUnordered<BoxFuture<'static, AsrAnswer>>,
    /// Dropping a request's sender abandons it.
    cancels: HashMap<u64, tokio::sync::oneshot::Sender<()>>,
    /// What the current utterance took so far.
    tally: StageTimes,
    /// Opus decoding of the current utterance: microseconds per packet, so not rounded before the sum.
    decoding: Duration,
    /// When to assume silence if no packet comes.
    silence_at: Option<Instant>,
    dropped: u64,
    /// End the utterance when everything received is judged.
    flushing: bool,
    finishing: bool,
}

impl<K: Copy> Speaker<K> {
    async fn run(mut self, mut input_rx: mpsc::Receiver<SpeakerInput>) {
        let mut vad: Option<BoxFuture<'static, VadAnswer>> = None;
        loop {
            if vad.is_none() {
                vad = self.judge();
            }
            if vad.is_none() && std::mem::take(&mut self.flushing) {
                self.segmenter.force_end();
                self.on_segments().await;
            }
            if self.finishing && vad.is_none() && self.policy.is_idle() {
                self.outlet.send(SpeakerEvent::Finished).await;
                return;
            }
            let silence_at = self.silence_at.filter(|_| self.segmenter.is_speaking());
            tokio::select! {
                input = input_rx.recv(), if !self.finishing => match input {
                    Some(input) => self.on_input(input).await,
                    None => return,
                },
                answer = async { vad.as_mut().expect("guarded").await }, if vad.is_some() => {
                    vad = None;
                    self.on_judged(answer).await;
                }
                Some((request, result)) = self.asr.next(), if !self.asr.is_empty() => self.on_decoded(request, result).await,
                () = async { tokio::time::sleep_until(silence_at.expect("guarded")).await }, if silence_at.is_some() => {
                    self.on_silence();
                }
            }
        }
    }

    async fn on_input(&mut self, input: SpeakerInput) {
        match input {
            SpeakerInput::Packet(packet) => self.on_packet(&packet).await,
            SpeakerInput::Language(spoken) => {
                self.spoken = spoken;
                self.prepare();
            }
            SpeakerInput::Candidates(candidates) => {
                self.candidates = candidates;
                self.prepare();
            }
            SpeakerInput::Floor(floor) => {
                self.flushing |= self.floor == Some(true) && floor != Some(true);
                self.floor = floor;
            }
            SpeakerInput::Quiet => self.silence_at = Some(Instant::now()),
            SpeakerInput::Finish => {
                self.flushing = true;
                self.finishing = true;
            }
        }
    }

    /// Lets the translator get ready for the directions that this speaker's words will probably take, before the first is said.
    fn prepare(&mut self) {
        let Some(from) = self.spoken.fixed() else { return };
        for to in self.candidates.iter().copied().filter(|to| *to != from) {
            if self.prepared.insert((from, to)) {
                // Least urgent of all. A full queue means that the machine has better things to do.
                let pending = self.stages.mt.submit(MtJob::prepare(from, to), Priority::PartialAsr, PREPARE_LIMIT);
                if let Ok(pending) = pending {
                    tokio::spawn(pending.output());
                }
            }
        }
    }

    async fn on_packet(&mut self, packet: &UplinkPacket) {
        let began = Instant::now();
        let before = self.unjudged.len();
        self.depacketiser.push(packet.sequence, &packet.payload, &mut self.unjudged);
        let took = began.elapsed();
        metrics::histogram!("tongchuan_stage_seconds", "stage" => "decode").record(took.as_secs_f64());
        self.decoding += took;
        self.received += (self.unjudged.len() - before) as u64;
        self.received_at = self.clock.now();
        let patience = if packet.last || packet.silence { SILENCE_AFTER_LAST } else { SILENCE_AFTER_GAP };
        self.silence_at = Some(Instant::now() + patience);
        if self.floor == Some(false) {
            // Push-to-talk and the button is up: heard for the decoder's sake, not listened to.
            self.skip(self.unjudged.len() - before);
        }
        let limit = SampleRate::ASR.samples(MAX_UNJUDGED);
        if self.unjudged.len() > limit {
            let excess = self.unjudged.len() - limit;
            self.unjudged.drain(..excess);
            self.dropped += 1;
            metrics::counter!("tongchuan_media_dropped_total", "where" => "vad").increment(1);
            if self.dropped.is_multiple_of(50) {
                self.outlet.send(SpeakerEvent::Dropped(std::mem::take(&mut self.dropped))).await;
            }
        }
    }

    /// Removes the latest `samples`, as if they had never come.
    fn skip(&mut self, samples: usize) {
        self.unjudged.truncate(self.unjudged.len().saturating_sub(samples));
        self.received = self.received.saturating_sub(samples as u64);
    }

    /// No packet came: the client is silent or gone. The utterance must come to its end all the same.
    fn on_silence(&mut self) {
        self.unjudged.resize(self.unjudged.len() + WINDOW, 0.0);
        self.received += WINDOW as u64;
        self.received_at = self.clock.now();
        self.silence_at = Some(Instant::now() + SILENCE_STEP);
    }

    /// Hands all whole windows to the VAD.
    fn judge(&mut self) -> Option<BoxFuture<'static, VadAnswer>> {
        let whole = self.unjudged.len() / WINDOW * WINDOW;
        if whole == 0 {
            return None;
        }
        let samples: Vec<f32> = self.unjudged.drain(..whole).collect();
        let job = VadJob { samples: samples.clone(), state: std::mem::take(&mut self.vad_state) };
        let pending = self.stages.vad.submit(job, Priority::FinalAsr, self.stages.options.deadlines.vad());
        Some(Box::pin(async move {
            let answer = match pending {
                Ok(pending) => pending.output().await,
                Err(error) => Err(error),
            };
            (samples, answer)
        }))
    }

    async fn on_judged(&mut self, (samples, answer): VadAnswer) {
        self.judged += samples.len() as u64;
        self.microphone.hear(&samples, self.when(self.judged));
        match answer {
            Ok(Done { output, queued, ran }) => {
                self.vad_state = output.state;
                self.tally.vad += millis(ran);
                self.tally.queue += millis(queued);
                for (window, probability) in samples.chunks_exact(WINDOW).zip(output.probabilities) {
                    self.segmenter.push(window, probability);
                }
                self.on_segments().await;
            }
            Err(error) => {
                // Without probabilities nothing is known of these windows: they count as silence, and the detector starts afresh.
                self.vad_state = VadState::default();
                for window in samples.chunks_exact(WINDOW) {
                    self.segmenter.push(window, 0.0);
                }
                self.outlet.send(SpeakerEvent::Failed { utterance: None, error }).await;
                self.on_segments().await;
            }
        }
    }

    async fn on_segments(&mut self) {
        while let Some(event) = self.segmenter.poll_event() {
            self.policy.on_segment(event);
        }
        self.on_outputs().await;
    }

    async fn on_decoded(&mut self, request: u64, result: Option<Result<Done<Hypothesis>, JobError>>) {
        self.cancels.remove(&request);
        let Some(result) = result else { return };
        let answer = result.map(|done| Answer { hypothesis: done.output, queued: millis(done.queued), ran: millis(done.ran) });
        self.policy.on_decoded(request, answer);
        self.on_outputs().await;
    }

    async fn on_outputs(&mut self) {
        while let Some(output) = self.policy.poll_output() {
            match output {
                Output::Started { utterance, at } => {
                    self.tally = StageTimes::default();
                    self.decoding = Duration::ZERO;
                    self.microphone.began(at);
                    self.outlet.send(SpeakerEvent::UtteranceStarted { utterance, at: self.when(at) }).await;
                }
                Output::Decode(decode) => {
                    let range = decode.at..decode.at + decode.samples.len() as u64;
                    match self.microphone.judge(range) {
                        Verdict::Real => self.decode(decode),
                        Verdict::Partly(parts) => {
                            let samples = cut(&decode.samples, &parts);
                            self.decode(Decode { samples, ..decode });
                        }
                        // Nobody is asked what a loudspeaker said: it has no words.
                        Verdict::Echo(_) => self.policy.on_decoded(decode.request, Ok(self.nothing())),
                    }
                }
                Output::Abandon { request } => drop(self.cancels.remove(&request)),
                Output::Words(words) => self.on_words(words).await,
                Output::Ended { utterance, speech_end, result } => self.on_ended(utterance, speech_end, result).await,
            }
        }
        self.segmenter.keep(self.policy.settled());
    }

    /// Passes words on, unless they turned out to be an echo. The other microphones' sound that was still on its way when the
    /// recogniser was asked has come by now.
    async fn on_words(&mut self, words: Words) {
        let Words { utterance, language, mut committed, mut pending, window, said, closed, speech_end, heard, answer } = words;
        // Interpretation may begin with words that are not committed yet.
        let said = if said.is_blank() { &pending } else { &said };
        if (closed || !said.is_blank()) && !self.microphone.settle(window, said) {
            (committed, pending) = Default::default();
        }
        let certain = !committed.is_blank();
        if !certain && pending == self.pending {
            return;
        }
        self.pending = pending.clone();
        let Answer { hypothesis, queued, ran } = answer;
        let (Hypothesis { text: committed, .. }, amounts) =
            terms::put_right(Hypothesis { text: committed, ..hypothesis }, &self.said, &self.conversation);
        self.said.push_str(committed.expose());
        keep_last(&mut self.said, SAID_CHARS);
        let speech_end = self.when(speech_end);
        let endpoint = if certain { millis(self.clock.now().since(speech_end)) } else { 0 };
        let times =
            StageTimes { decode: millis(self.decoding), asr: ran, queue: self.tally.queue + queued, endpoint, ..self.tally };
        let (speech_end, heard) = (certain.then_some(speech_end), self.when(heard));
        let doubtful = terms::doubtful(&amounts);
        self.outlet
            .send(SpeakerEvent::Recognised { utterance, language, committed, pending, speech_end, heard, doubtful, times })
            .await;
    }

    async fn on_ended(&mut self, utterance: u64, speech_end: u64, result: Result<(), JobError>) {
        self.pending = Redacted::default();
        self.said.clear();
        let speech_end = self.when(speech_end);
        let event = match result {
            Err(error) => SpeakerEvent::Failed { utterance: Some(utterance), error },
            Ok(()) => {
                let after = self.clock.now().since(speech_end);
                metrics::histogram!("tongchuan_endpoint_seconds").record(after.as_secs_f64());
                SpeakerEvent::UtteranceEnded { utterance, speech_end }
            }
        };
        self.outlet.send(event).await;
    }

    /// The answer for an utterance without words.
    fn nothing(&self) -> Answer {
        let language = self.spoken.fixed().or(self.candidates.first().copied()).unwrap_or(Language::EN);
        let hypothesis = Hypothesis { text: String::new().into(), language, tokens: Vec::new(), no_speech: 1.0 };
        Answer { hypothesis, queued: 0, ran: 0 }
    }

    fn decode(&mut self, decode: Decode) {
        let Decode { request, samples, prompt, committed, language, partial, .. } = decode;
        let some = |text: Redacted| (!text.is_blank()).then_some(text);
        let job = AsrJob {
            samples,
            language: language.map_or(self.spoken, Spoken::Fixed),
            candidates: self.candidates.clone(),
            prompt: some(said_before(terms::vocabulary(&self.conversation, self.spoken), &prompt)),
            committed: some(committed),
            // A guess that turns out right is final: it is decoded as well as it can be.
            partial,
        };
        let priority = if partial { Priority::PartialAsr } else { Priority::FinalAsr };
        let pending: Result<Pending<Hypothesis>, JobError> =
            self.stages.asr.submit(job, priority, self.stages.options.deadlines.asr());
        let (cancel_tx, cancel_rx) = tokio::sync::oneshot::channel::<()>();
        self.cancels.insert(request, cancel_tx);
        self.asr.push(Box::pin(async move {
            let answer = async {
                match pending {
                    Ok(pending) => pending.output().await,
                    Err(error) => Err(error),
                }
            };
            tokio::select! {
                answer = answer => (request, Some(answer)),
                // Dropping the pending answer cancels the job.
                _ = cancel_rx => (request, None),
            }
        }));
    }

    /// When the sample at `position` was spoken, on the server's clock: received is as near as a server can know.
    fn when(&self, position: u64) -> Millis {
        let ago = self.received.saturating_sub(position);
        self.received_at - SampleRate::ASR.duration(usize::try_from(ago).unwrap_or(usize::MAX))
    }
}

/// What the recogniser is told: the room's terms, then what was said just before, because it leans most on what is nearest.
fn said_before(terms: Option<Redacted>, said: &Redacted) -> Redacted {
    let terms = terms.map(Redacted::into_inner).unwrap_or_default();
    format!("{terms} {}", said.expose()).trim().into()
}

/// The `parts` of `samples`, with a pause between them.
fn cut(samples: &[f32], parts: &[Range<usize>]) -> Arc<[f32]> {
    let mut kept = Vec::with_capacity(samples.len());
    for part in parts {
        if !kept.is_empty() {
            kept.resize(kept.len() + SampleRate::ASR.samples(CUT_PAUSE), 0.0);
        }
        kept.extend_from_slice(samples.get(part.clone()).unwrap_or_default());
    }
    kept.into()
}
