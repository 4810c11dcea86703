//! The partitions of a table: each serves an equal range of hashes, in the order of scans, and no more than 3,000
//! read and 1,000 write units a second (AWS: "Best practices for designing and using partition keys").
//!
//! A table has as many as its capacity and its size have ever asked for; they are split and never merged. A segment
//! of a scan lies in one partition or in neighbouring ones. A partition keeps one second's worth of units; its
//! balance may go below zero, as a table's may.

use dynoxide::storage::compute_hash_prefix;
use dynoxide::types::AttributeValue;
use tokio::time::Instant;

use super::Direction;
use crate::table::Units;

/// What one partition serves in a second.
const READ_UNITS: f64 = 3_000.0;
const WRITE_UNITS: f64 = 1_000.0;
/// AWS: "A partition [..] approximately 10 GB".
const PARTITION_BYTES: u64 = 10 * 1024 * 1024 * 1024;
/// The engine's hashes are strings of six hexadecimal digits.
const HASHES: f64 = (1 << 24) as f64;

/// A range of hashes, in shares of all of them. A key's is a single point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    from: f64,
    to: f64,
}

impl Span {
    /// Where the items with this partition key stand.
    pub(crate) fn of_key(hash_key: &AttributeValue) -> Self {
        let at = share(&compute_hash_prefix(hash_key));
        Self { from: at, to: at }
    }

    /// Between two hashes, or prefixes of hashes; what is beyond all of them, as `g` is, stands for the end.
    pub(crate) fn between(first: &str, last: &str) -> Self {
        let from = share(first);
        Self { from, to: share(last).max(from) }
    }
}

/// `000000` is the first of all hashes; a prefix stands for the first that begins with it.
fn share(hash: &str) -> f64 {
    match u32::from_str_radix(&format!("{hash:0<6}"), 16) {
        Ok(hash) => f64::from(hash) / HASHES,
        Err(_) => 1.0,
    }
}

#[derive(Debug)]
pub(crate) struct Partitions(Vec<Partition>);

#[derive(Debug, Clone, Copy)]
struct Partition {
    read: Level,
    write: Level,
}

/// What is left of a second's units.
#[derive(Debug, Clone, Copy)]
struct Level {
    units: f64,
    at: Instant,
}

impl Partitions {
    pub(crate) fn new(count: u32, now: Instant) -> Self {
        let full = |units| Level { units, at: now };
        Self(vec![Partition { read: full(READ_UNITS), write: full(WRITE_UNITS) }; count.max(1) as usize])
    }

    /// Splits until there are so many. Each new one goes on from the balance of the one that it was a part of.
    pub(crate) fn split(&mut self, count: u32) {
        let (before, after) = (self.0.len(), count as usize);
        if after > before {
            self.0 = (0..after).map(|number| self.0[number * before / after]).collect();
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Which partition a range of hashes begins in.
    pub(crate) fn first(&self, span: Span) -> usize {
        ((span.from * self.0.len() as f64) as usize).min(self.0.len() - 1)
    }

    /// Whether a partition has so many units left besides those `promised`; without `units`, whether any are left.
    /// What is larger than a whole second of a partition passes when it is full.
    pub(crate) fn covers(
        &mut self,
        number: usize,
        direction: Direction,
        units: Option<f64>,
        promised: f64,
        now: Instant,
    ) -> bool {
        let left = *self.0[number].fill(direction, now) - promised;
        units.map_or(left > 0.0, |units| left >= units.min(most(direction)))
    }

    /// Takes units out of the partitions of a range, of each by its share in it.
    pub(crate) fn charge(&mut self, span: Span, direction: Direction, units: f64, now: Instant) {
        let (count, first) = (self.0.len() as f64, self.first(span));
        let (from, to) = (span.from * count, span.to * count);
        let end = (to.ceil() as usize).clamp(first + 1, self.0.len());
        for (number, partition) in self.0[..end].iter_mut().enumerate().skip(first) {
            let part = (to.min(number as f64 + 1.0) - from.max(number as f64)) / (to - from);
            *partition.fill(direction, now) -= if to > from { units * part } else { units };
        }
    }
}

impl Partition {
    fn fill(&mut self, direction: Direction, now: Instant) -> &mut f64 {
        let level = match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        };
        let most = most(direction);
        let seconds = now.saturating_duration_since(level.at).as_secs_f64();
        level.units = (level.units + seconds * most).min(most);
        level.at = level.at.max(now);
        &mut level.units
    }
}

fn most(direction: Direction) -> f64 {
    match direction {
        Direction::Read => READ_UNITS,
        Direction::Write => WRITE_UNITS,
    }
}

/// Partitions for provisioned units (AWS, developer guide of 2017, "Partitions and data distribution"): both
/// directions together.
pub(crate) fn for_provisioned(units: Units) -> u32 {
    (units.read as f64 / READ_UNITS + units.write as f64 / WRITE_UNITS).ceil() as u32
}

/// Partitions for units that a table is warm for, or has grown to on demand. A new table on demand has four.
pub(crate) fn for_warm(read: f64, write: f64) -> u32 {
    (read / READ_UNITS).max(write / WRITE_UNITS).ceil() as u32
}

/// Partitions for so many bytes.
pub(crate) fn for_bytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PARTITION_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn capacity_and_size_ask_for_partitions() {
        let provisioned = |read, write| for_provisioned(Units { read, write });
        assert_eq!((provisioned(5, 5), provisioned(3_000, 1_000), provisioned(3_001, 0)), (1, 2, 2));
        assert_eq!((for_warm(12_000.0, 4_000.0), for_warm(12_000.0, 9_500.0)), (4, 10));
        assert_eq!((for_bytes(0), for_bytes(PARTITION_BYTES), for_bytes(PARTITION_BYTES + 1)), (0, 1, 2));
    }

    #[test]
    fn a_page_takes_of_the_partitions_that_it_spans_and_of_no_other() {
        let now = Instant::now();
        let mut partitions = Partitions::new(4, now);
        let left =
            |partitions: &mut Partitions| [0, 1, 2, 3].map(|number| *partitions.0[number].fill(Direction::Read, now));
        partitions.charge(Span::between("2", "6"), Direction::Read, 1_000.0, now);
        assert_eq!(left(&mut partitions), [2_500.0, 2_500.0, 3_000.0, 3_000.0]);
        partitions.charge(Span::between("c", "g"), Direction::Read, 4_000.0, now);
        partitions.charge(Span::between("8", "8"), Direction::Read, 2_000.0, now);
        assert_eq!(left(&mut partitions), [2_500.0, 2_500.0, 1_000.0, -1_000.0]);
    }

    #[test]
    fn a_split_leaves_each_half_the_balance_of_the_whole() {
        let now = Instant::now();
        let mut partitions = Partitions::new(2, now);
        partitions.charge(Span::between("8", "8"), Direction::Write, 1_000.0, now);
        partitions.split(4);
        let left = [0, 1, 2, 3].map(|number| partitions.covers(number, Direction::Write, None, 0.0, now));
        assert_eq!(left, [true, true, false, false]);
        partitions.split(3);
        assert_eq!(partitions.0.len(), 4, "partitions are never merged");
    }

    #[test]
    fn a_partition_keeps_one_second_and_no_burst() {
        let now = Instant::now();
        let mut partitions = Partitions::new(1, now);
        let later = now + Duration::from_secs(3_600);
        assert!(partitions.covers(0, Direction::Write, Some(1_000.0), 0.0, later));
        assert!(!partitions.covers(0, Direction::Write, Some(1.0), 1_000.0, later));
    }
}
