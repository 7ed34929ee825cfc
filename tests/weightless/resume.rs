//! Sessions that outlive their connections, in virtual time and without sockets: nothing lost, nothing twice, nothing out of order.
//!
//! Also what is written instead of spoken, and fresh invitations: requests that a phone makes while it comes and goes.

use std::{f32::consts::TAU, sync::Arc, time::Duration};

use crate::common::{Client, Heard, Node, Scripted, code, hello, language, pair};
use bytes::Bytes;
use tokio::time::sleep;
use tongchuan::{
    audio::opus::{Encoder, EncoderOptions},
    fake::{self, FakeOptions},
    pipeline::Pipelines,
    privacy::Secret,
    protocol::{
        ClientMessage, ErrorCode, ServerMessage,
        message::{CaptionKind, Hello, LeaveReason, Ping, Resumed, Role, Say, Welcome},
    },
    router::RouterOptions,
    time::{Clock, SampleRate},
};

const ROOM: &str = "K7M2QX";

fn node() -> Node {
    Node::new(open(), Scripted::default())
}

/// A code is enough to come in.
fn open() -> RouterOptions {
    RouterOptions { open_rooms: true, ..RouterOptions::default() }
}

/// A merchant and a buyer whose welcomes are kept.
async fn met(node: &Node) -> ((Client, Welcome), (Client, Welcome)) {
    let (mut merchant, mut buyer) = (node.connect(), node.connect());
    let first = merchant.join(hello(&code(ROOM), "zh", "zh")).await;
    let second = buyer.join(hello(&code(ROOM), "en", "en")).await;
    ((merchant, first), (buyer, second))
}

fn english() -> Hello {
    hello(&code(ROOM), "en", "en")
}

/// Until the other side's presence changes: what is told of it.
async fn presence(client: &mut Client) -> &'static str {
    client
        .until(|h| match h {
            Heard::Message(ServerMessage::Away(_)) => Some("away"),
            Heard::Message(ServerMessage::Back(_)) => Some("back"),
            Heard::Message(ServerMessage::Left(left)) if left.reason == LeaveReason::Lost => Some("lost"),
            Heard::Message(ServerMessage::Left(_)) => Some("left"),
            _ => None,
        })
        .await
}

/// Until these words are captioned: the utterance.
async fn words(client: &mut Client, words: &str) -> u64 {
    loop {
        let caption = client.caption(CaptionKind::Source).await;
        if caption.committed.expose() == words {
            return caption.utterance.0;
        }
    }
}

/// What a listener makes of a stretch of messages: captions as text, audio as text, in the order in which they came.
async fn script(client: &mut Client, until: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match client.hear().await {
            Heard::Message(ServerMessage::Caption(c)) if !c.committed.is_blank() => {
                lines.push(format!("{} {}", c.utterance, c.committed.expose()));
            }
            Heard::Message(ServerMessage::SpeechStart(s)) => lines.push(format!("{} starts", s.utterance)),
            Heard::Message(ServerMessage::SpeechEnd(s)) => lines.push(format!("{} ends", s.utterance)),
            Heard::Message(ServerMessage::Pong(pong)) => lines.push(format!("pong {}", pong.id)),
            Heard::Audio(frame) => lines.push(String::from_utf8(frame.payload.to_vec()).expect("words")),
            Heard::Closed(code) => panic!("closed with {code}"),
            Heard::Message(_) => {}
        }
        if lines.last().is_some_and(|line| line == until) {
            return lines;
        }
    }
}

/// What [`script`] gives for whole utterances of the merchant, heard in English.
fn expected(utterances: std::ops::RangeInclusive<u64>) -> Vec<String> {
    utterances
        .flat_map(|n| {
            let translated = format!("en:词{n}");
            [format!("{n} 词{n}"), format!("{n} {translated}"), format!("{n} starts"), translated, format!("{n} ends")]
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn thirty_seconds_of_nothing_lose_nothing() {
    let node = node();
    let ((mut merchant, _), (mut buyer, welcome)) = met(&node).await;
    for n in 1..=3 {
        merchant.utter(&format!("词{n}")).await;
        sleep(Duration::from_millis(50)).await;
    }
    // The buyer has read one and a half of the three; the rest was written, and dies with the connection.
    let mut heard = script(&mut buyer, "2 en:词2").await;
    buyer.lose();
    assert_eq!(presence(&mut merchant).await, "away");
    for n in 4..=9 {
        merchant.utter(&format!("词{n}")).await;
        merchant.stay(Duration::from_secs(5)).await;
    }
    let mut again = node.connect();
    let back = again.resume(buyer, english(), &welcome.resume).await;
    assert_eq!((back.participant, back.session, back.role), (welcome.participant, welcome.session, Role::Buyer));
    assert_eq!(back.resumed, Some(Resumed { packets: 0 }));
    assert_ne!(back.resume, welcome.resume, "a new secret each time");
    assert_eq!(presence(&mut merchant).await, "back");
    merchant.utter("词10").await;
    heard.extend(script(&mut again, "10 ends").await);
    assert_eq!(heard, expected(1..=10));
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_taken_over() {
    let node = node();
    let ((mut merchant, _), (mut buyer, welcome)) = met(&node).await;
    merchant.utter("词1").await;
    let mut heard = script(&mut buyer, "1 starts").await;
    buyer.packet("on", true, false).await;
    words(&mut merchant, "on").await;
    // Nobody has noticed anything: the old connection still takes what it is given.
    let mut again = node.connect();
    (again.received, again.sequence) = (buyer.received, buyer.sequence);
    let hello = Hello { resume: Some(welcome.resume.clone()), received: Some(buyer.received), ..english() };
    let back = again.join(hello).await;
    assert_eq!(back.resumed, Some(Resumed { packets: 1 }));
    assert_eq!(buyer.closed().await, (ErrorCode::TakenOver, 4011));
    // What the old one still sends is nobody's.
    buyer.packet("!panic", false, true).await;
    again.packet("e", false, true).await;
    assert_eq!(words(&mut merchant, "e").await, 2, "the same utterance goes on");
    assert_eq!(merchant.speech().await, "zh:one");
    merchant.utter("词3").await;
    heard.extend(script(&mut again, "3 ends").await.into_iter().filter(|line| !line.starts_with("2 ")));
    let mut all = expected(1..=1);
    all.extend(expected(3..=3));
    assert_eq!(heard, all);
    merchant.say(ClientMessage::Bye {}).await;
    loop {
        match merchant.hear().await {
            Heard::Message(ServerMessage::Away(_) | ServerMessage::Back(_)) => panic!("nobody was away"),
            Heard::Closed(code) => break assert_eq!(code, 1000),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_works_once_for_its_owner_and_for_a_minute() {
    let node = node();
    let ((mut merchant, first), (buyer, second)) = met(&node).await;
    let resume = |secret: &Secret, received| Hello { resume: Some(secret.clone()), received: Some(received), ..english() };
    let failed = (ErrorCode::ResumeFailed, 4010);
    assert_eq!(node.connect().refused(resume(&Secret::random(), 0)).await, failed, "foreign");
    assert_eq!(node.connect().refused(resume(&second.token, 0)).await, failed, "a token of another kind");
    let elsewhere = Hello { room: code("AAAAAA"), ..resume(&second.resume, 0) };
    assert_eq!(node.connect().refused(elsewhere).await, failed, "the secret of another room");
    assert_eq!(node.rooms.len(), 1, "no room is made for it");
    let mut again = node.connect();
    let third = again.resume(buyer, english(), &second.resume).await;
    assert_eq!(node.connect().refused(resume(&second.resume, 0)).await, failed, "used");
    again.say(ClientMessage::Ping(Ping { id: 3 })).await;
    assert!(matches!(again.hear().await, Heard::Message(ServerMessage::Pong(_))), "which does no harm");
    drop(again);
    assert_eq!(presence(&mut merchant).await, "away");
    assert_eq!(presence(&mut merchant).await, "lost");
    assert_eq!(node.connect().refused(resume(&third.resume, 0)).await, failed, "expired");
    // Counting what was never sent ends the session: the client must come in anew, and its place is free.
    assert_eq!(node.connect().refused(resume(&first.resume, 1_000_000)).await, failed);
    assert_eq!(merchant.closed().await, (ErrorCode::ResumeFailed, 4010));
    let mut anew = node.connect();
    let token = Some(first.token.clone());
    assert_eq!(anew.join(Hello { token, ..hello(&code(ROOM), "zh", "zh") }).await.role, Role::Merchant);
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_the_network_cut_goes_on() {
    let node = node();
    let ((mut merchant, _), (mut buyer, welcome)) = met(&node).await;
    buyer.packet("o", true, false).await;
    buyer.packet("n", false, false).await;
    assert_eq!(merchant.caption(CaptionKind::Source).await.committed.expose(), "o");
    assert_eq!(merchant.caption(CaptionKind::Source).await.committed.expose(), "n");
    buyer.lose();
    assert_eq!(presence(&mut merchant).await, "away");
    merchant.stay(Duration::from_secs(12)).await;
    let mut again = node.connect();
    let back = again.resume(buyer, english(), &welcome.resume).await;
    assert_eq!(back.resumed, Some(Resumed { packets: 2 }), "where the sound goes on");
    again.packet("e", false, true).await;
    assert_eq!(merchant.speech().await, "zh:one");
}

/// The true pipeline over scripted models: half a sentence, a broken network that nobody notices for long, and then all that the
/// phone kept, at once.
#[tokio::test(start_paused = true)]
async fn fifteen_seconds_of_kept_sound_are_one_sentence_with_what_came_before() {
    let clock = Clock::start();
    let pipelines = Arc::new(Pipelines::empty(clock));
    pipelines.fill(fake::stages(FakeOptions::default()));
    let node = Node::with(open(), clock, pipelines);
    let ((mut merchant, _), (mut buyer, welcome)) = met(&node).await;
    let mut encoder = Encoder::new(&EncoderOptions { rate: SampleRate::ASR, ..EncoderOptions::default() }).expect("an encoder");
    let tone: Vec<f32> = (0..16 * 16_000).map(|n| (n as f32 * 300.0 * TAU / 16_000.0).sin() * 0.3).collect();
    let mut packets = Vec::new();
    encoder.push(&tone, |packet| packets.push(Bytes::copy_from_slice(packet)));
    assert!(packets.len() > 795);
    let (live, kept) = packets.split_at(50);
    for (n, packet) in live.iter().enumerate() {
        buyer.sound(packet.clone(), n == 0, false).await;
        merchant.stay(Duration::from_millis(20)).await;
    }
    // Half open: the server learns nothing, and asks in vain.
    merchant.stay(Duration::from_secs(9)).await;
    let mut again = node.connect_with(1000);
    let back = again.resume(buyer, english(), &welcome.resume).await;
    assert_eq!(back.resumed, Some(Resumed { packets: 50 }));
    for (n, packet) in kept.iter().enumerate() {
        again.sound(packet.clone(), false, n + 1 == kept.len()).await;
    }
    let heard = merchant.caption(CaptionKind::Source).await;
    let seconds: f32 = heard.committed.expose().split(' ').nth(1).and_then(|s| s.parse().ok()).expect("heard so many seconds");
    assert!((15.8..=16.6).contains(&seconds), "{seconds} s of 16 s");
    merchant.say(ClientMessage::Bye {}).await;
    loop {
        match merchant.hear().await {
            Heard::Message(ServerMessage::Caption(c)) => assert_eq!(c.utterance, heard.utterance, "one sentence"),
            Heard::Closed(_) => break,
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_sessions_own_answers_are_kept_too_and_its_farewell_is_not() {
    let node = node();
    let ((mut merchant, _), (mut buyer, welcome)) = met(&node).await;
    merchant.utter("词1").await;
    let mut heard = script(&mut buyer, "1 ends").await;
    buyer.say(ClientMessage::Ping(Ping { id: 41 })).await;
    buyer.say(ClientMessage::Ping(Ping { id: 42 })).await;
    // A phone asleep: it reads nothing and answers nothing until the server gives up on it.
    merchant.stay(Duration::from_secs(12)).await;
    // It wakes up, reads the first answer, and finds the connection dead.
    heard.extend(script(&mut buyer, "pong 41").await);
    let mut again = node.connect();
    let back = again.resume(buyer, english(), &welcome.resume).await;
    heard.extend(script(&mut again, "pong 42").await);
    // Asleep again; this time everything was under way, and it reads the farewell too.
    merchant.stay(Duration::from_secs(12)).await;
    assert_eq!(again.closed().await, (ErrorCode::Idle, 4007));
    let mut third = node.connect();
    third.resume(again, english(), &back.resume).await;
    merchant.utter("词2").await;
    heard.extend(script(&mut third, "2 ends").await);
    let mut all = expected(1..=1);
    all.extend(["pong 41".to_owned(), "pong 42".to_owned()]);
    all.extend(expected(2..=2));
    assert_eq!(heard, all);
}

#[tokio::test(start_paused = true)]
async fn who_is_away_keeps_the_place_until_the_same_role_comes_anew() {
    let node = node();
    let ((mut merchant, _), (buyer, second)) = met(&node).await;
    drop(buyer);
    assert_eq!(presence(&mut merchant).await, "away");
    let mut anew = node.connect();
    let token = Some(second.token.clone());
    let welcome = anew.join(Hello { token, ..english() }).await;
    assert_eq!((welcome.role, welcome.resumed), (Role::Buyer, None));
    assert_ne!(welcome.participant, second.participant);
    assert_eq!(presence(&mut merchant).await, "lost");
    merchant.utter("甲").await;
    assert_eq!(anew.speech().await, "en:甲");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_interpreted_both_ways() {
    let node = node();
    let (mut merchant, mut buyer) = pair(&node, ROOM).await;
    let say = |lang, text: &str| ClientMessage::Say(Say { lang: language(lang), text: text.into() });
    merchant.say(say("zh", "三块八")).await;
    assert_eq!(buyer.caption(CaptionKind::Source).await.committed.expose(), "三块八");
    assert_eq!(buyer.speech().await, "en:三块八");
    buyer.say(say("en", "500 <b>pieces</b>")).await;
    assert_eq!(merchant.caption(CaptionKind::Translation).await.committed.expose(), "en:三块八");
    assert_eq!(merchant.caption(CaptionKind::Translation).await.committed.expose(), "zh:500 <b>pieces</b>");
    assert_eq!(merchant.speech().await, "zh:500 <b>pieces</b>");
    buyer.say(say("en", &"x".repeat(501))).await;
    assert_eq!(buyer.error().await, ErrorCode::BadMessage);
}

#[tokio::test(start_paused = true)]
async fn a_merchant_invites_and_a_buyer_does_not() {
    let node = Node::new(RouterOptions::default(), Scripted::default());
    let invitation = node.rooms.create().expect("a room");
    let with = |token: &Secret| Hello { token: Some(token.clone()), ..hello(&invitation.room, "en", "en") };
    let mut merchant = node.connect();
    assert_eq!(merchant.join(with(&invitation.tokens.merchant)).await.role, Role::Merchant);
    merchant.say(ClientMessage::Invite {}).await;
    let fresh = merchant.until(|h| if let Heard::Message(ServerMessage::Invitation(i)) = h { Some(i) } else { None }).await;
    assert_eq!((fresh.role, fresh.expires_in), (Role::Buyer, 600));
    let mut buyer = node.connect();
    assert_eq!(buyer.join(with(&fresh.token)).await.role, Role::Buyer);
    buyer.say(ClientMessage::Invite {}).await;
    assert_eq!(buyer.error().await, ErrorCode::NotAllowed);
    merchant.utter("甲").await;
    buyer.caption(CaptionKind::Source).await;
}
