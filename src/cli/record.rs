//! Record: a message that came, as it is printed.

use std::borrow::Cow;

use jackfield::bus::Note;
use jackfield::json::{ToJson, Value};

use crate::cli::clock::Moment;
use crate::cli::escape::{json, one_line, one_word};
use crate::cli::output::{Output, Style};

/// How messages are printed.
pub(crate) enum Format {
    /// A line: words that a space ends, and then the body.
    Line {
        has_time: bool,
        label: Option<String>,
        /// With lines for the id and the headers below it.
        is_verbose: bool,
    },
    /// The body as it is, and nothing else.
    Raw,
    /// An object on a line of its own.
    Json { label: Option<String> },
}

impl Format {
    /// What is printed of a message that came at that time.
    pub(crate) fn record<'a>(
        &self,
        note: &'a Note,
        came: Moment,
        output: &Output,
    ) -> Cow<'a, [u8]> {
        let text = match self {
            Format::Raw => return Cow::Borrowed(note.body()),
            Format::Json { label } => object(note, came, label.as_deref()),
            Format::Line {
                has_time,
                label,
                is_verbose,
            } => {
                let time = has_time.then(|| came.to_string());
                let label = label.as_ref().map(one_word);
                let begin = time.into_iter().chain(label).map(|word| word + " ");
                let below = if *is_verbose { details(note) } else { vec![] };
                let below = below.iter().map(|line| output.paint(line, Style::Faint));
                let line = begin.collect::<String>() + &line(note, output);
                [line]
                    .into_iter()
                    .chain(below)
                    .collect::<Vec<_>>()
                    .join("\n")
            }
        };
        Cow::Owned((text + "\n").into_bytes())
    }
}

/// Topic and body; where there is no space, there is no body.
fn line(note: &Note, output: &Output) -> String {
    let topic = output.paint(&one_word(note.topic()), Style::Cyan);
    match note.body() {
        b"" => topic,
        body => format!("{topic} {}", one_line(body)),
    }
}

fn details(note: &Note) -> Vec<String> {
    let retained = note.is_retained().then(|| ("retained", "yes".to_owned()));
    let own = [("id", note.id().to_string())].into_iter().chain(retained);
    let headers = note.headers().map(|(name, value)| (name, value.to_owned()));
    let all = own.chain(headers);
    all.map(|(name, value)| format!("    {}: {}", one_line(name), one_line(value)))
        .collect()
}

fn object(note: &Note, came: Moment, label: Option<&str>) -> String {
    let headers: Vec<(String, String)> = note
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let body = match std::str::from_utf8(note.body()) {
        Ok(text) => ("body", text.to_json()),
        Err(_) => ("hex", hex(note.body()).to_json()),
    };
    let members = [
        body,
        ("headers", headers.to_json()),
        ("id", note.id().to_string().to_json()),
        ("retained", note.is_retained().to_json()),
        ("time", came.to_string().to_json()),
        ("topic", note.topic().to_json()),
    ];
    let label = label.map(|label| ("label", label.to_json()));
    json(&Value::object(members.into_iter().chain(label)).to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use jackfield::bus::{Bus, Note, Post};

    use super::Format;
    use crate::cli::clock::Moment;
    use crate::cli::output::Output;

    fn note(post: Post) -> Note {
        let bus = Bus::local().expect("it needs nothing");
        bus.send(post.retain()).expect("it is accepted");
        let heard = bus.subscribe("**").expect("it is accepted");
        heard.recv().expect("it is there")
    }

    fn printed(format: &Format, post: Post) -> String {
        let note = note(post);
        let record = format.record(&note, Moment::at(0), &Output::new());
        String::from_utf8_lossy(&record).into_owned()
    }

    fn plain() -> Format {
        Format::Line {
            has_time: false,
            label: None,
            is_verbose: false,
        }
    }

    #[test]
    fn a_topic_ends_where_the_space_is() {
        let line = printed(&plain(), Post::new("the hall/a\\b", " two\nlines "));
        assert_eq!(line, "the\\x20hall/a\\\\b  two\\nlines \n");
        assert_eq!(printed(&plain(), Post::new("a", b"\xff")), "a \\xff\n");
    }

    #[test]
    fn time_and_label_are_words_in_front() {
        let format = Format::Line {
            has_time: true,
            label: Some("my hall".to_owned()),
            is_verbose: false,
        };
        let line = printed(&format, Post::new("a", "b"));
        assert_eq!(line, "1970-01-01T00:00:00.000Z my\\x20hall a b\n");
    }

    #[test]
    fn a_raw_body_is_as_it_was() {
        let line = printed(&Format::Raw, Post::new("a", "b\r\n\\"));
        assert_eq!(line, "b\r\n\\");
    }

    #[test]
    fn json_has_all_of_it() {
        let format = Format::Json {
            label: Some("x".to_owned()),
        };
        let post = Post::new("a b", "21.5\n").header("unit", "C");
        let line = printed(&format, post);
        let (before, rest) = line.split_once(r#""id":""#).expect("an id");
        let (_, after) = rest.split_once('"').expect("its end");
        assert_eq!(before, r#"{"body":"21.5\n","headers":[["unit","C"]],"#);
        let wanted = concat!(
            r#","label":"x","retained":true,"time":"1970-01-01T00:00:00.000Z","topic":"a b"}"#,
            "\n"
        );
        assert_eq!(after, wanted);
        assert!(printed(&format, Post::new("a", b"\xff\x01")).contains(r#""hex":"ff01""#));
    }
}
