//! Door: the thread that listens for diallers and lets them in, holds them or is not there.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Way;
use super::pump::Pump;
use super::state::{Door, Shared};
use super::stream::{Listener, Place, Stream};

const PAUSE: Duration = Duration::from_millis(20);

/// Runs until the proxy is dropped.
pub fn keep(shared: &Arc<Shared>, here: &Place, target: &Place, first: Listener) {
    let mut listener = Some(first);
    loop {
        let is_over = serve(shared, target, listener.as_ref());
        // A listener that is gone is what refuses.
        drop(listener.take());
        here.vacate();
        shared.change(|state| state.is_listening = false);
        if is_over || !await_opening(shared) {
            return;
        }
        listener = here.listen().ok().map(|(listener, _)| listener);
        shared.change(|state| state.is_listening = listener.is_some());
    }
}

/// Accepts until it must refuse, or the proxy is dropped: `true`.
fn serve(shared: &Arc<Shared>, target: &Place, listener: Option<&Listener>) -> bool {
    let Some(listener) = listener else {
        let state = shared.lock();
        return shared.wait(state, Some(Instant::now() + PAUSE)).is_over;
    };
    loop {
        let accepted = listener.accept();
        let state = shared.lock();
        if state.is_over || state.door == Door::Refuse {
            return state.is_over;
        }
        match (accepted, state.door) {
            (Err(_), _) => drop(shared.wait(state, Some(Instant::now() + PAUSE))),
            (Ok(dialler), Door::Hold) => {
                drop(state);
                shared.change(|state| state.held.push(dialler));
            }
            (Ok(dialler), _) => {
                drop(state);
                // A target that is not there: the dialler sees the end of its stream.
                join(shared, target, dialler).ok();
            }
        }
    }
}

/// Waits until it need not refuse any more; `false` if the proxy is dropped.
fn await_opening(shared: &Shared) -> bool {
    let mut state = shared.lock();
    while state.door == Door::Refuse && !state.is_over {
        state = shared.wait(state, None);
    }
    !state.is_over
}

/// Connects an accepted dialler to the target and starts the two pumps.
pub fn join(shared: &Arc<Shared>, target: &Place, dialler: Stream) -> io::Result<()> {
    let dialler = Arc::new(dialler);
    // It counts before the target can see it, so that a cut misses nothing that the target saw.
    let number = shared.change(|state| state.enter(&dialler));
    let target = Arc::new(match target.connect() {
        Ok(target) => target,
        Err(error) => {
            shared.change(|state| state.connections.remove(&number));
            return Err(error);
        }
    });
    let mut state = shared.lock();
    if state.is_over {
        return Ok(());
    }
    let connection = state.connections.get_mut(&number);
    connection.expect("no pump has ended it").reach(&target);
    let [to_dialler, to_target] = [&dialler, &target].map(Arc::downgrade);
    state.threads.retain(|thread| !thread.is_finished());
    let pumps = [
        (Way::Out, dialler, to_target),
        (Way::Back, target, to_dialler),
    ];
    for (way, source, sink) in pumps {
        let pump = Pump::new(shared.clone(), number, way, source, sink);
        state.threads.push(thread::spawn(move || pump.run()));
    }
    Ok(())
}

/// Wakes the thread that accepts.
pub fn knock(here: &Place) {
    if let Ok(stream) = here.connect() {
        stream.shutdown(Shutdown::Both);
    }
}
