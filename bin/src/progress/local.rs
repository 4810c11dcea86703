//! Snapshots of a run in this process: its workers tell of every page.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use migration::plan::{Job, Plan};
use migration::summary::SoFar;
use migration::{Counts, Observer};

use crate::progress::{Lately, Phase, Progress, Rates, Snapshot};

/// Adds up what the workers report, and shows it.
pub(crate) struct LocalProgress {
    progress: Progress,
    segments: u32,
    /// What earlier attempts have done.
    before: Counts,
    so_far: Mutex<(SoFar, Lately, Instant)>,
    /// Whether to compare is all that the run does.
    only_compares: bool,
    /// Items that were compared, of both tables of a copy.
    compared: AtomicU64,
}

impl LocalProgress {
    pub(crate) fn new(plan: &Plan, so_far: SoFar) -> Self {
        let lately = Lately::new(&so_far.counts);
        Self {
            progress: Progress::new(plan, so_far.counts.scanned),
            segments: so_far.segments,
            before: so_far.counts,
            so_far: Mutex::new((so_far, lately, Instant::now())),
            only_compares: matches!(plan.job, Job::Verify { .. }),
            compared: AtomicU64::default(),
        }
    }

    pub(crate) fn finish(&self) {
        self.progress.finish();
    }

    /// What comes before the first page is no time of it: a copy waits for its capture, and for its export.
    pub(crate) fn still_waits(&self) {
        let mut held = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let (so_far, _, began) = &mut *held;
        if so_far.counts == self.before {
            *began = Instant::now();
            self.progress.begin_at(so_far.counts.scanned);
        }
    }

    /// How many items of both tables were compared so far.
    pub(crate) fn compared_items(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// Keeps one line up to date after the items are done.
    pub(crate) fn keep(&self, phase: Phase, text: &str) {
        self.progress.keep(phase, text);
    }

    pub(crate) fn say(&self, text: &str) {
        self.progress.say(text);
    }
}

impl Observer for LocalProgress {
    fn page(&self, _segment: u32, counts: &Counts, done: bool) {
        // Held while it is shown: a line never tells of less than the one before.
        let mut held = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let (so_far, lately, began) = &mut *held;
        so_far.counts += *counts;
        so_far.segments_done += u32::from(done);
        self.progress.show(&Snapshot {
            phase: Phase::Migrating,
            counts: so_far.counts,
            segments_done: so_far.segments_done,
            segments: self.segments,
            rates: Rates::between(&self.before, &so_far.counts, began.elapsed()),
            waits_for: lately.waits_for(&so_far.counts),
            children: None,
        });
    }

    fn compared(&self, segment: u32, counts: &Counts, done: bool) {
        self.compared.fetch_add(counts.scanned, Ordering::Relaxed);
        if self.only_compares {
            self.page(segment, counts, done);
        }
    }
}
