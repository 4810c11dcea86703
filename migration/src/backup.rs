//! The tasks around the backup: begin it, and wait until it can be relied on.

use aws_sdk_dynamodb::types::BackupStatus;
use serde::{Deserialize, Serialize};

use crate::control;
use crate::error::{Error, Kind};
use crate::ledger::Entry;
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

/// A backup to ask after, and its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    run: RunId,
    arn: String,
}

/// Begins an on-demand backup of the source table, named after the run. A run that goes on has its backup already: one
/// that was begun later would hold what the run has changed.
pub(crate) async fn start(services: &Services, run: &RunId) -> Result<Backup, Error> {
    if let Some(backup) = services.ledger.get::<Backup>(run, Entry::Backup).await?
        && matches!(status(services, &backup.arn).await?, Some(BackupStatus::Creating | BackupStatus::Available))
    {
        return Ok(backup);
    }
    let plan = services.plan(run).await?;
    // Not tried again here: a lost answer would leave a second backup, which costs money.
    let create =
        services.source.create_backup().table_name(plan.definition.source.table.as_str()).backup_name(run.to_string());
    let output = create.send().await.map_err(|error| Error::from_control_plane("CreateBackup", error))?;
    let details =
        output.backup_details.ok_or_else(|| Error::new(Kind::Refused, "CreateBackup answered without one"))?;
    let backup = Backup { arn: details.backup_arn };
    services.ledger.put(run, Entry::Backup, &backup).await?;
    Ok(backup)
}

/// Asks whether the backup is available.
pub(crate) async fn check(services: &Services, begun: &Begun) -> Result<Ready, Error> {
    control::heed_stop(&services.ledger, &begun.run).await?;
    match status(services, &begun.arn).await? {
        Some(BackupStatus::Available) => Ok(Ready { ready: true }),
        Some(BackupStatus::Creating) => Ok(Ready { ready: false }),
        _ => Err(Error::new(Kind::NotFound, "the backup was deleted before it was available")),
    }
}

/// Nothing where there is no such backup any more.
async fn status(services: &Services, arn: &str) -> Result<Option<BackupStatus>, Error> {
    let described = patiently(&Meter::default(), async || {
        let describe = services.source.describe_backup().backup_arn(arn);
        describe.send().await.map_err(|error| Error::from_control_plane("DescribeBackup", error))
    })
    .await;
    match described {
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        described => {
            let details = described?.backup_description.and_then(|description| description.backup_details);
            Ok(details.map(|details| details.backup_status))
        }
    }
}
