//! Endpoint: an address to bind or to connect to, parsed once.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV6};
use std::path::Path;
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
/// assert_eq!(endpoint, Endpoint::tcp("::1", 5555)?);
/// assert_eq!((endpoint.host(), endpoint.port()), (Some("::1"), Some(5555)));
/// assert!("tcp://localhost".parse::<Endpoint>().is_err());
/// # Ok::<(), jackfield::Error>(())
/// ```
///
/// It is shown in its canonical form, which parses to the same endpoint, but for a path that is no
/// UTF-8: what is not is replaced by `U+FFFD` there. Copies are cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Each peer has a copy of its listener's.
pub struct Endpoint(Arc<Address>);

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
    /// `tcp://host:port`; an IPv6 address may be without its brackets.
    pub fn tcp(host: impl AsRef<str>, port: u16) -> Result<Endpoint, Error> {
        let host = host.as_ref();
        made(
            bare_host(host).map(|host| Address::Tcp { host, port }),
            || format!("tcp://{host}:{port}"),
        )
    }

    /// `ws://host:port`, to bind only; an IPv6 address may be without its brackets.
    pub fn ws(host: impl AsRef<str>, port: u16) -> Result<Endpoint, Error> {
        let host = host.as_ref();
        made(
            bare_host(host).map(|host| Address::Ws { host, port }),
            || format!("ws://{host}:{port}"),
        )
    }

    /// A Unix socket at any path, be it UTF-8 or not.
    pub fn unix(path: impl AsRef<Path>) -> Result<Endpoint, Error> {
        let path = path.as_ref();
        made(check_path(path), || format!("unix://{}", path.display()))
    }

    /// `mem://name`.
    pub fn mem(name: impl Into<String>) -> Result<Endpoint, Error> {
        made(check_name(name.into()), || "mem://".to_owned())
    }

    /// What is in front of `://`: `tcp`, `ws`, `unix` or `mem`.
    pub fn scheme(&self) -> &str {
        match *self.0 {
            Address::Tcp { .. } => "tcp",
            Address::Ws { .. } => "ws",
            #[cfg(unix)]
            Address::Unix(_) => "unix",
            Address::Mem(_) => "mem",
        }
    }

    /// The host: a name in lower case, an address without brackets, or `*`. `None` where there are
    /// no hosts.
    pub fn host(&self) -> Option<&str> {
        match &*self.0 {
            Address::Tcp { host, .. } | Address::Ws { host, .. } => Some(host),
            _ => None,
        }
    }

    /// The TCP port; 0 asks the system for a free one. `None` where there are no ports.
    pub fn port(&self) -> Option<u16> {
        match *self.0 {
            Address::Tcp { port, .. } | Address::Ws { port, .. } => Some(port),
            _ => None,
        }
    }

    /// The path of a Unix socket.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0 {
            #[cfg(unix)]
            Address::Unix(path) => Some(path),
            _ => None,
        }
    }

    /// The name inside this process.
    pub fn name(&self) -> Option<&str> {
        match &*self.0 {
            Address::Mem(name) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn new(address: Address) -> Endpoint {
        Endpoint(Arc::new(address))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0
    }

    /// Whether the port is 0: fine to bind, impossible to connect to.
    pub(crate) fn is_wildcard_port(&self) -> bool {
        self.port() == Some(0)
    }

    /// Refuses what has no stream of the system to put another one on.
    pub(crate) fn check_upgradable(&self) -> Result<(), Error> {
        match *self.0 {
            Address::Mem(_) => Err(Error::InvalidEndpoint {
                endpoint: self.to_string(),
                reason: "what stays in this process takes no stream of your own",
            }),
            _ => Ok(()),
        }
    }

    /// Refuses what can only be bound: port 0, the host `*`, and WebSocket.
    pub(crate) fn check_connectable(&self) -> Result<(), Error> {
        let reason = match &*self.0 {
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
        made(parse(text), || text.to_owned())
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = Error;

    fn try_from(text: &str) -> Result<Endpoint, Error> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = Error;

    fn try_from(text: String) -> Result<Endpoint, Error> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = Error;

    fn try_from(text: &String) -> Result<Endpoint, Error> {
        text.parse()
    }
}

impl From<&Endpoint> for Endpoint {
    fn from(endpoint: &Endpoint) -> Endpoint {
        endpoint.clone()
    }
}

/// What a call was given, be it an endpoint or its text.
pub(crate) fn parsed(
    endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
) -> Result<Endpoint, Error> {
    endpoint.try_into().map_err(Into::into)
}

/// Whatever fits, or what `text` has against it.
fn made(
    address: Result<Address, &'static str>,
    text: impl FnOnce() -> String,
) -> Result<Endpoint, Error> {
    let refused = |reason| Error::InvalidEndpoint {
        endpoint: text(),
        reason,
    };
    address.map(Endpoint::new).map_err(refused)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        Some(("unix", rest)) => check_path(Path::new(rest)),
        Some(("mem", name)) => check_name(name.to_owned()),
        Some(("wss", _)) => Err("bind ws:// with a stream of your own, such as TLS: see bind_with"),
        Some(("ipc", _)) => Err("a Unix socket is unix:// here, as in unix:///run/name.sock"),
        Some(("inproc", _)) => Err("what stays in this process is mem:// here, as in mem://name"),
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

/// As `parse_host`, where no port follows that an address could be mistaken for.
fn bare_host(text: &str) -> Result<String, &'static str> {
    match text.contains(':') && !text.starts_with('[') {
        true => parse_ipv6(text).map_err(|_| "the host is no IPv6 address"),
        false => parse_host(text),
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

fn check_name(name: String) -> Result<Address, &'static str> {
    match name.is_empty() {
        true => Err("the name is missing"),
        false => Ok(Address::Mem(name)),
    }
}

#[cfg(unix)]
fn check_path(path: &Path) -> Result<Address, &'static str> {
    match path.as_os_str().as_encoded_bytes() {
        b"" => Err("the path is missing"),
        bytes if bytes.contains(&0) => Err("a path has no NUL"),
        _ => Ok(Address::Unix(path.to_owned())),
    }
}

#[cfg(not(unix))]
fn check_path(_: &Path) -> Result<Address, &'static str> {
    Err("this system has no Unix sockets")
}

#[cfg(test)]
#[path = "endpoint/tests.rs"] // found in programs that compile this file in by its path, too
mod tests;
