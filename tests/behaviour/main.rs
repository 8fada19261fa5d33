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

// By its path, so that its modules are found beside it.
#[path = "body.rs"]
mod body;
mod hooked;
mod support;
