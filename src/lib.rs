//! Smart sockets on `std` alone.
//!
//! A [`Socket`] binds and connects to any number of peers, over TCP, Unix sockets or memory, all
//! mixed. Sends go to one peer in turn, to all of them, or to one by name. What any of them sends
//! comes out of one [`recv`](Socket::recv). The socket dials again when a connection is lost,
//! keeps what it could not send, watches over its peers with heartbeats, and, if asked, repeats a
//! message until it is acknowledged. It does so with plain threads: no runtime, no `unsafe` code,
//! no dependency.
//!
//! What follows is a course in eight short programs. Each of them runs.
//!
//! # Two sockets
//!
//! One binds, the other connects; which of them does what, and which is first, does not matter.
//! [`connect`](Socket::connect) returns at once and goes on dialling in the background, so the
//! first message simply waits until somebody is there to take it.
//!
//! ```
//! use jackfield::{Config, Socket};
//!
//! let server = Socket::new(Config::default())?;
//! let here = server.bind("tcp://127.0.0.1:0")?; // port 0: the system picks one
//! let client = Socket::new(Config::default())?;
//! client.connect(&here)?;
//! client.send("hello")?;
//!
//! let message = server.recv()?;
//! assert_eq!(message.body(), b"hello");
//! assert_eq!(message.sender(), client.identity());
//! # client.close();
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! A `Socket` is a handle. Clone it into as many threads as you like; all of them may send and
//! receive at once. Addresses are [`Endpoint`]s or their text: `tcp://host:port`, `unix:///path`, `mem://name`,
//! and `ws://host:port` to bind, which takes browsers as well: see
//! [`Config::allow_origin`]. TLS, or any stream of your own, goes below with
//! [`bind_with`](Socket::bind_with) and [`connect_with`](Socket::connect_with).
//!
//! # Answers
//!
//! Every socket has an [`Identity`], 16 bytes that its peers see. A message says whose it is, and
//! [`send_to`](Socket::send_to) goes there and nowhere else. With nobody of that name connected it
//! fails at once with [`Error::NoPeer`].
//!
//! ```
//! use jackfield::{Config, Error, Identity, Socket};
//!
//! let server = Socket::new(Config::default())?;
//! server.bind("mem://course-answers")?;
//! let client = Socket::new(Config::default())?;
//! client.connect("mem://course-answers")?;
//! client.send("6 times 7")?;
//!
//! let question = server.recv()?;
//! server.send_to(question.sender(), "42")?;
//! assert_eq!(client.recv()?.text(), "42");
//!
//! let nobody = Identity::new([7; 16]);
//! let error = server.send_to(nobody, "are you there?").unwrap_err();
//! assert!(matches!(error.reason, Error::NoPeer));
//! # client.close();
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! An identity is not a connection: a peer that comes back finds what `send_to` could not write.
//! Where an answer is for one connection alone, as in a broker, [`arrivals`](Socket::arrivals)
//! gives each its [`Session`], and [`send_in`](Socket::send_in) goes there or comes back.
//!
//! # Publishing
//!
//! [`publish`](Socket::publish) sends to every peer that is connected at that moment. It does not
//! wait: a peer without room misses the message, and the [`Receipt`] and the counters say so.
//! A peer that comes later does not get what was published before.
//!
//! ```
//! use std::time::Duration;
//! use jackfield::{Config, Socket};
//!
//! let news = Socket::new(Config::default())?;
//! news.bind("mem://course-news")?;
//! let readers = [Socket::new(Config::default())?, Socket::new(Config::default())?];
//! for reader in &readers {
//!     reader.connect("mem://course-news")?;
//! }
//! news.wait_for_peers(2, Duration::from_secs(5))?;
//!
//! let receipt = news.publish("rain tomorrow")?;
//! assert_eq!((receipt.queued, receipt.dropped), (2, 0));
//! for reader in &readers {
//!     assert_eq!(reader.recv()?.text(), "rain tomorrow");
//! }
//! # news.close();
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! The one exception: what is published while *nobody* is connected waits, bounded, and goes to
//! the first peer that comes, to that one alone.
//!
//! # A work queue
//!
//! With [`Delivery::AtLeastOnce`] the sender keeps each message until the receiver acknowledges
//! it. If the connection ends first, another peer gets it, under the same message id. With
//! [`AckMode::Manual`] the receiver says itself when the work is done, or gives it back: by
//! [`Message::nack`], or by a handler that returns or panics without [`Message::ack`]. What hangs
//! goes to another peer in time, if [`Config::ack_within`] says so.
//!
//! ```
//! use jackfield::{AckMode, Config, Delivery, Socket};
//!
//! let boss = Socket::new(Config::default().delivery(Delivery::AtLeastOnce))?;
//! boss.bind("mem://course-jobs")?;
//! let worker = Socket::new(Config::default().ack_mode(AckMode::Manual))?;
//! worker.connect("mem://course-jobs")?;
//!
//! boss.send("wash")?;
//! boss.send("dry")?;
//! for expected in ["wash", "dry"] {
//!     let job = worker.recv()?;
//!     assert_eq!(job.text(), expected);
//!     job.ack(); // done; dropped without this, it would go to another worker
//! }
//! let report = boss.close(); // waits for the acknowledgements
//! assert!(report.unacknowledged.is_empty() && report.unsent.is_empty());
//! assert_eq!(boss.stats().acknowledged, 2);
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! A worker that dies costs no job, but what it had taken comes to the others late: a peer may
//! hold 8,192 jobs at a time. Where jobs are long, set
//! [`unacknowledged(1)`](Config::unacknowledged), and each worker has one, while `send` waits for
//! a free one.
//!
//! The default, [`AckMode::OnRecv`], acknowledges a message when `recv` hands it out. At least
//! once means that a message can arrive twice; when, is in the guarantees table of the README.
//! It is for what is sent: what is published, or sent in a session, is sent at most once.
//!
//! # When there is no room
//!
//! All queues are bounded, in messages and in bytes. When the queue for a peer is full,
//! [`send`](Socket::send) turns to another peer, and waits when all are full.
//! [`try_send`](Socket::try_send) does not wait, [`send_timeout`](Socket::send_timeout) not
//! longer than it is told. A send that fails hands back what it was given.
//!
//! ```
//! use jackfield::{Config, Error, Limit, Socket};
//!
//! let room = Limit { messages: 1, bytes: 1024 };
//! let socket = Socket::new(Config::default().outbox(room))?;
//! socket.send("first")?; // nobody is connected: it waits in the socket
//! let error = socket.try_send("second".to_owned()).unwrap_err();
//! assert!(matches!(error.reason, Error::Full));
//! let body = error.body.expect("it was given away");
//! assert_eq!(body.as_bytes(), b"second");
//! # socket.close_within(std::time::Duration::ZERO);
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! A [`publish`](Socket::publish) drops the message for a peer without room. [`Overflow`] picks
//! another answer: to drop the oldest message, to disconnect a peer that is too slow, or to wait.
//!
//! # Events and counters
//!
//! [`events`](Socket::events) tells who came, who went and why, what was dropped, and what was
//! given up. [`stats`](Socket::stats) counts the same. Every message that a send accepted stands in
//! exactly one of the counters; nothing disappears unseen.
//!
//! ```
//! use jackfield::{Config, Event, Socket};
//!
//! let server = Socket::new(Config::default())?;
//! server.bind("mem://course-events")?;
//! let client = Socket::new(Config::default())?;
//! client.connect("mem://course-events")?;
//! client.send("hello")?;
//! server.recv()?;
//!
//! let events = server.events();
//! assert!(matches!(events.recv()?, Event::PeerUp { peer, .. } if peer == client.identity()));
//! client.close();
//! assert!(matches!(events.recv()?, Event::PeerDown { .. }));
//!
//! let stats = client.stats();
//! let placed = stats.acknowledged + stats.written + stats.in_doubt
//!     + stats.dropped() + stats.waiting + stats.handed_back;
//! assert_eq!(stats.accepted, placed);
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! # Closing
//!
//! [`close`](Socket::close) lets what is queued leave and waits for acknowledgements, at most for
//! the [`linger`](Config::linger) of 2 s, and reports what is left. It wakes every blocked call
//! with [`Error::Closed`]. Dropping the last handle closes as well, but nobody gets the report.
//!
//! ```
//! use std::time::Duration;
//! use jackfield::{Config, Error, Socket};
//!
//! let socket = Socket::new(Config::default())?;
//! socket.send("nobody will ever hear this")?;
//! let report = socket.close_within(Duration::ZERO);
//! assert_eq!(report.unsent[0].body, b"nobody will ever hear this");
//! assert_eq!(report.unsent[0].peer, None); // it was for whoever comes
//! assert!(matches!(socket.recv(), Err(Error::Closed)));
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! # Errors
//!
//! [`Error`] is a short list of words to match on. Waiting that ended, no room, nothing there, and
//! a closed socket are four different answers. What a peer does wrong is never an error of yours:
//! it ends that peer's connection and is told as an event.
//!
//! ```
//! use std::time::Duration;
//! use jackfield::{Config, Error, Socket};
//!
//! let socket = Socket::new(Config::default())?;
//! assert!(matches!(socket.try_recv(), Err(Error::Empty)));
//! assert!(matches!(socket.recv_timeout(Duration::ZERO), Err(Error::Timeout)));
//! assert!(matches!(socket.connect("nonsense"), Err(Error::InvalidEndpoint { .. })));
//!
//! let tiny = Config::default().max_message(0);
//! assert!(matches!(Socket::new(tiny), Err(Error::InvalidConfig { setting: "max_message", .. })));
//! # Ok::<(), jackfield::Error>(())
//! ```
//!
//! # Further
//!
//! The feature `bus`, on by default, is for programs that need not know of each other: topics,
//! services and names, through a broker or without one. It brings the modules `bus` and `json`,
//! and the program `jackfield`. With `default-features = false` the crate is the socket alone.
//!
//! A debug build passes small messages 4 to 12 times more slowly than a release build. In the
//! manifest of your workspace, `opt-level = 3` below `[profile.dev.package.jackfield]` mends that.
//!
//! `docs/BUS.md` says what the bus promises and sends; `docs/PROTOCOL.md` what goes over the wire,
//! byte by byte; `docs/ARCHITECTURE.md` which file does what; `docs/DESIGN.md` why it is so.

#[cfg(feature = "bus")]
pub mod bus;
mod check;
mod config;
mod contents;
mod endpoint;
mod engine;
mod error;
mod event;
mod held;
mod hooks;
#[cfg(feature = "bus")]
pub mod json;
mod loan;
mod message;
mod page;
mod payload;
mod policy;
mod proto;
mod report;
mod session;
mod socket;
mod stats;
mod stream;
mod transport;

// Tests that go through much of the core, and are many files: see `docs/TESTING.md`.
#[cfg(test)]
#[path = "../tests/props/mod.rs"]
mod props;
#[cfg(test)]
#[path = "../tests/sim/mod.rs"]
mod sim;

#[cfg(feature = "bus")]
pub use bus::{
    Broker, Bus, Error as BusError, Event as BusEvent, Peer as BusPeer, Post, Receipt as BusReceipt,
};
pub use config::Config;
pub use endpoint::{Endpoint, Remote};
pub use error::{Error, SendError};
pub use event::{DownReason, DropReason, Event};
pub use message::{Identity, Message, ParseIdentityError};
pub use payload::Payload;
pub use policy::{
    Absent, AckMode, Candidate, Delivery, HalfOpen, Heartbeat, Limit, Overflow, Pauses,
};
pub use report::{CloseReport, Peer, Receipt, Unsent};
pub use session::Session;
pub use socket::{Arrival, Arrivals, Events, Messages, Socket, recv_any};
pub use stats::Stats;
pub use stream::{Credentials, Duplex, OsStream, RawStream};

#[doc = include_str!("../README.md")]
#[cfg(all(doctest, feature = "bus"))]
struct Readme;

#[doc = include_str!("../docs/BUS.md")]
#[cfg(all(doctest, feature = "bus"))]
struct BusPage;
