//! Replies: what handlers return, and what becomes of jobs that they do not answer.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use jackfield::bus::{
    Answer, Broker, Bus, Call, Content, Error, Job, Limits, Post, Reply, Service,
};
use jackfield::{Config, Socket, json};

use crate::support::{SLACK, eventually};

fn bus() -> Bus {
    Bus::options().timeout(SLACK).local().expect("a bus")
}

/// What a caller of that handler gets.
fn answered<R: Reply>(handler: impl Fn(Job) -> R + Send + Sync + 'static) -> Result<Answer, Error> {
    let bus = bus();
    let _serving = bus.serve("it", handler).expect("accepted");
    bus.call("it", "Question")
}

fn text<R: Reply>(handler: impl Fn(Job) -> R + Send + Sync + 'static) -> String {
    let answer = answered(handler).expect("an answer");
    answer.text().into_owned()
}

/// The kind and the message of what that handler's caller gets.
fn remote<R: Reply>(handler: impl Fn(Job) -> R + Send + Sync + 'static) -> [String; 2] {
    match answered(handler) {
        Err(Error::Remote { kind, message }) => [kind, message],
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_handler_returns_is_the_answer() {
    assert_eq!(text(|job| job.text().to_uppercase()), "QUESTION");
    assert_eq!(text(|_| "a text"), "a text");
    assert_eq!(text(|job| job.into_body()), "Question");
    assert_eq!(text(|job| Cow::<str>::Owned(job.name().to_owned())), "it");
    assert_eq!(text(|_| *b"bytes"), "bytes");
    assert_eq!(text(|_| Ok::<_, String>("good")), "good");
    assert_eq!(text(|job| job.reply("by itself")), "by itself");
}

#[test]
fn an_answer_may_have_headers() {
    let made = || {
        let answer = Answer::new("21.5").with_header("unit", "C");
        answer.with_content(Content::Text)
    };
    for answer in [
        answered(move |_| made()),
        answered(move |job| job.reply_with(made())),
    ] {
        let answer = answer.expect("an answer");
        let headers: Vec<_> = answer.headers().collect();
        assert_eq!(headers, [("unit", "C"), ("content", "text")]);
        assert_eq!(answer.content(), Some(Content::Text));
        assert_eq!(answer.into_body(), b"21.5");
    }
}

#[test]
fn an_answer_that_cannot_be_sent_is_an_error_to_its_caller() {
    let answer = answered(|_| {
        Answer::new("x")
            .with_header("a", "b\nc")
            .with_header("d", "e")
    });
    let name = match answer {
        Err(Error::BadHeader { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name, "a");
}

fn failing<E: Display + 'static>(
    error: impl Fn() -> E + Send + Sync + 'static,
) -> impl Fn(Job) -> Result<String, E> + Send + Sync + 'static {
    move |_| Err(error())
}

#[test]
fn an_error_that_a_handler_returns_reaches_the_caller() {
    assert_eq!(remote(failing(|| "no")), ["Failed", "no"]);
    let invalid = || "x".parse::<u8>().expect_err("no number");
    let said = "invalid digit found in string";
    assert_eq!(remote(failing(invalid)), ["Failed", said]);
    let boxed = move || -> Box<dyn std::error::Error> { Box::new(invalid()) };
    assert_eq!(remote(failing(boxed)), ["Failed", said]);
    let no_json = || json::from_str::<bool>("1").expect_err("a number");
    let said = "byte 0: expected a boolean, found an integer";
    assert_eq!(remote(failing(no_json)), ["Json", said]);
}

#[test]
fn what_another_service_said_is_handed_on_and_never_taken_for_our_own() {
    let by_zero = || Error::Remote {
        kind: "ByZero".to_owned(),
        message: "it is 0".to_owned(),
    };
    assert_eq!(remote(failing(by_zero)), ["ByZero", "it is 0"]);
    let asks = |_: Job| bus().call("nobody", "");
    assert_eq!(remote(asks)[0], "NoService");
}

#[test]
fn a_job_that_is_dropped_without_an_answer_is_told() {
    assert_eq!(remote(|_| ())[0], "NoReply");
    assert_eq!(remote(|_| Ok::<_, String>(()))[0], "NoReply");
    let elsewhere = |job| {
        let other = thread::spawn(move || drop::<Job>(job));
        other.join().expect("it drops");
    };
    assert_eq!(remote(elsewhere)[0], "NoReply");
}

#[test]
fn a_job_that_is_kept_is_answered_or_dropped_later() {
    let bus = bus();
    let (keep, kept) = mpsc::channel::<Job>();
    let serving = bus.serve("keep", move |job| keep.send(job).expect("it is heard"));
    let _serving = serving.expect("accepted");
    let caller = bus.clone();
    let answers = thread::spawn(move || ["one", "two"].map(|body| caller.call("keep", body)));
    let next = || kept.recv_timeout(SLACK).expect("a call comes");
    next().reply("late");
    drop(next());
    let [first, second] = answers.join().expect("no panic");
    assert_eq!(first.expect("an answer").text(), "late");
    let second = second.expect_err("it was dropped").to_string();
    assert_eq!(second, "NoReply: the service did not answer");
}

/// Runs a call, with what `ends` does once it runs, and waits for its handler to see that nobody
/// waits any more.
fn assert_seen(caller: &Bus, provider: &Bus, timeout: Duration, ends: impl FnOnce()) {
    let (begin, begun) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let serving = provider.serve("slow", move |job| {
        let before = job.is_cancelled();
        begin.send(()).expect("it is heard");
        eventually("nobody waits any more", || job.is_cancelled());
        tell.send(before).expect("it is heard");
    });
    let _serving = serving.expect("accepted");
    let asks = caller.clone();
    let call = thread::spawn(move || asks.ask(Call::new("slow", "").timeout(timeout)));
    begun.recv_timeout(SLACK).expect("it runs");
    ends();
    assert_eq!(told.recv_timeout(SLACK), Ok(false), "it saw it at once");
    let result = call.join().expect("no panic");
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn a_handler_sees_that_the_time_of_its_caller_has_passed() {
    let bus = bus();
    assert_seen(&bus, &bus, Duration::from_millis(300), || ());
}

#[test]
fn a_handler_sees_that_its_caller_is_gone() {
    let [provider, caller] = [(); 2].map(|()| Socket::new(Config::default()).expect("a socket"));
    let here = provider.bind("tcp://127.0.0.1:0").expect("a free port");
    caller.connect(&here).expect("an address");
    let patient = || Bus::options().timeout(SLACK);
    let [provider, caller] =
        [provider, caller].map(|socket| patient().over(socket).expect("a bus"));
    let knows = |bus: &Bus| bus.peers().is_ok_and(|peers| peers.len() == 2);
    eventually("they know each other", || {
        knows(&caller) && knows(&provider)
    });
    let closes = caller.clone();
    assert_seen(&caller, &provider, SLACK, move || drop(closes.close()));
}

#[test]
fn a_handler_sees_through_a_broker_that_its_caller_is_gone() {
    let broker = Broker::bind("tcp://127.0.0.1:0").expect("a free port");
    let [provider, caller] = [(); 2].map(|()| {
        let options = Bus::options().timeout(SLACK);
        options.connect(broker.endpoint()).expect("a broker")
    });
    let closes = caller.clone();
    assert_seen(&caller, &provider, SLACK, move || drop(closes.close()));
}

#[test]
fn a_name_is_served_by_the_only_one_or_by_several() {
    let broker = Broker::bind("tcp://127.0.0.1:0").expect("a free port");
    let [one, two] = [(); 2].map(|()| {
        let options = Bus::options().timeout(SLACK);
        options.connect(broker.endpoint()).expect("a broker")
    });
    let first = one.serve(Service::new("it").only(), |_| "first");
    let first = first.expect("nobody serves it");
    for service in [Service::new("it"), Service::new("it").only()] {
        let refused = two.serve(service, |_| "second");
        assert!(matches!(refused, Err(Error::NameTaken)), "{refused:?}");
    }
    drop(first);
    eventually("the name is free", || two.call("it", "").is_err());
    let _second = two.serve("it", |_| "second").expect("it is free");
    assert_eq!(one.call("it", "").expect("an answer").text(), "second");
}

#[test]
#[should_panic(expected = "listens nowhere yet: call `listen` first")]
fn a_broker_that_listens_nowhere_says_so() {
    let broker = Broker::new(Broker::config(), Limits::default()).expect("a broker");
    broker.endpoint();
}

#[test]
fn the_first_answer_counts() {
    let twice = |job: Job| {
        job.reply("first");
        "second"
    };
    assert_eq!(text(twice), "first");
}

#[test]
fn a_handler_that_panics_says_so_and_nothing_else() {
    assert_eq!(remote(|_| panic!("no way")), ["Panic", "no way"]);
    let with_job = |job: Job| -> String { panic!("not {}", job.name()) };
    assert_eq!(remote(with_job), ["Panic", "not it"]);
}

#[test]
fn a_subscription_is_gone_through_until_the_bus_is_closed() {
    let bus = bus();
    let kept = bus.subscribe("a").expect("a pattern");
    let taken = bus.subscribe("a").expect("a pattern");
    for body in ["1", "2"] {
        bus.publish("a", body).expect("a topic");
    }
    bus.close();
    let mut texts = Vec::new();
    for note in &kept {
        texts.push(note.text().into_owned());
    }
    for note in taken {
        texts.push(note.text().into_owned());
    }
    assert_eq!(texts, ["1", "2", "1", "2"]);
}

#[test]
fn a_note_says_when_it_was_made_and_gives_its_body_away() {
    let bus = bus();
    let notes = bus.subscribe("a").expect("a pattern");
    bus.send(Post::new("a", "x").content(Content::Bytes))
        .expect("a topic");
    let note = notes.recv_timeout(SLACK).expect("it comes");
    let age = SystemTime::now()
        .duration_since(note.time().expect("our ids say it") - Duration::from_secs(1));
    assert!(age.is_ok_and(|age| age < SLACK + Duration::from_secs(1)));
    assert_eq!(note.content(), Some(Content::Bytes));
    let shared = note.clone();
    assert_eq!(
        (note.into_body(), shared.into_body()),
        (b"x".to_vec(), b"x".to_vec())
    );
}

#[test]
fn what_came_says_whom_it_is_from() {
    let broker = Broker::bind("tcp://127.0.0.1:0").expect("a free port");
    let [anna, bert] = ["anna", "bert"].map(|name| {
        let options = Bus::options().name(name).timeout(SLACK);
        options.connect(broker.endpoint()).expect("a broker")
    });
    let notes = anna.subscribe("a").expect("a pattern");
    let serving = anna.serve("caller", |job| {
        job.from().map(Cow::into_owned).unwrap_or_default()
    });
    let _serving = serving.expect("accepted");
    let forged = Post::new("a", "").header("from", "cleo");
    bert.send(forged).expect("a topic");
    let note = notes.recv_timeout(SLACK).expect("it comes");
    assert_eq!(note.from().as_deref(), Some("bert"));
    assert_eq!(bert.call("caller", "").expect("an answer").text(), "bert");
    let answers = bert.call_all("caller", "").expect("one serves it");
    let answer = answers[0].as_ref().expect("an answer");
    assert_eq!(answer.from().as_deref(), Some("anna"));
    assert_eq!(Answer::new("event x y from=z\n\n").from(), None);
}

#[test]
fn a_call_to_all_gives_a_value_of_each_or_its_error() {
    let bus = bus();
    let _two = bus
        .serve_as("half", |number: f64| number / 2.0)
        .expect("accepted");
    let _word = bus.serve("half", |_| "nothing").expect("accepted");
    let mut answers = bus.call_all_as::<f64>("half", 3).expect("two serve it");
    answers.sort_by_key(Result::is_err);
    assert_eq!(answers[0].as_ref().ok(), Some(&1.5));
    let error = answers[1]
        .as_ref()
        .expect_err("it is no number")
        .to_string();
    assert_eq!(error, "Json: byte 0: expected a value, found 'n'");
    let slow = Call::json("half", 1).timeout(Duration::ZERO);
    assert!(matches!(bus.ask_as::<f64>(slow), Err(Error::Timeout)));
}

#[test]
fn a_watch_is_joined_when_all_that_came_was_handled() {
    let bus = bus();
    let (tell, told) = mpsc::channel();
    let watch = bus.on("a", move |note| tell.send(note.into_body()).expect("heard"));
    let watch = watch.expect("a pattern");
    for body in ["1", "2", "3"] {
        bus.publish("a", body).expect("a topic");
    }
    bus.close();
    watch.join();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [b"1", b"2", b"3"]);
}
