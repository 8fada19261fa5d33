//! Enduring: brokers that end again and again under load find their clients as they were.
//!
//! Two hundred restarts, and an hour of them, are for `.ci/brokers`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Answer, Broker, Bus, Error, Job, Post, Serving, Subscription, Watch};

use crate::chaos::{BOTH, Cut, Proxy};
use crate::meter::{self, Sample};
use crate::stage::{Home, Road, bus_config, connected, echo, names, next_text, patient};
use crate::support::eventually;

on_all_ways!(;
    broker:
    twenty_restarts_of_a_broker_leave_everything_in_place,
);

const CLIENTS: usize = 10;

/// Topics that each of them has subscribed to, besides the one of the load.
const TOPICS: usize = 20;

/// Those of the first one: a broker may end while it still says them.
const MANY: usize = 1_000;

const ALL: usize = MANY + (CLIENTS - 1) * TOPICS + CLIENTS;

fn twenty_restarts_of_a_broker_leave_everything_in_place(on: Road) {
    restart(Host::Here(Home::new(on), None), 20);
}

#[test]
fn twenty_kills_of_a_broker_leave_everything_in_place() {
    restart(Host::apart(), 20);
}

#[test]
fn over_a_slow_link_everything_is_said_again_before_what_floods_it() {
    let home = Home::new(Road::Tcp);
    let broker = home.start();
    let line = Proxy::to(&home.there);
    // A megabit a second; all of it takes about half of one.
    line.throttle(BOTH, 125_000);
    let bus = connected(patient(), &line.endpoint());
    let subscribe = |topic| bus.subscribe(format!("far/{topic}")).expect("accepted");
    let topics: Vec<Subscription> = (0..MANY).map(subscribe).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = || {
            while !is_over.load(Ordering::Relaxed) {
                let published = bus.publish("load", [7; 1_000]);
                let is_fair = matches!(published, Ok(()) | Err(Error::Timeout | Error::Closed));
                assert!(is_fair, "{published:?}");
            }
        };
        scope.spawn(flood);
        scope.spawn(flood);
        let _over = Over(&is_over);
        let count = || broker.stats().subscriptions;
        for _ in 0..2 {
            let before = broker.stats().published;
            eventually("it floods", || broker.stats().published > before + 50);
            line.cut(Cut::Reset);
            eventually("it is cut", || count() < MANY);
            eventually("it is whole again", || count() == MANY);
        }
        is_over.store(true, Ordering::Relaxed);
        // Who waits for room in so slow a line would wait for long.
        bus.close();
    });
    drop(topics);
}

#[test]
#[ignore = "it takes some minutes; .ci/brokers"]
fn two_hundred_restarts_leave_everything_in_place() {
    for on in [Road::Tcp, Road::Unix, Road::Mem, Road::WebSocket] {
        restart(Host::Here(Home::new(on), None), 200);
    }
    restart(Host::apart(), 200);
}

#[test]
#[ignore = "it takes as long as it is told; .ci/brokers"]
fn brokers_come_and_go_for_minutes() {
    let minutes = std::env::var("SOAK_MINUTES").map(|text| text.parse::<f64>());
    let minutes = minutes.expect("it is told").expect("a number");
    let until = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
    let (home, began) = (Home::new(Road::Tcp), Instant::now());
    let mut hosts = [Host::Here(home.clone(), None), Host::Apart(home, None)];
    let mut samples = Vec::new();
    with_company(&hosts[0].there(), |company| {
        for round in 0.. {
            let host = &mut hosts[round % 2];
            host.start();
            company.assert_whole(round);
            let at = began.elapsed().as_secs_f64();
            samples.push(meter::sample(std::process::id(), at).expect("we live"));
            host.end();
            if Instant::now() > until {
                break;
            }
        }
    });
    assert_level(&samples);
}

/// What holds a broker, one at a time.
enum Host {
    /// In this process; it takes leave.
    Here(Home, Option<Broker>),
    /// The program; it is killed.
    Apart(Home, Option<Child>),
}

impl Host {
    fn apart() -> Host {
        Host::Apart(Home::new(Road::Tcp), None)
    }

    fn there(&self) -> String {
        match self {
            Host::Here(home, _) | Host::Apart(home, _) => home.there.clone(),
        }
    }

    fn start(&mut self) {
        match self {
            Host::Here(home, broker) => *broker = Some(home.start()),
            Host::Apart(home, child) => {
                let mut started = Command::new(env!("CARGO_BIN_EXE_jackfield"))
                    .args(["broker", &home.here])
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("it starts");
                let output = started.stdout.take().expect("it is piped");
                let (mut output, mut line) = (BufReader::new(output), String::new());
                let read = output.read_line(&mut line);
                // It may want to say more.
                started.stdout = Some(output.into_inner());
                *child = Some(started);
                assert!(read.is_ok() && line.starts_with("listening at "), "{line}");
            }
        }
    }

    fn end(&mut self) {
        match self {
            Host::Here(_, broker) => drop(broker.take()),
            Host::Apart(_, child) => {
                if let Some(mut child) = child.take() {
                    child.kill().ok();
                    child.wait().ok();
                }
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end();
    }
}

/// Half of the brokers end when all is well, the others while their clients still come.
fn restart(mut host: Host, times: usize) {
    with_company(&host.there(), |company| {
        for round in 0..times {
            host.start();
            match round % 2 {
                0 => company.assert_whole(round),
                _ => company.await_part(round),
            }
            host.end();
        }
        host.start();
        company.assert_whole(times);
    });
}

/// Clients, each with what it wants and serves.
struct Company<'a> {
    there: &'a str,
    members: Vec<Member>,
}

struct Member {
    name: String,
    bus: Bus,
    topics: Vec<Subscription>,
    _load: Watch,
    _servings: [Serving; 2],
}

impl Member {
    fn new(there: &str, number: usize) -> Member {
        let name = format!("client-{number}");
        let options = Bus::options().name(&name).config(bus_config());
        let bus = crate::plug::join(options, there).expect("a bus");
        let subscribe = |topic| {
            bus.subscribe(format!("{name}/{topic}/*"))
                .expect("accepted")
        };
        let topics = if number == 0 { MANY } else { TOPICS };
        let own = name.clone();
        let answer = move |job: Job| job.reply(&own);
        Member {
            topics: (0..topics).map(subscribe).collect(),
            _load: bus.on("load", drop).expect("accepted"),
            _servings: [
                bus.serve(format!("service/{name}"), answer)
                    .expect("accepted"),
                bus.serve("@", echo).expect("accepted"),
            ],
            bus,
            name,
        }
    }

    /// Publishes and calls for as long as it is told. What fails because there is no broker may.
    fn work(&self, other: &Member, is_over: &AtomicBool) {
        let service = format!("service/{}", other.name);
        while !is_over.load(Ordering::Relaxed) {
            self.assert_fair(self.bus.publish("load", &self.name));
            let patience = Duration::from_millis(200);
            let answer = self.bus.call_timeout(&service, "", patience);
            let text = self.assert_fair(answer.map(|it| it.text().into_owned()));
            assert!(text.is_none_or(|text| text == other.name));
        }
    }

    fn assert_fair<T>(&self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(it) => Some(it),
            Err(Error::Timeout | Error::NoPeer | Error::NoBroker { .. } | Error::NoService) => None,
            Err(error) => panic!("{}: {error:?}", self.name),
        }
    }
}

/// All of them at work while `act` goes on.
fn with_company(there: &str, act: impl FnOnce(&Company<'_>)) {
    let members = (0..CLIENTS).map(|number| Member::new(there, number));
    let members = members.collect();
    let (company, is_over) = (Company { there, members }, AtomicBool::new(false));
    thread::scope(|scope| {
        let members = &company.members;
        for (number, member) in members.iter().enumerate() {
            let (other, is_over) = (&members[(number + 1) % CLIENTS], &is_over);
            scope.spawn(move || member.work(other, is_over));
        }
        let _over = Over(&is_over);
        act(&company);
    });
}

/// A test that fails ends the load as well.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Company<'_> {
    /// The broker knows some of what they want, and not all of it.
    fn await_part(&self, round: usize) {
        let observer = connected(patient(), self.there);
        let part = round * 97 % ALL;
        eventually("they come", || count(&observer, "subscriptions") >= part);
    }

    /// Everything that each of them has asked for is there, and works.
    fn assert_whole(&self, round: usize) {
        let observer = connected(patient(), self.there);
        let all: Vec<&str> = self.members.iter().map(|it| &*it.name).collect();
        eventually("all names are there", || names(&observer) == all);
        eventually("all subscriptions are", || {
            count(&observer, "subscriptions") == ALL
        });
        eventually("all services are", || {
            count(&observer, "services") == CLIENTS * 2
        });
        for member in &self.members {
            let name = &member.name;
            let some = member.topics.len() / TOPICS;
            for (number, topic) in member.topics.iter().enumerate().step_by(some) {
                let body = format!("{round} {number}");
                let post = Post::new(format!("{name}/{number}/x"), &body);
                let receipt = observer.send(post).expect("accepted");
                assert_eq!(receipt.receivers, 1, "{name}, topic {number}");
                assert_eq!(next_text(topic), body);
            }
            let text = |answer: Result<Answer, Error>| answer.map(|it| it.text().into_owned());
            let answer = text(observer.call(format!("service/{name}"), ""));
            assert_eq!(answer.expect("served"), *name);
            let answer = text(observer.call(format!("@{name}"), "x"));
            assert_eq!(answer.expect("served"), "x");
        }
    }
}

/// A counter of the broker.
fn count(observer: &Bus, name: &str) -> usize {
    let answer = observer
        .call("$sys/stats", "")
        .expect("a broker has counters");
    let text = answer.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let value = value.expect("it is counted").trim();
    value.parse().expect("a number")
}

/// What this process takes does not grow over the second half. Few samples may lean.
fn assert_level(samples: &[Sample]) {
    for it in samples.iter().step_by(samples.len().div_ceil(20)) {
        let (memory, threads, descriptors) = (it.memory, it.threads, it.descriptors);
        println!(
            "{:6.0} s: {memory} KiB, {threads} threads, {descriptors} descriptors",
            it.at
        );
    }
    let half = &samples[samples.len() / 2..];
    let rise = |of: fn(&Sample) -> f64| {
        let points: Vec<(f64, f64)> = half.iter().map(|it| (it.at, of(it))).collect();
        meter::rise(&points)
    };
    let lean = 32.0 / (half.len() as f64).sqrt();
    let memory = rise(|it| it.memory as f64) / 1024.0;
    let (threads, descriptors) = (
        rise(|it| it.threads as f64),
        rise(|it| it.descriptors as f64),
    );
    let grown = format!("{memory:.1} MiB, {threads:.1} threads, {descriptors:.1} descriptors");
    println!(
        "{} rounds; grown by {grown} over the second half",
        samples.len()
    );
    assert!(memory < 3.0 + lean, "{grown}");
    assert!(threads < 2.0 + lean && descriptors < 2.0 + lean, "{grown}");
}
