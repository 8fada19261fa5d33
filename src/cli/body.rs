//! Body: a payload from the command line or standard input, and how one is shown.

use std::io::{self, Read, Write};

use crate::cli::failure::Failure;
use crate::cli::output::{Output, one_line};

/// The bytes that `word` stands for: `-` is standard input to its end, nothing is nothing.
pub(crate) fn read(word: Option<&str>) -> Result<Vec<u8>, Failure> {
    let Some("-") = word else {
        return Ok(word.unwrap_or_default().into());
    };
    let mut body = Vec::new();
    match io::stdin().lock().read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Failure::Failed(format!(
            "cannot read standard input: {error}"
        ))),
    }
}

/// Writes it, and ends its last line. A pipe gets its bytes; a terminal gets its text, of which
/// nothing steers it.
pub(crate) fn show(body: &[u8], output: &mut Output) -> Result<(), Failure> {
    if output.is_terminal() {
        for line in String::from_utf8_lossy(body).lines() {
            writeln!(output, "{}", one_line(line))?;
        }
        return Ok(());
    }
    output.write_all(body)?;
    if !body.ends_with(b"\n") {
        writeln!(output)?;
    }
    Ok(())
}
