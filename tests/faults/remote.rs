//! Remote: a socket in another process, told what to do line by line, to be stopped and killed.
//!
//! The other process is this test binary again, in the role of `another_process`.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{AckMode, Config, Delivery, Heartbeat, Limit, Message, Pauses, Socket};

use crate::process::{DEADLINE, Process};
use crate::support::{self, SLACK, await_peers, eventually, identity, next, quick};

/// Says that this process is the other one, and how its socket is to be set.
const SETTINGS: &str = "JACKFIELD_REMOTE";

/// Where memory is measured, it is the library's: this has glibc give back large blocks that are
/// freed, of which it may keep some otherwise.
const FRUGAL: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "65536");

/// In front of what the other process answers; the rest is the test harness talking.
const MARK: &str = "> ";

/// The other process ends by itself after this, should nobody end it.
const LIFETIME: Duration = Duration::from_secs(120);

pub struct Remote {
    process: Process,
}

impl Remote {
    /// A socket with the settings of `quick` and these, separated by spaces.
    pub fn start(settings: &str) -> Remote {
        let test = env::current_exe().expect("it runs");
        let mut command = Command::new(test);
        command
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("remote::another_process")
            .env(SETTINGS, settings)
            .env(FRUGAL.0, FRUGAL.1);
        Remote {
            process: Process::start(&mut command),
        }
    }

    pub fn bound(settings: &str, here: &str) -> Remote {
        let mut remote = Remote::start(settings);
        remote.ask(&format!("bind {here}"));
        remote
    }

    pub fn connected(settings: &str, there: &str) -> Remote {
        let mut remote = Remote::start(settings);
        remote.ask(&format!("connect {there}"));
        remote
    }

    /// Tells it what to do, and waits until it is done.
    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    pub fn tell(&mut self, order: &str) {
        let stdin = self.process.child.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{order}").expect("it listens");
    }

    pub fn answer(&self) -> String {
        loop {
            match self.process.lines.recv_timeout(DEADLINE) {
                Ok(line) => match line.strip_prefix(MARK) {
                    Some(answer) => return answer.to_owned(),
                    None => continue,
                },
                Err(error) => panic!("no answer: {error}; it said: {}", self.process.said()),
            }
        }
    }

    /// One of its counters.
    pub fn count(&mut self, counter: &str) -> u64 {
        let answer = self.ask(&format!("count {counter}"));
        answer.parse().expect("a number")
    }

    /// SIGKILL: it gets no chance to say goodbye.
    pub fn kill(mut self) {
        self.process.child.kill().expect("it lives");
        self.process.child.wait().expect("it is our child");
    }

    /// SIGSTOP; returns when all its threads stand still.
    pub fn stop(&self) {
        self.signal("STOP");
        if cfg!(target_os = "linux") {
            eventually("it stands still", || self.states().all(|it| it == 'T'));
        }
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    pub fn process_id(&self) -> u32 {
        self.process.child.id()
    }

    fn signal(&self, name: &str) {
        let number = self.process_id().to_string();
        let order = Command::new("sh")
            .args(["-c", "kill -$0 $1", name, &number])
            .status();
        assert!(order.expect("there is a shell").success());
    }

    /// What each of its threads does, as the system tells it.
    fn states(&self) -> impl Iterator<Item = char> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process_id()));
        let tasks = tasks.expect("it lives").flatten();
        tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).ok()?;
            stat.rsplit(") ").next()?.chars().next()
        })
    }
}

#[test]
#[ignore = "it is the other process of the tests in this crate"]
fn another_process() {
    let Ok(settings) = env::var(SETTINGS) else {
        return;
    };
    thread::spawn(end_in_time);
    let mut player = Player {
        socket: support::socket(settings.split_whitespace().fold(quick(), set)),
        in_hand: Vec::new(),
        plain: Vec::new(),
    };
    for order in io::stdin().lines() {
        let answer = player.obey(&order.expect("a line"));
        say(&answer);
    }
}

fn end_in_time() {
    let end = Instant::now() + LIFETIME;
    while Instant::now() < end {
        thread::park_timeout(end.saturating_duration_since(Instant::now()));
    }
    std::process::exit(1);
}

/// Not `println`: it would share a line with the test harness.
fn say(answer: &str) {
    let mut out = io::stdout().lock();
    write!(out, "\n{MARK}{answer}\n").expect("somebody reads");
    out.flush().expect("somebody reads");
}

fn set(config: Config, setting: &str) -> Config {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    let numbers: Vec<u64> = value
        .split(',')
        .filter_map(|part| part.parse().ok())
        .collect();
    let millis = |index: usize| Duration::from_millis(numbers[index]);
    match name {
        "identity" => config.identity(identity(numbers[0] as u8)),
        "sure" => config.delivery(Delivery::AtLeastOnce),
        "budget" => config.memory_budget(numbers[0] as usize),
        "manual" => config.ack_mode(AckMode::Manual),
        "heartbeat" => config.heartbeat(Heartbeat {
            interval: millis(0),
            timeout: millis(1),
        }),
        "redial" => config.redial(Pauses {
            first: millis(0),
            max: millis(1),
        }),
        "inbox" => config.inbox(Limit {
            messages: numbers[0] as usize,
            bytes: numbers[1] as usize,
        }),
        "outbox" => config.outbox(Limit {
            messages: numbers[0] as usize,
            bytes: numbers[1] as usize,
        }),
        // It says when it is asked, and never answers.
        "undecided" => config.authorize(|_| {
            say("asked");
            loop {
                thread::park();
            }
        }),
        other => panic!("no setting {other:?}"),
    }
}

/// What the other process has.
struct Player {
    socket: Socket,
    /// Messages that are neither acknowledged nor dropped.
    in_hand: Vec<Message>,
    /// Connections that say nothing.
    plain: Vec<TcpStream>,
}

impl Player {
    fn obey(&mut self, order: &str) -> String {
        let (verb, object) = order.split_once(' ').unwrap_or((order, ""));
        let socket = &self.socket;
        match verb {
            "bind" => match socket.bind(object) {
                Ok(endpoint) => return endpoint.to_string(),
                Err(error) => return format!("{error}"),
            },
            "connect" => socket.connect(object).expect("an endpoint"),
            "peers" => await_peers(socket, object.parse().expect("a number")),
            "send" => support::send(socket, object),
            "fill" => return support::fill(socket, 0).to_string(),
            "publish" => publish(socket, object.parse().expect("a number")),
            "flood" => flood(socket, object.parse().expect("a number")),
            "stream" => stream(socket.clone(), object.parse().expect("a number")),
            "recv" => return self.recv(),
            "received" => await_received(socket, object.parse().expect("a number")),
            "downs" => await_downs(socket, object.parse().expect("a number")),
            "count" => return counter(socket, object).to_string(),
            "plain" => self.open(object),
            other => panic!("no order {other:?}"),
        }
        "done".to_owned()
    }

    fn recv(&mut self) -> String {
        let message = next(&self.socket);
        let text = message.text().into_owned();
        self.in_hand.push(message);
        text
    }

    /// Connects, reads the HELLO and says nothing.
    fn open(&mut self, there: &str) {
        let address = there.strip_prefix("tcp://").expect("a TCP endpoint");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(SLACK)).expect("it is open");
        stream.read_exact(&mut [0; 22]).expect("a HELLO");
        self.plain.push(stream);
    }
}

/// Sends so many large messages to each peer now, each of them a message of its own.
fn flood(socket: &Socket, count: usize) {
    for number in 0..count {
        for peer in socket.peers() {
            // One that has gone since, or has no room, gets none.
            socket
                .try_send_to(peer.identity, support::large(number))
                .ok();
        }
    }
}

/// Publishes so many large messages.
fn publish(socket: &Socket, count: usize) {
    (0..count).for_each(|number| support::publish(socket, support::large(number)));
}

/// Sends so many large numbered messages, one after the other.
fn stream(socket: Socket, count: usize) {
    thread::spawn(move || {
        for number in 0..count {
            support::send(&socket, support::large(number));
        }
    });
}

fn await_received(socket: &Socket, count: u64) {
    eventually("they arrive", || socket.stats().received >= count);
}

fn await_downs(socket: &Socket, count: u64) {
    eventually("they go", || socket.stats().peers_down >= count);
}

fn counter(socket: &Socket, name: &str) -> u64 {
    let stats = socket.stats();
    match name {
        "peers_up" => stats.peers_up,
        "peers_down" => stats.peers_down,
        "received" => stats.received,
        "acknowledged" => stats.acknowledged,
        "accepted" => stats.accepted,
        "peers" => socket.peers().len() as u64,
        "rejected" => stats.rejected,
        "dropped_memory_budget" => stats.dropped_memory_budget,
        "memory" => memory("VmRSS:"),
        "peak" => memory("VmHWM:"),
        "threads" => entries("task"),
        "descriptors" => entries("fd"),
        other => panic!("no counter {other:?}"),
    }
}

fn entries(what: &str) -> u64 {
    let entries = fs::read_dir(format!("/proc/self/{what}"));
    entries.expect("Linux tells").count() as u64
}

/// Bytes of memory, as Linux names them.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.expect("a line").trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().expect("a number") * 1024
}
