//! The bus: one suite over every way in which buses come to know each other.

/// Makes a test of each claim for each way in which two buses know each other. Behind `two:` are
/// claims that need two buses, where a local one has only itself; behind `broker:` those of the
/// road between a broker and its clients, and behind `apart:` those of clients in other processes.
macro_rules! on_all_ways {
    (
        $($any:ident),* $(,)?
        $(; two: $($two:ident),+ $(,)?)?
        $(; broker: $($broker:ident),+ $(,)?)?
        $(; apart: $($apart:ident),+ $(,)?)?
    ) => {
        mod tcp {
            on_road!(Tcp; $($any,)* $($($two,)+)?; $($($broker,)+)? $($($apart,)+)?);
        }
        mod unix {
            on_road!(Unix; $($any,)* $($($two,)+)?; $($($broker,)+)? $($($apart,)+)?);
        }
        mod websocket {
            on_road!(WebSocket; $($any,)* $($($two,)+)?; $($($broker,)+)? $($($apart,)+)?);
        }
        mod mem {
            on_road!(Mem; $($any,)* $($($two,)+)?; $($($broker,)+)?);
        }
        mod attached {
            crate::stage::each_claim!(Way::Attached; $($any,)* $($($two,)+)?);
        }
        mod inside {
            crate::stage::each_claim!(Way::Inside; $($any,)* $($($two,)+)?);
        }
        mod direct {
            crate::stage::each_claim!(Way::Direct(Transport::Tcp); $($any,)* $($($two,)+)?);
        }
        mod direct_mem {
            crate::stage::each_claim!(Way::Direct(Transport::Mem); $($any,)* $($($two,)+)?);
        }
        mod local {
            crate::stage::each_claim!(Way::Local; $($any,)*);
        }
    };
}

/// Claims that take a way, and those that take a road.
macro_rules! on_road {
    ($road:ident; $($way:ident,)*; $($claim:ident,)*) => {
        crate::stage::each_claim!(Way::Broker(Road::$road); $($way,)*);
        crate::stage::each_claim!(Road::$road; $($claim,)*);
    };
}

// By its path, so that its modules are found beside it.
#[path = "body.rs"]
mod body;
#[path = "../websocket/browser.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod browser;
#[path = "../chaos/mod.rs"]
mod chaos;
mod enduring;
mod gate;
mod hand;
#[path = "../soak/meter.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod meter;
mod page;
mod replies;
mod room;
mod stage;
#[path = "../behaviour/support.rs"]
mod support;
mod through;
mod tunnel;
#[path = "../raw/wire.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod wire;

/// How the brokers and the buses of this suite find each other, and over what.
mod plug {
    use std::path::PathBuf;

    use jackfield::Endpoint;
    use jackfield::bus::{Access, Broker, Bus, Error, Options};

    /// What a program that a test starts has to be told.
    pub fn child_environment() -> Option<(&'static str, PathBuf)> {
        None
    }

    pub fn listen(broker: &Broker, here: &str) -> Result<Endpoint, Error> {
        broker.listen(here)
    }

    pub fn listen_as(broker: &Broker, here: &str, access: Access) -> Result<Endpoint, Error> {
        broker.listen_as(here, access)
    }

    pub fn join(options: Options, there: &str) -> Result<Bus, Error> {
        options.connect(there)
    }
}
