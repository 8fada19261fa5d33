//! What the tests share: transports, sockets, and waits that end.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::net::{Ipv4Addr, TcpListener};
#[cfg(unix)]
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Endpoint, Error, Event, Identity, Message, Pauses, Socket, Unsent};

/// How long a test waits for what must happen; it waits so long only when it fails.
pub const SLACK: Duration = Duration::from_secs(30);

/// A test that takes longer hangs.
const HANGS: Duration = Duration::from_secs(120);

/// Long enough for some of them to fill what the kernel holds.
pub const LARGE: usize = 256 * 1024;

#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Tcp,
    Unix,
    Mem,
}

impl Transport {
    /// An endpoint that nobody has, to bind and to connect to in any order.
    pub fn endpoint(self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        match self {
            Transport::Tcp => {
                let host = own_host(number);
                let reserved = TcpListener::bind((host, 0)).expect("a free port");
                let address = reserved.local_addr().expect("its address");
                end_listening(reserved);
                format!("tcp://{address}")
            }
            Transport::Unix => {
                let name = format!("jackfield-{process}-{number}.sock");
                format!("unix://{}", std::env::temp_dir().join(name).display())
            }
            Transport::Mem => format!("mem://{process}-{number}"),
        }
    }
}

/// Frees a listener's port now. Dropping it is not enough while another test starts a process:
/// until that runs its program, it has a copy.
pub fn end_listening(listener: TcpListener) {
    #[cfg(unix)]
    TcpStream::from(OwnedFd::from(listener))
        .shutdown(Shutdown::Both)
        .ok();
    #[cfg(not(unix))]
    drop(listener);
}

/// A loopback address of this test's own, where there are many: the port stays free between
/// reserving it and binding it.
fn own_host(number: u32) -> Ipv4Addr {
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let process = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, (1 + number % 250) as u8, process[2], process[3])
}

/// Runs a test in a thread of its own, so that one that hangs fails.
pub fn run(test: fn(Transport), on: Transport) {
    let (finished, end) = mpsc::channel::<()>();
    let runner = thread::spawn(move || {
        let _finished = finished;
        test(on);
    });
    match end.recv_timeout(HANGS) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => runner.join().unwrap_or_else(|panic| resume_unwind(panic)),
    }
}

/// Settings for tests: dials again soon, and does not linger when dropped.
pub fn quick() -> Config {
    let (soon, later) = (Duration::from_millis(2), Duration::from_millis(50));
    Config::default()
        .redial(Pauses {
            first: soon,
            max: later,
        })
        .linger(later)
}

pub fn socket(config: Config) -> Socket {
    Socket::new(config).expect("the settings are valid")
}

pub fn bind(socket: &Socket, here: &str) -> Result<Endpoint, Error> {
    socket.bind(here)
}

pub fn connect(socket: &Socket, there: &str) -> Result<(), Error> {
    socket.connect(there)
}

pub fn bound(config: Config, here: &str) -> Socket {
    let socket = socket(config);
    bind(&socket, here).expect("the endpoint is free");
    socket
}

pub fn connected(config: Config, there: &str) -> Socket {
    let socket = socket(config);
    connect(&socket, there).expect("the endpoint is valid");
    socket
}

/// Two sockets that are each other's peer: the first is bound, the second has dialled.
pub fn pair(on: Transport, binder: Config, dialler: Config) -> (Socket, Socket) {
    let here = on.endpoint();
    let (binder, dialler) = (bound(binder, &here), connected(dialler, &here));
    await_peers(&binder, 1);
    await_peers(&dialler, 1);
    (binder, dialler)
}

pub fn await_peers(socket: &Socket, count: usize) {
    socket.wait_for_peers(count, SLACK).expect("peers come");
}

pub fn await_no_peers(socket: &Socket) {
    eventually("the peers leave", || socket.peers().is_empty());
}

/// Sends what there is room for.
/// As `send`, to all.
pub fn publish(socket: &Socket, body: impl AsRef<[u8]>) {
    socket
        .publish(body.as_ref())
        .expect("a publish drops, and never fails");
}

pub fn send(socket: &Socket, body: impl AsRef<[u8]>) {
    socket.send(body.as_ref()).expect("it is accepted");
}

pub fn next(socket: &Socket) -> Message {
    socket.recv_timeout(SLACK).expect("a message comes")
}

pub fn next_text(socket: &Socket) -> String {
    next(socket).text().into_owned()
}

/// Waits for an event that fits; others are skipped.
pub fn await_event(socket: &Socket, fits: impl Fn(&Event) -> bool) -> Event {
    let events = socket.events();
    let deadline = Instant::now() + SLACK;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(event) if fits(&event) => return event,
            Ok(_) => {}
            Err(error) => panic!("no such event: {error}"),
        }
    }
}

/// Waits for what no event tells.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SLACK;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Runs `work` and says how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = work();
    (result, begin.elapsed())
}

/// Every accepted message is accounted for.
pub fn assert_law(socket: &Socket) {
    let stats = socket.stats();
    let known = stats.acknowledged
        + stats.written
        + stats.in_doubt
        + stats.dropped()
        + stats.waiting
        + stats.handed_back;
    assert_eq!(stats.accepted, known, "{stats:?}");
}

/// A large message that begins with its number.
pub fn large(number: usize) -> Vec<u8> {
    let mut body = vec![0; LARGE];
    body[..8].copy_from_slice(&(number as u64).to_be_bytes());
    body
}

pub fn number_of(message: &Message) -> usize {
    let head = message.body()[..8].try_into().expect("8 bytes");
    u64::from_be_bytes(head) as usize
}

/// Sends large numbered messages until nothing takes any more; says how many were accepted.
pub fn fill(socket: &Socket, from: usize) -> usize {
    let is_accepted = |number: &usize| {
        let patience = Duration::from_millis(300);
        match socket.send_timeout(large(*number), patience) {
            Ok(_) => true,
            Err(refused) if matches!(refused.reason, Error::Timeout) => false,
            Err(error) => panic!("{error:?}"),
        }
    };
    (from..from + 1_000).take_while(is_accepted).count()
}

pub fn bodies(messages: &[Unsent]) -> Vec<&[u8]> {
    messages.iter().map(|one| &one.body[..]).collect()
}

pub fn identity(byte: u8) -> Identity {
    Identity::new([byte; 16])
}
