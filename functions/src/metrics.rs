//! The metrics: what the pages count, as lines in CloudWatch's embedded metric format.
//!
//! Every page is counted once, in a line of its own run: lines are written while pages come in, and at the end of each
//! invocation, whichever way it ends. A page counts when its outcomes are durable, as in the ledger; what was done of a
//! page that broke off counts when it is worked again. The stack is the one dimension, because each combination of
//! dimensions is a metric that costs money; the run stands beside it as a property.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use migration::deployment::{METRICS_DIMENSION, METRICS_NAMESPACE, Metric};
use migration::{Counts, Observer};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tracing::error;

/// Between two lines while pages come in. Metrics are kept by the minute; a line is about a kilobyte, at $0.50/GB.
const INTERVAL: Duration = Duration::from_secs(10);

/// What a number of pages add up to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Tally {
    pub(crate) pages: u64,
    pub(crate) segments_done: u64,
    pub(crate) counts: Counts,
}

impl Tally {
    fn add(&mut self, counts: &Counts, done: bool) {
        self.pages += 1;
        self.segments_done += u64::from(done);
        self.counts += *counts;
    }

    /// A number of it, where there was anything to count.
    pub(crate) fn counted<T>(&self, number: T) -> Option<T> {
        (self.pages > 0).then_some(number)
    }

    fn value(&self, metric: Metric) -> Value {
        let counts = &self.counts;
        match metric {
            Metric::ItemsScanned => counts.scanned.into(),
            Metric::ItemsWritten => counts.written.into(),
            Metric::ItemsDeleted => counts.deleted.into(),
            Metric::ItemsUnchanged => counts.unchanged.into(),
            Metric::ItemsFailed => counts.failed.into(),
            Metric::Conflicts => counts.conflicts.into(),
            Metric::ReadUnits => counts.read_units.into(),
            Metric::WriteUnits => counts.write_units.into(),
            Metric::ThrottledReads => counts.throttled_reads.into(),
            Metric::ThrottledWrites => counts.throttled_writes.into(),
            Metric::SegmentsDone => self.segments_done.into(),
        }
    }
}

/// Counts pages, and writes lines to `W`.
pub(crate) struct Metrics<W> {
    stack: String,
    clock: fn() -> Timestamp,
    state: Mutex<State<W>>,
}

struct State<W> {
    lines: W,
    run: Option<String>,
    /// Not written yet.
    waiting: Tally,
    /// Of the invocation so far.
    invocation: Tally,
    written_at: Instant,
}

impl<W: Write> Metrics<W> {
    /// The metrics of a stack, with nothing counted yet.
    pub(crate) fn new(stack: String, lines: W, clock: fn() -> Timestamp) -> Self {
        let (waiting, invocation) = (Tally::default(), Tally::default());
        let state = State { lines, run: None, waiting, invocation, written_at: Instant::now() };
        Self { stack, clock, state: Mutex::new(state) }
    }

    /// An invocation begins, of this run. A sandbox lives on into other runs, and may have slept for hours: what an
    /// invocation that was cut off has left goes out under its own run's name.
    pub(crate) fn begin(&self, run: Option<&str>) {
        let mut state = self.state();
        self.write(&mut state);
        state.run = run.map(str::to_owned);
        state.invocation = Tally::default();
        state.written_at = Instant::now();
    }

    /// The invocation ends; tells what it has counted.
    pub(crate) fn end(&self) -> Tally {
        let mut state = self.state();
        self.write(&mut state);
        state.run = None;
        std::mem::take(&mut state.invocation)
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        // Sums stay sums, even if somebody panicked beside them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, if anything does.
    fn write(&self, state: &mut State<W>) {
        state.written_at = Instant::now();
        let tally = std::mem::take(&mut state.waiting);
        if tally.pages == 0 {
            return;
        }
        // One write for the whole line: the log writes to the same place.
        let line = format!("{}\n", self.line(state.run.as_deref(), &tally));
        let written = state.lines.write_all(line.as_bytes()).and_then(|()| state.lines.flush());
        if let Err(error) = written {
            error!(reason = %error, "metrics could not be written");
        }
    }

    fn line(&self, run: Option<&str>, tally: &Tally) -> Value {
        let metrics = Metric::ALL.map(|metric| json!({ "Name": metric.name(), "Unit": "Count" }));
        let directive =
            json!({ "Namespace": METRICS_NAMESPACE, "Dimensions": [[METRICS_DIMENSION]], "Metrics": metrics });
        let metadata = json!({ "Timestamp": (self.clock)().as_millisecond(), "CloudWatchMetrics": [directive] });
        let mut line = Map::from_iter([("_aws".into(), metadata), (METRICS_DIMENSION.into(), json!(self.stack))]);
        line.extend(run.map(|run| ("run".into(), json!(run))));
        line.extend(Metric::ALL.map(|metric| (metric.name().into(), tally.value(metric))));
        Value::Object(line)
    }
}

impl<W: Write + Send> Observer for Metrics<W> {
    fn page(&self, _segment: u32, counts: &Counts, done: bool) {
        let mut state = self.state();
        state.waiting.add(counts, done);
        state.invocation.add(counts, done);
        if state.written_at.elapsed() >= INTERVAL {
            self.write(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
