//! What a deployed stack and those who work with it have to agree on: names of outputs and variables, the note that a
//! deployment leaves in its folder, and what "the same migration" means.

use serde::{Deserialize, Serialize};

/// The environment variable that names the ledger's table to a Lambda function.
pub const LEDGER_TABLE_VARIABLE: &str = "SEGUE_LEDGER_TABLE";
/// The environment variable that tells `Prepare` the digest of the migration it was deployed for.
pub const MIGRATION_DIGEST_VARIABLE: &str = "SEGUE_MIGRATION_DIGEST";
/// The environment variable that names the stack to a Lambda function: the dimension of its metrics.
pub const STACK_VARIABLE: &str = "SEGUE_STACK";

/// The namespace of the metrics that the functions write and the dashboard reads.
pub const METRICS_NAMESPACE: &str = "Segue";
/// The one dimension of those metrics: the stack's name.
pub const METRICS_DIMENSION: &str = "Stack";

/// The metrics that `MigrateSegment` writes page by page, as sums over their items and requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Items read.
    ItemsScanned,
    /// Items changed.
    ItemsWritten,
    /// Items deleted.
    ItemsDeleted,
    /// Items that were as wanted.
    ItemsUnchanged,
    /// Items that can't be migrated.
    ItemsFailed,
    /// Writes that met a change by somebody else.
    Conflicts,
    /// Read units of the source table.
    ReadUnits,
    /// Write units of the source table.
    WriteUnits,
    /// Reads that were throttled, and tried again.
    ThrottledReads,
    /// Writes that were throttled, and tried again.
    ThrottledWrites,
    /// Segments that were read to their end.
    SegmentsDone,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 11] = [
        Self::ItemsScanned,
        Self::ItemsWritten,
        Self::ItemsDeleted,
        Self::ItemsUnchanged,
        Self::ItemsFailed,
        Self::Conflicts,
        Self::ReadUnits,
        Self::WriteUnits,
        Self::ThrottledReads,
        Self::ThrottledWrites,
        Self::SegmentsDone,
    ];

    /// The metric's name in [`METRICS_NAMESPACE`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ItemsScanned => "ItemsScanned",
            Self::ItemsWritten => "ItemsWritten",
            Self::ItemsDeleted => "ItemsDeleted",
            Self::ItemsUnchanged => "ItemsUnchanged",
            Self::ItemsFailed => "ItemsFailed",
            Self::Conflicts => "Conflicts",
            Self::ReadUnits => "ReadUnits",
            Self::WriteUnits => "WriteUnits",
            Self::ThrottledReads => "ThrottledReads",
            Self::ThrottledWrites => "ThrottledWrites",
            Self::SegmentsDone => "SegmentsDone",
        }
    }
}

/// The stack's outputs. A stack that lacks one of them isn't ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The state machine's ARN.
    StateMachineArn,
    /// The ledger's table.
    LedgerTableName,
    /// The bucket for the results of the Map's children.
    ResultsBucketName,
    /// The table that the stack may change.
    SourceTableName,
    /// The [`Definition::digest`](crate::definition::Definition::digest) of the migration that was deployed.
    MigrationDigest,
    /// The dashboard's page in the console.
    DashboardUrl,
}

impl Output {
    /// All outputs.
    pub const ALL: [Self; 6] = [
        Self::StateMachineArn,
        Self::LedgerTableName,
        Self::ResultsBucketName,
        Self::SourceTableName,
        Self::MigrationDigest,
        Self::DashboardUrl,
    ];

    /// The output's logical name.
    pub fn name(self) -> &'static str {
        match self {
            Self::StateMachineArn => "StateMachineArn",
            Self::LedgerTableName => "LedgerTableName",
            Self::ResultsBucketName => "ResultsBucketName",
            Self::SourceTableName => "SourceTableName",
            Self::MigrationDigest => "MigrationDigest",
            Self::DashboardUrl => "DashboardUrl",
        }
    }
}

/// The note that `infra -- deploy` leaves in its folder, one for each migration, and by which `run` finds the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The stack's name.
    pub stack: String,
    /// The AWS account that it stands in.
    pub account: String,
    /// The region that it stands in.
    pub region: String,
}

impl Deployment {
    /// The note's file for a migration, from the folder that the work is done in.
    pub fn file(migration: &str) -> String {
        format!(".segue/deployments/{migration}.json")
    }
}

/// The name of a migration's stack where nobody names another.
pub fn stack_name(migration: &str) -> String {
    // Stack names take letters, digits and hyphens; migrations may have underscores.
    format!("Segue-{}", migration.replace('_', "-"))
}
