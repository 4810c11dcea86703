//! `--dry-run`: what a run would do, shown on a sample.

use aws_sdk_dynamodb::Client;
use indicatif::HumanCount;
use migration::capacity;
use migration::cost::Prices;
use migration::dry_run::{DryRun, dry_run};
use migration::item::Item;
use migration::item::json::item_to_json;
use migration::plan::Plan;
use migration::table::Table;
use migration::transform::Functions;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use crate::args::Output;
use crate::errors::{CliError, Ended};
use crate::{report, show};

pub(crate) async fn show(
    client: &Client,
    plan: &Plan,
    functions: &Functions,
    table: &Table,
    prices: &Prices,
    output: Output,
) -> Result<Ended, CliError> {
    let outcome = dry_run(client, plan, functions).await?;
    let estimate = Estimate::of(&outcome, plan, table, prices);
    match output {
        Output::Text => show::output(lines(&outcome, &estimate, table).join("\n"))?,
        Output::Json => show::output(json(&outcome, &estimate))?,
    }
    Ok(if outcome.failed > 0 || outcome.written_twice > 0 { Ended::RunFailed } else { Ended::Done })
}

/// What the whole table would take, by the sample's shares.
struct Estimate {
    items: u64,
    read_units: f64,
    write_units: f64,
    on_demand: f64,
    orchestration: f64,
    /// The capacity that prewarming raises to, and what an hour of it costs more than now.
    raised: Option<(String, f64)>,
}

impl Estimate {
    fn of(outcome: &DryRun, plan: &Plan, table: &Table, prices: &Prices) -> Self {
        let items = plan.expected_items.max(outcome.sampled);
        let share = items as f64 / outcome.sampled.max(1) as f64;
        let bytes = plan.expected_bytes.max(outcome.bytes) as f64;
        let (read_units, write_units) = (bytes / 4096.0 / 2.0, outcome.write_units as f64 * share);
        let raised = plan.definition.prewarm.and_then(|asked| capacity::raised(table, asked));
        Self {
            items,
            read_units,
            write_units,
            on_demand: prices.on_demand(read_units, write_units),
            orchestration: prices.state_transitions(plan.children),
            raised: raised
                .map(|raised| (report::words(&raised), prices.hourly(&raised) - prices.hourly(&table.capacity))),
        }
    }
}

fn json(outcome: &DryRun, estimate: &Estimate) -> serde_json::Value {
    json!({
        "dry_run": true,
        "sampled": outcome.sampled,
        "items": {
            "written": outcome.written,
            "deleted": outcome.deleted,
            "unchanged": outcome.unchanged,
            "filtered": outcome.filtered,
            "failed": outcome.failed,
        },
        "idempotent": outcome.written_twice == 0,
        "reasons": outcome.reasons.iter().map(|(why, items)| json!({ "reason": why, "items": items })).collect::<Vec<_>>(),
        "estimate": {
            "items": estimate.items,
            "read_units": estimate.read_units.ceil(),
            "write_units": estimate.write_units.ceil(),
            "dollars": estimate.on_demand,
            "orchestration_dollars": estimate.orchestration,
        },
    })
}

fn lines(outcome: &DryRun, estimate: &Estimate, table: &Table) -> Vec<String> {
    let mut lines = vec![format!(
        "dry run on {} of {} items of {}: nothing is written",
        HumanCount(outcome.sampled),
        HumanCount(estimate.items),
        table.name
    )];
    for (before, after) in &outcome.examples {
        lines.push(String::new());
        lines.extend(diff(before, after.as_ref()));
    }
    lines.push(String::new());
    for (items, what) in [
        (outcome.written, "would be written"),
        (outcome.deleted, "would be deleted"),
        (outcome.unchanged, "are as wanted"),
        (outcome.filtered, "are not chosen by `where`"),
        (outcome.failed, "can't be migrated"),
    ] {
        lines.push(format!("  {:>9} {what}", HumanCount(items).to_string()));
    }
    lines.extend(outcome.reasons.iter().map(|(why, items)| format!("            {items} because: {why}")));
    lines.push(match outcome.written_twice {
        0 => "  idempotent  yes, on the sample: a second run would write nothing".into(),
        items => format!(
            "  idempotent  NO: a second run would write {} of these items again; give the migration a `marker`, or \
             mend the transform",
            HumanCount(items)
        ),
    });
    lines.push(format!(
        "  units       about {:.0} read and {:.0} write, without what indexes take",
        estimate.read_units.ceil(),
        estimate.write_units.ceil()
    ));
    lines.push(format!(
        "  cost        about ${:.4} on demand, and ${:.4} for state transitions on Step Functions",
        estimate.on_demand, estimate.orchestration
    ));
    if let Some((raised, hourly)) = &estimate.raised {
        lines.push(format!("  prewarm     {raised}: ${hourly:.2} an hour more than now"));
    }
    lines
}

/// The lines of the item that change, with those around them.
fn diff(before: &Item, after: Option<&Item>) -> Vec<String> {
    let before = pretty(before);
    let after = after.map(pretty).unwrap_or_default();
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            lines.push("    …".into());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end();
            lines.push(match change.tag() {
                ChangeTag::Delete => console::style(format!("  - {text}")).red().to_string(),
                ChangeTag::Insert => console::style(format!("  + {text}")).green().to_string(),
                ChangeTag::Equal => format!("    {text}"),
            });
        }
    }
    lines
}

fn pretty(item: &Item) -> String {
    format!("{:#}\n", item_to_json(item))
}
