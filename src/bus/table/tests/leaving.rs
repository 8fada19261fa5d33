//! Tests: what ends leaves nothing.

use std::time::Duration;

use crate::bus::table::tests::play::{Play, id};

/// Client 1 stays, with one of everything, so that what others leave would be beside it.
fn inhabited() -> Play {
    let mut play = Play::new();
    play.join(1);
    for words in [
        "hello {} one",
        "sub {} a/*/**",
        "serve {} add",
        "serve {} @",
    ] {
        let words = words.replace("{}", &id(words.len() as u128));
        play.say(1, format!("{words}\n\n"));
    }
    play.forget();
    play
}

/// `guest` does as it likes and ends it; the table is as before.
fn assert_leaves_nothing(mut play: Play, guest: impl FnOnce(&mut Play)) {
    let before = play.table.extent();
    play.join(2);
    guest(&mut play);
    play.leave(2);
    play.pass(Duration::from_secs(25 * 60 * 60));
    assert_eq!(play.table.extent(), before);
    play.leave(1);
    play.table.audit_empty();
}

fn say_all(play: &mut Play, words: &[&str]) {
    for (number, words) in words.iter().enumerate() {
        play.say(2, words.replace("{}", &id(1_000 + number as u128)));
    }
}

#[test]
fn subscriptions_services_and_a_name_go_with_their_client() {
    assert_leaves_nothing(inhabited(), |play| {
        say_all(
            play,
            &[
                "hello {} two\n\n",
                "sub {} a/**\n\n",
                "sub {} a/**\n\n",
                "sub {} **/x\n\n",
            ],
        );
        say_all(
            play,
            &["serve {} sub\n\n", "serve {} @\n\n", "hello {} three\n\n"],
        );
        play.say(1, format!("pub {} a/x\n\nnews", id(1)));
    });
}

#[test]
fn what_is_ended_one_by_one_is_gone_while_its_client_stays() {
    let mut play = inhabited();
    play.join(2);
    let before = play.table.extent();
    for round in 0..3 {
        for (words, end) in [
            ("sub {} a/**/b", "unsub"),
            ("serve {} add credit=3", "unserve"),
        ] {
            play.say(2, format!("{}\n\n", words.replace("{}", &id(7))));
            // The way to it is known from here on.
            play.say(1, format!("pub {} a/x/b\n\nnews", id(50)));
            play.say(1, format!("call {} add 60000\n\n", id(100 + round)));
            play.say(2, format!("{end} {}\n\n", id(7)));
            play.say(2, format!("{end} {}\n\n", id(7)));
        }
        for client in [1, 2] {
            let runs = play.runs(client);
            runs.iter()
                .for_each(|run| play.say(client, format!("done {run}\n\n")));
        }
        play.forget();
        assert_eq!(play.table.extent(), before);
    }
}

#[test]
fn calls_of_a_client_that_left_are_gone_when_their_runners_have_answered() {
    let mut play = inhabited();
    let before = play.table.extent();
    play.join(2);
    play.say(2, format!("call {} add 60000\n\n", id(1)));
    play.say(2, format!("call {} @one 60000\n\n", id(2)));
    play.say(2, format!("ping {} 60000 one\n\n", id(3)));
    let runs = play.runs(1);
    play.leave(2);
    play.forget();
    runs.iter()
        .for_each(|run| play.say(1, format!("fail {run} Late\n\n")));
    assert_eq!(play.table.extent(), before);
}

#[test]
fn calls_that_a_client_ran_are_gone_with_it() {
    assert_leaves_nothing(inhabited(), |play| {
        say_all(
            play,
            &[
                "hello {} two\n\n",
                "serve {} sub credit=2\n\n",
                "serve {} @\n\n",
            ],
        );
        for (number, name) in ["sub", "sub", "sub", "@two"].iter().enumerate() {
            play.say(1, format!("call {} {name} 60000\n\n", id(number as u128)));
        }
        play.say(1, format!("ping {} 60000 two\n\n", id(9)));
        play.say(1, format!("cancel {}\n\n", id(1)));
    });
}

#[test]
fn losses_and_answers_that_waited_go_with_their_client() {
    assert_leaves_nothing(inhabited(), |play| {
        play.say(2, format!("sub {} a/**\n\n", id(1)));
        play.narrow(2, 300);
        for number in 0..20 {
            play.say(1, format!("pub {} a/x\n\nnews of some length", id(number)));
            play.say(2, format!("peers {}\n\n", id(number)));
        }
    });
}

#[test]
fn a_replay_that_was_under_way_goes_with_its_client() {
    let mut play = inhabited();
    for number in 0..2_000 {
        play.say(1, format!("pub {} a/{number} retain\n\nx", id(number)));
    }
    let before = play.table.extent();
    play.join(2);
    play.narrow(2, 4_000);
    say_all(
        &mut play,
        &["sub {} **\n\n", "sub {} a/*\n\n", "sub {} b/*\n\n"],
    );
    play.leave(2);
    assert_eq!(play.table.extent(), before);
    play.leave(1);
    assert_eq!(play.table.stats().retained, 2_000);
    play.table.audit();
}

#[test]
fn what_a_client_retained_is_there_after_it_until_it_is_cleared() {
    let mut play = inhabited();
    let before = play.table.extent();
    play.join(2);
    play.say(2, format!("pub {} a/x retain\n\nvalue", id(1)));
    play.leave(2);
    assert_eq!(play.table.stats().retained, 1);
    play.join(3);
    play.say(3, format!("pub {} a/x retain\n\n", id(2)));
    play.leave(3);
    assert_eq!(play.table.extent(), before);
}

#[test]
fn a_client_that_leaves_while_its_answers_are_tried_again_takes_them_along() {
    let mut play = inhabited();
    let before = play.table.extent();
    play.join(2);
    play.narrow(2, 200);
    for number in 0..4 {
        play.say(2, format!("peers {}\n\n", id(number)));
    }
    play.hold();
    play.say(2, format!("unsub {}\n\n", id(9)));
    play.leave(2);
    play.go_on();
    assert_eq!(play.table.extent(), before);
}

#[test]
fn who_comes_and_goes_is_told() {
    let mut play = inhabited();
    play.say(1, format!("sub {} $sys/*\n\n", id(50)));
    play.forget();
    play.join(2);
    play.say(2, format!("hello {} two\n\n", id(1)));
    play.leave(2);
    let heard = play.hears(1);
    let told = |topic: &str| heard.iter().filter(|it| it.contains(topic)).count();
    assert_eq!((told(" $sys/joined"), told(" $sys/left")), (1, 1));
}
