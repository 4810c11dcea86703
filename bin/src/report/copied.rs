//! What a copy came to: what was carried, what was applied after it, and whether the two tables are the same.

use indicatif::HumanCount;
use migration::plan::{Engine, Plan};
use migration::summary::{Status, Summary};
use serde_json::{Value, json};

use crate::engine::Left;
use crate::report::{self, Report, verified};

/// The one object of `--output json`: that of every run, and what is a copy's.
pub(crate) fn json(summary: &Summary, plan: &Plan, left: &Left) -> Value {
    let mut object = report::json(summary);
    object["source"] = json!(plan.definition.source.table);
    object["target"] = json!(plan.definition.target.as_ref().map(|target| &target.table));
    object["changes_applied"] = json!(left.applied);
    object["capturing"] = json!(left.course.capture.is_some());
    object["found"] = json!(summary.verified.as_ref().map(|verified| verified.found));
    object
}

/// The report as text, a line each.
pub(crate) fn lines(report: &Report<'_>, plan: &Plan, left: &Left) -> Vec<String> {
    let summary = report.summary;
    let counts = &summary.counts;
    let carry = plan.definition.target.as_ref().map(|target| target.carry).unwrap_or_default();
    let ended = match summary.status {
        Status::Succeeded if carry.has_changes() => "is in step",
        Status::Succeeded => "has carried everything",
        Status::Failed => "failed",
        Status::Stopped => "was stopped",
    };
    let mut lines = vec![format!("{} {ended} after {:.1} s", summary.run, summary.seconds)];
    lines.extend(report.because());
    let target = plan.definition.target.as_ref().map_or("", |target| target.table.as_str());
    lines.push(format!("  tables      {} to {target}", report.table));
    if carry.has_bulk() {
        let parts = if plan.reads_export() { "files" } else { "segments" };
        let (done, total) = (report::count(summary.segments.succeeded), report::count(summary.segments.total));
        lines.push(format!("  {parts:<11} {done} of {total} done"));
        lines.push(format!("  items       {} read", HumanCount(counts.scanned)));
        for (items, outcome) in [
            (counts.written, "carried"),
            (counts.unchanged, "unchanged: the target had them already"),
            (counts.filtered, "left out: the transform deletes them"),
            (counts.gone, "left to the changes: they were changed meanwhile"),
            (counts.failed, "failed"),
        ] {
            lines.push(format!("  {:>19} {outcome}", HumanCount(items).to_string()));
        }
    }
    if carry.has_changes() {
        lines.push(format!("  changes     {} applied", HumanCount(left.applied)));
    }
    if let Some(verified) = &summary.verified {
        lines.push(format!("  {}", verified::sum(&verified.found, plan)));
    }
    lines.extend(report.rest());
    lines.extend(still_captured(summary, plan, left));
    lines
}

/// Whoever has stopped a copy, or seen it fail, need not know that its stream and its queue go on filling.
fn still_captured(summary: &Summary, plan: &Plan, left: &Left) -> Option<String> {
    let is_gone = plan.engine == Engine::Embedded && plan.database.is_none();
    if summary.status == Status::Succeeded || left.course.capture.is_none() || is_gone {
        return None;
    }
    let run = &summary.run;
    Some(format!("  capture     stays on, and its queue grows; `run cutover {run} --abort` gives the copy up"))
}
