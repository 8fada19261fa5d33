//! Quantity: numbers and spans of time as people read them.

use std::time::Duration;

/// With commas between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// In the unit in which it is neither tiny nor huge, with three digits that count.
pub(crate) fn time(span: Duration) -> String {
    let nanos = span.as_nanos() as f64;
    let units = [("s", 1e9), ("ms", 1e6), ("µs", 1e3)];
    // What would be rounded up to 1000 of a unit is 1 of the next.
    let unit = units.iter().find(|(_, size)| nanos >= size * 0.9995);
    let Some((unit, size)) = unit else {
        return format!("{nanos} ns");
    };
    let number = nanos / size;
    let places = match number {
        number if number >= 99.95 => 0,
        number if number >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.places$} {unit}")
}

/// In milliseconds, for times that stand below each other.
pub(crate) fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1e3)
}

/// How many a second, with three digits that count.
pub(crate) fn rate(number: u64, span: Duration) -> String {
    let rate = number as f64 / span.as_secs_f64().max(1e-9);
    let digits = rate.max(1.0).log10() as i32 - 2;
    let unit = 10_f64.powi(digits.max(0));
    format!("{}/s", count(((rate / unit).round() * unit) as u64))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{count, millis, rate, time};

    #[test]
    fn thousands_are_set_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_have_three_digits_that_count() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (45_678, "45.7 µs"),
            (99_960, "100 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (9_996_000, "10.0 ms"),
            (2_500_000_000, "2.50 s"),
            (3_600_000_000_000, "3600 s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(time(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn times_below_each_other_have_one_unit() {
        assert_eq!(millis(Duration::from_micros(5)), "0.01 ms");
        assert_eq!(millis(Duration::from_secs(1)), "1000.00 ms");
    }

    #[test]
    fn a_rate_claims_no_more_than_was_measured() {
        assert_eq!(rate(123_456, Duration::from_secs(1)), "123,000/s");
        assert_eq!(rate(10, Duration::from_secs(4)), "3/s");
        assert_eq!(rate(0, Duration::from_secs(1)), "0/s");
        assert_eq!(rate(999_999, Duration::from_secs(1)), "1,000,000/s");
    }
}
