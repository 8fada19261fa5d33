//! Arguments: what was asked for, as flags and words.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;

use crate::cli::failure::Failure;
use crate::cli::verb::{Flag, Verb};

/// The arguments of one verb.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    /// Each flag by its long name, with its value where it takes one, in the order given.
    given: Vec<(&'static str, String)>,
    words: Vec<String>,
    /// What stands behind `--`.
    command: Vec<String>,
}

impl Arguments {
    /// Sorts out what follows the verb. Flags and words may be mixed; all behind `--` is a
    /// command, or more words where the verb has none.
    pub(crate) fn parse(
        verb: &Verb,
        given: impl IntoIterator<Item = OsString>,
    ) -> Result<Arguments, Failure> {
        let mut arguments = Arguments::default();
        let mut given = given.into_iter().map(text);
        while let Some(word) = given.next().transpose()? {
            match word.as_str() {
                "--" => {
                    let rest: Vec<String> = given.by_ref().collect::<Result<_, _>>()?;
                    match verb.takes_command {
                        true => arguments.command = rest,
                        false => arguments.words.extend(rest),
                    }
                }
                "-" => arguments.words.push(word),
                long if long.starts_with("--") => arguments.long(verb, long, &mut given)?,
                short if short.starts_with('-') => arguments.short(verb, short, &mut given)?,
                _ => arguments.words.push(word),
            }
        }
        if !arguments.has("--help") {
            arguments.check(verb)?;
        }
        Ok(arguments)
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.values(flag).next().is_some()
    }

    /// All values that the flag was given.
    pub(crate) fn values<'a>(&'a self, flag: &'a str) -> impl Iterator<Item = &'a str> {
        let same = self.given.iter().filter(move |(name, _)| *name == flag);
        same.map(|(_, value)| value.as_str())
    }

    /// The last value that the flag was given, or `default`.
    pub(crate) fn value<T: FromStr<Err: Display>>(
        &self,
        flag: &str,
        default: T,
    ) -> Result<T, Failure> {
        let Some(value) = self.values(flag).last() else {
            return Ok(default);
        };
        value
            .parse()
            .map_err(|error| Failure::Usage(format!("{flag} {value:?}: {error}")))
    }

    /// As [`value`](Arguments::value), for a number from 1 to `most`.
    pub(crate) fn count(&self, flag: &str, default: u64, most: u64) -> Result<u64, Failure> {
        let Some(text) = self.values(flag).last() else {
            return Ok(default);
        };
        let count = text.parse().ok().filter(|count| (1..=most).contains(count));
        let bound = match most {
            u64::MAX => "on".to_owned(),
            most => format!("to {most}"),
        };
        let wrong = || format!("{flag} {text:?}: it is no whole number from 1 {bound}");
        count.ok_or_else(|| Failure::Usage(wrong()))
    }

    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    pub(crate) fn command(&self) -> &[String] {
        &self.command
    }

    /// `--name`, `--name value` or `--name=value`.
    fn long(
        &mut self,
        verb: &Verb,
        word: &str,
        rest: &mut impl Iterator<Item = Result<String, Failure>>,
    ) -> Result<(), Failure> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let flag = find(verb, |flag| flag.long == name, name)?;
        if flag.value.is_empty() && value.is_some() {
            return Err(Failure::Usage(format!("{name} takes no value")));
        }
        self.put(flag, value, rest)
    }

    /// `-v`, `-t value`, `-tvalue`, and several in one: `-1v`.
    fn short(
        &mut self,
        verb: &Verb,
        word: &str,
        rest: &mut impl Iterator<Item = Result<String, Failure>>,
    ) -> Result<(), Failure> {
        for (at, letter) in word.char_indices().skip(1) {
            let flag = find(
                verb,
                |flag| flag.short == Some(letter),
                &format!("-{letter}"),
            )?;
            let after = &word[at + letter.len_utf8()..];
            if flag.value.is_empty() {
                self.put(flag, None, rest)?;
                continue;
            }
            let value = (!after.is_empty()).then(|| after.to_owned());
            return self.put(flag, value, rest);
        }
        Ok(())
    }

    fn put(
        &mut self,
        flag: &Flag,
        value: Option<String>,
        rest: &mut impl Iterator<Item = Result<String, Failure>>,
    ) -> Result<(), Failure> {
        let value = match (flag.value, value) {
            ("", _) => String::new(),
            (_, Some(value)) => value,
            (wanted, None) => {
                let missing = || Failure::Usage(format!("{} needs a value: {wanted}", flag.long));
                rest.next().ok_or_else(missing)??
            }
        };
        self.given.push((flag.long, value));
        Ok(())
    }

    fn check(&self, verb: &Verb) -> Result<(), Failure> {
        let (least, most) = verb.words;
        if let Some(stranger) = self.words.get(most) {
            return Err(Failure::Usage(format!("one word too many: {stranger:?}")));
        }
        if self.words.len() < least {
            let missing = verb.synopsis.split(' ').nth(self.words.len());
            let missing = missing.unwrap_or_default();
            return Err(Failure::Usage(format!("{missing} is missing")));
        }
        if verb.takes_command && self.command.is_empty() {
            let reason = "COMMAND is missing: it stands behind `--`";
            return Err(Failure::Usage(reason.to_owned()));
        }
        Ok(())
    }
}

fn text(word: OsString) -> Result<String, Failure> {
    let wrong = |word: OsString| Failure::Usage(format!("{word:?} is no UTF-8"));
    word.into_string().map_err(wrong)
}

fn find<'a>(
    verb: &'a Verb,
    is_meant: impl Fn(&Flag) -> bool,
    name: &str,
) -> Result<&'a Flag, Failure> {
    let flag = verb.flags().find(|flag| is_meant(flag));
    flag.ok_or_else(|| Failure::Usage(format!("{} has no flag {name}", verb.name)))
}
