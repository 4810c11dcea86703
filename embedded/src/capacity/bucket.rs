//! One token bucket: the units that a table or an index may spend, in one direction.
//!
//! A provisioned bucket fills at the provisioned rate and keeps what 300 seconds leave unused (AWS: "Burst
//! capacity"), beside the second that is running; it starts with that one second and no burst. An on-demand
//! bucket keeps one second's worth of the most that the table may take: its starting point, or twice the peak
//! of earlier half hours ("On-demand capacity mode: scaling properties").

use std::time::Duration;

use tokio::time::Instant;

/// How long unused provisioned units are kept.
const BURST_SECONDS: f64 = 300.0;
/// On demand, the peak of this span is doubled in the next.
const PEAK_WINDOW: Duration = Duration::from_secs(30 * 60);
/// The default quota of a table on demand, each for reads and for writes.
const TABLE_QUOTA: f64 = 40_000.0;

/// What refills a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// So many units in every second.
    Provisioned(f64),
    /// As many as are asked for, within double the previous peak.
    OnDemand {
        /// What the table takes from the start, or has been warmed for.
        start: f64,
        /// The owner's own limit (`OnDemandThroughput`).
        limit: Option<f64>,
    },
}

#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    peaks: Peaks,
    balance: f64,
    filled_at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        let peaks = Peaks::new(now);
        Self { balance: rate.units_per_second(&peaks), rate, peaks, filled_at: now }
    }

    /// Goes on at another rate. What has been saved stays, as far as the new rate has room for it. A table that
    /// is warmed while on demand is ready at once, one whose mode changes starts afresh.
    pub(crate) fn set_rate(&mut self, rate: Rate, now: Instant) {
        self.fill(now);
        let before = std::mem::replace(&mut self.rate, rate);
        let second = rate.units_per_second(&self.peaks);
        match (before, rate) {
            (Rate::Provisioned(_), Rate::Provisioned(_)) => {}
            (Rate::OnDemand { .. }, Rate::OnDemand { .. }) => {
                self.balance += (second - before.units_per_second(&self.peaks)).max(0.0);
            }
            _ => self.balance = second,
        }
        self.fill(now);
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// What fills it in a second, as it is now.
    pub(crate) fn units_per_second(&mut self, now: Instant) -> f64 {
        self.peaks.roll(now);
        self.rate.units_per_second(&self.peaks)
    }

    /// Whether something is left, the rule for what has no known cost in advance.
    pub(crate) fn is_positive(&mut self, now: Instant) -> bool {
        self.has_left(0.0, now)
    }

    /// Whether something is left besides the units `promised` already.
    pub(crate) fn has_left(&mut self, promised: f64, now: Instant) -> bool {
        self.fill(now);
        self.balance - promised > 0.0
    }

    /// Whether a write of so many units fits, besides those `promised` already. One that is larger than the
    /// bucket will ever hold passes when the bucket is full.
    pub(crate) fn covers(&mut self, units: f64, promised: f64, now: Instant) -> bool {
        self.fill(now);
        self.balance > 0.0 && self.balance - promised >= units.min(self.room())
    }

    /// Takes units out. The balance may go below zero; nothing more is admitted until it is paid back.
    pub(crate) fn charge(&mut self, units: f64, now: Instant) {
        self.fill(now);
        self.balance -= units;
        self.peaks.record(units, now);
    }

    fn fill(&mut self, now: Instant) {
        self.peaks.roll(now);
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        let filled = self.balance + elapsed * self.rate.units_per_second(&self.peaks);
        self.balance = filled.min(self.room());
        self.filled_at = self.filled_at.max(now);
    }

    fn room(&self) -> f64 {
        let second = self.rate.units_per_second(&self.peaks);
        match self.rate {
            Rate::Provisioned(_) => second * (BURST_SECONDS + 1.0),
            Rate::OnDemand { .. } => second,
        }
    }
}

impl Rate {
    fn units_per_second(self, peaks: &Peaks) -> f64 {
        match self {
            Rate::Provisioned(units) => units,
            Rate::OnDemand { start, limit } => {
                let reached = start.max((2.0 * peaks.earlier).min(TABLE_QUOTA));
                limit.map_or(reached, |limit| reached.min(limit))
            }
        }
    }
}

/// The highest second of the running half hour, and of all before it.
#[derive(Debug)]
struct Peaks {
    earlier: f64,
    running: f64,
    since: Instant,
    second: Instant,
    in_second: f64,
}

impl Peaks {
    fn new(now: Instant) -> Self {
        Self { earlier: 0.0, running: 0.0, since: now, second: now, in_second: 0.0 }
    }

    fn record(&mut self, units: f64, now: Instant) {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.in_second = 0.0;
        }
        self.in_second += units;
        self.running = self.running.max(self.in_second);
    }

    fn roll(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= PEAK_WINDOW {
            self.earlier = self.earlier.max(self.running);
            self.running = 0.0;
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_new_provisioned_bucket_holds_one_second_and_no_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::Provisioned(10.0), start);
        assert!(bucket.covers(10.0, 0.0, start));
        assert!(!bucket.covers(11.0, 0.0, start));
    }

    #[test]
    fn unused_units_are_kept_for_three_hundred_seconds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::Provisioned(10.0), start);
        let later = after(start, 3_600);
        assert!(bucket.covers(3_010.0, 0.0, later));
        bucket.charge(3_010.0, later);
        assert!(!bucket.is_positive(later));
        assert!(bucket.is_positive(after(later, 1)));
    }

    #[test]
    fn a_debt_is_paid_back_before_anything_is_admitted() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::Provisioned(10.0), start);
        bucket.charge(60.0, start);
        assert!(!bucket.is_positive(after(start, 5)));
        assert!(bucket.is_positive(after(start, 6)));
    }

    #[test]
    fn a_write_larger_than_the_bucket_passes_when_it_is_full() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::Provisioned(1.0), start);
        assert!(!bucket.covers(400.0, 0.0, start));
        assert!(bucket.covers(400.0, 0.0, after(start, 300)));
    }

    #[test]
    fn on_demand_doubles_its_peak_after_half_an_hour_and_not_before() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::OnDemand { start: 4_000.0, limit: None }, start);
        bucket.charge(4_000.0, start);
        assert!(!bucket.covers(1.0, 4_000.0, after(start, 1_799)));
        assert!(bucket.covers(1.0, 7_999.0, after(start, 1_801)));
    }

    #[test]
    fn an_owners_limit_holds_on_demand() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::OnDemand { start: 4_000.0, limit: Some(100.0) }, start);
        assert!(bucket.covers(1.0, 99.0, start));
        assert!(!bucket.covers(1.0, 100.0, start));
    }

    #[test]
    fn raising_the_rate_keeps_what_was_saved() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::Provisioned(10.0), start);
        bucket.set_rate(Rate::Provisioned(1_000.0), start);
        assert!(!bucket.covers(11.0, 0.0, start));
        assert!(bucket.covers(1_010.0, 0.0, after(start, 1)));
    }

    #[test]
    fn lowering_the_rate_leaves_no_more_than_it_has_room_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::Provisioned(1_000.0), start);
        bucket.set_rate(Rate::Provisioned(1.0), start);
        assert!(bucket.covers(1.0, 300.0, start));
        assert!(!bucket.covers(1.0, 301.0, start));
    }
}
