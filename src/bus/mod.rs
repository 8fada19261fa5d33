//! Bus: topics, services and brokers, on what any user of a socket has.
//!
//! It is for programs that need not know of each other. They meet at a [`Broker`], or without one,
//! between two sockets ([`Bus::over`]) or within a process ([`Bus::local`]).
//!
//! Some names here are those of the socket as well. At the crate's root they have `Bus` in front:
//! [`Error`] is `jackfield::BusError`, and so are [`Event`], [`Peer`] and [`Receipt`].
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
//! let _serving = one.serve("shout", |job| format!("{}!", job.text()))?;
//! assert_eq!(two.call("shout", "hello")?.text(), "hello!");
//! # Ok::<(), jackfield::bus::Error>(())
//! ```

mod broker;
#[allow(clippy::module_inception)]
mod bus;
mod client;
mod content;
mod counters;
mod doors;
mod end;
mod ends;
mod event;
mod handler;
mod job;
mod mailbox;
mod maker;
mod note;
mod opening;
mod options;
mod reader;
mod reading;
mod reply;
mod report;
mod request;
mod service;
mod serving;
mod station;
mod subscription;
mod table;
mod typed;
mod watch;
pub mod words;

pub use broker::Broker;
pub use bus::Bus;
pub use content::Content;
pub use counters::BusStats;
pub use end::{Ear, End, Link, Role, Waits};
pub use event::{Event, Events};
pub use job::Job;
pub use note::{Note, Post, Receipt};
pub use options::Options;
pub use reply::Reply;
pub use report::CloseReport;
pub use request::{Answer, Call, Peer};
pub use service::Service;
pub use serving::Serving;
pub use subscription::{Notes, Subscription};
pub use table::access::Access;
pub use table::census::ClientStats;
pub use table::stats::BrokerStats;
pub use watch::Watch;
pub use words::error::Error;
pub use words::id::{Id, ParseIdError};
pub use words::limits::Limits;
