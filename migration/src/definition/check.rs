//! What a transform can't do in place: checked when a migration is read, and once more against the real
//! table's key.

use super::{KeySchema, Step};

/// What a mistake is about, so that a file's reader can point at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The step of this index.
    Step(usize),
    /// The step of this index, the written path of that index.
    Written(usize, usize),
    /// The step's own marker.
    StepMarker(usize),
    /// The migration's marker.
    Marker,
}

/// Something that can't be, and why.
pub(super) type Conflict = (Subject, String);

/// Writes to key attributes, and markers that are ones: DynamoDB changes no key in place.
pub(super) fn key_conflicts(steps: &[Step], marker: Option<&str>, key: &KeySchema) -> Vec<Conflict> {
    let written = written(steps).filter(|(_, _, root)| key.contains(root)).map(|(subject, step, root)| {
        let name = step.name();
        (
            subject,
            format!(
                "{name} would change the key attribute \"{root}\", and a key can't be changed in place: copy the \
                 table into one with the new key schema instead"
            ),
        )
    });
    let markers = markers(steps, marker)
        .filter(|(_, name)| key.contains(name))
        .map(|(subject, name)| (subject, format!("expected a marker that is no key attribute, found \"{name}\"")));
    written.chain(markers).collect()
}

/// Markers that a step writes, or that two steps share: neither would say any more what has been done.
pub(super) fn marker_conflicts(steps: &[Step], marker: Option<&str>) -> Vec<Conflict> {
    let names: Vec<_> = markers(steps, marker).collect();
    let written = written(steps).filter(|(_, _, root)| names.iter().any(|(_, name)| name == root));
    let written = written.map(|(subject, step, root)| {
        (subject, format!("{} would change the marker \"{root}\": choose another attribute as marker", step.name()))
    });
    let shared = names.iter().enumerate().filter(|(index, (_, name))| names[..*index].iter().any(|(_, n)| n == name));
    let shared = shared.map(|(_, (subject, name))| {
        (*subject, format!("expected a marker that nothing else uses, found \"{name}\" again: choose another name"))
    });
    written.chain(shared).collect()
}

/// Steps that may do their work twice when a run is repeated (R3), where no marker is named.
pub(super) fn unmarked(steps: &[Step]) -> Vec<Conflict> {
    let unmarked = steps.iter().enumerate().filter(|(_, step)| step.needs_marker());
    let why = |(index, step): (usize, &Step)| {
        let message = match step {
            Step::Increment { .. } => {
                "increment would add again in a second run: name a marker attribute, with marker: NAME in the step or \
                 at the top of the file"
                    .into()
            }
            _ => format!(
                "{} of a list element would take the next one in a second run: name a marker attribute, with \
                 marker: NAME at the top of the file",
                step.name()
            ),
        };
        (Subject::Step(index), message)
    };
    unmarked.map(why).collect()
}

/// The first step behind a `delete`.
pub(super) fn after_delete(steps: &[Step]) -> Option<Conflict> {
    let delete = steps.iter().position(|step| matches!(step, Step::Delete {}))?;
    let next = steps.get(delete + 1)?;
    let message = format!("expected no step after delete, found {}: the item is gone by then", next.name());
    Some((Subject::Step(delete + 1), message))
}

/// Every written path: what it belongs to, its step and the attribute it lies in.
fn written(steps: &[Step]) -> impl Iterator<Item = (Subject, &Step, &str)> {
    steps.iter().enumerate().flat_map(|(index, step)| {
        let paths = step.written_paths().into_iter().enumerate();
        paths.map(move |(nth, path)| (Subject::Written(index, nth), step, path.root()))
    })
}

/// Every marker: the migration's first.
fn markers<'s>(steps: &'s [Step], marker: Option<&'s str>) -> impl Iterator<Item = (Subject, &'s str)> {
    let own = steps.iter().enumerate().filter_map(|(index, step)| match step {
        Step::Increment { marker: Some(name), .. } => Some((Subject::StepMarker(index), name.as_str())),
        _ => None,
    });
    marker.map(|name| (Subject::Marker, name)).into_iter().chain(own)
}
