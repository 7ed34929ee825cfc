//! What was played, as words: for an echo that sounds unlike what was played but is recognised as just that.
//!
//! Words alone prove nothing, since people repeat a price that they have just heard; so the time must fit as well, and [`super`] asks
//! for some likeness of sound. Pure; bounded.

use std::collections::VecDeque;

use crate::{privacy::Redacted, score};

/// Clauses remembered per loudspeaker; half a minute is at most ten.
const MAX_CLAUSES: usize = 16;
/// Letters that a text must have before its likeness says anything: less is "yes" or "thank you", which everybody says.
const MIN_CHARS: usize = 5;

/// What one loudspeaker said.
#[derive(Debug, Default)]
pub struct Played {
    clauses: VecDeque<Clause>,
}

#[derive(Debug)]
struct Clause {
    text: Redacted,
    /// When it begins and ends, in milliseconds.
    from: i64,
    to: i64,
}

impl Played {
    /// `text` is heard from `from` to `to`.
    pub fn push(&mut self, text: Redacted, from: i64, to: i64) {
        self.clauses.push_back(Clause { text, from, to });
        if self.clauses.len() > MAX_CLAUSES {
            self.clauses.pop_front();
        }
    }

    /// How much of `text`, 0..=1, is in what was being said at the time `at` and after.
    pub fn share(&self, text: &str, at: i64) -> f32 {
        let letters = |text: &str| score::normalised(text).chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
        let speaking = self.clauses.iter().any(|c| c.from <= at && at < c.to);
        let clauses = self.clauses.iter().filter(|c| speaking && at < c.to);
        let played: String = clauses.map(|c| c.text.expose()).collect();
        let (text, played) = (letters(text), letters(&played));
        if text.len() < MIN_CHARS || played.len() < MIN_CHARS {
            return 0.0;
        }
        1.0 - (edits_inside(&text, &played) as f32 / text.len() as f32).min(1.0)
    }
}

/// Edits that make `needle` a piece of `hay`, wherever in it.
fn edits_inside(needle: &[char], hay: &[char]) -> usize {
    let mut row: Vec<usize> = vec![0; hay.len() + 1];
    for (i, n) in needle.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, h) in hay.iter().enumerate() {
            let substituted = diagonal + usize::from(n != h);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.into_iter().min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_were_being_played_are_known_with_their_mistakes() {
        let mut played = Played::default();
        played.push("The minimum order is five hundred pieces,".into(), 1000, 3500);
        played.push("twenty-four per carton.".into(), 3500, 5000);
        assert!(played.share("Order is five hundred pieces, twenty four per", 1500) > 0.9);
        assert!(played.share("minimum odor is five hundred pieces", 1200) > 0.8);
        assert!(played.share("Why does Anna want so many dogs?", 1200) < 0.6);
        assert!(played.share("The minimum order is", 4000) < 0.6, "said before");
        assert_eq!(played.share("twenty-four per carton", 6000), 0.0, "said after it");
        assert_eq!(played.share("four", 3600), 0.0, "too short to prove anything");
    }

    #[test]
    fn the_oldest_clauses_are_forgotten() {
        let mut played = Played::default();
        for n in 0..100 {
            played.push(format!("clause number {n}").into(), n * 10, n * 10 + 10);
        }
        assert_eq!(played.clauses.len(), MAX_CLAUSES);
    }
}
