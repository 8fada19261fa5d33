//! Bus: topics, services and brokers, on what any user of a socket has.
//!
//! It is for programs that need not know of each other. They meet at a [`Broker`], or without one,
//! between two sockets ([`Bus::over`]) or within a process ([`Bus::local`]).
//!
//! ```
//! use jackfield::{Broker, Bus};
//!
//! let broker = Broker::bind("mem://course-bus")?;
//! let (one, two) = (Bus::connect("mem://course-bus")?, broker.bus());
//! let rooms = one.subscribe("room/**")?;
//! two.publish("room/1/temp", "21.5")?;
//! assert_eq!(rooms.recv()?.text(), "21.5");
//!
//! let _serving = one.serve("shout", |job| {
//!     let answer = format!("{}!", job.text());
//!     job.reply(answer);
//! })?;
//! assert_eq!(two.call("shout", "hello")?.text(), "hello!");
//! # Ok::<(), jackfield::bus::Error>(())
//! ```

mod broker;
mod calls;
mod client;
mod counters;
mod error;
mod handle;
mod id;
mod job;
mod letter;
mod limits;
mod maker;
mod note;
mod options;
mod providers;
mod reader;
mod request;
mod retained;
mod router;
mod routes;
mod service;
mod station;
mod stats;
mod subscription;
mod table;
pub(crate) mod topic;
pub(crate) mod trie;
mod typed;
mod waiter;
mod wakes;
mod watch;
mod wire;

pub use broker::Broker;
pub use error::Error;
pub use handle::Bus;
pub use id::{Id, ParseIdError};
pub use job::Job;
pub use limits::Limits;
pub use note::{Note, Post, Receipt};
pub use options::Options;
pub use request::{Answer, Call, Peer};
pub use service::{Service, Serving};
pub use stats::{BrokerStats, BusStats};
pub use subscription::{Notes, Subscription};
pub use watch::Watch;
