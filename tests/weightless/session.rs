//! Sessions and rooms as actors, with a scripted pipeline, in virtual time and without sockets.

use std::{sync::Arc, time::Duration};

use crate::common::{Client, Heard, Node, Scripted, code, hello, language, pair};
use tokio::time::{Instant, sleep};
use tongchuan::{
    privacy::Secret,
    protocol::{
        ClientMessage, ErrorCode, Fault, ServerMessage,
        message::{CaptionKind, LanguageChange, LeaveReason, Ping, Role},
    },
    router::{Purpose, RoomRegistry, RouterOptions, TokenKey},
    session::{Incoming, Outgoing},
    time::Clock,
};

/// Rooms are open: who comes with which token is a matter of two tests below.
fn node() -> Node {
    Node::new(RouterOptions { open_rooms: true, ..RouterOptions::default() }, Scripted::default())
}

async fn away(client: &mut Client) {
    client.until(|h| matches!(h, Heard::Message(ServerMessage::Away(_))).then_some(())).await;
}

async fn left(client: &mut Client) -> LeaveReason {
    client.until(|h| if let Heard::Message(ServerMessage::Left(left)) = h { Some(left.reason) } else { None }).await
}

#[tokio::test(start_paused = true)]
async fn each_hears_the_other_and_not_himself() {
    let node = node();
    let (mut merchant, mut buyer) = pair(&node, "K7M2QX").await;
    merchant.utter("甲").await;
    buyer.utter("one").await;
    assert_eq!(buyer.speech().await, "en:甲");
    assert_eq!(merchant.speech().await, "zh:one");
    buyer.say(ClientMessage::Ping(Ping { id: 9 })).await;
    let pong = buyer.until(|h| if let Heard::Message(ServerMessage::Pong(p)) = h { Some(p.id) } else { None });
    assert_eq!(pong.await, 9);
    merchant.say(ClientMessage::Bye {}).await;
    loop {
        match merchant.hear().await {
            Heard::Audio(frame) => panic!("the merchant heard more than the buyer said: {} bytes", frame.payload.len()),
            Heard::Closed(code) => break assert_eq!(code, 1000),
            Heard::Message(_) => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_third_is_refused_and_leaving_makes_room() {
    let node = node();
    let (mut merchant, buyer) = pair(&node, "K7M2QX").await;
    let room = code("K7M2QX");
    assert_eq!(node.connect().refused(hello(&room, "en", "en")).await, (ErrorCode::RoomFull, 4005));
    buyer.say(ClientMessage::Bye {}).await;
    assert_eq!(left(&mut merchant).await, LeaveReason::Bye);
    let mut again = node.connect();
    let welcome = again.join(hello(&room, "en", "es")).await;
    assert_eq!((welcome.role, welcome.others.len()), (Role::Buyer, 1));
    merchant.utter("甲").await;
    assert_eq!(again.speech().await, "es:甲");
    again.say(ClientMessage::Language(LanguageChange { hear: Some(language("fr")), ..LanguageChange::default() })).await;
    again.say(ClientMessage::Ping(Ping { id: 1 })).await;
    merchant.until(|h| matches!(h, Heard::Message(ServerMessage::Joined(p)) if p.hear == language("fr")).then_some(())).await;
    merchant.utter("乙").await;
    assert_eq!(again.speech().await, "fr:乙");
}

#[tokio::test(start_paused = true)]
async fn tokens_open_rooms_and_give_the_role() {
    let node = Node::new(RouterOptions::default(), Scripted::default());
    let invitation = node.rooms.create().expect("a room");
    let with = |token: Option<&Secret>| {
        let mut hello = hello(&invitation.room, "en", "en");
        hello.token = token.cloned();
        hello
    };
    let bad = (ErrorCode::BadToken, 4003);
    assert_eq!(node.connect().refused(with(None)).await, bad, "a code is not enough");
    assert_eq!(node.connect().refused(with(Some(&Secret::random()))).await, bad);
    assert_eq!(node.connect().refused(hello(&code("AAAAAA"), "en", "en")).await, bad, "as for a code that exists");
    let elsewhere = node.rooms.sign(&code("AAAAAA"), Role::Buyer, Purpose::Join);
    assert_eq!(node.connect().refused(with(Some(&elsewhere))).await, bad, "another room's");
    let mut climber = with(Some(&invitation.tokens.buyer));
    climber.role = Some(Role::Merchant);
    assert_eq!(node.connect().refused(climber).await, bad, "another role's");
    let (mut buyer, mut second) = (node.connect(), node.connect());
    assert_eq!(buyer.join(with(Some(&invitation.tokens.buyer))).await.role, Role::Buyer, "first in, and still the buyer");
    assert_eq!(second.refused(with(Some(&invitation.tokens.buyer))).await, (ErrorCode::RoleTaken, 4005));
    let mut merchant = node.connect();
    assert_eq!(merchant.join(with(Some(&invitation.tokens.merchant))).await.role, Role::Merchant);
    drop(buyer);
    away(&mut merchant).await;
    assert_eq!(node.connect().join(with(Some(&invitation.tokens.buyer))).await.role, Role::Buyer, "back with the same token");
}

#[tokio::test(start_paused = true)]
async fn a_token_expires_and_until_then_brings_its_room_back() {
    let node = Node::new(RouterOptions::default(), Scripted::default());
    let invitation = node.rooms.create().expect("a room");
    let with = |token: &Secret| {
        let mut hello = hello(&invitation.room, "en", "en");
        hello.token = Some(token.clone());
        hello
    };
    let rejoin = node.rooms.sign(&invitation.room, Role::Merchant, Purpose::Rejoin);
    sleep(Duration::from_secs(601)).await;
    assert_eq!(node.connect().refused(with(&invitation.tokens.merchant)).await, (ErrorCode::BadToken, 4003), "ten minutes");
    assert_eq!(node.rooms.len(), 0, "the empty room was forgotten");
    let mut merchant = node.connect();
    let welcome = merchant.join(with(&rejoin)).await;
    assert_eq!((welcome.room, welcome.role), (invitation.room.clone(), Role::Merchant), "the same room again");
    drop(merchant);
    sleep(Duration::from_secs(12 * 60 * 60)).await;
    assert_eq!(node.connect().refused(with(&rejoin)).await, (ErrorCode::BadToken, 4003), "twelve hours");
}

#[tokio::test(start_paused = true)]
async fn tokens_survive_a_restart_with_the_same_key_only() {
    let registry = |key| RoomRegistry::new(RouterOptions::default(), Clock::start(), Arc::new(Scripted::default())).with_key(key);
    let key = TokenKey::random();
    let invitation = registry(key.clone()).create().expect("a room");
    for (key, welcome) in [(key, true), (TokenKey::random(), false)] {
        let rooms = Arc::new(registry(key));
        let restarted = Node { rooms, ..Node::new(RouterOptions::default(), Scripted::default()) };
        let mut hello = hello(&invitation.room, "en", "en");
        hello.token = Some(invitation.tokens.buyer.clone());
        if welcome {
            assert_eq!(restarted.connect().join(hello).await.role, Role::Buyer);
        } else {
            assert_eq!(restarted.connect().refused(hello).await, (ErrorCode::BadToken, 4003));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rooms_are_bounded_and_expire() {
    let node = Node::new(RouterOptions { max_rooms: 2, open_rooms: true, ..RouterOptions::default() }, Scripted::default());
    let _two = (node.rooms.create().expect("one"), node.rooms.create().expect("two"));
    assert_eq!(node.rooms.create(), Err(Fault::ServerFull));
    assert_eq!(node.connect().refused(hello(&code("AAAAAA"), "en", "en")).await, (ErrorCode::ServerFull, 4006));
    sleep(Duration::from_secs(599)).await;
    assert_eq!(node.rooms.len(), 2);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(node.rooms.len(), 0);
    assert!(node.rooms.create().is_ok());
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_and_hello_must_come() {
    let node = node();
    let start = Instant::now();
    let mut mute = node.connect();
    assert_eq!(mute.closed().await, (ErrorCode::HelloExpected, 4002));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let mut rude = node.connect();
    rude.utter("before hello").await;
    assert_eq!(rude.closed().await, (ErrorCode::HelloExpected, 4002));

    let (mut merchant, mut buyer) = pair(&node, "K7M2QX").await;
    let start = Instant::now();
    // The buyer's connection is half open: it takes everything and gives nothing. The merchant's answers pings.
    let half_open = tokio::spawn(async move {
        while let Some(item) = buyer.rx.recv().await {
            if let Outgoing::Close(code) = item {
                return code.number();
            }
        }
        0
    });
    away(&mut merchant).await;
    assert_eq!(half_open.await.expect("ends"), 4007);
    assert_eq!(start.elapsed(), Duration::from_secs(9));
    assert_eq!(left(&mut merchant).await, LeaveReason::Lost);
    assert_eq!(start.elapsed(), Duration::from_secs(69));
    sleep(Duration::from_millis(1)).await;
    merchant.say(ClientMessage::Ping(Ping { id: 1 })).await;
    assert!(matches!(merchant.hear().await, Heard::Message(ServerMessage::Pong(_))), "he who answers stays");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_let_go_and_nobody_waits_for_it() {
    let node = node();
    let mut merchant = node.connect();
    merchant.join(hello(&code("K7M2QX"), "zh", "zh")).await;
    let mut slow = node.connect_with(2);
    slow.say(ClientMessage::Hello(hello(&code("K7M2QX"), "en", "en"))).await;
    slow.hear().await;
    for n in 0..20 {
        merchant.utter(&format!("词{n}")).await;
        assert_eq!(merchant.caption(CaptionKind::Translation).await.committed.expose(), format!("en:词{n}"));
    }
    away(&mut merchant).await;
}

#[tokio::test(start_paused = true)]
async fn failures_of_stages_are_told_and_the_next_sentence_works() {
    let node = node();
    let (mut merchant, mut buyer) = pair(&node, "K7M2QX").await;
    merchant.utter("!asr").await;
    assert_eq!(merchant.error().await, ErrorCode::AsrFailed);
    merchant.utter("!mt").await;
    assert_eq!(buyer.error().await, ErrorCode::MtFailed);
    merchant.utter("甲").await;
    assert_eq!(buyer.speech().await, "en:甲");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_hangs_gives_busy_and_holds_nobody_up() {
    let node = node();
    let (mut merchant, mut buyer) = pair(&node, "K7M2QX").await;
    merchant.utter("!hang").await;
    for n in 0..60 {
        merchant.utter(&format!("词{n}")).await;
        // Captions still come: the room does not wait for the lane.
        buyer.until(|h| matches!(h, Heard::Message(ServerMessage::Caption(_))).then_some(())).await;
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(merchant.error().await, ErrorCode::Busy);
    buyer.utter("one").await;
    assert_eq!(merchant.speech().await, "zh:one", "the other direction works");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_dies_ends_its_session_only() {
    let node = node();
    let (mut merchant, mut buyer) = pair(&node, "K7M2QX").await;
    merchant.utter("!panic").await;
    assert_eq!(merchant.closed().await, (ErrorCode::Internal, 4009));
    assert_eq!(left(&mut buyer).await, LeaveReason::Closed);
    let mut again = node.connect();
    again.join(hello(&code("K7M2QX"), "zh", "zh")).await;
    again.utter("甲").await;
    assert_eq!(buyer.speech().await, "en:甲");
}

fn vectors(name: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/proto/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("vectors")).expect("JSON")
}

/// Everything wrong that one participant can send; the other has a conversation with him all the while and notices nothing.
#[tokio::test(start_paused = true)]
async fn hostile_bytes_from_one_are_unnoticed_by_the_other() {
    let node = node();
    let mut merchant = node.connect();
    merchant.join(hello(&code("K7M2QX"), "zh", "zh")).await;
    // What the merchant sees is a normal conversation: people come, speak and go.
    let (over_tx, mut over) = tokio::sync::oneshot::channel::<()>();
    let merchant = tokio::spawn(async move {
        let mut sentences = 0;
        loop {
            let heard = tokio::select! {
                heard = merchant.hear() => heard,
                _ = &mut over => return sentences,
            };
            match heard {
                Heard::Audio(frame) => {
                    assert_eq!(frame.payload, "zh:one".as_bytes());
                    sentences += 1;
                }
                Heard::Message(ServerMessage::Error(error)) => panic!("the other's error: {error:?}"),
                Heard::Closed(code) => panic!("closed with {code}"),
                Heard::Message(_) => {}
            }
        }
    });
    let mut hostile: Vec<Incoming> = Vec::new();
    for vector in vectors("messages") {
        let text = vector["text"].as_str().expect("text").as_bytes().to_vec();
        // Not `bye`: that is no corruption.
        for n in (0..text.len()).step_by(3) {
            hostile.push(Incoming::Text(text[..n].to_vec().into()));
            let mut broken = text.clone();
            broken[n] ^= 0x81;
            hostile.push(Incoming::Text(broken.into()));
        }
    }
    for vector in vectors("frames") {
        let hex = vector["hex"].as_str().expect("hex");
        let bytes: Vec<u8> = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect();
        for n in 0..bytes.len().min(12) {
            hostile.push(Incoming::Binary(bytes[..n].to_vec().into()));
            let mut broken = bytes.clone();
            broken[0] = (n as u8) << 4 | 0x0f;
            hostile.push(Incoming::Binary(broken.into()));
        }
    }
    assert!(hostile.len() > 1000);
    let (mut sent, mut sessions) = (0, 0);
    while sent < hostile.len() {
        let mut buyer = node.connect();
        buyer.join(hello(&code("K7M2QX"), "en", "en")).await;
        sessions += 1;
        // Until the session is closed for it, between sentences that must arrive.
        while sent < hostile.len() && !buyer.tx.is_closed() {
            let _ = buyer.tx.send(hostile[sent].clone()).await;
            sent += 1;
            tokio::task::yield_now().await;
            sleep(Duration::from_millis(200)).await;
            if sent % 5 == 0 && !buyer.tx.is_closed() {
                buyer.utter("one").await;
                sleep(Duration::from_millis(200)).await;
            }
            while buyer.rx.try_recv().is_ok() {}
        }
        drop(buyer);
        sleep(Duration::from_secs(3)).await;
    }
    assert!(sessions > 100, "wrong messages do close sessions: {sessions}");
    over_tx.send(()).expect("the merchant is still there");
    let sentences = merchant.await.expect("the merchant noticed nothing");
    assert!(sentences > 20, "{sentences} sentences");
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_the_sentence() {
    let options = RouterOptions { open_rooms: true, ..RouterOptions::default() };
    let node = Node::new(options, Scripted { lane_delay: Duration::from_secs(1) });
    let (mut merchant, mut buyer) = pair(&node, "K7M2QX").await;
    let mut visitor = node.connect();
    merchant.packet("甲", true, false).await;
    buyer.caption(CaptionKind::Source).await;
    node.shutdown.cancel();
    let rooms = node.rooms.clone();
    let drain = tokio::spawn(async move { rooms.drain().await });
    assert_eq!(visitor.closed().await, (ErrorCode::ShuttingDown, 1001));
    buyer.until(|h| matches!(h, Heard::Message(ServerMessage::Notice(_))).then_some(())).await;
    merchant.packet("乙", false, true).await;
    assert_eq!(buyer.speech().await, "en:甲乙");
    assert_eq!(buyer.closed().await, (ErrorCode::ShuttingDown, 1001));
    assert_eq!(merchant.closed().await, (ErrorCode::ShuttingDown, 1001));
    drain.await.expect("drained");
    assert_eq!(node.rooms.len(), 0);
    assert_eq!(node.connect().refused(hello(&code("K7M2QX"), "en", "en")).await.0, ErrorCode::ShuttingDown);
}
