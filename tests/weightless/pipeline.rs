//! Speaker and lane with scripted stages in virtual time: order, pacing, failures. No weights and no waiting.

use std::{f32::consts::TAU, time::Duration};

use bytes::Bytes;
use tokio::{sync::mpsc, time::Instant};
use tongchuan::{
    asr::{AsrJob, Hypothesis},
    audio::opus::{Encoder, EncoderOptions},
    fake::{self, FakeOptions},
    ids::{StreamId, UtteranceId},
    inference::{
        JobError,
        worker::{WorkerOptions, spawn_task},
    },
    language::{Language, Spoken, Voice},
    mt::{MtJob, Translation},
    pipeline::{
        acoustics::Room,
        conversation::Conversation,
        echo::EchoOptions,
        event::{LaneEvent, LaneInput, LaneText, SpeakerEvent, SpeakerInput, UplinkPacket},
        lane,
        policy::Mode,
        speaker,
        stages::{PipelineOptions, Stages},
    },
    time::{Clock, Millis, SampleRate},
};

const PACKET: Duration = Duration::from_millis(20);

/// A phone: turns sound and silence into paced packets.
struct Phone {
    input_tx: mpsc::Sender<SpeakerInput>,
    encoder: Encoder,
    sequence: u32,
}

impl Phone {
    fn new(input_tx: mpsc::Sender<SpeakerInput>) -> Self {
        let encoder = Encoder::new(&EncoderOptions { rate: SampleRate::ASR, ..EncoderOptions::default() }).unwrap();
        Self { input_tx, encoder, sequence: 0 }
    }

    async fn send(&mut self, milliseconds: usize, amplitude: f32) {
        let samples: Vec<f32> = (0..milliseconds * 16).map(|n| (n as f32 * 300.0 * TAU / 16_000.0).sin() * amplitude).collect();
        self.play(&samples).await;
    }

    async fn play(&mut self, samples: &[f32]) {
        let mut packets = Vec::new();
        self.encoder.push(samples, |packet| packets.push(Bytes::copy_from_slice(packet)));
        for payload in packets {
            let packet = UplinkPacket {
                sequence: self.sequence,
                timestamp: self.sequence.wrapping_mul(960),
                first: false,
                last: false,
                silence: false,
                payload,
            };
            self.sequence += 1;
            self.input_tx.send(SpeakerInput::Packet(packet)).await.unwrap();
            tokio::time::sleep(PACKET).await;
        }
    }

    async fn say(&mut self, milliseconds: usize) {
        self.send(milliseconds, 0.3).await;
    }

    async fn pause(&mut self, milliseconds: usize) {
        self.send(milliseconds, 0.0).await;
    }
}

fn start_speaker(options: FakeOptions) -> (Phone, mpsc::Receiver<(u8, SpeakerEvent)>) {
    start_speaker_with(fake::stages(options))
}

fn start_speaker_with(stages: Stages) -> (Phone, mpsc::Receiver<(u8, SpeakerEvent)>) {
    let (input_tx, input_rx) = mpsc::channel(64);
    let (events_tx, events_rx) = mpsc::channel(64);
    let microphone = Room::new(EchoOptions::default()).microphone();
    let (clock, spoken, conversation) = (Clock::start(), Spoken::Fixed(Language::ZH), Conversation::default());
    let speaker_options = speaker::SpeakerOptions { clock, spoken, microphone, conversation };
    speaker::start(stages, speaker_options, 7, input_rx, events_tx).unwrap();
    (Phone::new(input_tx), events_rx)
}

fn start_lane(options: FakeOptions) -> (mpsc::Sender<LaneInput>, mpsc::Receiver<(u8, LaneEvent)>) {
    start_lane_with(fake::stages(options))
}

fn start_lane_with(stages: Stages) -> (mpsc::Sender<LaneInput>, mpsc::Receiver<(u8, LaneEvent)>) {
    let (input_tx, input_rx) = mpsc::channel(16);
    let (events_tx, events_rx) = mpsc::channel(64);
    let loudspeaker = Room::new(EchoOptions::default()).loudspeaker().ok();
    let (language, voice, conversation) = (Language::EN, Voice::Female, Conversation::default());
    let lane_options = lane::LaneOptions { language, voice, clock: Clock::start(), loudspeaker, conversation };
    lane::open(stages, lane_options, 7, input_rx, events_tx);
    (input_tx, events_rx)
}

async fn drain<E>(mut events_rx: mpsc::Receiver<(u8, E)>) -> Vec<E> {
    let mut events = Vec::new();
    while let Some((key, event)) = events_rx.recv().await {
        assert_eq!(key, 7);
        events.push(event);
    }
    events
}

fn text(utterance: u64, text: &str, last: bool) -> LaneInput {
    growing(utterance, text, "", last)
}

fn growing(utterance: u64, text: &str, pending: &str, last: bool) -> LaneInput {
    let text = LaneText::new(UtteranceId(utterance), Language::ZH, text.into());
    LaneInput::Text(LaneText { pending: pending.into(), last, speech_end: Some(Millis(0)), ..text })
}

#[tokio::test(start_paused = true)]
async fn utterances_are_recognised_in_order_and_finished_before_the_end() {
    let (mut phone, events_rx) = start_speaker(FakeOptions::default());
    let events = tokio::spawn(drain(events_rx));
    phone.pause(300).await;
    phone.say(1200).await;
    phone.pause(1000).await;
    phone.say(1000).await;
    // Still speaking: `Finish` ends the utterance, and its words are not lost.
    phone.input_tx.send(SpeakerInput::Finish).await.unwrap();
    let events = events.await.unwrap();
    let kinds: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            SpeakerEvent::UtteranceStarted { utterance, .. } => Some(format!("start {utterance}")),
            SpeakerEvent::Recognised { committed, .. } if committed.is_blank() => None,
            SpeakerEvent::Recognised { utterance, .. } => Some(format!("words {utterance}")),
            SpeakerEvent::UtteranceEnded { utterance, .. } => Some(format!("end {utterance}")),
            other => Some(format!("{other:?}")),
        })
        .collect();
    assert_eq!(kinds, ["start 0", "words 0", "end 0", "start 1", "words 1", "end 1", "Finished"]);
    let end =
        events.iter().find_map(|e| if let SpeakerEvent::UtteranceEnded { speech_end, .. } = e { Some(speech_end) } else { None });
    let Some(speech_end) = end else { panic!("{events:?}") };
    // 300 ms of silence, 1.2 s of speech; a window (32 ms), the codec's delay and a packet of uncertainty.
    assert!(speech_end.0.abs_diff(1500) < 100, "the words ended at 1500 ms, not at {speech_end}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_in_silence_is_understood_all_the_same() {
    let (mut phone, mut events_rx) = start_speaker(FakeOptions::default());
    phone.say(1500).await;
    // The session found out that the phone is there; without that the sound may still come.
    let waited = Instant::now();
    phone.input_tx.send(SpeakerInput::Quiet).await.unwrap();
    let ended = async {
        while let Some((_, event)) = events_rx.recv().await {
            if matches!(event, SpeakerEvent::UtteranceEnded { .. }) {
                return waited.elapsed();
            }
        }
        panic!("the speaker's task ended");
    };
    let took = tokio::time::timeout(Duration::from_secs(5), ended).await.expect("the utterance ends without another packet");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sentence_waits_for_sound_that_was_held_back_but_not_for_ever() {
    let (mut phone, mut events_rx) = start_speaker(FakeOptions::default());
    phone.say(700).await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    phone.say(700).await;
    let stopped = Instant::now();
    let mut words = Vec::new();
    let ended = loop {
        match events_rx.recv().await.expect("the speaker's task goes on").1 {
            SpeakerEvent::Recognised { committed, .. } if committed.is_blank() => {}
            SpeakerEvent::Recognised { committed, .. } => words.push(committed.into_inner()),
            SpeakerEvent::UtteranceEnded { utterance: 0, .. } => break stopped.elapsed(),
            SpeakerEvent::UtteranceStarted { utterance: 0, .. } => {}
            other => panic!("{other:?}"),
        }
    };
    let [words] = &words[..] else { panic!("{words:?}") };
    let seconds: f32 = words.split(' ').nth(1).unwrap().parse().unwrap();
    assert!((1.2..=1.8).contains(&seconds), "one sentence of {seconds} s");
    assert!((Duration::from_secs(59)..Duration::from_secs(62)).contains(&ended), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn push_to_talk_hears_only_while_the_button_is_held() {
    let (mut phone, events_rx) = start_speaker(FakeOptions::default());
    let events = tokio::spawn(drain(events_rx));
    phone.input_tx.send(SpeakerInput::Floor(Some(false))).await.unwrap();
    phone.say(1500).await;
    phone.input_tx.send(SpeakerInput::Floor(Some(true))).await.unwrap();
    phone.say(1500).await;
    phone.input_tx.send(SpeakerInput::Floor(Some(false))).await.unwrap();
    phone.say(1500).await;
    phone.input_tx.send(SpeakerInput::Finish).await.unwrap();
    let events = events.await.unwrap();
    let words: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            SpeakerEvent::Recognised { committed, .. } if !committed.is_blank() => Some(committed.expose()),
            _ => None,
        })
        .collect();
    assert_eq!(words.len(), 1, "{events:?}");
    let seconds: f32 = words[0].split(' ').nth(1).unwrap().parse().unwrap();
    assert!((1.3..=1.7).contains(&seconds), "heard {seconds} s of the 1.5 s while the button was held");
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_fails_or_hangs_costs_one_utterance() {
    for (options, expected) in [
        (FakeOptions { fail: Some(("asr", 0)), ..FakeOptions::default() }, JobError::failed("asr", "scripted")),
        (FakeOptions { hang: Some(("asr", 0)), ..FakeOptions::default() }, JobError::DeadlinePassed("asr")),
    ] {
        let deadline = options.pipeline.deadlines.asr();
        let (mut phone, events_rx) = start_speaker(options);
        let events = tokio::spawn(drain(events_rx));
        phone.say(1000).await;
        phone.pause(1000).await;
        tokio::time::sleep(deadline).await;
        phone.say(1000).await;
        phone.pause(1000).await;
        phone.input_tx.send(SpeakerInput::Finish).await.unwrap();
        let events = events.await.unwrap();
        let failed = SpeakerEvent::Failed { utterance: Some(0), error: expected };
        // A recognition that failed early, on the guess that the utterance was over, is tried again at its end.
        let retried = events.iter().any(|e| matches!(e, SpeakerEvent::Recognised { utterance: 0, .. }));
        assert!(events.contains(&failed) || retried, "{events:?}");
        assert!(events.iter().any(|e| matches!(e, SpeakerEvent::Recognised { utterance: 1, .. })), "{events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_translates_sentence_by_sentence_into_one_stream_at_the_pace_of_speech() {
    let (input_tx, mut events_rx) = start_lane(FakeOptions::default());
    let began = Instant::now();
    input_tx.send(text(4, "今天天气不错。我们去", false)).await.unwrap();
    input_tx.send(text(4, "公园走走吧。", true)).await.unwrap();
    input_tx.send(LaneInput::Finish).await.unwrap();
    let mut events = Vec::new();
    while let Some((_, event)) = events_rx.recv().await {
        events.push((began.elapsed(), event));
    }
    let translated: Vec<_> = events
        .iter()
        .filter_map(|(_, e)| match e {
            LaneEvent::Translated { committed, last, .. } => Some((committed.expose(), *last)),
            _ => None,
        })
        .collect();
    assert_eq!(translated, [("[en] 今天天气不错。", false), (" [en] 我们去公园走走吧。", true)]);
    let packets: Vec<_> = events
        .iter()
        .filter_map(|(at, e)| match e {
            LaneEvent::Packet { stream: StreamId(0), sequence, first, last, .. } => Some((*at, *sequence, *first, *last)),
            _ => None,
        })
        .collect();
    let count = u32::try_from(packets.len()).unwrap();
    assert!(count > 50);
    for (n, (_, sequence, first, last)) in (0..).zip(&packets) {
        assert_eq!((*sequence, *first, *last), (n, n == 0, n + 1 == count));
    }
    // Never more than the lead ahead of the listener's ear.
    let start = packets[0].0;
    for (n, (at, ..)) in (0..).zip(&packets) {
        assert!(*at + Duration::from_millis(420) >= start + PACKET * n, "packet {n} came at {at:?}");
    }
    let position = |found: fn(&LaneEvent) -> bool| events.iter().position(|(_, e)| found(e)).unwrap();
    assert!(position(|e| matches!(e, LaneEvent::SpeechStarted { .. })) < position(|e| matches!(e, LaneEvent::Packet { .. })));
    assert!(matches!(events[events.len() - 2].1, LaneEvent::SpeechEnded { utterance: UtteranceId(4), stream: StreamId(0) }));
    assert_eq!(events[events.len() - 1].1, LaneEvent::Finished);
}

/// Translates every character into the next word of these; fails, when `stubborn`, if it is to go on behind something.
fn word_by_word(stubborn: bool) -> Stages {
    const WORDS: [&str; 8] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"];
    let worker = WorkerOptions { name: "mt", queue: 4, threads: 1, gate: None };
    let mt = spawn_task(worker, move |job: MtJob, _| async move {
        if stubborn && job.ahead.is_none() && !job.begun.is_blank() {
            return Err(JobError::failed("mt", "scripted"));
        }
        let source = job.text.expose();
        let words = WORDS[..source.chars().filter(|c| c.is_alphanumeric()).count()].join(" ");
        let text = if source.ends_with('。') { format!("{words}.") } else { words };
        assert!(text.starts_with(job.begun.expose()));
        Ok(Translation { complete: job.ahead.is_none(), ..Translation::whole(text, 1) })
    });
    Stages { mt, ..fake::stages(FakeOptions::default()) }
}

#[tokio::test(start_paused = true)]
async fn what_two_drafts_begin_with_is_spoken_before_the_clause_is_complete() {
    let ends = [
        (false, [("alpha bravo charlie delta", false), (" echo foxtrot.", true)]),
        // Said anew when the translator does not know how to go on.
        (true, [("alpha bravo charlie delta", false), ("… alpha bravo charlie delta echo foxtrot.", true)]),
    ];
    // A translation may begin before any word is certain.
    let committed = [("今天", "天气好。", false), ("", "天气很。", false), ("天气很好。", "", true)];
    let pending = [("", "今天天气好。", false), ("", "今天天气很。", false), ("今天天气很好。", "", true)];
    for ((stubborn, expected), pieces) in ends.into_iter().flat_map(|end| [(end, committed), (end, pending)]) {
        let (input_tx, mut events_rx) = start_lane_with(word_by_word(stubborn));
        let later = Duration::from_millis(500);
        tokio::spawn(async move {
            for (committed, pending, last) in pieces {
                input_tx.send(growing(4, committed, pending, last)).await.unwrap();
                tokio::time::sleep(later).await;
            }
            input_tx.send(LaneInput::Finish).await.unwrap();
        });
        let (began, mut translated, mut streams) = (Instant::now(), Vec::new(), 0);
        while let Some((_, event)) = events_rx.recv().await {
            match event {
                LaneEvent::Translated { committed, last, .. } => translated.push((committed.into_inner(), last, began.elapsed())),
                LaneEvent::SpeechStarted { .. } => streams += 1,
                LaneEvent::Failed { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        let texts: Vec<_> = translated.iter().map(|(text, last, _)| (text.as_str(), *last)).collect();
        assert_eq!(texts, expected);
        assert!(translated[0].2 < 2 * later, "before the sentence was complete");
        assert_eq!(streams, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_of_words_that_nobody_said_after_all_is_heard() {
    let (input_tx, events_rx) = start_lane_with(word_by_word(false));
    let events = tokio::spawn(drain(events_rx));
    for pending in ["今天天", "今天天气", "今天天气好"] {
        input_tx.send(growing(4, "", pending, false)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    input_tx.send(text(4, "", true)).await.unwrap();
    input_tx.send(LaneInput::Finish).await.unwrap();
    let events: Vec<_> = events.await.unwrap().into_iter().map(|event| (Duration::ZERO, event)).collect();
    // The last word was not worth a breath of its own.
    assert_eq!(captions(&events).concat(), "alpha bravo charlie delta");
    assert_eq!(speech(&events), "alpha bravo charlie delta");
    assert!(matches!(events[events.len() - 2].1, LaneEvent::SpeechEnded { utterance: UtteranceId(4), .. }), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_while_somebody_speaks_costs_him_no_word() {
    let (input_tx, events_rx) = start_lane(FakeOptions::default());
    let events = tokio::spawn(drain(events_rx));
    for input in [
        growing(1, "这里的天气", "", false),
        text(2, "请等一下。", true),
        // Of words that are not certain nothing remains when others come.
        growing(3, "", "也许", false),
        growing(1, "非常好。", "", true),
        text(3, "好的。", true),
        LaneInput::Finish,
    ] {
        input_tx.send(input).await.unwrap();
    }
    let events = events.await.unwrap();
    let translated: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            LaneEvent::Translated { utterance, committed, last, .. } => Some((utterance.0, committed.expose(), *last)),
            _ => None,
        })
        .collect();
    let expected =
        [(1, "[en] 这里的天气", false), (2, "[en] 请等一下。", true), (1, "[en] 非常好。", true), (3, "[en] 好的。", true)];
    assert_eq!(translated, expected);
}

#[tokio::test(start_paused = true)]
async fn a_stage_of_the_lane_that_fails_or_hangs_costs_one_sentence() {
    for (stage, hang) in [("mt", false), ("mt", true), ("tts", false), ("tts", true)] {
        let script = Some((stage, 0));
        let options = FakeOptions { fail: script.filter(|_| !hang), hang: script.filter(|_| hang), ..FakeOptions::default() };
        let limit = options.pipeline.deadlines.mt().max(options.pipeline.deadlines.tts());
        let (input_tx, events_rx) = start_lane(options);
        let began = Instant::now();
        let events = tokio::spawn(drain(events_rx));
        input_tx.send(text(1, "今天下雨。", true)).await.unwrap();
        input_tx.send(text(2, "明天天晴。", true)).await.unwrap();
        input_tx.send(LaneInput::Finish).await.unwrap();
        let events = events.await.unwrap();
        let expected = if hang { JobError::DeadlinePassed(stage) } else { JobError::failed(stage, "scripted") };
        assert!(events.contains(&LaneEvent::Failed { utterance: UtteranceId(1), error: expected }), "{stage}: {events:?}");
        assert!(began.elapsed() < limit + Duration::from_secs(10));
        let spoken = events.iter().any(|e| matches!(e, LaneEvent::SpeechEnded { utterance: UtteranceId(2), .. }));
        assert!(spoken, "{stage}: the next sentence is heard: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_dropped_says_no_more() {
    let (input_tx, mut events_rx) = start_lane(FakeOptions::default());
    input_tx.send(text(1, "今天下雨，明天天晴，后天再说，大后天也一样。", true)).await.unwrap();
    while !matches!(events_rx.recv().await, Some((_, LaneEvent::Packet { .. }))) {}
    drop(input_tx);
    let mut rest = 0;
    while events_rx.recv().await.is_some() {
        rest += 1;
    }
    assert!(rest < 100, "{rest} events after nobody wanted them");
}

/// Words of half a second: each its own tone, with a dip between them.
const WORDS: [&str; 8] = ["ka", "lo", "mi", "nu", "pe", "ro", "si", "ta"];
const WORD: usize = 8_000;

fn tone_words(count: usize) -> Vec<f32> {
    let sample = |n: usize| {
        let (word, at) = (n / WORD, n % WORD);
        let hertz = 300.0 + 100.0 * (word % WORDS.len()) as f32;
        let amplitude = if at < WORD - 800 { 0.3 } else { 0.05 };
        (n as f32 * hertz * TAU / 16_000.0).sin() * amplitude
    };
    (0..count * WORD).map(sample).collect()
}

/// Reads those words back, as a recogniser would.
fn read_tones(samples: &[f32]) -> Vec<String> {
    let pitch = |frame: &[f32]| {
        let crossings = frame.windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count();
        let loud = frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32 > 0.01;
        let hertz = crossings as f32 * 16_000.0 / (2.0 * frame.len() as f32);
        loud.then(|| ((hertz - 300.0) / 100.0).round().clamp(0.0, WORDS.len() as f32 - 1.0) as usize)
    };
    let mut words: Vec<(usize, usize)> = Vec::new();
    for word in samples.chunks_exact(800).filter_map(pitch) {
        match words.last_mut() {
            Some((last, frames)) if *last == word => *frames += 1,
            _ => words.push((word, 1)),
        }
    }
    words.into_iter().filter(|(_, frames)| *frames >= 3).map(|(word, _)| WORDS[word].to_owned()).collect()
}

/// Stages whose recogniser hears [`tone_words`].
fn tone_stages(options: FakeOptions) -> Stages {
    let took = options.asr;
    let worker = WorkerOptions { name: "asr", queue: 16, threads: 1, gate: None };
    let asr = spawn_task(worker, move |job: AsrJob, _| async move {
        tokio::time::sleep(took).await;
        let committed = job.committed.as_ref().map_or(0, |text| text.expose().split_whitespace().count());
        let rest = read_tones(&job.samples).into_iter().skip(committed).collect::<Vec<_>>().join(" ");
        let lead = if committed > 0 && !rest.is_empty() { " " } else { "" };
        let text = format!("{lead}{rest}").into();
        Ok(Hypothesis { text, language: Language::EN, tokens: Vec::new(), no_speech: 0.0 })
    });
    Stages { asr, ..fake::stages(options) }
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_a_pause_is_committed_while_it_is_spoken_once_and_in_order() {
    const COUNT: usize = 120;
    let options = FakeOptions {
        pipeline: PipelineOptions { mode: Mode::Simultaneous, ..PipelineOptions::default() },
        ..FakeOptions::default()
    };
    let (mut phone, mut events_rx) = start_speaker_with(tone_stages(options));
    let began = Instant::now();
    let events = tokio::spawn(async move {
        let mut events = Vec::new();
        while let Some((_, event)) = events_rx.recv().await {
            events.push((began.elapsed(), event));
        }
        events
    });
    phone.pause(300).await;
    phone.play(&tone_words(COUNT)).await;
    phone.pause(1000).await;
    phone.input_tx.send(SpeakerInput::Finish).await.unwrap();
    let events = events.await.unwrap();
    let mut said = String::new();
    let mut latest = Duration::ZERO;
    for (at, event) in &events {
        if let SpeakerEvent::Recognised { committed, .. } = event {
            if !committed.is_blank() {
                latest = latest.max(*at - Duration::from_millis(WORD as u64 / 16 * said.split_whitespace().count() as u64));
            }
            said.push_str(committed.expose());
            said.push(' ');
        }
        assert!(!matches!(event, SpeakerEvent::Failed { .. } | SpeakerEvent::Dropped(_)), "{event:?}");
    }
    let said: Vec<&str> = said.split_whitespace().map(|word| word.trim_end_matches(',')).collect();
    let wanted: Vec<&str> = (0..COUNT).map(|n| WORDS[n % WORDS.len()]).collect();
    assert_eq!(said, wanted, "nothing is lost, doubled or out of order");
    assert!(latest < Duration::from_secs(5), "in virtual time, whose recogniser takes 0.2 s, words come {latest:?} late");
}

#[tokio::test(start_paused = true)]
async fn a_listener_who_is_behind_hears_everything_a_little_faster_and_the_speaker_is_told() {
    let (input_tx, events_rx) = start_lane(FakeOptions::default());
    let events = tokio::spawn(drain(events_rx));
    let sentences: Vec<String> =
        (0..12).map(|n| format!("这是第{}句很长很长的话，说的是今天的天气。", ["甲", "乙", "丙", "丁"][n % 4])).collect();
    for (n, sentence) in sentences.iter().enumerate() {
        input_tx.send(text(n as u64, sentence, true)).await.unwrap();
    }
    input_tx.send(LaneInput::Finish).await.unwrap();
    let events = events.await.unwrap();
    let spoken: Vec<(String, Duration)> = events
        .iter()
        .filter_map(|event| match event {
            LaneEvent::Spoken { text, audio, .. } => Some((text.expose().to_owned(), *audio)),
            _ => None,
        })
        .collect();
    let squeezed = |text: &str| text.replace(' ', "");
    let all: String = spoken.iter().map(|(text, _)| squeezed(text)).collect();
    let wanted: String = sentences.iter().map(|sentence| format!("[en]{sentence}")).collect();
    assert_eq!(all, wanted, "in order, and nothing is skipped");
    let pace = |(text, audio): &(String, Duration)| audio.as_secs_f64() / text.chars().count() as f64;
    let (first, last) = (pace(&spoken[0]), pace(spoken.last().unwrap()));
    assert!(last < first * 0.85 && last > first * 0.75, "a quarter faster at most: {first} and {last}");
    assert_eq!(events.iter().filter(|event| matches!(event, LaneEvent::Behind(_))).count(), 1, "told once");
}

/// What a lane says of an utterance whose translator writes a word every 100 ms, and gives the last of its `tries`.
async fn written(source: &str, tries: Vec<&'static str>) -> Vec<(Duration, LaneEvent)> {
    written_before(source, "", tries).await
}

/// The same when `more`, of which no translation is given, comes a second later.
async fn written_before(source: &str, more: &str, tries: Vec<&'static str>) -> Vec<(Duration, LaneEvent)> {
    let worker = WorkerOptions { name: "mt", queue: 8, threads: 1, gate: None };
    let rest = more.to_owned();
    let mt = spawn_task(worker, move |job: MtJob, _| {
        let is_rest = !rest.is_empty() && job.text.expose().ends_with(&rest);
        let tries = if job.wants_answer() && !is_rest { tries.clone() } else { Vec::new() };
        async move {
            for answer in &tries {
                for (at, _) in answer.match_indices(' ') {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    job.running.iter().for_each(|running| drop(running.send_replace(answer[..at].into())));
                }
            }
            Ok(Translation { tries: tries.len(), ..Translation::whole(tries.last().copied().unwrap_or(""), 1) })
        }
    });
    let (input_tx, mut events_rx) = start_lane_with(Stages { mt, ..fake::stages(FakeOptions::default()) });
    let began = Instant::now();
    input_tx.send(text(0, source, more.is_empty())).await.unwrap();
    if !more.is_empty() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        input_tx.send(text(0, more, true)).await.unwrap();
    }
    input_tx.send(LaneInput::Finish).await.unwrap();
    let mut events = Vec::new();
    while let Some((_, event)) = events_rx.recv().await {
        events.push((began.elapsed(), event));
    }
    events
}

/// The captions of a translation.
fn captions(events: &[(Duration, LaneEvent)]) -> Vec<&str> {
    let shown = events.iter().filter_map(|(_, event)| match event {
        LaneEvent::Translated { committed, .. } => Some(committed.expose()),
        _ => None,
    });
    shown.collect()
}

fn speech(events: &[(Duration, LaneEvent)]) -> String {
    let spoken = events.iter().filter_map(|(_, event)| match event {
        LaneEvent::Spoken { text, .. } => Some(text.expose()),
        _ => None,
    });
    spoken.collect()
}

#[tokio::test(start_paused = true)]
async fn captions_grow_by_the_word_while_the_translation_is_written() {
    let answer = "The old garden behind our house is still open to everybody today.";
    let events = written("我们房子后面的老花园今天还对大家开放。", vec![answer]).await;
    let shown = captions(&events);
    assert!(shown.len() > 4 && shown.concat() == answer, "{shown:?}");
    assert!(events[0].0 < Duration::from_millis(500), "in virtual time, {:?}", events[0]);
    assert_eq!(speech(&events), answer);
}

#[tokio::test(start_paused = true)]
async fn who_talks_on_is_interpreted_from_the_first_words_of_the_translation_on() {
    let answer = "The old garden behind our house is still open to everybody today.";
    let ends =
        [("我们房子后面的老花园今天还对大家开放。", "", 40), ("我们房子后面的老花园今天还对大家开放，我", "们都很高兴。", 10)];
    for (source, more, longest) in ends {
        let events = written_before(source, more, vec![answer]).await;
        assert_eq!(speech(&events), answer);
        let mut spoken = events.iter().filter_map(|(_, event)| match event {
            LaneEvent::Spoken { text, .. } => Some(text.expose().trim().len()),
            _ => None,
        });
        let first = spoken.next().expect("it is spoken");
        assert!((longest / 2..=longest).contains(&first), "{first}: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_not_kept_waiting_by_drafts_that_do_not_agree() {
    // Words that are committed, words that are heard again and again, and such as change each time.
    let committed = [("", "今"), ("今", "天"), ("天", "的"), ("", "的天"), ("的天", "气"), ("气", "很"), ("", "很好")];
    let repeated = [
        ("", "今"),
        ("", "今天"),
        ("", "今天的"),
        ("", "今天的天"),
        ("", "今天的天气"),
        ("", "今天的天气很"),
        ("", "今天的天气很好"),
    ];
    let unsure = [
        ("", "今"),
        ("", "明年"),
        ("", "也许他"),
        ("", "我们四个"),
        ("", "花园里有人"),
        ("", "不知道是不是"),
        ("", "今天的天气很好"),
    ];
    for (pieces, rest, earliest, latest) in
        [(committed, "很好。", 1.2, 2.0), (repeated, "今天的天气很好。", 1.2, 2.0), (unsure, "今天的天气很好。", 3.0, 4.0)]
    {
        // Every draft begins with another word; behind what was begun it goes on.
        let worker = WorkerOptions { name: "mt", queue: 4, threads: 1, gate: None };
        let mt = spawn_task(worker, move |job: MtJob, _| async move {
            let own = format!("{} comes before the others", job.text.expose().chars().map(|_| 'a').collect::<String>());
            let text = if job.begun.is_blank() { own } else { format!("{} it is", job.begun.expose()) };
            Ok(Translation { complete: false, ..Translation::whole(text, 1) })
        });
        let (input_tx, mut events_rx) = start_lane_with(Stages { mt, ..fake::stages(FakeOptions::default()) });
        tokio::spawn(async move {
            for (committed, pending) in pieces {
                input_tx.send(growing(0, committed, pending, false)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(450)).await;
            }
            input_tx.send(growing(0, rest, "", true)).await.unwrap();
            input_tx.send(LaneInput::Finish).await.unwrap();
        });
        let (began, mut first, mut shown) = (Instant::now(), None, String::new());
        while let Some((_, event)) = events_rx.recv().await {
            if let LaneEvent::Translated { committed, .. } = event {
                first.get_or_insert(began.elapsed().as_secs_f64());
                shown += committed.expose();
            }
        }
        let first = first.expect("it is interpreted");
        assert!((earliest..latest).contains(&first), "in virtual time, {first:?} s");
        assert_eq!(shown.matches("comes before").count(), 1, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_sentence_after_the_other_is_spoken_faster_but_an_amount_only_a_little() {
    for (sentence, faster) in [("这是一句短短的话。", 1.2..1.3), ("这是十二块五的伞。", 1.05..1.15)] {
        let (input_tx, events_rx) = start_lane(FakeOptions::default());
        let events = tokio::spawn(drain(events_rx));
        // The last word before each of them was said at zero.
        for wait in [0, 3, 60] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            input_tx.send(text(wait, sentence, true)).await.unwrap();
        }
        input_tx.send(LaneInput::Finish).await.unwrap();
        let events = events.await.unwrap();
        // The first clause of each: what comes behind it also hurries because of what waits.
        let mut spoken = std::collections::BTreeMap::new();
        for event in &events {
            if let LaneEvent::Spoken { utterance, audio, .. } = event {
                spoken.entry(*utterance).or_insert(audio.as_secs_f32());
            }
        }
        let spoken: Vec<f32> = spoken.into_values().collect();
        let [first, soon, later] = spoken[..] else { panic!("{spoken:?}") };
        assert!(faster.contains(&(first / soon)) && first == later, "{spoken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn captions_of_amounts_wait_for_their_clause() {
    let answer = "The old garden behind our house costs 12 yuan for everybody.";
    let events = written("我们房子后面的老花园大家都是十二块。", vec![answer]).await;
    let shown = captions(&events);
    assert!(shown.len() <= 3 && shown.concat() == answer, "{shown:?}");
    assert_eq!(speech(&events), answer);
}

#[tokio::test(start_paused = true)]
async fn words_of_another_try_are_shown_anew_and_said_once() {
    let right = "The new park behind our house is open.";
    let events = written("我们房子后面的新公园开放。", vec!["The old garden is closed to", right]).await;
    let shown = captions(&events);
    assert_eq!(shown.concat(), format!("The old garden… {right}"), "{shown:?}");
    assert_eq!(speech(&events), right);
}
