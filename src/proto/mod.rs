//! Decisions and bytes: no I/O, no clock, no threads, no locks, no randomness.

// Said here and not in a manifest, so that a copy of `src/` needs no more than it.
#![allow(unexpected_cfgs, reason = "`fuzzing`: see fuzz/")]

pub(crate) mod agenda;
pub(crate) mod backoff;
pub(crate) mod batch;
pub(crate) mod chunk;
pub(crate) mod decoder;
pub(crate) mod delivery;
pub(crate) mod departed;
pub(crate) mod dial;
pub(crate) mod flood;
pub(crate) mod frame;
pub(crate) mod hub;
pub(crate) mod lanes;
pub(crate) mod ledger;
pub(crate) mod link;
pub(crate) mod news;
pub(crate) mod outbox;
pub(crate) mod pace;
pub(crate) mod peer;
pub(crate) mod resends;
pub(crate) mod router;
pub(crate) mod whose;
pub(crate) mod window;
