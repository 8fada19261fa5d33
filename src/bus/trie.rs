//! Trie: who wants a topic, found in steps that grow with the matches and not with the patterns.

use std::collections::{BTreeMap, HashMap};

use crate::bus::topic::{ANY, ONE, Pattern};

/// Patterns and who has them. Nothing in it calls itself: a pattern of any depth costs a loop.
pub(crate) struct Trie<K> {
    nodes: Vec<Node<K>>,
    free: Vec<u32>,
}

/// A place in patterns: the tokens on the way here.
struct Node<K> {
    literals: HashMap<Box<str>, u32>,
    one: Option<u32>,
    any: Option<u32>,
    /// It is somebody's `any`: it takes any number of tokens and stays.
    is_any: bool,
    /// Who has the pattern that ends here, and how often.
    owners: BTreeMap<K, u32>,
}

const ROOT: u32 = 0;

impl<K: Copy + Ord> Trie<K> {
    pub(crate) fn new() -> Trie<K> {
        Trie {
            nodes: vec![Node::new()],
            free: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, pattern: &Pattern, owner: K) {
        let mut at = ROOT;
        for token in pattern.tokens() {
            at = match self.nodes[at as usize].child(token) {
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
            let Some(child) = self.nodes[at as usize].child(token) else {
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
            self.nodes[parent as usize].cut(token);
            at = parent;
        }
    }

    /// Everyone who wants `topic`, each once, in order.
    pub(crate) fn matches(&self, topic: &str) -> Vec<K> {
        let is_special = topic.starts_with('$');
        let (mut here, mut next) = (Vec::new(), Vec::new());
        self.enter(ROOT, !is_special, &mut here);
        for (level, token) in topic.split('/').enumerate() {
            let may_be_wild = level > 0 || !is_special;
            for place in here.drain(..) {
                let node: &Node<K> = &self.nodes[place as usize];
                if node.is_any {
                    next.push(place);
                }
                if let Some(child) = node.literals.get(token) {
                    self.enter(*child, true, &mut next);
                }
                if let Some(child) = node.one.filter(|_| may_be_wild) {
                    self.enter(child, true, &mut next);
                }
            }
            // A `**` that stays is also entered anew: once is enough.
            next.sort_unstable();
            next.dedup();
            std::mem::swap(&mut here, &mut next);
        }
        let owners = here.iter().map(|place| &self.nodes[*place as usize].owners);
        let mut found: Vec<K> = owners.flat_map(|owners| owners.keys().copied()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Being at a node is also being at the `**` below it, which may take nothing.
    fn enter(&self, place: u32, may_be_wild: bool, places: &mut Vec<u32>) {
        places.push(place);
        places.extend(self.nodes[place as usize].any.filter(|_| may_be_wild));
    }

    fn grow(&mut self, parent: u32, token: &str) -> u32 {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::new());
            self.nodes.len() as u32 - 1
        });
        let node = &mut self.nodes[parent as usize];
        match token {
            ONE => node.one = Some(child),
            ANY => {
                node.any = Some(child);
                self.nodes[child as usize].is_any = true;
            }
            literal => {
                node.literals.insert(literal.into(), child);
            }
        }
        child
    }

    /// Nodes in use, the root too.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }
}

impl<K> Node<K> {
    fn new() -> Node<K> {
        Node {
            literals: HashMap::new(),
            one: None,
            any: None,
            is_any: false,
            owners: BTreeMap::new(),
        }
    }

    fn child(&self, token: &str) -> Option<u32> {
        match token {
            ONE => self.one,
            ANY => self.any,
            literal => self.literals.get(literal).copied(),
        }
    }

    fn cut(&mut self, token: &str) {
        match token {
            ONE => self.one = None,
            ANY => self.any = None,
            literal => {
                self.literals.remove(literal);
            }
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
        assert_eq!(trie.len(), 1);
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
