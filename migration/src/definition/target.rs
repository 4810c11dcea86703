//! Where a copy goes, and how: the `target` of a migration.

use serde::{Deserialize, Serialize};

use super::{Definition, KeySchema, Source, Step, TableName};
use crate::item::Path;

/// The table that items are carried to. A migration without one changes its table in place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The table's name.
    pub table: TableName,
    /// Its key schema: needed where it is created with another key than the source's, checked where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySchema>,
    /// Whether it is created from the source's definition where it doesn't stand.
    #[serde(default)]
    pub create: bool,
    /// The region that it stands in, where that isn't the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The role that is assumed to reach it, where it stands in another account: an ARN of IAM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// A top-level attribute in which each item keeps its source's primary key. Needed where the transform keeps that key
    /// nowhere else: without it two items that land on one key could not be told from one that is written twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Whether somebody else writes to it while the copy goes on: bulk then overwrites nothing.
    #[serde(default)]
    pub written_by_others: bool,
    /// What is carried.
    #[serde(default)]
    pub carry: Carry,
    /// What the bulk is read from.
    #[serde(default)]
    pub bulk: BulkSource,
    /// The steps that lead back from an item of the target to one of the source, for the sync after a cut-over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse: Option<Vec<Step>>,
}

impl Target {
    /// A table of that name in the source's place, and everything else as it is where nobody says otherwise.
    pub fn named(table: TableName) -> Self {
        Self {
            table,
            key: None,
            create: false,
            region: None,
            role: None,
            origin: None,
            written_by_others: false,
            carry: Carry::default(),
            bulk: BulkSource::default(),
            reverse: None,
        }
    }
}

impl Target {
    /// What of it another one has otherwise: where a copy goes, and how. The steps that lead back are of no concern before the
    /// cut-over, and may be mended.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let Self { table, key, create, region, role, origin, written_by_others, carry, bulk, reverse: _ } = self;
        let same = [
            (*table == other.table, "target.table"),
            (*key == other.key, "target.key"),
            (*create == other.create, "target.create"),
            (*region == other.region, "target.region"),
            (*role == other.role, "target.role"),
            (*origin == other.origin, "target.origin"),
            (*written_by_others == other.written_by_others, "target.written_by_others"),
            (*carry == other.carry, "target.carry"),
            (*bulk == other.bulk, "target.bulk"),
        ];
        same.into_iter().find(|(is_same, _)| !is_same).map(|(_, what)| what)
    }

    /// Whether it stands in another region or account than the source.
    pub fn is_elsewhere(&self) -> bool {
        self.region.is_some() || self.role.is_some()
    }
}

/// What a copy carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// All items, and the changes that are made meanwhile, until the cut-over.
    #[default]
    BulkAndChanges,
    /// All items as they are found: for a source that nobody writes to.
    Bulk,
    /// The changes alone: for a target that was filled otherwise.
    Changes,
}

impl Carry {
    /// Whether items are read from the table or its export.
    pub fn has_bulk(self) -> bool {
        self != Self::Changes
    }

    /// Whether the source's stream is captured and replayed.
    pub fn has_changes(self) -> bool {
        self != Self::Bulk
    }
}

/// What the bulk of a copy is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkSource {
    /// The table, by a scan in segments.
    Scan,
    /// An export to S3, which takes none of the table's read capacity. Needs point-in-time recovery.
    Export,
    /// An export where the table has more bytes than this, a scan otherwise.
    ExportAbove(u64),
}

impl Default for BulkSource {
    /// A scan of 80 GB costs about as much as the export, and takes longer above.
    fn default() -> Self {
        Self::ExportAbove(80_000_000_000)
    }
}

impl Definition {
    /// The copy in the other direction, for after a cut-over: it carries the changes of the target to the source, by the
    /// steps that lead back. Nothing where no such steps are named.
    pub fn reversed(&self, source_key: &KeySchema, target_key: &KeySchema) -> Option<Self> {
        let target = self.target.as_ref()?;
        let mut transform = target.reverse.clone()?;
        // What only says where an image came from stays behind.
        if let Some(name) = &target.origin {
            transform.insert(before_delete(&transform), Step::Remove { path: Path::attribute(name) });
        }
        let back = Target {
            table: self.source.table.clone(),
            key: Some(source_key.clone()),
            create: false,
            region: None,
            role: None,
            origin: target.origin.clone(),
            written_by_others: false,
            carry: Carry::Changes,
            bulk: BulkSource::Scan,
            reverse: None,
        };
        let source = Source { table: target.table.clone(), key: Some(target_key.clone()) };
        Some(Self {
            source,
            target: Some(back),
            condition: None,
            transform,
            backup: false,
            prewarm: None,
            ..self.clone()
        })
    }
}

fn before_delete(steps: &[Step]) -> usize {
    steps.iter().position(|step| matches!(step, Step::Delete {})).unwrap_or(steps.len())
}
