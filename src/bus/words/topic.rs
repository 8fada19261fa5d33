//! Topic and pattern: names between slashes, brought into one form and compared.

use std::fmt;

use crate::bus::words::error::Error;

/// More levels have no use, and cost whoever matches them.
pub(crate) const MAX_LEVELS: usize = 128;

/// Bytes of a topic or a pattern.
pub(crate) const MAX_BYTES: usize = 4 * 1024;

/// Exactly one token.
pub(crate) const ONE: &str = "*";

/// Any number of tokens, none too.
pub(crate) const ANY: &str = "**";

/// A name without wildcards, in its one form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Topic(String);

/// A name in which tokens may be wildcards, in its one form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Pattern(String);

impl Topic {
    pub(crate) fn parse(text: &str) -> Result<Topic, Error> {
        let tokens = tokens_of(text)?;
        match tokens.iter().any(|token| is_wildcard(token)) {
            true => Err(bad(text, "a wildcard is not a name")),
            false => Ok(Topic(tokens.join("/"))),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Kept for what the bus itself tells.
    pub(crate) fn is_reserved(&self) -> bool {
        self.0 == "$sys" || self.0.starts_with("$sys/")
    }
}

impl Pattern {
    /// In a run of wildcards all `*` come first, and one `**` is as good as many.
    pub(crate) fn parse(text: &str) -> Result<Pattern, Error> {
        let mut ordered: Vec<&str> = Vec::new();
        let mut has_any = false;
        for token in tokens_of(text)? {
            match token {
                ANY => has_any = true,
                ONE => ordered.push(ONE),
                literal => {
                    if has_any {
                        ordered.push(ANY);
                    }
                    has_any = false;
                    ordered.push(literal);
                }
            }
        }
        if has_any {
            ordered.push(ANY);
        }
        Ok(Pattern(ordered.join("/")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// How many tokens are behind a `**`: their places in a topic are open.
    pub(crate) fn open_tokens(&self) -> usize {
        self.tokens()
            .skip_while(|token| *token != ANY)
            .skip(1)
            .count()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client's name is one token of this many bytes at most.
const MAX_NAME: usize = 256;

pub(crate) fn is_name(text: &str) -> bool {
    let is_token = !text.is_empty() && !text.contains('/');
    // It is called by an `@` in front of it.
    is_token && text.len() <= MAX_NAME && !text.starts_with('@')
}

pub(crate) fn bad_name(text: &str) -> Error {
    Error::BadTopic {
        topic: text.chars().take(MAX_NAME).collect(),
        reason: "a name is one token of at most 256 bytes, and begins with no @".to_owned(),
    }
}

pub(super) fn is_wildcard(token: &str) -> bool {
    token == ONE || token == ANY
}

/// Tokens of a name that is within its bounds; empty ones vanish.
fn tokens_of(text: &str) -> Result<Vec<&str>, Error> {
    if text.len() > MAX_BYTES {
        let start: String = text.chars().take(32).collect();
        return Err(bad(&start, "it is longer than 4 KiB"));
    }
    let tokens: Vec<&str> = text.split('/').filter(|token| !token.is_empty()).collect();
    match tokens.len() {
        0 => Err(bad(text, "it has no token")),
        count if count > MAX_LEVELS => Err(bad(text, "it has more than 128 levels")),
        _ => Ok(tokens),
    }
}

fn bad(topic: &str, reason: &str) -> Error {
    Error::BadTopic {
        topic: topic.to_owned(),
        reason: reason.to_owned(),
    }
}
