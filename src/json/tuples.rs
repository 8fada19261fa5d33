//! Tuples: arrays of a fixed length, each place with a type of its own.

use super::convert::{FromJson, ToJson};
use super::error::{Error, Step};
use super::value::Value;

/// The places of an array of that length, read one after the other.
struct Places<'a> {
    items: &'a [Value],
    next: usize,
}

impl Places<'_> {
    fn of(value: &Value, count: usize) -> Result<Places<'_>, Error> {
        match value {
            Value::Array(items) if items.len() == count => Ok(Places { items, next: 0 }),
            _ => Err(Error::mismatch(format!("an array of {count}"), value)),
        }
    }

    fn read<T: FromJson>(&mut self) -> Result<T, Error> {
        let index = self.next;
        self.next += 1;
        T::from_json(&self.items[index]).map_err(|error| error.inside(Step::Index(index)))
    }
}

impl<A: ToJson> ToJson for (A,) {
    fn to_json(&self) -> Value {
        Value::Array(vec![self.0.to_json()])
    }
}

impl<A: FromJson> FromJson for (A,) {
    fn from_json(value: &Value) -> Result<Self, Error> {
        let mut places = Places::of(value, 1)?;
        Ok((places.read()?,))
    }
}

impl<A: ToJson, B: ToJson> ToJson for (A, B) {
    fn to_json(&self) -> Value {
        Value::Array(vec![self.0.to_json(), self.1.to_json()])
    }
}

impl<A: FromJson, B: FromJson> FromJson for (A, B) {
    fn from_json(value: &Value) -> Result<Self, Error> {
        let mut places = Places::of(value, 2)?;
        Ok((places.read()?, places.read()?))
    }
}

impl<A: ToJson, B: ToJson, C: ToJson> ToJson for (A, B, C) {
    fn to_json(&self) -> Value {
        Value::Array(vec![self.0.to_json(), self.1.to_json(), self.2.to_json()])
    }
}

impl<A: FromJson, B: FromJson, C: FromJson> FromJson for (A, B, C) {
    fn from_json(value: &Value) -> Result<Self, Error> {
        let mut places = Places::of(value, 3)?;
        Ok((places.read()?, places.read()?, places.read()?))
    }
}

impl<A: ToJson, B: ToJson, C: ToJson, D: ToJson> ToJson for (A, B, C, D) {
    fn to_json(&self) -> Value {
        Value::Array(vec![
            self.0.to_json(),
            self.1.to_json(),
            self.2.to_json(),
            self.3.to_json(),
        ])
    }
}

impl<A: FromJson, B: FromJson, C: FromJson, D: FromJson> FromJson for (A, B, C, D) {
    fn from_json(value: &Value) -> Result<Self, Error> {
        let mut places = Places::of(value, 4)?;
        Ok((
            places.read()?,
            places.read()?,
            places.read()?,
            places.read()?,
        ))
    }
}

impl<A: ToJson, B: ToJson, C: ToJson, D: ToJson, E: ToJson> ToJson for (A, B, C, D, E) {
    fn to_json(&self) -> Value {
        Value::Array(vec![
            self.0.to_json(),
            self.1.to_json(),
            self.2.to_json(),
            self.3.to_json(),
            self.4.to_json(),
        ])
    }
}

impl<A: FromJson, B: FromJson, C: FromJson, D: FromJson, E: FromJson> FromJson for (A, B, C, D, E) {
    fn from_json(value: &Value) -> Result<Self, Error> {
        let mut places = Places::of(value, 5)?;
        Ok((
            places.read()?,
            places.read()?,
            places.read()?,
            places.read()?,
            places.read()?,
        ))
    }
}

impl<A: ToJson, B: ToJson, C: ToJson, D: ToJson, E: ToJson, F: ToJson> ToJson
    for (A, B, C, D, E, F)
{
    fn to_json(&self) -> Value {
        Value::Array(vec![
            self.0.to_json(),
            self.1.to_json(),
            self.2.to_json(),
            self.3.to_json(),
            self.4.to_json(),
            self.5.to_json(),
        ])
    }
}

impl<A: FromJson, B: FromJson, C: FromJson, D: FromJson, E: FromJson, F: FromJson> FromJson
    for (A, B, C, D, E, F)
{
    fn from_json(value: &Value) -> Result<Self, Error> {
        let mut places = Places::of(value, 6)?;
        Ok((
            places.read()?,
            places.read()?,
            places.read()?,
            places.read()?,
            places.read()?,
            places.read()?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{from_str, to_string};

    #[test]
    fn each_place_has_its_type() {
        let six = (
            1_i8,
            "two".to_owned(),
            3.0,
            Some(true),
            (5_u64,),
            [6_i32, 7],
        );
        let text = r#"[1,"two",3.0,true,[5],[6,7]]"#;
        assert_eq!(to_string(&six), text);
        assert_eq!(from_str(text), Ok(six));
    }

    #[test]
    fn too_many_are_as_wrong_as_too_few() {
        for text in ["[]", "[1]", "[1,2,3]", "1", "{}"] {
            let error = from_str::<(i64, i64)>(text).unwrap_err();
            assert_eq!(
                (error.offset(), error.expected()),
                (Some(0), "an array of 2")
            );
        }
    }

    #[test]
    fn an_error_says_which_place() {
        let error = from_str::<(i64, (bool, bool))>("[1, [true, 0]]").unwrap_err();
        assert_eq!(
            (error.offset(), error.path().as_str()),
            (Some(11), "[1][1]")
        );
    }
}
