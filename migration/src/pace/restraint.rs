//! What throttling teaches: after a refusal the rate falls below what was tried, and rises again slowly. One for a
//! process, that tables and indexes slow down, and one for each worker, that a hot partition does. Pure: time is handed in.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of the rate that was refused.
const CUT: f64 = 0.7;
/// By how much the rate rises in a second: from one cut to the next it takes about seven.
const RISE: f64 = 1.05;
/// Refusals of requests that were under way together are one.
const SAME: Duration = Duration::from_millis(500);
/// A rate of which nothing has been heard for so long is no limit any more.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// A rate that was learned, if any was.
#[derive(Debug, Default)]
pub(super) struct Restraint {
    learned: Option<Learned>,
    usage: Usage,
}

#[derive(Debug)]
struct Learned {
    units_per_second: f64,
    balance: f64,
    at: Instant,
    cut_at: Instant,
}

/// Units of the second that is running, and of the one before.
#[derive(Debug, Default)]
struct Usage {
    second: Option<Instant>,
    running: f64,
    before: f64,
}

impl Restraint {
    /// How long a request of so many units has to wait; it is counted as sent then.
    pub(super) fn wait(&mut self, units: f64, now: Instant) -> Duration {
        self.usage.add(units, now);
        let Some(learned) = &mut self.learned else { return Duration::ZERO };
        if now.saturating_duration_since(learned.cut_at) > FORGOTTEN {
            self.learned = None;
            return Duration::ZERO;
        }
        let elapsed = now.saturating_duration_since(learned.at).as_secs_f64();
        learned.units_per_second *= RISE.powf(elapsed);
        // At most a tenth of a second is saved up: a burst is what was refused.
        let most = learned.units_per_second / 10.0;
        learned.balance = (learned.balance + elapsed * learned.units_per_second).min(most.max(1.0));
        learned.at = now;
        learned.balance -= units;
        Duration::from_secs_f64((-learned.balance / learned.units_per_second).max(0.0))
    }

    /// A request was refused.
    pub(super) fn throttled(&mut self, now: Instant) {
        if self.learned.as_ref().is_some_and(|learned| now.saturating_duration_since(learned.cut_at) < SAME) {
            return;
        }
        let tried = self.usage.a_second(now);
        let tried = self.learned.as_ref().map_or(tried, |learned| learned.units_per_second.min(tried));
        let units_per_second = (tried * CUT).max(1.0);
        self.learned = Some(Learned { units_per_second, balance: 0.0, at: now, cut_at: now });
    }
}

impl Usage {
    fn add(&mut self, units: f64, now: Instant) {
        self.roll(now);
        self.running += units;
    }

    fn a_second(&mut self, now: Instant) -> f64 {
        self.roll(now);
        self.before.max(self.running).max(1.0)
    }

    fn roll(&mut self, now: Instant) {
        let second = *self.second.get_or_insert(now);
        let elapsed = now.saturating_duration_since(second);
        if elapsed >= Duration::from_secs(1) {
            self.before = if elapsed < Duration::from_secs(2) { self.running } else { 0.0 };
            self.running = 0.0;
            self.second = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends units of one as fast as the restraint lets them for so long; returns how many.
    fn send(restraint: &mut Restraint, from: Instant, lasting: Duration, units_per_second: f64) -> u32 {
        let (mut now, mut sent) = (from, 0);
        while now < from + lasting {
            now += restraint.wait(1.0, now) + Duration::from_secs_f64(1.0 / units_per_second);
            sent += 1;
        }
        sent
    }

    #[test]
    fn nothing_is_held_back_before_a_refusal() {
        let mut restraint = Restraint::default();
        assert!(send(&mut restraint, Instant::now(), Duration::from_secs(1), 1_000.0) >= 999);
    }

    #[test]
    fn a_refusal_cuts_what_was_tried_and_once_for_those_under_way() {
        let (mut restraint, start) = (Restraint::default(), Instant::now());
        send(&mut restraint, start, Duration::from_secs(2), 1_000.0);
        let now = start + Duration::from_secs(2);
        for later in [0, 10, 400] {
            restraint.throttled(now + Duration::from_millis(later));
        }
        let sent = send(&mut restraint, now, Duration::from_secs(1), 1e6);
        assert!((680..760).contains(&sent), "{sent}");
    }

    #[test]
    fn the_rate_rises_again_and_is_forgotten() {
        let (mut restraint, start) = (Restraint::default(), Instant::now());
        send(&mut restraint, start, Duration::from_secs(2), 1_000.0);
        restraint.throttled(start + Duration::from_secs(2));
        let later = start + Duration::from_secs(10);
        restraint.wait(0.0, later);
        let sent = send(&mut restraint, later, Duration::from_secs(1), 1e6);
        assert!(sent > 950, "{sent}");
        assert_eq!(restraint.wait(1e9, start + Duration::from_secs(63)), Duration::ZERO);
    }
}
