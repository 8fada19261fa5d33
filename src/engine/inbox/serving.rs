//! Serving: a batch goes out message by message, and what was taken is acknowledged.

use std::mem;
use std::sync::atomic::Ordering;

use super::{Inbox, Taken};
use crate::contents::Part;
use crate::engine::spent;
use crate::error::Error;
use crate::message::Identity;
use crate::proto::batch::Span;
use crate::proto::delivery::Delivery;
use crate::proto::frame::MessageId;

/// So many messages that were taken are acknowledged together.
const MANY: usize = 1024;

#[derive(Default)]
pub(super) struct Front {
    /// The batch that is being served.
    delivery: Option<Delivery>,
    /// What the application took and the hub has not been told of: it is told of many at once.
    taken: Vec<(Identity, MessageId)>,
}

/// A message in its turn, as nearly all are.
pub(crate) struct Served<T> {
    pub(crate) from: Identity,
    pub(crate) body: T,
    pub(crate) id: Option<MessageId>,
    pub(crate) acks: Acks,
}

/// What is to be done for the ACKs of messages that were taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Acks {
    Nothing,
    /// See to it that they do not wait for long, should the application not come back.
    Soon,
    /// There are enough of them, or there is nothing else to take.
    Now,
}

impl Inbox {
    /// The next message of the batch that is being served, if it is a plain one. Nearly every
    /// call comes to this: inlined up to the application's call, it moves a message once.
    #[inline(always)]
    pub(crate) fn take_plain(&self) -> Option<Served<Vec<u8>>> {
        if self.is_divided.load(Ordering::Relaxed) {
            return None;
        }
        let mut front = self.front();
        let Front { delivery, taken } = &mut *front;
        let delivery = delivery.as_mut()?;
        let (span, body) = delivery.next_plain(self.may_be_tracked())?;
        Some(self.served(delivery, taken, span, body))
    }

    /// The same if it is a part of a buffer.
    pub(crate) fn take_part(&self) -> Option<Served<Part>> {
        if !self.is_divided.load(Ordering::Relaxed) {
            return None;
        }
        let mut front = self.front();
        let Front { delivery, taken } = &mut *front;
        let delivery = delivery.as_mut()?;
        let (span, part) = delivery.next_part(self.may_be_tracked())?;
        Some(self.served(delivery, taken, span, part))
    }

    #[inline(always)]
    fn may_be_tracked(&self) -> bool {
        self.acks_taken && !self.is_closed()
    }

    #[inline(always)]
    fn served<T>(
        &self,
        delivery: &Delivery,
        taken: &mut Vec<(Identity, MessageId)>,
        span: Span,
        body: T,
    ) -> Served<T> {
        self.left.store(delivery.left(), Ordering::Relaxed);
        let from = delivery.from;
        let id = delivery.id(span);
        let acks = match id {
            Some(id) => note_taken(taken, (from, id), delivery.left()),
            None => Acks::Nothing,
        };
        Served {
            from,
            body,
            id,
            acks,
        }
    }

    /// What was taken since the last time.
    pub(crate) fn drain_taken(&self) -> Vec<(Identity, MessageId)> {
        let mut front = self.front();
        let room = front.taken.len();
        mem::replace(&mut front.taken, Vec::with_capacity(room))
    }

    /// The next message of the batch that is being served, while its turn lasts.
    fn serve(&self, front: &mut Front) -> Option<Taken> {
        let delivery = front.delivery.as_mut()?;
        if delivery.is_paused() {
            return None;
        }
        let arrived = delivery.next()?;
        self.left.store(delivery.left(), Ordering::Relaxed);
        let acks = match arrived.id {
            // Its sender is told nothing and sends it again.
            Some(_) if self.is_closed() => return None,
            Some(id) if self.acks_taken => {
                note_taken(&mut front.taken, (arrived.from, id), delivery.left())
            }
            _ => Acks::Nothing,
        };
        Some(Taken::Message(arrived, acks))
    }

    pub(crate) fn try_take_next(&self) -> Result<Taken, Error> {
        let mut front = self.front();
        loop {
            if let Some(taken) = self.serve(&mut front) {
                return Ok(taken);
            }
            let front = &mut front.delivery;
            let Some(delivery) = front else {
                // Asked first: what was put in before the close must not be missed.
                let nothing = self.nothing();
                *front = Some(self.next_delivery().ok_or(nothing)?);
                continue;
            };
            if let Some(presence) = delivery.take_presence() {
                *front = None;
                return Ok(Taken::Presence(presence));
            }
            if delivery.is_paused() {
                *front = front.take().and_then(|delivery| self.give_way(delivery));
                continue;
            }
            if let Some(served) = front.take_if(|delivery| delivery.left() == 0) {
                spent::put(served.into_batch());
            }
        }
    }

    /// Lets others have their turn, if there are any; else the delivery comes back to be served.
    fn give_way(&self, mut delivery: Delivery) -> Option<Delivery> {
        let mut back = self.back();
        if back.lanes.ready() == 0 {
            delivery.go_on();
            return Some(delivery);
        }
        back.lanes.put_back(delivery);
        self.left.store(0, Ordering::Relaxed);
        None
    }

    fn next_delivery(&self) -> Option<Delivery> {
        let mut delivery = self.next_in_turn()?;
        let home = delivery.divisible().and_then(|it| self.commons.admit(it));
        if let Some(home) = home {
            delivery.divide(home);
        }
        let is_divided = delivery.is_divided();
        self.is_divided.store(is_divided, Ordering::Relaxed);
        Some(delivery)
    }

    fn next_in_turn(&self) -> Option<Delivery> {
        let mut back = self.back();
        let delivery = back.lanes.take()?;
        back.wake();
        self.left.store(delivery.left(), Ordering::Relaxed);
        if back.receivers > 0 && delivery.left() > 1 {
            self.arrived.notify_one();
        }
        Some(delivery)
    }
}

fn note_taken(
    taken: &mut Vec<(Identity, MessageId)>,
    one: (Identity, MessageId),
    left: usize,
) -> Acks {
    taken.push(one);
    match taken.len() {
        _ if left == 0 => Acks::Now,
        1 => Acks::Soon,
        MANY.. => Acks::Now,
        _ => Acks::Nothing,
    }
}
