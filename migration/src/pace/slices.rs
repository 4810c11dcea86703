//! Units that a process has leased, let out evenly over the time of each lease. Pure: time is handed in.
//!
//! The balance may go below zero: a request is charged with what it took, and what follows waits for as long.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Leased units in one direction.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// Units that may be used now.
    balance: f64,
    /// Leases of which units are still to come, in their order.
    coming: VecDeque<Slice>,
}

#[derive(Debug)]
struct Slice {
    /// From when on units are let out; moves along with them.
    from: Instant,
    until: Instant,
    units: f64,
}

impl Slices {
    /// Adds a lease of so many units, evenly from `start`, or from the end of the leases before, for `lasting`.
    pub(super) fn add(&mut self, units: f64, start: Instant, lasting: Duration) {
        let from = self.coming.back().map_or(start, |last| last.until.max(start));
        self.coming.push_back(Slice { from, until: from + lasting, units });
    }

    /// Units that are still to be let out.
    pub(super) fn coming(&self) -> f64 {
        self.coming.iter().map(|slice| slice.units).sum()
    }

    /// Drops what is there and coming beyond so many units; returns what is left.
    pub(super) fn keep(&mut self, units: f64) -> f64 {
        let mut beyond = self.balance + self.coming() - units;
        while beyond > 0.0 {
            let Some(last) = self.coming.back_mut() else {
                self.balance -= beyond;
                break;
            };
            if last.units > beyond {
                let share = 1.0 - beyond / last.units;
                last.until = last.from + (last.until - last.from).mul_f64(share);
                last.units *= share;
                break;
            }
            beyond -= last.units;
            self.coming.pop_back();
        }
        self.balance + self.coming()
    }

    /// Units that were used beyond those that are still to be let out: without a further lease nothing is sent.
    pub(super) fn debt(&self) -> f64 {
        (-self.balance - self.coming()).max(0.0)
    }

    /// Takes so many units, if there are any: the balance may be left below zero.
    pub(super) fn take(&mut self, units: f64, now: Instant) -> bool {
        self.let_out(now);
        let is_there = self.balance > 0.0;
        if is_there {
            self.balance -= units;
        }
        is_there
    }

    /// Takes what a request took beyond what it was expected to, or gives back what it didn't.
    pub(super) fn charge(&mut self, units: f64) {
        self.balance -= units;
    }

    /// How long it takes until there are units, if those that are coming are enough for that.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.let_out(now);
        let mut missing = -self.balance;
        for slice in &self.coming {
            if slice.units > missing {
                let lasting = slice.until - slice.from;
                let share = missing.max(0.0) / slice.units;
                return Some((slice.from - now) + lasting.mul_f64(share));
            }
            missing -= slice.units;
        }
        None
    }

    fn let_out(&mut self, now: Instant) {
        while let Some(slice) = self.coming.front_mut() {
            if now >= slice.until {
                self.balance += slice.units;
                self.coming.pop_front();
                continue;
            }
            if now > slice.from {
                let share = (now - slice.from).as_secs_f64() / (slice.until - slice.from).as_secs_f64();
                let units = slice.units * share;
                self.balance += units;
                slice.units -= units;
                slice.from = now;
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn units_are_let_out_evenly() {
        let (mut slices, start) = (Slices::default(), Instant::now());
        assert!(!slices.take(1.0, start));
        slices.add(100.0, start, SECOND);
        assert!(!slices.take(1.0, start));
        assert!(slices.take(50.0, start + SECOND / 2));
        assert!(!slices.take(1.0, start + SECOND / 2));
        assert!(slices.take(50.0, start + 2 * SECOND));
        assert_eq!(slices.coming(), 0.0);
    }

    #[test]
    fn what_was_used_beyond_the_balance_is_waited_for() {
        let (mut slices, start) = (Slices::default(), Instant::now());
        slices.add(100.0, start, SECOND);
        assert!(slices.take(60.0, start + SECOND / 10));
        let wait = slices.wait(start + SECOND / 10).unwrap();
        assert!((wait.as_secs_f64() - 0.5).abs() < 0.001, "{wait:?}");
        slices.charge(45.0);
        assert_eq!((slices.wait(start + SECOND / 10), slices.debt().round()), (None, 5.0));
        slices.add(100.0, start, SECOND);
        let wait = slices.wait(start + SECOND / 10).unwrap();
        assert!((wait.as_secs_f64() - 0.95).abs() < 0.001, "{wait:?}");
    }

    #[test]
    fn what_is_too_much_is_dropped_the_last_first() {
        let (mut slices, start) = (Slices::default(), Instant::now());
        slices.add(100.0, start, SECOND);
        slices.add(100.0, start, SECOND);
        assert_eq!(slices.keep(500.0), 200.0);
        assert_eq!(slices.keep(150.0).round(), 150.0);
        assert!(slices.take(149.0, start + SECOND * 3 / 2));
        slices.charge(-99.0);
        assert_eq!(slices.keep(30.0).round(), 30.0);
        assert!(slices.take(30.0, start + SECOND * 3 / 2) && !slices.take(1.0, start + SECOND * 3));
    }

    #[test]
    fn leases_follow_one_another() {
        let (mut slices, start) = (Slices::default(), Instant::now());
        slices.add(10.0, start, SECOND);
        slices.add(10.0, start, SECOND);
        assert!(slices.take(15.0, start + SECOND * 3 / 2));
        assert!(!slices.take(1.0, start + SECOND * 3 / 2));
        assert!(slices.take(5.0, start + 2 * SECOND));
    }
}
