//! Tests: who runs a call, how long it stays in the books, and what it does to others.

use std::time::Duration;

use crate::bus::table::tests::play::{Play, id};
use crate::bus::words::Limits;

/// Two providers of `add`, clients 1 and 2, and a caller, client 3.
fn two_providers() -> Play {
    let mut play = Play::new();
    for client in 1..=3 {
        play.join(client);
    }
    play.say(1, format!("serve {} add\n\n", id(1)));
    play.say(2, format!("serve {} add\n\n", id(2)));
    play.forget();
    play
}

#[test]
fn a_provider_that_hangs_is_not_chosen_while_another_is_idle() {
    let mut play = two_providers();
    for call in 0..20 {
        play.say(3, format!("call {} add 100\n\n", id(call)));
        // The first hangs, the second answers.
        for run in play.runs(2) {
            play.say(2, format!("done {run}\n\n"));
        }
        play.pass(Duration::from_millis(200));
    }
    assert_eq!(play.runs(1).len(), 1);
    let timeouts = play
        .hears(3)
        .iter()
        .filter(|it| it.contains("Timeout"))
        .count();
    assert_eq!(timeouts, 1);
}

#[test]
fn a_call_that_was_cancelled_stays_with_its_provider_until_that_answers() {
    let mut play = two_providers();
    play.say(3, format!("call {} add 60000\n\n", id(1)));
    let run = play.runs(1).remove(0);
    play.say(3, format!("cancel {}\n\n", id(1)));
    assert_eq!(play.hears(1), [format!("stop {run}\n\n")]);
    for call in 2..4 {
        play.say(3, format!("call {} add 60000\n\n", id(call)));
        let next = play.runs(2).remove(0);
        play.say(2, format!("done {next}\n\n"));
    }
    assert_eq!(play.table.stats().calls, 1);
    play.hears(3);
    play.say(1, format!("done {run}\n\n"));
    assert_eq!(play.hears(3), Vec::<String>::new());
    assert_eq!((play.table.stats().calls, play.table.stats().late), (0, 1));
    play.say(3, format!("call {} add 60000\n\n", id(9)));
    assert_eq!(play.runs(1).len(), 1);
}

#[test]
fn a_runner_hears_that_its_caller_is_gone() {
    let mut play = two_providers();
    play.say(3, format!("call {} add 86400000\n\n", id(1)));
    let run = play.runs(1).remove(0);
    play.leave(3);
    assert_eq!(play.hears(1), [format!("stop {run}\n\n")]);
    play.say(1, format!("fail {run} Cancelled\n\n"));
    assert_eq!(play.table.stats().calls, 0);
}

#[test]
fn what_a_client_that_left_was_asked_for_is_forgotten() {
    let mut play = two_providers();
    play.say(3, format!("call {} add 60000\n\n", id(1)));
    play.say(3, format!("cancel {}\n\n", id(1)));
    play.leave(1);
    assert_eq!(play.table.stats().calls, 0);
}

#[test]
fn a_call_goes_to_a_provider_with_credit_or_is_busy() {
    let mut play = Play::new();
    for client in 1..=3 {
        play.join(client);
    }
    play.say(1, format!("serve {} add credit=1\n\n", id(1)));
    play.say(2, format!("serve {} add credit=2\n\n", id(2)));
    play.forget();
    for call in 0..4 {
        play.say(3, format!("call {} add 60000\n\n", id(call)));
    }
    let (one, two) = (play.runs(1), play.runs(2));
    assert_eq!((one.len(), two.len()), (1, 2));
    let heard = play.hears(3);
    assert!(
        matches!(&heard[..], [busy] if busy.starts_with(&format!("error {} Busy", id(3)))),
        "{heard:?}"
    );
    play.say(2, format!("done {}\n\n", two[0]));
    play.say(3, format!("call {} add 60000\n\n", id(5)));
    assert_eq!(play.runs(2).len(), 1);
}

#[test]
fn a_call_to_all_has_an_entry_for_each_provider_with_credit_or_without() {
    let mut play = Play::new();
    for client in 1..=3 {
        play.join(client);
    }
    play.say(1, format!("serve {} add credit=1\n\n", id(1)));
    play.say(2, format!("serve {} add\n\n", id(2)));
    play.forget();
    play.say(3, format!("call {} add 60000\n\n", id(1)));
    assert_eq!(play.runs(1).len(), 1);
    play.say(3, format!("call {} add 60000 all\n\n", id(2)));
    assert_eq!((play.runs(1).len(), play.runs(2).len()), (0, 1));
    let heard = play.hears(3);
    assert_eq!(heard[0], format!("many {} 2\n\n", id(2)));
    assert!(
        heard[1].starts_with(&format!("error {} Busy", id(2))),
        "{heard:?}"
    );
}

#[test]
fn the_only_provider_of_a_name_has_no_second() {
    let mut play = Play::new();
    play.join(1);
    play.join(2);
    let refused = |heard: Vec<String>| matches!(&heard[..], [it] if it.starts_with("error") && it.contains("NameTaken"));
    play.say(1, format!("serve {} add only\n\n", id(1)));
    assert_eq!(play.hears(1), [format!("ok {}\n\n", id(1))]);
    for (number, only) in [(2, ""), (3, " only")] {
        for client in [1, 2] {
            play.say(client, format!("serve {} add{only}\n\n", id(number)));
            assert!(refused(play.hears(client)));
        }
    }
    play.say(1, format!("unserve {}\n\n", id(1)));
    play.say(2, format!("serve {} add\n\n", id(4)));
    assert_eq!(play.hears(2), [format!("ok {}\n\n", id(4))]);
    play.say(1, format!("serve {} add only\n\n", id(5)));
    assert!(refused(play.hears(1)));
    assert_eq!(play.table.stats().services, 1);
}

#[test]
fn pings_count_as_calls_in_hand() {
    let mut play = Play::with(|limits| limits.calls = 10);
    play.join(1);
    play.join(2);
    play.say(1, format!("hello {} one\n\n", id(1)));
    play.forget();
    for ping in 0..20 {
        play.say(2, format!("ping {} 60000 one\n\n", id(ping)));
    }
    let heard = play.hears(2);
    assert_eq!(heard.iter().filter(|it| it.contains(" Busy")).count(), 10);
    assert_eq!(play.table.stats().calls, 10);
    play.pass(Duration::from_secs(61));
    assert_eq!(play.table.stats().calls, 0);
    play.forget();
    play.say(2, format!("ping {} 60000 one\n\n", id(30)));
    assert!(play.hears(2).is_empty(), "there is room again");
}

#[test]
fn a_killed_providers_error_names_the_service() {
    let mut play = two_providers();
    play.say(3, format!("call {} add 60000\n\n", id(1)));
    play.leave(1);
    let heard = play.hears(3);
    let [error] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert!(
        error.starts_with(&format!("error {} NoPeer", id(1))),
        "{error}"
    );
    assert!(error.contains("\"add\""), "{error}");
    assert!(!error.contains("no such client"), "{error}");
}

#[test]
fn a_provider_holds_so_many_calls_and_no_more() {
    let limits = Limits {
        credit: 3,
        ..Limits::default()
    };
    let mut play = Play::with(|own| *own = limits);
    play.join(1);
    play.join(2);
    play.say(1, format!("serve {} add credit=1000000\n\n", id(1)));
    play.forget();
    for call in 0..5 {
        play.say(2, format!("call {} add 50\n\n", id(call)));
        play.pass(Duration::from_millis(100));
    }
    assert_eq!(play.runs(1).len(), 3);
    assert_eq!(play.table.stats().calls, 3);
}

#[test]
fn a_client_has_so_many_calls_in_hand_and_no_more() {
    let mut play = Play::with(|limits| limits.calls = 3);
    play.join(1);
    play.join(2);
    for number in [1, 2] {
        play.say(1, format!("serve {} add\n\n", id(number)));
    }
    play.forget();
    for call in 0..2 {
        play.say(2, format!("call {} add 60000\n\n", id(call)));
    }
    // Each answer of a call to all counts.
    play.say(2, format!("call {} add 60000 all\n\n", id(7)));
    let busy = |heard: Vec<String>| heard.iter().filter(|it| it.contains(" Busy")).count();
    assert_eq!(busy(play.hears(2)), 1);
    let runs = play.runs(1);
    assert_eq!(runs.len(), 2);
    play.say(1, format!("done {}\n\n", runs[0]));
    play.say(2, format!("call {} add 60000 all\n\n", id(8)));
    assert_eq!(busy(play.hears(2)), 0, "there is room again");
}
