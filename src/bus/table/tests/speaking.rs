//! What is said and how it is answered, word by word.

use std::hash::RandomState;
use std::time::{Duration, Instant};

use crate::Identity;
use crate::bus::table::Table;
use crate::bus::table::clients::Key;
use crate::bus::table::send::To;
use crate::bus::table::tests::play::{Play, id};
use crate::bus::words::{Limits, Word};

/// Clients 1 to 3, of which the first two have names.
fn three() -> Play {
    let mut play = Play::new();
    for client in [1, 2, 3] {
        play.join(client);
    }
    for (client, name) in [(1, "anna"), (2, "be%20rt")] {
        play.say(client, format!("hello {} {name}\n\n", id(1)));
        play.hears(client);
    }
    play
}

/// The words of the one message that it hears.
fn words(play: &mut Play, client: u64) -> Vec<String> {
    let heard = play.hears(client);
    let [message] = &heard[..] else {
        panic!("not one message: {heard:?}");
    };
    let line = message.lines().next().expect("a line");
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn hello_is_answered_with_version_features_and_the_broker() {
    let mut play = Play::new();
    play.join(1);
    play.say(1, format!("hello {}\n\n", id(1)));
    let heard = play.hears(1);
    let (line, headers) = heard[0].split_once('\n').expect("a line");
    assert_eq!(line, format!("ok {}", id(1)));
    let names: Vec<&str> = headers
        .lines()
        .filter_map(|it| Some(it.split_once(':')?.0))
        .collect();
    assert_eq!(names, ["version", "features", "broker"]);
    assert!(headers.contains("version: 2\n"), "{headers}");
    assert!(headers.ends_with("\n\n"), "{headers}");
}

#[test]
fn each_connection_is_greeted() {
    let mut table = Table::new(Limits::default(), RandomState::new());
    let peer = Key::Peer(Identity::from([7; 16]));
    let mut greet = || {
        table.handle_up(peer);
        let send = table.poll_send(&mut 0).expect("a greeting");
        assert!(matches!(send.to, To::One(key) if key == peer));
        table.handle_down(peer);
        String::from_utf8(send.message.into_bytes()).expect("text")
    };
    let (first, second) = (greet(), greet());
    let (broker, session) = first.trim_end().rsplit_once(' ').expect("words");
    assert_eq!((broker.len(), session), ("welcome ".len() + 32, "1"));
    assert_eq!(second, format!("{broker} 2\n\n"));
}

#[test]
fn ids_are_echoed_as_they_were_said() {
    const ID: &str = "ABCDEFabcdef00000000000000000aAa";
    let mut play = three();
    play.say(1, format!("serve {ID} add\n\n"));
    assert_eq!(words(&mut play, 1), ["ok", ID]);
    play.say(2, format!("call {ID} add 5000\n\n2"));
    let run = words(&mut play, 1);
    assert_eq!(run[2], ID);
    play.say(1, format!("done {}\n\n4", run[1]));
    assert_eq!(words(&mut play, 2), ["answer", ID]);
    play.say(2, format!("pub {ID} a retain receipt\n\nx"));
    assert_eq!(words(&mut play, 2), ["ok", ID, "0"]);
    play.say(3, format!("sub {ID} a\n\n"));
    let heard = play.hears(3);
    assert_eq!(heard[0], format!("ok {ID}\n\n"));
    assert!(heard[1].starts_with(&format!("event {ID} a retained {ID} from=be%20rt\n")));
    for word in [
        "call {} none 5000",
        "peers {}",
        "ping {} 5000 nobody",
        "fly {}",
    ] {
        play.say(3, format!("{}\n\n", word.replace("{}", ID)));
        assert_eq!(words(&mut play, 3)[1], ID, "{word}");
    }
}

#[test]
fn what_makes_no_sense_is_answered_if_it_has_an_id() {
    let mut play = three();
    let long = format!("pub {} a\n{}\n", id(9), "a: b\n".repeat(20_000));
    let bad: [(&[u8], &str); 11] = [
        (b"fly {} away\n\n", "Unknown"),
        (b"call {} add soon\n\n", "Malformed"),
        (b"call {} add -1\n\n", "Malformed"),
        (b"ping {}\n\n", "Malformed"),
        (b"pub {} a receipt\n", "Malformed"),
        (b"sub {} a\xffb\n\n", "Malformed"),
        (b"sub {} a%FF\n\n", "BadTopic"),
        (b"call {} a%4 5000\n\n", "BadTopic"),
        (b"hello {} %\n\n", "BadTopic"),
        (b"pub {} a receipt\nno colon\n\n", "BadHeader"),
        (b"call {} add 5000\na: \xff\n\n", "BadHeader"),
    ];
    let with_id = |bytes: &[u8]| {
        let at = bytes.iter().position(|byte| *byte == b'{').expect("an id");
        [&bytes[..at], id(9).as_bytes(), &bytes[at + 2..]].concat()
    };
    let bad = bad.map(|(bytes, kind)| (with_id(bytes), kind));
    for (bytes, kind) in bad.into_iter().chain([(long.into_bytes(), "BadHeader")]) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        play.say(3, bytes);
        assert_eq!(words(&mut play, 3)[..3], ["error", &id(9), kind], "{text}");
    }
    for client in [
        "ok {}",
        "error {} Busy",
        "event {} a",
        "event {} a\nbad",
        "welcome {} x",
    ] {
        play.say(3, format!("{}\n\n", client.replace("{}", &id(9))));
        play.say(3, "\u{7f}\n\n");
        assert!(play.hears(3).is_empty(), "{client}");
    }
}

#[test]
fn an_id_stands_for_one_subscription_service_or_call_at_a_time() {
    let mut play = three();
    for (first, again, other) in [
        ("sub {} a/**", "sub {} a//**", "sub {} b"),
        ("serve {} add", "serve {} /add", "serve {} sub"),
    ] {
        for (said, kind) in [(first, None), (again, None), (other, Some("Malformed"))] {
            play.say(1, format!("{}\n\n", said.replace("{}", &id(5))));
            let heard = words(&mut play, 1);
            assert_eq!(heard.get(2).map(String::as_str), kind, "{said}");
        }
    }
    let stats = play.table.stats();
    assert_eq!((stats.subscriptions, stats.services), (1, 1));
    play.say(2, format!("call {} add 5000\n\n", id(6)));
    let run = words(&mut play, 1);
    for again in ["call {} add 5000", "ping {} 5000 anna"] {
        play.say(2, format!("{}\n\n", again.replace("{}", &id(6))));
        assert_eq!(words(&mut play, 2)[2], "Malformed");
    }
    assert!(play.hears(1).is_empty(), "it ran twice");
    play.say(1, format!("done {}\n\n", run[1]));
    assert_eq!(words(&mut play, 2)[0], "answer");
    play.say(2, format!("call {} add 5000\n\n", id(6)));
    assert_eq!(words(&mut play, 1)[0], "run");
}

#[test]
fn an_event_and_a_run_say_from_whom_whatever_their_headers_say() {
    let mut play = three();
    play.say(1, format!("sub {} news\n\n", id(5)));
    play.say(1, format!("serve {} add\n\n", id(6)));
    play.hears(1);
    let mut from = |client: u64| {
        play.say(
            client,
            format!("pub {} news from=forged\nfrom: forged\n\n", id(7)),
        );
        play.say(
            client,
            format!("call {} add 5000 from=forged\nfrom: forged\n\n", id(8)),
        );
        let heard = play.hears(1);
        play.say(client, format!("cancel {}\n\n", id(8)));
        // It hears that nobody waits.
        play.hears(1);
        let from = heard.iter().map(|message| {
            let Ok(word) = Word::parse(message.as_bytes()) else {
                panic!("{message}");
            };
            let from = match word {
                Word::Event(event) => event.from.read(),
                Word::Run(run) => run.from.read(),
                other => panic!("{other:?}"),
            };
            from.expect("it is text").into_owned()
        });
        from.collect::<Vec<String>>()
    };
    assert_eq!(from(1), ["anna", "anna"]);
    assert_eq!(from(2), ["be rt", "be rt"]);
    assert_eq!(from(3), ["", ""]);
    play.say(3, format!("hello {}\n\n", id(9)));
    play.say(2, format!("hello {} carl\n\n", id(9)));
    play.say(3, format!("pub {} news\n\n", id(7)));
    play.say(2, format!("pub {} news\n\n", id(7)));
    let heard = play.hears(1);
    assert!(heard[0].starts_with(&format!("event {} news from=local-3\n", id(7))));
    assert!(heard[1].starts_with(&format!("event {} news from=carl\n", id(7))));
}

#[test]
fn a_call_is_forwarded_with_the_time_that_its_caller_has() {
    let mut play = three();
    play.say(1, format!("serve {} add\n\n", id(6)));
    play.hears(1);
    for (said, forwarded) in [("5000", "5000"), ("18446744073709551615", "86400000")] {
        play.say(2, format!("call {} add {said}\n\n", id(said.len() as u128)));
        assert_eq!(words(&mut play, 1)[3], forwarded);
    }
    play.say(2, format!("call {} add 0\n\n", id(9)));
    assert_eq!(words(&mut play, 2)[2], "Timeout");
}

#[test]
fn each_answer_to_a_call_to_all_says_from_whom_it_is() {
    let mut play = three();
    play.join(4);
    play.say(4, format!("hello {} dora\n\n", id(1)));
    for client in [1, 2, 3, 4] {
        play.say(client, format!("serve {} who\n\n", id(6)));
        play.hears(client);
    }
    play.say(3, format!("call {} who 5000 all\n\n", id(7)));
    let heard = play.hears(3);
    assert_eq!(heard[0], format!("many {} 4\n\n", id(7)));
    let (anna, bert) = (words(&mut play, 1), words(&mut play, 2));
    play.say(1, format!("done {}\n\nme", anna[1]));
    play.say(2, format!("fail {} Remote from=forged\n\n", bert[1]));
    play.leave(4);
    play.pass(Duration::from_secs(5));
    let lines: Vec<String> = play.hears(3);
    let line = |words: &str| words.replace("{}", &id(7));
    let gone = "error {} NoPeer who from=dora\n\nwhoever ran \"who\" went away with the call, \
                which may have run";
    let expected = [
        line("answer {} from=anna\n\nme"),
        line("error {} Remote from=forged from=be%20rt\n\n"),
        line(gone),
        line("error {} Timeout\n\ntimed out"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_answer_is_taken_only_from_whom_it_was_asked_of() {
    let mut play = three();
    play.say(1, format!("serve {} add\n\n", id(6)));
    play.hears(1);
    play.say(2, format!("call {} add 5000\n\n", id(7)));
    let run = words(&mut play, 1).swap_remove(1);
    for word in ["done", "fail"] {
        play.say(3, format!("{word} {run} Remote x\n\nforged"));
    }
    let next = u128::from_str_radix(&run, 16).expect("an id") + 1;
    play.say(1, format!("done {}\n\n", id(next)));
    assert!(play.hears(2).is_empty());
    assert_eq!(play.table.stats().late, 3);
    play.say(1, format!("done {run}\n\ntrue"));
    assert_eq!(play.hears(2), [format!("answer {}\n\ntrue", id(7))]);
}

#[test]
fn what_was_published_is_counted_before_its_sender_hears_of_it() {
    let mut play = three();
    play.say(1, format!("sub {} news\n\n", id(5)));
    let said = format!("pub {} news receipt\n\n", id(6));
    let key = Key::Local(2);
    play.table
        .handle_word(Instant::now(), key, Word::parse(said.as_bytes()));
    let news = play.table.poll_send(&mut 0).expect("the news");
    assert!(
        play.table.poll_send(&mut 0).is_none(),
        "it is not known yet who gets it"
    );
    play.table.handle_sent(Instant::now(), news, &[]);
    assert_eq!(play.table.stats().delivered, 1);
    let receipt = play.table.poll_send(&mut 0).expect("a receipt");
    let receipt = receipt.message.into_bytes();
    assert_eq!(receipt, format!("ok {} 1\n\n", id(6)).into_bytes());
}
