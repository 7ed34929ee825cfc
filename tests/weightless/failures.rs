//! A stage that fails, hangs for good, or is flooded: the session is told in time, and the next sentence works.
//!
//! Real sockets and real worker threads; the engines are scripted, so this is about the machinery and needs no weights.

use std::{
    f32::consts::TAU,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tongchuan::{
    client::{Client, Event, Received},
    config::Config,
    fake::{self, FakeOptions},
    inference::{
        JobContext, JobError,
        worker::{WorkerOptions, spawn},
    },
    language::{Language, Spoken, Voice},
    mt::{MtJob, Translation},
    pipeline::stages::{Deadlines, PipelineOptions},
    protocol::{
        ErrorCode, ServerMessage,
        message::{Hello, Invitation},
    },
    server::Server,
};

const LIMIT: Duration = Duration::from_secs(20);

fn hello(room: &Invitation, merchant: bool) -> Hello {
    let language = if merchant { Language::ZH } else { Language::EN };
    let token = if merchant { &room.tokens.merchant } else { &room.tokens.buyer };
    Hello {
        version: 1,
        room: room.room.clone(),
        token: Some(token.clone()),
        role: None,
        name: None,
        speak: Spoken::Fixed(language),
        hear: language,
        voice: Voice::Female,
        resume: None,
        received: None,
    }
}

/// A second of tone, which the fake detector takes for speech, and the silence after it.
fn utterance() -> Vec<f32> {
    let tone = (0..16_000).map(|n| (n as f32 * 300.0 * TAU / 16_000.0).sin() * 0.3);
    tone.chain(std::iter::repeat_n(0.0, 16_000)).collect()
}

async fn until<T>(events_rx: &mut mpsc::Receiver<Received>, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
    let found = async {
        loop {
            let received = events_rx.recv().await.expect("the connection holds");
            if let Some(found) = wanted(&received.event) {
                return found;
            }
        }
    };
    tokio::time::timeout(LIMIT, found).await.expect("it comes in time")
}

fn error(event: &Event) -> Option<ErrorCode> {
    match event {
        Event::Message(ServerMessage::Error(error)) => Some(error.code),
        _ => None,
    }
}

fn speech_end(event: &Event) -> Option<()> {
    matches!(event, Event::Message(ServerMessage::SpeechEnd(_))).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_translator_that_hangs_panics_and_fails_costs_those_sentences_only() {
    let deadlines = Deadlines { mt_ms: 1500, ..Deadlines::default() };
    let pipeline = PipelineOptions { deadlines, ..PipelineOptions::default() };
    let mut stages = fake::stages(FakeOptions { pipeline, ..FakeOptions::default() });
    let calls = Arc::new(AtomicUsize::new(0));
    let options = WorkerOptions { name: "mt", queue: 4, threads: 1, gate: None };
    stages.mt = spawn(options, move || {
        let calls = calls.clone();
        Ok(move |job: MtJob, _: &JobContext| {
            let call = if job.wants_answer() { calls.fetch_add(1, Ordering::SeqCst) } else { usize::MAX };
            match call {
                // Deaf to cancellation, as a loop in native code would be.
                0 => loop {
                    thread::sleep(Duration::from_secs(1));
                },
                1 => panic!("a bug in the engine"),
                2 => Err(JobError::failed("mt", "scripted")),
                _ => Ok(Translation::whole(job.text, 1)),
            }
        })
    })
    .await
    .unwrap();

    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    let server = Server::start(&config, Some(stages)).await.unwrap();
    let url = format!("ws://{}/v1/session", server.address());
    let room = server.create_room().unwrap();
    let (mut merchant, mut merchant_rx) = Client::connect(&url, hello(&room, true)).await.unwrap();
    let (buyer, mut buyer_rx) = Client::connect(&url, hello(&room, false)).await.unwrap();

    for expected in [ErrorCode::Deadline, ErrorCode::MtFailed, ErrorCode::MtFailed] {
        let began = Instant::now();
        merchant.speak(&utterance()).await.unwrap();
        assert_eq!(until(&mut merchant_rx, error).await, expected, "the speaker is told");
        assert_eq!(until(&mut buyer_rx, error).await, expected, "the listener is told");
        // 2 s of sound, the deadline, and time for a busy machine.
        assert!(began.elapsed() < Duration::from_millis(2000 + deadlines.mt_ms + 5000));
    }
    merchant.speak(&utterance()).await.unwrap();
    until(&mut buyer_rx, speech_end).await;
    merchant.leave().await;
    buyer.leave().await;
    server.stop().await;
}
