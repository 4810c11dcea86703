//! What became of items, and what it took: of a page, a segment or a run.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::waits::Waits;

/// Sums over items. `scanned` is the sum of the six outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Items read.
    pub scanned: u64,
    /// Items changed.
    pub written: u64,
    /// Items deleted.
    pub deleted: u64,
    /// Items that were as wanted.
    pub unchanged: u64,
    /// Items that `where` didn't choose.
    pub filtered: u64,
    /// Items that somebody else deleted meanwhile.
    pub gone: u64,
    /// Items that can't be migrated.
    pub failed: u64,
    /// Writes that met a change by somebody else.
    pub conflicts: u64,
    /// Read units consumed.
    pub read_units: f64,
    /// Write units consumed.
    pub write_units: f64,
    /// Reads that met the table's read capacity, and were tried again.
    pub throttled_reads: u64,
    /// Writes that met the write capacity of the table or an index, and were tried again.
    pub throttled_writes: u64,
    /// What workers waited for.
    #[serde(default)]
    pub waits: Waits,
}

impl Counts {
    /// Requests that were throttled.
    pub fn throttled(&self) -> u64 {
        self.throttled_reads + self.throttled_writes
    }
}

impl Counts {
    /// What has come since these, of the figures that a verifying run has.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            scanned: self.scanned - before.scanned,
            unchanged: self.unchanged - before.unchanged,
            failed: self.failed - before.failed,
            read_units: self.read_units - before.read_units,
            write_units: self.write_units - before.write_units,
            throttled_reads: self.throttled_reads - before.throttled_reads,
            ..Self::default()
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.scanned += other.scanned;
        self.written += other.written;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.filtered += other.filtered;
        self.gone += other.gone;
        self.failed += other.failed;
        self.conflicts += other.conflicts;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
        self.throttled_reads += other.throttled_reads;
        self.throttled_writes += other.throttled_writes;
        self.waits += other.waits;
    }
}
