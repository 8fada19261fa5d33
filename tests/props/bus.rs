//! The trie of patterns against a matcher that is slow and plainly right, and words of any bytes.

use proptest::prelude::*;

use crate::bus::words::{Pattern, Topic, Trie, Word};

/// By the definition: every way to share the topic's tokens out among the pattern's.
fn fits(pattern: &[&str], topic: &[&str]) -> bool {
    match (pattern.split_first(), topic.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((&"**", rest)), _) => (0..=topic.len()).any(|taken| fits(rest, &topic[taken..])),
        (Some(_), None) => false,
        (Some((token, rest)), Some((first, left))) => {
            (*token == "*" || token == first) && fits(rest, left)
        }
    }
}

/// Of the pattern as it was written, before it is brought into its one form.
fn naive(pattern: &str, topic: &str) -> bool {
    fn split(text: &str) -> Vec<&str> {
        text.split('/').filter(|it| !it.is_empty()).collect()
    }
    let (pattern, topic) = (split(pattern), split(topic));
    let is_wild = matches!(pattern[0], "*" | "**");
    !(topic[0].starts_with('$') && is_wild) && fits(&pattern, &topic)
}

fn token(wild: bool) -> BoxedStrategy<&'static str> {
    let literal = prop_oneof![
        Just("a"),
        Just("b"),
        Just("c"),
        Just("$s"),
        Just("*a"),
        Just("")
    ];
    match wild {
        true => prop_oneof![literal, Just("*"), Just("**"), Just("**")].boxed(),
        false => literal.boxed(),
    }
}

/// With at least one token that does not vanish.
fn text(wild: bool) -> impl Strategy<Value = String> {
    let tokens = prop::collection::vec(token(wild), 1..7);
    let texts = tokens.prop_map(|tokens| tokens.join("/"));
    texts.prop_filter("it has a token", |text| {
        text.split('/').any(|it| !it.is_empty())
    })
}

/// Topics that a pattern matches, with a token of no other pattern for each `*`, and up to six for
/// each `**`: no pattern here can tell more of them apart.
fn topics_of(pattern: &Pattern) -> impl Iterator<Item = String> {
    const LENGTHS: usize = 7;
    let gaps = pattern.tokens().filter(|token| *token == "**").count();
    let topics = (0..LENGTHS.pow(gaps as u32)).map(|lengths| {
        let mut lengths = lengths;
        let mut topic = Vec::new();
        for token in pattern.tokens() {
            match token {
                "**" => {
                    topic.extend(vec!["z"; lengths % LENGTHS]);
                    lengths /= LENGTHS;
                }
                "*" => topic.push("z"),
                literal => topic.push(literal),
            }
        }
        topic.join("/")
    });
    topics.filter(|topic| !topic.is_empty() && pattern.matches(topic))
}

proptest! {
    #![proptest_config(super::cases(2_000))]

    #[test]
    fn the_trie_finds_what_a_naive_matcher_finds(
        patterns in prop::collection::vec(text(true), 1..20),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        topics in prop::collection::vec(text(false), 1..10),
    ) {
        let mut trie = Trie::new();
        let parse = |text: &String| Pattern::parse(text).expect("a pattern");
        let mut live = vec![true; patterns.len()];
        for (owner, pattern) in patterns.iter().enumerate() {
            trie.insert(&parse(pattern), owner);
        }
        for index in removed {
            let owner = index.index(patterns.len());
            if std::mem::replace(&mut live[owner], false) {
                trie.remove(&parse(&patterns[owner]), owner);
            }
        }
        for topic in topics {
            let expected: Vec<usize> = (0..patterns.len())
                .filter(|owner| live[*owner] && naive(&patterns[*owner], &topic))
                .collect();
            let normal = Topic::parse(&topic).expect("a topic");
            prop_assert_eq!(trie.matches(normal.as_str()), expected, "{}", topic);
        }
    }

    #[test]
    fn one_pattern_matches_as_the_naive_matcher_says(pattern in text(true), topic in text(false)) {
        let normal = Topic::parse(&topic).expect("a topic");
        let found = Pattern::parse(&pattern).expect("a pattern").matches(normal.as_str());
        prop_assert_eq!(found, naive(&pattern, &topic));
    }

    #[test]
    fn a_pattern_covers_another_if_it_matches_all_that_the_other_does(
        wide in text(true),
        narrow in text(true),
    ) {
        let (wide, narrow) = (Pattern::parse(&wide), Pattern::parse(&narrow));
        let (wide, narrow) = (wide.expect("a pattern"), narrow.expect("a pattern"));
        let left_out = topics_of(&narrow).find(|topic| !wide.matches(topic));
        let found = wide.covers(&narrow);
        prop_assert_eq!(found, left_out.is_none(), "{} {}: {:?}", wide, narrow, left_out);
    }

    #[test]
    fn any_text_has_one_form_or_is_refused(text in "(?s).{0,40}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(Pattern::parse(pattern.as_str()).expect("it is a pattern"), pattern);
        }
        if let Ok(topic) = Topic::parse(&text) {
            prop_assert_eq!(Topic::parse(topic.as_str()).expect("it is a topic"), topic);
        }
    }
}

/// A line of words, some of them empty, and what stands behind it; now and then cut up.
fn message() -> BoxedStrategy<Vec<u8>> {
    const VERBS: [&str; 22] = [
        "hello", "pub", "sub", "unsub", "serve", "unserve", "call", "cancel", "done", "fail",
        "ping", "peers", "welcome", "ok", "answer", "error", "many", "event", "lost", "run",
        "probe", "fly",
    ];
    const WORDS: [&str; 14] = [
        "",
        "",
        "",
        "01933f8e000070008000000000000ABC",
        "5000",
        "-1",
        "a/b",
        "%41",
        "%FF",
        "retain",
        "retained",
        "all",
        "from=a%20",
        "Remote",
    ];
    const TAILS: [&str; 6] = [
        "\n\n",
        "\n\nbody\n",
        "\na: b\n\n",
        "\r\n\n",
        "\n: c\n\n",
        "\na:",
    ];
    const ID: &str = "01933f8e000070008000000000000abc";
    let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..5);
    let verb = prop::sample::select(&VERBS[..]);
    let tail = prop::sample::select(&TAILS[..]);
    let cut = prop::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()));
    let message = (verb, words, tail, cut).prop_map(|(verb, words, tail, cut)| {
        let line = [vec![verb, ID], words].concat().join(" ");
        let mut bytes = [line.as_bytes(), tail.as_bytes()].concat();
        if let Some((index, byte)) = cut {
            *index.get_mut(&mut bytes) = byte;
        }
        bytes
    });
    message.boxed()
}

proptest! {
    #![proptest_config(super::cases(20_000))]

    #[test]
    fn a_word_is_the_same_when_it_was_written_and_parsed_again(bytes in message()) {
        match Word::parse(&bytes) {
            Ok(word) => {
                let written = word.to_bytes();
                prop_assert_eq!(Word::parse(&written), Ok(word), "{:?}", written);
            }
            Err(malformed) => {
                let id = malformed.id.map(|id| id.to_string());
                let text = String::from_utf8_lossy(&bytes).into_owned();
                prop_assert!(id.is_none_or(|id| text.contains(&id)), "{text:?}");
            }
        }
    }
}
