//! `--dry-run`: what a run would do, shown on a sample.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use indicatif::HumanCount;
use migration::cost::Prices;
use migration::definition::{KeySchema, Target};
use migration::dry_run::{DryRun, dry_run};
use migration::item::json::value_to_json;
use migration::item::{Item, Path, PathElement};
use migration::plan::Plan;
use migration::table::Table;
use migration::transform::Functions;
use serde_json::json;

use crate::args::Output;
use crate::commands::estimate::Estimate;
use crate::commands::target::Told;
use crate::errors::{CliError, Ended};
use crate::show;

/// Of a value in a diff: a line of a terminal has room for about so much beside its path.
const SHOWN_CHARACTERS: usize = 72;

/// What a sample is taken of.
pub(crate) struct Sampled<'s> {
    pub(crate) client: &'s Client,
    pub(crate) table: &'s Table,
    /// What is said of a copy's target.
    pub(crate) target: &'s Told,
}

pub(crate) async fn show(
    Sampled { client, table, target }: Sampled<'_>,
    plan: &Plan,
    functions: &Functions,
    prices: &Prices,
    output: Output,
) -> Result<Ended, CliError> {
    let outcome = dry_run(client, plan, functions).await?;
    let estimate = Estimate::of(&outcome, plan, table, prices);
    match output {
        Output::Text => {
            let mut lines = lines(&outcome, &estimate, table, plan.definition.target.as_ref());
            lines.extend(target.lines());
            show::output(lines.join("\n"))?;
        }
        Output::Json => {
            let mut object = json(&outcome, &estimate);
            if plan.definition.target.is_some() {
                target.add_to(&mut object);
            }
            show::output(object)?;
        }
    }
    Ok(if outcome.failed > 0 || outcome.written_twice > 0 { Ended::RunFailed } else { Ended::Done })
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
            "compared_read_units": estimate.compared.as_ref().map(|compared| compared.read_units.ceil()),
            "write_units": estimate.write_units.ceil(),
            "dollars": estimate.on_demand,
            "export_dollars": estimate.export,
            "orchestration_dollars": estimate.orchestration,
        },
    })
}

fn lines(outcome: &DryRun, estimate: &Estimate, table: &Table, target: Option<&Target>) -> Vec<String> {
    let sampled = HumanCount(outcome.sampled);
    let mut lines = vec![match estimate.items {
        Some(items) => {
            format!("dry run on {sampled} of {} items of {}: nothing is written", HumanCount(items), table.name)
        }
        None => format!(
            "dry run on {sampled} items of {}: nothing is written (how many there are DescribeTable doesn't know yet: it \
             counts every six hours; units and cost are those of the sample)",
            table.name
        ),
    }];
    for (before, after) in &outcome.examples {
        lines.push(String::new());
        lines.extend(diff(&table.key, before, after.as_ref()));
    }
    lines.push(String::new());
    for (items, what) in outcomes(outcome, target) {
        lines.push(format!("  {:>9} {what}", HumanCount(items).to_string()));
    }
    lines.extend(outcome.reasons.iter().map(|(why, items)| format!("            {items} because: {why}")));
    if target.is_none() {
        lines.push(idempotent(outcome));
    }
    lines.push(format!(
        "  units       about {:.0} read and {:.0} write, without what indexes take",
        estimate.read_units.ceil(),
        estimate.write_units.ceil()
    ));
    lines.extend(estimate.compared.as_ref().map(|compared| {
        let units = compared.read_units.ceil();
        format!("  compare     {units:.0} of the read units: both tables are scanned, and each item is got from the other one")
    }));
    lines.push(format!("  cost        {}", estimate.cost()));
    if let Some((raised, hourly)) = &estimate.raised {
        lines.push(format!("  prewarm     {raised}: ${hourly:.2} an hour more than now"));
    }
    lines.extend(estimate.warming.iter().map(|warming| format!("  prewarm     {warming}")));
    lines
}

fn outcomes(outcome: &DryRun, target: Option<&Target>) -> Vec<(u64, String)> {
    let DryRun { written, deleted, unchanged, filtered, failed, .. } = *outcome;
    let in_words: [&str; 5] = match target {
        None => {
            ["would be written", "would be deleted", "are as wanted", "are not chosen by `where`", "can't be migrated"]
        }
        Some(_) => [
            "would be changed on the way",
            "would be left out",
            "would be carried as they are",
            "would be carried as they are, not chosen by `where`",
            "can't be carried",
        ],
    };
    let figures = [written, deleted, unchanged, filtered, failed];
    let lines = figures.into_iter().zip(in_words).map(|(items, what)| (items, what.to_owned()));
    let to = target.map(|target| (written + unchanged + filtered, format!("would be carried to {}", target.table)));
    to.into_iter().chain(lines).collect()
}

fn idempotent(outcome: &DryRun) -> String {
    match outcome.written_twice {
        0 => "  idempotent  yes, on the sample: a second run would write nothing".into(),
        items => format!(
            "  idempotent  NO: a second run would write {} of these items again; give the migration a `marker`, or \
             mend the transform",
            HumanCount(items)
        ),
    }
}

/// The places of the item that change, below its key: a line for what was there, a line for what will be.
fn diff(key: &KeySchema, before: &Item, after: Option<&Item>) -> Vec<String> {
    let named = key.attributes().filter_map(|key| Some(format!("{} {}", key.name, shown(before.get(&key.name)?))));
    let mut lines = vec![format!("  {}", named.collect::<Vec<_>>().join(", "))];
    let Some(after) = after else {
        lines.push(console::style("  - the whole item").red().to_string());
        return lines;
    };
    let (before, after) = (places(before), places(after));
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old != new {
            lines.extend(old.map(|old| console::style(format!("  - {path}  {}", shown(old))).red().to_string()));
            lines.extend(new.map(|new| console::style(format!("  + {path}  {}", shown(new))).green().to_string()));
        }
    }
    lines
}

/// Every place of an item with its value, by path: entries of maps each by itself, lists and sets whole.
fn places(item: &Item) -> BTreeMap<String, &AttributeValue> {
    let mut places = BTreeMap::new();
    for (name, value) in item {
        flatten(Path::attribute(name), value, &mut places);
    }
    places
}

fn flatten<'i>(path: Path, value: &'i AttributeValue, places: &mut BTreeMap<String, &'i AttributeValue>) {
    match value {
        AttributeValue::M(map) if !map.is_empty() => {
            for (name, value) in map {
                flatten(path.child(PathElement::Name(name.clone())), value, places);
            }
        }
        value => {
            places.insert(path.to_string(), value);
        }
    }
}

/// Type and value, cut where it is long.
fn shown(value: &AttributeValue) -> String {
    let json = value_to_json(value);
    let typed = json.as_object().and_then(|typed| typed.iter().next());
    let text = typed.map_or_else(String::new, |(kind, value)| format!("{kind} {value}"));
    console::truncate_str(&text, SHOWN_CHARACTERS, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use migration::item::json::item_from_json;

    #[test]
    fn a_diff_shows_places_and_no_more() {
        let item = |json| item_from_json(json).unwrap();
        let before = item(json!({
            "year": { "N": "2013" }, "title": { "S": "Rush" }, "tags": { "L": [{ "S": "a" }] },
            "info": { "M": { "release_date": { "S": "2013-09-02T00:00:00Z" }, "plot": { "S": "long ".repeat(40) } } },
        }));
        let after = item(json!({
            "year": { "N": "2013" }, "title": { "S": "Rush" }, "tags": { "SS": ["a"] },
            "info": { "M": { "release_date": { "N": "1378080000" }, "plot": { "S": "short" } } },
        }));
        let lines = diff(&crate::sample::key(), &before, Some(&after)).join("\n");
        insta::assert_snapshot!(console::strip_ansi_codes(&lines), @r#"
        year N "2013", title S "Rush"
        - info.plot  S "long long long long long long long long long long long long long lon…
        + info.plot  S "short"
        - info.release_date  S "2013-09-02T00:00:00Z"
        + info.release_date  N "1378080000"
        - tags  L [{"S":"a"}]
        + tags  SS ["a"]
        "#);
    }
}
