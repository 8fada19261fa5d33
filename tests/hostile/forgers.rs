//! Forgers: acknowledgements of what was sent to others, later, or never.

use jackfield::Identity;

use crate::attacker::{Attacker, forged};
use crate::stage::Stage;
use crate::support::{eventually, quick};
use crate::wire::{DATA_REQ, ack};

/// A peer that was sent a message, and its id.
struct Owner {
    peer: Attacker,
    name: Identity,
    id: Vec<u8>,
}

impl Owner {
    /// Joins under a name that nobody had before.
    fn join(stage: &Stage) -> Owner {
        let number = stage.server.stats().peers_up as u32;
        let name = forged(number);
        let mut peer = Attacker::join(stage.door(number), name);
        stage.server.send_to(name, "job").expect("it is a peer");
        let job = peer.next().expect("the job");
        assert_eq!(job.kind, DATA_REQ);
        let id = job.body[..16].to_vec();
        Owner { peer, name, id }
    }

    /// Bytes 4 to 12 of an id count the messages of its socket.
    fn count(&self) -> u64 {
        u64::from_be_bytes(self.id[4..12].try_into().expect("8 bytes"))
    }

    fn has(&self, stage: &Stage) -> usize {
        stage.unacknowledged(self.name).expect("it is a peer")
    }
}

#[test]
fn acks_of_what_another_peer_has_settle_nothing() {
    Stage::working(quick()).survives(3, |stage| {
        let before = stage.server.stats().stray_acks;
        let mut owner = Owner::join(stage);
        let mut forger = Attacker::join(stage.door(0), forged(u32::MAX));
        forger.write(&ack(&owner.id).repeat(1_000));
        eventually("they are stray", || {
            stage.server.stats().stray_acks == before + 1_000
        });
        assert_eq!(owner.has(stage), 1);
        owner.peer.write(&ack(&owner.id));
        eventually("it is settled", || owner.has(stage) == 0);
    });
}

/// The ids of a socket differ in a count and a slot, so whoever got one can guess the others.
#[test]
fn acks_of_guessed_ids_settle_nothing() {
    Stage::working(quick()).survives(3, |stage| {
        let [mut forger, other] = [0, 1].map(|_| Owner::join(stage));
        forger.peer.write(&ack(&forger.id));
        eventually("its own is settled", || forger.has(stage) == 0);
        let before = stage.server.stats().stray_acks;
        let from = forger.count().saturating_sub(500);
        let guesses = (from..from + 1_000).flat_map(|count| {
            let count = count.to_be_bytes();
            (0..20_u32).map(move |slot| [&count[..], &slot.to_be_bytes()].concat())
        });
        let acks = guesses.flat_map(|guess| ack(&[&forger.id[..4], &guess].concat()));
        let acks: Vec<u8> = acks.collect();
        forger.peer.write(&acks);
        eventually("they are stray", || {
            stage.server.stats().stray_acks == before + 20_000
        });
        assert_eq!(other.has(stage), 1);
    });
}

#[test]
fn acks_of_ids_that_were_never_issued_are_counted_and_that_is_all() {
    Stage::working(quick()).survives(3, |stage| {
        let before = stage.server.stats().stray_acks;
        let ids = (0..50_000_u128).map(|id| id << 64);
        let acks: Vec<u8> = ids.flat_map(|id| ack(&id.to_be_bytes())).collect();
        let mut forgers = [0, 1].map(|n| Attacker::join(stage.door(n), forged(n)));
        forgers.iter_mut().for_each(|forger| forger.write(&acks));
        eventually("they are counted", || {
            stage.server.stats().stray_acks == before + 100_000
        });
    });
}

/// A peer that knows how ids are made acknowledges its messages before they are sent.
#[test]
fn acks_ahead_of_their_messages_hurt_nobody_else() {
    Stage::working(quick()).survives(3, |stage| {
        let mut forger = Owner::join(stage);
        forger.peer.write(&ack(&forger.id));
        for ahead in 1..200 {
            let count = (forger.count() + ahead).to_be_bytes();
            let next = [&forger.id[..4], &count, &forger.id[12..]].concat();
            forger.peer.write(&ack(&next));
            let sent = stage.server.send_to(forger.name, "job");
            sent.expect("there is room");
        }
    });
}
