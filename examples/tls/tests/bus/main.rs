//! The bus over TLS: its suite once more, with every broker behind TLS.
//!
//! The client in Python is skipped where there is none, except where `CI` is `true`.
#![cfg(target_os = "linux")]

/// Makes a test of each claim for each way in which two buses know each other and in which a
/// stream is between them. The claims are those of `tests/bus`, which says what is behind each word.
macro_rules! on_all_ways {
    (
        $($any:ident),* $(,)?
        $(; two: $($two:ident),+ $(,)?)?
        $(; broker: $($broker:ident),+ $(,)?)?
        $(; apart: $($apart:ident),+ $(,)?)?
    ) => {
        mod tls {
            crate::stage::each_claim!(Way::Broker(Road::Tcp); $($any,)* $($($two,)+)?);
            crate::stage::each_claim!(Road::Tcp; $($($broker,)+)? $($($apart,)+)?);
        }
        mod attached {
            crate::stage::each_claim!(Way::Attached; $($any,)* $($($two,)+)?);
        }
        mod direct {
            crate::stage::each_claim!(Way::Direct(Transport::Tcp); $($any,)* $($($two,)+)?);
        }
    };
}

// By its path, so that its modules are found beside it.
#[path = "../../../../tests/bus/body.rs"]
mod body;
#[path = "../tls/certificates.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod certificates;
#[path = "../tls/ends.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod ends;
mod known;
#[path = "../../../../tests/bus/stage.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod stage;
#[path = "../../../../tests/behaviour/plugged.rs"]
mod support;
#[path = "../../../../tests/bus/tunnel.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod tunnel;

/// How the sockets, the brokers and the buses of the suite find each other, and over what.
mod plug {
    use std::path::PathBuf;

    use jackfield::bus::{Access, Broker, Bus, Error, Options};
    use jackfield::{Endpoint, Error as SocketError, Socket};
    use jackfield_tls::{accepting, dialling};

    use crate::certificates::{CERTIFICATES, NAME, certificates};
    use crate::ends;

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

    pub fn listen_as(broker: &Broker, here: &str, access: Access) -> Result<Endpoint, Error> {
        match here.starts_with("mem:") {
            true => broker.listen_as(here, access),
            false => broker.listen_as_with(here, access, accepting(ends::serving("server", false))),
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
