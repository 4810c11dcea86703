//! Snapshots of a run elsewhere, at AWS or in another process, from one look at it after the other.

use std::time::Instant;

use migration::Counts;
use migration::copy::sync::Sync;
use migration::plan::Plan;
use migration::summary::SoFar;

use crate::progress::{Children, Lately, Phase, Progress, Rates, Snapshot, Stand, copy};

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

    /// Shows how a run stands, with what is known of a copy's changes and of the Map's children.
    pub(crate) fn see(&mut self, stand: &Stand, sync: Option<&Sync>, children: Option<Children>) {
        match (stand.phase, sync, stand.compared()) {
            (Phase::ApplyingChanges, Some(sync), _) => self.progress.keep(stand.phase, &copy::changes(sync)),
            (Phase::Comparing, _, Some(_)) => {
                let children = children.map(|children| format!("  {}", children.words())).unwrap_or_default();
                self.progress.keep(stand.phase, &format!("{}{children}", stand.words()));
            }
            (phase, ..) => self.see_figures(phase, &stand.so_far, children),
        }
    }

    fn see_figures(&mut self, phase: Phase, so_far: &SoFar, children: Option<Children>) {
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
