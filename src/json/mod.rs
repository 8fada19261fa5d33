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
//! Structs of your own join by [`record!`], which writes them as well:
//!
//! ```
//! use jackfield::json;
//!
//! json::record! {
//!     struct Reading { room: String, celsius: f64, scale: u32 = 1, note: Option<String> }
//! }
//!
//! let readings: Vec<Reading> = json::from_str(r#"[{"room":"attic","celsius":31}]"#)?;
//! assert_eq!((readings[0].celsius, readings[0].scale), (31.0, 1));
//!
//! let error = json::from_str::<Reading>(r#"{"room":"attic","celsuis":31}"#).err();
//! let error = error.expect("a key is wrong").to_string();
//! assert!(error.starts_with("byte 26, .celsuis: expected no key but"));
//! # Ok::<(), json::Error>(())
//! ```
//!
//! Other types join by two traits, each with one method:
//!
//! ```
//! use jackfield::json::{self, Error, FromJson, ToJson, Value};
//!
//! #[derive(PartialEq, Debug)]
//! enum Door { Open, Closed }
//!
//! impl ToJson for Door {
//!     fn to_json(&self) -> Value {
//!         match self {
//!             Door::Open => "open".to_json(),
//!             Door::Closed => "closed".to_json(),
//!         }
//!     }
//! }
//!
//! impl FromJson for Door {
//!     fn from_json(value: &Value) -> Result<Door, Error> {
//!         match value.read::<String>()?.as_str() {
//!             "open" => Ok(Door::Open),
//!             "closed" => Ok(Door::Closed),
//!             _ => Err(Error::mismatch("open or closed", value)),
//!         }
//!     }
//! }
//!
//! assert_eq!(json::from_str::<Vec<Door>>(r#"["open","closed"]"#)?, [Door::Open, Door::Closed]);
//! # Ok::<(), Error>(())
//! ```

mod collections;
mod convert;
mod error;
mod integers;
mod outcome;
mod parser;
mod record;
mod tuples;
mod value;
mod writer;

pub use convert::{FromJson, ToJson};
pub use error::Error;
pub use outcome::Outcome;
pub use parser::MAX_DEPTH;
pub use record::Record;
#[doc(hidden)]
pub use record::{__kept, __key, __others};
pub use value::Value;

#[doc(inline)]
pub use crate::__record as record;

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
