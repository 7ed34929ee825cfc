//! A conversation at the most verbose log level: none of its words and secrets is in the log.
//!
//! Alone in its program: tracing remembers per program which log lines nobody wants, and other tests want none.

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use common::{Heard, Node, Scripted, hello};
use tongchuan::{
    language::Language,
    protocol::{ClientMessage, ErrorCode, ServerMessage, message::Say},
    router::RouterOptions,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_word_and_no_secret_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let node = Node::new(RouterOptions::default(), Scripted::default());
    let invitation = node.rooms.create().expect("a room");
    let (mut merchant, mut buyer) = (node.connect(), node.connect());
    let mut first = hello(&invitation.room, "zh", "zh");
    first.token = Some(invitation.tokens.merchant.clone());
    first.name = Some("Secretname".into());
    let mut second = hello(&invitation.room, "en", "en");
    second.token = Some(invitation.tokens.buyer.clone());
    let (a, b) = (merchant.join(first).await, buyer.join(second.clone()).await);
    merchant.utter("机密").await;
    assert_eq!(buyer.speech().await, "en:机密");
    buyer.utter("confidential").await;
    assert_eq!(merchant.speech().await, "zh:confidential");
    buyer.utter("!mt confidential").await;
    assert_eq!(merchant.error().await, ErrorCode::MtFailed);
    buyer.say(ClientMessage::Say(Say { lang: Language::EN, text: "confidential".into() })).await;
    merchant.speech().await;
    merchant.say(ClientMessage::Invite {}).await;
    let fresh = merchant.until(|h| if let Heard::Message(ServerMessage::Invitation(i)) = h { Some(i.token) } else { None }).await;
    let mut again = node.connect();
    let back = again.resume(buyer, second, &b.resume).await;
    let mut buyer = again;
    buyer.text(r#"{"type":"hello","room":"confidential"}"#).await;
    buyer.binary(b"confidential".to_vec()).await;
    buyer.error().await;
    let mut wrong = hello(&invitation.room, "en", "en");
    wrong.token = Some(tongchuan::privacy::Secret::new("confidential-token"));
    node.connect().refused(wrong).await;
    node.rooms.drain().await;
    let text = String::from_utf8(log.0.lock().expect("lock").clone()).expect("UTF-8");
    assert!(text.contains("joined") && text.contains("resumed") && text.contains("refused"), "the log was captured: {text}");
    let tokens = [&a.token, &b.token, &fresh, &invitation.tokens.merchant, &invitation.tokens.buyer];
    let secrets = tokens.into_iter().chain([&a.resume, &b.resume, &back.resume]).map(|s| s.expose());
    for word in ["机密", "confidential", "Secretname", invitation.room.as_str()].into_iter().chain(secrets) {
        assert!(!text.contains(word), "the log contains {word:?}");
    }
}
