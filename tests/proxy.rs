//! The chaos proxy: each of its knobs does what it says.
#![cfg(unix)]

mod chaos;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use chaos::{BOTH, Cut, Proxy, Way};

const SLACK: Duration = Duration::from_secs(20);

/// Short enough to wait for it in vain.
const SHORT: Duration = Duration::from_millis(100);

/// More than the kernel holds between two streams.
const MUCH: usize = 64 * 1024 * 1024;

struct Line {
    listener: TcpListener,
    proxy: Proxy,
}

/// A target and a proxy before it.
fn line() -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let proxy = Proxy::to(format!("tcp://{}", listener.local_addr().unwrap()));
    Line { listener, proxy }
}

impl Line {
    fn dial(&self) -> TcpStream {
        let endpoint = self.proxy.endpoint();
        let address = endpoint.strip_prefix("tcp://").expect("a TCP endpoint");
        patient(TcpStream::connect(address).expect("the proxy listens"))
    }

    fn accept(&self) -> TcpStream {
        patient(self.listener.accept().expect("a connection").0)
    }

    /// Both ends of one connection.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let dialler = self.dial();
        (dialler, self.accept())
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(SLACK)).unwrap();
    stream.set_write_timeout(Some(SLACK)).unwrap();
    stream
}

fn read(stream: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

fn read_kind(stream: &mut impl Read) -> ErrorKind {
    let mut rest = Vec::new();
    let error = stream.read_to_end(&mut rest).expect_err("no good end");
    error.kind()
}

fn hears_nothing(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(SHORT)).unwrap();
    let result = stream.read(&mut [0]);
    stream.set_read_timeout(Some(SLACK)).unwrap();
    result.is_err_and(|error| [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()))
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SLACK;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Bytes that do not repeat soon.
fn pattern(count: usize) -> Vec<u8> {
    (0..count)
        .map(|index| (index * 7 + index / 251) as u8)
        .collect()
}

#[test]
fn bytes_pass_both_ways() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    let sent = pattern(1024 * 1024);
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut dialler, &mut target].map(|end| end.try_clone().unwrap());
        let (mut writer, mut reader) = (&ends[from], &ends[to]);
        let received = thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&sent).unwrap());
            read(&mut reader, sent.len())
        });
        assert!(received == sent);
    }
    eventually("all is counted", || {
        BOTH.map(|way| line.proxy.carried(way)) == [sent.len() as u64; 2]
    });
    assert_eq!(line.proxy.connections(), 1);
}

#[test]
fn the_end_of_one_direction_leaves_the_other() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    dialler.write_all(b"over").unwrap();
    dialler.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    target.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"over");
    target.write_all(b"yes").unwrap();
    assert_eq!(read(&mut dialler, 3), b"yes");
    drop(target);
    eventually("the connection is gone", || line.proxy.connections() == 0);
}

#[test]
fn a_delay_keeps_order_and_throughput() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.delay([Way::Out], SHORT);
    let sent = pattern(16 * 1024 * 1024);
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| dialler.write_all(&sent).unwrap());
        assert_eq!(read(&mut target, 1), sent[..1]);
        assert!(begin.elapsed() >= SHORT);
        assert!(read(&mut target, sent.len() - 1) == sent[1..]);
    });
    // One delay for each buffer would take 25 s.
    assert!(begin.elapsed() < 150 * SHORT, "{:?}", begin.elapsed());
}

#[test]
fn a_throttle_bounds_the_rate() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.throttle([Way::Out], 50_000);
    dialler.write_all(&pattern(20_000)).unwrap();
    let begin = Instant::now();
    read(&mut target, 20_000);
    assert!(begin.elapsed() >= Duration::from_millis(350));
}

#[test]
fn pieces_are_no_longer_than_asked() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.split([Way::Out], 3);
    let sent = pattern(3_000);
    dialler.write_all(&sent).unwrap();
    assert_eq!(read(&mut target, 3_000), sent);
    eventually("all is counted", || line.proxy.carried(Way::Out) == 3_000);
    assert!(line.proxy.pieces(Way::Out) >= 1_000);
}

#[test]
fn a_finished_connection_ends_without_error_on_both_sides() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    dialler.write_all(b"x").unwrap();
    read(&mut target, 1);
    line.proxy.cut(Cut::Fin);
    for end in [&mut dialler, &mut target] {
        assert_eq!(end.read(&mut [0]).unwrap(), 0);
        end.write_all(b"late").unwrap();
    }
    assert_eq!(line.proxy.connections(), 0);
}

#[test]
fn a_reset_is_seen_by_each_side_that_says_something() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.cut(Cut::Reset);
    for end in [&mut dialler, &mut target] {
        end.write_all(b"still there?").unwrap();
        assert_eq!(read_kind(end), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_stalled_side_that_spoke_is_reset_at_once() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.stall(BOTH);
    for end in [&mut dialler, &mut target] {
        end.write_all(b"hello").unwrap();
    }
    line.proxy.cut(Cut::Reset);
    for end in [&mut dialler, &mut target] {
        assert_eq!(read_kind(end), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_reset_of_one_side_reaches_the_other() {
    let line = line();
    let (dialler, mut target) = line.pair();
    target.write_all(b"never read").unwrap();
    dialler.peek(&mut [0]).unwrap();
    drop(dialler);
    eventually("the reset is seen", || line.proxy.connections() == 0);
    target.write_all(b"still there?").unwrap();
    assert_eq!(read_kind(&mut target), ErrorKind::ConnectionReset);
}

#[test]
fn a_cut_comes_after_exactly_so_many_bytes() {
    for cut in [Cut::Fin, Cut::Reset] {
        let line = line();
        let (mut dialler, mut target) = line.pair();
        line.proxy.cut_after(Way::Out, 1_000, cut);
        dialler.write_all(&pattern(5_000)).unwrap();
        assert_eq!(read(&mut target, 1_000), pattern(1_000));
        eventually("it is cut", || line.proxy.connections() == 0);
        assert_eq!(line.proxy.carried(Way::Out), 1_000);
        match cut {
            Cut::Fin => assert_eq!(target.read(&mut [0]).unwrap(), 0),
            Cut::Reset => assert_eq!(read_kind(&mut dialler), ErrorKind::ConnectionReset),
        }
        let (mut dialler, mut target) = line.pair();
        dialler.write_all(&pattern(5_000)).unwrap();
        assert_eq!(read(&mut target, 5_000), pattern(5_000));
    }
}

#[test]
fn a_cut_after_nothing_lets_nothing_pass() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.cut_after(Way::Back, 0, Cut::Fin);
    dialler.write_all(b"passes").unwrap();
    assert_eq!(read(&mut target, 6), b"passes");
    target.write_all(b"does not").unwrap();
    assert_eq!(dialler.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_hole_swallows_one_direction_and_keeps_the_connection() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.swallow([Way::Out]);
    dialler.write_all(b"lost").unwrap();
    target.write_all(b"heard").unwrap();
    assert_eq!(read(&mut dialler, 5), b"heard");
    assert!(hears_nothing(&mut target));
    assert_eq!(line.proxy.connections(), 1);
}

#[test]
fn what_lost_bytes_never_carries_again() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.swallow(BOTH);
    dialler.write_all(b"lost").unwrap();
    assert!(hears_nothing(&mut target));
    line.proxy.heal();
    dialler.write_all(b"lost as well").unwrap();
    drop(dialler);
    assert!(hears_nothing(&mut target));
    let (mut dialler, mut target) = line.pair();
    dialler.write_all(b"new").unwrap();
    assert_eq!(read(&mut target, 3), b"new");
}

#[test]
fn a_stall_holds_the_sender_back_and_loses_nothing() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.stall([Way::Out]);
    let sent = pattern(MUCH);
    dialler.set_write_timeout(Some(SHORT)).unwrap();
    let mut written = 0;
    while let Ok(count) = dialler.write(&sent[written..]) {
        written += count;
        assert!(written < MUCH, "nothing held it back");
    }
    target.write_all(b"heard").unwrap();
    assert_eq!(read(&mut dialler, 5), b"heard");
    line.proxy.heal();
    assert!(read(&mut target, written) == sent[..written]);
}

#[test]
fn a_refusing_proxy_refuses_and_listens_again() {
    let line = line();
    let (mut dialler, mut target) = line.pair();
    line.proxy.refuse();
    let endpoint = line.proxy.endpoint();
    let address = endpoint.strip_prefix("tcp://").unwrap();
    let error = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    dialler.write_all(b"stays").unwrap();
    assert_eq!(read(&mut target, 5), b"stays");
    line.proxy.heal();
    line.pair();
}

#[test]
fn held_connections_come_up_in_another_order() {
    let line = line();
    line.proxy.hold();
    let mut diallers = [b"1", b"2", b"3"].map(|name| {
        let mut dialler = line.dial();
        dialler.write_all(name).unwrap();
        dialler
    });
    eventually("all are held", || line.proxy.held() == 3);
    assert_eq!(line.proxy.connections(), 0);
    line.proxy.release(2);
    line.proxy.release(0);
    line.proxy.heal();
    let mut targets = [(); 3].map(|()| line.accept());
    let names = targets.each_mut().map(|target| read(target, 1));
    assert_eq!(names, [b"3", b"1", b"2"].map(Vec::from));
    targets[0].write_all(b"up").unwrap();
    assert_eq!(read(&mut diallers[2], 2), b"up");
}

#[test]
fn a_dropped_proxy_ends_its_connections_at_once() {
    let line = line();
    let pairs = [(); 5].map(|()| line.pair());
    line.proxy.stall([Way::Out]);
    let begin = Instant::now();
    drop(line.proxy);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    for (mut dialler, mut target) in pairs {
        assert_eq!(dialler.read(&mut [0]).unwrap(), 0);
        assert_eq!(target.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn unix_streams_are_carried_cut_and_reset_as_well() {
    let path = std::env::temp_dir().join(format!("chaos-target-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let proxy = Proxy::to(format!("unix://{}", path.display()));
    for cut in [Cut::Fin, Cut::Reset] {
        let mut dialler = UnixStream::connect(&proxy.endpoint()["unix://".len()..]).unwrap();
        let mut target = listener.accept().unwrap().0;
        dialler.set_read_timeout(Some(SLACK)).unwrap();
        dialler.write_all(b"hello").unwrap();
        assert_eq!(read(&mut target, 5), b"hello");
        proxy.cut(cut);
        if cut == Cut::Fin {
            assert_eq!(dialler.read(&mut [0]).unwrap(), 0);
            continue;
        }
        eventually("a reset", || {
            let is_broken = dialler.write_all(b"still there?").is_err();
            is_broken || read_within(&mut dialler) == Err(ErrorKind::ConnectionReset)
        });
    }
    drop(proxy);
    std::fs::remove_file(path).unwrap();
}

fn read_within(stream: &mut UnixStream) -> Result<usize, ErrorKind> {
    stream.set_read_timeout(Some(SHORT)).unwrap();
    stream.read(&mut [0]).map_err(|error| error.kind())
}
