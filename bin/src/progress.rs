//! One line that tells the truth while a run goes on: a bar on a terminal, a line every few seconds elsewhere. It is
//! drawn from a [`Snapshot`], wherever that comes from: the workers of this process, or a ledger at AWS.

mod local;
mod remote;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use migration::Counts;
use migration::plan::Plan;
use migration::summary::SoFar;
use serde::Serialize;

pub(crate) use local::LocalProgress;
pub(crate) use remote::RemoteProgress;

use crate::show;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a run is, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) phase: Phase,
    /// Of the whole run.
    pub(crate) counts: Counts,
    pub(crate) segments_done: u32,
    pub(crate) segments: u32,
    pub(crate) rates: Rates,
    /// The Map's children, where Step Functions tells.
    pub(crate) children: Option<Children>,
}

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Preparing,
    BackingUp,
    Prewarming,
    Migrating,
    Restoring,
    Ending,
}

/// What happens each second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Rates {
    pub(crate) items: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

/// Children of the Map by how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Children {
    pub(crate) pending: u64,
    pub(crate) running: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
}

impl Phase {
    /// As far as the ledger alone tells.
    pub(crate) fn by_the_ledger(so_far: &SoFar) -> Self {
        if *so_far == SoFar::default() { Self::Preparing } else { Self::Migrating }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::BackingUp => "waiting for the backup",
            Self::Prewarming => "waiting for the table: its capacity is being raised",
            Self::Migrating => "migrating",
            Self::Restoring => "putting the capacity back",
            Self::Ending => "adding up",
        }
    }
}

impl Rates {
    /// What was done from one moment to another, by so much time between them.
    pub(crate) fn between(earlier: &Counts, later: &Counts, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64().max(0.001);
        Self {
            items: later.scanned.saturating_sub(earlier.scanned) as f64 / seconds,
            read_units: (later.read_units - earlier.read_units).max(0.0) / seconds,
            write_units: (later.write_units - earlier.write_units).max(0.0) / seconds,
        }
    }
}

impl Snapshot {
    /// Rates, what slows the run down, what fails, and the segments.
    pub(crate) fn words(&self) -> String {
        let Self { counts, rates, .. } = self;
        let count = |count: f64| HumanCount(count as u64);
        let mut words = format!("{} items/s", count(rates.items));
        for (throttled, reason) in [(counts.throttled_reads, "read"), (counts.throttled_writes, "write")] {
            if throttled > 0 {
                words.push_str(&format!("  {} throttled by the {reason} capacity", HumanCount(throttled)));
            }
        }
        if counts.failed > 0 {
            words.push_str(&format!("  {} failed", HumanCount(counts.failed)));
        }
        words.push_str(&format!(
            "  {} read + {} write units/s  {} of {} segments",
            count(rates.read_units),
            count(rates.write_units),
            HumanCount(self.segments_done.into()),
            HumanCount(self.segments.into()),
        ));
        if let Some(children) = self.children {
            words.push_str(&format!("  {}", children.words()));
        }
        words
    }
}

impl Children {
    pub(crate) fn words(&self) -> String {
        let Self { pending, running, failed, .. } = *self;
        let mut words = format!("{} at work, {} waiting", HumanCount(running), HumanCount(pending));
        if failed > 0 {
            words.push_str(&format!(", {} failed", HumanCount(failed)));
        }
        words
    }
}

/// Shows snapshots as they come.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Where there is no terminal: when the last line was written, and of what phase.
    shown: Mutex<Option<(Instant, Phase)>>,
}

impl Progress {
    /// Begins with a run of which so many items are done.
    pub(crate) fn new(plan: &Plan, scanned: u64) -> Self {
        // DescribeTable's count is up to six hours old: 0 says nothing.
        let bar = match plan.expected_items {
            0 => ProgressBar::no_length(),
            items => ProgressBar::new(items),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        // One line, whatever the terminal's width: what doesn't fit is cut off at its end.
        let template = match plan.expected_items {
            0 => "{spinner} {human_pos} items  {wide_msg}",
            _ => "{bar:20.cyan/dim} {percent:>3} %  {eta} left  {human_pos} items  {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        let progress = Self { bar, shown: Mutex::default() };
        progress.begin_at(scanned);
        progress
    }

    /// So many items are done: rates and the time that is left are what comes after.
    pub(crate) fn begin_at(&self, scanned: u64) {
        self.bar.set_position(scanned);
        self.bar.reset_eta();
    }

    /// Takes the bar away; what was counted is the report's matter.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Says something above the bar.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| show::line(text));
    }

    pub(crate) fn show(&self, snapshot: &Snapshot) {
        let scanned = snapshot.counts.scanned;
        // The table may hold more by now than DescribeTable knew.
        if self.bar.length().is_some_and(|length| length < scanned) {
            self.bar.set_length(scanned);
        }
        self.bar.set_position(scanned);
        let words = match snapshot.phase {
            Phase::Migrating => snapshot.words(),
            phase => phase.words().to_owned(),
        };
        if self.bar.is_hidden() {
            self.line(snapshot, &words);
        } else {
            self.bar.set_message(words);
        }
    }

    fn line(&self, snapshot: &Snapshot, words: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let scanned = snapshot.counts.scanned;
        let (is_due, line) = match snapshot.phase {
            Phase::Migrating => {
                let is_due = shown.is_none_or(|(at, phase)| phase != snapshot.phase || at.elapsed() >= LINE_EVERY);
                // Nothing is known yet of the time that is left when it is said to be none.
                let left = Some(self.bar.eta()).filter(|left| !left.is_zero());
                let left = left.map(|left| format!("{} left  ", HumanDuration(left))).unwrap_or_default();
                let is_worth_it = scanned > 0 || snapshot.children.is_some();
                (is_worth_it && is_due, format!("{left}{} items  {words}", HumanCount(scanned)))
            }
            // A phase without figures is said once.
            phase => (shown.is_none_or(|(_, shown)| shown != phase), words.to_owned()),
        };
        if is_due {
            *shown = Some((Instant::now(), snapshot.phase));
            show::line(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_what_slows_the_run_and_what_fails() {
        let counts = Counts {
            scanned: 12_000,
            read_units: 600.0,
            write_units: 9_000.0,
            throttled_writes: 4,
            failed: 2,
            ..Counts::default()
        };
        let rates = Rates::between(&Counts::default(), &counts, Duration::from_secs(3));
        let local =
            Snapshot { phase: Phase::Migrating, counts, segments_done: 7, segments: 100, rates, children: None };
        insta::assert_snapshot!(
            local.words(),
            @"4,000 items/s  4 throttled by the write capacity  2 failed  200 read + 3,000 write units/s  7 of 100 segments"
        );
        let children = Some(Children { pending: 60, running: 32, succeeded: 7, failed: 1 });
        insta::assert_snapshot!(
            Snapshot { children, ..local }.words(),
            @"4,000 items/s  4 throttled by the write capacity  2 failed  200 read + 3,000 write units/s  7 of 100 segments  32 at work, 60 waiting, 1 failed"
        );
    }
}
