//! What was played before and is heard again: a caption that somebody taps on the other phone, a loudspeaker that is far behind.
//!
//! Its time says nothing, so it is looked for in all that is remembered. Comparing stretch by stretch at each of two thousand delays
//! would be dear, and something would be alike by chance; so the whole utterance is laid against everything at once, by FFT, and only
//! where it fits best [`super::claims`] compares: there it must be the same from beginning to end. Pure.

use realfft::{RealFftPlanner, num_complex::Complex32};

use super::{
    bands::{BANDS, Bands, SILENCE},
    compare::{Heard, WANDER},
};

/// Frames that an utterance must sound for: 1 s. The memory is full of shorter pieces that are like anything.
const MIN_FRAMES: usize = 62;

/// A place whose sound moves this much less than the utterance's is silence, and silence fits anything.
const MIN_POWER: f32 = 0.25;

/// Where `heard` fits best into `played` (frames in the order in which they were played, whenever that was), as a source for
/// [`Heard::compare`]: as long as what was heard and a little longer, silent before and after the place.
pub(super) fn window(heard: &Heard, played: &[Bands]) -> Option<Vec<Bands>> {
    let sounding = heard.sounding();
    let length = sounding.len();
    if length < MIN_FRAMES || played.len() < length {
        return None;
    }
    let (x, y) = heard.features(sounding.clone(), played)?;
    let at = best(&x, &y)?;
    let mut window = vec![[SILENCE; BANDS]; heard.count() + 2 * WANDER];
    let place = window.iter_mut().skip(WANDER + sounding.start).zip(&played[at..at + length]);
    place.for_each(|(to, from)| *to = *from);
    Some(window)
}

/// The place in `y` that is most like `x`.
fn best(x: &[Bands], y: &[Bands]) -> Option<usize> {
    let size = (x.len() + y.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let mut product = inverse.make_input_vec();
    let (mut a, mut b) = (forward.make_output_vec(), forward.make_output_vec());
    for band in 0..BANDS {
        let spectrum = |frames: &[Bands], out: &mut [Complex32]| {
            let mut input = forward.make_input_vec();
            input.iter_mut().zip(frames).for_each(|(to, from)| *to = from[band]);
            forward.process(&mut input, out)
        };
        spectrum(x, &mut a).ok()?;
        spectrum(y, &mut b).ok()?;
        product.iter_mut().zip(a.iter().zip(&b)).for_each(|(sum, (a, b))| *sum += a.conj() * b);
    }
    // Sums of products: real at both ends but for rounding.
    product[0].im = 0.0;
    product[size / 2].im = 0.0;
    let mut likeness = inverse.make_output_vec();
    inverse.process(&mut product, &mut likeness).ok()?;

    let power = |frame: &Bands| frame.iter().map(|v| v * v).sum::<f32>();
    let own: f32 = x.iter().map(power).sum();
    let mut there: f32 = y[..x.len()].iter().map(power).sum();
    let mut best = None;
    for at in 0..=y.len() - x.len() {
        let score = likeness[at] / size as f32 / (own * there).sqrt().max(1e-9);
        if there >= MIN_POWER * own && best.is_none_or(|(_, most)| score > most) {
            best = Some((at, score));
        }
        there += y.get(at + x.len()).map_or(0.0, power) - power(&y[at]);
    }
    best.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_piece_is_found_where_it_was_taken() {
        let mut rng = StdRng::seed_from_u64(3);
        let y: Vec<Bands> = (0..1500).map(|_| std::array::from_fn(|_| rng.random_range(-10.0..10.0))).collect();
        for at in [0, 1, 700, 1380] {
            assert_eq!(best(&y[at..at + 120], &y), Some(at));
        }
        assert_eq!(best(&y[..120], &[[0.0; BANDS]; 300]), None, "silence is like nothing");
    }
}
