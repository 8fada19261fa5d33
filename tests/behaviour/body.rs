//! The body of tests that every transport has to pass, in whatever program they run.

mod any;
mod arrivals;
mod at_least_once;
mod close_wakes;
mod closing;
mod events;
mod limits;
mod listeners;
mod overflow;
mod receiving;
mod reconnecting;
mod returning;
mod sending;
mod sessions;
mod settling;
mod traffic;
mod turns;
