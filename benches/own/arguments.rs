//! Arguments: what is to be measured, and where the figures go.

use std::fs::{self, File};
use std::path::PathBuf;

use crate::figure::{self, Figure};

pub const HELP: &str = "\
What jackfield costs and carries, over loopback.

cargo bench --bench own -- [--quick] [--save FILE] [--compare FILE] [WORD...]

  WORD            measures only what has one of these words in its name, as the
                  table shows it: codec, 'round trip', '1,000 peers'
  --quick         briefly: less exact, in under half a minute
  --save FILE     writes the figures to FILE
  --compare FILE  shows the figures of FILE as well, and the ratio: better or
                  worse where they differ by more than the repetitions of both
  --help          says this

Figures are medians of several repetitions; p50 and p99 of times are those of
each repetition. All peers are on this machine, and mostly in one process.
";

/// What was asked for.
#[derive(Default)]
pub struct Arguments {
    pub wants_help: bool,
    pub is_quick: bool,
    pub words: Vec<String>,
    pub save: Option<PathBuf>,
    pub compare: Option<PathBuf>,
    /// The one subject of this process, which tells its figures to whoever started it.
    pub alone: Option<String>,
}

impl Arguments {
    /// Reads the words of the command line; a sentence about what is wrong with them.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments::default();
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next().filter(|value| !value.starts_with("--"));
                value.ok_or(format!("{word} needs a value."))
            };
            match word.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--help" | "-h" => arguments.wants_help = true,
                "--quick" => arguments.is_quick = true,
                "--save" => arguments.save = Some(value()?.into()),
                "--compare" => arguments.compare = Some(value()?.into()),
                "--alone" => arguments.alone = Some(value()?),
                _ if word.starts_with('-') => {
                    return Err(format!("there is no option {word}; --help shows them."));
                }
                _ => arguments.words.push(word),
            }
        }
        Ok(arguments)
    }

    /// Whether something of this name is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        let mut words = self.words.iter();
        self.words.is_empty() || words.any(|word| name.contains(word.as_str()))
    }

    /// The figures to compare with, if there are to be any.
    pub fn read_old(&self) -> Result<Option<Vec<Figure>>, String> {
        let Some(file) = &self.compare else {
            return Ok(None);
        };
        let name = file.display();
        let text = fs::read_to_string(file).map_err(|e| format!("{name} cannot be read: {e}."))?;
        let figures = figure::parse_all(&text);
        let figures = figures.ok_or(format!("{name} was not written by --save."))?;
        Ok(Some(figures))
    }

    /// Finds out before minutes of measuring whether the figures can be written.
    pub fn check_save(&self) -> Result<(), String> {
        let Some(file) = &self.save else {
            return Ok(());
        };
        let opened = File::options().append(true).create(true).open(file);
        let name = file.display();
        opened.map_err(|error| format!("{name} cannot be written: {error}."))?;
        Ok(())
    }
}
