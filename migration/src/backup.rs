//! The tasks around the backup: begin it, and wait until it can be relied on.

use aws_sdk_dynamodb::types::BackupStatus;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};
use crate::plan::RunId;
use crate::prewarm::Ready;
use crate::services::Services;

/// A backup that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backup {
    /// Its ARN.
    pub(crate) arn: String,
}

/// Begins an on-demand backup of the source table, named after the run.
pub(crate) async fn start(services: &Services, run: &RunId) -> Result<Backup, Error> {
    let plan = services.plan(run).await?;
    // Not tried again here: a lost answer would leave a second backup, which costs money.
    let create =
        services.source.create_backup().table_name(plan.definition.source.table.as_str()).backup_name(run.to_string());
    let output = create.send().await.map_err(|error| Error::from_sdk("CreateBackup", error))?;
    let details =
        output.backup_details.ok_or_else(|| Error::new(Kind::Refused, "CreateBackup answered without one"))?;
    Ok(Backup { arn: details.backup_arn })
}

/// Asks whether the backup is available.
pub(crate) async fn check(services: &Services, backup: &Backup) -> Result<Ready, Error> {
    let output = patiently(&Meter::default(), async || {
        let describe = services.source.describe_backup().backup_arn(&backup.arn);
        describe.send().await.map_err(|error| Error::from_sdk("DescribeBackup", error))
    })
    .await?;
    let description = output.backup_description.and_then(|description| description.backup_details);
    match description.map(|details| details.backup_status) {
        Some(BackupStatus::Available) => Ok(Ready { ready: true }),
        Some(BackupStatus::Creating) => Ok(Ready { ready: false }),
        _ => Err(Error::new(Kind::NotFound, "the backup was deleted before it was available")),
    }
}
