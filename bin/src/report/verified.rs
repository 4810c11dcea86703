//! What comparing two tables came to, or looking for what a migration would still change in place.

use indicatif::HumanCount;
use migration::cost::Prices;
use migration::plan::Plan;
use migration::summary::{Status, Summary};
use migration::verify::{Difference, Found, Sort};
use serde_json::{Value, json};

use crate::report::{throttled, waited};

/// The one object of `--output json`.
pub(crate) fn json(summary: &Summary, plan: &Plan) -> Value {
    let definition = &plan.definition;
    json!({
        "run": summary.run,
        "engine": summary.engine,
        "status": summary.status,
        "source": definition.source.table,
        "target": definition.target.as_ref().map(|target| &target.table),
        "of": plan.of.as_ref().map(|of| &of.run),
        "found": summary.verified.as_ref().map(|verified| verified.found),
        "segments": summary.segments,
        "capacity": { "read_units": summary.counts.read_units, "write_units": summary.counts.write_units,
            "throttled": summary.counts.throttled() },
        "waited_seconds": summary.counts.waits,
        "seconds": summary.seconds,
    })
}

/// The same as text, a line each.
pub(crate) fn lines(
    summary: &Summary,
    plan: &Plan,
    differences: &[Difference],
    prices: &Prices,
    notes: &[String],
) -> Vec<String> {
    let Summary { run, status, failure, segments, counts, limits, verified, seconds, .. } = summary;
    let definition = &plan.definition;
    let what = match &definition.target {
        Some(target) => format!("table {} with {}", definition.source.table, target.table),
        None => format!("table {} with what {} makes of it", definition.source.table, definition.migration),
    };
    let ended = match (status, verified) {
        (_, Some(_)) => "has compared",
        (Status::Stopped, None) => "was stopped before it had compared",
        (_, None) => "failed before it had compared",
    };
    let mut lines = vec![format!("{run} {ended} {what} after {seconds:.1} s")];
    match verified {
        Some(verified) => lines.extend(found(&verified.found, plan)),
        None => {
            lines.extend(failure.iter().map(|why| format!("  because     {} ({})", why.reason, why.error)));
            lines.push(format!("  items       {} so far", HumanCount(counts.scanned)));
        }
    }
    lines.extend(differences.iter().map(|difference| format!("  differs     {}", words(difference, plan))));
    let all = verified.as_ref().map_or(0, |verified| verified.found.listed());
    let unlisted = all.saturating_sub(differences.len() as u64);
    if unlisted > 0 {
        lines.push(format!("  differs     and {} more; `run differences {run}` lists them all", HumanCount(unlisted)));
    }
    let (done, total) = (HumanCount(segments.succeeded.into()), HumanCount(segments.total.into()));
    lines.push(format!("  segments    {done} of {total} done"));
    let (reads, writes) = (counts.read_units, counts.write_units);
    lines.push(format!("  units       {reads:.1} read, {writes:.1} write; {}", throttled(counts, limits)));
    lines.extend(waited(&counts.waits).map(|waited| format!("  {waited}")));
    let cost = prices.on_demand(reads, writes);
    lines.push(format!("  on AWS      ${cost:.4} for these units on demand ({})", prices.region));
    lines.extend(notes.iter().map(|note| format!("  {note}")));
    lines
}

/// What was found, a line for each thing that is worth one.
fn found(found: &Found, plan: &Plan) -> Vec<String> {
    let items = HumanCount;
    let mut lines = vec![match plan.definition.target {
        Some(_) => {
            format!(
                "  items       {} of the source, {} of the target",
                items(found.source_items),
                items(found.target_items)
            )
        }
        None => format!("  items       {}", items(found.source_items)),
    }];
    lines.push(format!("  {}", sum(found, plan)));
    let notes = [
        (
            found.repaired,
            "repaired",
            if plan.of.as_ref().is_some_and(|of| of.changes) {
                "of them: replay was asked to set them right; verify again when it has"
            } else {
                "of them were set right"
            },
        ),
        (found.settled, "settled", "differed at first, and no more when they were looked at again"),
        (found.unmigratable, "failed", "have no image: the transform fails on them"),
        (found.dropped, "dropped", "aren't as they should be, and left so: changes of theirs were dropped by name"),
        (found.outdated, "outdated", "of the target are older images of items that have none now; they stay"),
        (found.expired, "expired", "aren't in the target because they have expired there"),
        (found.of_others, "of others", "of the target are no images: somebody else writes to it"),
        (
            found.left_out,
            "left out",
            "stand in the table that is gone back to alone: the copy has carried no image of them",
        ),
    ];
    let notes = notes.iter().filter(|(count, ..)| *count > 0);
    lines.extend(notes.map(|(count, word, words)| format!("  {word:<11} {} {words}", items(*count))));
    lines
}

/// The one line that matters.
pub(crate) fn sum(found: &Found, plan: &Plan) -> String {
    let items = HumanCount;
    if found.differences() == 0 {
        let nothing =
            if plan.definition.target.is_some() { "the two tables are in step" } else { "nothing is left to do" };
        let dropped = match found.dropped {
            0 => String::new(),
            dropped => format!(", but for {} items that were left out by name", items(dropped)),
        };
        return format!("differ      none: {nothing}{dropped}");
    }
    let parts = match plan.definition.target {
        Some(_) => [
            (found.missing, "missing in the target"),
            (found.different, "different there"),
            (found.extra, "there without an item of the source"),
            (found.unknown, "there of unknown origin"),
        ],
        None => [(found.different, "would change"), (found.extra, "would be deleted"), (0, ""), (0, "")],
    };
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{} {words}", items(*count)))
        .collect();
    format!("differ      {}: {}", items(found.differences()), parts.join(", "))
}

/// A difference in words: keys and names, never a value.
fn words(difference: &Difference, plan: &Plan) -> String {
    let Difference { kind, source_key, target_key, attributes, taken_by, reason, repaired, dropped } = difference;
    let shown = |key: &Option<Value>| key.as_ref().map_or_else(|| "of unknown origin".to_owned(), Value::to_string);
    let names = attributes.join(", ");
    let words = match (kind, taken_by, &plan.definition.target) {
        (Sort::Unmigratable, ..) => {
            format!("{} has no image: {}", shown(source_key), reason.as_deref().unwrap_or("the transform fails on it"))
        }
        (Sort::Different, _, None) => format!("{} would change in {names}", shown(source_key)),
        (_, _, None) => format!("{} would be deleted", shown(source_key)),
        (Sort::Missing, Some(other), _) => {
            format!("{} is missing: its place {} has the image of {other}", shown(source_key), shown(target_key))
        }
        (Sort::Missing, None, _) => format!("{} is missing: expected at {}", shown(source_key), shown(target_key)),
        (Sort::Different, ..) => format!("{} differs at {} in {names}", shown(source_key), shown(target_key)),
        (Sort::Extra, ..) => {
            format!("{} stands for {}, which isn't there or belongs elsewhere", shown(target_key), shown(source_key))
        }
        (Sort::Outdated, ..) => {
            format!("{} is an older image of {}, which has none now", shown(target_key), shown(source_key))
        }
        (Sort::Unknown, ..) => format!("{} doesn't say whose image it is", shown(target_key)),
    };
    match (repaired, dropped) {
        (true, _) => format!("{words}; repaired"),
        (_, true) => format!("{words}; left out by name"),
        _ => words,
    }
}
