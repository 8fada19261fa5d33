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

/// So many links are written to in one round.
const ROUND: usize = 16;

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
            self.carry(shared, id, chunk, &[], PATIENCE);
        }
    }

    /// Takes one chunk to the kernel, without the lock, for about `limit` at most. It may have to be
    /// written from what is `lent`.
    pub(crate) fn carry<'a>(
        self: &'a Arc<Core>,
        shared: Locked<'a>,
        id: LinkId,
        mut chunk: Chunk,
        lent: &[u8],
        limit: Duration,
    ) -> (Locked<'a>, Written) {
        let Some(stream) = shared.stream(id) else {
            // The socket has failed.
            return (shared, Written::Broken);
        };
        drop(shared);
        let (took, written) = self.watched(|| {
            let outcome = write_chunk(&stream, &mut chunk, lent, limit);
            chunk.keep(lent);
            outcome
        });
        // It may be the last of its stream: not under the lock.
        drop(stream);
        self.bring_back(self.lock(), id, chunk, took, written)
    }

    /// The same for a sender, which takes another one along.
    pub(crate) fn carry_on<'a>(
        self: &'a Arc<Core>,
        shared: Locked<'a>,
        id: LinkId,
        chunk: Chunk,
        lent: &[u8],
    ) -> Locked<'a> {
        let (mut shared, _) = self.carry(shared, id, chunk, lent, PATIENCE);
        match shared.hub.claim_another(id) {
            Some(another) => self.carry(shared, id, another, &[], PATIENCE).0,
            None => shared,
        }
    }

    /// Writes this chunk and those of other links that the keeper was told to write, up to a number
    /// of them. Senders want the lock for every message: it is taken once for all chunks together.
    pub(crate) fn write_round<'a>(
        self: &'a Arc<Core>,
        mut shared: Locked<'a>,
        first: (LinkId, Chunk),
    ) -> Locked<'a> {
        let mut round = vec![first];
        let others = std::iter::from_fn(|| shared.hub.claim_next());
        round.extend(others.take(ROUND - 1));
        let streams: Vec<_> = round.iter().map(|(id, _)| shared.stream(*id)).collect();
        drop(shared);
        let mut outcomes = Vec::with_capacity(ROUND);
        for ((_, chunk), stream) in round.iter_mut().zip(streams) {
            let stream = stream.expect("a link with a chunk on its way has a stream");
            outcomes.push(write_chunk(&stream, chunk, &[], PATIENCE));
            if let Some((_, Written::Stalled)) = outcomes.last() {
                // That took its time: the others wait until the keeper has looked at the clock.
                break;
            }
        }
        let mut outcomes = outcomes.into_iter();
        let mut shared = self.lock();
        for (id, chunk) in round {
            match outcomes.next() {
                Some((took, written)) => {
                    shared = self.bring_back(shared, id, chunk, took, written).0;
                }
                None if shared.stream(id).is_none() => {}
                None => shared.hub.handle_unwritten(id, chunk),
            }
        }
        shared
    }

    fn bring_back<'a>(
        self: &'a Arc<Core>,
        mut shared: Locked<'a>,
        id: LinkId,
        chunk: Chunk,
        took: bool,
        written: Written,
    ) -> (Locked<'a>, Written) {
        if shared.stream(id).is_none() {
            // The socket has failed.
            return (shared, Written::Broken);
        }
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
fn write_chunk(
    stream: &Stream,
    chunk: &mut Chunk,
    lent: &[u8],
    limit: Duration,
) -> (bool, Written) {
    let mut began = None;
    loop {
        let (head, body) = chunk.rest_with(lent);
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
