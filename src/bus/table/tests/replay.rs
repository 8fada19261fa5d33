//! Tests: the values of before, a window at a time.

use crate::bus::table::tests::play::{Play, id};

/// Client 1 keeps so many values, and client 2 is there.
fn keeping(count: usize) -> Play {
    let mut play = Play::new();
    play.join(1);
    play.join(2);
    for number in 0..count {
        let line = format!("pub {} value/{number} retain\n\nx", id(number as u128));
        play.say(1, line);
    }
    play.forget();
    play
}

fn values(heard: &[String]) -> usize {
    heard.iter().filter(|it| it.contains(" retained ")).count()
}

#[test]
fn all_values_come_a_window_at_a_time() {
    let mut play = keeping(10_000);
    play.say(2, format!("sub {} **\n\n", id(1)));
    let mut heard = play.hears(2);
    assert_eq!(heard[0], format!("ok {}\n\n", id(1)));
    let mut windows = 1;
    while let Some(probe) = heard
        .last()
        .and_then(|it| it.strip_prefix("probe "))
        .map(str::to_owned)
    {
        assert!(values(&heard) < 2_000, "it gets {} at once", values(&heard));
        assert!(
            probe.contains(&id(1)),
            "it says for which subscription: {probe}"
        );
        let run = &probe[..32];
        play.say(2, format!("done {run}\n\n"));
        heard = play.hears(2).into_iter().chain([]).collect();
        windows += 1;
        assert!(windows < 1_000, "it never ends");
    }
    assert_eq!(play.counted(2, " retained "), 10_000);
    assert!(windows > 5, "{windows}");
    assert_eq!(play.table.stats().calls, 0);
}

#[test]
fn who_ends_a_subscription_gets_no_more_of_it() {
    let mut play = keeping(10_000);
    play.say(2, format!("sub {} **\n\n", id(1)));
    let first = play.hears(2);
    let probe = first.last().expect("a probe")[6..38].to_owned();
    play.say(2, format!("unsub {}\n\n", id(1)));
    play.say(2, format!("done {probe}\n\n"));
    assert_eq!(play.hears(2), Vec::<String>::new());
    assert_eq!(play.table.stats().calls, 0);
}

#[test]
fn a_hundred_subscriptions_that_end_at_once_cost_a_window_each() {
    let mut play = keeping(10_000);
    for number in 0..100 {
        play.say(2, format!("sub {} **\n\n", id(number)));
        play.say(2, format!("unsub {}\n\n", id(number)));
    }
    let values = values(&play.hears(2));
    assert!(values <= 100 * 1_100, "{values}");
}

#[test]
fn values_that_do_not_fit_come_when_there_is_room() {
    let mut play = keeping(1_000);
    play.narrow(2, 2_000);
    play.say(2, format!("sub {} **\n\n", id(1)));
    let mut all = 0;
    for _ in 0..1_000 {
        let heard = play.hears(2);
        all += values(&heard);
        let Some(probe) = heard.iter().find_map(|it| it.strip_prefix("probe ")) else {
            break;
        };
        play.say(2, format!("done {}\n\n", &probe[..32]));
    }
    assert_eq!(all, 1_000);
    assert_eq!(play.table.stats().lost, 0);
}

#[test]
fn a_walk_past_values_that_do_not_match_lets_others_go_on() {
    let mut play = keeping(10_000);
    play.hold();
    play.say(2, format!("sub {} **/none\n\n", id(1)));
    play.say(1, format!("peers {}\n\n", id(7)));
    play.take_turn();
    assert!(play.table.is_busy(), "it is done in one turn");
    assert_eq!(play.hears(1).len(), 1);
    play.go_on();
    assert!(!play.table.is_busy());
}

#[test]
fn the_last_value_to_arrive_is_kept_whatever_its_id_says() {
    let mut play = keeping(0);
    play.say(1, format!("pub {} door retain\n\nnew", id(u128::MAX)));
    play.say(1, format!("pub {} door retain\n\nnewest", id(1)));
    play.say(2, format!("sub {} door\n\n", id(1)));
    let heard = play.hears(2);
    assert!(heard[1].ends_with("\n\nnewest"), "{heard:?}");
}

#[test]
fn one_client_takes_half_of_the_places_that_others_leave() {
    let mut play = Play::with(|limits| limits.retained = 100);
    play.join(1);
    play.join(2);
    for number in 0..100 {
        play.say(1, format!("pub {} one/{number} retain\n\nx", id(number)));
    }
    assert_eq!(play.table.stats().retained, 50);
    for number in 0..100 {
        play.say(2, format!("pub {} two/{number} retain\n\nx", id(number)));
    }
    assert_eq!(play.table.stats().retained, 75);
    // The first has more than its share now. What it has it may change.
    play.say(1, format!("pub {} one/0 retain\n\n", id(200)));
    play.say(1, format!("pub {} one/x retain\n\nx", id(201)));
    play.say(1, format!("pub {} one/1 retain\n\nx", id(202)));
    assert_eq!(play.table.stats().retained, 74);
    assert_eq!(play.hears(1), Vec::<String>::new());
}
