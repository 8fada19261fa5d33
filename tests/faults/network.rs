//! Network: two sockets and a proxy between them, for faults of what is in between.

use jackfield::{Config, Socket};

use crate::chaos::Proxy;
use crate::support::{Transport, await_peers, bound, connected};

/// A bound socket, a network, and a socket that dialled through it; they are peers.
pub fn through_a_network(binder: Config, dialler: Config) -> (Socket, Proxy, Socket) {
    let here = Transport::Tcp.endpoint();
    let binder = bound(binder, &here);
    let network = Proxy::to(&here);
    let dialler = connected(dialler, &network.endpoint());
    await_peers(&binder, 1);
    await_peers(&dialler, 1);
    (binder, network, dialler)
}
