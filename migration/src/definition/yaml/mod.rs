//! `migration.yaml`: reads a [`Definition`], or says everything that is wrong with the file at once.

mod conditions;
mod fields;
mod node;
mod scalar;
mod settings;
mod steps;
mod target;
mod values;

use self::fields::{Fields, attribute, whole};
use self::node::Node;
use self::scalar::Meaning;
use self::settings::Marker;
use self::steps::{Places, Steps, some_steps, steps};
use super::check::{
    Conflict, Subject, after_delete, key_conflicts, marker_conflicts, origin_conflicts, unfit_for_copy, unmarked,
};
use super::mistake::{Mistakes, Position};
use super::{Budget, Definition, Percentage, Source, ToleratedFailures, TotalSegments, WriteRequests};

const KEYS: [&str; 12] = [
    "migration",
    "source",
    "target",
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
    let target = optional(&fields, "target", None, mistakes, |node, mistakes| target::target(node, mistakes).map(Some));
    let is_copy = fields.optional("target").is_some();
    let transform = match fields.optional("transform") {
        // A copy may carry everything as it is.
        Some(node) if is_copy => Some(steps(node, mistakes)),
        None if is_copy => Some(Steps::default()),
        _ => fields.required("transform", mistakes).map(|node| some_steps(node, mistakes)),
    };
    if let Some(steps) = &transform {
        match is_copy {
            true => check_copy(steps, marker.as_ref(), mistakes),
            false => check(steps, source.as_ref(), marker.as_ref(), mistakes),
        }
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
    let (target, transform) = (target?, transform?);
    let definition = Definition {
        migration: name?,
        source: source?,
        target: target.as_ref().map(|read| read.target.clone()),
        condition: condition?,
        transform: transform.steps.clone(),
        marker: marker?.map(|marker| marker.name),
        segments: segments?,
        writes: writes?,
        backup: backup?,
        prewarm: prewarm?,
        tolerated_failures: tolerated_failures?,
        budget: budget?,
    };
    if let Some(target) = &target {
        check_target(&definition, target, &transform, mistakes);
    }
    Some(definition)
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
    point_out(conflicts, &steps.places, named, None, mistakes);
}

/// The same of a copy, apart from its keys.
fn check_copy(steps: &Steps, marker: Option<&Option<Marker>>, mistakes: &mut Mistakes) {
    let named = marker.and_then(Option::as_ref);
    let mut conflicts = unfit_for_copy(&steps.steps, named.map(|marker| marker.name.as_str()));
    conflicts.extend(after_delete(&steps.steps));
    point_out(conflicts, &steps.places, named, None, mistakes);
}

/// What a copy's target has to do with the rest of the file.
fn check_target(definition: &Definition, target: &target::Read, steps: &Steps, mistakes: &mut Mistakes) {
    let named = &target.target;
    if named.table == definition.source.table && named.region.is_none() && named.role.is_none() {
        mistakes.add(
            target.at,
            "expected another table than the source, or one in another region or account, found the same: leave out the \
             target to change the table in place",
        );
    }
    if let Some(reverse) = &target.reverse {
        check_copy(reverse, None, mistakes);
    }
    let (Some(source_key), Some(target_key)) = (&definition.source.key, target.key(&definition.source)) else { return };
    let there = origin_conflicts(definition, source_key, target_key);
    let is_told = there.is_empty();
    point_out(there, &steps.places, None, Some(target), mistakes);
    if let (true, Some(reversed), Some(reverse)) =
        (is_told, definition.reversed(source_key, target_key), &target.reverse)
    {
        let back = origin_conflicts(&reversed, target_key, source_key);
        let back = back.into_iter().map(|(subject, why)| (subject, format!("on the way back, {why}"))).collect();
        point_out(back, &reverse.places, None, Some(target), mistakes);
    }
}

fn point_out(
    conflicts: Vec<Conflict>,
    places: &[Places],
    marker: Option<&Marker>,
    target: Option<&target::Read>,
    mistakes: &mut Mistakes,
) {
    for (subject, message) in conflicts {
        let at = match subject {
            Subject::Step(index) => places.get(index).map(|place| place.at),
            Subject::Written(index, nth) => places.get(index).and_then(|place| place.written.get(nth).copied()),
            Subject::StepMarker(index) => places.get(index).and_then(|place| place.marker),
            Subject::Marker => marker.map(|marker| marker.at),
            Subject::Target => target.map(|target| target.at),
            Subject::Origin => target.map(|target| target.origin_at),
        };
        mistakes.add(at.unwrap_or(Position { line: 1, column: 1 }), message);
    }
}

#[cfg(test)]
mod tests;
