//! Stress marks in Kokoro's English phonemes (misaki's `apply_stress`). Pure.

/// Mark of primary stress, before the vowel.
pub(super) const PRIMARY: char = 'ˈ';
/// Mark of secondary stress.
pub(super) const SECONDARY: char = 'ˌ';
/// Vowels and diphthongs of Kokoro's American letters.
pub(super) const VOWELS: &str = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐ";

/// Length of a word for sharing out stress: long sounds count twice.
pub(super) fn weight(sounds: &str) -> usize {
    sounds.chars().map(|c| if "AIOQWYʤʧ".contains(c) { 2 } else { 1 }).sum()
}

/// Raises or lowers the stress of `sounds`: below -1 removes it, -1 and -0.5 weaken, 0 to 1 add secondary, above 1 primary stress.
pub(super) fn apply_stress(sounds: &str, stress: Option<f32>) -> String {
    let Some(stress) = stress else { return sounds.to_owned() };
    let (has_primary, has_secondary) = (sounds.contains(PRIMARY), sounds.contains(SECONDARY));
    let has_vowel = sounds.chars().any(|c| VOWELS.contains(c));
    let primary = PRIMARY.to_string();
    if stress < -1.0 {
        sounds.replace([PRIMARY, SECONDARY], "")
    } else if stress == -1.0 || ((stress == 0.0 || stress == -0.5) && has_primary) {
        sounds.replace(SECONDARY, "").replace(PRIMARY, &SECONDARY.to_string())
    } else if (0.0..=1.0).contains(&stress) && !has_primary && !has_secondary {
        if has_vowel { before_first_vowel(SECONDARY, sounds) } else { sounds.to_owned() }
    } else if stress >= 1.0 && !has_primary && has_secondary {
        sounds.replace(SECONDARY, &primary)
    } else if stress > 1.0 && !has_primary && !has_secondary && has_vowel {
        before_first_vowel(PRIMARY, sounds)
    } else {
        sounds.to_owned()
    }
}

fn before_first_vowel(mark: char, sounds: &str) -> String {
    let at = sounds.find(|c| VOWELS.contains(c)).unwrap_or(0);
    let (head, tail) = sounds.split_at(at);
    format!("{head}{mark}{tail}")
}
