//! The bus: one suite over TCP, Unix sockets and memory, with a broker and without.

/// Makes one test of a claim for each way in which two buses know each other.
macro_rules! on_all_ways {
    ($($name:ident),+ $(,)?) => {
        mod tcp {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Broker(crate::support::Transport::Tcp));
            })+
        }
        mod unix {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Broker(crate::support::Transport::Unix));
            })+
        }
        mod mem {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Broker(crate::support::Transport::Mem));
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
        mod direct_mem {
            $(#[test]
            fn $name() {
                crate::stage::run(super::$name, crate::stage::Way::Direct(crate::support::Transport::Mem));
            })+
        }
    };
}

mod calling;
mod closing;
mod hostile;
mod limits;
mod names;
mod page;
mod publishing;
mod python;
mod restarting;
mod retaining;
mod speed;
mod stage;
mod turns;
mod typed;

#[path = "../behaviour/support.rs"]
mod support;

/// How the brokers and the buses of this suite find each other, and over what.
mod plug {
    use std::path::PathBuf;

    use jackfield::Endpoint;
    use jackfield::bus::{Broker, Bus, Error, Options};

    use crate::support::Transport;

    pub const ALL: [Transport; 3] = [Transport::Tcp, Transport::Unix, Transport::Mem];

    /// What a program that a test starts has to be told.
    pub fn child_environment() -> Option<(&'static str, PathBuf)> {
        None
    }

    pub fn listen(broker: &Broker, here: &str) -> Result<Endpoint, Error> {
        broker.listen(here)
    }

    pub fn join(options: Options, there: &str) -> Result<Bus, Error> {
        options.connect(there)
    }
}
