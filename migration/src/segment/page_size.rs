//! How many items a page has: as many as take about a given time. A worker that is killed has so much to do again,
//! and the ledger is written to so often. Pure: time is handed in.

use std::time::Duration;

/// What a page takes at least. Reading a page and writing its checkpoint take about a tenth of that.
const LEAST: Duration = Duration::from_millis(250);
/// For each worker of the run: together they then write 400 checkpoints a second, of 1,000 that one partition takes.
const FOR_EACH_WORKER: Duration = Duration::from_micros(2_500);
/// A first page: a quarter of a second's writes where each takes 5 ms and sixteen are under way is 800 items.
const FIRST: u32 = 100;
/// Smaller ones would be no full batch of writes.
const SMALLEST: u32 = 25;
/// More items than a page of 1 MB holds of the smallest there are.
const LARGEST: u32 = 100_000;

/// The number of items of a worker's next page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    items: u32,
    target: Duration,
}

impl PageSize {
    /// Of a worker that is one of so many.
    pub(crate) fn new(workers: u32) -> Self {
        Self { items: FIRST, target: LEAST.max(FOR_EACH_WORKER * workers) }
    }

    /// The number itself.
    pub(super) fn items(self) -> usize {
        self.items as usize
    }

    /// Scan's `Limit`.
    pub(crate) fn limit(self) -> i32 {
        i32::try_from(self.items).unwrap_or(i32::MAX)
    }

    /// Follows the time that a page of so many items took: at most twice as large at a time, at most half as large.
    pub(crate) fn took(&mut self, items: u64, time: Duration) {
        let time = time.max(Duration::from_micros(1));
        let fitting = items as f64 * self.target.as_secs_f64() / time.as_secs_f64();
        let (half, twice) = (f64::from(self.items / 2), f64::from(self.items) * 2.0);
        // A page that ended before its limit says nothing against a larger one, only against the time it took.
        if items < u64::from(self.items) && fitting < f64::from(self.items) && time < self.target {
            return;
        }
        self.items = (fitting.clamp(half, twice) as u32).clamp(SMALLEST, LARGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(items_per_second: f64, workers: u32) -> u32 {
        let mut size = PageSize::new(workers);
        for _ in 0..20 {
            let items = size.items;
            size.took(items.into(), Duration::from_secs_f64(f64::from(items) / items_per_second));
        }
        size.items
    }

    #[test]
    fn a_page_takes_about_a_quarter_of_a_second() {
        assert_eq!(settled(2_000.0, 1), 500);
        assert_eq!(settled(2_000.0, 100), 500);
        assert_eq!(settled(10.0, 1), SMALLEST);
    }

    /// All workers together write about 400 checkpoints a second, however many they are.
    #[test]
    fn the_ledger_is_not_written_to_more_often_by_more_workers() {
        for workers in [200, 1_000, 10_000] {
            let seconds_for_page = f64::from(settled(1_000.0, workers)) / 1_000.0;
            let checkpoints = f64::from(workers) / seconds_for_page;
            assert!((390.0..=410.0).contains(&checkpoints), "{workers}: {checkpoints}");
        }
    }

    #[test]
    fn a_short_page_at_the_end_of_a_segment_makes_the_next_no_smaller() {
        let mut size = PageSize::new(1);
        size.took(3, Duration::from_millis(20));
        assert_eq!(size.items, FIRST);
        size.took(3, Duration::from_secs(2));
        assert_eq!(size.items, FIRST / 2);
    }
}
