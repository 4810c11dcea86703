//! The smallest set of writes that turns one item into another.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{Item, Path, PathElement, same_value};

/// Writes to places of an item that don't overlap.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edits(Vec<(Path, Edit)>);

/// A write to one place.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// This value stands there afterwards.
    Set(AttributeValue),
    /// Nothing does.
    Remove,
}

impl Edits {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places and what is written there.
    pub fn iter(&self) -> impl Iterator<Item = &(Path, Edit)> {
        self.0.iter()
    }

    /// The places alone.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path)
    }

    /// Whether something is written at or below a top-level attribute.
    pub fn touches(&self, attribute: &str) -> bool {
        self.paths().any(|path| path.root() == attribute)
    }

    /// The same change by whole attributes.
    pub fn coarsened(&self, item: &Item) -> Self {
        let mut coarse: Vec<(Path, Edit)> = Vec::new();
        for root in self.paths().map(Path::root) {
            if coarse.last().is_none_or(|(last, _)| last.root() != root) {
                let after = self.applied_to(item.get(root), root);
                coarse.push((Path::attribute(root), after.map_or(Edit::Remove, Edit::Set)));
            }
        }
        Self(coarse)
    }

    /// The item as it is after the edits.
    pub fn applied(&self, item: &Item) -> Item {
        let mut after = item.clone();
        for (path, edit) in self.coarsened(item).0 {
            match edit {
                Edit::Set(value) => after.insert(path.root().to_owned(), value),
                Edit::Remove => after.remove(path.root()),
            };
        }
        after
    }

    /// What the attribute `root` is after the edits.
    fn applied_to(&self, before: Option<&AttributeValue>, root: &str) -> Option<AttributeValue> {
        let mut after = before.cloned();
        for (path, edit) in self.0.iter().filter(|(path, _)| path.root() == root) {
            let Some((parent, PathElement::Name(name))) = path.split_last() else {
                return if let Edit::Set(value) = edit { Some(value.clone()) } else { None };
            };
            // An edit below an attribute comes from comparing two maps: its parent is one.
            if let Some(AttributeValue::M(map)) = after.as_mut().and_then(|after| parent.get_below_mut(after)) {
                match edit {
                    Edit::Set(value) => map.insert(name.clone(), value.clone()),
                    Edit::Remove => map.remove(name),
                };
            }
        }
        after
    }

    /// Whether `item` already is as the edits would leave it.
    pub fn hold_in(&self, item: &Item) -> bool {
        self.0.iter().all(|(path, edit)| match (edit, path.get(item)) {
            (Edit::Set(wanted), Some(value)) => same_value(wanted, value),
            (Edit::Remove, None) => true,
            _ => false,
        })
    }
}

/// What leads from `item` to the same item with whole attributes `edited` (`None`: removed). Maps are
/// compared entry by entry, so that a live writer of one entry doesn't meet a write to another; lists and
/// sets are written whole, since the places in them shift.
pub(super) fn between(item: &Item, edited: &BTreeMap<String, Option<AttributeValue>>) -> Edits {
    let mut edits = Vec::new();
    for (name, value) in edited {
        compare(Path::attribute(name), item.get(name), value.as_ref(), &mut edits);
    }
    Edits(edits)
}

fn compare(path: Path, old: Option<&AttributeValue>, new: Option<&AttributeValue>, edits: &mut Vec<(Path, Edit)>) {
    match (old, new) {
        (None, None) => {}
        (Some(_), None) => edits.push((path, Edit::Remove)),
        (Some(AttributeValue::M(old)), Some(AttributeValue::M(new))) => {
            // Most entries are the same, and none is new: a path is made only for those that aren't, and a name is looked
            // up once.
            let (mut changed, mut kept) = (Vec::new(), 0);
            for (name, value) in old {
                let now = new.get(name);
                kept += usize::from(now.is_some());
                if now.is_none_or(|now| !same_value(value, now)) {
                    changed.push(name);
                }
            }
            if kept < new.len() {
                changed.extend(new.keys().filter(|name| !old.contains_key(*name)));
            }
            changed.sort_unstable();
            for name in changed {
                compare(path.child(PathElement::Name(name.clone())), old.get(name), new.get(name), edits);
            }
        }
        (Some(old), Some(new)) if same_value(old, new) => {}
        (_, Some(new)) => edits.push((path, Edit::Set(new.clone()))),
    }
}
