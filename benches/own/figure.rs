//! Figure: a measured value with its spread, and its form in files and for people.

use std::path::Path;
use std::{fs, io};

/// The first line of a file of figures.
const TITLE: &str = "# jackfield: name, unit, median, lowest, highest";

/// What a value counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    PerSecond,
    Seconds,
    Bytes,
    Pieces,
}

/// The median of several repetitions, and how far they were apart.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    pub name: String,
    pub unit: Unit,
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// How a figure stands to another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Better,
    Worse,
    /// They differ by no more than their repetitions did.
    Alike,
}

impl Unit {
    const ALL: [(Unit, &str); 4] = [
        (Unit::PerSecond, "/s"),
        (Unit::Seconds, "s"),
        (Unit::Bytes, "B"),
        (Unit::Pieces, "pieces"),
    ];

    /// From where on which name is used, the largest first.
    fn scale(self) -> &'static [(f64, &'static str)] {
        match self {
            Unit::PerSecond => &[(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")],
            Unit::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
            Unit::Bytes => &[(1_048_576.0, "MiB"), (1_024.0, "KiB"), (1.0, "B")],
            Unit::Pieces => &[(1.0, "")],
        }
    }

    /// `value` as people read it, and in which unit.
    pub fn show(self, value: f64) -> (String, &'static str) {
        let scale = self.scale();
        let fitting = scale.iter().find(|(factor, _)| value >= *factor);
        let (factor, name) = fitting.unwrap_or(&scale[scale.len() - 1]);
        let scaled = value / factor;
        let decimals = match scaled {
            _ if self == Unit::Pieces || scaled >= 99.95 => 0,
            _ if scaled >= 9.995 => 1,
            _ => 2,
        };
        (format!("{scaled:.decimals$}"), name)
    }
}

impl Figure {
    /// What became of these repetitions, of which there is at least one.
    pub fn new(name: String, unit: Unit, mut values: Vec<f64>) -> Figure {
        values.sort_by(f64::total_cmp);
        Figure {
            name,
            unit,
            median: values[values.len() / 2],
            lowest: values[0],
            highest: values[values.len() - 1],
        }
    }

    fn spread(&self) -> f64 {
        self.highest - self.lowest
    }

    pub fn verdict(&self, old: &Figure) -> Verdict {
        let more_is_better = self.unit == Unit::PerSecond;
        if (self.median - old.median).abs() <= self.spread() + old.spread() {
            Verdict::Alike
        } else if (self.median > old.median) == more_is_better {
            Verdict::Better
        } else {
            Verdict::Worse
        }
    }

    /// One line, without its end.
    pub fn to_line(&self) -> String {
        let mut units = Unit::ALL.iter();
        let unit = units.find(|(unit, _)| *unit == self.unit);
        let (_, unit) = unit.expect("all units have a name");
        let (median, lowest, highest) = (self.median, self.lowest, self.highest);
        format!("{}\t{unit}\t{median:e}\t{lowest:e}\t{highest:e}", self.name)
    }

    pub fn parse(line: &str) -> Option<Figure> {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_owned();
        let word = fields.next()?;
        let (unit, _) = Unit::ALL.into_iter().find(|(_, name)| *name == word)?;
        let mut number = || {
            fields
                .next()?
                .parse::<f64>()
                .ok()
                .filter(|it| it.is_finite())
        };
        let (median, lowest, highest) = (number()?, number()?, number()?);
        fields.next().is_none().then_some(Figure {
            name,
            unit,
            median,
            lowest,
            highest,
        })
    }
}

/// Writes figures to a file.
pub fn save(file: &Path, figures: &[Figure]) -> io::Result<()> {
    let lines = figures.iter().map(|figure| figure.to_line() + "\n");
    fs::write(file, format!("{TITLE}\n{}", lines.collect::<String>()))
}

/// The figures in a text that [`save`] wrote.
pub fn parse_all(text: &str) -> Option<Vec<Figure>> {
    let lines = text.strip_prefix(TITLE)?.trim_start().lines();
    lines.map(Figure::parse).collect()
}
