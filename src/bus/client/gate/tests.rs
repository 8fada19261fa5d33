//! Tests of the gate: sessions that come and go, in a time of their own.

use super::steps::SILENT;
use super::*;

const TABLE: Link = Link::Number(1);
const NEXT: Link = Link::Number(2);
const PEER: Link = Link::Number(7);

struct Play {
    gate: Gate,
    now: Instant,
}

impl Play {
    fn new(name: Option<&str>) -> Play {
        let limit = Limit {
            messages: 3,
            bytes: 100,
        };
        Play {
            gate: Gate::new(id(0), name.map(str::to_owned), limit),
            now: Instant::now(),
        }
    }

    /// One that is connected.
    fn open() -> Play {
        let mut play = Play::new(Some("anna"));
        play.up(TABLE, Role::Table);
        assert_eq!(play.said(Said::Yes), ["hello 0 anna"]);
        play.answer(TABLE, 0, None);
        assert_eq!(play.gate.open_table(), Some(TABLE));
        play
    }

    fn up(&mut self, link: Link, role: Role) {
        self.gate.handle_up(self.now, link, role);
    }

    fn down(&mut self, link: Link, unsaid: &[&str]) {
        let unsaid = unsaid.iter().map(|text| text.as_bytes().to_vec());
        self.gate.handle_down(link, unsaid.collect(), "gone");
    }

    fn answer(&mut self, link: Link, number: u64, error: Option<Error>) {
        let id = id(number);
        self.gate.handle_answer(self.now, link, id, error.as_ref());
    }

    fn keep(&mut self, text: &str) -> bool {
        self.gate.keep(text.as_bytes().to_vec()).is_ok()
    }

    /// Everything that is to be said now, with short ids, all of it with this result.
    fn said(&mut self, result: Said) -> Vec<String> {
        let mut said = Vec::new();
        while let Step::Say(_, message) = self.gate.poll_step(self.now) {
            said.push(short(&message));
            self.gate.handle_said(result);
        }
        said
    }

    fn news(&mut self) -> Vec<String> {
        let news = std::iter::from_fn(|| self.gate.poll_news());
        news.map(|event| event.to_string()).collect()
    }
}

fn id(number: u64) -> Id {
    format!("{number:032x}").parse().expect("an id")
}

/// The first line, with ids as plain numbers.
fn short(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let line = text.lines().next().unwrap_or_default();
    let number = |word: &str| match (word.len(), u128::from_str_radix(word, 16)) {
        (32, Ok(number)) => number.to_string(),
        _ => word.to_owned(),
    };
    line.split(' ').map(number).collect::<Vec<_>>().join(" ")
}

fn topics(pattern: &str) -> Want {
    Want::Topics(pattern.to_owned())
}

fn calls(name: &str) -> Want {
    Want::Calls(name.to_owned())
}

#[test]
fn it_opens_once_everything_is_said_and_answered_errors_included() {
    let mut play = Play::new(None);
    assert!(play.gate.want(id(1), topics("a/*")).is_empty());
    assert!(play.gate.want(id(2), calls("b")).is_empty());
    play.up(TABLE, Role::Table);
    assert_eq!(play.said(Said::Yes), ["hello 0", "sub 1 a/*", "serve 2 b"]);
    for (number, error) in [(0, None), (2, Some(Error::Busy)), (1, None)] {
        assert_eq!(play.gate.open_table(), None);
        play.answer(TABLE, number, error);
    }
    assert_eq!(play.gate.open_table(), Some(TABLE));
    assert_eq!(play.news(), ["connected to link 1"]);
    assert_eq!(play.gate.poll_step(play.now), Step::Rest);
}

#[test]
fn posts_wait_in_order_and_in_bounds_and_leave_before_it_opens() {
    let mut play = Play::new(None);
    for text in ["one", "two", "three"] {
        assert!(play.keep(text));
    }
    assert!(!play.keep("four"));
    play.up(TABLE, Role::Table);
    assert_eq!(play.said(Said::Yes), ["hello 0"]);
    play.answer(TABLE, 0, None);
    // Whoever publishes now waits, so that it stays behind those.
    assert_eq!(play.gate.open_table(), None);
    assert!(!play.keep("five"));
    assert_eq!(play.said(Said::Yes), ["one", "two", "three"]);
    assert_eq!(play.gate.open_table(), Some(TABLE));
}

#[test]
fn what_comes_back_unsaid_goes_before_what_waits() {
    let mut play = Play::open();
    play.gate.handle_gone(TABLE);
    assert_eq!(play.gate.open_table(), None);
    assert!(play.keep("three"));
    play.down(TABLE, &["one", "two"]);
    play.up(NEXT, Role::Table);
    play.said(Said::Yes);
    play.answer(NEXT, 0, None);
    assert_eq!(play.said(Said::Yes), ["one", "two", "three"]);
}

#[test]
fn a_post_in_hand_keeps_its_place_when_others_come_back() {
    let mut play = Play::open();
    play.gate.handle_gone(TABLE);
    assert!(play.keep("two") && play.keep("three"));
    play.down(TABLE, &[]);
    play.up(NEXT, Role::Table);
    play.said(Said::Gone);
    play.down(NEXT, &[]);
    play.up(TABLE, Role::Table);
    assert_eq!(play.said(Said::Yes), ["hello 0 anna"]);
    play.answer(TABLE, 0, None);
    let Step::Say(TABLE, post) = play.gate.poll_step(play.now) else {
        panic!("a post");
    };
    assert_eq!(post, b"two");
    play.down(TABLE, &["one"]);
    play.gate.handle_said(Said::Gone);
    let left = play.gate.take_outbox();
    assert_eq!(left, [&b"one"[..], b"two", b"three"]);
}

#[test]
fn each_session_hears_everything_anew_and_nothing_is_left_of_the_last() {
    let mut play = Play::open();
    play.gate.want(id(1), topics("a"));
    play.gate.want(id(2), topics("b"));
    // It died when it had heard a part.
    assert_eq!(play.said(Said::Yes), ["sub 1 a", "sub 2 b"]);
    play.down(TABLE, &[]);
    play.gate.unwant(id(1));
    play.up(NEXT, Role::Table);
    assert_eq!(play.said(Said::Yes), ["hello 0 anna", "sub 2 b"]);
    let news = ["connected to link 1", "disconnected from link 1: gone"];
    assert_eq!(play.news(), news);
}

#[test]
fn what_is_not_wanted_any_more_is_said_only_where_it_was_said() {
    let mut play = Play::open();
    play.gate.want(id(1), topics("a"));
    play.gate.unwant(id(1));
    assert!(play.said(Said::Yes).is_empty());
    play.gate.want(id(2), calls("b"));
    assert_eq!(play.said(Said::Yes), ["serve 2 b"]);
    play.gate.unwant(id(2));
    play.gate.unwant(id(2));
    assert_eq!(play.said(Said::Yes), ["unserve 2"]);
}

#[test]
fn what_found_no_room_is_said_again_and_never_given_up() {
    let mut play = Play::new(None);
    play.gate.want(id(1), topics("a"));
    play.up(TABLE, Role::Table);
    for _ in 0..100 {
        play.now += SILENT;
        let step = play.gate.poll_step(play.now);
        assert!(matches!(step, Step::Say(TABLE, _)), "{step:?}");
        play.gate.handle_said(Said::Later);
    }
    assert_eq!(play.said(Said::Yes), ["hello 0", "sub 1 a"]);
}

#[test]
fn a_table_that_answers_nothing_is_left_and_a_peer_is_ignored() {
    let mut play = Play::new(None);
    play.up(TABLE, Role::Table);
    play.up(PEER, Role::Peer);
    assert_eq!(play.said(Said::Yes), ["hello 0", "hello 0"]);
    assert_eq!(play.gate.poll_step(play.now), Step::Wait(play.now + SILENT));
    play.now += SILENT;
    let steps = [(); 3].map(|()| play.gate.poll_step(play.now));
    assert_eq!(steps, [Step::HangUp(TABLE), Step::Ignore(PEER), Step::Rest]);
    assert!(play.gate.want(id(1), topics("a")).is_empty());
    assert!(play.news()[0].starts_with("introduction refused: link 1"));
}

#[test]
fn each_answer_gives_a_slow_table_more_time() {
    let mut play = Play::new(None);
    play.gate.want(id(1), topics("a"));
    play.up(TABLE, Role::Table);
    play.said(Said::Yes);
    play.now += SILENT - Duration::from_millis(1);
    play.answer(TABLE, 0, None);
    play.now += SILENT - Duration::from_millis(1);
    assert!(matches!(play.gate.poll_step(play.now), Step::Wait(_)));
    play.answer(TABLE, 1, None);
    assert_eq!(play.gate.open_table(), Some(TABLE));
}

#[test]
fn a_name_that_was_ours_is_asked_for_until_the_former_session_is_dead() {
    let mut play = Play::open();
    play.down(TABLE, &[]);
    play.up(NEXT, Role::Table);
    play.said(Said::Yes);
    play.answer(NEXT, 0, Some(Error::NameTaken));
    // It is open meanwhile, but we are not known.
    assert_eq!(play.gate.open_table(), Some(NEXT));
    assert!(matches!(play.gate.introduction(), Ok(false)));
    play.now += NAME_AGAIN;
    assert_eq!(play.said(Said::Yes), ["hello 0 anna"]);
    play.answer(NEXT, 0, None);
    assert!(matches!(play.gate.introduction(), Ok(true)));
    assert_eq!(play.gate.poll_step(play.now), Step::Rest);
}

#[test]
fn a_name_that_somebody_else_keeps_is_told() {
    let mut play = Play::open();
    play.down(TABLE, &[]);
    play.up(NEXT, Role::Table);
    play.news();
    let until = play.now + NAME_HELD + NAME_AGAIN;
    while play.now < until {
        play.said(Said::Yes);
        play.answer(NEXT, 0, Some(Error::NameTaken));
        play.now += NAME_AGAIN;
    }
    assert!(matches!(play.gate.introduction(), Err(Error::NameTaken)));
    let told = "name \"anna\" refused: another client has that name";
    assert!(play.news().iter().any(|news| news == told));
    assert_eq!(play.gate.poll_step(play.now), Step::Rest);
}

#[test]
fn a_name_that_was_never_ours_is_refused_at_once_and_only_in_that_session() {
    let mut play = Play::new(Some("anna"));
    play.up(Link::INSIDE, Role::Table);
    play.up(PEER, Role::Peer);
    play.said(Said::Yes);
    play.answer(PEER, 0, Some(Error::NameTaken));
    play.answer(Link::INSIDE, 0, None);
    assert!(matches!(play.gate.introduction(), Err(Error::NameTaken)));
    play.down(PEER, &[]);
    assert!(matches!(play.gate.introduction(), Ok(true)));
}

#[test]
fn a_peer_that_is_a_broker_is_the_table_from_then_on() {
    let mut play = Play::new(None);
    play.up(Link::INSIDE, Role::Table);
    play.up(PEER, Role::Peer);
    play.said(Said::Yes);
    play.answer(Link::INSIDE, 0, None);
    assert_eq!(play.gate.open_table(), Some(Link::INSIDE));
    play.gate.handle_broker(PEER);
    play.answer(PEER, 0, None);
    assert_eq!(play.gate.open_table(), Some(PEER));
    play.down(PEER, &[]);
    assert_eq!(play.gate.open_table(), None);
    assert!(play.keep("post"));
}

#[test]
fn closing_waits_for_what_waits_only_if_somebody_is_there() {
    let mut play = Play::new(None);
    assert!(play.keep("post"));
    assert!(play.gate.has_said_all());
    play.up(TABLE, Role::Table);
    assert!(!play.gate.has_said_all());
    play.said(Said::Yes);
    play.answer(TABLE, 0, None);
    play.said(Said::Yes);
    assert!(play.gate.has_said_all());
}
