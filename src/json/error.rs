//! Error: where a text is not what was expected.

use std::fmt;

use super::parser;
use super::value::Value;

/// What was expected, what is there instead, and where.
///
/// ```
/// use jackfield::json::{self, Value};
///
/// let error = json::from_str::<Value>("[1, 2").unwrap_err();
/// assert_eq!((error.offset(), error.expected()), (Some(5), "`,` or `]`"));
/// assert_eq!(error.to_string(), "byte 5: expected `,` or `]`, found the end");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    offset: Option<usize>,
    /// The innermost step first: it is added to on the way out.
    path: Vec<Step>,
    expected: String,
    found: String,
}

/// One step from a value into a value in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Error {
    /// For [`FromJson`](super::FromJson) of your own types: `value` is not the `expected` thing.
    pub fn mismatch(expected: impl Into<String>, value: &Value) -> Error {
        Error {
            offset: None,
            path: Vec::new(),
            expected: expected.into(),
            found: value.kind().to_owned(),
        }
    }

    /// How many bytes of the text are before it; `None` where a [`Value`] was read and no text.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// What would have been right there.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Where in the value it is, as in `.rooms[2].name`; empty for the whole of it, and where the
    /// text is no JSON.
    pub fn path(&self) -> String {
        self.path.iter().rev().map(Step::to_string).collect()
    }

    pub(super) fn at(offset: usize, expected: &str, found: impl Into<String>) -> Error {
        Error {
            offset: Some(offset),
            path: Vec::new(),
            expected: expected.to_owned(),
            found: found.into(),
        }
    }

    /// The same fault, as seen from the value around it.
    pub(super) fn inside(mut self, step: Step) -> Error {
        self.path.push(step);
        self
    }

    /// Finds out where in `text`, which is valid, the value stands that is not as expected.
    pub(super) fn located(self, text: &str) -> Error {
        let steps = self.path.iter().rev();
        let offset = self.offset.or_else(|| Some(parser::locate(text, steps)));
        Error { offset, ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset.map(|offset| format!("byte {offset}"));
        let path = Some(self.path()).filter(|path| !path.is_empty());
        let place: Vec<String> = offset.into_iter().chain(path).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
