//! The plan of a run: everything that is decided before the first item is read. It is the state machine's
//! input, and every worker reads it from the ledger.

mod run_id;

pub use run_id::RunId;

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::definition::{BulkSource, Definition, KeySchema, Prewarm, Target};
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::segment::Pass;
use crate::table::{self, Table};

/// The plan of a run, from the ledger.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Option<Plan>, Error> {
    ledger.get(run, Entry::Plan).await
}

/// Where a run's state machine is executed, and against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// In this process, on the embedded DynamoDB: a rehearsal.
    Embedded,
    /// In this process, on a real table.
    Direct,
    /// By AWS Step Functions.
    StepFunctions,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Direct => "direct",
            Self::StepFunctions => "step-functions",
        })
    }
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// What the migration says: to change the source in place, or to carry it to the target.
    #[default]
    Migrate,
    /// To compare the source, as the migration would carry it, with the target, both ways (R18).
    Verify {
        /// Whether what differs is set right.
        repair: bool,
    },
    /// To count the items of the source that `where` chooses.
    Count,
}

/// What the workers of an attempt take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All that the checkpoints don't say is done.
    #[default]
    Segments,
    /// The items that could not be migrated, and nothing else (R19).
    FailedItems,
}

/// A copy that another run verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfCopy {
    /// The copy's run.
    pub run: RunId,
    /// Whether its changes are being carried, or will be when its bulk is over.
    pub changes: bool,
}

fn first() -> u32 {
    1
}

/// All that a run has decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The run.
    pub run: RunId,
    /// Where it runs.
    pub engine: Engine,
    /// The embedded engine's database file; `None` for a temporary one, and for a real table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<PathBuf>,
    /// Which attempt this is, from 1.
    #[serde(default = "first")]
    pub attempt: u32,
    /// What the workers take up.
    #[serde(default)]
    pub scope: Scope,
    /// What the run is for.
    #[serde(default)]
    pub job: Job,
    /// The copy that a run of its own verifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<OfCopy>,
    /// When it started.
    pub started: Timestamp,
    /// The `${now}` of every item: when it started, where nobody says otherwise.
    pub now: Timestamp,
    /// What it does.
    pub definition: Definition,
    /// The source table's primary key.
    pub key: KeySchema,
    /// The target table's, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_key: Option<KeySchema>,
    /// How many children the Distributed Map has.
    pub children: u32,
    /// How many of them work at a time.
    pub concurrency: u32,
    /// What DescribeTable says of the number of items; up to six hours old.
    pub expected_items: u64,
    /// What DescribeTable says of the size in bytes; up to six hours old.
    pub expected_bytes: u64,
}

/// Step Functions passes at most 256 KiB between states. 10,000 integers take 49 KB of it.
const MAX_CHILDREN: u32 = 10_000;

impl Plan {
    /// Plans a run of `definition` over `table`.
    pub fn new(
        definition: Definition,
        table: &Table,
        engine: Engine,
        concurrency: u32,
        started: Timestamp,
    ) -> Result<Self, Error> {
        table.check(&definition)?;
        let definition = raising_what_it_takes(definition);
        let children = definition.segments.get().min(MAX_CHILDREN);
        Ok(Self {
            run: RunId::new(&definition.migration, started),
            engine,
            database: None,
            attempt: 1,
            scope: Scope::Segments,
            job: Job::Migrate,
            of: None,
            started,
            now: started,
            target_key: definition
                .target
                .as_ref()
                .map(|target| target.key.clone().unwrap_or_else(|| table.key.clone())),
            key: table.key.clone(),
            children,
            concurrency: concurrency.clamp(1, children),
            expected_items: table.items,
            expected_bytes: table.bytes,
            definition,
        })
    }

    /// The plan of a copy into `target` as it stands, or into one that will be created; a plan in place is left as it is.
    /// Checks the target's key, and that every image can tell its source's.
    pub fn for_target(mut self, target: Option<&Table>) -> Result<Self, Error> {
        let Some(named) = &self.definition.target else { return Ok(self) };
        let key = match (target, &named.key) {
            (Some(table), Some(expected)) if table.key != *expected => {
                return Err(Error::invalid(format!(
                    "expected table {} to have the key {}, found {}; mend target.key in the migration",
                    table.name,
                    table::shown(expected),
                    table::shown(&table.key)
                )));
            }
            (Some(table), _) => table.key.clone(),
            (None, Some(key)) => key.clone(),
            (None, None) => self.key.clone(),
        };
        self.definition.check_keys(&self.key, &key).map_err(|mistakes| Error::invalid(mistakes.join("; ")))?;
        self.target_key = Some(key);
        Ok(self)
    }

    /// The plan of a further attempt, which goes on where the checkpoints say.
    #[must_use]
    pub fn resumed(self, attempt: u32) -> Self {
        Self { attempt, scope: Scope::Segments, ..self }
    }

    /// The plan of a further attempt, which takes up the failed items with a migration that has been mended. Only what
    /// the migration does to an item may differ: what was read so far was read from there, and went there.
    pub fn retried(self, definition: Definition, attempt: u32) -> Result<Self, Error> {
        let was = &self.definition;
        if let Some(what) = difference(&definition, was) {
            return Err(Error::invalid(format!(
                "expected the {what} of run {}, found another; say it as it was, or run the migration anew",
                self.run
            )));
        }
        let definition = Definition { segments: was.segments, prewarm: was.prewarm, budget: was.budget, ..definition };
        let checked = match &self.target_key {
            Some(target) => definition.check_keys(&self.key, target),
            None => definition.check_key(&self.key),
        };
        checked.map_err(|mistakes| Error::invalid(mistakes.join("; ")))?;
        Ok(Self { definition, attempt, scope: Scope::FailedItems, ..self })
    }

    /// Whether the items are read from an export of the table: a copy's bulk may be.
    pub fn reads_export(&self) -> bool {
        let Some(target) = self.definition.target.as_ref() else { return false };
        let is_chosen = match target.bulk {
            BulkSource::Scan => false,
            BulkSource::Export => true,
            BulkSource::ExportAbove(bytes) => self.expected_bytes > bytes,
        };
        is_chosen && target.carry.has_bulk() && self.job == Job::Migrate
    }

    /// The Map's items where a scan is: every child once, in an order that spreads the table's partitions, and that is the
    /// same whenever the plan is read.
    pub fn shuffled_children(&self) -> Vec<u32> {
        self.shuffled(self.children)
    }

    /// So many children in such an order.
    pub(crate) fn shuffled(&self, children: u32) -> Vec<u32> {
        let mut children: Vec<u32> = (0..children).collect();
        let seed =
            self.run.to_string().bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        children.shuffle(&mut StdRng::seed_from_u64(seed));
        children
    }

    /// Whether a worker of that pass carries items to a target. A retry of failed items doesn't: where changes are replayed it
    /// has them brought up to date by replay.
    pub fn is_bulk(&self, pass: Pass) -> bool {
        self.job == Job::Migrate
            && self.definition.target.is_some()
            && pass == Pass::Main
            && self.scope == Scope::Segments
    }

    /// The items of the Map that verifies: every child twice, once for each direction. Child `c` of the n that there are in one
    /// direction compares segments `c`, `c + n`, … of the source with the target, child `n + c` those of the target with the
    /// source.
    pub fn shuffled_verify_children(&self) -> Vec<u32> {
        self.shuffled(2 * self.verify_children())
    }

    /// How many children verify in each direction.
    pub fn verify_children(&self) -> u32 {
        self.children.min(MAX_CHILDREN / 2)
    }

    /// The run whose tables it has to do with: its own, or that of the copy which it compares.
    pub fn copy(&self) -> &RunId {
        self.of.as_ref().map_or(&self.run, |of| &of.run)
    }

    /// Whether it is the way back of a copy, or compares what that carries: its source is the copy's target.
    pub fn is_back(&self) -> bool {
        self.copy().forth() != *self.copy()
    }

    /// Whether it compares the two tables, or what is left to do in place.
    pub fn is_verified(&self) -> bool {
        match self.job {
            Job::Migrate => self.definition.target.is_some(),
            Job::Verify { .. } => true,
            Job::Count => false,
        }
    }

    /// How many segments there are to be compared: of a copy, in each direction.
    pub fn verify_segments(&self) -> u32 {
        let segments = self.definition.segments.get();
        if self.definition.target.is_some() { 2 * segments } else { segments }
    }

    /// Whether changes are carried to the target while it is compared.
    pub(crate) fn carries_changes(&self) -> bool {
        let carries = |target: &Target| target.carry.has_changes();
        match self.job {
            Job::Migrate => self.definition.target.as_ref().is_some_and(carries),
            Job::Verify { .. } | Job::Count => self.of.as_ref().is_some_and(|of| of.changes),
        }
    }

    /// The segments that child `child` works: `child`, `child + children`, and so on.
    pub fn segments_of(&self, child: u32) -> impl Iterator<Item = u32> + use<> {
        self.segments().of_child(child)
    }

    /// How the children share the segments.
    pub(crate) fn segments(&self) -> Parts {
        Parts { number: self.definition.segments.get(), children: self.children }
    }
}

/// What a mended migration has otherwise that a run of the one before can't go on with.
fn difference(mended: &Definition, was: &Definition) -> Option<&'static str> {
    match (&mended.target, &was.target) {
        _ if mended.migration != was.migration => Some("migration"),
        _ if mended.source.table != was.source.table => Some("table"),
        (None, None) => None,
        (Some(target), Some(was)) => target.difference(was),
        _ => Some("target"),
    }
}

/// A copy only reads its source: write units are not raised there beyond what it has. Its target is whoever's who made it, and is
/// given what it needs with its definition.
fn raising_what_it_takes(definition: Definition) -> Definition {
    if definition.target.is_none() {
        return definition;
    }
    let prewarm = definition.prewarm.map(|asked| Prewarm { write_units: 1, ..asked });
    Definition { prewarm, ..definition }
}

/// What the Map's children share among them: segments, or the files of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    /// How many there are.
    pub(crate) number: u32,
    /// How many children share them.
    pub(crate) children: u32,
}

impl Parts {
    /// So many parts, among as many children as there may be.
    pub(crate) fn of(number: u32) -> Self {
        Self { number, children: number.clamp(1, MAX_CHILDREN) }
    }

    /// The parts of a child.
    pub(crate) fn of_child(self, child: u32) -> impl Iterator<Item = u32> + use<> {
        (child..self.number).step_by(self.children as usize)
    }

    /// The child that has this part.
    pub(crate) fn child_of(self, part: u32) -> u32 {
        part % self.children
    }
}
