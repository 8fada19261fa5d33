//! JSON: text that programs in every language read, to and from Rust values.
//!
//! ```
//! use jackfield::json;
//!
//! assert_eq!(json::to_string(&(2, "four", [0.5])), r#"[2,"four",[0.5]]"#);
//! let (id, name): (u64, String) = json::from_str(r#"[ 18446744073709551615, "caf\u00e9" ]"#)?;
//! assert_eq!((id, name.as_str()), (u64::MAX, "café"));
//!
//! let error = json::from_str::<Vec<i64>>("[1, 2.5]").unwrap_err();
//! assert_eq!(error.to_string(), "byte 4, [1]: expected an integer, found a number");
//! # Ok::<(), json::Error>(())
//! ```
//!
//! The parser takes what RFC 8259 takes, and nothing else. Of a key that an object has twice, the
//! last one counts. Integers stay integers: what has no fraction and no exponent is exact from
//! -2^127 to 2^127 - 1, and becomes the nearest `f64` beyond that; what no `f64` can hold is an
//! error, and so is half of a surrogate pair. Nothing nests deeper than [`MAX_DEPTH`].
//!
//! Types of your own join by two traits, each with one method:
//!
//! ```
//! use jackfield::json::{self, Error, FromJson, ToJson, Value};
//!
//! struct Reading { room: String, celsius: f64, note: Option<String> }
//!
//! impl ToJson for Reading {
//!     fn to_json(&self) -> Value {
//!         Value::object([
//!             ("room", self.room.to_json()),
//!             ("celsius", self.celsius.to_json()),
//!             ("note", self.note.to_json()),
//!         ])
//!     }
//! }
//!
//! impl FromJson for Reading {
//!     fn from_json(value: &Value) -> Result<Reading, Error> {
//!         Ok(Reading {
//!             room: value.field("room")?,
//!             celsius: value.field("celsius")?,
//!             note: value.field("note")?, // an `Option` may be absent
//!         })
//!     }
//! }
//!
//! let readings: Vec<Reading> = json::from_str(r#"[{"room":"attic","celsius":31}]"#)?;
//! assert_eq!(readings[0].celsius, 31.0);
//! assert_eq!(json::to_string(&readings), r#"[{"celsius":31.0,"note":null,"room":"attic"}]"#);
//! # Ok::<(), Error>(())
//! ```

mod collections;
mod convert;
mod error;
mod integers;
mod parser;
mod tuples;
mod value;
mod writer;

pub use convert::{FromJson, ToJson};
pub use error::Error;
pub use parser::MAX_DEPTH;
pub use value::Value;

/// `value` as JSON text, without spaces.
pub fn to_string<T: ToJson + ?Sized>(value: &T) -> String {
    value.to_json().to_string()
}

/// Reads one JSON text: a value, and nothing after it.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, Error> {
    let value = parser::parse(text)?;
    T::from_json(&value).map_err(|error| error.located(text))
}

/// As [`from_str`], from the bytes of a text in UTF-8.
pub fn from_slice<T: FromJson>(bytes: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::at(error.valid_up_to(), "UTF-8", "another byte"))?;
    from_str(text)
}
