//! Harness: how often and how long something is measured, and what is told of it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::figure::{Figure, Unit};

/// What is told of times.
const PERCENTS: [usize; 2] = [50, 99];

/// How much each measurement may take.
pub struct Plan {
    pub is_quick: bool,
    pub repetitions: usize,
    /// Of one repetition, besides its setting up.
    pub budget: Duration,
}

/// One subject's measurements; their figures are told on the output, line by line.
pub struct Run<'a> {
    subject: &'static str,
    arguments: &'a Arguments,
    plan: Plan,
}

impl Plan {
    pub fn new(arguments: &Arguments) -> Plan {
        let is_quick = arguments.is_quick;
        Plan {
            is_quick,
            repetitions: if is_quick { 3 } else { 5 },
            budget: Duration::from_millis(if is_quick { 40 } else { 400 }),
        }
    }

    /// The results of all repetitions.
    pub fn repeat<T>(&self, mut once: impl FnMut() -> Outcome<T>) -> Outcome<Vec<T>> {
        (0..self.repetitions).map(|_| once()).collect()
    }

    /// Does something until the budget is used up, and says how long each took.
    pub fn time_each(&self, mut once: impl FnMut() -> Outcome) -> Outcome<Vec<Duration>> {
        let (mut times, until) = (Vec::new(), Instant::now() + self.budget);
        while times.is_empty() || Instant::now() < until {
            let began = Instant::now();
            once()?;
            times.push(began.elapsed());
        }
        Ok(times)
    }
}

impl Run<'_> {
    pub fn new<'a>(subject: &'static str, arguments: &'a Arguments) -> Run<'a> {
        let plan = Plan::new(arguments);
        Run {
            subject,
            arguments,
            plan,
        }
    }

    /// Measures a figure, if it is asked for: the values of all repetitions.
    pub fn figure(
        &self,
        name: &str,
        unit: Unit,
        measure: impl FnOnce(&Plan) -> Outcome<Vec<f64>>,
    ) -> Outcome {
        let name = format!("{}: {name}", self.subject);
        match self.arguments.wants(&name) {
            true => tell(Figure::new(name, unit, measure(&self.plan)?)),
            false => Ok(()),
        }
    }

    /// Measures times, if they are asked for: those of each repetition.
    pub fn times(
        &self,
        name: &str,
        measure: impl FnOnce(&Plan) -> Outcome<Vec<Vec<Duration>>>,
    ) -> Outcome {
        let named = PERCENTS.map(|percent| format!("{}: {name}, p{percent}", self.subject));
        if !named.iter().any(|name| self.arguments.wants(name)) {
            return Ok(());
        }
        let mut repetitions = measure(&self.plan)?;
        repetitions.iter_mut().for_each(|times| times.sort());
        for (percent, name) in PERCENTS.into_iter().zip(named) {
            let at = |times: &Vec<Duration>| times[times.len() * percent / 100].as_secs_f64();
            let values = repetitions.iter().map(at).collect();
            tell(Figure::new(name, Unit::Seconds, values))?;
        }
        Ok(())
    }
}

/// What several figures come from: made for the first of them that is wanted.
pub fn kept<T>(slot: &mut Option<T>, make: impl FnOnce() -> Outcome<T>) -> Outcome<&mut T> {
    let value = match slot.take() {
        Some(value) => value,
        None => make()?,
    };
    Ok(slot.insert(value))
}

fn tell(figure: Figure) -> Outcome {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", figure.to_line())?;
    Ok(output.flush()?)
}
