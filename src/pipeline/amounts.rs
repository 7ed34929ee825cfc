//! Holds a translation to the amounts of its source: asks again, mends, and says what could not be verified.
//!
//! The decisions are [`crate::trade::guard`]'s; here they meet the translator and the events. A [`super::lane`] makes a [`Guard`] per segment,
//! asks for [`job`], lets clauses go through a [`crate::trade::guard::Release`], and [`settle`]s what came. `offline` does the same without speech.

use std::time::Duration;

use super::{
    event::{SaidAmount, Stretch},
    fillers,
};
use crate::{
    inference::{Priority, worker::Handle},
    language::Language,
    mt::{MtJob, Translation, numerals::Numerals},
    privacy::Redacted,
    trade::{
        guard::{Guard, unit_code},
        write,
    },
};

/// The job that translates a guarded segment.
pub fn job(from: Language, to: Language, guard: &Guard) -> MtJob {
    let numerals = Numerals::new(guard.numerals().iter().map(String::as_str));
    MtJob { numerals: Some(numerals), ..MtJob::new(from, to, fillers::without(guard.asked(), from)) }
}

/// A translation that says no wrong amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What to show and say.
    pub text: Redacted,
    /// It says what was said, by the translator's own words or mended.
    pub verified: bool,
    /// The source's amounts that the translator got wrong and nothing could mend without guessing where they belong.
    pub wrong: Vec<usize>,
    /// Computing of a second try, when there was one.
    pub took: Duration,
}

/// Checks `first`, the answer to `job`, of which `said` was shown and spoken already, and mends it: one wrong amount is replaced; else
/// the translator is asked once more, with the right wording before its eyes; else amounts are replaced as far as that is certain.
///
/// A failed second try is no failure: there is the first.
pub async fn settle(
    mt: &Handle<MtJob, Translation>,
    deadline: Duration,
    guard: &Guard,
    job: MtJob,
    said: &str,
    first: Redacted,
) -> Settled {
    let verdict = guard.check(first.expose());
    let done = |text: String, took| Settled { text: text.into(), verified: true, wrong: Vec::new(), took };
    if verdict.is_right() {
        return done(first.into_inner(), Duration::ZERO);
    }
    let goes_on = |text: &String| text.starts_with(said);
    if verdict.faults() == 1
        && let Some(text) = guard.fill(first.expose()).filter(goes_on)
    {
        count("filled");
        return done(text, Duration::ZERO);
    }
    let wording = guard.wording().into_iter().map(|(source, target)| (source.into(), target.into()));
    let wording = job.wording.iter().cloned().chain(wording).collect();
    let second = MtJob { running: None, begun: said.into(), guess: first.clone(), wording, ..job };
    let second = match mt.submit(second, Priority::Mt, deadline) {
        Ok(pending) => pending.output().await.ok(),
        Err(_) => None,
    };
    let took = second.as_ref().map(|done| done.ran).unwrap_or_default();
    let second = second.map(|done| done.output.text.into_inner()).filter(goes_on);
    if let Some(text) = second.as_ref().filter(|text| guard.check(text).is_right()) {
        count("asked_again");
        return done(text.clone(), took);
    }
    let tries = || second.iter().map(String::as_str).chain([first.expose()]);
    if let Some(text) = tries().filter_map(|text| guard.fill(text)).find(goes_on) {
        count("filled");
        return done(text, took);
    }
    count("unverified");
    let (best, verdict) = tries()
        .map(|text| (text, guard.check(text)))
        .min_by_key(|(_, verdict)| verdict.faults())
        .unwrap_or((first.expose(), verdict));
    let comparison = &verdict.comparison;
    let wrong = comparison.changed.iter().map(|(s, _)| *s).chain(comparison.missing.iter().copied()).collect();
    Settled { text: guard.replace(best, said.len()).into(), verified: false, wrong, took }
}

fn count(how: &'static str) {
    metrics::counter!("tongchuan_amounts_mended_total", "how" => how).increment(1);
}

/// Amounts of an utterance's words that were not heard well.
#[derive(Debug, Default)]
pub struct Doubts {
    /// The words that came so far.
    received: Stretch,
    doubtful: Vec<Stretch>,
}

impl Doubts {
    /// Takes the next words, and the stretches of them that are doubtful.
    pub fn push(&mut self, text: &str, doubtful: &[Stretch]) {
        self.received = Stretch { from: self.received.to, to: self.received.to }.followed_by(text);
        self.doubtful.extend(doubtful.iter().map(|stretch| stretch.within(self.received)));
    }

    /// True when a part of `place`, counted from the beginning of the utterance, is doubtful.
    fn touch(&self, place: Stretch) -> bool {
        self.doubtful.iter().any(|stretch| stretch.overlaps(place))
    }
}

/// The amounts of a segment for an event. `source` and `target` are the segment's words and its translation within their utterance.
pub fn said(
    guard: &Guard,
    segment: &str,
    source: Stretch,
    settled: &Settled,
    target: Stretch,
    doubts: &Doubts,
) -> Vec<SaidAmount> {
    let verdict = guard.check(settled.text.expose());
    let place = |whole: Stretch, text: &str, span: std::ops::Range<usize>| {
        let before = Stretch { from: whole.from, to: whole.from }.followed_by(text.get(..span.start).unwrap_or(""));
        before.followed_by(text.get(span).unwrap_or(""))
    };
    let amounts = guard.amounts().iter().enumerate().filter(|(_, amount)| !amount.optional);
    amounts
        .map(|(index, amount)| {
            let partner = verdict.comparison.matched.iter().find(|(s, _)| *s == index);
            let partner = partner.and_then(|(_, t)| verdict.target.get(*t));
            let source = place(source, segment, amount.span.clone());
            SaidAmount {
                kind: amount.kind,
                value: write::plain(&amount.value).into(),
                unit: amount.unit.map(unit_code),
                exact: amount.exact,
                verified: !settled.wrong.contains(&index),
                doubtful: doubts.touch(source),
                source,
                target: partner.map(|found| place(target, settled.text.expose(), found.span.clone())),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        inference::worker::{WorkerOptions, spawn_task},
        trade::Context,
    };

    /// A translator that gives these answers, one after the other, and keeps what it was asked.
    fn scripted(answers: &[&str]) -> (Handle<MtJob, Translation>, Arc<Mutex<Vec<MtJob>>>) {
        let (asked, mut answers) =
            (Arc::new(Mutex::new(Vec::new())), answers.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>().into_iter());
        let seen = asked.clone();
        let handle = spawn_task(WorkerOptions { name: "mt", queue: 4, threads: 1, gate: None }, move |job: MtJob, _| {
            seen.lock().unwrap().push(job);
            let answer = answers.next();
            async move {
                let text = answer.ok_or(crate::inference::JobError::failed("mt", "scripted"))?;
                Ok(Translation::whole(text, 1))
            }
        });
        (handle, asked)
    }

    async fn settled(source: &str, said: &str, first: &str, answers: &[&str]) -> (Settled, Vec<MtJob>) {
        let (mt, asked) = scripted(answers);
        let guard = Guard::new(source, Language::ZH, Language::EN, &Context::default());
        let job = job(Language::ZH, Language::EN, &guard);
        let settled = settle(&mt, Duration::from_secs(5), &guard, job, said, first.into()).await;
        let asked = asked.lock().unwrap().clone();
        (settled, asked)
    }

    const SOURCE: &str = "要五百个，四块七一个。";

    #[tokio::test]
    async fn a_right_translation_costs_nothing_and_one_wrong_amount_is_replaced() {
        let right = "I want 500 pieces at 4.70 yuan each.";
        for first in [right, "I want 50 pieces at 4.70 yuan each."] {
            let (settled, asked) = settled(SOURCE, "", first, &[]).await;
            assert_eq!((settled.text.expose(), settled.verified), (right, true));
            assert!(asked.is_empty());
        }
    }

    #[tokio::test]
    async fn more_than_one_is_asked_again_with_what_was_said_and_the_right_wording() {
        let (settled, asked) = settled(SOURCE, "Well,", "Well, I want some.", &["Well, 500 pieces at 4.70 yuan."]).await;
        assert_eq!((settled.text.expose(), settled.verified), ("Well, 500 pieces at 4.70 yuan.", true));
        assert_eq!((asked[0].begun.expose(), asked[0].wording.len()), ("Well,", 2));
        assert!(asked[0].running.is_none(), "nobody hears it before it is checked");
    }

    #[tokio::test]
    async fn what_cannot_be_mended_is_unverified_and_says_the_sources_digits() {
        for answers in [&["I want many."][..], &[]] {
            let (settled, _) = settled(SOURCE, "", "I want some.", answers).await;
            assert!(!settled.verified && settled.wrong == [0, 1]);
            assert!(settled.text.expose().contains("500 pieces; 4.70 yuan"), "{}", settled.text.expose());
        }
        let (settled, _) = settled(SOURCE, "", "I want 500 pieces.", &["Other words were said."]).await;
        assert_eq!(settled.wrong, [1]);
    }

    #[test]
    fn places_are_characters_of_the_whole_utterance() {
        let guard = Guard::new(SOURCE, Language::ZH, Language::EN, &Context::default());
        let text = "I want 500 pieces at 4.70 yuan each.";
        let settled = Settled { text: text.into(), verified: true, wrong: Vec::new(), took: Duration::ZERO };
        let mut doubts = Doubts::default();
        doubts.push("您好，这是我们的。", &[Stretch { from: 0, to: 2 }]);
        doubts.push(&format!("好 {SOURCE}"), &[Stretch { from: 6, to: 8 }]);
        let amounts = said(&guard, SOURCE, Stretch { from: 10, to: 20 }, &settled, Stretch { from: 100, to: 100 }, &doubts);
        let places: Vec<_> = amounts.iter().map(|a| (a.value.expose(), a.source, a.target)).collect();
        assert_eq!(amounts.iter().map(|a| a.doubtful).collect::<Vec<_>>(), [false, true], "the price");
        assert_eq!(
            places,
            [
                ("500", Stretch { from: 11, to: 14 }, Some(Stretch { from: 105, to: 114 })),
                ("4.7", Stretch { from: 15, to: 18 }, Some(Stretch { from: 116, to: 124 })),
            ]
        );
    }
}
