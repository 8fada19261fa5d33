//! Meter: what a process takes from the system, sampled, and whether that grows.

use std::fs;

#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Seconds since the run began.
    pub at: f64,
    /// Resident, in KiB.
    pub memory: u64,
    pub threads: u64,
    pub descriptors: u64,
    /// Processor time in seconds, so far.
    pub busy: f64,
}

/// `None` if the process is gone.
pub fn sample(id: u32, at: f64) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Sample {
        at,
        memory: field("VmRSS:")?,
        threads: field("Threads:")?,
        descriptors: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64,
        busy: busy(id)?,
    })
}

/// Clock ticks of `/proc` a second.
const TICKS: f64 = 100.0;

fn busy(id: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// By how much the line through the points rises from the first of them to the last: least
/// squares.
pub fn rise(points: &[(f64, f64)]) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return 0.0;
    };
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if spread == 0.0 {
        return 0.0;
    }
    let common: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    common / spread * (last.0 - first.0)
}
