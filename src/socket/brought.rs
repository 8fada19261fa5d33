//! Brought: binding and connecting with streams and listeners of the program's own.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use crate::endpoint::{Endpoint, parsed};
use crate::error::Error;
use crate::socket::Socket;
use crate::stream::{Duplex, RawStream};

impl Socket {
    /// As [`bind`](Socket::bind), with a stream of the program's own on top of every connection,
    /// such as TLS.
    ///
    /// `accept` makes one of a raw stream: it shakes hands with the other side, or fails. It runs
    /// on the connection's thread, and the instant is when the handshake must be over, HELLO
    /// included; reads and writes of the raw stream end then by themselves. What fails is told as
    /// an [`Event::Rejected`](crate::Event::Rejected), for
    /// [`DownReason::BadStream`](crate::DownReason::BadStream) unless the other side just went or
    /// was too late. See [`Duplex`] for an example.
    ///
    /// At a `ws://` endpoint, browsers and ordinary peers are told apart behind the handshake: with
    /// TLS it is `wss://` to pages. `mem://` takes no such stream.
    pub fn bind_with(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
        accept: impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static,
    ) -> Result<Endpoint, Error> {
        let endpoint = parsed(endpoint)?;
        self.core().bind(&endpoint, Some(Arc::new(accept)))
    }

    /// As [`connect`](Socket::connect), with a stream of the program's own on top of every
    /// connection, such as TLS.
    ///
    /// `dial` makes one of a raw stream, each time that the socket dials: it shakes hands with the
    /// other side, or fails, which is an [`Event::DialFailed`](crate::Event::DialFailed) with its
    /// error. The instant is when the handshake must be over; reads and writes of the raw stream
    /// end then by themselves. An endpoint that is dialled already stays as it is.
    pub fn connect_with(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
        dial: impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let endpoint = parsed(endpoint)?;
        self.core().connect(endpoint, Some(Arc::new(dial)))
    }

    /// Accepts peers at a listener that is bound already, such as one that the system hands over,
    /// and says where. [`unbind`](Socket::unbind) and [`close`](Socket::close) only let go of it:
    /// whoever shares it goes on listening.
    ///
    /// ```
    /// use std::net::TcpListener;
    /// use jackfield::{Config, Socket};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    /// let server = Socket::new(Config::default())?;
    /// let here = server.bind_listener(listener)?;
    /// let client = Socket::new(Config::default())?;
    /// client.connect(&here)?;
    /// client.send("hello")?;
    /// assert_eq!(server.recv()?.text(), "hello");
    /// # client.close();
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    pub fn bind_listener(&self, listener: TcpListener) -> Result<Endpoint, Error> {
        self.core().adopt(listener, None)
    }

    /// As [`bind_listener`](Socket::bind_listener), with streams as in
    /// [`bind_with`](Socket::bind_with).
    pub fn bind_listener_with(
        &self,
        listener: TcpListener,
        accept: impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static,
    ) -> Result<Endpoint, Error> {
        self.core().adopt(listener, Some(Arc::new(accept)))
    }
}
