//! What the ledger holds of a run, and under which sort keys.

use sha2::{Digest, Sha256};

use crate::plan::RunId;

/// The entries of a run, by their sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The [`Plan`](crate::plan::Plan).
    Plan,
    /// The backup that the run has begun.
    Backup,
    /// What the table's capacity was before the run raised it.
    Capacity,
    /// What people ask of the run, and its budget; [`Control`](crate::control::Control).
    Control,
    /// How often the run was begun.
    Attempts,
    /// How many items have failed so far, in all segments.
    FailedItems,
    /// What stopped the worker that failed last.
    WorkerError,
    /// A segment's checkpoint and counts.
    Segment(u32),
    /// The [`Export`](crate::export::Export) that a copy's items are read from.
    Export,
    /// The nth item of a segment that could not be migrated.
    Failure(u32, u64),
    /// The [`Summary`](crate::summary::Summary).
    Report,
    /// How a copy's changes are carried; [`Course`](crate::copy::books::Course).
    Copy,
    /// That the bulk of a copy is over: no worker begins after it (R14).
    BulkOver,
    /// A worker of a copy's bulk that is alive, by a number of its own.
    Worker(u64),
    /// The copy that is going on, of no run of its own; [`Current`](crate::copy::current::Current).
    Current,
    /// A run that carries to a table, of no run of its own, by hashes of the table's ARN and of the run; see
    /// [`earlier`](crate::copy::earlier).
    Carrier(u128, u128),
    /// What a process has captured of a copy; [`Carried`](crate::copy::notes::Carried).
    Captured(u64),
    /// What it has applied.
    Applied(u64),
    /// A change that could not be applied, by hashes of its item's group and of its event.
    Change(u128, u128),
    /// One that was dropped by name, by a hash of its event.
    Dropped(u128),
    /// How far a copy's cut-over has come; [`Cutover`](crate::cutover::Cutover).
    Cutover,
    /// Which time it is that everything is compared.
    Round,
    /// What comparing everything has come to; [`Verified`](crate::verify::Verified).
    Verified,
    /// How far a segment was compared, by the round and a number of its own.
    Checked(u32, u32),
    /// The nth difference that was found there.
    Difference(u32, u32, u64),
}

/// Sort keys begin so, that a query can take all entries of a sort.
pub(super) const SEGMENT_PREFIX: &str = "segment#";
pub(super) const FAILURE_PREFIX: &str = "failure#";

impl Entry {
    pub(crate) const WORKER_PREFIX: &str = "worker#";
    pub(crate) const CAPTURED_PREFIX: &str = "captured#";
    pub(crate) const APPLIED_PREFIX: &str = "applied#";
    pub(crate) const CHANGE_PREFIX: &str = "change#";
    pub(crate) const CARRIER_PREFIX: &str = "carrier#";
    pub(crate) const DROPPED_PREFIX: &str = "dropped#";

    /// That of a change in a message group.
    pub(crate) fn change(group: &str, event: &str) -> Self {
        Self::Change(half_hash(group), half_hash(event))
    }

    /// That of a change that was dropped.
    pub(crate) fn dropped(event: &str) -> Self {
        Self::Dropped(half_hash(event))
    }

    /// That of a run that carries to the table with this ARN.
    pub(crate) fn carrier(arn: &str, run: &RunId) -> Self {
        Self::Carrier(half_hash(arn), half_hash(&run.to_string()))
    }

    /// What the sort keys of the runs that carry to a table begin with.
    pub(crate) fn carriers_to(arn: &str) -> String {
        format!("{}{:032x}#", Self::CARRIER_PREFIX, half_hash(arn))
    }

    /// What the sort keys of a round's checkpoints begin with.
    pub(crate) fn checked_prefix(round: u32) -> String {
        format!("checked#{round:05}#")
    }

    /// What those of its differences begin with.
    pub(crate) fn difference_prefix(round: u32) -> String {
        format!("difference#{round:05}#")
    }

    pub(super) fn sort_key(self) -> String {
        match self {
            Self::Plan => "plan".into(),
            Self::Backup => "backup".into(),
            Self::Capacity => "capacity".into(),
            Self::Control => "control".into(),
            Self::Attempts => "attempts".into(),
            Self::FailedItems => "failed_items".into(),
            Self::WorkerError => "worker_error".into(),
            Self::Segment(segment) => format!("{SEGMENT_PREFIX}{segment:06}"),
            Self::Failure(segment, number) => format!("{FAILURE_PREFIX}{segment:06}#{number:09}"),
            Self::Export => "export".into(),
            Self::Report => "report".into(),
            Self::Copy => "copy".into(),
            Self::BulkOver => "bulk_over".into(),
            Self::Worker(number) => format!("{}{number:016x}", Self::WORKER_PREFIX),
            Self::Current => "current".into(),
            Self::Carrier(table, run) => format!("{}{table:032x}#{run:032x}", Self::CARRIER_PREFIX),
            Self::Captured(process) => format!("{}{process:016x}", Self::CAPTURED_PREFIX),
            Self::Applied(process) => format!("{}{process:016x}", Self::APPLIED_PREFIX),
            Self::Change(group, event) => format!("{}{group:032x}#{event:032x}", Self::CHANGE_PREFIX),
            Self::Dropped(event) => format!("{}{event:032x}", Self::DROPPED_PREFIX),
            Self::Cutover => "cutover".into(),
            Self::Round => "round".into(),
            Self::Verified => "verified".into(),
            Self::Checked(round, number) => format!("{}{number:07}", Self::checked_prefix(round)),
            Self::Difference(round, number, difference) => {
                format!("{}{number:07}#{difference:09}", Self::difference_prefix(round))
            }
        }
    }
}

/// The first half of a text's SHA-256.
fn half_hash(text: &str) -> u128 {
    u128::from_be_bytes(Sha256::digest(text).first_chunk().copied().unwrap_or_default())
}
