//! What every key must hold: the application tells each of its writes, and whatever is seen of a key in between is
//! either as the application left it or that, migrated once.

use std::collections::BTreeMap;
use std::fmt;

use migration::item::Item;

use crate::migrations::{Made, Migration, count};

/// The promises, by what is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// Every live write survives.
    LiveWrites,
    /// What was deleted is not back.
    Deleted,
    /// Nothing is done twice.
    Once,
    /// Every item that was there from the start is migrated.
    Complete,
    /// The ledger's counts equal the table, and the report says what is true.
    Books,
    /// The capacity is what it was.
    Capacity,
    /// In calm weather a resumed run ends.
    Ends,
    /// A copy's target holds the image of every item of the source.
    Images,
    /// And nothing else.
    Ghosts,
}

/// A broken promise, and how it shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broken {
    pub(crate) promise: Promise,
    pub(crate) how: String,
}

impl Broken {
    pub(crate) fn new(promise: Promise, how: impl Into<String>) -> Self {
        Self { promise, how: how.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.how)
    }
}

/// What is known of one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) item: Option<Item>,
    /// It stood there when the run began, and nobody has replaced or deleted it since.
    pub(crate) is_original: bool,
    /// It stood there when the run began, and nobody but the migration has deleted it since.
    pub(crate) has_stood: bool,
    /// The migration has changed it since it was put there.
    pub(crate) is_migrated: bool,
}

/// All keys that there ever were.
pub(crate) struct Model {
    migration: Migration,
    pub(crate) keys: BTreeMap<String, Known>,
    /// How often the migration has changed or deleted an item.
    pub(crate) changes: u64,
    /// How often the application has deleted what the migration wanted to delete. Where the answer to a delete is lost
    /// nobody can tell whose it was.
    pub(crate) anybodys: u64,
    pub(crate) broken: Vec<Broken>,
}

impl Model {
    pub(crate) fn new(migration: Migration, items: &[Item]) -> Self {
        let known =
            |item: &Item| Known { item: Some(item.clone()), is_original: true, has_stood: true, is_migrated: false };
        let keys = items.iter().map(|item| (id(item), known(item))).collect();
        Self { migration, keys, changes: 0, anybodys: 0, broken: Vec::new() }
    }

    /// Holds what was found at a key against what must stand there.
    pub(crate) fn see(&mut self, id: &str, found: Option<&Item>) {
        let known = self.keys.entry(id.to_owned()).or_default();
        if known.item.as_ref() == found {
            return;
        }
        let made = known.item.as_ref().map(|item| self.migration.of(item));
        let is_made = match (&made, found) {
            (Some(Made::Other(made)), Some(found)) => made == found,
            (Some(Made::Nothing), None) => true,
            _ => false,
        };
        if is_made {
            known.is_migrated = true;
            self.changes += 1;
        } else {
            self.broken.push(unexplained(id, known.item.as_ref(), found));
        }
        known.item = found.cloned();
    }

    /// The application has put an item there.
    pub(crate) fn put(&mut self, item: Item) {
        let known = self.keys.entry(id(&item)).or_default();
        *known = Known { item: Some(item), is_original: false, is_migrated: false, ..*known };
    }

    /// The application has changed the item there.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Item)) {
        if let Some(item) = self.keys.get_mut(id).and_then(|known| known.item.as_mut()) {
            change(item);
        }
    }

    /// The application has deleted the item there.
    pub(crate) fn delete(&mut self, id: &str) {
        let known = self.keys.insert(id.to_owned(), Known::default()).and_then(|known| known.item);
        self.anybodys += u64::from(known.is_some_and(|item| self.migration.of(&item) == Made::Nothing));
    }

    /// What the migration would still make of an item.
    pub(crate) fn wanted(&self, item: &Item) -> Made {
        self.migration.of(item)
    }
}

/// Which promise is broken where an item is neither as it was left nor that, migrated.
fn unexplained(id: &str, left: Option<&Item>, found: Option<&Item>) -> Broken {
    let how = format!("{id}: left {}, found {}", shown(left), shown(found));
    let promise = match (left, found) {
        (None, _) => Promise::Deleted,
        (Some(left), Some(found)) if count(found) > count(left).map(|n| n + 1) => Promise::Once,
        _ => Promise::LiveWrites,
    };
    Broken::new(promise, how)
}

/// An item in one line, its long values cut.
fn shown(item: Option<&Item>) -> String {
    let Some(item) = item else { return "nothing".into() };
    let mut attributes: Vec<_> = item.iter().map(|(name, value)| format!("{name} {value:.40?}")).collect();
    attributes.iter_mut().for_each(|attribute| attribute.truncate(60));
    attributes.sort_unstable();
    attributes.join(", ")
}

pub(crate) fn id(item: &Item) -> String {
    item.get("id").and_then(|id| id.as_s().ok()).cloned().unwrap_or_default()
}
