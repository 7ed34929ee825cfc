//! Speech as much faster as was asked: where phonemes end is scaled and rounded, not how long each of them is.
//!
//! Kokoro divides the duration of each phoneme by `speed` and rounds it to frames of 25 ms. Most last two to four, so that a tenth faster was
//! hardly faster. At speed 1 the durations stay what they were.

use super::graph::{Edits, Index, node, output};
use crate::inference::onnx_attributes::integer;

/// Rewrites every `Clip(Round(durations / speed))` with a `speed` that the graph is given; how many there were.
pub(super) fn rewrite(index: &Index<'_>, edits: &mut Edits) -> usize {
    let mut count = 0;
    for (n, div) in index.nodes.iter().enumerate().filter(|(_, n)| n.op_type() == "Div") {
        let ([durations, speed], Some(quotient)) = (div.input.as_slice(), output(div)) else { continue };
        let Some((at, round)) = index.only_user(quotient).filter(|(_, user)| user.op_type() == "Round") else { continue };
        let Some(frames) = output(round) else { continue };
        let Some((_, clip)) = index.only_user(frames).filter(|(_, user)| user.op_type() == "Clip") else { continue };
        let (Some(least), true) = (clip.input.get(1).filter(|least| !least.is_empty()), index.is_input(speed)) else { continue };
        let name = |what: &str| format!("{frames}/{what}");
        let (rounded, natural) = (name("rounded"), name("natural"));
        edits.replace(
            n,
            vec![
                node("Round", &[durations], &rounded, Vec::new()),
                node("Clip", &[&rounded, least], &natural, Vec::new()),
                node("Div", &[&natural, speed], quotient, Vec::new()),
            ],
        );
        let last_axis = edits.integers(name("axis"), &[-1]);
        let (ends, begins, last, first) = (name("ends"), name("begins"), name("last"), name("first"));
        edits.replace(
            at,
            vec![
                node("CumSum", &[quotient, &last_axis], &ends, Vec::new()),
                node("CumSum", &[quotient, &last_axis], &begins, vec![integer("exclusive", 1)]),
                node("Round", &[&ends], &last, Vec::new()),
                node("Round", &[&begins], &first, Vec::new()),
                node("Sub", &[&last, &first], frames, Vec::new()),
            ],
        );
        count += 1;
    }
    count
}
