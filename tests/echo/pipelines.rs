//! The pipelines of two phones with the real detector and recogniser, in real time: what is said is interpreted once, no echo is.
//!
//! What is played comes back into both microphones. The translator says next to nothing and the voice speaks recordings: how well they
//! do is not the question here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tongchuan::{
    audio::{
        file,
        opus::{Decoder, Encoder, EncoderOptions},
    },
    config::Config,
    dialogue::Line,
    engines::Engines,
    ids::{ParticipantId, UtteranceId},
    inference::worker::{WorkerOptions, spawn_task},
    language::{Language, Spoken, Voice},
    mt::{MtJob, Translation},
    pipeline::{
        Pipelines,
        event::{LaneEvent, LaneInput, LaneText, SpeakerEvent, SpeakerInput, UplinkPacket},
        stages::Stages,
    },
    protocol::message::Role,
    router::{LaneHandle, LaneKey, PipelineFactory as _, RoomSerial, SpeakerHandle, SpeakerKey},
    score::cer,
    time::{Clock, SampleRate},
    tts::{Speech, TtsJob},
};

use crate::mixing::{FRAME, add, hiss, in_a_room, lines, words};

/// What comes back into a microphone.
#[derive(Debug, Clone, Copy)]
struct Mixing {
    /// From the room's loudspeakers, in dB.
    playback: f32,
    /// From the other person, in dB.
    partner: f32,
    delay: Duration,
}

/// Where all sound of the stall is added up: what reaches each microphone, by sample since the beginning.
struct Table {
    began: Instant,
    mics: [Vec<f32>; 2],
}

impl Table {
    fn now_ms(&self) -> usize {
        usize::try_from(self.began.elapsed().as_millis()).unwrap()
    }
}

/// A merchant (0, Chinese) and a buyer (1, English) with pipelines, wired as a room does it.
struct Stall {
    table: Table,
    mixing: Mixing,
    speakers: [SpeakerHandle; 2],
    speaker_rx: mpsc::Receiver<(SpeakerKey, SpeakerEvent)>,
    lanes: [LaneHandle; 2],
    lane_rx: mpsc::Receiver<(LaneKey, LaneEvent)>,
    /// For what each lane plays: its decoder and until when it plays, in ms.
    ears: [(Decoder, usize); 2],
    encoders: [Encoder; 2],
    sequence: u32,
    /// What was recognised at each microphone.
    heard: [Vec<String>; 2],
    /// Utterances without their words, words without their translation, and speech that is being played.
    open: usize,
    untranslated: usize,
    streams: usize,
    /// How many interpretations still come back into the microphones.
    echoes: usize,
}

const LANGUAGES: [Language; 2] = [Language::ZH, Language::EN];

fn number(participant: ParticipantId) -> usize {
    usize::from(participant == ParticipantId(2))
}

impl Stall {
    fn new(stages: Stages, room: u64, mixing: Mixing) -> Self {
        let pipelines = Pipelines::empty(Clock::start());
        pipelines.fill(stages);
        let (speaker_tx, speaker_rx) = mpsc::channel(64);
        let (lane_tx, lane_rx) = mpsc::channel(64);
        let key = |n: u32| SpeakerKey { room: RoomSerial(room), participant: ParticipantId(n + 1) };
        let speakers = [0, 1].map(|n| pipelines.start_speaker(key(n), Spoken::Fixed(LANGUAGES[n as usize]), speaker_tx.clone()));
        let lanes = [0, 1].map(|n| {
            let key = LaneKey { speaker: key(n), language: LANGUAGES[1 - n as usize], generation: n };
            pipelines.open_lane(key, Voice::Female, lane_tx.clone())
        });
        let encoder = || Encoder::new(&EncoderOptions { rate: SampleRate::ASR, ..EncoderOptions::default() }).unwrap();
        Self {
            table: Table { began: Instant::now(), mics: [Vec::new(), Vec::new()] },
            mixing,
            speakers,
            speaker_rx,
            lanes,
            lane_rx,
            ears: [0, 1].map(|_| (Decoder::new().unwrap(), 0)),
            encoders: [encoder(), encoder()],
            sequence: 0,
            heard: [Vec::new(), Vec::new()],
            open: 0,
            untranslated: 0,
            streams: 0,
            echoes: usize::MAX,
        }
    }

    /// Says a recording into one microphone and, fainter and later, into the other.
    fn say(&mut self, who: usize, samples: &[f32]) {
        let now = self.table.now_ms() + 100;
        let later = now + usize::try_from(self.mixing.delay.as_millis()).unwrap();
        add(&mut self.table.mics[who], now, samples, 0.0);
        add(&mut self.table.mics[1 - who], later, &in_a_room(samples), self.mixing.partner);
    }

    /// Runs until `quiet` passed after everything was said, recognised and played.
    async fn run(&mut self, quiet: Duration) {
        let mut still_since = Instant::now();
        loop {
            let at = self.table.began + Duration::from_millis(20) * self.sequence;
            tokio::select! {
                () = sleep_until(at) => self.send().await,
                Some((key, event)) = self.speaker_rx.recv() => self.on_words(number(key.participant), event).await,
                Some((key, event)) = self.lane_rx.recv() => self.on_speech(number(key.speaker.participant), event),
            }
            let now = self.table.now_ms();
            let sounding =
                self.table.mics.iter().any(|mic| mic.len() / 16 > now) || self.ears.iter().any(|(_, until)| *until > now);
            if sounding || self.open + self.untranslated + self.streams > 0 {
                still_since = Instant::now();
            } else if still_since.elapsed() > quiet {
                return;
            }
        }
    }

    /// The next 20 ms of both microphones.
    async fn send(&mut self) {
        let from = self.sequence as usize * FRAME;
        for who in 0..2 {
            let mic = &self.table.mics[who];
            let mut samples: Vec<f32> = (from..from + FRAME).map(|i| mic.get(i).copied().unwrap_or(0.0)).collect();
            hiss(self.sequence * 2 + who as u32 + 1, &mut samples);
            let mut packet = Bytes::new();
            self.encoders[who].push(&samples, |p| packet = Bytes::copy_from_slice(p));
            let (sequence, timestamp) = (self.sequence, self.sequence.wrapping_mul(960));
            let packet = UplinkPacket { sequence, timestamp, first: false, last: false, silence: false, payload: packet };
            self.speakers[who].tx.send(SpeakerInput::Packet(packet)).await.expect("the speaker's pipeline lives");
        }
        self.sequence += 1;
    }

    async fn on_words(&mut self, who: usize, event: SpeakerEvent) {
        match event {
            SpeakerEvent::Recognised { utterance, language, committed, doubtful, .. } => {
                self.heard[who].push(committed.expose().to_owned());
                let utterance = UtteranceId(utterance * 2 + who as u64);
                let text = LaneText { last: true, doubtful, ..LaneText::new(utterance, language, committed) };
                self.lanes[who].tx.send(LaneInput::Text(text)).await.expect("the lane lives");
                self.untranslated += 1;
            }
            SpeakerEvent::UtteranceStarted { .. } => self.open += 1,
            SpeakerEvent::UtteranceEnded { .. } => self.open -= 1,
            SpeakerEvent::Failed { error, .. } => panic!("{error}"),
            _ => {}
        }
    }

    /// What a lane speaks is played by the listener's phone and heard by both microphones.
    fn on_speech(&mut self, lane: usize, event: LaneEvent) {
        match event {
            LaneEvent::Packet { payload, .. } => {
                if self.echoes == 0 {
                    return;
                }
                let mut samples = Vec::new();
                self.ears[lane].0.decode(&payload, &mut samples).unwrap();
                // A jitter buffer of 120 ms.
                let at = self.ears[lane].1.max(self.table.now_ms() + 120);
                self.ears[lane].1 = at + 20;
                let back = at + usize::try_from(self.mixing.delay.as_millis()).unwrap();
                add(&mut self.table.mics[1 - lane], back, &samples, self.mixing.playback);
                add(&mut self.table.mics[lane], back + 40, &samples, self.mixing.playback);
            }
            // Not everything that is heard is worth saying: a sigh has words on a caption, and no speech.
            LaneEvent::Translated { last: true, .. } => self.untranslated -= 1,
            LaneEvent::SpeechStarted { .. } => self.streams += 1,
            LaneEvent::SpeechEnded { .. } => {
                self.streams -= 1;
                self.echoes = self.echoes.saturating_sub(1);
            }
            LaneEvent::Failed { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
}

/// The real detector and recogniser; the translator says next to nothing and the voice speaks recordings of the right language.
async fn stages(echo: bool) -> Stages {
    let mut config = Config::default();
    config.echo.enabled = echo;
    // How fast the machine is is not the question here.
    config.deadlines.asr_ms = 120_000;
    let engines = Engines::open(&config).expect("the models are installed (make models)");
    let (vad, asr) = (engines.vad().await.expect("the detector"), engines.asr().await.expect("the recogniser"));
    let worker = |name| WorkerOptions { name, queue: 16, threads: 1, gate: None };
    let mt = spawn_task(worker("mt"), |job: MtJob, _| async move {
        let text = if job.text.is_blank() { "" } else { "OK" };
        Ok(Translation::whole(text, 1))
    });
    let voices: Vec<(Language, PathBuf)> =
        lines().into_iter().filter(|l| ["d38", "d39"].contains(&l.id.as_str())).map(|l| (language(&l), l.audio)).collect();
    let tts = spawn_task(worker("tts"), move |job: TtsJob, _| {
        let audio = voices.iter().find(|(language, _)| *language == job.language).map(|(_, audio)| audio.clone());
        async move { Ok(Speech { samples: file::read(&audio.expect("zh or en"), SampleRate::TTS).expect("a recording") }) }
    });
    Stages { vad, asr, mt, tts, options: Arc::new(config.pipeline()) }
}

fn language(line: &Line) -> Language {
    if line.speaker == Role::Merchant { Language::ZH } else { Language::EN }
}

/// Twelve turns are not needed: the first test has all recordings. This one shows that the pipelines ask and obey.
#[tokio::test(flavor = "multi_thread")]
async fn two_phones_at_one_stall_hear_each_other_and_nobody_is_interpreted_twice() {
    let lines = lines();
    let stages_on = stages(true).await;
    let limit = Duration::from_secs(120);
    let quiet = Duration::from_millis(2500);
    for (n, (turn, delay)) in [(0, 30), (1, 300), (4, 120), (5, 200)].into_iter().enumerate() {
        let mixing = Mixing { playback: -20.0, partner: -12.0, delay: Duration::from_millis(delay) };
        let line = &lines[turn];
        let who = usize::from(line.speaker == Role::Buyer);
        let mut stall = Stall::new(stages_on.clone(), n as u64, mixing);
        stall.say(who, &words(line));
        timeout(limit, stall.run(quiet)).await.expect("it becomes quiet: no echo begets another");
        assert!(stall.heard[1 - who].is_empty(), "{}: the other microphone said {:?}", line.id, stall.heard[1 - who]);
        let said = stall.heard[who].concat();
        assert!(cer(&line.text, &said) < 0.7, "{}: {:?} was recognised of {:?}", line.id, stall.heard[who], line.text);
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        assert!(2 * letters(&said) <= 3 * letters(&line.text), "{}: heard {:?}", line.id, stall.heard[who]);
    }

    // Both at once: both count.
    let mixing = Mixing { playback: -20.0, partner: -12.0, delay: Duration::from_millis(80) };
    let mut stall = Stall::new(stages_on, 9, mixing);
    let both = [&lines[4], &lines[5]];
    stall.say(0, &words(both[0]));
    stall.say(1, &words(both[1]));
    timeout(limit, stall.run(quiet)).await.expect("it becomes quiet");
    for (line, heard) in both.into_iter().zip(&stall.heard) {
        assert!(cer(&line.text, &heard.concat()) < 0.8, "{}: {heard:?} was recognised of {:?}", line.id, line.text);
    }

    // The same stall without suppression: the echoes are there, loud enough to be recognised.
    let mixing = Mixing { playback: -20.0, partner: -12.0, delay: Duration::from_millis(120) };
    let mut stall = Stall::new(stages(false).await, 10, mixing);
    // Otherwise it would go on for ever.
    stall.echoes = 1;
    stall.say(1, &words(&lines[5]));
    timeout(limit, stall.run(quiet)).await.expect("it becomes quiet");
    assert!(!stall.heard[0].is_empty(), "nothing came back: this test shows nothing");
}
