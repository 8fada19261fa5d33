//! Writer: values to text.

use std::fmt::{self, Write};

use super::value::Value;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            // The debug form has a point or an exponent always, and the fewest digits that
            // read back as the same number.
            Value::Float(value) if value.is_finite() => write!(f, "{value:?}"),
            Value::Float(_) => f.write_str("null"),
            Value::String(text) => quote(f, text),
            Value::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_char(']')
            }
            Value::Object(members) => {
                f.write_char('{')?;
                for (index, (key, value)) in members.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    quote(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

/// `text` between quotation marks, with as few escapes as can be.
fn quote(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.write_str(&text[plain..at])?;
        plain = at + 1;
        match byte {
            b'"' => out.write_str("\\\""),
            b'\\' => out.write_str("\\\\"),
            0x08 => out.write_str("\\b"),
            0x0c => out.write_str("\\f"),
            b'\n' => out.write_str("\\n"),
            b'\r' => out.write_str("\\r"),
            b'\t' => out.write_str("\\t"),
            byte => write!(out, "\\u{byte:04x}"),
        }?;
    }
    out.write_str(&text[plain..])?;
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use crate::json::{Value, to_string};

    #[test]
    fn only_what_must_be_is_escaped() {
        let text = "a\"b\\c/d\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é\u{2028}😀";
        let written = r#""a\"b\\c/d\b\f\n\r\t\u0000\u001f"#.to_owned() + "\u{7f}é\u{2028}😀\"";
        assert_eq!(to_string(text), written);
    }

    #[test]
    fn floats_are_never_written_as_integers() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e21, "1e21"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
        ];
        for (value, text) in cases {
            assert_eq!(to_string(&value), text);
        }
    }

    #[test]
    fn what_is_not_finite_is_null() {
        assert_eq!(
            to_string(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
            "[null,null,null]"
        );
    }

    #[test]
    fn members_are_written_by_their_keys_in_order() {
        let value = Value::object([
            ("b\n", Value::Integer(1)),
            ("a", Value::Null),
            ("b\n", Value::Array(Vec::new())),
        ]);
        assert_eq!(value.to_string(), r#"{"a":null,"b\n":[]}"#);
    }
}
