//! Cover: whether one pattern matches everything that another one does.

use crate::bus::words::topic::{ANY, ONE, Pattern};

impl Pattern {
    /// Whether every topic that `narrow` matches is matched by this one as well.
    ///
    /// `narrow` is read like a topic in which a wildcard is a token that nothing but a wildcard
    /// matches, and in which a `**` is a gap: it may be empty, so it stands for no token, and it may
    /// be long, so only a `**` goes across it. As with topics, the leftmost place is the best one
    /// for what follows a `**`, and an earlier `**` need not be asked again.
    pub(crate) fn covers(&self, narrow: &Pattern) -> bool {
        let wide: Vec<&str> = self.tokens().collect();
        let mut narrow: Vec<&str> = narrow.tokens().collect();
        let is_sys = |token: &&str| token.starts_with('$');
        if is_sys(&narrow[0]) && (wide[0] == ONE || wide[0] == ANY) {
            return false;
        }
        if narrow[0] == ANY && narrow.get(1).is_none_or(is_sys) {
            // No topic is empty, and no wildcard in first place matches such a token.
            narrow.insert(0, ONE);
        }
        let (mut at, mut next) = (0, 0);
        let mut back = None;
        while next < narrow.len() {
            let is_gap = narrow[next] == ANY;
            match wide.get(at) {
                Some(&ANY) => {
                    back = Some((at + 1, next));
                    at += 1;
                }
                Some(&ONE) if is_gap && is_before_any(&wide[at..]) => next += 1,
                Some(token) if !is_gap && (*token == ONE || *token == narrow[next]) => {
                    at += 1;
                    next += 1;
                }
                _ => {
                    let Some((after, taken)) = back else {
                        return false;
                    };
                    back = Some((after, taken + 1));
                    (at, next) = (after, taken + 1);
                }
            }
        }
        wide[at..].iter().all(|token| *token == ANY)
    }
}

/// Whether these begin with a run of wildcards that has a `**`, which comes last in it: together
/// they say no more than how many tokens there are at least.
fn is_before_any(tokens: &[&str]) -> bool {
    tokens.iter().find(|token| **token != ONE) == Some(&ANY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_matches_all_of() {
        let pattern = |text| Pattern::parse(text).expect("a pattern");
        let covered = [
            ("room/**", "room/1"),
            ("room/**", "room"),
            ("room/**", "room/*/temp"),
            ("room/*", "room/1"),
            ("**", "**/a/**"),
            ("*/**", "**/a"),
            ("*/**", "**"),
            ("*/**/$a", "**/$a"),
            ("a/**/b", "a/**/b/**/b"),
            ("*/**/*", "a/**/b"),
            ("$sys/**", "$sys/*"),
            ("**/x", "**/a/*/x"),
        ];
        for (wide, narrow) in covered {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        let left_out = [
            ("room/**", "**"),
            ("room/*", "room/**"),
            ("room/*", "room"),
            ("*", "**"),
            ("*/*/**", "*/**"),
            ("**", "$sys/**"),
            ("**/a/b", "**/a/**/b"),
            ("a/*/b", "a/**/b"),
            ("*/a/**", "**/a/**"),
        ];
        for (wide, narrow) in left_out {
            assert!(!pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
    }
}
