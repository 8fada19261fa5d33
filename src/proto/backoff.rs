//! Backoff: how long to wait before dialling again, and the small generator that scatters it.

use std::time::{Duration, Instant};

/// The redial delays of one endpoint: doubling, scattered, and forgiven only by a link that lasts.
///
/// A peer that accepts and ends the connection at once, because it turns us away, is a failed
/// attempt like any other; so a short success does not start the delays over.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    stable_after: Duration,
    failures: u32,
    up_since: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration, stable_after: Duration) -> Backoff {
        Backoff {
            min,
            max,
            stable_after,
            failures: 0,
            up_since: None,
        }
    }

    /// The pause before the next attempt: anything from none to the current limit, which doubles
    /// each time, so that peers that lost one server together do not come back together.
    pub(crate) fn next_delay(&mut self, rng: &mut Rng) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let limit = self.min.saturating_mul(factor).min(self.max);
        self.failures = self.failures.saturating_add(1);
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(rng.below(nanos.saturating_add(1)))
    }

    pub(crate) fn handle_up(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    pub(crate) fn handle_down(&mut self, now: Instant) {
        let stood = self
            .up_since
            .take()
            .map(|since| now.saturating_duration_since(since));
        if stood.is_some_and(|stood| stood >= self.stable_after) {
            self.failures = 0;
        }
    }
}

/// A SplitMix64 generator: the same seed gives the same numbers. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Backoff, Rng};

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);
    const STABLE: Duration = Duration::from_secs(10);

    fn backoff() -> Backoff {
        Backoff::new(MIN, MAX, STABLE)
    }

    /// Any instant will do; only differences count.
    fn start() -> Instant {
        <Instant>::now()
    }

    /// The longest of many possible next delays.
    fn limit(backoff: &Backoff) -> Duration {
        let mut rng = Rng::new(1);
        (0..10_000)
            .map(|_| backoff.clone().next_delay(&mut rng))
            .max()
            .expect("ten thousand delays")
    }

    fn fail(backoff: &mut Backoff, times: usize) {
        let mut rng = Rng::new(2);
        for _ in 0..times {
            backoff.next_delay(&mut rng);
        }
    }

    fn about(delay: Duration, expected: Duration) -> bool {
        delay <= expected && delay > expected * 99 / 100
    }

    #[test]
    fn the_limit_doubles_with_each_attempt_up_to_the_maximum() {
        let mut backoff = backoff();
        for millis in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            assert!(about(limit(&backoff), Duration::from_millis(millis)));
            fail(&mut backoff, 1);
        }
    }

    /// Row 2: each pause is drawn.
    #[test]
    fn delays_are_spread_over_the_whole_range() {
        let mut rng = Rng::new(3);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let delay = backoff().next_delay(&mut rng);
            tenths[(delay.as_millis() / 10).min(9) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (800..1200).contains(&count)));
    }

    #[test]
    fn a_link_that_lasted_starts_the_delays_over() {
        let (mut backoff, now) = (backoff(), start());
        fail(&mut backoff, 5);
        backoff.handle_up(now);
        backoff.handle_down(now + STABLE);
        assert!(about(limit(&backoff), MIN));
    }

    #[test]
    fn a_link_that_broke_early_counts_as_a_failure() {
        let (mut backoff, now) = (backoff(), start());
        fail(&mut backoff, 2);
        backoff.handle_up(now);
        backoff.handle_down(now + STABLE - Duration::from_nanos(1));
        assert!(about(limit(&backoff), MIN * 4));
    }

    #[test]
    fn going_down_without_having_been_up_changes_nothing() {
        let (mut backoff, now) = (backoff(), start());
        fail(&mut backoff, 2);
        backoff.handle_down(now + STABLE);
        assert!(about(limit(&backoff), MIN * 4));
    }

    #[test]
    fn extremes_neither_overflow_nor_wait() {
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX, STABLE);
        fail(&mut endless, 100);
        let mut none = Backoff::new(Duration::ZERO, Duration::ZERO, STABLE);
        fail(&mut none, 100);
        assert_eq!(limit(&none), Duration::ZERO);
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let mut rng = Rng::new(0);
        assert_eq!(rng.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(rng.next(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(rng.below(0), 0);
        assert!((0..1000).all(|_| rng.below(3) < 3));
    }
}
