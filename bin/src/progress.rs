//! One line that tells the truth while a run goes on: a bar on a terminal, a line every few seconds elsewhere.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use migration::plan::Plan;
use migration::summary::SoFar;
use migration::{Counts, Observer};

use crate::show;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Counts what the workers report, and shows it.
pub(crate) struct Progress {
    bar: ProgressBar,
    segments: u32,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    /// When the last line was written, where there is no terminal.
    shown: Option<Instant>,
    /// Items that earlier attempts have scanned.
    before: u64,
    counts: Counts,
    segments_done: u32,
}

impl Progress {
    pub(crate) fn new(plan: &Plan, so_far: SoFar) -> Self {
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
        let now = Instant::now();
        // Rates and the time that is left are this attempt's; the position is the whole run's.
        bar.set_position(so_far.counts.scanned);
        bar.reset_eta();
        let state = State {
            started: now,
            shown: None,
            before: so_far.counts.scanned,
            counts: Counts::default(),
            segments_done: so_far.segments_done,
        };
        Self { bar, segments: plan.definition.segments.get(), state: Mutex::new(state) }
    }

    /// Takes the bar away; what was counted is the report's matter.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Says something above the bar.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| show::line(text));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn page(&self, _segment: u32, counts: &Counts, done: bool) {
        let mut state = self.state();
        state.counts += *counts;
        state.segments_done += u32::from(done);
        // The table may hold more by now than DescribeTable knew.
        let scanned = state.before + state.counts.scanned;
        if self.bar.length().is_some_and(|length| length < scanned) {
            self.bar.set_length(scanned);
        }
        self.bar.set_position(scanned);
        let words = words(&state.counts, state.segments_done, self.segments, state.started.elapsed());
        if !self.bar.is_hidden() {
            self.bar.set_message(words);
        } else if scanned > 0 && state.shown.is_none_or(|shown| shown.elapsed() >= LINE_EVERY) {
            state.shown = Some(Instant::now());
            // Nothing is known yet of the time that is left when it is said to be none.
            let left = Some(self.bar.eta()).filter(|left| !left.is_zero());
            let left = left.map(|left| format!("{} left  ", HumanDuration(left))).unwrap_or_default();
            show::line(format_args!("{left}{} items  {words}", HumanCount(scanned)));
        }
    }
}

fn words(counts: &Counts, segments_done: u32, segments: u32, elapsed: Duration) -> String {
    let per_second = |count: f64| HumanCount((count / elapsed.as_secs_f64().max(0.001)) as u64);
    let mut words = format!("{} items/s", per_second(counts.scanned as f64));
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
        per_second(counts.read_units),
        per_second(counts.write_units),
        HumanCount(segments_done.into()),
        HumanCount(segments.into()),
    ));
    words
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
        insta::assert_snapshot!(
            words(&counts, 7, 100, Duration::from_secs(3)),
            @"4,000 items/s  4 throttled by the write capacity  2 failed  200 read + 3,000 write units/s  7 of 100 segments"
        );
    }
}
