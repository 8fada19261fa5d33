//! Providers: who serves which name, and whose turn it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bus::words::Id;

/// One `serve` of one client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Provider {
    pub(crate) client: u32,
    /// The client's id for it.
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Calls that it has in hand.
    calls: usize,
    /// When it had its last call, or came, in turns.
    turn: u64,
}

#[derive(Default)]
pub(crate) struct Providers {
    all: BTreeMap<u64, Provider>,
    /// Of each name: fewest calls first, then whoever had none for longest.
    by_name: HashMap<String, BTreeSet<(usize, u64, u64)>>,
    turns: u64,
}

impl Providers {
    pub(crate) fn add(&mut self, client: u32, id: Id, name: String) -> u64 {
        self.turns += 1;
        let (number, turn) = (self.turns, self.turns);
        let queue = self.by_name.entry(name.clone()).or_default();
        queue.insert((0, turn, number));
        let provider = Provider {
            client,
            id,
            name,
            calls: 0,
            turn,
        };
        self.all.insert(number, provider);
        number
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Provider> {
        let provider = self.all.remove(&number)?;
        if let Some(queue) = self.by_name.get_mut(&provider.name) {
            queue.remove(&(provider.calls, provider.turn, number));
            if queue.is_empty() {
                self.by_name.remove(&provider.name);
            }
        }
        Some(provider)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Provider> {
        self.all.get(&number)
    }

    /// Whose turn it is: whoever has the fewest calls in hand.
    pub(crate) fn next(&self, name: &str) -> Option<u64> {
        Some(self.by_name.get(name)?.first()?.2)
    }

    /// Everyone who serves `name`, in the order in which they came.
    pub(crate) fn all(&self, name: &str) -> Vec<u64> {
        let queue = self.by_name.get(name).into_iter().flatten();
        let mut numbers: Vec<u64> = queue.map(|(_, _, number)| *number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// It has one call more.
    pub(crate) fn handle_called(&mut self, number: u64) {
        self.turns += 1;
        let turn = self.turns;
        self.place(number, |provider| {
            provider.calls += 1;
            provider.turn = turn;
        });
    }

    /// It has one call less, if it is still there.
    pub(crate) fn handle_settled(&mut self, number: u64) {
        self.place(number, |provider| provider.calls -= 1);
    }

    fn place(&mut self, number: u64, change: impl FnOnce(&mut Provider)) {
        let Some(provider) = self.all.get_mut(&number) else {
            return;
        };
        let old = (provider.calls, provider.turn, number);
        change(provider);
        let new = (provider.calls, provider.turn, number);
        let queue = self.by_name.get_mut(&provider.name);
        let queue = queue.expect("a provider stands in the queue of its name");
        queue.remove(&old);
        queue.insert(new);
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_calls_first_then_in_turn() {
        let mut providers = Providers::default();
        let numbers: Vec<u64> = (0..3)
            .map(|client| providers.add(client, Id::default(), "add".to_owned()))
            .collect();
        let mut call = || {
            let next = providers.next("add").expect("there are some");
            providers.handle_called(next);
            next
        };
        assert_eq!(
            [call(), call(), call(), call()],
            [numbers[0], numbers[1], numbers[2], numbers[0]]
        );
        providers.handle_settled(numbers[2]);
        assert_eq!(providers.next("add"), Some(numbers[2]));
        providers.remove(numbers[2]);
        assert_eq!(providers.next("add"), Some(numbers[1]));
        numbers
            .iter()
            .for_each(|number| drop(providers.remove(*number)));
        assert_eq!((providers.len(), providers.by_name.len()), (0, 0));
    }
}
