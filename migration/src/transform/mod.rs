//! The middle of the item's way: what a migration makes of one item. Pure; no clock, no I/O.
//!
//! [`Transform::apply`] says what is to be written and, with it, everything the answer was drawn from, so
//! that the write can be conditioned on all of that still being true (R2).

mod condition;
mod convert;
mod draft;
mod edits;
mod function;
mod steps;

pub use draft::{ItemView, Seen, SeenAs};
pub use edits::{Edit, Edits};
pub use function::{Change, Function, Functions};

use std::fmt;

use jiff::Timestamp;

use crate::definition::{Definition, KeySchema, Step};
use crate::error::Error;
use crate::item::{Item, MAX_ITEM_BYTES, Path, item_bytes};
use draft::Draft;

/// Facts about the run that a transform may use; the same for every item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// When the run started.
    pub now: Timestamp,
}

/// A migration's transform, ready for items.
pub struct Transform {
    definition: Definition,
    /// In the order of the `function` steps.
    functions: Vec<Function>,
    key: KeySchema,
    run: Run,
}

/// What a migration wants of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// `where` doesn't choose it.
    Filtered,
    /// It is as wanted already: no write (R4).
    Keep,
    /// These attributes change, provided that what was seen still stands.
    Update {
        /// The minimal change.
        edits: Edits,
        /// What the change was drawn from.
        seen: Vec<Seen>,
    },
    /// The item goes, provided that what was seen still stands.
    Delete {
        /// What the decision was drawn from.
        seen: Vec<Seen>,
    },
}

/// Why an item can't be migrated (R19): names of steps, paths and types, never a value (R20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure for a reason that says what was expected and shows no value of the item.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Transform {
    /// Makes a definition ready for the items of a table with that key.
    ///
    /// Fails when a function is not registered.
    pub fn new(definition: Definition, key: KeySchema, functions: &Functions, run: Run) -> Result<Self, Error> {
        let functions = definition
            .transform
            .iter()
            .filter_map(|step| if let Step::Function(name) = step { Some(name) } else { None })
            .map(|name| functions.get(name))
            .collect::<Result<_, _>>()?;
        Ok(Self { definition, functions, key, run })
    }

    /// The primary key of the table that it works on.
    pub fn key(&self) -> &KeySchema {
        &self.key
    }

    /// Whether `where` chooses `item`.
    pub fn chooses(&self, item: &Item) -> bool {
        self.is_chosen(&Draft::new(item))
    }

    /// Whether it chooses every item, as there is no `where`.
    pub(crate) fn chooses_all(&self) -> bool {
        self.definition.condition.is_none()
    }

    /// What is to be done with `item`.
    pub fn apply(&self, item: &Item) -> Result<Verdict, Failure> {
        let mut draft = Draft::new(item);
        if !self.is_chosen(&draft) {
            return Ok(Verdict::Filtered);
        }
        let marker = self.definition.marker.as_ref().map(Path::attribute);
        if let Some(marker) = &marker
            && draft.exists(marker)
        {
            return Ok(Verdict::Keep);
        }
        if self.take_steps(&mut draft)? == steps::Next::Delete {
            return Ok(Verdict::Delete { seen: draft.seen(&self.key, &Edits::default()) });
        }
        if let Some(marker) = &marker
            && draft.is_edited()
        {
            draft.set(marker, aws_sdk_dynamodb::types::AttributeValue::Bool(true))?;
        }
        self.finish(item, draft)
    }

    /// What a copy makes of `item`: the item as the steps leave it, its key like any other attribute; as it is, where
    /// `where` doesn't choose it; `None` where a step deletes it.
    pub fn image(&self, item: &Item) -> Result<Option<Item>, Failure> {
        let mut draft = Draft::new(item);
        if self.is_chosen(&draft) && self.take_steps(&mut draft)? == steps::Next::Delete {
            return Ok(None);
        }
        Ok(Some(draft.item()))
    }

    fn is_chosen(&self, draft: &Draft<'_>) -> bool {
        self.definition.condition.as_ref().is_none_or(|condition| condition::holds(condition, draft))
    }

    /// The steps in their order, until one deletes the item.
    fn take_steps(&self, draft: &mut Draft<'_>) -> Result<steps::Next, Failure> {
        let mut functions = self.functions.iter();
        for step in &self.definition.transform {
            if steps::apply(step, draft, &mut functions, self.run)? == steps::Next::Delete {
                return Ok(steps::Next::Delete);
            }
        }
        Ok(steps::Next::Step)
    }

    fn finish(&self, item: &Item, draft: Draft<'_>) -> Result<Verdict, Failure> {
        let edits = draft.edits();
        if edits.is_empty() {
            return Ok(Verdict::Keep);
        }
        if let Some(key) = self.key.attributes().find(|key| edits.touches(&key.name)) {
            return Err(Failure::new(format!(
                "the transform changes the key attribute {}: a key can't change in place, copy into another table",
                key.name
            )));
        }
        // A live writer may have grown the item past what the draft saw; DynamoDB then refuses the write.
        let bytes = item_bytes(item) + draft.added_bytes();
        if bytes > MAX_ITEM_BYTES + draft.removed_bytes() {
            return Err(Failure::new(format!(
                "the item would have {} bytes, DynamoDB takes at most {MAX_ITEM_BYTES}",
                bytes - draft.removed_bytes()
            )));
        }
        let seen = draft.seen(&self.key, &edits);
        Ok(Verdict::Update { edits, seen })
    }
}

#[cfg(test)]
mod tests;
