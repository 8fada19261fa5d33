//! Outcome: what a function gives that may fail to give a value.

use std::convert::Infallible;
use std::fmt;

use super::convert::ToJson;
use super::value::Value;

/// What a function gives that others ask for JSON: a value, or a `Result` of one.
pub trait Outcome {
    /// Why there is no value.
    type Error: fmt::Display + 'static;

    /// The value as JSON, or why there is none.
    fn outcome(self) -> Result<Value, Self::Error>;
}

impl<T: ToJson> Outcome for T {
    type Error = Infallible;

    fn outcome(self) -> Result<Value, Infallible> {
        Ok(self.to_json())
    }
}

impl<T: ToJson, E: fmt::Display + 'static> Outcome for Result<T, E> {
    type Error = E;

    fn outcome(self) -> Result<Value, E> {
        self.map(|value| value.to_json())
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Outcome, Value};

    fn told(outcome: impl Outcome) -> Result<Value, String> {
        outcome.outcome().map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_one_with_and_without_a_result_around_it() {
        assert_eq!(told(7), Ok(Value::Integer(7)));
        assert_eq!(told(Ok::<_, String>(7)), Ok(Value::Integer(7)));
        assert_eq!(told(()), Ok(Value::Null));
    }

    #[test]
    fn an_error_is_told_as_it_is_displayed() {
        let fault = "invalid digit found in string".to_owned();
        assert_eq!(told("x".parse::<u8>()), Err(fault));
    }
}
