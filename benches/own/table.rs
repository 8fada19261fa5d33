//! Table: the rows that people see, each as soon as it was measured.

use crate::arguments::Arguments;
use crate::figure::{Figure, Verdict};
use crate::harness::Plan;

/// Columns of the name; longer ones push the rest of their row aside.
const NAME: usize = 64;

pub fn print_head(arguments: &Arguments, compares: bool) {
    let plan = Plan::new(arguments);
    println!(
        "Medians of {} repetitions of {} ms each, over loopback.\n",
        plan.repetitions,
        plan.budget.as_millis()
    );
    let old = match compares {
        true => format!("{:>9} {:<4}{:>8}", "old", "", "ratio"),
        false => String::new(),
    };
    println!("{:<NAME$}{:>9} {:<4}{old}", "", "figure", "unit");
}

pub fn print(figure: &Figure, old: Option<&[Figure]>) {
    let (value, unit) = figure.unit.show(figure.median);
    let compared = old.map(|old| compare(figure, old)).unwrap_or_default();
    let row = format!("{:<NAME$}{value:>9} {unit:<4}{compared}", figure.name);
    println!("{}", row.trim_end());
}

/// What an earlier run says of the same.
fn compare(figure: &Figure, old: &[Figure]) -> String {
    let same = |old: &&Figure| old.name == figure.name && old.unit == figure.unit;
    let Some(old) = old.iter().find(same) else {
        return format!("{:>9}", "–");
    };
    let (value, unit) = old.unit.show(old.median);
    let ratio = match old.median {
        0.0 => "–".to_owned(),
        median => format!("{:.2}", figure.median / median),
    };
    let verdict = match figure.verdict(old) {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Alike => "",
    };
    format!("{value:>9} {unit:<4}{ratio:>8}  {verdict}")
}
