//! Collections: lists and maps.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use super::convert::{FromJson, ToJson};
use super::error::{Error, Step};
use super::value::Value;

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(T::to_json).collect())
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value) -> Result<Vec<T>, Error> {
        let Value::Array(items) = value else {
            return Err(Error::mismatch("an array", value));
        };
        let items = items.iter().enumerate();
        let read = |(index, item)| {
            T::from_json(item).map_err(|error: Error| error.inside(Step::Index(index)))
        };
        items.map(read).collect()
    }
}

impl<T: FromJson, const N: usize> FromJson for [T; N] {
    fn from_json(value: &Value) -> Result<[T; N], Error> {
        let items = Vec::from_json(value)?;
        let wrong = |_| Error::mismatch(format!("an array of {N}"), value);
        items.try_into().map_err(wrong)
    }
}

fn members<'a, T: ToJson + 'a>(members: impl Iterator<Item = (&'a String, &'a T)>) -> Value {
    Value::object(members.map(|(key, value)| (key, value.to_json())))
}

fn read<T: FromJson, M: FromIterator<(String, T)>>(value: &Value) -> Result<M, Error> {
    let Value::Object(members) = value else {
        return Err(Error::mismatch("an object", value));
    };
    let read = |(key, value): (&String, &Value)| match T::from_json(value) {
        Ok(value) => Ok((key.clone(), value)),
        Err(error) => Err(error.inside(Step::key(key))),
    };
    members.iter().map(read).collect()
}

impl<T: ToJson> ToJson for BTreeMap<String, T> {
    fn to_json(&self) -> Value {
        members(self.iter())
    }
}

impl<T: FromJson> FromJson for BTreeMap<String, T> {
    fn from_json(value: &Value) -> Result<BTreeMap<String, T>, Error> {
        read(value)
    }
}

impl<T: ToJson, S: BuildHasher> ToJson for HashMap<String, T, S> {
    fn to_json(&self) -> Value {
        members(self.iter())
    }
}

impl<T: FromJson, S: BuildHasher + Default> FromJson for HashMap<String, T, S> {
    fn from_json(value: &Value) -> Result<HashMap<String, T, S>, Error> {
        read(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use crate::json::{Value, from_slice, from_str, to_string};

    #[test]
    fn lists_keep_their_order() {
        assert_eq!(to_string(&vec![[3, 1], [2, 4]]), "[[3,1],[2,4]]");
        assert_eq!(from_str("[[3,1],[2,4]]"), Ok(vec![[3, 1], [2, 4]]));
        assert_eq!(to_string(&[1, 2, 3][1..]), "[2,3]");
        assert_eq!(from_str("[ ]"), Ok(Vec::<bool>::new()));
    }

    #[test]
    fn an_array_of_the_wrong_length_is_an_error() {
        let error = from_str::<[u8; 2]>("[1,2,3]").unwrap_err();
        assert_eq!(error.expected(), "an array of 2");
    }

    #[test]
    fn both_maps_read_what_the_other_wrote() {
        let hashed = HashMap::from([("b".to_owned(), 2), ("a".to_owned(), 1)]);
        let text = r#"{"a":1,"b":2}"#;
        assert_eq!(to_string(&hashed), text);
        let ordered: BTreeMap<String, i32> = from_str(text).expect("a map");
        assert_eq!(to_string(&ordered), text);
        assert_eq!(from_str(text), Ok(hashed));
    }

    #[test]
    fn an_error_leads_to_the_value_that_counts() {
        let text = r#" {"a": [true], "b\u0062" : [0, {"c": 1}], "a": [true, "x"]}"#;
        let error = from_str::<BTreeMap<String, Vec<bool>>>(text).unwrap_err();
        assert_eq!(error.path(), ".a[1]");
        let offset = error.offset().expect("a text was read");
        assert!(text[offset..].starts_with(r#""x""#), "{error}");
        let message = format!("byte {offset}, .a[1]: expected a boolean, found a string");
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let value: Value = from_str(r#"{"a":{"b":[]}}"#).expect("JSON");
        let inner = value.get("a").expect("it is there");
        assert_eq!(inner.field("c"), Ok(None::<i64>));
        let error = inner.field::<i64>("c").unwrap_err();
        assert_eq!(error.to_string(), "expected the key \"c\", found an object");
        let error = value.field::<BTreeMap<String, bool>>("a").unwrap_err();
        assert_eq!(
            error.to_string(),
            ".a.b: expected a boolean, found an array"
        );
        assert_eq!(inner.at(0), None);
        assert!(
            inner
                .get("b")
                .and_then(|list| list.field::<i64>("x").ok())
                .is_none()
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_at_their_place() {
        assert_eq!(from_slice("\"é\"".as_bytes()), Ok("é".to_owned()));
        for wrong in [
            &b"[\"a\xe9\"]"[..],
            b"[\"a\xed\xa0\x80\"]",
            b"[\"a\xc0\xaf\"]",
        ] {
            let error = from_slice::<Value>(wrong).unwrap_err();
            assert_eq!((error.offset(), error.expected()), (Some(3), "UTF-8"));
        }
    }
}
