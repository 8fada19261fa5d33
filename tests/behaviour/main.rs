//! What a socket promises, through its public face, on every transport from one body of code.

/// Runs each of these functions as a test on each transport.
macro_rules! on_every_transport {
    ($($name:ident),+ $(,)?) => {
        mod tcp {
            $(#[test] fn $name() { crate::support::run(super::$name, crate::support::Transport::Tcp) })+
        }
        #[cfg(unix)]
        mod unix {
            $(#[test] fn $name() { crate::support::run(super::$name, crate::support::Transport::Unix) })+
        }
        mod mem {
            $(#[test] fn $name() { crate::support::run(super::$name, crate::support::Transport::Mem) })+
        }
    };
}

mod any;
mod at_least_once;
mod close_wakes;
mod closing;
mod events;
mod limits;
mod overflow;
mod receiving;
mod reconnecting;
mod returning;
mod sending;
mod settling;
mod support;
mod traffic;
