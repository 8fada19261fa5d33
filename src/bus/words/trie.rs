//! Trie: who wants a topic, found in steps that grow with the matches and not with the patterns.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::bus::words::topic::{ANY, ONE, Pattern};

/// Patterns and who has them. Nothing in it calls itself: a pattern of any depth costs a loop.
pub(crate) struct Trie<K> {
    nodes: Vec<Node<K>>,
    free: Vec<u32>,
    words: Tokens,
}

/// A place in patterns: the tokens on the way here.
struct Node<K> {
    literals: HashMap<u32, u32, BuildHasherDefault<Spread>>,
    one: Option<u32>,
    any: Option<u32>,
    /// Who has the pattern that ends here, and how often.
    owners: BTreeMap<K, u32>,
}

/// Tokens that occur in patterns, by a number: the tokens of a topic are looked up once each, and
/// not once for each place that a pattern may have got to.
#[derive(Default)]
struct Tokens {
    numbers: HashMap<Box<str>, Token>,
    free: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Token {
    number: u32,
    uses: u32,
}

/// What a token is in a trie.
#[derive(Clone, Copy)]
enum Step {
    One,
    Any,
    Literal(u32),
}

/// Spreads numbers that count up; nobody else chooses them.
#[derive(Default)]
struct Spread(u64);

const ROOT: u32 = 0;

impl<K: Copy + Ord> Trie<K> {
    pub(crate) fn new() -> Trie<K> {
        Trie {
            nodes: vec![Node::new()],
            free: Vec::new(),
            words: Tokens::default(),
        }
    }

    pub(crate) fn insert(&mut self, pattern: &Pattern, owner: K) {
        let mut at = ROOT;
        for token in pattern.tokens() {
            let step = self.words.step(token);
            let child = step.and_then(|step| self.nodes[at as usize].child(step));
            at = match child {
                Some(child) => child,
                None => self.grow(at, token),
            };
        }
        *self.nodes[at as usize].owners.entry(owner).or_insert(0) += 1;
    }

    /// Takes out one of `owner`'s entries of the pattern, and the branch that nobody needs.
    pub(crate) fn remove(&mut self, pattern: &Pattern, owner: K) {
        let mut path = Vec::new();
        let mut at = ROOT;
        for token in pattern.tokens() {
            path.push((at, token));
            let step = self.words.step(token);
            let Some(child) = step.and_then(|step| self.nodes[at as usize].child(step)) else {
                return;
            };
            at = child;
        }
        let owners = &mut self.nodes[at as usize].owners;
        let Some(count) = owners.get_mut(&owner) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            owners.remove(&owner);
        }
        for (parent, token) in path.into_iter().rev() {
            if !self.nodes[at as usize].is_bare() {
                return;
            }
            self.nodes[at as usize] = Node::new();
            self.free.push(at);
            self.cut(parent, token);
            at = parent;
        }
    }

    /// Everyone who wants `topic`, each once, in order.
    pub(crate) fn matches(&self, topic: &str) -> Vec<K> {
        let is_special = topic.starts_with('$');
        let (mut here, mut next) = (Places::default(), Places::default());
        self.enter(ROOT, !is_special, &mut here);
        for (level, token) in topic.split('/').enumerate() {
            let may_be_wild = level > 0 || !is_special;
            let word = self.words.numbers.get(token).map(|word| word.number);
            // A `**` takes the token and stays.
            next.any.extend_from_slice(&here.any);
            for place in here.plain.drain(..).chain(here.any.drain(..)) {
                let node = &self.nodes[place as usize];
                let literal = word.and_then(|word| node.literals.get(&word));
                let one = node.one.filter(|_| may_be_wild);
                for child in literal.copied().into_iter().chain(one) {
                    self.enter(child, true, &mut next);
                }
            }
            // A place has one way to it, but a `**` that stays is also entered anew.
            next.any.sort_unstable();
            next.any.dedup();
            std::mem::swap(&mut here, &mut next);
        }
        let places = here.plain.iter().chain(&here.any);
        let owners = places.flat_map(|place| self.nodes[*place as usize].owners.keys());
        let mut found: Vec<K> = owners.copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Being at a place is also being at the `**` below it, which may take nothing.
    fn enter(&self, place: u32, may_be_wild: bool, places: &mut Places) {
        places.plain.push(place);
        let any = self.nodes[place as usize].any;
        places.any.extend(any.filter(|_| may_be_wild));
    }

    fn grow(&mut self, parent: u32, token: &str) -> u32 {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::new());
            self.nodes.len() as u32 - 1
        });
        let step = self.words.take(token);
        let node = &mut self.nodes[parent as usize];
        match step {
            Step::One => node.one = Some(child),
            Step::Any => node.any = Some(child),
            Step::Literal(word) => {
                node.literals.insert(word, child);
            }
        }
        child
    }

    fn cut(&mut self, parent: u32, token: &str) {
        let node = &mut self.nodes[parent as usize];
        match self.words.give_back(token) {
            Step::One => node.one = None,
            Step::Any => node.any = None,
            Step::Literal(word) => {
                node.literals.remove(&word);
            }
        }
    }

    /// Nodes in use, the root too, and words.
    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.nodes.len() - self.free.len(), self.words.numbers.len())
    }
}

/// Where patterns may have got to; those at a `**` apart.
#[derive(Default)]
struct Places {
    plain: Vec<u32>,
    any: Vec<u32>,
}

impl Tokens {
    /// `None` for a literal that is in no pattern.
    fn step(&self, token: &str) -> Option<Step> {
        match token {
            ONE => Some(Step::One),
            ANY => Some(Step::Any),
            literal => Some(Step::Literal(self.numbers.get(literal)?.number)),
        }
    }

    /// The token has one use more.
    fn take(&mut self, token: &str) -> Step {
        match token {
            ONE => Step::One,
            ANY => Step::Any,
            literal => {
                if let Some(word) = self.numbers.get_mut(literal) {
                    word.uses += 1;
                    return Step::Literal(word.number);
                }
                let number = self.free.pop().unwrap_or(self.numbers.len() as u32);
                self.numbers
                    .insert(literal.into(), Token { number, uses: 1 });
                Step::Literal(number)
            }
        }
    }

    /// The token has one use less.
    fn give_back(&mut self, token: &str) -> Step {
        let step = self.step(token).expect("a token in the trie has a use");
        if let (Step::Literal(number), Some(word)) = (step, self.numbers.get_mut(token)) {
            word.uses -= 1;
            if word.uses == 0 {
                self.numbers.remove(token);
                self.free.push(number);
            }
        }
        step
    }
}

impl<K> Node<K> {
    fn new() -> Node<K> {
        Node {
            literals: HashMap::default(),
            one: None,
            any: None,
            owners: BTreeMap::new(),
        }
    }

    fn child(&self, step: Step) -> Option<u32> {
        match step {
            Step::One => self.one,
            Step::Any => self.any,
            Step::Literal(word) => self.literals.get(&word).copied(),
        }
    }

    /// Nobody's pattern ends here or goes on from here.
    fn is_bare(&self) -> bool {
        self.owners.is_empty()
            && self.literals.is_empty()
            && self.one.is_none()
            && self.any.is_none()
    }
}

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    #[test]
    fn who_has_a_pattern_twice_must_take_it_out_twice() {
        let mut trie = Trie::new();
        trie.insert(&pattern("a/*"), 1);
        trie.insert(&pattern("a/*"), 1);
        trie.remove(&pattern("a/*"), 1);
        assert_eq!(trie.matches("a/b"), [1]);
        trie.remove(&pattern("a/*"), 1);
        assert_eq!(trie.matches("a/b"), []);
    }

    #[test]
    fn patterns_that_went_leave_no_node_behind() {
        let mut trie = Trie::new();
        let texts = ["a/b/c", "a/*/c", "a/**", "**", "*/**/z", "a/b"];
        texts.iter().for_each(|text| trie.insert(&pattern(text), 7));
        texts.iter().for_each(|text| trie.remove(&pattern(text), 7));
        trie.remove(&pattern("never/there"), 7);
        assert_eq!(trie.len(), (1, 0));
    }

    #[test]
    fn a_pattern_and_a_topic_of_the_greatest_depth_match() {
        let mut trie = Trie::new();
        let deep = vec!["a"; 128].join("/");
        trie.insert(&pattern(&deep), 1);
        trie.insert(&pattern(&vec!["**/a"; 64].join("/")), 2);
        assert_eq!(trie.matches(&deep), [1, 2]);
    }
}
