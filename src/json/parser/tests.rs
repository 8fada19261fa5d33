//! The parser: what is JSON, what is not, and what each text means.

use super::{MAX_DEPTH, parse};
use crate::json::{Error, Value, from_slice, from_str};

/// JSON, whatever it means.
const VALID: [&str; 71] = [
    "[[]   ]",
    "[\"\"]",
    "[]",
    "[\"a\"]",
    "[false]",
    "[null, 1, \"1\", {}]",
    "[null]",
    "[1\n]",
    " [1]",
    "[1,null,null,null,2]",
    "[2] ",
    "[123e65]",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[1e+2]",
    "[123]",
    "[123.456789]",
    "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    "{\"asd\":\"sdf\"}",
    "{\"a\":\"b\",\"a\":\"c\"}",
    "{\"a\":\"b\",\"a\":\"b\"}",
    "{}",
    "{\"\":0}",
    "{\"foo\\u0000bar\": 42}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\"x\":[{\"id\": \"xxxx\"}], \"id\": \"xxxx\"}",
    "{\"a\":[]}",
    "{\"title\":\"\\u041f\\u043e\\u043b\" }",
    "{\n\"a\": \"b\"\n}",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"\\\"\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\\\n\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[\"asd \"]",
    "[\"\u{fdd0}\u{10ffff}\u{ffff}\u{1bfff}\"]",
    "[\"new\\u00A0line\"]",
    "[\"\\u0000\"]",
    "[\"\\u002c\"]",
    "[\"π\"]",
    "\" \"",
    "[\"\\uDBFF\\uDFFE\"]",
    "[\"\u{2028}\u{2029}\"]",
    "[\"\\u0022\\u005C\"]",
    "[\"\u{7f}\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "\"\"",
    "[\"a\"]\n",
    " \t\r\n[] \t\r\n",
];

/// No JSON, and the offset at which that shows.
const INVALID: [(&str, usize); 143] = [
    ("[1 true]", 3),
    ("[\"\": 1]", 3),
    ("[\"\"],", 4),
    ("[,1]", 1),
    ("[1,,2]", 3),
    ("[\"x\",,]", 5),
    ("[\"x\"]]", 5),
    ("[\"\",]", 4),
    ("[\"x\"", 4),
    ("[x", 1),
    ("[3[4]]", 2),
    ("[1:2]", 2),
    ("[,]", 1),
    ("[-]", 2),
    ("[   , \"\"]", 4),
    ("[\"a\",\n4\n,1,", 11),
    ("[1,]", 3),
    ("[1,,]", 3),
    ("[\"\u{b}a\"\\f]", 2),
    ("[*]", 1),
    ("[\"\"", 3),
    ("[1,", 3),
    ("[1,\n1\n,1", 8),
    ("[{}", 3),
    ("[fals]", 1),
    ("[nul]", 1),
    ("[tru]", 1),
    ("123\0", 3),
    ("[++1234]", 1),
    ("[+1]", 1),
    ("[+Inf]", 1),
    ("[-01]", 3),
    ("[-1.0.]", 5),
    ("[-2.]", 4),
    ("[-NaN]", 2),
    ("[.-1]", 1),
    ("[.2e-3]", 1),
    ("[0.1.2]", 4),
    ("[0.3e+]", 6),
    ("[0.3e]", 5),
    ("[0.e1]", 3),
    ("[0E+]", 4),
    ("[0E]", 3),
    ("[1.0e+]", 6),
    ("[1.0e-]", 6),
    ("[1.0e]", 5),
    ("[1 000.0]", 3),
    ("[1eE2]", 3),
    ("[2.e+3]", 3),
    ("[2.e-3]", 3),
    ("[2.e3]", 3),
    ("[9.e+]", 3),
    ("[Inf]", 1),
    ("[NaN]", 1),
    ("[\u{ff11}]", 1),
    ("[1+2]", 2),
    ("[0x1]", 2),
    ("[0x42]", 2),
    ("[Infinity]", 1),
    ("[0e+-1]", 4),
    ("[-123.123foo]", 9),
    ("[-Infinity]", 2),
    ("[-foo]", 2),
    ("[- 1]", 2),
    ("[-012]", 3),
    ("[-.123]", 2),
    ("[-1x]", 3),
    ("[1ea]", 3),
    ("[1.]", 3),
    ("[.123]", 1),
    ("[1.2a-3]", 4),
    ("[1.8011670033376514H-308]", 19),
    ("[012]", 2),
    ("[\"x\", truth]", 6),
    ("{[: \"x\"}\n", 1),
    ("{\"x\", null}", 4),
    ("{\"x\"::\"b\"}", 5),
    ("{🇨🇭}", 1),
    ("{\"a\":\"a\" 123}", 9),
    ("{key: 'value'}", 1),
    ("{\"a\" b}", 5),
    ("{:\"b\"}", 1),
    ("{\"a\" \"b\"}", 5),
    ("{\"a\":", 5),
    ("{\"a\"", 4),
    ("{1:1}", 1),
    ("{9999E9999:1}", 1),
    ("{null:null,null:null}", 1),
    ("{\"id\":0,,,,,}", 8),
    ("{'a':0}", 1),
    ("{\"id\":0,}", 8),
    ("{\"a\":\"b\"}/**/", 9),
    ("{\"a\":\"b\"}#", 9),
    ("{\"a\":\"b\"}//", 9),
    ("{\"a\":\"b\",,\"c\":\"d\"}", 9),
    ("{a: \"b\"}", 1),
    ("{\"a\":\"a", 7),
    ("{ \"foo\" : \"bar\", \"a\" }", 21),
    ("{\"a\":\"b\"}}", 9),
    ("{,}", 1),
    (" ", 1),
    ("[\"\\uD800\\u\"]", 10),
    ("[\"\\uD800\\u1\"]", 11),
    ("[\"\\uD800\\u1x\"]", 11),
    ("[\"\\uD800\\\"]", 2),
    ("[é]", 1),
    ("[\"\\\0\"]", 3),
    ("[\"\\x00\"]", 3),
    ("[\"\\\\\\\"]", 7),
    ("[\"\\\t\"]", 3),
    ("[\"\\🌀\"]", 3),
    ("[\"\\\"]", 5),
    ("[\"\\u00A\"]", 7),
    ("[\"\\uD834\\uDd\"]", 12),
    ("[\"\\uD800\\uD800\\x\"]", 2),
    ("[\"\\a\"]", 3),
    ("[\"\\uqqqq\"]", 4),
    ("[\"\\u+123\"]", 4),
    ("[\\u0020\"asd\"]", 1),
    ("[\\n]", 1),
    ("\"", 1),
    ("['single quote']", 1),
    ("abc", 0),
    ("[\"\\", 3),
    ("[\"a\0a\"]", 3),
    ("[\"new\nline\"]", 5),
    ("[\"\t\"]", 2),
    ("\"\\UA66D\"", 2),
    ("\"\"x", 2),
    ("<.>", 0),
    ("[<null>]", 1),
    ("[1]x", 3),
    ("[True]", 1),
    ("1]", 1),
    ("{]", 1),
    ("", 0),
    ("\u{feff}{}", 0),
    ("\u{2060}", 0),
    ("[\u{c}]", 1),
    ("[1],[2]", 3),
    ("[\u{a0}]", 1),
    ("\u{e5}", 0),
    ("{\"a\": true} \"x\"", 12),
];

fn refused(text: &str) -> Error {
    match parse(text) {
        Err(error) => error,
        Ok(value) => panic!("{text:?} is taken for {value}"),
    }
}

#[test]
fn what_is_json_is_taken_and_written_the_same_again() {
    for text in VALID {
        let value = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parse(&value.to_string()), Ok(value), "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused_where_it_shows() {
    for (text, offset) in INVALID {
        let error = refused(text);
        assert_eq!(error.offset(), Some(offset), "{text:?}: {error}");
    }
}

#[test]
fn a_half_of_a_surrogate_pair_is_refused() {
    let halves = [
        "\\uDADA",
        "\\uDFAA",
        "\\uD888\\u1234",
        "\\uD800\\n",
        "\\uD800\\uD800",
        "\\uDC00\\uD800",
        "\\ud800abc",
        "\\udBff",
    ];
    for half in halves {
        let error = refused(&format!("[\"ab{half}\"]"));
        assert_eq!(error.expected(), "both halves of a surrogate pair");
        assert_eq!(error.offset(), Some(4), "{half}");
    }
}

#[test]
fn escapes_mean_their_characters() {
    let meant = [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0000\u001F\u00e9\u20AC""#, "\0\u{1f}é€"),
        (
            r#""\uD83D\uDE00\ud800\udc00\uDBFF\uDFFF""#,
            "😀\u{10000}\u{10ffff}",
        ),
        (r#""\uD7FF\uE000\uFFFF""#, "\u{d7ff}\u{e000}\u{ffff}"),
        (r#""a\\u0041\u00412""#, "a\\u0041A2"),
    ];
    for (text, meaning) in meant {
        assert_eq!(from_str(text), Ok(meaning.to_owned()), "{text}");
    }
}

#[test]
fn every_control_character_must_be_escaped() {
    for code in 0..0x20_u8 {
        let error = refused(&format!("\"{}\"", char::from(code)));
        assert_eq!(error.expected(), "an escape for this control character");
    }
    assert!(parse("\"\u{7f}\u{80}\u{9f}\"").is_ok());
}

#[test]
fn numbers_mean_what_they_say() {
    let exact = i128::MAX.to_string();
    assert_eq!(parse(&exact), Ok(Value::Integer(i128::MAX)));
    let cases = [
        ("0", Value::Integer(0)),
        ("-0", Value::Float(-0.0)),
        ("-1", Value::Integer(-1)),
        ("0.0", Value::Float(0.0)),
        ("1e2", Value::Float(100.0)),
        ("1E400", Value::Null),
        ("-1e9999999999", Value::Null),
        ("1e-9999999999", Value::Float(0.0)),
        ("4.9406564584124654e-324", Value::Float(5e-324)),
        ("1.7976931348623157e308", Value::Float(f64::MAX)),
        ("1.7976931348623159e308", Value::Null),
        (
            "170141183460469231731687303715884105728",
            Value::Float(2.0_f64.powi(127)),
        ),
        ("0.1000000000000000055511151231257827", Value::Float(0.1)),
    ];
    for (text, meaning) in cases {
        match meaning {
            Value::Null => assert_eq!(refused(text).offset(), Some(0), "{text}"),
            meaning => assert_eq!(parse(text), Ok(meaning), "{text}"),
        }
    }
}

#[test]
fn an_integer_of_many_digits_is_the_nearest_double_or_refused() {
    assert_eq!(parse(&"9".repeat(100)), Ok(Value::Float(1e100)));
    let error = refused(&"9".repeat(400));
    assert_eq!(error.expected(), "a number of at most 1.8e308");
}

#[test]
fn of_a_key_that_comes_twice_the_last_one_counts() {
    let value = parse(r#"{"a":1,"b":2,"\u0061":3}"#).expect("JSON");
    assert_eq!(value.field("a"), Ok(3));
    assert_eq!(value.field("b"), Ok(2));
}

#[test]
fn nothing_nests_deeper_than_the_bound() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| {
            let ends = [open.repeat(depth), close.repeat(depth)];
            ends.join(if open == "[" { "" } else { "0" })
        };
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        let error = refused(&nested(MAX_DEPTH + 1));
        assert_eq!(error.offset(), Some(MAX_DEPTH * open.len()));
        assert_eq!(error.expected(), format!("no more than {MAX_DEPTH} levels"));
        assert!(parse(&open.repeat(100_000)).is_err());
    }
}

#[test]
fn the_bound_is_on_depth_and_not_on_length() {
    let wide = format!("[{}[]]", "[[]],".repeat(10_000));
    let value: Vec<Value> = from_str(&wide).expect("JSON");
    assert_eq!(value.len(), 10_001);
}

#[test]
fn every_beginning_of_a_text_is_refused_and_no_panic() {
    let text = r#"{"a":[1,-2.5e+3,"x\u00e9\ud83d\ude00é"],"b":{"c":null,"d":[true,false]}}"#;
    assert!(parse(text).is_ok());
    for end in 0..text.len() {
        assert!(from_slice::<Value>(&text.as_bytes()[..end]).is_err());
    }
}

#[test]
fn what_was_found_is_told() {
    let told = |text| refused(text).to_string();
    assert_eq!(told("[1 2]"), "byte 3: expected `,` or `]`, found '2'");
    assert_eq!(told("[\"a"), "byte 3: expected `\"`, found the end");
    assert_eq!(told("é"), "byte 0: expected a value, found 'é'");
    let mark = "byte 0: expected a value without a byte order mark, found '\\u{feff}'";
    assert_eq!(told("\u{feff}1"), mark);
}
