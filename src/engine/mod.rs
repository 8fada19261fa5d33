//! Threads: they carry bytes between the core and the transport, and decide nothing.

mod acceptor;
mod commons;
mod connection;
pub(crate) mod core;
mod dialer;
mod drain;
mod failing;
pub(crate) mod inbox;
mod keeper;
mod locked;
mod receiver;
mod sender;
pub(crate) mod shelf;
mod shutdown;
pub(crate) mod signals;
mod spent;
mod teller;
mod threads;
pub(crate) mod turns;
pub(crate) mod watcher;
pub(crate) mod writer;

pub(crate) use core::Core;
