//! One speaker's words into one language: text in, committed and pending, captions and paced speech out.
//!
//! Three tasks. The first translates, one segment after the other; the first clause is handed on while the rest of its sentence is still
//! being translated, and what is certain of a translation ([`super::draft`]) while the sentence is still being said. The second speaks
//! ([`super::synthesis`]), the third plays ([`super::player`]): it sends packets at the pace they are heard, a little ahead. Between them
//! are bounded channels, so a long speech waits in text, not in memory. Used by the room's actor through [`super::Pipelines`].

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::{
    acoustics::Loudspeaker,
    amounts,
    conversation::Conversation,
    draft::Drafted,
    event::{LaneEvent, LaneInput, LaneText, StageTimes},
    interpretation::Interpretation,
    listener::Listener,
    player::{PLAY_QUEUE, Player},
    policy::Mode,
    running::{Follows, Next, Rest, Running},
    segments::Patience,
    stages::Stages,
    synthesis::{SAY_QUEUE, Say, Synthesis},
    task::{Outlet, millis},
    terms,
};
use crate::{
    ids::UtteranceId,
    inference::{
        JobError, Priority,
        worker::{Done, Pending},
    },
    language::{Language, Voice},
    mt::{MtJob, Translation},
    privacy::Redacted,
    time::{Clock, Millis},
    trade::guard::Guard,
};

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
    let LaneOptions { language, voice, clock, loudspeaker, conversation } = options;
    let listener = Arc::new(Listener::new(stages, language, clock, Outlet::new(key, events_tx)));
    let (play_tx, play_rx) = mpsc::channel(PLAY_QUEUE);
    let player = tokio::spawn(Player::new(listener.clone(), loudspeaker).play(play_rx));
    let (say_tx, say_rx) = mpsc::channel(SAY_QUEUE);
    let synthesis = tokio::spawn(Synthesis::new(listener.clone(), voice, play_tx).run(say_rx));
    let lane = Lane {
        listener: listener.clone(),
        conversation,
        say_tx,
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
        listener.events.send(LaneEvent::Finished).await;
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
    listener: Arc<Listener<K>>,
    conversation: Conversation,
    say_tx: mpsc::Sender<Say>,
    /// Of the utterance whose words come.
    current: Option<Interpretation>,
    /// The translator reads the beginning of the next segment and drafts its translation, until this is dropped.
    ahead: Option<BoxFuture<'static, Result<Done<Translation>, JobError>>>,
    /// More words came since it began to.
    again: bool,
    /// What came while it was looked whether more of the utterance is there.
    waiting: Option<LaneInput>,
    /// When the last word was said of the utterance before.
    last_word: Option<Millis>,
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
        let (utterance, from) = (text.utterance, text.from);
        if self.current.as_ref().is_none_or(|current| current.utterance != utterance) {
            // Something was typed while somebody spoke: what he said so far comes first.
            if let Some(segment) = self.current.as_mut().and_then(Interpretation::last_segment) {
                self.interpret(segment, false).await;
            }
            self.end_utterance().await;
            let Listener { language, clock, .. } = *self.listener;
            self.current = Some(Interpretation::new(utterance, from, language, clock.now(), self.last_word));
        }
        if let Some(current) = &mut self.current {
            current.hear(text);
        }
    }

    /// Interprets the segments that are complete, and the rest when no more words come.
    async fn on_segments(&mut self, from: Language, last: bool) {
        let patience = match self.mode() {
            // Whose end is known waits for nothing.
            Mode::Simultaneous if !last => Patience::of(from),
            _ => Patience::SENTENCES,
        };
        loop {
            let behind = self.listener.is_behind();
            let Some(current) = &mut self.current else { return };
            let (segment, is_last) = match current.next_segment(patience, behind) {
                Some(segment) => (Some(segment), false),
                None if last => (current.last_segment(), true),
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

    fn mode(&self) -> Mode {
        self.listener.stages.options.mode
    }

    /// What the words of a segment of `current` are held to.
    fn guard(&self, words: &str, current: &Interpretation) -> Guard {
        Guard::new(words, current.from, self.listener.language, &self.conversation.context())
    }

    /// The job that translates a segment of the current utterance.
    fn job(&self, current: &Interpretation, guard: &Guard) -> MtJob {
        let language = self.listener.language;
        let job = amounts::job(current.from, language, guard);
        let text = terms::worded(job.text.expose(), current.from, language, &self.conversation).into();
        MtJob { text, history: current.history().to_vec(), ..job }
    }

    /// Asks the translator.
    fn submit(&self, job: MtJob, priority: Priority) -> Result<Pending<Translation>, JobError> {
        let Stages { mt, options, .. } = &self.listener.stages;
        mt.submit(job, priority, options.deadlines.mt())
    }

    /// Lets the translator read the words that are there of a segment and draft its translation, while the rest is being said.
    fn read_ahead(&mut self) {
        let Some(current) = self.current.as_ref().filter(|_| self.mode() == Mode::Simultaneous) else { return };
        if self.ahead.is_some() {
            self.again = true;
            return;
        }
        self.again = false;
        let open = current.open();
        if open.is_empty() {
            return;
        }
        let guard = self.guard(&open, current);
        // Who has enough to hear is served better by whole clauses.
        let tokens = if self.listener.is_behind() { 0 } else { current.draft().tokens() };
        let (begun, guess) = (current.draft().shown().into(), current.draft().latest().into());
        let job = MtJob { ahead: Some(tokens), begun, guess, ..self.job(current, &guard) };
        // A full queue means that the machine has better things to do.
        let pending = self.submit(job, Priority::PartialAsr).ok();
        self.ahead = pending.map(|pending| Box::pin(pending.output()) as BoxFuture<'static, _>);
    }

    /// Says what is certain of the translation of a segment that is not complete.
    async fn on_draft(&mut self, drafted: Result<Done<Translation>, JobError>) {
        let (Ok(Done { output, queued, ran }), Some(current)) = (drafted, &self.current) else { return };
        let overdue = current.is_overdue(self.listener.clock.now()) && self.listener.is_short();
        // An amount that is pending may be another one in the end.
        let guard = &self.guard(current.committed(), current);
        let drafted = Drafted { text: output.text.expose(), sure: output.sure, complete: output.complete, overdue, guard };
        let Some((shown, said)) = self.current.as_mut().and_then(|current| current.push_draft(drafted)) else { return };
        let times = StageTimes { mt: millis(ran), queue: millis(queued), ..StageTimes::default() };
        self.show(&shown, false, times).await;
        self.speak(said, false).await;
    }

    /// Translates and speaks one segment, or says that it cannot.
    async fn interpret(&mut self, segment: Redacted, last: bool) {
        let Err(error) = self.try_interpret(segment, last).await else { return };
        let Some(current) = &mut self.current else { return };
        current.show_anew();
        let utterance = current.utterance;
        tracing::debug!(%utterance, %error, "a segment was not interpreted");
        self.listener.events.send(LaneEvent::Failed { utterance, error }).await;
    }

    /// Its first clauses are spoken as soon as the translation has got past them and their amounts are known to be right.
    async fn try_interpret(&mut self, segment: Redacted, last: bool) -> Result<(), JobError> {
        self.ahead = None;
        let Some(current) = &mut self.current else { return Ok(()) };
        let (begun, guess) = current.take_begun();
        let Some(current) = &self.current else { return Ok(()) };
        let eager = !last && current.is_new();
        let guard = self.guard(segment.expose(), current);
        self.conversation.note(guard.amounts());
        let mut job = MtJob { begun: begun.as_str().into(), guess: guess.into(), ..self.job(current, &guard) };
        let asked = job.text.clone();
        let mut running = Running::new(self.listener.language, &guard, &begun, eager, self.listener.is_short());
        let translated = match self.translate(job.clone(), &mut running).await {
            // What was said early led nowhere.
            Err(JobError::Failed { .. }) if !begun.trim().is_empty() => {
                job.begun = Redacted::default();
                running.give_up();
                self.current.iter_mut().for_each(Interpretation::say_anew);
                self.submit(job.clone(), Priority::Mt)?.output().await?
            }
            translated => translated?,
        };
        let said = running.shown().trim_end();
        let Stages { mt, options, .. } = &self.listener.stages;
        let settled = amounts::settle(mt, options.deadlines.mt(), &guard, job, said, translated.output.text).await;
        let Rest { follows, show, speak: mut clauses } = running.finish(settled.text.expose(), self.listener.is_short());
        let Some(current) = &mut self.current else { return Ok(()) };
        match follows {
            Follows::Shown => {}
            Follows::Spoken => current.show_anew(),
            Follows::Nothing => current.say_anew(),
        }
        let mt = millis(translated.ran + settled.took);
        let times = StageTimes { mt, queue: millis(translated.queued), ..StageTimes::default() };
        self.show(&show, last, times).await;
        let Some(current) = &mut self.current else { return Ok(()) };
        let amounts = current.amounts(&guard, segment.expose(), &settled);
        current.end_segment(asked, settled.text);
        if clauses.is_empty() {
            clauses.extend(current.take_unsaid());
        }
        if let Some(amounts) = amounts {
            self.listener.events.send(amounts).await;
        }
        self.speak(clauses, !guard.is_needed()).await;
        Ok(())
    }

    /// Has a segment translated; shows and speaks meanwhile what may be of what is written.
    async fn translate(&mut self, job: MtJob, running: &mut Running<'_>) -> Result<Done<Translation>, JobError> {
        let (running_tx, mut running_rx) = watch::channel(Redacted::default());
        let job = MtJob { running: Some(running_tx), ..job };
        let began = tokio::time::Instant::now();
        let pending = self.submit(job, Priority::Mt)?.output();
        tokio::pin!(pending);
        loop {
            tokio::select! {
                biased;
                translated = &mut pending => return translated,
                Ok(()) = running_rx.changed() => {
                    let written = running_rx.borrow_and_update().clone();
                    for next in running.push(written.expose(), self.listener.is_short()) {
                        match next {
                            Next::Show(text) => {
                                let times = StageTimes { mt: millis(began.elapsed()), ..StageTimes::default() };
                                self.show(&text, false, times).await;
                            }
                            Next::Speak(clause) => self.speak([clause], !running.has_amounts()).await,
                        }
                    }
                }
            }
        }
    }

    /// Captions a piece of the translation.
    async fn show(&mut self, text: &str, last: bool, times: StageTimes) {
        let Some(current) = &mut self.current else { return };
        let caption = current.caption(text, last, self.listener.clock.now(), times);
        self.listener.events.send(caption).await;
    }

    /// Has clauses spoken; whether they may be hurried, see [`Interpretation::clause`].
    async fn speak(&mut self, clauses: impl IntoIterator<Item = String>, may_hurry: bool) {
        for clause in clauses {
            let Some(current) = &mut self.current else { return };
            let clause = current.clause(&clause, may_hurry);
            self.listener.pace().asked();
            self.say(Say::Clause(clause)).await;
        }
    }

    async fn say(&mut self, say: Say) {
        let _ = self.say_tx.send(say).await;
    }

    /// Nothing more of the utterance comes. What was shown of it is heard.
    async fn end_utterance(&mut self) {
        self.ahead = None;
        let unsaid = self.current.as_mut().and_then(Interpretation::take_unsaid);
        self.speak(unsaid, false).await;
        if let Some(current) = self.current.take() {
            self.last_word = current.speech_end();
            self.say(Say::End).await;
        }
    }
}
