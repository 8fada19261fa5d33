//! Writer: takes one chunk to the kernel and brings back what it did not take.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::core::{Core, Locked};
use crate::proto::chunk::Chunk;
use crate::proto::link::LinkId;
use crate::transport::Stream;

/// A write that the kernel takes nothing of for this long returns; it rounds up to its ticks.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1);

/// How a write ended.
pub(crate) enum Written {
    /// All of it is with the kernel.
    Whole,
    /// The kernel takes no more for now: the link goes to a drain.
    Stalled,
    /// The link is broken.
    Broken,
}

impl Core {
    /// Writes the next chunk of `id`. One at a time, so that a link whose senders keep up with
    /// the writing does not keep the others waiting.
    pub(crate) fn write_next(self: &Arc<Core>, id: LinkId) {
        let mut shared = self.lock();
        if let Some(chunk) = shared.hub.poll_chunk(id) {
            self.carry(shared, id, chunk, PATIENCE);
        }
    }

    /// Takes one chunk to the kernel, without the lock, for about `limit` at most.
    pub(crate) fn carry<'a>(
        self: &'a Arc<Core>,
        shared: Locked<'a>,
        id: LinkId,
        mut chunk: Chunk,
        limit: Duration,
    ) -> (Locked<'a>, Written) {
        let stream = shared
            .stream(id)
            .expect("a link with a chunk on its way has a stream");
        drop(shared);
        let (took, written) = write_chunk(&stream, &mut chunk, limit);
        self.bring_back(self.lock(), id, chunk, took, written)
    }

    /// Writes the next chunks of several links, one of each.
    pub(crate) fn write_round(self: &Arc<Core>, links: &[LinkId]) {
        let mut shared = self.lock();
        let mut round = Vec::with_capacity(links.len());
        for id in links {
            if let Some(chunk) = shared.hub.poll_chunk(*id) {
                let stream = shared.stream(*id).expect("it has a chunk");
                round.push((*id, chunk, stream, (false, Written::Whole)));
            }
        }
        drop(shared);
        for (_, chunk, stream, written) in &mut round {
            *written = write_chunk(stream, chunk, PATIENCE);
        }
        let mut shared = self.lock();
        for (id, chunk, _, (took, written)) in round {
            shared = self.bring_back(shared, id, chunk, took, written).0;
        }
    }

    fn bring_back<'a>(
        self: &'a Arc<Core>,
        mut shared: Locked<'a>,
        id: LinkId,
        chunk: Chunk,
        took: bool,
        written: Written,
    ) -> (Locked<'a>, Written) {
        let now = Instant::now();
        let was_drained = shared.hub.handle_back(now, id, chunk, took);
        let wants_drain = match written {
            Written::Stalled if !was_drained => self.hand_to_drain(&mut shared, id),
            _ => false,
        };
        if let Written::Broken = written {
            shared.hub.handle_broken(now, id);
        }
        if wants_drain {
            drop(shared);
            self.start_drain();
            shared = self.lock();
        }
        (shared, written)
    }
}

/// Writes until all is with the kernel, until it takes nothing, or until it has taken a little at
/// a time for too long: a slow peer must not hold up whoever writes.
fn write_chunk(stream: &Stream, chunk: &mut Chunk, limit: Duration) -> (bool, Written) {
    let mut began = None;
    loop {
        let (head, body) = chunk.rest();
        match stream.write(head, body) {
            Ok(0) => return (began.is_some(), Written::Broken),
            Ok(count) => chunk.handle_taken(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return (began.is_some(), Written::Stalled);
            }
            Err(_) => return (began.is_some(), Written::Broken),
        }
        if chunk.is_done() {
            return (true, Written::Whole);
        }
        if began.get_or_insert_with(Instant::now).elapsed() >= limit {
            return (true, Written::Stalled);
        }
    }
}
