//! Smart sockets on `std` alone.

mod config;
mod endpoint;
mod engine;
mod error;
mod event;
mod message;
mod proto;
mod socket;
mod stats;
mod transport;

pub use config::{AckMode, Candidate, Config, Delivery, Overflow, SendMode};
pub use endpoint::{Endpoint, Remote};
pub use error::{Error, SendError};
pub use event::{DownReason, DropReason, Event};
pub use message::{Identity, Message, ParseIdentityError};
pub use socket::{CloseReport, Events, Messages, Peer, Receipt, Socket, recv_any};
pub use stats::Stats;
