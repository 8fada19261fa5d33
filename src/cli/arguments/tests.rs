//! Arguments: every form of a flag, and what can be wrong.

use std::ffi::OsString;

use crate::cli::arguments::Arguments;
use crate::cli::failure::Failure;
use crate::cli::verb::{Flag, Verb};

const VERB: Verb = Verb {
    name: "try",
    synopsis: "ONE [TWO]",
    summary: "Is only tried.",
    flags: &[
        Flag::switch(Some('v'), "--verbose", "more"),
        Flag::switch(Some('1'), "--first", "one"),
        Flag::value(Some('t'), "--timeout", "SECONDS", "how long"),
    ],
    words: (1, 2),
    takes_command: false,
    run: |_, _| Ok(()),
};

const COMMAND: Verb = Verb {
    takes_command: true,
    words: (1, 1),
    ..VERB
};

fn parse(verb: &Verb, line: &str) -> Result<Arguments, String> {
    let words = line.split_whitespace().map(OsString::from);
    Arguments::parse(verb, words).map_err(|failure| match failure {
        Failure::Usage(what) => what,
        other => panic!("{other:?}"),
    })
}

fn parsed(line: &str) -> Arguments {
    parse(&VERB, line).expect("it is right")
}

#[test]
fn a_value_comes_in_every_usual_form() {
    for line in [
        "a -t 5",
        "a -t5",
        "-t 5 a",
        "a --timeout 5",
        "--timeout=5 a",
        "-vt5 a",
        "-v1t 5 a",
        "-t 4 a -t 5",
    ] {
        let arguments = parsed(line);
        assert_eq!(
            arguments.value("--timeout", 0).expect("a number"),
            5,
            "{line}"
        );
        assert_eq!(arguments.words(), ["a"], "{line}");
    }
}

#[test]
fn switches_are_on_or_off() {
    let arguments = parsed("-1 a");
    assert!(arguments.has("--first") && !arguments.has("--verbose"));
    assert!(parsed("a -v1").has("--verbose"));
    assert!(parsed("a --verbose").has("--verbose"));
}

#[test]
fn what_is_not_given_has_its_default() {
    assert_eq!(parsed("a").value("--timeout", 7.5).expect("it is 7.5"), 7.5);
}

#[test]
fn a_dash_is_a_word_and_two_dashes_end_the_flags() {
    assert_eq!(parsed("a -").words(), ["a", "-"]);
    assert_eq!(parsed("a -- -v").words(), ["a", "-v"]);
    assert!(!parsed("a -- -v").has("--verbose"));
}

#[test]
fn a_command_keeps_its_own_flags() {
    let arguments = parse(&COMMAND, "-v name -- grep -v -- x").expect("it is right");
    assert_eq!(arguments.words(), ["name"]);
    assert_eq!(arguments.command(), ["grep", "-v", "--", "x"]);
}

#[test]
fn each_mistake_is_told() {
    let cases = [
        ("", "ONE is missing"),
        ("a b c", "one word too many: \"c\""),
        ("a -x", "try has no flag -x"),
        ("a --extra", "try has no flag --extra"),
        ("a -t", "--timeout needs a value: SECONDS"),
        ("a --timeout", "--timeout needs a value: SECONDS"),
        ("a --verbose=1", "--verbose takes no value"),
    ];
    for (line, what) in cases {
        assert_eq!(parse(&VERB, line).expect_err(line), what);
    }
    let wrong = parsed("a -t soon").value("--timeout", 1_u32);
    assert!(matches!(wrong, Err(Failure::Usage(what)) if what.starts_with("--timeout \"soon\": ")));
    for number in ["0", "-1", "1.5", "many", ""] {
        let wrong = parsed(&format!("a --timeout={number}")).count("--timeout", 1, u64::MAX);
        let what = format!("--timeout {number:?}: it is no whole number from 1 on");
        assert!(
            matches!(&wrong, Err(Failure::Usage(told)) if *told == what),
            "{wrong:?}"
        );
    }
    let wrong = parsed("a --timeout=6").count("--timeout", 1, 5);
    let what = "--timeout \"6\": it is no whole number from 1 to 5";
    assert!(matches!(&wrong, Err(Failure::Usage(told)) if told == what));
}

#[test]
fn a_command_must_be_there() {
    for line in ["name", "name --"] {
        let what = parse(&COMMAND, line).expect_err("no command");
        assert_eq!(what, "COMMAND is missing: it stands behind `--`");
    }
}

#[test]
fn help_needs_nothing_else() {
    assert!(parse(&VERB, "--help").expect("help").has("--help"));
    assert!(parse(&COMMAND, "-h a b c").expect("help").has("--help"));
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_told() {
    use std::os::unix::ffi::OsStringExt;
    let word = OsString::from_vec(vec![b'a', 0xff]);
    assert!(matches!(
        Arguments::parse(&VERB, [word]),
        Err(Failure::Usage(_))
    ));
}
