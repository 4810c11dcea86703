//! Snapshots of a run elsewhere, at AWS or in another process, from one look at it after the other.

use std::time::Instant;

use migration::Counts;
use migration::plan::Plan;
use migration::summary::SoFar;

use crate::progress::{Children, Lately, Phase, Progress, Rates, Snapshot};

/// Shows looks as they come. Rates are of the time since the work began or, where it was under way already, since the
/// first look: by the clock of this machine alone.
pub(crate) struct RemoteProgress {
    progress: Progress,
    segments: u32,
    base: Option<(Instant, Counts)>,
    lately: Option<Lately>,
}

impl RemoteProgress {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { progress: Progress::new(plan, 0), segments: plan.definition.segments.get(), base: None, lately: None }
    }

    pub(crate) fn finish(&self) {
        self.progress.finish();
    }

    pub(crate) fn say(&self, text: &str) {
        self.progress.say(text);
    }

    pub(crate) fn see(&mut self, phase: Phase, so_far: &SoFar, children: Option<Children>) {
        let counts = so_far.counts;
        let has_begun = phase != Phase::Preparing && counts.scanned > 0;
        let base = self.base.filter(|_| has_begun);
        let (since, before) = base.unwrap_or_else(|| {
            self.progress.begin_at(counts.scanned);
            (Instant::now(), counts)
        });
        self.base = Some((since, before));
        let waits_for = self.lately.get_or_insert_with(|| Lately::new(&counts)).waits_for(&counts);
        self.progress.show(&Snapshot {
            phase,
            counts,
            segments_done: so_far.segments_done,
            segments: so_far.segments.max(self.segments),
            rates: Rates::between(&before, &counts, since.elapsed()),
            waits_for,
            children,
        });
    }
}
