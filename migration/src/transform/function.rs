//! Transforms in code: the functions of `functions/src/transforms.rs`, by name.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Failure, ItemView, Run};
use crate::error::Error;
use crate::item::{Item, Path};

/// What a function wants of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// Single attributes to set (`Some`) or to remove (`None`).
    Update(Vec<(Path, Option<AttributeValue>)>),
    /// The item as it shall be. In place, only what differs is written.
    Put(Item),
    /// The item goes.
    Delete,
}

impl Change {
    /// Sets one top-level attribute.
    pub fn set(attribute: &str, value: AttributeValue) -> Self {
        Self::Update(vec![(Path::attribute(attribute), Some(value))])
    }
}

/// A transform written in Rust.
///
/// It has to be pure (the same item and run give the same change) and, unless the migration names a
/// `marker`, idempotent: applied to its own result it keeps the item. The dry run checks that on a sample.
pub type Function = fn(&ItemView<'_>, Run) -> Result<Change, Failure>;

/// The functions that a migration may name.
#[derive(Clone, Default)]
pub struct Functions(BTreeMap<&'static str, Function>);

impl Functions {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers `function` under the name that `migration.yaml` uses.
    #[must_use]
    pub fn with(mut self, name: &'static str, function: Function) -> Self {
        self.0.insert(name, function);
        self
    }

    /// The function of that name.
    pub(super) fn get(&self, name: &str) -> Result<Function, Error> {
        self.0.get(name).copied().ok_or_else(|| {
            let known = self.0.keys().copied().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            Error::invalid(format!(
                "expected a function registered in functions/src/transforms.rs ({known}), found {name}"
            ))
        })
    }
}
