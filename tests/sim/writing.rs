//! Writing: callers, keeper and drains take chunks to the network and bring back the rest.

use std::time::{Duration, Instant};

use super::net::Took;
use super::node::Drain;
use super::world::{Call, Held, World};
use crate::proto::chunk::Chunk;
use crate::proto::link::LinkId;

/// Who has a chunk in hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writer {
    Caller,
    Keeper,
    Drain,
}

/// How a write ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Written {
    Whole,
    Stalled,
    Broken,
}

impl World {
    /// Makes sure that the keeper runs by then.
    pub(crate) fn keep_by(&mut self, index: usize, at: Instant) {
        let node = &mut self.nodes[index];
        if node.keeper_at.is_some_and(|planned| planned <= at) {
            return;
        }
        node.keeper_at = Some(at);
        let id = node.id;
        let late = Duration::from_micros(self.rng.below(200));
        self.at(at + late, id, Call::Keep);
    }

    pub(crate) fn keep(&mut self, index: usize) {
        let now = self.now;
        let node = &mut self.nodes[index];
        node.keeper_at = None;
        if node.keeper_is_busy {
            return;
        }
        if node.hub.poll_timeout().is_some_and(|due| due <= now) {
            self.with_hub(index, |hub, now| hub.handle_timeout(now));
        }
        if let Some(link) = self.nodes[index].hub.poll_dirty() {
            let id = self.nodes[index].id;
            self.nodes[index].keeper_is_busy = true;
            self.soon(id, Call::WriteNext(link));
        }
        self.settle(index);
    }

    /// The keeper has let go of the lock and comes back for the chunk.
    pub(crate) fn keeper_writes(&mut self, index: usize, link: LinkId) {
        let chunk = self.nodes[index].hub.poll_chunk(link);
        let id = self.nodes[index].id;
        match chunk {
            Some(chunk) => self.soon(id, Call::Write(link, Held::new(chunk), Writer::Keeper)),
            None => {
                self.nodes[index].keeper_is_busy = false;
                self.keep_by(index, self.now);
            }
        }
        self.settle(index);
    }

    /// As the reading thread does after HELLO: the next chunk, if there is one.
    pub(crate) fn write_next(&mut self, index: usize, link: LinkId) {
        let chunk = self.nodes[index].hub.poll_chunk(link);
        self.write_of_reader(index, link, chunk);
    }

    /// Its reading thread writes this.
    pub(crate) fn write_of_reader(&mut self, index: usize, link: LinkId, chunk: Option<Chunk>) {
        let id = self.nodes[index].id;
        if let Some(chunk) = chunk {
            self.soon(id, Call::Write(link, Held::new(chunk), Writer::Caller));
        }
    }

    pub(crate) fn write(&mut self, index: usize, link: LinkId, held: Held, writer: Writer) {
        let (mut chunk, lent) = (*held.chunk, held.lent);
        let (conn, side) = self
            .conn(index, link)
            .expect("a link with a chunk out is there");
        let mut took_any = false;
        let written = loop {
            let (head, body) = chunk.rest_with(&lent);
            let bytes = [head, body].concat();
            let (took, arrival) = self.net.write(self.now, conn, side, &bytes, &mut self.rng);
            match took {
                Took::Broken => break Written::Broken,
                Took::Nothing => break Written::Stalled,
                Took::Bytes(count) => chunk.handle_taken(count),
            }
            took_any = true;
            self.wake_at(arrival, conn, 1 - side);
            if chunk.is_done() {
                break Written::Whole;
            }
            if self.rng.below(4) == 0 {
                break Written::Stalled;
            }
        };
        chunk.keep(&lent);
        if let Some(how) = self.net.is_cut_due(conn, side) {
            self.cut(conn, how);
        }
        let id = self.nodes[index].id;
        self.soon(
            id,
            Call::Back(link, Held::new(chunk), took_any, written, writer),
        );
    }

    pub(crate) fn back(
        &mut self,
        index: usize,
        link: LinkId,
        chunk: Chunk,
        took: bool,
        written: Written,
    ) {
        let now = self.now;
        let was_drained = self.nodes[index].hub.handle_back(now, link, chunk, took);
        if written == Written::Broken {
            self.nodes[index].hub.handle_broken(now, link);
        }
        if written == Written::Stalled && !was_drained {
            self.set_drain(index, link, Drain::Turn);
        }
        self.settle(index);
    }

    pub(crate) fn go_on_writing(
        &mut self,
        index: usize,
        link: LinkId,
        written: Written,
        writer: Writer,
    ) {
        match (writer, written) {
            (Writer::Caller, _) => {}
            (Writer::Keeper, _) => {
                self.nodes[index].keeper_is_busy = false;
                self.keep_by(index, self.now);
            }
            (Writer::Drain, Written::Whole) => self.set_drain(index, link, Drain::Turn),
            (Writer::Drain, Written::Broken) => self.set_drain(index, link, Drain::None),
            // Without room it waits until the other side has read.
            (Writer::Drain, Written::Stalled) => match self.has_no_room(index, link) {
                true => self.set_drain(index, link, Drain::Waiting),
                false => self.set_drain(index, link, Drain::Turn),
            },
        }
    }

    fn has_no_room(&self, index: usize, link: LinkId) -> bool {
        let conn = self.conn(index, link).and_then(|(conn, side)| {
            let conn = self.net.conns.get(&conn)?;
            Some(conn.pipes[side].writer_waits)
        });
        conn == Some(true)
    }

    pub(crate) fn wake_drain(&mut self, index: usize, link: LinkId) {
        if let Some((conn, side)) = self.conn(index, link) {
            if let Some(conn) = self.net.conns.get_mut(&conn) {
                conn.pipes[side].writer_waits = false;
            }
        }
        let hand = self.nodes[index].links.get(&link);
        if hand.is_some_and(|hand| hand.drain == Drain::Waiting) {
            self.set_drain(index, link, Drain::Turn);
        }
    }

    fn set_drain(&mut self, index: usize, link: LinkId, drain: Drain) {
        let id = self.nodes[index].id;
        if let Some(hand) = self.nodes[index].links.get_mut(&link) {
            hand.drain = drain;
            if drain == Drain::Turn {
                self.soon(id, Call::Drain(link));
            }
        }
    }

    pub(crate) fn drain(&mut self, index: usize, link: LinkId) {
        let hand = self.nodes[index].links.get(&link);
        if hand.is_none_or(|hand| hand.drain != Drain::Turn) {
            return;
        }
        let id = self.nodes[index].id;
        match self.nodes[index].hub.poll_chunk(link) {
            Some(chunk) => {
                self.set_drain(index, link, Drain::Writing);
                self.soon(id, Call::Write(link, Held::new(chunk), Writer::Drain));
            }
            None => {
                self.set_drain(index, link, Drain::None);
                self.nodes[index].hub.handle_caught_up(link);
            }
        }
        self.settle(index);
    }
}
