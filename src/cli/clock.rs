//! Clock: a moment as programs and people write it, in UTC.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day, for people: nothing is decided by it.
#[derive(Clone, Copy)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Moment {
        // A clock that was never set stands at the beginning.
        Moment(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    #[cfg(test)]
    pub(crate) const fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }
}

/// As RFC 3339 has it, with milliseconds: `2026-12-01T13:51:26.042Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (self.0.as_secs() / 86_400, self.0.as_secs() % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let millis = self.0.subsec_millis();
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(f, "{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// The date, so many days after 1970-01-01. Years are counted from March here, so that the day
/// that comes and goes is the last one; 400 of them have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{Moment, date};

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_796_133_086_042, "2026-12-01T13:51:26.042Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(Moment::at(millis).to_string(), text);
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut yesterday = date(0);
        for days in 1..200_000 {
            let today = date(days);
            let (year, month, day) = yesterday;
            let may_follow = [
                (year, month, day + 1),
                (year, month + 1, 1),
                (year + 1, 1, 1),
            ];
            assert!(may_follow.contains(&today), "{yesterday:?}, then {today:?}");
            yesterday = today;
        }
        assert_eq!(yesterday, (2517, 7, 31));
    }
}
