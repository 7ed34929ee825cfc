//! The session without tokio: order, limits, and random input.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    ids::{ParticipantId, SessionId},
    privacy::Secret,
    protocol::{
        ErrorCode,
        message::{ErrorMessage, Resumed, Say},
    },
};

const HELLO: &str = r#"{"type":"hello","room":"K7M2QX","hear":"en"}"#;

const SAY: &str = r#"{"type":"say","lang":"en","text":"how much?"}"#;

fn session() -> SessionState {
    SessionState::new(SessionOptions::default(), Millis(0))
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

fn place(role: Role) -> Place {
    let (session, participant) = (SessionId(1), ParticipantId(1));
    let (resume, token) = (Secret::random(), Secret::random());
    Place { session, participant, role, others: Vec::new(), resume, token, resumed: None }
}

fn joined() -> SessionState {
    joined_as(Role::Buyer)
}

fn joined_as(role: Role) -> SessionState {
    let mut session = session();
    tell(&mut session, 0, text(HELLO));
    let welcome = tell(&mut session, 0, Input::Joined(place(role)));
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
    assert_eq!(passed, 1000, "more packets are dropped, without an error");
}

#[test]
fn pings_go_out_and_silence_ends_it() {
    let mut session = joined();
    assert_eq!(session.poll_timeout(), Some(Millis(4000)));
    assert_eq!(tell(&mut session, 4000, Input::Timeout), [Output::Ping]);
    tell(&mut session, 4100, Input::Received(Incoming::Alive));
    assert_eq!(tell(&mut session, 8000, Input::Timeout), [Output::Ping]);
    assert_eq!(session.poll_timeout(), Some(Millis(12_000)));
    let outputs = tell(&mut session, 13_100, Input::Timeout);
    assert_eq!(outputs.last(), Some(&Output::Close(Some(CloseCode::Idle), LeaveReason::Lost)));
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_resumed_session_keeps_its_number_and_learns_where_to_go_on() {
    let mut session = session();
    let hello = r#"{"type":"hello","room":"K7M2QX","hear":"en","resume":"abc","received":9}"#;
    let [Output::Join(request)] = &tell(&mut session, 0, text(hello))[..] else { panic!("asks the room") };
    assert_eq!(request.resume.as_ref().map(|r| (r.secret.expose(), r.received)), Some(("abc", 9)));
    let back = Place { session: SessionId(77), resumed: Some(Resumed { packets: 42 }), ..place(Role::Buyer) };
    let told = tell(&mut session, 0, Input::Joined(back.clone()));
    let [Output::Send(ServerMessage::Welcome(welcome))] = &told[..] else { panic!("welcome") };
    assert_eq!((welcome.session, welcome.resumed), (SessionId(77), Some(Resumed { packets: 42 })));
    assert_eq!((&welcome.resume, &welcome.token), (&back.resume, &back.token));
    let refused = |fault| {
        let mut session = super::tests::session();
        tell(&mut session, 0, text(hello));
        let outputs = tell(&mut session, 0, Input::Refused(fault));
        (errors(&outputs), closed(&outputs))
    };
    assert_eq!(refused(Fault::ResumeFailed), (vec![(ErrorCode::ResumeFailed, true)], Some(CloseCode::ResumeFailed)));
    let outputs = tell(&mut session, 0, Input::Refused(Fault::TakenOver));
    assert_eq!((errors(&outputs), closed(&outputs)), (vec![(ErrorCode::TakenOver, true)], Some(CloseCode::TakenOver)));
}

#[test]
fn writing_is_for_all_and_inviting_for_merchants() {
    let say = Say { lang: Language::EN, text: "how much?".into() };
    for role in [Role::Merchant, Role::Buyer] {
        assert_eq!(tell(&mut joined_as(role), 0, text(SAY)), [Output::Say(say.clone())]);
    }
    let invite = || text(r#"{"type":"invite"}"#);
    assert_eq!(tell(&mut joined_as(Role::Merchant), 0, invite()), [Output::Invite]);
    assert_eq!(errors(&tell(&mut joined_as(Role::Buyer), 0, invite())), [(ErrorCode::NotAllowed, false)]);
    let mut early = session();
    tell(&mut early, 0, text(HELLO));
    for message in [text(SAY), invite()] {
        assert_eq!(errors(&tell(&mut early, 0, message)), [(ErrorCode::HelloExpected, false)]);
    }
}

#[test]
fn a_client_that_stops_sending_is_asked_whether_it_is_there() {
    let mut session = joined();
    assert!(matches!(tell(&mut session, 1000, packet())[..], [Output::Packet(_)]));
    assert_eq!(session.poll_timeout(), Some(Millis(1600)));
    assert_eq!(tell(&mut session, 1600, Input::Timeout), [Output::Ping]);
    assert_eq!(session.poll_timeout(), Some(Millis(4000)), "without an answer nothing is known");
    tell(&mut session, 1700, Input::Received(Incoming::Alive));
    assert_eq!(tell(&mut session, 2000, Input::Timeout), [Output::Quiet]);
}

#[test]
fn a_client_that_comes_back_without_the_rest_of_its_sentence_is_not_waited_for() {
    let mut session = session();
    tell(&mut session, 0, text(HELLO));
    tell(&mut session, 100, Input::Joined(Place { resumed: Some(Resumed { packets: 7 }), ..place(Role::Buyer) }));
    assert_eq!(tell(&mut session, 700, Input::Timeout), [Output::Ping]);
    tell(&mut session, 750, Input::Received(Incoming::Alive));
    assert_eq!(tell(&mut session, 1100, Input::Timeout), [Output::Quiet]);
    // Who is new has no sentence to end.
    assert_eq!(joined().poll_timeout(), Some(Millis(4000)));
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
        [HELLO, r#"{"type":"bye"}"#, r#"{"type":"ping","id":1}"#, r#"{"type":"floor"}"#, "{", r#"{"type":"invite"}"#, SAY];
    for seed in 0..500 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut session, mut now, mut closes, mut joins) = (session(), 0, 0, 0);
        for _ in 0..60 {
            now += rng.random_range(0..1500);
            let input = match rng.random_range(0..12) {
                0..5 => text(texts[rng.random_range(0..texts.len())]),
                5..8 => packet(),
                8 => Input::Received(Incoming::Alive),
                9 => Input::Joined(place(Role::Merchant)),
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
