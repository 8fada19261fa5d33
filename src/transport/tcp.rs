//! TCP: binding, accepting, and dialling every address of a name in its turn.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::fd::OwnedFd as Owned;
#[cfg(windows)]
use std::os::windows::io::OwnedSocket as Owned;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Stream, closed};
use crate::endpoint::{ANY_HOST, Address, Endpoint};

/// What one address gets in the first attempt, doubled in each later one: a listener whose backlog
/// is full drops the SYN, and the kernel repeats it only after a second, so asking anew is faster.
const FIRST_SHARE: Duration = Duration::from_millis(250);

/// How long a connect to ourselves may take, where only that wakes `accept`; and a byte likewise.
const WAKE: Duration = Duration::from_secs(1);

pub(crate) struct Listener {
    listener: TcpListener,
    /// The same socket as a stream: its `shutdown` wakes `accept`. It is made at bind, so that
    /// `close` never fails for want of descriptors.
    waker: TcpStream,
    /// As it was given, or the address for the host `*`.
    host: String,
    local: SocketAddr,
    /// Others may listen through it, before us, beside us and after us: it is not shut down.
    is_shared: bool,
    closed: AtomicBool,
}

impl Listener {
    pub(super) fn bind(host: &str, port: u16) -> io::Result<Listener> {
        let listener = match host {
            ANY_HOST => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?,
            _ => TcpListener::bind((host, port))?,
        };
        let local = listener.local_addr()?;
        let host = match host {
            ANY_HOST => local.ip().to_string(),
            _ => host.to_owned(),
        };
        Listener::new(listener, host, false)
    }

    pub(super) fn adopt(listener: TcpListener) -> io::Result<Listener> {
        // Whoever handed it over may have waited for it in another way.
        listener.set_nonblocking(false)?;
        let host = listener.local_addr()?.ip().to_string();
        Listener::new(listener, host, true)
    }

    fn new(listener: TcpListener, host: String, is_shared: bool) -> io::Result<Listener> {
        Ok(Listener {
            waker: TcpStream::from(Owned::from(listener.try_clone()?)),
            local: listener.local_addr()?,
            listener,
            host,
            is_shared,
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::new(Address::Tcp {
            host: self.host.clone(),
            port: self.local.port(),
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// A connection, and where it comes from.
    pub(super) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let accepted = self.listener.accept();
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let (stream, remote) = accepted?;
        send_without_delay(&stream);
        Ok((stream, remote))
    }

    pub(super) fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        // Linux lets a listener be shut down; elsewhere a connection of our own wakes `accept`,
        // and one that fails finds nobody there to wake.
        if self.is_shared || self.waker.shutdown(Shutdown::Both).is_err() {
            let _ = TcpStream::connect_timeout(&reachable(self.local), WAKE);
        }
    }
}

/// Resolves the name and tries its addresses, the first of them another one at each attempt.
pub(super) fn connect(
    host: &str,
    port: u16,
    timeout: Duration,
    attempt: u32,
) -> io::Result<Stream> {
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let count = addresses.len();
    if count == 0 {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    addresses.rotate_left(attempt as usize % count);
    let start = Instant::now();
    let mut result = Err(io::ErrorKind::TimedOut.into());
    for (index, address) in addresses.into_iter().enumerate() {
        let remaining = timeout.saturating_sub(start.elapsed());
        let share = share(remaining, count - index, attempt);
        if share.is_zero() {
            break;
        }
        result = dial(address, share);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The part of the remaining time for the next of `left` addresses.
fn share(remaining: Duration, left: usize, attempt: u32) -> Duration {
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    let patience = FIRST_SHARE.saturating_mul(1 << attempt.min(16));
    patience.min(remaining / left)
}

fn dial(address: SocketAddr, timeout: Duration) -> io::Result<Stream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    // Dialling a port of this machine that nobody listens on, the system may pick that very port
    // for our side, and connect us to ourselves.
    if stream.local_addr()? == address {
        free_port(&stream);
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    send_without_delay(&stream);
    Ok(Stream::Tcp(stream, address))
}

/// Makes a stream to ourselves end with a reset, as one does that ends over an unread byte. An
/// orderly end would keep the port from its rightful listener for a minute.
fn free_port(mut stream: &TcpStream) {
    let sent = stream.set_read_timeout(Some(WAKE));
    if sent.and_then(|()| stream.write_all(&[0])).is_ok() {
        // It is there when it can be seen; without it the port is only free later.
        let _ = stream.peek(&mut [0]);
    }
}

fn send_without_delay(stream: &TcpStream) {
    // It fails on a connection that is dead already; the next read tells.
    let _ = stream.set_nodelay(true);
}

/// Where to connect to reach a listener that is bound to `local`.
fn reachable(mut local: SocketAddr) -> SocketAddr {
    match local {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => local.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => local.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    local
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn port_zero_becomes_the_real_one_and_the_host_stays() {
        let listener = Listener::bind("localhost", 0).unwrap();
        let port = listener.listener.local_addr().unwrap().port();
        assert_eq!(
            listener.endpoint().to_string(),
            format!("tcp://localhost:{port}")
        );
    }

    #[test]
    fn the_host_star_becomes_the_address_as_bound() {
        let endpoint = Listener::bind("*", 0).unwrap().endpoint();
        assert!(endpoint.to_string().starts_with("tcp://0.0.0.0:"));
    }

    #[test]
    fn a_bound_port_is_in_use() {
        let first = Listener::bind("127.0.0.1", 0).unwrap();
        let second = Listener::bind("127.0.0.1", first.local.port());
        assert_eq!(second.err().unwrap().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn both_sides_send_without_delay() {
        let listener = Listener::bind("127.0.0.1", 0).unwrap();
        let dialled = connect("127.0.0.1", listener.local.port(), 5 * SECOND, 5).unwrap();
        let Stream::Tcp(stream, remote) = dialled else {
            panic!("not TCP")
        };
        for (stream, remote) in [(stream, remote), listener.accept().unwrap()] {
            assert!(stream.nodelay().unwrap());
            assert_eq!(remote, stream.peer_addr().unwrap());
        }
    }

    /// Row 24: of two addresses one is dead.
    #[test]
    fn a_name_with_a_dead_address_is_reached_through_the_other() {
        // localhost is ::1 and 127.0.0.1 on most systems; where it is only one, this holds too.
        let listener = Listener::bind("127.0.0.1", 0).unwrap();
        for attempt in 4..8 {
            let dialled = connect("localhost", listener.local.port(), 5 * SECOND, attempt);
            assert!(dialled.is_ok(), "attempt {attempt}: {:?}", dialled.err());
        }
    }

    #[test]
    fn the_first_address_never_gets_all_the_time() {
        assert_eq!(share(SECOND, 1, 0), FIRST_SHARE);
        assert_eq!(share(SECOND, 1, 1), 2 * FIRST_SHARE);
        assert_eq!(share(SECOND, 1, u32::MAX), SECOND);
        assert_eq!(share(SECOND, 4, u32::MAX), SECOND / 4);
        assert_eq!(share(Duration::ZERO, 3, 9), Duration::ZERO);
    }

    #[test]
    fn no_time_left_is_a_timeout() {
        let refused = connect("127.0.0.1", 9, Duration::ZERO, 0);
        assert_eq!(refused.err().unwrap().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn an_unspecified_address_is_reached_through_the_loopback() {
        let check = |from: &str, to: &str| {
            assert_eq!(reachable(from.parse().unwrap()), to.parse().unwrap());
        };
        check("0.0.0.0:7", "127.0.0.1:7");
        check("[::]:7", "[::1]:7");
        check("10.0.0.1:7", "10.0.0.1:7");
    }
}
