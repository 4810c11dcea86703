//! What a transform can't do, in place or in a copy: checked when a migration is read, and once more against the real
//! tables' keys.

use super::{Definition, KeySchema, Step};
use crate::copy::Origin;

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
    /// The target.
    Target,
    /// The target's attribute for the source's key.
    Origin,
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

/// What makes no sense in a copy: its images are made of the source's item each time, so nothing is done twice, and what
/// is added to what stood there would be added again.
pub(super) fn unfit_for_copy(steps: &[Step], marker: Option<&str>) -> Vec<Conflict> {
    let increments = steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Increment { .. }));
    let increments = increments.map(|(index, _)| {
        let message = "expected no increment in a copy, found one: an image is made anew with each change of its item; \
                       increment in the target after the cut-over";
        (Subject::Step(index), message.to_owned())
    });
    let markers = marker.map(|name| {
        (Subject::Marker, format!("expected no marker in a copy, which changes no item twice, found \"{name}\""))
    });
    increments.chain(markers).collect()
}

/// Why images of a copy between tables with these keys couldn't tell whose they are.
pub(super) fn origin_conflicts(definition: &Definition, source: &KeySchema, target: &KeySchema) -> Vec<Conflict> {
    let origin = definition.target.as_ref().and_then(|target| target.origin.as_deref());
    // Removing what another copy has left there is no harm: it is set behind the steps.
    let written = written(&definition.transform).filter(|(_, step, _)| !matches!(step, Step::Remove { .. }));
    let written = written.filter(|(_, _, root)| Some(*root) == origin);
    let written = written.map(|(subject, step, root)| {
        (subject, format!("{} would change \"{root}\", which holds the source's key: choose another name", step.name()))
    });
    let subject = if origin.is_some() { Subject::Origin } else { Subject::Target };
    let untold = Origin::of(definition, source, target).err().map(|why| (subject, why));
    written.chain(untold).collect()
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
