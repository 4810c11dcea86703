//! What a count came to.

use indicatif::HumanCount;
use migration::cost::Prices;
use migration::count::Counted;
use migration::plan::Plan;
use migration::summary::{Status, Summary};
use serde_json::{Value, json};

use crate::report::{throttled, waited};

/// The one object of `--output json`.
pub(crate) fn json(summary: &Summary, plan: &Plan) -> Value {
    let Counted { items, chosen } = Counted::of(&plan.definition, &summary.counts);
    json!({
        "run": summary.run,
        "engine": summary.engine,
        "status": summary.status,
        "table": plan.definition.source.table,
        "items": items,
        "chosen": chosen,
        "described_items": plan.expected_items,
        "segments": summary.segments,
        "capacity": { "read_units": summary.counts.read_units, "throttled": summary.counts.throttled() },
        "waited_seconds": summary.counts.waits,
        "seconds": summary.seconds,
    })
}

/// The same as text, a line each.
pub(crate) fn lines(summary: &Summary, plan: &Plan, prices: &Prices, notes: &[String]) -> Vec<String> {
    let Summary { run, status, failure, segments, counts, limits, seconds, .. } = summary;
    let Counted { items, chosen } = Counted::of(&plan.definition, counts);
    let ended = match status {
        Status::Succeeded => "has counted",
        Status::Failed => "failed before it had counted",
        Status::Stopped => "was stopped before it had counted",
    };
    let table = &plan.definition.source.table;
    let mut lines = vec![format!("{run} {ended} table {table} after {seconds:.1} s")];
    if let Some(failure) = failure {
        lines.push(format!("  because     {} ({})", failure.reason, failure.error));
    }
    let so_far = if *status == Status::Succeeded { "" } else { " so far" };
    lines.push(format!("  items       {}{so_far}", HumanCount(items)));
    if let Some(chosen) = chosen {
        lines.push(format!("  where       chooses {} of them", HumanCount(chosen)));
    }
    lines.push(match plan.expected_items {
        0 => "  described   nothing by DescribeTable, which looks every six hours".to_owned(),
        described => format!("  described   {} by DescribeTable, up to six hours old", HumanCount(described)),
    });
    let (done, total) = (HumanCount(segments.succeeded.into()), HumanCount(segments.total.into()));
    lines.push(format!("  segments    {done} of {total} done"));
    lines.push(format!("  units       {:.1} read; {}", counts.read_units, throttled(counts, limits)));
    lines.extend(waited(&counts.waits).map(|waited| format!("  {waited}")));
    let units = prices.on_demand(counts.read_units, counts.write_units);
    lines.push(format!("  on AWS      ${units:.4} for these units on demand ({})", prices.region));
    lines.extend(notes.iter().map(|note| format!("  {note}")));
    lines
}
