//! The report of `tongchuan eval` (pure): a table of text, and one self-contained HTML page with charts.
//!
//! A [`Report`] is also what is saved as JSON. The page loads nothing from anywhere: charts are inline SVG ([`chart`]).

mod chart;

use std::fmt::Write as _;

use serde::Serialize;

use self::chart::{Bars, Chart, Lane, Series};
use super::{
    measure::{Measures, Phrase, Spread, Summary},
    numbers::Tally,
};

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// The command that measured it.
    pub command: String,
    /// Where: cores, models.
    pub machine: String,
    /// One per mode, on the same clips.
    pub runs: Vec<Run>,
}

/// All clips in one mode.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Run {
    /// The mode.
    pub mode: String,
    /// By direction.
    pub summaries: Vec<Summary>,
    /// Seconds of computing, waiting for the cores included, per second of recording and stage.
    pub real_time_factors: Vec<(String, f64)>,
    /// Memory of the process in MiB, every 10 s, where the system tells.
    pub memory_mib: Vec<f64>,
    /// Every clip.
    pub clips: Vec<Measures>,
}

impl Run {
    /// The stages' real-time factors added up: below 1 the machine keeps up.
    pub fn real_time_factor(&self) -> f64 {
        self.real_time_factors.iter().map(|(_, factor)| factor).sum()
    }
}

/// One row of the table: what it is and its value per column.
type Row = (&'static str, Vec<String>);

impl Report {
    fn columns(&self) -> Vec<(&Run, &Summary)> {
        self.runs.iter().flat_map(|run| run.summaries.iter().map(move |summary| (run, summary))).collect()
    }

    fn header(&self) -> Vec<String> {
        self.columns().iter().map(|(run, summary)| format!("{} {}", run.mode, summary.direction)).collect()
    }

    fn rows(&self) -> Vec<Row> {
        let columns = self.columns();
        let row = |label, value: fn(&Run, &Summary) -> String| (label, columns.iter().map(|(r, s)| value(r, s)).collect());
        vec![
            row("clips (seconds)", |_, s| format!("{} ({:.0})", s.clips, s.seconds)),
            row("recognition error, %", |_, s| format!("{} {:.1}", s.error_kind, s.error_percent)),
            row("the same, numbers in digits", |_, s| format!("{:.1}", s.normalised_error_percent)),
            row("numbers exact, marked, silent", |_, s| s.numbers.first().map_or_else(|| "–".into(), |(_, t)| tally(t))),
            row("glossary terms as wanted", |_, s| format!("{} of {}", s.terms.0, s.terms.1)),
            row("chrF", |_, s| s.chrf.map_or_else(|| "–".into(), |c| format!("{c:.1}"))),
            row("LAAL computation-aware, s", |_, s| spread(&s.laal_aware_s)),
            row("LAAL computation-unaware, s", |_, s| spread(&s.laal_unaware_s)),
            row("ear-voice span, s", |_, s| spread(&s.ear_voice_s)),
            row("its mean in each minute, s", |_, s| {
                let means: Vec<_> = s.ear_voice_by_minute_s.iter().map(|mean| format!("{mean:.1}")).collect();
                if means.is_empty() { "–".into() } else { means.join(" ") }
            }),
            row("start lag (utterances over 6 s), s", |_, s| spread(&s.start_lag_s)),
            row("first audio after the last word, s", |_, s| spread(&s.first_audio_lag_s)),
            row("last phrase after the last word, s", |_, s| spread(&s.last_phrase_lag_s)),
            row("end lag, s", |_, s| spread(&s.end_lag_s)),
            row("growth of the span since minute 1, s", |_, s| spread(&s.drift_s)),
            row("retractions", |_, s| s.retractions.to_string()),
            row("characters not translated", |_, s| s.untranslated.to_string()),
            row("errors", |_, s| s.errors.to_string()),
            row("real-time factor, all stages", |r, _| format!("{:.2}", r.real_time_factor())),
            row("of it vad, asr, mt, tts", |r, _| {
                let of = |stage: &str| r.real_time_factors.iter().find(|(name, _)| name == stage).map_or(0.0, |(_, f)| *f);
                ["vad", "asr", "mt", "tts"].map(|stage| format!("{:.2}", of(stage))).join(" ")
            }),
            row("memory first, last, most, MiB", |r, _| {
                let most = r.memory_mib.iter().copied().reduce(f64::max);
                let all = [r.memory_mib.first().copied(), r.memory_mib.last().copied(), most];
                all.map(|mib| mib.map_or_else(|| "–".into(), |mib| format!("{mib:.0}"))).join(" ")
            }),
        ]
    }

    /// For a terminal. Spreads are `p50 / p95`.
    pub fn text(&self) -> String {
        let header = self.header();
        let width = |n: usize| header.get(n).map_or(0, |h| h.chars().count()).max(20) + 2;
        let line = |label: &str, cells: &[String]| {
            let cells = cells.iter().enumerate().map(|(n, cell)| format!("{cell:>width$}", width = width(n)));
            format!("{label:<38}{}\n", cells.collect::<String>())
        };
        let rows = self.rows();
        let rows = rows.iter().map(|(label, cells)| line(label, cells));
        let kinds = self.columns().into_iter().flat_map(|(run, summary)| {
            let kinds = summary.numbers.iter().skip(1);
            kinds.map(|(kind, t)| format!("numbers, {} {}: {kind} {}\n", run.mode, summary.direction, tally(t)))
        });
        std::iter::once(line("p50 / p95", &header)).chain(rows).chain(kinds.collect::<Vec<_>>()).collect()
    }

    /// The page.
    pub fn html(&self) -> String {
        let mut page = String::new();
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
             initial-scale=1\">\n<title>tongchuan eval</title>\n<style>{STYLE}</style>\n<h1>tongchuan eval</h1>\n\
             <p><code>{}</code></p>\n<p>{}</p>\n",
            escape(&self.command),
            escape(&self.machine)
        );
        self.table(&mut page);
        self.charts(&mut page);
        self.clips(&mut page);
        page.push_str("</html>\n");
        page
    }

    fn table(&self, page: &mut String) {
        let cells =
            |tag: &str, cells: &[String]| cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect::<String>();
        let _ = writeln!(page, "<h2>Summary</h2>\n<p>Spreads are p50 / p95.</p>\n<div class=\"wide\"><table>");
        let _ = writeln!(page, "<tr><th></th>{}</tr>", cells("th", &self.header()));
        for (label, values) in self.rows() {
            let _ = writeln!(page, "<tr><th scope=\"row\">{}</th>{}</tr>", escape(label), cells("td", &values));
        }
        page.push_str("</table></div>\n");
    }

    fn charts(&self, page: &mut String) {
        let of = |run: &Run, summary: &Summary| -> Vec<Phrase> {
            let clips = run.clips.iter().filter(|c| format!("{}→{}", c.from, c.to) == summary.direction);
            clips.flat_map(|c| c.phrases.iter().copied()).collect()
        };
        let name = |run: &Run, summary: &Summary| format!("{} {}", run.mode, summary.direction);
        let series = |points: fn(&[Phrase]) -> Vec<(f64, f64)>| -> Vec<Series> {
            self.columns().iter().map(|(r, s)| Series { name: name(r, s), points: points(&of(r, s)) }).collect()
        };
        let spans = Chart { x: "ear-voice span, s", y: "% of phrases", mark: Some(3.0), lines: true };
        figure(page, "How long after a phrase began it is heard", &spans.svg(&series(cumulative)));
        let over_time = Chart { x: "time in the clip, s", y: "ear-voice span, s", mark: None, lines: false };
        let lags = |phrases: &[Phrase]| phrases.iter().map(|p| (p.from_s, p.lag_s())).collect();
        figure(page, "Ear-voice span over time: flat means that it keeps up", &over_time.svg(&series(lags)));
        let stages =
            self.runs.iter().map(|run| Bars { name: run.mode.clone(), parts: run.real_time_factors.clone() }).collect::<Vec<_>>();
        figure(page, "Computing per second of recording, by stage", &chart::stacked(&stages));
        for run in &self.runs {
            let lanes = |clip: &Measures| -> Vec<Lane> {
                let bar = |from: f64, to: f64| (from, to.max(from));
                let said = clip.phrases.iter().map(|p| bar(p.from_s, p.to_s)).collect();
                let heard = clip.phrases.iter().map(|p| bar(p.heard_s, p.heard_s + p.audio_s)).collect();
                vec![Lane { name: "said".into(), bars: said }, Lane { name: "heard".into(), bars: heard }]
            };
            for clip in run.clips.iter().filter(|c| !c.phrases.is_empty()).take(TIMELINES) {
                let title = format!("{}: {} ({}→{})", run.mode, clip.id, clip.from, clip.to);
                figure(page, &title, &chart::timeline(&lanes(clip)));
            }
        }
    }

    fn clips(&self, page: &mut String) {
        page.push_str(
            "<h2>Clips</h2>\n<div class=\"wide\"><table>\n<tr><th>clip</th><th>mode</th><th>said</th><th>recognised</th>",
        );
        page.push_str("<th>reference</th><th>translated</th><th>LAAL, s</th><th>span p50, s</th><th>end lag, s</th></tr>\n");
        for (run, clip) in self.runs.iter().flat_map(|run| run.clips.iter().map(move |clip| (run, clip))) {
            let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |v| format!("{v:.2}"));
            let cells = [
                clip.id.clone(),
                run.mode.clone(),
                clip.transcript.clone(),
                clip.source.clone(),
                clip.reference.clone().unwrap_or_else(|| "–".into()),
                clip.target.clone(),
                number(Spread::of(clip.laal_aware_s.iter().copied()).mean),
                number(Spread::of(clip.phrases.iter().map(Phrase::lag_s)).p50),
                number(clip.end_lag_s),
            ];
            let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            let _ = writeln!(page, "<tr>{cells}</tr>");
        }
        page.push_str("</table></div>\n");
    }
}

/// Clips per mode that are drawn as timelines.
const TIMELINES: usize = 4;

fn spread(spread: &Spread) -> String {
    match (spread.p50, spread.p95) {
        (Some(p50), Some(p95)) => format!("{p50:.2} / {p95:.2}"),
        _ => "–".into(),
    }
}

fn tally(tally: &Tally) -> String {
    format!("{} {} {}", tally.exact, tally.marked, tally.silent)
}

/// How many percent of the phrases have at most this span.
fn cumulative(phrases: &[Phrase]) -> Vec<(f64, f64)> {
    let mut lags: Vec<f64> = phrases.iter().map(Phrase::lag_s).collect();
    lags.sort_unstable_by(f64::total_cmp);
    let count = lags.len() as f64;
    lags.into_iter().enumerate().map(|(n, lag)| (lag, 100.0 * (n + 1) as f64 / count)).collect()
}

fn figure(page: &mut String, title: &str, svg: &str) {
    let _ = writeln!(page, "<figure><figcaption>{}</figcaption>{svg}</figure>", escape(title));
}

/// Text as HTML and SVG show it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1c1e;--paper:#fff;--line:#c9c9ce;--c0:#0b66c3;--c1:#c2410c;--c2:#15803d;--c3:#7e22ce;--c4:#a16207;--c5:#0e7490}\
@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161618;--line:#48484c;--c0:#6cb4ff;--c1:#ff9a5c;--c2:#6ddc8b;--c3:#cf9bff;--c4:#e8c55b;--c5:#5fd3e6}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;margin:2rem auto;padding:0 1rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}\
figure{margin:2rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}\
.axis{stroke:var(--line);fill:none}.mark{stroke:var(--ink);stroke-dasharray:4 4}.line{fill:none;stroke-width:2}\
.c0{stroke:var(--c0);fill:var(--c0)}.c1{stroke:var(--c1);fill:var(--c1)}.c2{stroke:var(--c2);fill:var(--c2)}.c3{stroke:var(--c3);fill:var(--c3)}.c4{stroke:var(--c4);fill:var(--c4)}.c5{stroke:var(--c5);fill:var(--c5)}.line{fill:none!important}\
";

#[cfg(test)]
mod tests;
