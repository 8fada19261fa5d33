//! Matcher: a pattern made ready to be held against many topics, each in one pass.

use crate::bus::words::topic::{ANY, ONE, Pattern, is_wildcard};

impl Pattern {
    /// Whether it matches one topic. For many topics there is a [`Matcher`].
    pub(crate) fn matches(&self, topic: &str) -> bool {
        Matcher::new(self).matches(topic)
    }
}

/// A set of places in a pattern, a bit for each: bit `n` stands in front of token `n`. A pattern has
/// at most 128 tokens, so all places fit, and each token of a topic costs the same whatever the
/// topic was so far.
type Places = u128;

/// Follows all ways through a pattern at once. Going back to a `**` for each mismatch would cost the
/// product of both lengths.
pub(crate) struct Matcher {
    /// Where each literal stands, sorted by literal.
    literals: Vec<(Box<str>, Places)>,
    ones: Places,
    anys: Places,
    /// In front of the last token.
    last: Places,
    /// What its topics begin with.
    prefix: String,
}

impl Matcher {
    pub(crate) fn new(pattern: &Pattern) -> Matcher {
        let tokens: Vec<&str> = pattern.tokens().collect();
        let fixed = tokens.iter().take_while(|token| !is_wildcard(token));
        let mut matcher = Matcher {
            literals: Vec::new(),
            ones: 0,
            anys: 0,
            last: 1 << (tokens.len() - 1),
            prefix: fixed.copied().collect::<Vec<&str>>().join("/"),
        };
        let mut literals: Vec<(&str, Places)> = Vec::new();
        for (place, token) in tokens.into_iter().enumerate() {
            match token {
                ONE => matcher.ones |= 1 << place,
                ANY => matcher.anys |= 1 << place,
                literal => literals.push((literal, 1 << place)),
            }
        }
        literals.sort_unstable();
        for (literal, place) in literals {
            match matcher.literals.last_mut() {
                Some((last, places)) if **last == *literal => *places |= place,
                _ => matcher.literals.push((literal.into(), place)),
            }
        }
        matcher
    }

    /// Whether topics that match may still come, in order, where this one has come.
    pub(crate) fn is_near(&self, topic: &str) -> bool {
        match self.ones | self.anys {
            0 => topic == self.prefix,
            _ => topic.starts_with(&self.prefix),
        }
    }

    /// What every topic that matches begins with; empty if that is open.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.prefix.is_empty() {
            return false;
        }
        let mut here = self.open(1);
        let mut is_at_end = false;
        for token in topic.split('/') {
            let taken = here & (self.ones | self.literal(token));
            // A `**` takes the token and stays.
            here = self.open(taken << 1 | here & self.anys);
            is_at_end = (taken | here & self.anys) & self.last != 0;
        }
        is_at_end
    }

    /// In front of a `**` is also behind it; no two of them are neighbours.
    fn open(&self, places: Places) -> Places {
        places | (places & self.anys) << 1
    }

    fn literal(&self, token: &str) -> Places {
        let found = self
            .literals
            .binary_search_by(|(literal, _)| (**literal).cmp(token));
        found.map_or(0, |at| self.literals[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, topic: &str) -> bool {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        Matcher::new(&pattern).matches(topic)
    }

    #[test]
    fn a_pattern_of_the_greatest_depth_is_held_against_a_topic_of_it() {
        let deep = vec!["a"; 128].join("/");
        assert!(matches(&deep, &deep));
        assert!(!matches(&deep, &deep[2..]));
        assert!(matches(&vec!["**/a"; 64].join("/"), &deep));
        assert!(matches(&format!("{}/**", &deep[2..]), &deep));
        assert!(matches(&format!("**/{}", &deep[2..]), &deep));
        assert!(!matches(
            &vec!["**/a"; 64].join("/"),
            &vec!["a"; 63].join("/")
        ));
    }

    #[test]
    fn its_prefix_is_what_stands_before_the_first_wildcard() {
        for (pattern, prefix) in [("a/b/*/c", "a/b"), ("**", ""), ("a/b", "a/b"), ("*/a", "")] {
            let pattern = Pattern::parse(pattern).expect("a pattern");
            assert_eq!(Matcher::new(&pattern).prefix(), prefix);
        }
    }
}
