//! Audit: what holds after every call of a table. For tests only.

use std::collections::{BTreeMap, BTreeSet};

use crate::bus::table::Table;
use crate::bus::table::calling::{CALL, service_memory};
use crate::bus::table::calls::{Asker, InHand};
use crate::bus::table::news::pattern_memory;
use crate::bus::table::room::OVERHEAD;
use crate::bus::words::Trie;

impl Table {
    /// What is counted is what is there, and nothing is kept for who or what is gone.
    pub(crate) fn audit(&self) {
        self.clients.audit();
        let calls: BTreeMap<u64, InHand> = self.calls.audit();
        self.audit_clients(&calls);
        self.audit_calls(&calls);
        self.audit_wants();
        self.audit_room(&calls);
        let in_hand = |provider| {
            let mine = calls
                .values()
                .filter(|call| call.provider == Some(provider));
            mine.count()
        };
        self.providers.audit(in_hand);
        let serials = self.clients.iter().map(|client| client.serial);
        self.retained.audit(&serials.collect());
        let due: usize = self.due.iter().map(|send| send.message.own_len()).sum();
        assert_eq!(self.due_bytes, due, "bytes to be sent");
    }

    /// Nobody is there, and it is as if nobody had ever been.
    pub(crate) fn audit_empty(&self) {
        self.audit();
        assert_eq!(self.clients.iter().count(), 0, "clients");
        assert_eq!(self.calls.audit().len(), 0, "calls");
        assert_eq!((self.held, self.due_bytes), (0, 0), "memory");
        assert_eq!(self.due.len() + self.expelled.len(), 0, "to be done");
        self.routes
            .each(|route| assert_eq!(route.audience.len(), 0, "an audience"));
    }

    /// How much there is of everything, for a look at what was left behind.
    pub(crate) fn extent(&self) -> [usize; 10] {
        let (nodes, words) = self.wants.len();
        let (due, _) = self.waiting();
        [
            self.clients.iter().count(),
            self.calls.len(),
            self.providers.len(),
            self.retained.used().values,
            self.retained.used().bytes,
            self.replays.audit().len(),
            nodes,
            words,
            self.held,
            due + self.owed.len() + self.hopeful.len() + self.expelled.len(),
        ]
    }

    fn audit_clients(&self, calls: &BTreeMap<u64, InHand>) {
        let mut held = 0;
        for (number, client) in self.clients.numbered() {
            let patterns = || client.patterns.values().map(|it| it.as_str().len());
            let names = client.services.values().map(|it| self.providers.get(*it));
            let names = || {
                names
                    .clone()
                    .map(|it| it.expect("a service has a provider").name.len())
            };
            let bytes = patterns().sum::<usize>() + names().sum::<usize>();
            assert_eq!(client.bytes, bytes, "bytes of patterns and names");
            let open: usize = client.patterns.values().map(|it| it.open_tokens()).sum();
            assert_eq!(client.open_tokens, open, "open tokens");
            let is_caller = |call: &&InHand| matches!(call.asker, Asker::Client(caller) if caller.client == number);
            assert_eq!(
                client.calls,
                calls.values().filter(is_caller).count(),
                "calls made"
            );
            let unread: usize = client.unread.iter().map(Vec::len).sum();
            assert_eq!(client.unread_bytes, unread, "bytes unread");
            let runs = calls.values().filter(|call| call.runner == number).count();
            let own = patterns().map(pattern_memory).sum::<usize>()
                + names().map(service_memory).sum::<usize>()
                + runs * CALL
                + unread
                + client.unread.len() * OVERHEAD;
            assert_eq!(client.held, own, "memory of a client");
            assert_eq!(
                client.lost > 0,
                self.owed.contains(&number),
                "losses to tell"
            );
            held += own;
        }
        assert_eq!(self.held, held, "memory of all");
        let is_there = |number: &u32| self.clients.get(*number).is_some();
        assert!(self.owed.iter().all(is_there), "losses of nobody");
        assert!(self.hopeful.iter().all(is_there), "answers for nobody");
    }

    fn audit_calls(&self, calls: &BTreeMap<u64, InHand>) {
        for call in calls.values() {
            assert!(self.clients.get(call.runner).is_some(), "run by nobody");
            if let Asker::Client(caller) = call.asker {
                assert!(self.clients.get(caller.client).is_some(), "made by nobody");
            }
            let is_probe = call.provider.is_none();
            let is_orphan = call.asker == Asker::Nobody;
            assert!(!is_probe || !is_orphan, "a probe that nobody waits for");
        }
    }

    /// The trie is the one that these patterns make, and each route leads where it would lead if it
    /// were looked for now.
    fn audit_wants(&self) {
        let mut wants = Trie::new();
        for (number, client) in self.clients.numbered() {
            client
                .patterns
                .values()
                .for_each(|it| wants.insert(it, number));
        }
        assert_eq!(self.wants.len(), wants.len(), "places of patterns");
        self.routes.each(|route| {
            let topic = route.topic.as_str();
            assert_eq!(*route.audience, self.audience(topic, None), "{topic}");
        });
    }

    fn audit_room(&self, calls: &BTreeMap<u64, InHand>) {
        let replays = self.replays.audit();
        let mut probes = BTreeSet::new();
        for (number, id, probe) in replays {
            let client = self.clients.get(number).expect("a client has the replay");
            assert!(
                client.patterns.contains_key(&id),
                "a subscription has the replay"
            );
            probes.extend(probe);
        }
        for (number, client) in self.clients.numbered() {
            probes.extend(client.probe);
            let is_hopeful = self.hopeful.contains(&number);
            assert!(!is_hopeful || !client.unread.is_empty(), "hope for nothing");
            let is_asked = client.probe.is_some() || is_hopeful;
            assert!(client.unread.is_empty() || is_asked, "nobody tries again");
        }
        let is_ours = |call: &&InHand| matches!(call.asker, Asker::Room(_) | Asker::Replay(..));
        assert_eq!(
            probes.len(),
            calls.values().filter(is_ours).count(),
            "our probes"
        );
        let ours = probes.iter().map(|probe| calls.get(probe));
        assert!(
            ours.flatten().all(|call| is_ours(&call)),
            "probes of others"
        );
    }
}
