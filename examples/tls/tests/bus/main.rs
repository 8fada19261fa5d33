//! The bus over TLS: its suite once more, with every broker behind TLS.
//!
//! The client in Python is skipped where there is none, except where `CI` is `true`.
#![cfg(target_os = "linux")]

/// Makes one test of a claim for each way in which two buses know each other.
macro_rules! on_all_ways {
    ($($name:ident),+ $(,)?) => {
        mod tls {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Broker(crate::support::Transport::Tcp));
            })+
        }
        mod attached {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Attached(crate::support::Transport::Tcp));
            })+
        }
        mod direct {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Direct(crate::support::Transport::Tcp));
            })+
        }
    };
}

#[path = "../../../../tests/bus/calling.rs"]
mod calling;
#[path = "../tls/certificates.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod certificates;
#[path = "../../../../tests/bus/closing.rs"]
mod closing;
#[path = "../tls/ends.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod ends;
#[path = "../../../../tests/bus/hostile.rs"]
mod hostile;
#[path = "../../../../tests/bus/limits.rs"]
mod limits;
#[path = "../../../../tests/bus/names.rs"]
mod names;
#[path = "../../../../tests/bus/publishing.rs"]
mod publishing;
#[path = "../../../../tests/bus/python.rs"]
mod python;
#[path = "../../../../tests/bus/restarting.rs"]
mod restarting;
#[path = "../../../../tests/bus/retaining.rs"]
mod retaining;
#[path = "../../../../tests/bus/speed.rs"]
mod speed;
#[path = "../../../../tests/bus/stage.rs"]
mod stage;
#[path = "../../../../tests/behaviour/plugged.rs"]
mod support;
#[path = "../../../../tests/bus/turns.rs"]
mod turns;
#[path = "../../../../tests/bus/typed.rs"]
mod typed;

/// How the sockets, the brokers and the buses of the suite find each other, and over what.
mod plug {
    use std::path::PathBuf;

    use jackfield::bus::{Broker, Bus, Error, Options};
    use jackfield::{Endpoint, Error as SocketError, Socket};
    use jackfield_tls::{accepting, dialling};

    use crate::certificates::{CERTIFICATES, NAME, certificates};
    use crate::ends;
    use crate::support::Transport;

    pub const ALL: [Transport; 1] = [Transport::Tcp];

    /// What a program that a test starts has to be told.
    pub fn child_environment() -> Option<(&'static str, PathBuf)> {
        Some((CERTIFICATES, certificates().file("")))
    }

    pub fn bind(socket: &Socket, here: &str) -> Result<Endpoint, SocketError> {
        ends::bind(socket, here, false)
    }

    pub fn connect(socket: &Socket, there: &str) -> Result<(), SocketError> {
        ends::connect(socket, there, None)
    }

    /// What stays in the process has no stream to encrypt.
    pub fn listen(broker: &Broker, here: &str) -> Result<Endpoint, Error> {
        match here.starts_with("mem:") {
            true => broker.listen(here),
            false => broker.listen_with(here, accepting(ends::serving("server", false))),
        }
    }

    pub fn join(options: Options, there: &str) -> Result<Bus, Error> {
        let name = NAME.try_into().expect("a name");
        match there.starts_with("mem:") {
            true => options.connect(there),
            false => options.connect_with(there, dialling(ends::asking(None), name)),
        }
    }
}
