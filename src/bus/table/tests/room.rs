//! Tests: what becomes of what does not fit on its way to a client.

use std::time::Duration;

use crate::bus::table::tests::play::{Play, id};

#[test]
fn a_call_that_has_no_room_on_its_way_to_its_runner_is_busy() {
    let mut play = Play::new();
    play.join(1);
    play.join(2);
    play.say(1, format!("serve {} add\n\n", id(1)));
    play.forget();
    play.narrow(1, 1_000);
    let body = "x".repeat(600);
    for call in 0..3 {
        play.say(2, format!("call {} add 60000\n\n{body}", id(call)));
    }
    let heard = play.hears(2);
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|it| it.contains(" Busy")), "{heard:?}");
    assert_eq!(play.table.stats().calls, 1);
    assert_eq!(play.expelled, Vec::<u64>::new());
}

#[test]
fn answers_that_do_not_fit_wait_for_their_caller_in_order() {
    let mut play = Play::new();
    play.join(1);
    play.join(2);
    play.say(1, format!("serve {} add\n\n", id(1)));
    for call in 0..8 {
        play.say(2, format!("call {} add 60000\n\n", id(call)));
    }
    let runs = play.runs(1);
    play.forget();
    play.narrow(2, 1_000);
    let body = "x".repeat(600);
    for run in &runs {
        play.say(1, format!("done {run}\n\n{body}"));
    }
    let mut answers = Vec::new();
    for _ in 0..20 {
        for heard in play.hears(2) {
            match heard.strip_prefix("probe ") {
                Some(probe) => play.say(2, format!("done {}\n\n", &probe[..32])),
                None => answers.push(heard),
            }
        }
    }
    let words: Vec<String> = (0..8)
        .map(|call| format!("answer {}\n\n{body}", id(call)))
        .collect();
    assert_eq!(answers, words);
    assert_eq!(play.expelled, Vec::<u64>::new());
}

#[test]
fn answers_are_tried_again_when_time_passes() {
    // As above, with a client that does not answer probes.
    let mut play = Play::new();
    play.join(1);
    play.narrow(1, 200);
    for ask in 0..6 {
        play.say(1, format!("peers {}\n\n", id(ask)));
    }
    let mut answers = 0;
    for _ in 0..20 {
        answers += play
            .hears(1)
            .iter()
            .filter(|it| it.starts_with("answer"))
            .count();
        play.pass(Duration::from_secs(1));
    }
    assert_eq!(answers, 6);
}

#[test]
fn who_asks_and_never_listens_is_sent_away_at_a_bound() {
    let mut play = Play::with(|limits| limits.calls = 20);
    play.join(1);
    play.join(2);
    play.narrow(1, 200);
    for ask in 0..100 {
        play.say(1, format!("peers {}\n\n", id(ask)));
    }
    assert_eq!(play.expelled, [1]);
    play.say(2, format!("peers {}\n\n", id(1)));
    assert_eq!(play.hears(2).len(), 1);
}

#[test]
fn a_body_that_goes_to_many_is_one_body() {
    let mut play = Play::new();
    play.join(1);
    play.join(2);
    for number in 0..1_000 {
        play.say(1, format!("serve {} z\n\n", id(number)));
    }
    play.forget();
    play.hold();
    let body = "x".repeat(20_000);
    play.say(2, format!("call {} z 60000 all\n\n{body}", id(1)));
    let (_, waiting) = play.table.waiting();
    assert!(waiting < 200_000, "{waiting}");
    play.go_on();
    assert_eq!(play.runs(1).len(), 1_000);
}

#[test]
fn a_broker_has_a_budget_of_memory_for_all_clients() {
    let mut play = Play::with(|limits| limits.memory = 100_000);
    for client in 1..=20 {
        play.join(client);
        for number in 0..100 {
            play.say(client, format!("sub {} a/{number}\n\n", id(number)));
        }
    }
    let refused = |heard: &Vec<String>| heard.iter().any(|it| it.contains(" Limit"));
    assert!(refused(&play.hears(20)), "it has no room");
    assert!(!refused(&play.hears(1)), "the first had");
    (1..=19).for_each(|client| play.leave(client));
    play.say(20, format!("sub {} a/100\n\n", id(1_000)));
    let heard = play.hears(20);
    assert_eq!(heard.last(), Some(&format!("ok {}\n\n", id(1_000))));
}

#[test]
fn answers_beyond_the_bytes_that_may_wait_are_told_in_short() {
    let mut play = Play::with(|limits| limits.unread_bytes = 1_000);
    play.join(1);
    play.join(2);
    play.say(1, format!("serve {} add\n\n", id(1)));
    for call in 0..5 {
        play.say(2, format!("call {} add 60000\n\n", id(call)));
    }
    let runs = play.runs(1);
    play.forget();
    play.narrow(2, 1_000);
    let body = "x".repeat(600);
    for run in &runs {
        play.say(1, format!("done {run}\n\n{body}"));
    }
    let mut heard = Vec::new();
    for _ in 0..20 {
        heard.extend(play.hears(2));
        play.pass(Duration::from_secs(1));
    }
    let count = |what: &str| heard.iter().filter(|it| it.contains(what)).count();
    // One is on its way, one waits, and the others are told of.
    assert_eq!((count(&body), count(" Limit")), (2, 3));
    assert_eq!(play.expelled, Vec::<u64>::new());
}

#[test]
fn who_is_sent_away_is_not_heard_any_more() {
    let mut play = Play::with(|limits| limits.calls = 20);
    play.join(1);
    play.narrow(1, 200);
    for ask in 0..100 {
        play.say(1, format!("peers {}\n\n", id(ask)));
    }
    assert_eq!(play.expelled, [1]);
    play.say(1, format!("sub {} a\n\n", id(200)));
    assert_eq!(play.table.stats().subscriptions, 0);
    play.leave(1);
    play.table.audit_empty();
}

#[test]
fn a_receipt_counts_those_who_had_room() {
    let mut play = Play::new();
    [1, 2, 3].into_iter().for_each(|client| play.join(client));
    for client in [1, 2] {
        play.say(client, format!("sub {} a\n\n", id(1)));
    }
    play.forget();
    play.narrow(1, 100);
    let body = "x".repeat(60);
    for receivers in [2, 1] {
        play.say(3, format!("pub {} a receipt\n\n{body}", id(receivers)));
        let receipt = format!("ok {} {receivers}\n\n", id(receivers));
        assert_eq!(play.hears(3), [receipt]);
    }
    assert_eq!(play.table.stats().lost, 1);
}
