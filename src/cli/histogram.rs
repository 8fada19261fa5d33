//! Histogram: how long something took, how often.

use std::time::Duration;

use crate::cli::quantity;

/// Measured times, sorted.
pub(crate) struct Histogram {
    times: Vec<Duration>,
}

/// The times from one bound to the next.
#[derive(Clone, PartialEq, Debug)]
struct Bucket {
    from: Duration,
    to: Duration,
    count: usize,
}

impl Histogram {
    pub(crate) fn new(mut times: Vec<Duration>) -> Histogram {
        times.sort_unstable();
        Histogram { times }
    }

    /// The time that this part of them did not exceed: 0.5 is the median, 1 the longest.
    pub(crate) fn percentile(&self, part: f64) -> Duration {
        let rank = (part * self.times.len() as f64).ceil() as usize;
        let index = rank
            .saturating_sub(1)
            .min(self.times.len().saturating_sub(1));
        self.times.get(index).copied().unwrap_or_default()
    }

    /// A line for each bucket, from the one of the shortest time to that of the longest, with a
    /// bar in proportion; the longest line has `width` characters at most.
    pub(crate) fn lines(&self, width: usize) -> Vec<String> {
        let buckets = self.buckets();
        let most = buckets.iter().map(|bucket| bucket.count).max();
        let most = most.unwrap_or_default().max(1);
        let counts = buckets
            .iter()
            .map(|bucket| quantity::count(bucket.count as u64));
        let counts: Vec<String> = counts.collect();
        let widest = counts.iter().map(String::len).max().unwrap_or_default();
        let label = |bucket: &Bucket| {
            let [from, to] = [bucket.from, bucket.to].map(round);
            format!("{from:>6} to {to:>6}  ")
        };
        let head = 18 + widest + 2;
        let room = width.saturating_sub(head).clamp(10, 60);
        let line = |(bucket, count): (&Bucket, &String)| {
            let bar = bar(bucket.count as f64 / most as f64 * room as f64);
            let line = format!("{}{count:>widest$}  {bar}", label(bucket));
            line.trim_end().to_owned()
        };
        buckets.iter().zip(&counts).map(line).collect()
    }

    /// Bounds at 1, 2 and 5 of each power of ten.
    fn buckets(&self) -> Vec<Bucket> {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return Vec::new();
        };
        let steps = [1, 2, 5].into_iter().cycle();
        let powers = (0..19).flat_map(|power| [10_u64.pow(power); 3]);
        let bounds = steps.zip(powers).map(|(step, power)| step * power);
        let bounds = bounds.map(Duration::from_nanos).collect::<Vec<_>>();
        let pairs = bounds.windows(2).map(|pair| (pair[0], pair[1]));
        let used = pairs.filter(|(from, to)| to > first && from <= last);
        let bucket = |(from, to)| {
            let up_to = |bound: Duration| self.times.partition_point(|time| *time < bound);
            let count = up_to(to) - up_to(from);
            Bucket { from, to, count }
        };
        used.map(bucket).collect()
    }
}

/// A bound is one digit and a unit: no more is needed to tell it.
fn round(bound: Duration) -> String {
    let nanos = bound.as_nanos();
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{} s", nanos / 1_000_000_000),
    }
}

/// So many characters, to an eighth of one; what is not nothing is seen.
pub(crate) fn bar(length: f64) -> String {
    let eighths = (length * 8.0).round() as usize;
    let eighths = if length > 0.0 { eighths.max(1) } else { 0 };
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    bar
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Histogram, bar};

    fn histogram(micros: impl IntoIterator<Item = u64>) -> Histogram {
        Histogram::new(micros.into_iter().map(Duration::from_micros).collect())
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let histogram = histogram((1..=100).rev());
        let of = |part| histogram.percentile(part).as_micros();
        assert_eq!(
            [of(0.0), of(0.5), of(0.99), of(0.999), of(1.0)],
            [1, 50, 99, 100, 100]
        );
    }

    #[test]
    fn nothing_measured_is_nothing_drawn() {
        assert_eq!(histogram([]).percentile(0.5), Duration::ZERO);
        assert!(histogram([]).lines(80).is_empty());
    }

    #[test]
    fn every_time_is_in_one_bar_between_the_shortest_and_the_longest() {
        let lines = histogram([11, 12, 19, 20, 150, 150]).lines(40);
        let wanted = [
            " 10 µs to  20 µs  3  ███████████████████",
            " 20 µs to  50 µs  1  ██████▍",
            " 50 µs to 100 µs  0",
            "100 µs to 200 µs  2  ████████████▋",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn no_time_at_all_and_a_very_long_one_are_drawn() {
        let lines = Histogram::new(vec![Duration::from_nanos(1), Duration::from_secs(9_000)]);
        let lines = lines.lines(80);
        assert!(lines[0].starts_with("  1 ns to   2 ns  1  █"), "{lines:?}");
        assert!(
            lines
                .last()
                .is_some_and(|line| line.starts_with("5000 s to 10000 s  1"))
        );
    }

    #[test]
    fn a_bar_is_drawn_to_an_eighth_and_never_hides_one() {
        let bars = [0.0, 0.001, 1.0, 1.5, 2.875].map(bar);
        assert_eq!(bars, ["", "▏", "█", "█▌", "██▉"]);
    }
}
