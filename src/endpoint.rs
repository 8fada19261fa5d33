//! Endpoint: an address to bind or to connect to, parsed once.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV6};
#[cfg(unix)]
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::Error;

/// An address to bind or to connect to.
///
/// | form | meaning |
/// |---|---|
/// | `tcp://host:port` | TCP; the host is a name, an IPv4 address, or an IPv6 address in brackets |
/// | `host:port` | the same, for short |
/// | `tcp://*:port` | to bind only: every IPv4 address of this machine |
/// | `ws://host:port` | to bind only: TCP for ordinary peers, and WebSocket for browsers, on one port |
/// | `unix:///absolute/path`, `unix://relative/path` | a Unix socket, where the system has them |
/// | `mem://name` | inside this process |
///
/// Port 0 is to bind only; the system then picks a free one. A name is looked up at each attempt
/// to connect, never at parsing. Text of any other form is [`Error::InvalidEndpoint`].
///
/// ```
/// use jackfield::Endpoint;
///
/// let endpoint: Endpoint = "[0:0::1]:5555".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::1]:5555");
/// assert_eq!(endpoint.port(), Some(5555));
/// assert!("tcp://localhost".parse::<Endpoint>().is_err());
/// # Ok::<(), jackfield::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    // Each peer has a copy of its listener's.
    address: Arc<Address>,
    /// The canonical form.
    text: Arc<str>,
}

/// What an endpoint says, for the crate to match on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Address {
    /// The host in lower case, an IPv6 address without its brackets, or [`ANY_HOST`].
    Tcp {
        host: String,
        port: u16,
    },
    /// As TCP, with WebSocket besides.
    Ws {
        host: String,
        port: u16,
    },
    #[cfg(unix)]
    Unix(PathBuf),
    Mem(String),
}

/// The host that stands for every IPv4 address of this machine.
pub(crate) const ANY_HOST: &str = "*";

impl Endpoint {
    /// The TCP port; 0 asks the system for a free one. `None` where there are no ports.
    pub fn port(&self) -> Option<u16> {
        match *self.address {
            Address::Tcp { port, .. } | Address::Ws { port, .. } => Some(port),
            _ => None,
        }
    }

    pub(crate) fn new(address: Address) -> Endpoint {
        Endpoint {
            text: address.to_string().into(),
            address: Arc::new(address),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the port is 0: fine to bind, impossible to connect to.
    pub(crate) fn is_wildcard_port(&self) -> bool {
        self.port() == Some(0)
    }

    /// Refuses what has no stream of the system to put another one on.
    pub(crate) fn check_upgradable(&self) -> Result<(), Error> {
        match *self.address {
            Address::Mem(_) => Err(Error::InvalidEndpoint {
                endpoint: self.to_string(),
                reason: "what stays in this process takes no stream of your own",
            }),
            _ => Ok(()),
        }
    }

    /// Refuses what can only be bound: port 0, the host `*`, and WebSocket.
    pub(crate) fn check_connectable(&self) -> Result<(), Error> {
        let reason = match &*self.address {
            Address::Ws { .. } => {
                "ws:// can only be bound: connect to tcp:// with the same host and port"
            }
            Address::Tcp { host, .. } if host == ANY_HOST => "the host * can only be bound",
            _ if self.is_wildcard_port() => "port 0 can only be bound",
            _ => return Ok(()),
        };
        Err(Error::InvalidEndpoint {
            endpoint: self.to_string(),
            reason,
        })
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Endpoint, Error> {
        parse(text)
            .map(Endpoint::new)
            .map_err(|reason| Error::InvalidEndpoint {
                endpoint: text.to_owned(),
                reason,
            })
    }
}

impl AsRef<str> for Endpoint {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } => write_tcp(f, "tcp", host, *port),
            Address::Ws { host, port } => write_tcp(f, "ws", host, *port),
            #[cfg(unix)]
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Mem(name) => write!(f, "mem://{name}"),
        }
    }
}

fn write_tcp(f: &mut fmt::Formatter<'_>, scheme: &str, host: &str, port: u16) -> fmt::Result {
    match host.contains(':') {
        true => write!(f, "{scheme}://[{host}]:{port}"),
        false => write!(f, "{scheme}://{host}:{port}"),
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// The far end of a connection, as the system names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Remote {
    /// The peer's address, over WebSocket as well; for an accepted connection, its port is a
    /// passing one.
    Tcp(SocketAddr),
    /// A process on this machine, through a Unix socket.
    Unix,
    /// This very process.
    Mem,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Tcp(address) => write!(f, "tcp://{address}"),
            Remote::Unix => f.write_str("unix"),
            Remote::Mem => f.write_str("mem"),
        }
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    match text.split_once("://") {
        None => parse_tcp(text).map(|(host, port)| Address::Tcp { host, port }),
        Some(("tcp", rest)) => parse_tcp(rest).map(|(host, port)| Address::Tcp { host, port }),
        Some(("ws", rest)) => parse_tcp(rest).map(|(host, port)| Address::Ws { host, port }),
        Some(("unix", rest)) => parse_unix(rest),
        Some(("mem", "")) => Err("the name is missing"),
        Some(("mem", name)) => Ok(Address::Mem(name.to_owned())),
        Some(("wss", _)) => Err("bind ws:// with a stream of your own, such as TLS: see bind_with"),
        Some(_) => Err("unknown scheme; there are tcp://, unix://, mem:// and ws://"),
    }
}

fn parse_tcp(text: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = text
        .rsplit_once(':')
        .ok_or("the port is missing, as in host:port")?;
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    let port = port.parse().map_err(|_| "the port is over 65535")?;
    Ok((parse_host(host)?, port))
}

fn parse_host(text: &str) -> Result<String, &'static str> {
    if let Some(inner) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return parse_ipv6(inner);
    }
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    match text {
        "" => Err("the host is missing"),
        ANY_HOST => Ok(ANY_HOST.to_owned()),
        _ if text.contains(':') => Err("an IPv6 address needs brackets, as in [::1]:5555"),
        _ if text.chars().all(named) => Ok(text.to_ascii_lowercase()),
        _ => Err("the host has a character that no host name has"),
    }
}

fn parse_ipv6(text: &str) -> Result<String, &'static str> {
    // A SocketAddrV6 also takes the zone of a link-local address, as in fe80::1%2.
    let address: SocketAddrV6 = format!("[{text}]:0")
        .parse()
        .map_err(|_| "there is no IPv6 address in the brackets")?;
    match address.scope_id() {
        0 => Ok(address.ip().to_string()),
        zone => Ok(format!("{}%{zone}", address.ip())),
    }
}

#[cfg(unix)]
fn parse_unix(path: &str) -> Result<Address, &'static str> {
    match path {
        "" => Err("the path is missing"),
        _ if path.contains('\0') => Err("a path has no NUL"),
        _ => Ok(Address::Unix(PathBuf::from(path))),
    }
}

#[cfg(not(unix))]
fn parse_unix(_: &str) -> Result<Address, &'static str> {
    Err("this system has no Unix sockets")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<Endpoint>().expect(text).to_string()
    }

    fn reason(text: &str) -> &'static str {
        match text.parse::<Endpoint>() {
            Err(Error::InvalidEndpoint { endpoint, reason }) if endpoint == text => reason,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_form_has_one_canonical_text() {
        assert_eq!(canonical("localhost:80"), "tcp://localhost:80");
        assert_eq!(canonical("tcp://Example.ORG:080"), "tcp://example.org:80");
        assert_eq!(canonical("tcp://127.0.0.1:0"), "tcp://127.0.0.1:0");
        assert_eq!(canonical("tcp://*:5555"), "tcp://*:5555");
        assert_eq!(canonical("[0:0:0::1]:65535"), "tcp://[::1]:65535");
        assert_eq!(canonical("tcp://[fe80::1%2]:1"), "tcp://[fe80::1%2]:1");
        assert_eq!(canonical("mem://a b"), "mem://a b");
        assert_eq!(canonical("ws://LocalHost:080"), "ws://localhost:80");
        assert_eq!(canonical("ws://[0::1]:0"), "ws://[::1]:0");
    }

    #[test]
    fn canonical_text_parses_to_the_same_endpoint() {
        for text in [
            "tcp://[fe80::1%2]:1",
            "[::1]:5",
            "a.b-c_d:9",
            "mem://x:1",
            "*:0",
            "ws://[::1]:5",
        ] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(canonical(endpoint.as_ref()), endpoint.to_string());
            assert_eq!(
                endpoint.to_string().parse::<Endpoint>().expect(text),
                endpoint
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn unix_paths_are_absolute_or_relative() {
        assert_eq!(canonical("unix:///run/a.sock"), "unix:///run/a.sock");
        let relative: Endpoint = "unix://a.sock".parse().unwrap();
        assert_eq!(relative.address(), &Address::Unix(PathBuf::from("a.sock")));
        assert_eq!(reason("unix://"), "the path is missing");
        assert_eq!(reason("unix://a\0b"), "a path has no NUL");
    }

    #[test]
    fn a_bad_endpoint_says_what_is_wrong() {
        for text in ["", "tcp://", "host", "tcp://localhost"] {
            assert!(reason(text).contains("port is missing"), "{text}");
        }
        for text in ["h:", "h:+1", "h:-1", "h:1/", "h: 1", "[::1]"] {
            assert_eq!(reason(text), "the port is not a number", "{text}");
        }
        assert_eq!(reason("h:65536"), "the port is over 65535");
        assert_eq!(reason(":1"), "the host is missing");
        assert!(reason("::1:5555").contains("brackets"));
        assert!(reason("[::x]:1").contains("IPv6"));
        assert!(reason("[127.0.0.1]:1").contains("IPv6"));
        assert!(reason("tcp://user@h:1").contains("character"));
        assert_eq!(reason("mem://"), "the name is missing");
        assert!(reason("http://h:1").contains("unknown scheme"));
        assert!(reason("wss://h:1").contains("bind_with"));
        assert!(reason("ws://h:1/path").contains("port"));
    }

    #[test]
    fn what_can_only_be_bound_is_not_connectable() {
        for (text, connectable) in [
            ("h:0", false),
            ("*:5", false),
            ("ws://h:5", false),
            ("h:5", true),
            ("mem://h", true),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.check_connectable().is_ok(), connectable, "{text}");
        }
        assert!("h:0".parse::<Endpoint>().unwrap().is_wildcard_port());
    }
}
