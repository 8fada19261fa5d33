//! JSON: what is written is read back the same, and no bytes make the parser panic.

use std::collections::BTreeMap;

use crate::json::{self, FromJson, ToJson, Value};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

fn some_text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![4 => any::<char>(), 2 => (0..0x80_u8).prop_map(char::from), 1 => Just('"')],
        0..12,
    )
    .prop_map(String::from_iter)
}

fn some_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(Value::Integer),
        any::<i8>().prop_map(|small| Value::Integer(small.into())),
        prop::num::f64::ANY
            .prop_filter("finite", |float| float.is_finite())
            .prop_map(Value::Float),
        some_text().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(some_text(), inner, 0..6).prop_map(Value::Object),
        ]
    })
}

/// Bytes that look like JSON, so that they get past the first one.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "[", "]", "{", "}", ",", ":", "\"", "\\", "\\u", "d83d", "\\ude00", "1", "-", "0", ".",
            "e", "E+", "null", "true", "false", " ", "\n", "é", "\"a\":", "12",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Whether `value` comes back as it was, to the sign of a zero.
fn comes_back<T: ToJson + FromJson>(value: &T) -> bool {
    let text = json::to_string(value);
    json::from_str::<T>(&text).is_ok_and(|read| json::to_string(&read) == text)
}

proptest! {
    #![proptest_config(super::cases(500))]

    #[test]
    fn what_is_written_is_read_back_the_same(value in some_value()) {
        let text = value.to_string();
        let read: Value = json::from_str(&text).expect("it was written");
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn typed_values_come_back(
        floats in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 0..4),
        single in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL,
        mapped in prop::collection::btree_map(some_text(), any::<(i64, u64, Option<bool>)>(), 0..4),
        text in some_text(),
    ) {
        prop_assert_eq!(json::from_str(&json::to_string(&floats)), Ok(floats));
        prop_assert_eq!(json::from_str(&json::to_string(&single)), Ok(single));
        prop_assert_eq!(json::from_str(&json::to_string(&text)), Ok(text));
        prop_assert!(comes_back(&mapped));
        let map: BTreeMap<String, (i64, u64, Option<bool>)> = mapped;
        prop_assert_eq!(json::from_str(&json::to_string(&map)), Ok(map));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = json::from_slice::<Value>(&bytes) {
            prop_assert!(error.offset().is_some_and(|at| at <= bytes.len()));
        }
    }

    #[test]
    fn what_is_taken_means_the_same_when_it_is_written_again(bytes in almost_json()) {
        match json::from_slice::<Value>(&bytes) {
            Ok(value) => prop_assert_eq!(json::from_str(&value.to_string()), Ok(value)),
            Err(error) => prop_assert!(error.offset().is_some_and(|at| at <= bytes.len())),
        }
    }

    #[test]
    fn a_type_that_does_not_fit_is_told_inside_of_the_text(value in some_value()) {
        let text = value.to_string();
        type Wanted = BTreeMap<String, Vec<(u8, bool)>>;
        if let Err(error) = json::from_str::<Wanted>(&text) {
            let at = error.offset().expect("there was a text");
            prop_assert!(at < text.len() && text.is_char_boundary(at));
        }
    }
}
