//! Streams that a program brings along: the promises hold on them as well, and theirs besides.
#![cfg(unix)]

/// Runs each of these functions as a test, over masked streams.
macro_rules! on_every_transport {
    ($($name:ident),+ $(,)?) => {
        mod masked {
            $(#[test] fn $name() {
                crate::support::run(super::$name, crate::support::Transport::Unix)
            })+
        }
    };
}

#[path = "../behaviour/body.rs"]
mod body;
#[path = "../websocket/browser.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod browser;
mod contract;
mod doors;
mod dropping;
mod handshake;
mod hanging;
mod masked;
mod stuck;
#[path = "../behaviour/plugged.rs"]
mod support;
mod talker;
#[path = "../raw/wire.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod wire;

use masked as plug;
