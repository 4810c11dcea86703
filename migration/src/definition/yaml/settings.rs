//! What surrounds the transform: names, the source and its key, capacity and tolerance.

use std::num::NonZeroU32;

use super::fields::{Fields, text, truth, whole, word};
use super::node::Node;
use super::scalar::Meaning;
use crate::definition::bounds::shortened;
use crate::definition::mistake::{Mistakes, Position};
use crate::definition::{
    Budget, KeyAttribute, KeySchema, Percentage, Prewarm, PrewarmKind, Source, TableName, ToleratedFailures,
    WriteRequests,
};
use crate::item::AttributeType;

/// Room is left in a Step Functions execution name (80 characters) for the run's own part and its attempts'.
const MAX_NAME: usize = 56;

/// The migration's name.
pub(super) fn migration_name(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    let name = text(node, "the migration's name", mistakes)?;
    let allowed = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if name.len() <= MAX_NAME && name.chars().all(allowed) {
        return Some(name.to_owned());
    }
    mistakes.add(
        node.at,
        format!("expected a name of 1 to {MAX_NAME} letters, digits, - and _, found {}", shortened(name)),
    );
    None
}

/// The `source` table.
pub(super) fn source(node: &Node, mistakes: &mut Mistakes) -> Option<Source> {
    let fields = Fields::read(node, "a source", &["table", "key"], mistakes)?;
    let table = fields.required("table", mistakes).and_then(|node| table_name(node, mistakes));
    let key = fields.optional("key");
    let schema = key.and_then(|node| key_schema(node, mistakes));
    if key.is_some() && schema.is_none() {
        return None;
    }
    Some(Source { table: table?, key: schema })
}

/// A table's name.
pub(super) fn table_name(node: &Node, mistakes: &mut Mistakes) -> Option<TableName> {
    let name = text(node, "a table's name", mistakes)?;
    name.parse().map_err(|why: String| mistakes.add(node.at, why)).ok()
}

/// A primary key.
pub(super) fn key_schema(node: &Node, mistakes: &mut Mistakes) -> Option<KeySchema> {
    let fields = Fields::read(node, "a key", &["partition", "sort"], mistakes)?;
    let partition = fields.required("partition", mistakes).and_then(|node| key_attribute(node, mistakes));
    let sort = fields.optional("sort");
    let sort_key = sort.and_then(|node| key_attribute(node, mistakes));
    if sort.is_some() && sort_key.is_none() {
        return None;
    }
    let partition = partition?;
    if let (Some(node), Some(sort)) = (sort, &sort_key)
        && sort.name == partition.name
    {
        mistakes.add(node.at, format!("expected another attribute than the partition key, found \"{}\"", sort.name));
        return None;
    }
    Some(KeySchema { partition, sort: sort_key })
}

fn key_attribute(node: &Node, mistakes: &mut Mistakes) -> Option<KeyAttribute> {
    let fields = Fields::read(node, "a key attribute", &["name", "type"], mistakes)?;
    let (name, kind) = (fields.required("name", mistakes), fields.required("type", mistakes));
    let name = name.and_then(|node| text(node, "the attribute's name", mistakes));
    let kind = kind.and_then(|node| word(node, "the type of a key", &["S", "N", "B"], mistakes));
    let kind = kind.and_then(|kind| kind.parse::<AttributeType>().ok());
    Some(KeyAttribute { name: name?.to_owned(), kind: kind? })
}

/// `prewarm`: `false`, `true` for the default units, `warm_throughput` for the same as warm throughput, or units of one
/// or the other; outer `None` is a mistake.
pub(super) fn prewarm(node: &Node, mistakes: &mut Mistakes) -> Option<Option<Prewarm>> {
    let warm = Prewarm { kind: PrewarmKind::WarmThroughput, ..Prewarm::DEFAULT };
    match node.scalar().map(|scalar| scalar.meaning()) {
        Some(Meaning::Bool(false)) => return Some(None),
        Some(Meaning::Bool(true)) => return Some(Some(Prewarm::DEFAULT)),
        Some(Meaning::Text(WARM_THROUGHPUT)) => return Some(Some(warm)),
        Some(_) => {
            mistakes.add(
                node.at,
                format!(
                    "expected true, false, {WARM_THROUGHPUT}, or read_units and write_units to prewarm to, found {}",
                    node.found()
                ),
            );
            return None;
        }
        None => {}
    }
    let fields = Fields::read(node, "prewarm", &["read_units", "write_units", WARM_THROUGHPUT], mistakes)?;
    let Some(inner) = fields.optional(WARM_THROUGHPUT) else {
        return prewarm_units(&fields, Prewarm::DEFAULT, mistakes);
    };
    if fields.entries().len() > 1 {
        let message =
            format!("expected either {WARM_THROUGHPUT} or units in prewarm, found both: put the units under it");
        mistakes.add(inner.at, message);
        return None;
    }
    let fields = Fields::read(inner, WARM_THROUGHPUT, &["read_units", "write_units"], mistakes)?;
    prewarm_units(&fields, warm, mistakes)
}

const WARM_THROUGHPUT: &str = "warm_throughput";

fn prewarm_units(fields: &Fields<'_>, default: Prewarm, mistakes: &mut Mistakes) -> Option<Option<Prewarm>> {
    let mut units = |name: &str, default: u32| match fields.optional(name) {
        Some(node) => whole(node, "units", 1..=Prewarm::MAX_UNITS, mistakes),
        None => Some(default),
    };
    let (read_units, write_units) =
        (units("read_units", default.read_units), units("write_units", default.write_units));
    Some(Some(Prewarm { read_units: read_units?, write_units: write_units?, ..default }))
}

/// `budget`: a share of the table's own capacity, or units a second.
pub(super) fn budget(node: &Node, mistakes: &mut Mistakes) -> Option<Budget> {
    let fields = Fields::read(node, "a budget", &["share", "write_units", "read_units"], mistakes)?;
    let share = match fields.optional("share") {
        Some(node) => share(node, mistakes),
        None => Some(Budget::default().share),
    };
    let mut units = |name: &str| match fields.optional(name) {
        Some(node) => whole(node, "units", 1..=Prewarm::MAX_UNITS, mistakes).map(NonZeroU32::new),
        None => Some(None),
    };
    let (write_units, read_units) = (units("write_units"), units("read_units"));
    Some(Budget { share: share?, write_units: write_units?, read_units: read_units? })
}

fn share(node: &Node, mistakes: &mut Mistakes) -> Option<Percentage> {
    let share = percentage(node).filter(|share| *share > Percentage::ZERO);
    if share.is_none() {
        mistakes.add(node.at, format!("expected a percentage above 0, up to 100, found {}", node.found()));
    }
    share
}

fn percentage(node: &Node) -> Option<Percentage> {
    match node.scalar().map(|scalar| scalar.meaning()) {
        Some(Meaning::Number(text)) => text.parse().ok().and_then(|share: f64| Percentage::try_from(share).ok()),
        _ => None,
    }
}

/// `tolerated_failures`.
pub(super) fn tolerated_failures(node: &Node, mistakes: &mut Mistakes) -> Option<ToleratedFailures> {
    let fields = Fields::read(node, "tolerated failures", &["percentage"], mistakes)?;
    let node = fields.required("percentage", mistakes)?;
    let percentage = percentage(node);
    if percentage.is_none() {
        mistakes.add(node.at, format!("expected a percentage from 0 to 100, found {}", node.found()));
    }
    Some(ToleratedFailures { percentage: percentage? })
}

/// `writes`.
pub(super) fn writes(node: &Node, mistakes: &mut Mistakes) -> Option<WriteRequests> {
    match word(node, "single or batched", &["single", "batched"], mistakes)? {
        "batched" => Some(WriteRequests::Batched),
        _ => Some(WriteRequests::Single),
    }
}

/// `backup`.
pub(super) fn backup(node: &Node, mistakes: &mut Mistakes) -> Option<bool> {
    truth(node, "whether to take a backup first", mistakes)
}

/// A marker, and where it stands.
pub(super) struct Marker {
    pub(super) name: String,
    pub(super) at: Position,
}
