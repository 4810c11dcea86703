//! What comparing finds: each item that isn't as it should be, by its keys, and all of them in numbers.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counts::Counts;
use crate::item;
use crate::waits::Waits;

/// What was found, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Items of the source that were compared with the target.
    pub source_items: u64,
    /// Items of the target that were compared with the source.
    pub target_items: u64,
    /// Images that aren't in the target.
    pub missing: u64,
    /// Images that stand there otherwise.
    pub different: u64,
    /// Items of the target that are no image of an item of the source any more.
    pub extra: u64,
    /// Items of the target that don't say whose image they are.
    pub unknown: u64,
    /// Of all these differences, those that were set right.
    pub repaired: u64,
    /// Items that differed at the first look, and no more at a later one.
    pub settled: u64,
    /// Items of the source that have no image because the transform fails on them.
    pub unmigratable: u64,
    /// What would be one of these differences, or have no image, had nobody dropped a change of the item by name.
    pub dropped: u64,
    /// Items of the target that are older images of items that have none now.
    pub outdated: u64,
    /// Images that aren't in the target because they have expired there: it deletes such by itself.
    pub expired: u64,
    /// Items of the target that others have written, where others do.
    pub of_others: u64,
    /// Items of a source that its copy has left out of the target, when the way back is compared.
    pub left_out: u64,
    /// Read units consumed, of both tables.
    pub read_units: f64,
    /// Write units consumed by repairs.
    pub write_units: f64,
    /// Requests that were throttled, and tried again.
    pub throttled: u64,
    /// What workers waited for.
    pub waits: Waits,
}

impl Found {
    /// What differs, set right or not.
    pub fn differences(&self) -> u64 {
        self.missing + self.different + self.extra + self.unknown
    }

    /// What is listed, by its keys: what differs, and what can't be set right.
    pub fn listed(&self) -> u64 {
        self.differences() + self.unmigratable + self.dropped + self.outdated
    }

    /// The same as a run's counts, which progress is drawn from: an item that is as it should be is unchanged.
    pub(crate) fn counts(&self) -> Counts {
        let scanned = self.source_items + self.target_items;
        let failed = self.listed();
        Counts {
            scanned,
            failed,
            unchanged: scanned - failed,
            read_units: self.read_units,
            write_units: self.write_units,
            throttled_reads: self.throttled,
            waits: self.waits,
            ..Counts::default()
        }
    }

    /// What differs still.
    pub fn left(&self) -> u64 {
        self.differences() - self.repaired
    }

    /// Counts what is listed.
    pub(super) fn count(&mut self, difference: &Difference) {
        let count = match (difference.kind, difference.dropped) {
            (Sort::Outdated, _) => &mut self.outdated,
            (_, true) => &mut self.dropped,
            (Sort::Missing, false) => &mut self.missing,
            (Sort::Different, false) => &mut self.different,
            (Sort::Extra, false) => &mut self.extra,
            (Sort::Unknown, false) => &mut self.unknown,
            (Sort::Unmigratable, false) => &mut self.unmigratable,
        };
        *count += 1;
        self.repaired += u64::from(difference.repaired);
    }
}

impl AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.source_items += other.source_items;
        self.target_items += other.target_items;
        self.missing += other.missing;
        self.different += other.different;
        self.extra += other.extra;
        self.unknown += other.unknown;
        self.repaired += other.repaired;
        self.settled += other.settled;
        self.unmigratable += other.unmigratable;
        self.dropped += other.dropped;
        self.outdated += other.outdated;
        self.expired += other.expired;
        self.of_others += other.of_others;
        self.left_out += other.left_out;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
        self.throttled += other.throttled;
        self.waits += other.waits;
    }
}

/// About how many read units it takes to compare a table of so many items and bytes with a copy of it, in both tables together:
/// each is scanned, and each item is got from the other one, eventually consistent. What differs is read again, beside that.
pub fn read_units(items: u64, bytes: u64) -> f64 {
    let units = |bytes: u64| item::read_units(bytes.try_into().unwrap_or(usize::MAX));
    let (scan, each) = (units(bytes), units(bytes / items.max(1)));
    2.0 * (scan + items as f64 * each)
}

/// In what way two items differ, or why nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The image isn't in the target.
    Missing,
    /// It stands there otherwise; in place, the migration would change the item.
    Different,
    /// The target's item is the image of none; in place, the migration would delete the item.
    Extra,
    /// The target's item doesn't say whose image it is.
    Unknown,
    /// The transform fails on the source's item: there is nothing to compare, and nothing to set right.
    Unmigratable,
    /// The target's item is an older image of such an item. It stays: what it would be now nobody knows.
    Outdated,
}

/// A difference: keys and names, never a value of another attribute (R20).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In what way.
    pub kind: Sort,
    /// The source's primary key, as DynamoDB JSON, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_key: Option<Value>,
    /// The target's, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_key: Option<Value>,
    /// The attributes that differ, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// The source's key of the item whose image stands where a missing one should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<Value>,
    /// Why the transform fails, where it does; no value of the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it was set right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repaired: bool,
    /// Whether it is left as it is because somebody has dropped a change of the source's item by name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
}

impl Difference {
    pub(super) fn of(kind: Sort, source_key: Option<Value>, target_key: Option<Value>) -> Self {
        let (attributes, taken_by, reason) = (Vec::new(), None, None);
        Self { kind, source_key, target_key, attributes, taken_by, reason, repaired: false, dropped: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An item that is got by its key takes half a unit at least, of which a scan has room for eight such items.
    #[test]
    fn small_items_cost_more_to_be_looked_for_than_to_be_scanned() {
        assert_eq!(read_units(1_000_000, 1_024_000_000), 2.0 * (125_000.0 + 500_000.0));
        assert_eq!(read_units(1_000, 40_960_000), 2.0 * (5_000.0 + 5_000.0));
    }
}
