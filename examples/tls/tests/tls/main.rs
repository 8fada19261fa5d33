//! TLS: all that is promised of a socket holds over it, and what TLS promises besides.
//!
//! Tests with Python or a browser are skipped where there is none, except where `CI` is `true`.
#![cfg(target_os = "linux")]

/// Runs each of these functions as a test, over TLS.
macro_rules! on_every_transport {
    ($($name:ident),+ $(,)?) => {
        mod tls {
            $(#[test] fn $name() {
                crate::support::run(super::$name, crate::support::Transport::Tcp)
            })+
        }
    };
}

mod agents;
#[path = "../../../../tests/behaviour/body.rs"]
mod body;
#[path = "../../../../tests/websocket/browser.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod browser;
mod certificates;
#[path = "../../../../tests/browser/driver.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod driver;
mod ends;
mod handshakes;
#[path = "../../../../tests/browser/json.rs"]
mod json;
mod mutual;
mod pages;
#[path = "../../../../tests/interop/process.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod process;
#[path = "../../../../tests/interop/python.rs"]
mod python;
mod sessions;
#[path = "../../../../tests/behaviour/plugged.rs"]
mod support;
mod tunnel;
#[path = "../../../../tests/raw/wire.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod wire;

/// How the sockets of the tests that are shared bind and connect.
mod plug {
    use jackfield::{Endpoint, Error, Socket};

    use crate::ends;

    pub fn bind(socket: &Socket, here: &str) -> Result<Endpoint, Error> {
        ends::bind(socket, here, false)
    }

    pub fn connect(socket: &Socket, there: &str) -> Result<(), Error> {
        ends::connect(socket, there, None)
    }
}
