//! The session without tokio: order, limits, and random input.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::protocol::{ErrorCode, message::ErrorMessage};

const HELLO: &str = r#"{"type":"hello","room":"K7M2QX","hear":"en"}"#;

fn session() -> SessionState {
    SessionState::new(SessionId(1), SessionOptions::default(), Millis(0))
}

fn outputs(session: &mut SessionState) -> Vec<Output> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

fn tell(session: &mut SessionState, at: u64, input: Input) -> Vec<Output> {
    session.handle(Millis(at), input);
    outputs(session)
}

fn text(text: &str) -> Input {
    Input::Received(Incoming::Text(Bytes::copy_from_slice(text.as_bytes())))
}

fn packet() -> Input {
    Input::Received(Incoming::Binary(Bytes::from_static(&[0x10, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0x1a, 0x40, 0x78])))
}

fn joined() -> SessionState {
    let mut session = session();
    tell(&mut session, 0, text(HELLO));
    let others = Vec::new();
    let welcome = tell(&mut session, 0, Input::Joined { participant: ParticipantId(1), role: Role::Buyer, others });
    assert!(matches!(welcome[..], [Output::Send(ServerMessage::Welcome(_))]));
    session
}

fn errors(outputs: &[Output]) -> Vec<(ErrorCode, bool)> {
    let error = |o: &Output| match o {
        Output::Send(ServerMessage::Error(ErrorMessage { code, fatal, .. })) => Some((*code, *fatal)),
        _ => None,
    };
    outputs.iter().filter_map(error).collect()
}

fn closed(outputs: &[Output]) -> Option<CloseCode> {
    if let Some(Output::Close(code, _)) = outputs.last() { *code } else { None }
}

#[test]
fn hello_comes_first_and_once() {
    let mut session = session();
    assert!(matches!(tell(&mut session, 0, text(HELLO))[..], [Output::Join(_)]));
    assert!(tell(&mut session, 0, packet()).is_empty(), "sent too early: lost");
    assert_eq!(errors(&tell(&mut session, 0, text(r#"{"type":"floor","held":true}"#))), [(ErrorCode::HelloExpected, false)]);
    let mut session = joined();
    assert_eq!(errors(&tell(&mut session, 0, text(HELLO))), [(ErrorCode::DuplicateHello, false)]);
    assert!(matches!(tell(&mut session, 0, packet())[..], [Output::Packet(UplinkPacket { sequence: 7, timestamp: 6720, .. })]));
    for wrong in [packet(), text(r#"{"type":"language","hear":"en"}"#)] {
        let outputs = tell(&mut super::tests::session(), 0, wrong);
        assert_eq!(
            (errors(&outputs), closed(&outputs)),
            (vec![(ErrorCode::HelloExpected, true)], Some(CloseCode::HelloExpected))
        );
    }
}

#[test]
fn another_version_is_refused_at_once() {
    let outputs = tell(&mut session(), 0, text(r#"{"type":"hello","version":2}"#));
    assert_eq!(closed(&outputs), Some(CloseCode::UnsupportedVersion));
    assert_eq!(errors(&outputs), [(ErrorCode::UnsupportedVersion, true)]);
}

#[test]
fn the_eighth_wrong_message_closes() {
    let mut session = joined();
    for n in 1..8 {
        assert_eq!(errors(&tell(&mut session, n * 1000, text("{"))), [(ErrorCode::BadMessage, false)]);
    }
    let down = Input::Received(Incoming::Binary(Bytes::from_static(&[0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])));
    let outputs = tell(&mut session, 8000, down);
    assert_eq!(errors(&outputs), [(ErrorCode::BadFrame, false), (ErrorCode::TooManyErrors, true)]);
    assert_eq!(closed(&outputs), Some(CloseCode::Protocol));
    assert!(tell(&mut session, 8001, text(HELLO)).is_empty(), "nothing happens after the end");
}

#[test]
fn what_is_unknown_is_no_error() {
    let mut session = joined();
    for n in 0..100 {
        assert!(tell(&mut session, n * 1000, text(r#"{"type":"dance"}"#)).is_empty());
        let kind15 = Bytes::from_static(&[0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(tell(&mut session, n * 1000, Input::Received(Incoming::Binary(kind15))).is_empty());
    }
}

#[test]
fn floods_are_limited() {
    let mut session = joined();
    let ping = r#"{"type":"ping","id":1}"#;
    let answered = (0..19).flat_map(|_| tell(&mut session, 0, text(ping))).count();
    assert_eq!(answered, 19, "the burst, less the hello");
    assert_eq!(errors(&tell(&mut session, 0, text(ping))), [(ErrorCode::RateLimited, false)]);
    assert!(errors(&tell(&mut session, 1000, text(ping))).is_empty());
    let passed = (0..1000).flat_map(|_| tell(&mut session, 1000, packet())).count();
    assert_eq!(passed, 500, "more packets are dropped, without an error");
}

#[test]
fn pings_go_out_and_silence_ends_it() {
    let mut session = joined();
    assert_eq!(session.poll_timeout(), Some(Millis(5000)));
    assert_eq!(tell(&mut session, 5000, Input::Timeout), [Output::Ping]);
    tell(&mut session, 5100, Input::Received(Incoming::Alive));
    assert_eq!(tell(&mut session, 10_000, Input::Timeout), [Output::Ping]);
    assert_eq!(session.poll_timeout(), Some(Millis(15_000)));
    let outputs = tell(&mut session, 15_100, Input::Timeout);
    assert_eq!(outputs.last(), Some(&Output::Close(Some(CloseCode::Idle), LeaveReason::Lost)));
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn shutting_down_closes_only_outside_a_room() {
    assert_eq!(closed(&tell(&mut session(), 0, Input::ShuttingDown)), Some(CloseCode::GoingAway));
    let mut session = joined();
    assert!(tell(&mut session, 0, Input::ShuttingDown).is_empty(), "the room says when");
    assert_eq!(closed(&tell(&mut session, 0, Input::Refused(Fault::ShuttingDown))), Some(CloseCode::GoingAway));
}

#[test]
fn any_input_in_any_order_ends_in_at_most_one_close() {
    let texts =
        [HELLO, r#"{"type":"bye"}"#, r#"{"type":"ping","id":1}"#, r#"{"type":"floor"}"#, "{", "[]", r#"{"type":"language"}"#];
    for seed in 0..500 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut session, mut now, mut closes, mut joins) = (session(), 0, 0, 0);
        for _ in 0..60 {
            now += rng.random_range(0..1500);
            let input = match rng.random_range(0..12) {
                0..5 => text(texts[rng.random_range(0..texts.len())]),
                5..8 => packet(),
                8 => Input::Received(Incoming::Alive),
                9 => Input::Joined { participant: ParticipantId(1), role: Role::Buyer, others: Vec::new() },
                10 if rng.random_bool(0.1) => Input::Disconnected,
                _ => Input::Timeout,
            };
            for output in tell(&mut session, now, input) {
                assert_eq!(closes, 0, "nothing follows the close");
                joins += usize::from(matches!(output, Output::Join(_)));
                closes += usize::from(matches!(output, Output::Close(..)));
            }
            assert_eq!(session.is_closed(), closes == 1);
        }
        assert!(joins <= 1);
    }
}
