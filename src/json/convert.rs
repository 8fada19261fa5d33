//! Convert: the two traits of types that are JSON, and the plain ones among them.

use std::borrow::Cow;

use super::error::Error;
use super::value::Value;

/// A type that can be written as JSON.
///
/// It is there for booleans, integers up to 128 bits, floats, strings, `Option` (`None` is
/// `null`), `()` (`null`), arrays, slices, `Vec`, tuples of up to six, maps with strings as keys,
/// and references and boxes of all these.
pub trait ToJson {
    /// This as a value.
    fn to_json(&self) -> Value;
}

/// A type that can be read from JSON: the same as for [`ToJson`], as far as they own what they
/// hold.
///
/// An integer is read exactly or not at all: `1e3` and `2.0` are integers, `2.5` is none, and
/// neither is `300` an `u8`. A float is the nearest one.
pub trait FromJson: Sized {
    /// What `value` stands for; for an error of your own, [`Error::mismatch`].
    fn from_json(value: &Value) -> Result<Self, Error>;
}

impl ToJson for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }
}

impl FromJson for Value {
    fn from_json(value: &Value) -> Result<Value, Error> {
        Ok(value.clone())
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

impl<T: ToJson + ?Sized> ToJson for Box<T> {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

impl<T: FromJson> FromJson for Box<T> {
    fn from_json(value: &Value) -> Result<Box<T>, Error> {
        T::from_json(value).map(Box::new)
    }
}

impl ToJson for () {
    fn to_json(&self) -> Value {
        Value::Null
    }
}

impl FromJson for () {
    fn from_json(value: &Value) -> Result<(), Error> {
        match value {
            Value::Null => Ok(()),
            _ => Err(Error::mismatch("null", value)),
        }
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: &Value) -> Result<Option<T>, Error> {
        match value {
            Value::Null => Ok(None),
            _ => T::from_json(value).map(Some),
        }
    }
}

impl ToJson for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }
}

impl FromJson for bool {
    fn from_json(value: &Value) -> Result<bool, Error> {
        match value {
            Value::Bool(value) => Ok(*value),
            _ => Err(Error::mismatch("a boolean", value)),
        }
    }
}

impl ToJson for str {
    fn to_json(&self) -> Value {
        Value::String(self.to_owned())
    }
}

impl ToJson for String {
    fn to_json(&self) -> Value {
        self.as_str().to_json()
    }
}

impl ToJson for Cow<'_, str> {
    fn to_json(&self) -> Value {
        self.as_ref().to_json()
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Result<String, Error> {
        match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(Error::mismatch("a string", value)),
        }
    }
}

impl ToJson for f64 {
    fn to_json(&self) -> Value {
        Value::Float(*self)
    }
}

impl FromJson for f64 {
    fn from_json(value: &Value) -> Result<f64, Error> {
        match value {
            Value::Float(value) => Ok(*value),
            Value::Integer(value) => Ok(*value as f64),
            _ => Err(Error::mismatch("a number", value)),
        }
    }
}

impl ToJson for f32 {
    fn to_json(&self) -> Value {
        Value::Float((*self).into())
    }
}

impl FromJson for f32 {
    fn from_json(value: &Value) -> Result<f32, Error> {
        let number = f64::from_json(value)? as f32;
        match number.is_finite() {
            true => Ok(number),
            false => Err(Error::mismatch("a number of at most 3.4e38", value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use crate::json::{FromJson, ToJson, Value, from_str, to_string};

    fn returns<T: ToJson + FromJson + PartialEq + std::fmt::Debug>(value: T, text: &str) {
        assert_eq!(to_string(&value), text);
        assert_eq!(from_str::<T>(text), Ok(value));
    }

    #[test]
    fn plain_values_come_back_as_they_were() {
        returns((), "null");
        returns(true, "true");
        returns("é\n".to_owned(), r#""é\n""#);
        returns(Some(false), "false");
        returns(None::<String>, "null");
        returns(Box::new(1.5), "1.5");
        returns(0.1_f32, "0.10000000149011612");
        returns(Value::Bool(true), "true");
    }

    #[test]
    fn what_is_borrowed_is_written_too() {
        let text: Cow<'_, str> = Cow::Borrowed("a");
        assert_eq!(to_string(&(&text, "b", &&3)), r#"["a","b",3]"#);
        assert_eq!(to_string("c"), r#""c""#);
    }

    #[test]
    fn a_float_is_the_nearest_to_what_is_written() {
        assert_eq!(from_str("9007199254740993"), Ok(9_007_199_254_740_992.0));
        assert_eq!(from_str("1e-400"), Ok(0.0));
        assert_eq!(from_str("31"), Ok(31.0_f32));
        let negative_zero: f64 = from_str("-0").expect("a number");
        assert!(negative_zero.is_sign_negative());
    }

    #[test]
    fn a_single_float_has_its_own_range() {
        let error = from_str::<f32>("[1e39]".trim_matches(['[', ']'])).unwrap_err();
        assert_eq!(error.expected(), "a number of at most 3.4e38");
    }

    #[test]
    fn nothing_is_taken_for_something_else() {
        assert!(from_str::<bool>("1").is_err());
        assert!(from_str::<bool>("null").is_err());
        assert!(from_str::<String>("1").is_err());
        assert!(from_str::<f64>(r#""1""#).is_err());
        assert!(from_str::<f64>("null").is_err());
        assert!(from_str::<()>("false").is_err());
        assert!(from_str::<Option<bool>>("0").is_err());
    }
}
