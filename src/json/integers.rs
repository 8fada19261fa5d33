//! Integers: exact, or an error.

use super::convert::{FromJson, ToJson};
use super::error::Error;
use super::value::Value;

/// Up to here a double and its neighbours are whole numbers, so it is the one that was written.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn read<T: TryFrom<i128>>(value: &Value) -> Result<T, Error> {
    let number = match value {
        Value::Integer(number) => *number,
        Value::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => *number as i128,
        _ => return Err(Error::mismatch("an integer", value)),
    };
    T::try_from(number).map_err(|_| {
        let bits = 8 * size_of::<T>();
        Error::mismatch(format!("an integer that fits into {bits} bits"), value)
    })
}

impl ToJson for i8 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for i8 {
    fn from_json(value: &Value) -> Result<i8, Error> {
        read(value)
    }
}

impl ToJson for i16 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for i16 {
    fn from_json(value: &Value) -> Result<i16, Error> {
        read(value)
    }
}

impl ToJson for i32 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for i32 {
    fn from_json(value: &Value) -> Result<i32, Error> {
        read(value)
    }
}

impl ToJson for i64 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value) -> Result<i64, Error> {
        read(value)
    }
}

impl ToJson for i128 {
    fn to_json(&self) -> Value {
        Value::Integer(*self)
    }
}

impl FromJson for i128 {
    fn from_json(value: &Value) -> Result<i128, Error> {
        read(value)
    }
}

impl ToJson for isize {
    fn to_json(&self) -> Value {
        Value::Integer(*self as i128)
    }
}

impl FromJson for isize {
    fn from_json(value: &Value) -> Result<isize, Error> {
        read(value)
    }
}

impl ToJson for u8 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for u8 {
    fn from_json(value: &Value) -> Result<u8, Error> {
        read(value)
    }
}

impl ToJson for u16 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for u16 {
    fn from_json(value: &Value) -> Result<u16, Error> {
        read(value)
    }
}

impl ToJson for u32 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for u32 {
    fn from_json(value: &Value) -> Result<u32, Error> {
        read(value)
    }
}

impl ToJson for u64 {
    fn to_json(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl FromJson for u64 {
    fn from_json(value: &Value) -> Result<u64, Error> {
        read(value)
    }
}

impl ToJson for usize {
    fn to_json(&self) -> Value {
        Value::Integer(*self as i128)
    }
}

impl FromJson for usize {
    fn from_json(value: &Value) -> Result<usize, Error> {
        read(value)
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{from_str, to_string};

    #[test]
    fn the_ends_of_every_range_are_exact() {
        assert_eq!(from_str("-128"), Ok(i8::MIN));
        assert_eq!(from_str("65535"), Ok(u16::MAX));
        assert_eq!(from_str("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(from_str("9223372036854775807"), Ok(isize::MAX));
        assert_eq!(from_str("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(from_str(&to_string(&i128::MIN)), Ok(i128::MIN));
        assert_eq!(from_str(&to_string(&i128::MAX)), Ok(i128::MAX));
        assert_eq!(from_str(&to_string(&usize::MAX)), Ok(usize::MAX));
    }

    #[test]
    fn one_past_a_range_is_an_error() {
        let error = from_str::<u8>("256").unwrap_err();
        assert_eq!(error.expected(), "an integer that fits into 8 bits");
        assert!(from_str::<u64>("-1").is_err());
        assert!(from_str::<i64>("9223372036854775808").is_err());
        // It is the nearest double by then, and nobody knows which integer it was.
        let beyond = "170141183460469231731687303715884105728";
        assert!(from_str::<i128>(beyond).is_err());
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        assert_eq!(from_str("2.0"), Ok(2_u8));
        assert_eq!(from_str("1e3"), Ok(1_000_i32));
        assert_eq!(from_str("-0"), Ok(0_i64));
        assert_eq!(from_str("-1.5E1"), Ok(-15_i64));
    }

    #[test]
    fn a_fraction_or_a_rounded_number_is_no_integer() {
        for text in ["2.5", "1e-1", "1e17", "9007199254740993.0e1"] {
            assert_eq!(
                from_str::<i64>(text).unwrap_err().expected(),
                "an integer",
                "{text}"
            );
        }
    }
}
