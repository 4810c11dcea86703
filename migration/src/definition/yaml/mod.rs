//! `migration.yaml`: reads a [`Definition`], or says everything that is wrong with the file at once.

mod conditions;
mod fields;
mod node;
mod scalar;
mod settings;
mod steps;
mod values;

use self::fields::{Fields, attribute, whole};
use self::node::Node;
use self::scalar::Meaning;
use self::settings::Marker;
use self::steps::{Steps, steps};
use super::check::{Conflict, Subject, after_delete, key_conflicts, marker_conflicts, unmarked};
use super::mistake::{Mistakes, Position};
use super::{Budget, Definition, Percentage, Source, ToleratedFailures, TotalSegments, WriteRequests};

const KEYS: [&str; 11] = [
    "migration",
    "source",
    "where",
    "transform",
    "marker",
    "segments",
    "writes",
    "backup",
    "prewarm",
    "tolerated_failures",
    "budget",
];

impl Definition {
    /// Reads a migration file.
    ///
    /// Unknown keys, wrong types, missing keys and impossible values are reported all at once, each with
    /// its line and column; only an error of YAML's own syntax hides what comes with it.
    pub fn from_yaml(text: &str) -> Result<Self, Mistakes> {
        let document = Node::parse(text)?;
        let mut mistakes = Mistakes::default();
        match definition(&document, &mut mistakes) {
            Some(definition) if mistakes.is_empty() => Ok(definition),
            _ => Err(mistakes.in_order()),
        }
    }
}

fn definition(document: &Node, mistakes: &mut Mistakes) -> Option<Definition> {
    if let Some(Meaning::Nothing | Meaning::Null) = document.scalar().map(|scalar| scalar.meaning()) {
        let at = Position { line: 1, column: 1 };
        mistakes.add(at, "expected a migration, found an empty file: it needs migration, source and transform");
        return None;
    }
    let fields = Fields::read(document, "a migration", &KEYS, mistakes)?;
    let name = fields.required("migration", mistakes).and_then(|node| settings::migration_name(node, mistakes));
    let source_node = fields.required("source", mistakes);
    let source = source_node.and_then(|node| settings::source(node, mistakes));
    let condition =
        optional(&fields, "where", None, mistakes, |node, mistakes| conditions::condition(node, mistakes).map(Some));
    let marker = optional(&fields, "marker", None, mistakes, |node, mistakes| {
        let name = attribute(node, "the name of a marker attribute", mistakes)?;
        Some(Some(Marker { name, at: node.at }))
    });
    let transform = fields.required("transform", mistakes).map(|node| steps(node, mistakes));
    if let Some(steps) = &transform {
        check(steps, source.as_ref(), marker.as_ref(), mistakes);
    }
    let segments = optional(&fields, "segments", TotalSegments::DEFAULT, mistakes, |node, mistakes| {
        TotalSegments::try_from(whole(node, "segments", 1..=TotalSegments::MAX, mistakes)?).ok()
    });
    let writes = optional(&fields, "writes", WriteRequests::default(), mistakes, settings::writes);
    let backup = optional(&fields, "backup", false, mistakes, settings::backup);
    let prewarm = optional(&fields, "prewarm", None, mistakes, settings::prewarm);
    let none = ToleratedFailures { percentage: Percentage::ZERO };
    let tolerated_failures = optional(&fields, "tolerated_failures", none, mistakes, settings::tolerated_failures);
    let budget = optional(&fields, "budget", Budget::default(), mistakes, settings::budget);
    Some(Definition {
        migration: name?,
        source: source?,
        target: None,
        condition: condition?,
        transform: transform?.steps,
        marker: marker?.map(|marker| marker.name),
        segments: segments?,
        writes: writes?,
        backup: backup?,
        prewarm: prewarm?,
        tolerated_failures: tolerated_failures?,
        budget: budget?,
    })
}

/// What `read` makes of a key's value, `default` where the key is left out, `None` where it is a mistake.
fn optional<T>(
    fields: &Fields<'_>,
    name: &str,
    default: T,
    mistakes: &mut Mistakes,
    read: impl FnOnce(&Node, &mut Mistakes) -> Option<T>,
) -> Option<T> {
    match fields.optional(name) {
        Some(node) => read(node, mistakes),
        None => Some(default),
    }
}

/// The checks that no single key can answer. A marker that could not be read (`None`) counts as named: its
/// own mistake is enough.
fn check(steps: &Steps, source: Option<&Source>, marker: Option<&Option<Marker>>, mistakes: &mut Mistakes) {
    let named = marker.and_then(Option::as_ref);
    let name = named.map(|marker| marker.name.as_str());
    let mut conflicts: Vec<Conflict> = marker_conflicts(&steps.steps, name);
    conflicts.extend(after_delete(&steps.steps));
    if let Some(key) = source.and_then(|source| source.key.as_ref()) {
        conflicts.extend(key_conflicts(&steps.steps, name, key));
    }
    if matches!(marker, Some(None)) {
        conflicts.extend(unmarked(&steps.steps));
    }
    for (subject, message) in conflicts {
        let at = match subject {
            Subject::Step(index) => Some(steps.places[index].at),
            Subject::Written(index, nth) => steps.places[index].written.get(nth).copied(),
            Subject::StepMarker(index) => steps.places[index].marker,
            Subject::Marker => named.map(|marker| marker.at),
        };
        mistakes.add(at.unwrap_or(Position { line: 1, column: 1 }), message);
    }
}

#[cfg(test)]
mod tests;
