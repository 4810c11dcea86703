//! An item while it is being transformed: reads are noted, writes are kept apart from what was read.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Edits, Failure, edits};
use crate::definition::KeySchema;
use crate::item::{AttributeType, Item, Path, PathElement, attribute_bytes};

/// What the transform knows of a place in the item, and the write is conditioned on (R2).
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Where.
    pub path: Path,
    /// What was found there.
    pub found: SeenAs,
}

/// What was found at a place, as exactly as the transform looked.
#[derive(Debug, Clone, PartialEq)]
pub enum SeenAs {
    /// Nothing.
    Absent,
    /// Something; nobody looked at what.
    Present,
    /// A value of this type; nobody looked further.
    Type(AttributeType),
    /// This value.
    Value(AttributeValue),
}

/// How closely a place was looked at. Ordered: a closer look includes the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Presence,
    Type,
    Value,
}

/// Copy on write, by whole attributes: an item that nothing changes costs no copy.
pub(super) struct Draft<'i> {
    item: &'i Item,
    edited: BTreeMap<String, Option<AttributeValue>>,
    looks: RefCell<Vec<(Path, Look)>>,
}

/// An item as a function sees it. What the function reads is noted, and its change is written only while all
/// of that still stands.
pub struct ItemView<'d>(&'d Draft<'d>);

impl<'d> ItemView<'d> {
    /// The value of an attribute.
    pub fn get(&self, attribute: &str) -> Option<&'d AttributeValue> {
        self.0.look(Path::attribute(attribute), Look::Value)
    }

    /// The value at a path such as `info.rating`.
    pub fn get_at(&self, path: &Path) -> Option<&'d AttributeValue> {
        self.0.look(path.clone(), Look::Value)
    }

    /// Whether an attribute is there, whatever its value.
    pub fn has(&self, attribute: &str) -> bool {
        self.0.look(Path::attribute(attribute), Look::Presence).is_some()
    }

    /// The whole item, as the steps before have left it. The change is then written only if no attribute has
    /// changed meanwhile; read single attributes where that is enough.
    pub fn to_item(&self) -> Item {
        let draft = self.0;
        for name in draft.item.keys() {
            draft.look(Path::attribute(name), Look::Value);
        }
        draft.item()
    }
}

impl<'i> Draft<'i> {
    pub(super) fn new(item: &'i Item) -> Self {
        Self { item, edited: BTreeMap::new(), looks: RefCell::default() }
    }

    pub(super) fn view(&self) -> ItemView<'_> {
        ItemView(self)
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.look(path.clone(), Look::Presence).is_some()
    }

    pub(super) fn type_of(&self, path: &Path) -> Option<AttributeType> {
        self.look(path.clone(), Look::Type).and_then(AttributeType::of)
    }

    pub(super) fn get(&self, path: &Path) -> Option<&AttributeValue> {
        self.look(path.clone(), Look::Value)
    }

    fn look(&self, path: Path, look: Look) -> Option<&AttributeValue> {
        let value = match self.edited.get(path.root()) {
            Some(edited) => edited.as_ref().and_then(|value| path.get_below(value)),
            None => path.get(self.item),
        };
        self.looks.borrow_mut().push((path, look));
        value
    }

    pub(super) fn is_edited(&self) -> bool {
        !self.edits().is_empty()
    }

    /// The item as it is now.
    pub(super) fn item(&self) -> Item {
        let mut item = self.item.clone();
        for (name, value) in &self.edited {
            match value {
                Some(value) => item.insert(name.clone(), value.clone()),
                None => item.remove(name),
            };
        }
        item
    }

    /// Puts `value` at `path`. What lies above the last step has to be there: nothing is guessed.
    pub(super) fn set(&mut self, path: &Path, value: AttributeValue) -> Result<(), Failure> {
        let Some((parent, last)) = path.split_last() else {
            self.edited.insert(path.root().to_owned(), Some(value));
            return Ok(());
        };
        // The condition of the write has to hold the container's type: an update can't make it.
        self.look(parent.clone(), Look::Type);
        match (self.container(parent), last) {
            (Some(AttributeValue::M(map)), PathElement::Name(name)) => {
                map.insert(name.clone(), value);
            }
            (Some(AttributeValue::L(list)), PathElement::Index(index)) if *index < list.len() => list[*index] = value,
            (Some(AttributeValue::L(list)), PathElement::Index(index)) if *index == list.len() => list.push(value),
            (Some(AttributeValue::L(list)), PathElement::Index(_)) => {
                return Err(Failure::new(format!("{path} lies beyond the end of a list of {}", list.len())));
            }
            (None, _) => return Err(Failure::new(format!("{path} can't be set: {parent} is absent"))),
            (Some(other), _) => {
                let kind = AttributeType::of(other).map_or("unknown", AttributeType::as_str);
                return Err(Failure::new(format!("{path} can't be set: {parent} is of type {kind}")));
            }
        }
        Ok(())
    }

    /// Takes out what stands at `path`, if anything does.
    pub(super) fn remove(&mut self, path: &Path) {
        let Some((parent, last)) = path.split_last() else {
            self.edited.insert(path.root().to_owned(), None);
            return;
        };
        match (self.container(parent), last) {
            (Some(AttributeValue::M(map)), PathElement::Name(name)) => {
                map.remove(name);
            }
            (Some(AttributeValue::L(list)), PathElement::Index(index)) if *index < list.len() => {
                list.remove(*index);
            }
            _ => {}
        }
    }

    /// Replaces the whole item; the attributes that it has no more are removed.
    pub(super) fn replace(&mut self, item: Item) {
        let gone = self.item.keys().filter(|name| !item.contains_key(*name));
        self.edited.extend(gone.map(|name| (name.clone(), None)));
        for (_, value) in self.edited.iter_mut().filter(|(name, _)| !item.contains_key(*name)) {
            *value = None;
        }
        self.edited.extend(item.into_iter().map(|(name, value)| (name, Some(value))));
    }

    /// The value at `path`, to be changed, in the draft's own copy of the attribute.
    fn container(&mut self, path: &Path) -> Option<&mut AttributeValue> {
        let root = path.root();
        if !self.edited.contains_key(root) {
            self.edited.insert(root.to_owned(), self.item.get(root).cloned());
        }
        path.get_below_mut(self.edited.get_mut(root)?.as_mut()?)
    }

    /// The minimal change that leads from the item to the draft.
    pub(super) fn edits(&self) -> Edits {
        edits::between(self.item, &self.edited)
    }

    pub(super) fn added_bytes(&self) -> usize {
        let values = self.edited.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        values.map(|(name, value)| attribute_bytes(name, value)).sum()
    }

    pub(super) fn removed_bytes(&self) -> usize {
        let values = self.edited.keys().filter_map(|name| Some((name, self.item.get(name)?)));
        values.map(|(name, value)| attribute_bytes(name, value)).sum()
    }

    /// Everything that `edits` rest on: what was looked at and what is written over, without the key, which
    /// can't change, and without what a look at something above includes.
    pub(super) fn seen(&self, key: &KeySchema, edits: &Edits) -> Vec<Seen> {
        let noted = self.looks.borrow();
        let written = edits.paths().map(|path| (path, Look::Value));
        let mut looks: Vec<_> = noted.iter().map(|(path, look)| (path, *look)).chain(written).collect();
        looks.sort_unstable();
        // The last of a path's looks is the closest.
        looks.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = next.1;
            }
            is_same
        });
        let included = |at: usize, path: &Path| {
            let above = looks[..at].iter().rev().take_while(|(other, _)| other.root() == path.root());
            above.into_iter().any(|(other, look)| *look == Look::Value && other.covers(path))
        };
        let places = looks.iter().enumerate();
        places
            .filter(|(at, (path, _))| !key.contains(path.root()) && !included(*at, path))
            .map(|(_, (path, look))| Seen { path: (*path).clone(), found: self.found(path, *look) })
            .collect()
    }

    fn found(&self, path: &Path, look: Look) -> SeenAs {
        match (path.get(self.item), look) {
            (None, _) => SeenAs::Absent,
            (Some(_), Look::Presence) => SeenAs::Present,
            (Some(value), Look::Type) => AttributeType::of(value).map_or(SeenAs::Present, SeenAs::Type),
            (Some(value), Look::Value) => SeenAs::Value(value.clone()),
        }
    }
}
