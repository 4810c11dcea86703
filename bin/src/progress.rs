//! One line that tells the truth while a run goes on: a bar on a terminal, a line every few seconds elsewhere. It is
//! drawn from a [`Snapshot`], wherever that comes from: the workers of this process, or a ledger at AWS.

pub(crate) mod copy;
mod local;
mod phase;
mod remote;
mod stand;

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use migration::plan::Plan;
use migration::{Counts, Waits};
use serde::Serialize;

pub(crate) use local::LocalProgress;
pub(crate) use phase::Phase;
pub(crate) use remote::RemoteProgress;
pub(crate) use stand::Stand;

use crate::show;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two of those that stand by themselves.
const KEPT_LINE_EVERY: Duration = Duration::from_secs(10);
/// Over how long waits are compared: a page of every worker.
const LATELY: Duration = Duration::from_secs(2);
/// The share of the time that one worker has to have waited before it is said.
const WORTH_A_WORD: f64 = 0.1;

/// How far a run is, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) phase: Phase,
    /// Of the whole run.
    pub(crate) counts: Counts,
    pub(crate) segments_done: u32,
    pub(crate) segments: u32,
    pub(crate) rates: Rates,
    /// What its workers wait for most of late.
    pub(crate) waits_for: Option<&'static str>,
    /// The Map's children, where Step Functions tells.
    pub(crate) children: Option<Children>,
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

/// What has changed of late: what a run waited for an hour ago says nothing of now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lately {
    since: Instant,
    waits: Waits,
    waits_for: Option<&'static str>,
}

impl Lately {
    pub(crate) fn new(counts: &Counts) -> Self {
        Self { since: Instant::now(), waits: counts.waits, waits_for: None }
    }

    /// What the workers wait for, by what they have done since the look before.
    pub(crate) fn waits_for(&mut self, counts: &Counts) -> Option<&'static str> {
        let elapsed = self.since.elapsed();
        if elapsed >= LATELY {
            self.waits_for = longest(&self.waits, &counts.waits, elapsed.as_secs_f64() * WORTH_A_WORD);
            (self.since, self.waits) = (Instant::now(), counts.waits);
        }
        self.waits_for
    }
}

/// The reason of the longest wait between two looks, where it was longer than so many seconds.
fn longest(earlier: &Waits, later: &Waits, worth: f64) -> Option<&'static str> {
    let waited = later.reasons().into_iter().zip(earlier.reasons());
    let waited = waited.map(|((later, reason), (earlier, _))| (later - earlier, reason));
    waited.filter(|(seconds, _)| *seconds > worth).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, reason)| reason)
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
        if let Some(reason) = self.waits_for {
            words.push_str(&format!("  waits for {reason}"));
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

/// The time that is left. Nothing is known of it yet when it is said to be none.
fn left(state: &ProgressState, bar: &mut dyn Write) {
    let left = state.eta();
    if !left.is_zero() {
        // What can't be drawn is seen by whoever draws the rest.
        let _ = write!(bar, "{:#} left  ", HumanDuration(left));
    }
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
            _ => "{bar:20.cyan/dim} {percent:>3} %  {left}{human_pos} items  {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─").with_key("left", left));
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

    /// Shows a line that stands by itself, in place of the one before; where there is no terminal, now and then.
    pub(crate) fn keep(&self, phase: Phase, text: &str) {
        if !self.bar.is_hidden() {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                self.bar.set_style(style);
            }
            self.bar.set_message(text.to_owned());
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_none_or(|(at, shown)| shown != phase || at.elapsed() >= KEPT_LINE_EVERY) {
            *shown = Some((Instant::now(), phase));
            show::line(text);
        }
    }

    pub(crate) fn show(&self, snapshot: &Snapshot) {
        let scanned = snapshot.counts.scanned;
        // The table may hold more by now than DescribeTable knew.
        if self.bar.length().is_some_and(|length| length < scanned) {
            self.bar.set_length(scanned);
        }
        self.bar.set_position(scanned);
        let words = match snapshot.phase {
            Phase::Migrating | Phase::Comparing => snapshot.words(),
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
            Phase::Migrating | Phase::Comparing => {
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
        let local = Snapshot {
            phase: Phase::Migrating,
            counts,
            segments_done: 7,
            segments: 100,
            rates,
            waits_for: None,
            children: None,
        };
        insta::assert_snapshot!(
            local.words(),
            @"4,000 items/s  4 throttled by the write capacity  2 failed  200 read + 3,000 write units/s  7 of 100 segments"
        );
        let children = Some(Children { pending: 60, running: 32, succeeded: 7, failed: 1 });
        insta::assert_snapshot!(
            Snapshot { children, waits_for: Some("the budget"), ..local }.words(),
            @"4,000 items/s  4 throttled by the write capacity  waits for the budget  2 failed  200 read + 3,000 write units/s  7 of 100 segments  32 at work, 60 waiting, 1 failed"
        );
    }

    /// Waits of an hour ago, and short ones, are not.
    #[test]
    fn the_longest_wait_of_late_is_named() {
        let earlier = Waits { table: 900.0, ..Waits::default() };
        let later = Waits { table: 900.1, budget: 1.5, partition: 0.5, ..Waits::default() };
        assert_eq!(longest(&earlier, &later, 0.2), Some("the budget"));
        assert_eq!(longest(&earlier, &later, 2.0), None);
        assert_eq!(longest(&later, &later, 0.0), None);
    }
}
