//! What one migration is: the typed content of `migration.yaml`.
//!
//! A [`Definition`] that exists is possible: every limit that can be checked without a table has been
//! checked when it was read ([`Definition::from_yaml`]), so the rest of the crate never checks again. It
//! also travels as JSON, inside the plan, to every worker.

mod bounds;
mod check;
mod condition;
mod mistake;
mod step;
mod target;
mod template;
mod yaml;

pub use bounds::{Percentage, TableName, TotalSegments};
pub use condition::{Comparison, Condition};
pub use mistake::{Mistake, Mistakes};
pub use step::{Conversion, Step};
pub use target::{BulkSource, Carry, Target};
pub use template::{Operand, Part, Template, TemplateType};

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::item::{AttributeType, Path};

/// One migration, as `migration.yaml` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The migration's name: letters, digits, `-` and `_`, at most 56 characters; part of every run's id.
    pub migration: String,
    /// The table that is changed in place, or carried to the target.
    pub source: Source,
    /// The table that items are carried to; `None` changes the source in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Which items are transformed; `None` is all of them.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What is done to each chosen item, in order.
    pub transform: Vec<Step>,
    /// A top-level attribute that an item gets together with its change, and that keeps it from being
    /// changed a second time (R3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Into how many segments the scan is divided.
    pub segments: TotalSegments,
    /// By what requests items are written.
    #[serde(default)]
    pub writes: WriteRequests,
    /// Whether an on-demand backup is taken, and waited for, before the first write.
    pub backup: bool,
    /// The capacity that the table is raised to while the run lasts; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prewarm: Option<Prewarm>,
    /// How many items may fail before the run does.
    pub tolerated_failures: ToleratedFailures,
    /// What the run may take of the table's capacity.
    #[serde(default)]
    pub budget: Budget,
}

/// The requests that carry writes; what is decided for each item is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteRequests {
    /// An UpdateItem or a DeleteItem for each item.
    #[default]
    Single,
    /// A BatchExecuteStatement for 25 items at most: the same write units, and a fraction of the CPU time.
    Batched,
}

/// The table a migration reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The table's name.
    pub table: TableName,
    /// The key schema. Needed where the embedded database has to create the table; checked against the
    /// real one everywhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySchema>,
}

/// A table's primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySchema {
    /// The partition key.
    pub partition: KeyAttribute,
    /// The sort key, where the table has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<KeyAttribute>,
}

impl KeySchema {
    /// The key attributes: the partition key, then the sort key where there is one.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.partition).chain(self.sort.as_ref())
    }

    /// Whether `name` is a key attribute.
    pub fn contains(&self, name: &str) -> bool {
        self.attributes().any(|key| key.name == name)
    }
}

/// One attribute of a primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyAttribute {
    /// The attribute's name.
    pub name: String,
    /// Its type: `S`, `N` or `B`; DynamoDB takes no other in a key.
    #[serde(rename = "type")]
    pub kind: AttributeType,
}

/// Units that a table is made ready for, never lowered to (R12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prewarm {
    /// Read units a second, 1 to [`Prewarm::MAX_UNITS`].
    pub read_units: u32,
    /// Write units a second, 1 to [`Prewarm::MAX_UNITS`].
    pub write_units: u32,
    /// In which way. Plans from before there was a choice don't say.
    #[serde(default, skip_serializing_if = "PrewarmKind::is_default")]
    pub kind: PrewarmKind,
}

/// How a table is made ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrewarmKind {
    /// By provisioned units while the run lasts: paid by the hour, and put back afterwards.
    #[default]
    Provisioned,
    /// By warm throughput: paid once, and kept for good, as it can't be lowered.
    WarmThroughput,
}

impl PrewarmKind {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Prewarm {
    /// The units of the TypeScript original, which `--prewarm` alone stands for.
    pub const DEFAULT: Self = Self { read_units: 12_000, write_units: 4_000, kind: PrewarmKind::Provisioned };
    /// The table quota that an account starts with, in each direction (DynamoDB service quotas). An
    /// account may have more; DynamoDB then decides.
    pub const DEFAULT_TABLE_QUOTA: u32 = 40_000;
    /// More than any account is given; a guard against a slipped digit.
    pub const MAX_UNITS: u32 = 10_000_000;

    /// Whether it stays after the run: nothing is put back.
    pub fn is_for_good(self) -> bool {
        self.kind == PrewarmKind::WarmThroughput
    }
}

/// What a run may take of a table's capacity, all of its workers together; the rest is left to others (R11).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The share of the table's own units, and of each index's, where no units are named.
    pub share: Percentage,
    /// Write units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_units: Option<NonZeroU32>,
    /// Read units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_units: Option<NonZeroU32>,
}

impl Default for Budget {
    /// A quarter is left to others.
    fn default() -> Self {
        Self { share: Percentage::THREE_QUARTERS, write_units: None, read_units: None }
    }
}

/// How many failed items a run bears (R19).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToleratedFailures {
    /// The share of the scanned items that may fail; 0 bears none.
    pub percentage: Percentage,
}

impl Definition {
    /// A migration that leaves every item of `source` as it is: of those that only read.
    pub fn identity(migration: &str, source: TableName) -> Self {
        Self {
            migration: migration.to_owned(),
            source: Source { table: source, key: None },
            target: None,
            condition: None,
            transform: Vec::new(),
            marker: None,
            segments: TotalSegments::DEFAULT,
            writes: WriteRequests::default(),
            backup: false,
            prewarm: None,
            tolerated_failures: ToleratedFailures { percentage: Percentage::ZERO },
            budget: Budget::default(),
        }
    }

    /// Every path that the transform writes, with the step that writes it; a function's are not known.
    pub fn written_paths(&self) -> impl Iterator<Item = (&Step, &Path)> {
        self.transform.iter().flat_map(|step| step.written_paths().into_iter().map(move |path| (step, path)))
    }

    /// Whether the transform may delete items. A function in code may do anything.
    pub fn may_delete(&self) -> bool {
        self.transform.iter().any(|step| matches!(step, Step::Delete {} | Step::Function(_)))
    }

    /// SHA-256, in hexadecimal, of everything that a deployment fixes: the whole definition but for `segments`, `writes`,
    /// `prewarm` and `budget`, which each run may choose anew.
    pub fn digest(&self) -> String {
        let (segments, writes, budget) = (TotalSegments::DEFAULT, WriteRequests::default(), Budget::default());
        let deployed = Self { segments, writes, prewarm: None, budget, ..self.clone() };
        // A map's attributes are in no order of their own.
        let mut json = serde_json::to_value(deployed).expect("a definition is plain data");
        json.sort_all_objects();
        Sha256::digest(json.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The names of the registered functions that the transform calls, in order.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.transform.iter().filter_map(|step| match step {
            Step::Function(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Checks the transform and the markers against a table's key, which nothing in place may change; the
    /// errors say which step, and what to do.
    pub fn check_key(&self, key: &KeySchema) -> Result<(), Vec<String>> {
        let conflicts = check::key_conflicts(&self.transform, self.marker.as_deref(), key);
        only_messages(conflicts)
    }

    /// Checks a copy against the keys of both tables: every image has to tell its source's key, on the way there and, where
    /// there is one, on the way back.
    pub fn check_keys(&self, source: &KeySchema, target: &KeySchema) -> Result<(), Vec<String>> {
        let mut conflicts = check::origin_conflicts(self, source, target);
        if let Some(reversed) = self.reversed(source, target) {
            let back = check::origin_conflicts(&reversed, target, source);
            conflicts.extend(back.into_iter().map(|(subject, why)| (subject, format!("on the way back, {why}"))));
        }
        only_messages(conflicts)
    }
}

fn only_messages(conflicts: Vec<check::Conflict>) -> Result<(), Vec<String>> {
    if conflicts.is_empty() { Ok(()) } else { Err(conflicts.into_iter().map(|(_, message)| message).collect()) }
}
