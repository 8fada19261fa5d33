//! Ends: the three that a bus has of its own.

pub(crate) mod broker;
pub(crate) mod inside;
pub(crate) mod peers;
