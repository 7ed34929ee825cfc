//! One speaker's words into one language: text in, committed and pending, captions and paced speech out.
//!
//! Three tasks. The first translates, one segment after the other; the first clause is handed on while the rest of its sentence is still
//! being translated, and what is certain of a translation ([`super::draft`]) while the sentence is still being said. The second speaks
//! ([`super::synthesis`]), the third plays ([`super::player`]): it sends packets at the pace they are heard, a little ahead. Between them
//! are bounded channels, so a long speech waits in text, not in memory. Used by the room's actor through [`super::Pipelines`].

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::{
    acoustics::Loudspeaker,
    agreement::agreed,
    amounts::{self, Doubts},
    conversation::Conversation,
    draft::{self, Draft, Drafted},
    event::{LaneEvent, LaneInput, LaneText, StageTimes, Stretch},
    player::{PLAY_QUEUE, Player},
    policy::Mode,
    running::{Follows, Next, Rest, Running},
    segments::{Patience, Segments},
    stages::Stages,
    synthesis::{Clause, SAY_QUEUE, Say, SharedPace, Synthesis},
    task::{Outlet, millis},
    terms,
};
use crate::{
    ids::UtteranceId,
    inference::{JobError, Priority, worker::Done},
    language::{Language, Voice},
    mt::{MtJob, Translation, prompt},
    privacy::Redacted,
    time::{Clock, Millis},
    trade::guard::Guard,
};

/// So many segments of an utterance are left of its history when there are more than the translator is shown. It remembers those that it
/// has just read, but without the first of them it reads all the others again.
const HISTORY_LEFT: usize = 1;

/// The first words of an utterance come so soon after the last of the one before when somebody says one sentence after the other.
const FLOWS: Duration = Duration::from_secs(4);

/// How to open a lane.
#[derive(Debug)]
pub struct LaneOptions {
    /// Into which language.
    pub language: Language,
    /// Whose voice.
    pub voice: Voice,
    /// The process's clock.
    pub clock: Clock,
    /// Remembers what was played, so that it is known when a microphone brings it back.
    pub loudspeaker: Option<Loudspeaker>,
    /// What was said before, in the room.
    pub conversation: Conversation,
}

/// Starts a lane. It finishes what is queued after [`LaneInput::Finish`], and ends at once when `input_rx`'s senders are gone.
pub fn open<K>(
    stages: Stages,
    options: LaneOptions,
    key: K,
    input_rx: mpsc::Receiver<LaneInput>,
    events_tx: mpsc::Sender<(K, LaneEvent)>,
) where
    K: Copy + Send + Sync + 'static,
{
    let (play_tx, play_rx) = mpsc::channel(PLAY_QUEUE);
    let events = Arc::new(Outlet::new(key, events_tx));
    let player = Player::new(options.clock, options.loudspeaker);
    let player = tokio::spawn(player.play(play_rx, events.clone()));
    let (say_tx, say_rx) = mpsc::channel(SAY_QUEUE);
    let pace = SharedPace::default();
    let (language, voice, clock) = (options.language, options.voice, options.clock);
    let synthesis = Synthesis::new(stages.clone(), language, voice, clock, events.clone(), play_tx, pace.clone());
    let synthesis = tokio::spawn(synthesis.run(say_rx));
    let lane = Lane {
        stages,
        language,
        conversation: options.conversation,
        clock,
        events: events.clone(),
        say_tx,
        pace,
        current: None,
        ahead: None,
        again: false,
        waiting: None,
        last_word: None,
    };
    tokio::spawn(async move {
        if lane.run(input_rx).await == Ending::Dropped {
            synthesis.abort();
            player.abort();
            return;
        }
        // `run` dropped its sender: the others end when everything was spoken and heard.
        let _ = synthesis.await;
        let _ = player.await;
        events.send(LaneEvent::Finished).await;
    });
}

/// How a lane came to its end.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// It was told to finish.
    Finished,
    /// Nobody wants to hear it any more.
    Dropped,
}

struct Lane<K> {
    stages: Stages,
    language: Language,
    conversation: Conversation,
    clock: Clock,
    events: Arc<Outlet<K, LaneEvent>>,
    say_tx: mpsc::Sender<Say>,
    pace: SharedPace,
    current: Option<Current>,
    /// The translator reads the beginning of the next segment and drafts its translation, until this is dropped.
    ahead: Option<BoxFuture<'static, Result<Done<Translation>, JobError>>>,
    /// More words came since it began to.
    again: bool,
    /// What came while it was looked whether more of the utterance is there.
    waiting: Option<LaneInput>,
    /// When the last word was said of the utterance before.
    last_word: Option<Millis>,
}

/// The utterance that is being interpreted.
struct Current {
    utterance: UtteranceId,
    from: Language,
    /// When its first words came, committed or not.
    began: Millis,
    segments: Segments,
    /// What the recogniser heard behind them and may change.
    pending: Redacted,
    /// Its first words were committed, or heard twice.
    is_certain: bool,
    /// What of its words was not heard well.
    doubts: Doubts,
    /// The words of the segment that was interpreted last, or is being.
    source: Stretch,
    /// The words that what is said now stands for: a segment may end before what its translation was begun with.
    saying: Stretch,
    /// The translation of what was before that segment.
    target: Stretch,
    /// What the translation of the segment that is not complete begins with.
    draft: Draft,
    /// What was shown and is said with what follows.
    unsaid: String,
    history: Vec<(Redacted, Redacted)>,
    speech_end: Option<Millis>,
    /// What stands between the last segment's translation and the next one's.
    lead: &'static str,
    /// What is spoken next is not the first that he hears in a while: some of it was spoken, or it followed another one soon.
    brisk: bool,
}

impl Current {
    /// What is there of the segment that is not complete: committed words and those of the others that are worth translating.
    fn open(&self) -> String {
        format!("{}{}", self.segments.open(), draft::settled(self.pending.expose())).trim().to_owned()
    }

    /// True when no words are there but such as are not committed, and none of them was interpreted.
    fn is_empty(&self) -> bool {
        self.source.to == 0 && self.segments.open().is_empty() && self.draft.shown().is_empty()
    }

    /// True when words of it are certain and, by `now`, nothing of it was interpreted for too long.
    fn is_overdue(&self, now: Millis) -> bool {
        let unheard = self.history.is_empty() && self.draft.shown().is_empty();
        unheard && self.is_certain && now.since(self.began) >= Patience::of(self.from).budget
    }

    /// What is said from now on stands for the words from `from` to `to`, or to where it had come before.
    fn say(&mut self, Stretch { from, to }: Stretch) {
        self.saying = Stretch { from, to: to.max(self.saying.to) };
    }
}

impl<K: Copy> Lane<K> {
    async fn run(mut self, mut input_rx: mpsc::Receiver<LaneInput>) -> Ending {
        loop {
            let input = match self.waiting.take() {
                Some(input) => Some(input),
                None => tokio::select! {
                    biased;
                    input = input_rx.recv() => input,
                    drafted = async { self.ahead.as_mut().expect("guarded").await }, if self.ahead.is_some() => {
                        self.ahead = None;
                        self.on_draft(drafted).await;
                        if self.again {
                            self.read_ahead();
                        }
                        continue;
                    }
                },
            };
            let Some(input) = input else { return Ending::Dropped };
            match input {
                // While something else is being said nothing is prepared.
                LaneInput::Text(text) if text.is_pending_only() && !self.may_begin(text.utterance) => {}
                LaneInput::Text(text) => {
                    let (utterance, from, mut last) = (text.utterance, text.from, text.last);
                    self.on_text(text).await;
                    // What came meanwhile is translated together: a whole sentence is better than its pieces.
                    while !last && let Ok(input) = input_rx.try_recv() {
                        match input {
                            LaneInput::Text(text) if text.utterance == utterance => {
                                last = text.last;
                                self.on_text(text).await;
                            }
                            other => {
                                self.waiting = Some(other);
                                break;
                            }
                        }
                    }
                    self.on_segments(from, last).await;
                }
                LaneInput::Voice(voice) => self.say(Say::Voice(voice)).await,
                LaneInput::Finish => {
                    self.end_utterance().await;
                    return Ending::Finished;
                }
            }
        }
    }

    /// True when the next words may be those of `utterance`: it is the current one, or that has none.
    fn may_begin(&self, utterance: UtteranceId) -> bool {
        self.current.as_ref().is_none_or(|current| current.utterance == utterance || current.is_empty())
    }

    /// Takes words; those of another utterance end the one before.
    async fn on_text(&mut self, text: LaneText) {
        let LaneText { utterance, from, text, pending, last: _, speech_end, doubtful } = text;
        if self.current.as_ref().is_none_or(|current| current.utterance != utterance) {
            // Something was typed while somebody spoke: what he said so far comes first.
            self.interpret_open().await;
            self.end_utterance().await;
            let began = self.clock.now();
            self.current = Some(Current {
                utterance,
                from,
                began,
                segments: Segments::default(),
                pending: Redacted::default(),
                is_certain: false,
                doubts: Doubts::default(),
                source: Stretch::default(),
                saying: Stretch::default(),
                target: Stretch::default(),
                draft: Draft::default(),
                unsaid: String::new(),
                history: Vec::new(),
                speech_end: None,
                lead: "",
                brisk: self.last_word.is_some_and(|at| began.since(at) <= FLOWS),
            });
        }
        let Some(current) = &mut self.current else { return };
        let before = (!current.is_certain).then(|| current.open());
        current.segments.push(text.expose());
        current.pending = pending;
        if let Some(before) = before {
            current.is_certain = !text.is_blank() || agreed(from, &before, &current.open()) > 0;
        }
        current.doubts.push(text.expose(), &doubtful);
        current.speech_end = speech_end.or(current.speech_end);
    }

    /// Interprets what is there of the segment that is not complete.
    async fn interpret_open(&mut self) {
        let Some(current) = &mut self.current else { return };
        let Some(segment) = current.segments.finish() else { return };
        self.interpret(segment, false).await;
    }

    /// Interprets the segments that are complete, and the rest when no more words come.
    async fn on_segments(&mut self, from: Language, last: bool) {
        let patience = match self.stages.options.mode {
            // Whose end is known waits for nothing.
            Mode::Simultaneous if !last => Patience::of(from),
            _ => Patience::SENTENCES,
        };
        loop {
            let behind = self.pace.get().is_behind(self.clock.now());
            let Some(current) = &mut self.current else { return };
            let next = current.segments.next(from, patience, behind);
            let (segment, is_last) = match next {
                Some(segment) => (Some(segment), false),
                None if last => (current.segments.finish(), true),
                None => return self.read_ahead(),
            };
            match segment {
                Some(segment) => self.interpret(segment, is_last).await,
                // The last sentence was already interpreted: only its end is news.
                None => self.show("", true, StageTimes::default()).await,
            }
            if is_last {
                self.end_utterance().await;
                return;
            }
        }
    }

    /// The job that translates a segment of the current utterance.
    fn job(&self, current: &Current, guard: &Guard) -> MtJob {
        let job = amounts::job(current.from, self.language, guard);
        let text = terms::worded(job.text.expose(), current.from, self.language, &self.conversation).into();
        MtJob { text, history: current.history.clone(), ..job }
    }

    /// Lets the translator read the words that are there of a segment and draft its translation, while the rest is being said.
    fn read_ahead(&mut self) {
        let Some(current) = self.current.as_ref().filter(|_| self.stages.options.mode == Mode::Simultaneous) else { return };
        if self.ahead.is_some() {
            self.again = true;
            return;
        }
        self.again = false;
        let open = current.open();
        if open.is_empty() {
            return;
        }
        let guard = Guard::new(&open, current.from, self.language, &self.conversation.context());
        // Who has enough to hear is served better by whole clauses.
        let tokens = if self.pace.get().is_behind(self.clock.now()) { 0 } else { current.draft.tokens() };
        let (begun, guess) = (current.draft.shown().into(), current.draft.latest().into());
        let job = MtJob { ahead: Some(tokens), begun, guess, ..self.job(current, &guard) };
        // A full queue means that the machine has better things to do.
        let pending = self.stages.mt.submit(job, Priority::PartialAsr, self.stages.options.deadlines.mt()).ok();
        self.ahead = pending.map(|pending| Box::pin(pending.output()) as BoxFuture<'static, _>);
    }

    /// Says what is certain of the translation of a segment that is not complete.
    async fn on_draft(&mut self, drafted: Result<Done<Translation>, JobError>) {
        let (Ok(Done { output, queued, ran }), Some(current)) = (drafted, &mut self.current) else { return };
        let now = self.clock.now();
        let overdue = current.is_overdue(now) && self.pace.get().is_short(now);
        // An amount that is pending may be another one in the end.
        let guard = &Guard::new(current.segments.open(), current.from, self.language, &self.conversation.context());
        let drafted = Drafted { text: output.text.expose(), complete: output.complete, overdue, guard };
        let Some(piece) = current.draft.push(self.language, drafted) else { return };
        // It stands for the words that are there, and so will the rest of the translation.
        current.segments.begin();
        current.say(current.source.followed_by(&current.open()));
        let times = StageTimes { mt: millis(ran), queue: millis(queued), ..StageTimes::default() };
        let said = current.draft.say(self.language);
        self.show(&piece, false, times).await;
        self.speak(said).await;
    }

    /// Translates and speaks one segment, or says that it cannot.
    async fn interpret(&mut self, segment: String, last: bool) {
        if let Some(current) = &mut self.current {
            current.source = current.source.followed_by(&segment);
            current.say(current.source);
        }
        let Err(error) = self.try_interpret(segment.into(), last).await else { return };
        let Some(Current { utterance, .. }) = self.current else { return };
        tracing::debug!(%utterance, %error, "a segment was not interpreted");
        self.events.send(LaneEvent::Failed { utterance, error }).await;
        self.show_anew();
    }

    /// Its first clauses are spoken as soon as the translation has got past them and their amounts are known to be right.
    async fn try_interpret(&mut self, segment: Redacted, last: bool) -> Result<(), JobError> {
        self.ahead = None;
        let Some(current) = &mut self.current else { return Ok(()) };
        let guess = current.draft.latest().into();
        let (begun, unsaid) = current.draft.take();
        current.unsaid = unsaid;
        let Some(current) = &self.current else { return Ok(()) };
        let eager = !last && current.history.is_empty();
        let guard = Guard::new(segment.expose(), current.from, self.language, &self.conversation.context());
        self.conversation.note(guard.amounts());
        let (running_tx, mut running_rx) = watch::channel(Redacted::default());
        let job = MtJob { running: Some(running_tx), begun: begun.as_str().into(), guess, ..self.job(current, &guard) };
        let (began, asked) = (tokio::time::Instant::now(), job.text.clone());
        let mut again = MtJob { running: None, ..job.clone() };
        let (mt, deadline) = (self.stages.mt.clone(), self.stages.options.deadlines.mt());
        let pending = mt.submit(job, Priority::Mt, deadline)?.output();
        tokio::pin!(pending);
        let mut running = Running::new(self.language, &guard, &begun, eager, self.is_short());
        let translated = loop {
            tokio::select! {
                biased;
                translated = &mut pending => break translated,
                Ok(()) = running_rx.changed() => {
                    let written = running_rx.borrow_and_update().clone();
                    for next in running.push(written.expose(), self.is_short()) {
                        match next {
                            Next::Show(text) => {
                                let times = StageTimes { mt: millis(began.elapsed()), ..StageTimes::default() };
                                self.show(&text, false, times).await;
                            }
                            Next::Speak(clause) => self.speak([clause]).await,
                        }
                    }
                }
            }
        };
        let translated = match translated {
            // What was said early led nowhere.
            Err(JobError::Failed { .. }) if !again.begun.is_blank() => {
                again.begun = Redacted::default();
                running.give_up();
                self.say_anew();
                self.stages.mt.submit(again.clone(), Priority::Mt, deadline)?.output().await?
            }
            translated => translated?,
        };
        let said = running.shown().trim_end();
        let settled = amounts::settle(&mt, deadline, &guard, again, said, translated.output.text).await;
        let Rest { follows, show, speak: mut clauses } = running.finish(settled.text.expose(), self.is_short());
        match follows {
            Follows::Shown => {}
            Follows::Spoken => self.show_anew(),
            Follows::Nothing => self.say_anew(),
        }
        let mt = millis(translated.ran + settled.took);
        let times = StageTimes { mt, queue: millis(translated.queued), ..StageTimes::default() };
        self.show(&show, last, times).await;
        self.report(&guard, &segment, &settled).await;
        if let Some(current) = &mut self.current {
            current.lead = if self.language.is_unspaced() { "" } else { " " };
            current.history.push((asked, settled.text));
            if current.history.len() > prompt::HISTORY {
                current.history.drain(..current.history.len() - HISTORY_LEFT);
            }
        }
        if clauses.is_empty() && self.current.as_ref().is_some_and(|current| !current.unsaid.is_empty()) {
            clauses.push(String::new());
        }
        self.speak(clauses).await;
        Ok(())
    }

    /// True when the listener will hear nothing soon.
    fn is_short(&self) -> bool {
        self.pace.get().is_short(self.clock.now())
    }

    /// The translation does not go on behind what was said of it: all of it follows, nothing is lost or taken back.
    fn say_anew(&mut self) {
        self.show_anew();
        if let Some(current) = &mut self.current {
            current.unsaid.clear();
        }
    }

    /// What is shown next does not go on behind what was shown.
    fn show_anew(&mut self) {
        if let Some(current) = &mut self.current {
            current.lead = "… ";
        }
    }

    /// Says which amounts were said and whether the translation keeps them.
    async fn report(&mut self, guard: &Guard, segment: &Redacted, settled: &amounts::Settled) {
        let Some(current) = &mut self.current else { return };
        let (utterance, verified) = (current.utterance, settled.verified);
        let amounts = amounts::said(guard, segment.expose(), current.source, settled, current.target, &current.doubts);
        current.target = Stretch { from: current.target.to, to: current.target.to }.followed_by(settled.text.expose());
        if !amounts.is_empty() || !verified {
            self.events.send(LaneEvent::Amounts { utterance, amounts, verified }).await;
        }
    }

    /// Captions a piece of the translation.
    async fn show(&mut self, text: &str, last: bool, times: StageTimes) {
        let Some(current) = &mut self.current else { return };
        let lead = if text.is_empty() { "" } else { std::mem::take(&mut current.lead) };
        let committed = format!("{lead}{text}").into();
        let (utterance, source) = (current.utterance, current.saying);
        self.events.send(LaneEvent::Translated { utterance, source, committed, last, times }).await;
    }

    /// Has clauses spoken.
    async fn speak(&mut self, clauses: impl IntoIterator<Item = String>) {
        for clause in clauses {
            let Some(current) = &mut self.current else { return };
            // The first words, alone in the silence, are hard enough to understand.
            let brisk = std::mem::replace(&mut current.brisk, true);
            let text = (std::mem::take(&mut current.unsaid) + &clause).into();
            let (utterance, source, speech_end) = (current.utterance, current.saying, current.speech_end);
            self.pace.get().asked();
            self.say(Say::Clause(Clause { utterance, source, text, brisk, speech_end })).await;
        }
    }

    async fn say(&mut self, say: Say) {
        let _ = self.say_tx.send(say).await;
    }

    /// Nothing more of the utterance comes.
    async fn end_utterance(&mut self) {
        self.ahead = None;
        if let Some(current) = self.current.take() {
            self.last_word = current.speech_end;
            self.say(Say::End).await;
        }
    }
}
