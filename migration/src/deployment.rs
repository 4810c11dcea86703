//! What a deployed stack and those who work with it have to agree on: names of outputs and variables, the note that a
//! deployment leaves in its folder, and what "the same migration" means.

use serde::{Deserialize, Serialize};

use crate::services::Wiring;

/// The environment variable that names the ledger's table to a Lambda function.
pub const LEDGER_TABLE_VARIABLE: &str = "SEGUE_LEDGER_TABLE";
/// The environment variable that tells `Prepare` the digest of the migration it was deployed for.
pub const MIGRATION_DIGEST_VARIABLE: &str = "SEGUE_MIGRATION_DIGEST";
/// The environment variable that names the stack to a Lambda function: the dimension of its metrics.
pub const STACK_VARIABLE: &str = "SEGUE_STACK";
/// The environment variables that tell a copy's functions what carries its changes: a [`Wiring`](crate::Wiring).
pub const QUEUE_URL_VARIABLE: &str = "SEGUE_QUEUE_URL";
/// The queue's ARN.
pub const QUEUE_ARN_VARIABLE: &str = "SEGUE_QUEUE_ARN";
/// The queue of changes that could not be applied.
pub const DEAD_LETTERS_URL_VARIABLE: &str = "SEGUE_DEAD_LETTERS_URL";
/// The function of `CaptureChanges`. The functions of capture and replay aren't told: a stack can't name one to itself.
pub const CAPTURE_FUNCTION_VARIABLE: &str = "SEGUE_CAPTURE_FUNCTION";
/// The function of `ApplyChanges`.
pub const REPLAY_FUNCTION_VARIABLE: &str = "SEGUE_REPLAY_FUNCTION";
/// The bucket that an export goes to.
pub const EXPORT_BUCKET_VARIABLE: &str = "SEGUE_EXPORT_BUCKET";
/// The target's region, where that isn't the stack's.
pub const TARGET_REGION_VARIABLE: &str = "SEGUE_TARGET_REGION";
/// The role by which the target is reached, where it stands in another account.
pub const TARGET_ROLE_VARIABLE: &str = "SEGUE_TARGET_ROLE";

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

/// What the stack of a copy says besides, for those who look after the copy: a [`Wiring`](crate::Wiring), and the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyOutput {
    /// The table that items are carried to.
    TargetTableName,
    /// The region that it stands in.
    TargetRegion,
    /// The role by which it is reached; none where it stands in the stack's account.
    TargetRole,
    /// That changes may be led back after a cut-over; none where they may not.
    WayBack,
    /// The queue of changes.
    QueueUrl,
    /// The same, as mappings name it.
    QueueArn,
    /// The queue of changes that could not be applied.
    DeadLettersUrl,
    /// The function of `CaptureChanges`.
    CaptureFunctionArn,
    /// The function of `ApplyChanges`.
    ReplayFunctionArn,
}

impl CopyOutput {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TargetTableName,
        Self::TargetRegion,
        Self::TargetRole,
        Self::WayBack,
        Self::QueueUrl,
        Self::QueueArn,
        Self::DeadLettersUrl,
        Self::CaptureFunctionArn,
        Self::ReplayFunctionArn,
    ];

    /// The output's logical name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TargetTableName => "TargetTableName",
            Self::TargetRegion => "TargetRegion",
            Self::TargetRole => "TargetRole",
            Self::WayBack => "WayBack",
            Self::QueueUrl => "QueueUrl",
            Self::QueueArn => "QueueArn",
            Self::DeadLettersUrl => "DeadLettersUrl",
            Self::CaptureFunctionArn => "CaptureFunctionArn",
            Self::ReplayFunctionArn => "ReplayFunctionArn",
        }
    }
}

impl Wiring {
    /// What a copy's stack has made, by its outputs; `None` where one is missing, as in a stack that copies nothing.
    pub fn of_outputs(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            queue_url: value(CopyOutput::QueueUrl.name())?,
            queue_arn: value(CopyOutput::QueueArn.name())?,
            dead_letters_url: value(CopyOutput::DeadLettersUrl.name())?,
            capture_function: value(CopyOutput::CaptureFunctionArn.name())?,
            replay_function: value(CopyOutput::ReplayFunctionArn.name())?,
            export_bucket: value(Output::ResultsBucketName.name())?,
        })
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
