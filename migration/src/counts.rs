//! What became of items, and what it took: of a page, a segment or a run.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

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
    /// Requests that were throttled, and tried again.
    pub throttled: u64,
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
        self.throttled += other.throttled;
    }
}
