//! What a client hears of each verb that it has no right to, and what that changes: nothing.

use std::sync::Arc;

use crate::bus::table::access::Access;
use crate::bus::table::clients::Key;
use crate::bus::table::stats::BrokerStats;
use crate::bus::table::tests::play::{Play, id};

/// A host, 1, that serves a name and its own, and a guest, 2, with these rights.
fn house(access: &Access) -> Play {
    let mut play = Play::new();
    for client in [1, 2] {
        play.join(client);
    }
    let rights = access.rights().expect("patterns");
    play.table.restrict(Key::Local(2), Arc::new(rights));
    play.say(1, format!("hello {} host\n\n", id(1)));
    play.say(1, format!("serve {} echo\n\n", id(2)));
    play.say(1, format!("serve {} @\n\n", id(3)));
    for client in [1, 2] {
        play.hears(client);
    }
    play
}

/// Says something as the guest; whether that was denied, and then nothing has changed.
fn is_denied(play: &mut Play, words: &str) -> bool {
    let before = play.table.stats();
    play.say(2, format!("{words}\n\nx"));
    let denied = format!("error {} Denied\n\nto ", id(9));
    let heard = play.hears(2);
    let is_denied = matches!(&heard[..], [message] if message.starts_with(&denied));
    if is_denied {
        let after = play.table.stats();
        let expected = BrokerStats {
            refused: before.refused + 1,
            denied: before.denied + 1,
            ..before
        };
        assert_eq!(after, expected, "{words}");
        assert!(play.hears(1).is_empty(), "{words}");
    }
    is_denied
}

/// Each verb that needs a right, and an access that gives it that and no other.
fn rights() -> Vec<(String, Access)> {
    let verb = |words: &str| words.replace("ID", &id(9));
    let none = Access::default;
    vec![
        (verb("pub ID room"), none().may_publish("room")),
        (verb("pub ID room retain"), none().may_publish("*")),
        (verb("pub ID room receipt"), none().may_publish("**")),
        (verb("pub ID /a//b%2Fc/"), none().may_publish("a/b/c")),
        (verb("sub ID room/*"), none().may_subscribe("room/**")),
        (verb("sub ID $sys/*"), none().may_subscribe("$sys/**")),
        (verb("serve ID other"), none().may_serve("other")),
        (verb("hello ID anna"), none().may_serve("@*")),
        (verb("call ID echo 5000"), none().may_call("echo")),
        (verb("call ID /echo/ 5000 all"), none().may_call("*")),
        (verb("call ID @host 5000"), none().may_call("@host")),
        (
            verb("call ID $sys/stats 5000"),
            none().may_call("$sys/stats"),
        ),
        (verb("call ID $sys/clients 5000"), none().may_call("$sys/*")),
        (verb("ping ID 5000 host"), none().may_call("@*")),
        (verb("peers ID"), none().may_call("$sys/peers")),
    ]
}

#[test]
fn each_verb_needs_its_own_right_and_no_other() {
    let rights = rights();
    for (row, (words, _)) in rights.iter().enumerate() {
        assert!(is_denied(&mut house(&Access::default()), words), "{words}");
        let access = &rights[row].1;
        assert!(!is_denied(&mut house(access), words), "{words}");
    }
}

#[test]
fn what_is_allowed_for_one_thing_is_not_for_another() {
    let everything = |verb: &str| match verb {
        "pub" => Access::default().may_publish("**").may_publish("$sys/**"),
        "sub" => Access::default()
            .may_subscribe("**")
            .may_subscribe("$sys/**"),
        "serve" | "hello" => Access::default().may_serve("**").may_serve("$sys/**"),
        _ => Access::default().may_call("**").may_call("$sys/**"),
    };
    for (words, _) in rights() {
        for verb in ["pub", "sub", "serve", "call"] {
            let is_its_own =
                everything(verb) == everything(words.split(' ').next().expect("a verb"));
            let is_denied = is_denied(&mut house(&everything(verb)), &words);
            assert_eq!(is_denied, !is_its_own, "{words}: {verb}");
        }
    }
}

#[test]
fn what_is_about_oneself_needs_no_right() {
    for words in [
        "hello ID",
        "ping ID 5000",
        "serve ID @",
        "unsub ID",
        "unserve ID",
        "cancel ID",
    ] {
        let words = words.replace("ID", &id(9));
        assert!(
            !is_denied(&mut house(&Access::default()), &words),
            "{words}"
        );
    }
}

#[test]
fn a_name_that_was_denied_stays_free_and_the_old_one_kept() {
    let mut play = house(&Access::default().may_serve("@guest"));
    assert!(!is_denied(&mut play, &format!("hello {} guest", id(9))));
    assert!(is_denied(&mut play, &format!("hello {} anna", id(9))));
    play.say(1, format!("ping {} 5000 guest\n\n", id(4)));
    assert!(play.hears(2)[0].starts_with("probe "));
    play.say(1, format!("hello {} anna\n\n", id(5)));
    assert!(play.hears(1)[0].starts_with(&format!("ok {}", id(5))));
}

#[test]
fn what_is_no_name_is_that_before_it_is_denied() {
    let mut play = house(&Access::default());
    for words in [
        "sub ID //",
        "call ID a/** 5000",
        "serve ID @x",
        "pub ID * receipt",
    ] {
        play.say(2, format!("{}\n\n", words.replace("ID", &id(9))));
        let heard = play.hears(2);
        let bad = format!("error {} BadTopic", id(9));
        assert!(heard[0].starts_with(&bad), "{words}: {heard:?}");
    }
    assert_eq!(play.table.stats().denied, 0);
}
