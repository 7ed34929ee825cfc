//! All recordings through the pure judgement: what is played or said by the other never counts, what is real is never lost.
//!
//! Two sets. The dialogue's synthetic voices were there when the constants of `pipeline::echo` were chosen. The recordings of people
//! were held out: of them no sentence is lost, but one of 48 loses its last word (0.3 s) when it is overheard. What is not demanded is
//! printed (`cargo test --test echo sounds -- --nocapture`): see [`Tally`].

use tongchuan::pipeline::echo::{Kind, Verdict};

use crate::mixing::{add, delimited, in_a_room, lines, people, room, through_opus, words};

struct Recording {
    name: String,
    /// Into a microphone.
    said: Vec<f32>,
    /// The same as a loudspeaker plays it.
    decoded: Vec<f32>,
}

impl Recording {
    fn new(name: String, said: Vec<f32>) -> Self {
        let decoded = through_opus(&said);
        Self { name, said, decoded }
    }
}

/// How often something was asked, and where the answer was wrong.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn note(&mut self, right: bool, what: impl FnOnce() -> String) {
        self.asked += 1;
        if !right {
            self.wrong.push(what());
        }
    }
}

/// Runs `ask` over the set on two threads.
fn over(set: &[Recording], ask: impl Fn(usize, &Recording, &mut Tally) + Sync) -> Tally {
    let half = |odd: usize| {
        let mut tally = Tally::default();
        (0..set.len()).filter(|n| n % 2 == odd).for_each(|n| ask(n, &set[n], &mut tally));
        tally
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut tally = half(0);
        let other = other.join().expect("the other half");
        tally.asked += other.asked;
        tally.wrong.extend(other.wrong);
        tally
    })
}

fn delay(n: usize) -> usize {
    30 + (n * 97) % 271
}

fn another(set: &[Recording], n: usize, step: usize) -> &Recording {
    &set[(n + step) % set.len()]
}

/// What is played is not interpreted, at a microphone that hears it so much fainter.
fn played(set: &[Recording], db: f32) -> Tally {
    over(set, |n, Recording { name, said, decoded }, tally| {
        let begin = 1000 + delay(n);
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[0], begin, &in_a_room(said), db);
        let (mut acoustics, mics) = room(sounds, &[(1000, decoded)]);
        let range = delimited(begin, said.len());
        acoustics.began(mics[0], range.start);
        let verdict = acoustics.judge(mics[0], range);
        tally.note(verdict == Verdict::Echo(Kind::Playback), || format!("{name} played, {db} dB, {} ms: {verdict:?}", delay(n)));
    })
}

/// Nor is what was played a while ago and comes from a phone's memory.
fn replayed(set: &[Recording], db: f32) -> Tally {
    over(set, |n, Recording { name, said, decoded }, tally| {
        let (before, behind) = (another(set, n, 5), another(set, n, 11));
        let at = 1000 + before.said.len() / 16 + 200;
        let next = at + said.len() / 16 + 300;
        let begin = next + behind.said.len() / 16 + 1500 + delay(n);
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[0], begin, &in_a_room(said), db);
        let (mut acoustics, mics) = room(sounds, &[(1000, &before.decoded), (at, decoded), (next, &behind.decoded)]);
        let range = delimited(begin, said.len());
        acoustics.began(mics[0], range.start);
        let verdict = acoustics.judge(mics[0], range);
        tally.note(verdict == Verdict::Echo(Kind::Playback), || format!("{name} played again, {db} dB: {verdict:?}"));
    })
}

/// The other's voice counts at his own microphone only; there it is `whole` or at least not lost.
fn overheard(set: &[Recording], db: f32, whole: bool) -> Tally {
    over(set, |n, Recording { name, said, .. }, tally| {
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[0], 1000, said, 0.0);
        add(&mut sounds[1], 1000 + delay(n), &in_a_room(said), db);
        // Something unlike it was played just before.
        let (mut acoustics, mics) = room(sounds, &[(400, &another(set, n, 7).decoded)]);
        let (near, far) = (delimited(1000, said.len()), delimited(1000 + delay(n), said.len()));
        acoustics.began(mics[0], near.start);
        acoustics.began(mics[1], far.start);
        let verdict = acoustics.judge(mics[1], far);
        tally.note(verdict == Verdict::Echo(Kind::Microphone), || {
            format!("{name} overheard, {db} dB, {} ms: {verdict:?}", delay(n))
        });
        let verdict = acoustics.judge(mics[0], near);
        let right = if whole { verdict == Verdict::Real } else { !matches!(verdict, Verdict::Echo(_)) };
        tally.note(right, || format!("{name} said, {db} dB, {} ms: {verdict:?}", delay(n)));
    })
}

/// Both speak at once, each into the other's microphone too: neither is lost.
fn at_once(set: &[Recording]) -> Tally {
    over(set, |n, Recording { name, said, .. }, tally| {
        let (other, delay) = (&another(set, n, 3).said, delay(n));
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[0], 1000, said, 0.0);
        add(&mut sounds[1], 1000 + delay, &in_a_room(said), -12.0);
        add(&mut sounds[1], 1300, other, 0.0);
        add(&mut sounds[0], 1300 + delay, &in_a_room(other), -12.0);
        let (mut acoustics, mics) = room(sounds, &[]);
        for (mic, begin, length) in [(0, 1000, said.len()), (1, 1000 + delay, other.len() + 16 * (300 - delay.min(300)))] {
            let range = delimited(begin, length);
            acoustics.began(mics[mic], range.start);
            let verdict = acoustics.judge(mics[mic], range);
            tally.note(!matches!(verdict, Verdict::Echo(_)), || format!("{name} and another at once, {mic}: {verdict:?}"));
        }
    })
}

/// What is said while half a minute of other speech is remembered is real, from its first second on.
fn said_after_much(set: &[Recording]) -> Tally {
    over(set, |n, Recording { name, said, .. }, tally| {
        let mut played = Vec::new();
        let mut at = 300;
        for step in 1..12 {
            let other = another(set, n, step);
            if at + other.said.len() / 16 > 28_000 {
                break;
            }
            played.push((at, &other.decoded[..]));
            at += other.said.len() / 16 + 100;
        }
        let mut sounds = [Vec::new(), Vec::new()];
        let begin = at + 1000;
        add(&mut sounds[0], begin, said, 0.0);
        let (mut acoustics, mics) = room(sounds, &played);
        acoustics.began(mics[0], delimited(begin, 0).start);
        for length in [16_000, 24_000, 40_000, usize::MAX] {
            let length = length.min(said.len());
            let verdict = acoustics.judge(mics[0], delimited(begin, length));
            tally.note(verdict == Verdict::Real, || format!("{name}, the first {} ms: {verdict:?}", length / 16));
        }
    })
}

fn check(set: &str, recordings: &[Recording], whole: bool) {
    let demanded = [
        ("played at -10 dB", played(recordings, -10.0)),
        ("played at -20 dB", played(recordings, -20.0)),
        ("played again at -20 dB", replayed(recordings, -20.0)),
        ("overheard and said, -6 dB", overheard(recordings, -6.0, whole)),
        ("overheard and said, -12 dB", overheard(recordings, -12.0, whole)),
        ("overheard and said, -18 dB", overheard(recordings, -18.0, whole)),
        ("both at once", at_once(recordings)),
        ("said after much", said_after_much(recordings)),
    ];
    let measured = [
        ("played at -30 dB", played(recordings, -30.0)),
        ("played again at -30 dB", replayed(recordings, -30.0)),
        ("overheard and said whole, -12 dB", overheard(recordings, -12.0, true)),
    ];
    print(set, &demanded);
    print(&format!("{set} (not demanded)"), &measured);
    let wrong: Vec<_> = demanded.into_iter().flat_map(|(_, tally)| tally.wrong).collect();
    assert!(wrong.is_empty(), "{set}:\n{}", wrong.join("\n"));
}

#[expect(clippy::print_stdout, reason = "what is measured is for the reader")]
fn print(set: &str, tallies: &[(&str, Tally)]) {
    for (what, Tally { asked, wrong }) in tallies {
        println!("{set}, {what}: {} of {asked} wrong", wrong.len());
    }
}

#[test]
fn synthetic_voices_that_are_played_or_said_by_the_other_never_count_and_real_ones_do() {
    let recordings: Vec<_> = lines().iter().map(|line| Recording::new(line.id.clone(), words(line))).collect();
    check("dialogue", &recordings, true);
}

#[test]
fn people_that_are_played_or_said_by_the_other_never_count_and_real_ones_do() {
    let recordings: Vec<_> = people().into_iter().map(|(name, said)| Recording::new(name, said)).collect();
    check("people", &recordings, false);
}
