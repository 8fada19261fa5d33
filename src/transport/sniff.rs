//! Sniff: a TCP listener for raw and WebSocket peers. The first byte says which one comes.

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::base::Base;
use super::websocket::{self, Connection, Doors};
use super::{Notice, tcp, write_both};
use crate::config::Config;
use crate::endpoint::{Address, Endpoint};

/// The first byte of a raw peer: a HELLO's length begins with it (PROTOCOL, Frames).
const RAW: u8 = 0x00;

/// The first byte of `GET`.
const HTTP: u8 = b'G';

/// An accepted connection, raw or not.
pub(crate) struct Stream {
    base: Base,
    doors: Arc<Doors>,
    kind: OnceLock<Kind>,
}

/// What the first byte said. Before it, and before a WebSocket's handshake is through, nothing is
/// written but by the reading thread.
enum Kind {
    Raw,
    WebSocket(Box<Connection>),
}

impl Stream {
    pub(super) fn base(&self) -> &Base {
        &self.base
    }

    /// The same with something on top of its TCP.
    pub(super) fn rebased(self, rebase: impl FnOnce(TcpStream, SocketAddr) -> Base) -> Stream {
        let base = match self.base {
            Base::Tcp(stream, remote) => rebase(stream, remote),
            base => base,
        };
        Stream { base, ..self }
    }

    /// An error of kind `InvalidData` says that the first byte is nobody's.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.kind.get() {
            Some(Kind::Raw) => (&self.base).read(buffer),
            Some(Kind::WebSocket(connection)) => connection.read(&self.base, buffer),
            None => self.sniff(buffer),
        }
    }

    fn sniff(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.base.read_on(buffer)?;
        match buffer[..count].first() {
            None => Ok(0),
            Some(&RAW) => {
                self.kind.get_or_init(|| Kind::Raw);
                Ok(count)
            }
            Some(&HTTP) => match websocket::accept(&self.base, &buffer[..count], &self.doors)? {
                None => Ok(0),
                Some(connection) => {
                    self.kind.get_or_init(|| Kind::WebSocket(connection.into()));
                    self.read(buffer)
                }
            },
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    pub(super) fn notice(&self) -> Option<Notice> {
        match self.kind.get() {
            Some(Kind::WebSocket(connection)) => connection.notice().or_else(|| self.base.notice()),
            _ => self.base.notice(),
        }
    }

    pub(super) fn write(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        match self.kind.get() {
            Some(Kind::Raw) => write_both(&self.base, head, body),
            Some(Kind::WebSocket(connection)) => connection.write(&self.base, head, body),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub(super) fn owe_last_word(&self) {
        if let Some(Kind::WebSocket(connection)) = self.kind.get() {
            connection.owe_close();
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown, until: Instant) -> io::Result<()> {
        if let Some(Kind::WebSocket(connection)) = self.kind.get() {
            connection.close(&self.base, until);
        }
        self.base.shutdown(how, until)
    }
}

pub(crate) struct Listener {
    tcp: tcp::Listener,
    doors: Arc<Doors>,
}

impl Listener {
    pub(super) fn bind(host: &str, port: u16, config: &Config) -> io::Result<Listener> {
        let tcp = tcp::Listener::bind(host, port)?;
        let doors = Doors::new(config, host, tcp.local());
        Ok(Listener {
            doors: Arc::new(doors),
            tcp,
        })
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::new(Address::Ws {
            host: self.tcp.host().to_owned(),
            port: self.tcp.local().port(),
        })
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        let (tcp, remote) = self.tcp.accept()?;
        Ok(Stream {
            base: Base::Tcp(tcp, remote),
            doors: self.doors.clone(),
            kind: OnceLock::new(),
        })
    }

    pub(super) fn close(&self) {
        self.tcp.close();
    }
}
