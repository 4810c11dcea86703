//! What a run came to: words to read, or one JSON object.

pub(crate) mod copied;
pub(crate) mod counted;
pub(crate) mod verified;

use std::collections::BTreeSet;

use indicatif::HumanCount;
use migration::capacity::{self, Capacity, Units};
use migration::cost::Prices;
use migration::definition::Prewarm;
use migration::failures::FailedItem;
use migration::prewarm::Raised;
use migration::summary::{Status, Summary};
use migration::table::{Table, Warm};
use migration::{Counts, Limit, Waits};
use serde_json::{Value, json};

/// What a report says beside the summary.
pub(crate) struct Report<'r> {
    pub(crate) summary: &'r Summary,
    pub(crate) table: &'r str,
    /// What the run has raised, and the table afterwards, where it is still there.
    pub(crate) raised: Option<&'r Raised>,
    pub(crate) after: Option<&'r Table>,
    pub(crate) failures: &'r [FailedItem],
    pub(crate) prices: &'r Prices,
    /// Where the ledger is, and what else a person may want to look at.
    pub(crate) notes: &'r [String],
}

/// The one object of `--output json`.
pub(crate) fn json(summary: &Summary) -> Value {
    let counts = &summary.counts;
    json!({
        "run": summary.run,
        "engine": summary.engine,
        "status": summary.status,
        "segments": summary.segments,
        "items": {
            "scanned": counts.scanned,
            "written": counts.written,
            "deleted": counts.deleted,
            "unchanged": counts.unchanged,
            "filtered": counts.filtered,
            "gone": counts.gone,
            "failed": counts.failed,
        },
        "conflicts": counts.conflicts,
        "capacity": {
            "read_units": counts.read_units,
            "write_units": counts.write_units,
            "throttled": counts.throttled(),
            "throttled_by": summary.limits.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "waited_seconds": counts.waits,
        "seconds": summary.seconds,
    })
}

impl Report<'_> {
    /// The report as text, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Summary { run, status, segments, counts, seconds, .. } = self.summary;
        let ended = match status {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Stopped => "was stopped",
        };
        let mut lines = vec![format!("{run} {ended} after {seconds:.1} s")];
        lines.extend(self.because());
        lines.push(format!("  table       {}", self.table));
        lines.push(format!("  segments    {} of {} done", count(segments.succeeded), count(segments.total)));
        lines.push(format!("  items       {} scanned", HumanCount(counts.scanned)));
        for (items, outcome) in [
            (counts.written, "written"),
            (counts.deleted, "deleted"),
            (counts.unchanged, "unchanged: they were as wanted"),
            (counts.filtered, "filtered: `where` doesn't choose them"),
            (counts.gone, "gone: somebody else deleted them meanwhile"),
            (counts.failed, "failed"),
        ] {
            lines.push(format!("  {:>19} {outcome}", HumanCount(items).to_string()));
        }
        lines.push(format!("  conflicts   {} writes met a change by somebody else", HumanCount(counts.conflicts)));
        lines.extend(self.rest());
        lines
    }

    /// Why it didn't succeed.
    fn because(&self) -> Option<String> {
        let failure = self.summary.failure.as_ref()?;
        Some(format!("  because     {} ({})", failure.reason, failure.error))
    }

    /// What it took, what failed, and what a person may want to look at.
    fn rest(&self) -> Vec<String> {
        let counts = &self.summary.counts;
        let mut lines = Vec::new();
        lines.push(format!(
            "  units       {:.1} read, {:.1} write; {}",
            counts.read_units,
            counts.write_units,
            throttled(counts, &self.summary.limits)
        ));
        lines.extend(waited(&counts.waits).map(|waited| format!("  {waited}")));
        lines.push(format!("  capacity    {}", self.capacity()));
        lines.push(format!("  on AWS      {}", self.cost()));
        lines.extend(
            self.failures
                .iter()
                .map(|item| format!("  failed      {} in segment {}: {}", item.key, item.segment, item.reason)),
        );
        let unlisted = counts.failed.saturating_sub(self.failures.len() as u64);
        if unlisted > 0 {
            lines.push(format!("  failed      and {} more", HumanCount(unlisted)));
        }
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        lines
    }

    fn capacity(&self) -> String {
        let Some(Raised { before, to, scaling, restored, .. }) = self.raised else {
            let after = self.after.map(|after| format!("{}; ", words(&after.capacity))).unwrap_or_default();
            return format!("{after}the run left it alone");
        };
        let Some(table) = self.after else {
            let again = if *restored { "and put back" } else { "and NOT PUT BACK: the table is gone" };
            return format!("raised from {} to {} while the run lasted, {again}", words(before), words(to));
        };
        let after = words(&table.capacity);
        if !restored && !scaling.is_empty() && table.capacity == *before {
            format!("raised to {} while the run lasted, {after} again; AUTOSCALING IS STILL SUSPENDED", words(to))
        } else if table.capacity == *before {
            format!("raised to {} while the run lasted, {after} again", words(to))
        } else if !table.is_active {
            // UpdateTable answers at once and takes its time; until then DescribeTable has the old units.
            format!("raised to {} while the run lasted; {} are being put back just now", words(to), words(before))
        } else if *restored && !scaling.is_empty() {
            let before = words(before);
            format!(
                "raised to {} while the run lasted, put back to {before}, and {after} since by autoscaling",
                words(to)
            )
        } else {
            format!("WAS NOT PUT BACK: it is {after}, and was {} before the run", words(before))
        }
    }

    fn cost(&self) -> String {
        let counts = &self.summary.counts;
        let units = self.prices.on_demand(counts.read_units, counts.write_units);
        let region = &self.prices.region;
        let hours = self.summary.seconds / 3600.0;
        match self.raised {
            Some(Raised { before, to, .. }) => {
                let more = (self.prices.hourly(to) - self.prices.hourly(before)) * hours;
                format!("${units:.4} for these units on demand, or ${more:.4} for the raised capacity ({region})")
            }
            None => format!("${units:.4} for these units on demand ({region})"),
        }
    }
}

pub(crate) fn count(number: u32) -> HumanCount {
    HumanCount(number.into())
}

/// How many requests were throttled, and by what.
pub(crate) fn throttled(counts: &Counts, limits: &BTreeSet<Limit>) -> String {
    let requests = format!("{} requests throttled", HumanCount(counts.throttled()));
    let limits = limits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if limits.is_empty() { requests } else { format!("{requests}, by {limits}") }
}

/// What the workers waited for, all of them together; nothing where they hardly did.
pub(crate) fn waited(waits: &Waits) -> Option<String> {
    let mut reasons: Vec<_> = waits.reasons().into_iter().filter(|(seconds, _)| *seconds >= 1.0).collect();
    reasons.sort_by(|a, b| b.0.total_cmp(&a.0));
    let words: Vec<_> = reasons.iter().map(|(seconds, reason)| format!("{seconds:.0} s for {reason}")).collect();
    (!words.is_empty()).then(|| format!("waited      {}, all workers together", words.join(", ")))
}

/// A capacity in words.
pub(crate) fn words(capacity: &Capacity) -> String {
    match capacity {
        Capacity::OnDemand => "on demand".into(),
        Capacity::Provisioned { table: Units { read, write }, indexes } => {
            let indexes = match indexes.len() {
                0 => String::new(),
                1 => ", and 1 index".into(),
                more => format!(", and {more} indexes"),
            };
            format!("{} read + {} write units{indexes}", HumanCount(*read), HumanCount(*write))
        }
    }
}

/// What becomes of the warm throughput, where that was asked for.
pub(crate) fn warming(table: &Table, asked: Prewarm) -> Option<String> {
    if !asked.is_for_good() {
        return None;
    }
    let Some(Warm { table: Some(Units { read, write }), .. }) = capacity::warmed(table, asked) else {
        return Some("warm throughput stays as it is: it is as much as was asked for".to_owned());
    };
    let (read, write) = (HumanCount(read), HumanCount(write));
    Some(format!(
        "warm throughput rises to {read} read + {write} write units for good: it can't be lowered, and costs money once \
         (how much isn't known here: see DynamoDB's prices)"
    ))
}
