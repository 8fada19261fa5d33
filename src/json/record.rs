//! Record: structs that are JSON objects, each said once.

use std::collections::BTreeMap;

use super::error::{Error, Step};
use super::value::Value;

/// A struct that [`record!`](macro@super::record) made.
pub trait Record {
    /// What it is called: the struct's own name, or what stands behind its `as`.
    const NAME: &'static str;
}

impl<T: Record> Record for &T {
    const NAME: &'static str = T::NAME;
}

/// Makes structs that are JSON objects: it writes the struct, [`ToJson`](super::ToJson),
/// [`FromJson`](super::FromJson) and [`Record`].
///
/// ```
/// use jackfield::json::{self, Record};
///
/// json::record! {
///     /// What a sensor says.
///     #[derive(Debug, PartialEq)]
///     pub struct Reading as "room/reading" {
///         pub room: String,
///         pub celsius as "°C": f64,
///         pub scale: u32 = 1, // where the key is absent
///         pub note: Option<String>, // may be absent, as everywhere
///     }
/// }
///
/// let reading: Reading = json::from_str(r#"{"room":"attic","°C":31}"#)?;
/// assert_eq!((reading.scale, Reading::NAME), (1, "room/reading"));
/// assert_eq!(json::to_string(&reading), r#"{"note":null,"room":"attic","scale":1,"°C":31.0}"#);
///
/// let error = json::from_str::<Reading>(r#"{"room":"attic","°C":"31"}"#).unwrap_err();
/// assert_eq!(error.to_string(), "byte 22, .°C: expected a number, found a string");
/// # Ok::<(), json::Error>(())
/// ```
///
/// As in a pattern, what is not named is refused, unless two dots say otherwise. They take
/// whatever else is there, and with a name behind them they keep it, to be written again:
///
/// ```
/// use jackfield::json;
///
/// json::record! {
///     struct Closed { a: i32 }
///     struct Open { a: i32, .. }
///     struct Keeping { a: i32, ..others }
/// }
///
/// let text = r#"{"a":1,"b":2}"#;
/// let error = json::from_str::<Closed>(text).err().expect("there is a b");
/// assert_eq!(error.to_string(), r#"byte 11, .b: expected no key but "a", found an integer"#);
/// assert_eq!(json::from_str::<Open>(text)?.a, 1);
///
/// let keeping: Keeping = json::from_str(text)?;
/// assert_eq!(keeping.others["b"], json::Value::Integer(2)); // a `BTreeMap<String, Value>`
/// assert_eq!(json::to_string(&keeping), text);
/// # Ok::<(), json::Error>(())
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    // The key of a field, and the name of a struct: its own, or what stands behind its `as`.
    (@key $own:ident) => { $crate::json::__key(stringify!($own)) };
    (@key $own:ident $said:literal) => { $said };
    (@name $own:ident) => { stringify!($own) };
    (@name $own:ident $said:literal) => { $said };

    (@read $value:ident [$($key:tt)+]) => { $value.field($crate::__record!(@key $($key)+))? };
    (@read $value:ident [$($key:tt)+] $default:expr) => {
        $value.field_or($crate::__record!(@key $($key)+), || $default)?
    };

    // The three ways in which the fields of a struct can end.
    (@fields $head:tt {
        $($(#[$about:meta])* $seen:vis $field:ident $(as $key:literal)? : $type:ty
            $(= $default:expr)?),* $(,)?
    }) => {
        $crate::__record!(@make $head true
            [$($(#[$about])* $seen $field [$($key)?] [$type] [$($default)?])*] []);
    };
    (@fields $head:tt {
        $($(#[$about:meta])* $seen:vis $field:ident $(as $key:literal)? : $type:ty
            $(= $default:expr)?,)* ..
    }) => {
        $crate::__record!(@make $head false
            [$($(#[$about])* $seen $field [$($key)?] [$type] [$($default)?])*] []);
    };
    (@fields $head:tt {
        $($(#[$about:meta])* $seen:vis $field:ident $(as $key:literal)? : $type:ty
            $(= $default:expr)?,)* .. $shown:vis $rest:ident
    }) => {
        $crate::__record!(@make $head false
            [$($(#[$about])* $seen $field [$($key)?] [$type] [$($default)?])*] [$shown $rest]);
    };

    (@make [$(#[$meta:meta])* $vis:vis $name:ident [$($said:literal)?]] $is_closed:literal
        [$($(#[$about:meta])* $seen:vis $field:ident [$($key:literal)?] [$type:ty] [$($default:expr)?])*]
        [$($shown:vis $rest:ident)?]
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$about])* $seen $field: $type,)*
            $($shown $rest: ::std::collections::BTreeMap<String, $crate::json::Value>,)?
        }

        impl $crate::json::Record for $name {
            const NAME: &'static str = $crate::__record!(@name $name $($said)?);
        }

        impl $crate::json::ToJson for $name {
            fn to_json(&self) -> $crate::json::Value {
                #[allow(unused_mut)]
                let mut members = ::std::collections::BTreeMap::new();
                $(members.clone_from(&self.$rest);)?
                $(members.insert(
                    ::std::string::String::from($crate::__record!(@key $field $($key)?)),
                    $crate::json::ToJson::to_json(&self.$field),
                );)*
                $crate::json::Value::Object(members)
            }
        }

        impl $crate::json::FromJson for $name {
            fn from_json(
                value: &$crate::json::Value,
            ) -> ::std::result::Result<Self, $crate::json::Error> {
                #[allow(unused_variables)]
                let others = $crate::json::__others(
                    value,
                    &[$($crate::__record!(@key $field $($key)?)),*],
                    $is_closed,
                )?;
                Ok(Self {
                    $($field: $crate::__record!(@read value [$field $($key)?] $($default)?),)*
                    $($rest: $crate::json::__kept(others),)?
                })
            }
        }
    };

    ($(
        $(#[$meta:meta])* $vis:vis struct $name:ident $(as $said:literal)? { $($fields:tt)* }
    )+) => {
        $($crate::__record!(@fields [$(#[$meta])* $vis $name [$($said)?]] { $($fields)* });)+
    };
}

/// A field's name without what makes a keyword a name.
#[doc(hidden)]
pub fn __key(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// What an object has beside these keys; an error if that is not nothing and is to be.
#[doc(hidden)]
pub fn __others<'a>(
    value: &'a Value,
    keys: &[&str],
    is_closed: bool,
) -> Result<Vec<(&'a String, &'a Value)>, Error> {
    let Value::Object(members) = value else {
        return Err(Error::mismatch("an object", value));
    };
    let others = members
        .iter()
        .filter(|(key, _)| !keys.contains(&key.as_str()));
    let others: Vec<_> = others.collect();
    match others.first().filter(|_| is_closed) {
        Some((key, value)) => {
            let known: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            let expected = format!("no key but {}", known.join(", "));
            Err(Error::mismatch(expected, value).inside(Step::key(key)))
        }
        None => Ok(others),
    }
}

/// What a record keeps of them.
#[doc(hidden)]
pub fn __kept(others: Vec<(&String, &Value)>) -> BTreeMap<String, Value> {
    let others = others.into_iter();
    let owned = others.map(|(key, value)| (key.clone(), value.clone()));
    owned.collect()
}

#[cfg(test)]
mod tests {
    use crate::json::{self, Record, Value, from_str, to_string};

    json::record! {
        #[derive(Clone, PartialEq, Debug)]
        struct Greeted {
            name: String,
            times: u32 = 1,
            r#type: Option<String>,
        }

        #[derive(PartialEq, Debug)]
        pub(crate) struct Letter as "post/letter" {
            to as "TO": Vec<Greeted> = Vec::new(),
            ..pub rest
        }

        struct Nothing {}

        struct Anything { .. }

        struct Loose { a: u8, .. }
    }

    fn fault<T: json::FromJson>(text: &str) -> String {
        match from_str::<T>(text) {
            Ok(_) => panic!("{text} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let greeted = Greeted {
            name: "Ann".to_owned(),
            times: 2,
            r#type: Some("loud".to_owned()),
        };
        let text = r#"{"name":"Ann","times":2,"type":"loud"}"#;
        assert_eq!(to_string(&greeted), text);
        assert_eq!(from_str(text), Ok(greeted));
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let greeted: Greeted = from_str(r#"{"name":"Ann"}"#).expect("a name is enough");
        assert_eq!((greeted.times, greeted.r#type), (1, None));
        assert_eq!(from_str::<Letter>("{}").expect("all absent").to, []);
    }

    #[test]
    fn a_default_is_for_what_is_absent_and_not_for_what_is_wrong() {
        let wrong = fault::<Greeted>(r#"{"name":"Ann","times":null}"#);
        assert_eq!(wrong, "byte 22, .times: expected an integer, found null");
    }

    #[test]
    fn an_error_names_the_field() {
        let missing = fault::<Greeted>(r#"{"times":2}"#);
        assert_eq!(
            missing,
            r#"byte 0: expected the key "name", found an object"#
        );
        let inner = fault::<Letter>(r#"{"TO":[{"name":"Ann"},{"name":7}]}"#);
        assert_eq!(
            inner,
            "byte 30, .TO[1].name: expected a string, found an integer"
        );
        assert_eq!(
            fault::<Greeted>("7"),
            "byte 0: expected an object, found an integer"
        );
        assert_eq!(
            fault::<Anything>("7"),
            "byte 0: expected an object, found an integer"
        );
    }

    #[test]
    fn what_is_not_named_is_refused_or_taken_or_kept() {
        let other = fault::<Greeted>(r#"{"nmae":"Ann"}"#);
        let known = r#"expected no key but "name", "times", "type", found a string"#;
        assert_eq!(other, format!("byte 8, .nmae: {known}"));
        assert!(from_str::<Nothing>("{}").is_ok());
        assert!(fault::<Nothing>(r#"{"a":1}"#).starts_with("byte 5, .a: "));

        assert_eq!(
            from_str::<Loose>(r#"{"a":1,"b":2}"#).map(|loose| loose.a),
            Ok(1)
        );
        assert!(from_str::<Anything>(r#"{"a":1}"#).is_ok());

        let letter: Letter = from_str(r#"{"TO":[],"about":[1]}"#).expect("a letter");
        assert_eq!(letter.rest["about"].at(0), Some(&Value::Integer(1)));
        assert_eq!(to_string(&letter), r#"{"TO":[],"about":[1]}"#);
    }

    #[test]
    fn a_record_has_a_name() {
        assert_eq!((Greeted::NAME, Letter::NAME), ("Greeted", "post/letter"));
    }
}
