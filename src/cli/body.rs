//! Body: a payload from the command line or standard input, and how one is shown.

use std::io::{self, BufRead, Read, Write};

use crate::cli::escape;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// A broker takes no longer message.
pub(crate) const MOST: u64 = 16 * 1024 * 1024;

/// The bytes that `word` stands for: `-` is standard input to its end, nothing is nothing.
pub(crate) fn read(word: Option<&str>) -> Result<Vec<u8>, Failure> {
    let Some("-") = word else {
        return Ok(word.unwrap_or_default().into());
    };
    let mut body = Vec::new();
    let mut input = io::stdin().lock().take(MOST + 1);
    input.read_to_end(&mut body).map_err(unreadable)?;
    fitting(body)
}

/// The next line of standard input, without its end; `None` behind the last one.
pub(crate) fn read_line() -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let mut input = io::stdin().lock().take(MOST + 2);
    input.read_until(b'\n', &mut line).map_err(unreadable)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
    }
    fitting(line).map(Some)
}

fn fitting(body: Vec<u8>) -> Result<Vec<u8>, Failure> {
    match body.len() as u64 > MOST {
        true => Err(Failure::Failed(
            "standard input: a message has at most 16 MiB".to_owned(),
        )),
        false => Ok(body),
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Failed(format!("cannot read standard input: {error}"))
}

/// Writes it. A pipe gets its bytes, and not one more; a terminal gets lines, of which nothing
/// steers it.
pub(crate) fn show(body: &[u8], output: &mut Output) -> Result<(), Failure> {
    if !output.is_terminal() {
        return Ok(output.write_all(body)?);
    }
    let text = escape::lines(body);
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Ok(write!(output, "{text}{end}")?)
}
