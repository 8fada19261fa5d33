//! Support for a program whose sockets bind and connect in a way of their own, `crate::plug`.

#[path = "support.rs"]
mod plain;

use jackfield::{Config, Socket};

pub use crate::plug::{bind, connect};
pub use plain::*;

pub fn bound(config: Config, here: &str) -> Socket {
    let socket = socket(config);
    bind(&socket, here).expect("the endpoint is free");
    socket
}

pub fn connected(config: Config, there: &str) -> Socket {
    let socket = socket(config);
    connect(&socket, there).expect("the endpoint is valid");
    socket
}

/// Two sockets that are each other's peer: the first is bound, the second has dialled.
pub fn pair(on: Transport, binder: Config, dialler: Config) -> (Socket, Socket) {
    let here = on.endpoint();
    let (binder, dialler) = (bound(binder, &here), connected(dialler, &here));
    await_peers(&binder, 1);
    await_peers(&dialler, 1);
    (binder, dialler)
}
