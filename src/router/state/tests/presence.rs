//! Who is away: told to the others, kept for, waited for, and given up.

use super::*;

fn told(outputs: &[Output]) -> Vec<(ParticipantId, String)> {
    let kind = |message: &ServerMessage| match message {
        ServerMessage::Away(who) => format!("away {}", who.participant),
        ServerMessage::Back(who) => format!("back {}", who.participant),
        ServerMessage::Left(left) => format!("left {} {:?}", left.participant, left.reason),
        ServerMessage::Joined(person) => format!("joined {}", person.participant),
        other => panic!("not about presence: {other:?}"),
    };
    sent(outputs).into_iter().map(|(to, message)| (to, kind(message))).collect()
}

#[test]
fn who_is_lost_is_away_and_what_is_said_meanwhile_is_for_him_too() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    let outputs = scene.tell(Input::Lost(buyer));
    assert_eq!(told(&outputs), [(merchant, format!("away {buyer}"))]);
    assert_eq!(outputs.len(), 1, "his pipeline is not told anything: it waits");
    assert!(scene.tell(Input::Lost(buyer)).is_empty(), "told once");
    let (id, lanes) = scene.utters(merchant, 0, ZH);
    assert_eq!(audience(&scene.speaks(lanes[0], id, 0)), [buyer]);
    scene.now = Millis(30_000);
    let admission = scene.room.resume(buyer).expect("still a member");
    let other =
        Person { participant: merchant, role: Role::Merchant, name: None, speak: Spoken::Fixed(ZH), hear: ZH, away: false };
    assert_eq!(admission, Admission { participant: buyer, role: Role::Buyer, others: vec![other] });
    assert_eq!(told(&scene.outputs()), [(merchant, format!("back {buyer}"))]);
    assert_eq!(scene.room.poll_timeout(), None, "nobody is waited for");
}

#[test]
fn who_is_taken_over_was_never_away() {
    let mut scene = Scene::new(2);
    let (_, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    assert_eq!(scene.room.resume(buyer).map(|a| a.participant), Ok(buyer));
    assert!(scene.outputs().is_empty());
}

#[test]
fn who_does_not_come_back_within_a_minute_has_left() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(buyer, 0);
    scene.now = Millis(5_000);
    scene.tell(Input::Lost(buyer));
    assert_eq!(scene.room.poll_timeout(), Some(Millis(65_000)));
    scene.now = Millis(64_999);
    assert!(scene.tell(Input::Timeout).is_empty());
    scene.now = Millis(65_000);
    let outputs = scene.tell(Input::Timeout);
    assert_eq!(told(&outputs), [(merchant, format!("left {buyer} Lost"))]);
    assert!(outputs.contains(&Output::Dismiss(buyer, Fault::ResumeFailed)));
    let finish = Output::Speaker(scene.room.key(buyer), SpeakerInput::Finish);
    assert!(outputs.contains(&finish), "what he said before is still interpreted");
    assert_eq!(scene.room.resume(buyer), Err(Fault::ResumeFailed));
    scene.tell(Input::Lost(merchant));
    scene.now = Millis(125_000);
    scene.tell(Input::Timeout);
    assert_eq!(scene.room.members(), 0, "everybody may be lost at once");
}

#[test]
fn a_newcomer_gets_the_place_of_who_is_away_and_no_other() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    assert_eq!(scene.join_as(Some(Role::Merchant), ZH, ZH), Err(Fault::RoomFull(2)));
    scene.tell(Input::Lost(buyer));
    assert_eq!(scene.join_as(Some(Role::Merchant), ZH, ZH), Err(Fault::RoomFull(2)), "the merchant is here");
    let again = scene.join_as(Some(Role::Buyer), EN, EN).expect("the buyer is not");
    let outputs = scene.outputs();
    assert!(outputs.contains(&Output::Dismiss(buyer, Fault::ResumeFailed)));
    let news = [(merchant, format!("left {buyer} Lost")), (merchant, format!("joined {}", again.participant))];
    assert_eq!(told(&outputs), news);
    assert_eq!(scene.room.resume(buyer), Err(Fault::ResumeFailed));
    assert!(!again.others[0].away);
    scene.tell(Input::Lost(merchant));
    assert!(scene.join(ZH, ZH).is_ok_and(|a| a.role == Role::Merchant), "in the role that is free");
}

#[test]
fn who_comes_sees_who_is_away() {
    let mut scene = Scene::new(3);
    let merchant = scene.member(ZH, ZH);
    scene.tell(Input::Lost(merchant));
    let buyer = scene.join_as(Some(Role::Buyer), EN, EN).expect("there is room");
    assert!(buyer.others[0].away);
    scene.tell(Input::Lost(buyer.participant));
    assert!(scene.room.resume(merchant).is_ok_and(|a| a.others[0].away));
}

#[test]
fn what_is_written_is_an_utterance_of_its_own() {
    let mut scene = Scene::new(2);
    let (merchant, buyer) = (scene.member(ZH, ZH), scene.member(EN, EN));
    scene.started(buyer, 0);
    let say = |lang, text: &str| Say { lang, text: text.into() };
    let outputs = scene.tell(Input::Said(buyer, say(EN, "How much?")));
    let seen: Vec<_> = captions(&outputs).iter().map(|(to, c)| (*to, c.lang, c.committed.expose(), c.last)).collect();
    assert_eq!(
        seen,
        [(buyer, EN, "How much?", false), (merchant, EN, "How much?", false), (buyer, EN, "", true), (merchant, EN, "", true)]
    );
    let [lane] = lanes_fed(&outputs)[..] else { panic!("one lane") };
    let id = captions(&outputs)[0].1.utterance;
    assert_eq!(audience(&scene.speaks(lane, id, 0)), [merchant]);
    let spoken = scene.says(buyer, 0, EN, "and this?");
    assert!(captions(&spoken).iter().all(|(_, c)| c.utterance < id), "what he was saying goes on beside it");
    assert!(lanes_fed(&scene.tell(Input::Said(buyer, say(ZH, "多少钱")))).is_empty(), "the merchant reads Chinese");
    assert!(scene.tell(Input::Said(ParticipantId(99), say(EN, "boo"))).is_empty());
    scene.tell(Input::Drain);
    assert_eq!(errors(&scene.tell(Input::Said(buyer, say(EN, "wait")))), [(buyer, ErrorCode::ShuttingDown)]);
}
