//! Providers: who serves which name, with how much credit, and whose turn it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bus::words::{Error, Id};

/// One `serve` of one client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Provider {
    pub(crate) client: u32,
    /// The client's id for it.
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Nobody else serves that name.
    pub(crate) is_only: bool,
    /// Calls that it may have in hand.
    pub(crate) credit: usize,
    /// Calls that it has in hand.
    calls: usize,
    /// When it had its last call, or came, in turns.
    turn: u64,
}

/// Who serves one name.
#[derive(Default)]
struct Queue {
    all: BTreeSet<u64>,
    /// Those with credit: fewest calls first, then whoever had none for longest.
    ready: BTreeSet<(usize, u64, u64)>,
}

#[derive(Default)]
pub(crate) struct Providers {
    all: BTreeMap<u64, Provider>,
    by_name: HashMap<String, Queue>,
    turns: u64,
}

impl Provider {
    pub(crate) fn new(client: u32, id: Id, name: String, is_only: bool, credit: usize) -> Provider {
        Provider {
            client,
            id,
            name,
            is_only,
            credit,
            calls: 0,
            turn: 0,
        }
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.calls < self.credit
    }
}

impl Providers {
    /// Adds one, unless it or another wants to be the only one of that name.
    pub(crate) fn add(&mut self, provider: Provider) -> Result<u64, Error> {
        let first = self.all(&provider.name).next();
        let first = first.and_then(|number| self.all.get(&number));
        if first.is_some_and(|first| first.is_only || provider.is_only) {
            return Err(Error::NameTaken);
        }
        self.turns += 1;
        let (number, turn) = (self.turns, self.turns);
        let queue = self.by_name.entry(provider.name.clone()).or_default();
        queue.all.insert(number);
        self.all.insert(number, Provider { turn, ..provider });
        self.place(number, |_| {});
        Ok(number)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Provider> {
        let provider = self.all.remove(&number)?;
        if let Some(queue) = self.by_name.get_mut(&provider.name) {
            queue.all.remove(&number);
            queue.ready.remove(&(provider.calls, provider.turn, number));
            if queue.all.is_empty() {
                self.by_name.remove(&provider.name);
            }
        }
        Some(provider)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Provider> {
        self.all.get(&number)
    }

    /// Whose turn it is: whoever has the fewest calls in hand, of those with credit.
    pub(crate) fn next(&self, name: &str) -> Result<u64, Error> {
        let queue = self.by_name.get(name).ok_or(Error::NoService)?;
        let next = queue.ready.first().ok_or(Error::Busy)?;
        Ok(next.2)
    }

    /// Everyone who serves `name`, in the order in which they came.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = u64> {
        let queue = self.by_name.get(name).into_iter();
        queue.flat_map(|queue| queue.all.iter().copied())
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
        let queue = self.by_name.get_mut(&provider.name);
        let queue = queue.expect("a provider stands in the queue of its name");
        queue.ready.remove(&(provider.calls, provider.turn, number));
        change(provider);
        if provider.has_credit() {
            queue.ready.insert((provider.calls, provider.turn, number));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    #[cfg(test)]
    pub(crate) fn audit(&self, in_hand: impl Fn(u64) -> usize) {
        for (number, provider) in &self.all {
            assert_eq!(provider.calls, in_hand(*number), "calls in hand");
            let queue = self.by_name.get(&provider.name);
            let queue = queue.expect("a provider stands in the queue of its name");
            assert!(queue.all.contains(number), "a provider of its name");
            let place = (provider.calls, provider.turn, *number);
            let is_ready = queue.ready.contains(&place);
            assert_eq!(is_ready, provider.has_credit(), "ready with credit");
        }
        let queues = || self.by_name.values();
        let listed: usize = queues().map(|queue| queue.all.len()).sum();
        assert_eq!(listed, self.all.len(), "providers by name");
        let ready: usize = queues().map(|queue| queue.ready.len()).sum();
        let has_credit = self.all.values().filter(|provider| provider.has_credit());
        assert_eq!(ready, has_credit.count(), "providers that are ready");
        assert!(
            queues().all(|queue| !queue.all.is_empty()),
            "a name of nobody"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(client: u32, credit: usize) -> Provider {
        Provider::new(client, Id::default(), "add".to_owned(), false, credit)
    }

    #[test]
    fn the_fewest_calls_first_then_in_turn() {
        let mut providers = Providers::default();
        let mut add = |client| providers.add(provider(client, 9)).expect("it may serve");
        let numbers = [add(0), add(1), add(2)];
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
        assert_eq!(providers.next("add").ok(), Some(numbers[2]));
        providers.remove(numbers[2]);
        assert_eq!(providers.next("add").ok(), Some(numbers[1]));
        for number in numbers {
            providers.remove(number);
        }
        assert_eq!((providers.len(), providers.by_name.len()), (0, 0));
    }

    #[test]
    fn who_has_no_credit_is_not_next() {
        let mut providers = Providers::default();
        let number = providers.add(provider(1, 1)).expect("it may serve");
        providers.handle_called(number);
        assert!(matches!(providers.next("add"), Err(Error::Busy)));
        providers.handle_settled(number);
        assert_eq!(providers.next("add").ok(), Some(number));
        assert!(matches!(providers.next("sub"), Err(Error::NoService)));
    }
}
