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
mod client;
mod counters;
mod doors;
mod handle;
mod job;
mod maker;
mod note;
mod options;
mod reader;
mod request;
mod service;
mod station;
mod subscription;
mod table;
mod typed;
mod waiter;
mod wakes;
mod watch;
pub(crate) mod words;

pub use broker::Broker;
pub use counters::BusStats;
pub use handle::Bus;
pub use job::Job;
pub use note::{Note, Post, Receipt};
pub use options::Options;
pub use request::{Answer, Call, Peer};
pub use service::{Service, Serving};
pub use subscription::{Notes, Subscription};
pub use table::access::Access;
pub use table::census::ClientStats;
pub use table::stats::BrokerStats;
pub use watch::Watch;
pub use words::error::Error;
pub use words::id::{Id, ParseIdError};
pub use words::limits::Limits;
