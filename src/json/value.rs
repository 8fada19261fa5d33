//! Value: any JSON there is.

use std::collections::BTreeMap;

use super::convert::FromJson;
use super::error::{Error, Step};

/// Any JSON value. It is written by [`to_string`](ToString::to_string).
///
/// ```
/// use jackfield::json::{self, Value};
///
/// let value: Value = json::from_str(r#"{"rooms":[{"name":"attic","warm":true}]}"#)?;
/// let attic = value.get("rooms").and_then(|rooms| rooms.at(0)).expect("it is there");
/// assert_eq!(attic.field::<String>("name")?, "attic");
/// assert_eq!(attic.to_string(), r#"{"name":"attic","warm":true}"#);
/// # Ok::<(), json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent.
    Integer(i128),
    /// Any other number. What is not finite is written as `null`.
    Float(f64),
    /// Text.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by their keys.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// An object of these members; of a key that comes twice, the last one counts.
    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
        let members = members.into_iter();
        Value::Object(members.map(|(key, value)| (key.into(), value)).collect())
    }

    /// The value under `key`, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.get(key),
            _ => None,
        }
    }

    /// The value at `index`, if this is an array that is long enough.
    pub fn at(&self, index: usize) -> Option<&Value> {
        match self {
            Value::Array(items) => items.get(index),
            _ => None,
        }
    }

    /// This value as a `T`.
    pub fn read<T: FromJson>(&self) -> Result<T, Error> {
        T::from_json(self)
    }

    /// The value under `key` as a `T`; where the key is absent, what `T` makes of `null`.
    pub fn field<T: FromJson>(&self, key: &str) -> Result<T, Error> {
        let Value::Object(members) = self else {
            return Err(Error::mismatch("an object", self));
        };
        match members.get(key) {
            Some(value) => T::from_json(value).map_err(|error| error.inside(Step::key(key))),
            None => T::from_json(&Value::Null)
                .map_err(|_| Error::mismatch(format!("the key {key:?}"), self)),
        }
    }

    /// As [`field`](Value::field), but where the key is absent, `default` says the value.
    pub fn field_or<T: FromJson>(
        &self,
        key: &str,
        default: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        match self {
            Value::Object(members) if !members.contains_key(key) => Ok(default()),
            _ => self.field(key),
        }
    }

    /// What kind of value this is, in words for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

impl Step {
    pub(super) fn key(key: &str) -> Step {
        Step::Key(key.to_owned())
    }
}
