//! The report: complete, well-formed, loading nothing.

use super::*;
use crate::eval::measure::summarise;

fn report() -> Report {
    let phrase = |from_s: f64| Phrase { from_s, to_s: from_s + 2.0, ready_s: from_s + 3.0, heard_s: from_s + 3.5, audio_s: 1.0 };
    let clip = Measures {
        id: "<b>&\"".into(),
        from: "zh".into(),
        to: "en".into(),
        seconds: 8.0,
        transcript: "今天".into(),
        phrases: vec![phrase(0.0), phrase(2.0)],
        laal_aware_s: vec![2.25],
        length: 2,
        ..Measures::default()
    };
    let run = |mode: &str| Run {
        mode: mode.into(),
        summaries: summarise(std::slice::from_ref(&clip)),
        real_time_factors: vec![("asr".into(), 0.25), ("mt".into(), 0.5)],
        memory_mib: vec![100.0, 90.0],
        clips: vec![clip.clone()],
    };
    Report { command: "tongchuan eval <dir>".into(), machine: "2 cores".into(), runs: vec![run("one"), run("two")] }
}

#[test]
fn the_table_has_modes_side_by_side() {
    let text = report().text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("one zh→en") && lines[0].contains("two zh→en"), "{text}");
    let laal = lines.iter().find(|l| l.starts_with("LAAL computation-aware")).unwrap();
    assert_eq!(laal.matches("2.25 / 2.25").count(), 2, "{text}");
    let factor = lines.iter().find(|l| l.starts_with("real-time factor")).unwrap();
    assert_eq!(factor.matches("0.75").count(), 2, "{text}");
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_else() {
    let page = report().html();
    assert!(page.contains("&lt;b&gt;&amp;&quot;") && !page.contains("<b>"), "names are escaped");
    for forbidden in ["http:", "https:", "src=", "href=", "<script", "NaN", "inf"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for tag in ["svg", "table", "figure", "tr", "td", "text", "title", "div"] {
        let (opened, closed) = (
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count(),
            page.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(opened, closed, "{tag}");
    }
    // Spans, over time, stages, and a timeline per mode.
    assert_eq!(page.matches("<svg").count(), 5);
}

#[test]
fn a_report_of_nothing_is_still_a_page() {
    assert!(Report::default().html().ends_with("</html>\n"));
}
