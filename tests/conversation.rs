//! The whole path with the real weights: two clients on real sockets, recorded speech in real time, both directions.
//!
//! What each side heard is recognised again: the interpretation must say what its caption shows. And nothing of it is in the log.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use pinyin::ToPinyin as _;
use tongchuan::{
    audio::resample::resample_all,
    client::Client,
    config::Config,
    dialogue,
    engines::Engines,
    language::{Language, Spoken, Voice},
    offline::{self, Talk},
    protocol::message::{Hello, Role},
    score::{cer, normalised},
    server::Server,
    telemetry,
    time::SampleRate,
    tts::normalize::normalize,
};
use tracing_subscriber::fmt::MakeWriter;

/// Lines of the dialogue: five of each speaker.
const TURNS: usize = 10;

/// Character error rate, over all sentences of a language, up to which the audio says what the captions show. Whisper base
/// itself errs by about 10 %.
const MAX_CER: f64 = 0.25;

fn config() -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config
}

/// Keeps the log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_recorded_sentences_are_interpreted_once_in_order_and_say_what_their_captions_show() {
    let log = Log::default();
    tracing_subscriber::fmt().with_env_filter(telemetry::filter("trace")).with_ansi(false).with_writer(log.clone()).init();
    let config = config();
    let engines = Engines::open(&config).expect("the models are installed (make models)");
    let stages = engines.stages().await.expect("the engines start");
    let server = Server::start(&config, Some(stages.clone())).await.expect("the server starts");
    let url = format!("ws://{}/v1/session", server.address());
    let room = server.create_room().expect("a room");
    let hello = |token, language, voice| Hello {
        version: 1,
        room: room.room.clone(),
        token: Some(token),
        role: None,
        name: None,
        speak: Spoken::Fixed(language),
        hear: language,
        voice,
        resume: None,
        received: None,
    };
    let (mut merchant, mut merchant_rx) = Client::connect(&url, hello(room.tokens.merchant.clone(), Language::ZH, Voice::Female))
        .await
        .expect("the merchant joins");
    let (mut buyer, mut buyer_rx) =
        Client::connect(&url, hello(room.tokens.buyer.clone(), Language::EN, Voice::Male)).await.expect("the buyer joins");

    let lines = dialogue::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trade")).expect("the dialogue");
    let (mut utterances, mut said) = (Vec::new(), Vec::new());
    let mut texts: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for line in lines.iter().take(TURNS) {
        let samples = dialogue::recording(line).expect("a recording");
        let limit = Duration::from_secs(60);
        let (speaker, speaker_rx, listener_rx, heard_in) = if line.speaker == Role::Merchant {
            (&mut merchant, &mut merchant_rx, &mut buyer_rx, Language::EN)
        } else {
            (&mut buyer, &mut buyer_rx, &mut merchant_rx, Language::ZH)
        };
        let turn = dialogue::turn(speaker, speaker_rx, listener_rx, &samples, limit).await.expect("the connections hold");
        let id = &line.id;
        assert!(turn.errors.is_empty(), "{id}: {:?}", turn.errors);
        assert!(!turn.source.is_empty(), "{id} was lost: nothing was recognised");
        assert!(!turn.target.is_empty(), "{id} was lost: nothing was translated");
        assert!(turn.lag.is_some(), "{id} was lost: nothing was heard");
        // Something of what was said was recognised: not another sentence, and not the last one again.
        assert!(cer(&line.text, &turn.source) < 0.7, "{id}: recognised {:?}", turn.source);

        let again = resample_all(&turn.speech, SampleRate::TTS, SampleRate::ASR).expect("24 to 16 kHz");
        let again = offline::recognise(&stages.asr, again.into(), Spoken::Fixed(heard_in), &Talk::default())
            .await
            .expect("recognised again");
        let again = again.output.0.text.into_inner();
        let (caption, heard) = (spoken(heard_in, &turn.target), spoken(heard_in, &again));
        // Heard alone, a short sentence may be written with other characters that sound the same; it may not be another sentence.
        let error = cer(&sounds(&caption), &sounds(&heard));
        assert!(error <= 0.6, "{id}: the caption says {:?}, the audio {again:?}", turn.target);
        let (captions, hearings) = texts.entry(heard_in.tag()).or_default();
        captions.push_str(&caption);
        hearings.push_str(&heard);
        utterances.extend(turn.order);
        said.extend([turn.source, turn.target, again]);
    }
    assert_eq!(texts.len(), 2, "both directions were heard");
    for (language, (captions, hearings)) in texts {
        let error = cer(&captions, &hearings);
        assert!(error <= MAX_CER, "{language}: error rate {error:.2}: the captions say {captions:?}, the audio {hearings:?}");
    }
    let mut sorted = utterances.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(utterances, sorted, "utterances came doubled or out of order");
    merchant.leave().await;
    buyer.leave().await;
    server.stop().await;

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("ready"), "the log was captured");
    said.extend([&room.tokens.merchant, &room.tokens.buyer].map(|token| token.expose().to_owned()));
    for words in &said {
        // Whole sentences, and every piece long enough not to be there by chance.
        assert!(!log.contains(words.trim()), "the log contains something that was said");
        let pieces = words
            .split(|c: char| !c.is_alphanumeric())
            .filter(|p| p.chars().count() > 12 || (!p.is_ascii() && p.chars().count() >= 4));
        for piece in pieces {
            assert!(!log.contains(piece), "the log contains a part of something that was said");
        }
    }
}

/// Chinese characters as they sound (pinyin without tones), other letters as they are.
fn sounds(text: &str) -> String {
    text.chars().map(|c| c.to_pinyin().map_or_else(|| c.to_string(), |sound| sound.plain().to_owned())).collect()
}

/// As it is spoken: digits and number words are the same thing.
fn spoken(language: Language, text: &str) -> String {
    normalised(&normalize(language, text))
}
