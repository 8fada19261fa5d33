//! Chaos: a proxy between diallers and a listener that does to them what networks do.
//!
//! It stands between TCP or Unix diallers and one target. Knobs may be turned at any time and
//! apply to all connections, those that are up and those that come. What a pump has in its hands
//! at that moment may still pass.
#![allow(dead_code, reason = "each test crate uses its part")]

mod door;
mod pump;
mod state;
mod stream;

use std::net::Shutdown;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use state::{Door, Knobs, Shared};
use stream::Place;

/// A direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From the dialler to the target.
    Out = 0,
    /// From the target to the dialler.
    Back = 1,
}

pub const BOTH: [Way; 2] = [Way::Out, Way::Back];

/// How a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Both sides see the end of the stream.
    Fin,
    /// Both sides see a reset. `std` can send one only to a side that has said something which
    /// nobody has read: each sees it as soon as it says something, at once if it was stalled
    /// while it spoke.
    Reset,
}

/// Listens, and forwards each connection to the target. Dropping it ends all connections.
pub struct Proxy {
    shared: Arc<Shared>,
    here: Place,
    target: Place,
    keeper: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before `tcp://ADDRESS:PORT` or `unix://PATH`.
    pub fn to(target: impl AsRef<str>) -> Proxy {
        let target = Place::of(target.as_ref());
        let (listener, here) = target.beside().listen().expect("a free place");
        let shared = Arc::new(Shared::default());
        shared.change(|state| state.is_listening = true);
        let keeper = {
            let (shared, here, target) = (shared.clone(), here.clone(), target.clone());
            thread::spawn(move || door::keep(&shared, &here, &target, listener))
        };
        Proxy {
            shared,
            here,
            target,
            keeper: Some(keeper),
        }
    }

    /// What to dial instead of the target.
    pub fn endpoint(&self) -> String {
        self.here.endpoint()
    }

    /// Connections that are up, or on their way to the target, and not cut.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections_up()
    }

    /// Connections ever forwarded.
    pub fn accepted(&self) -> u64 {
        self.shared.lock().accepted
    }

    /// Bytes ever forwarded in that direction.
    pub fn carried(&self, way: Way) -> u64 {
        self.shared.lock().carried[way as usize]
    }

    /// Writes that it took to forward them.
    pub fn pieces(&self, way: Way) -> u64 {
        self.shared.lock().pieces[way as usize]
    }

    /// Bytes arrive so much later, in order. It takes nothing from the throughput.
    pub fn delay(&self, ways: impl IntoIterator<Item = Way>, delay: Duration) {
        self.turn(ways, |knobs| knobs.delay = delay);
    }

    /// So many bytes a second, for each connection.
    pub fn throttle(&self, ways: impl IntoIterator<Item = Way>, bytes_per_second: u64) {
        let rate = Some(bytes_per_second.max(1));
        self.turn(ways, |knobs| knobs.rate = rate);
    }

    /// Writes pieces of 1 to `most` bytes.
    pub fn split(&self, ways: impl IntoIterator<Item = Way>, most: usize) {
        self.turn(ways, |knobs| knobs.piece = Some(most.max(1)));
    }

    /// Stops reading: what is sent fills the kernel's buffers and then holds the sender back.
    /// Nothing is lost; the end of a stream does not pass either.
    pub fn stall(&self, ways: impl IntoIterator<Item = Way>) {
        self.turn(ways, |knobs| knobs.is_stalled = true);
    }

    /// Swallows all bytes and ends of streams. A direction that has lost something never carries
    /// anything again, so its connection stays half-open when the proxy is healed.
    pub fn swallow(&self, ways: impl IntoIterator<Item = Way>) {
        self.turn(ways, |knobs| knobs.is_hole = true);
    }

    /// Cuts all connections that are up.
    pub fn cut(&self, cut: Cut) {
        self.shared.change(|state| {
            let all = state.connections.values_mut();
            all.for_each(|connection| connection.cut(cut));
        });
    }

    /// Lets exactly so many more bytes pass in that direction, over all connections together,
    /// then cuts the connection that carried the last of them, once. With 0, the next byte cuts
    /// and does not pass.
    pub fn cut_after(&self, way: Way, bytes: u64, cut: Cut) {
        self.turn([way], |knobs| knobs.cut_after = Some((bytes, cut)));
    }

    /// Nobody listens here from now on: dials fail. Connections stay.
    pub fn refuse(&self) {
        self.shared.change(|state| state.door = Door::Refuse);
        door::knock(&self.here);
        self.await_listening(false);
    }

    /// New connections are accepted and go no further, until they are released.
    pub fn hold(&self) {
        self.shared.change(|state| state.door = Door::Hold);
        self.await_listening(true);
    }

    /// Connections that are held.
    pub fn held(&self) -> usize {
        self.shared.lock().held.len()
    }

    /// Forwards a held connection, by its place among those that are held; the others move up.
    pub fn release(&self, index: usize) {
        let dialler = self.shared.change(|state| state.held.remove(index));
        // A target that is not there: the dialler sees the end of its stream.
        door::join(&self.shared, &self.target, dialler).ok();
    }

    /// A good network again: all knobs back, held connections released in their order. What was
    /// cut or has lost bytes stays so.
    pub fn heal(&self) {
        self.shared.change(|state| {
            state.knobs = [Knobs::default(), Knobs::default()];
            state.door = Door::Open;
        });
        self.await_listening(true);
        while self.held() > 0 {
            self.release(0);
        }
    }

    fn turn(&self, ways: impl IntoIterator<Item = Way>, change: impl Fn(&mut Knobs)) {
        self.shared.change(|state| {
            let ways = ways.into_iter();
            ways.for_each(|way| change(&mut state.knobs[way as usize]));
        });
    }

    fn await_listening(&self, is_listening: bool) {
        let mut state = self.shared.lock();
        while state.is_listening != is_listening {
            state = self.shared.wait(state, None);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.is_over = true;
            state.held.clear();
        });
        door::knock(&self.here);
        self.keeper.take().map(JoinHandle::join);
        let threads = self.shared.change(|state| {
            let ends = state.connections.values().flat_map(|one| &one.ends);
            let ends = ends.filter_map(Weak::upgrade);
            ends.for_each(|end| end.shutdown(Shutdown::Both));
            std::mem::take(&mut state.threads)
        });
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}
