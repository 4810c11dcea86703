//! The bulk of a copy from an export to S3, which takes none of the source's read capacity: the export is begun once,
//! waited for, and its files are the Map's items.
//!
//! A run knows its export by the ledger: however often it is asked for, there is one, and after one that failed there
//! is one more when the run goes on. Whatever the manifest promises is there, file by file and item by item, or the run
//! doesn't succeed.

mod file;
mod lines;
mod manifest;
mod object;
#[cfg(test)]
mod tests;

use aws_sdk_dynamodb::types::{ExportDescription, ExportFormat, ExportStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use file::{Broken, Reader};
pub(crate) use manifest::DataFile;

use crate::control;
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::patience::{Meter, patiently};
use crate::plan::{Parts, Plan, RunId};
use crate::segment::Checkpoint;
use crate::services::{Carrier, Services};

/// Between two looks: an export takes some minutes, whatever the table's size, and up to hours.
const LOOK_SECONDS: u32 = 15;
/// Files that an error names: an error's text is passed on by Step Functions, which cuts off after 32,768 characters.
const NAMED_FILES: usize = 10;

/// What a run knows of its export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// Its ARN.
    pub arn: String,
    /// Which one of the run's it is, from 1: after one that failed there is another.
    pub number: u32,
    /// Whether it has failed.
    #[serde(default)]
    pub failed: bool,
    /// What it holds, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
}

/// What a complete export holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// As of when: the items are those of that moment.
    pub at: Timestamp,
    /// The key of the list of its files.
    pub manifest: String,
    /// How many files it has.
    pub files: u32,
    /// How many items they hold together.
    pub items: u64,
}

/// The answer of the task: called again until it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Whether the export is complete.
    pub ready: bool,
    /// How long to wait before the task is called again.
    pub wait_seconds: u32,
    /// Then the Map's items.
    pub children: Vec<u32>,
}

/// What the ledger says of a run's export.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Option<Export>, Error> {
    ledger.get(run, Entry::Export).await
}

/// Begins the run's export, or looks how far it has come.
pub async fn export(services: &Services, run: &RunId) -> Result<Exported, Error> {
    control::heed_stop(&services.ledger, run).await?;
    let plan = services.plan(run).await?;
    let export = match read(&services.ledger, run).await? {
        Some(export) if !export.failed => export,
        failed => {
            let number = failed.map_or(1, |failed| failed.number + 1);
            let export = begin(services, &plan, number).await?;
            services.ledger.put(run, Entry::Export, &export).await?;
            return Ok(Exported { ready: false, wait_seconds: LOOK_SECONDS, children: Vec::new() });
        }
    };
    let contents = match &export.contents {
        Some(contents) => Some(contents.clone()),
        None => look(services, run, &export).await?,
    };
    Ok(match contents {
        Some(contents) => {
            let children = plan.shuffled(Parts::of(contents.files).children);
            Exported { ready: true, wait_seconds: 0, children }
        }
        None => Exported { ready: false, wait_seconds: LOOK_SECONDS, children: Vec::new() },
    })
}

/// What the run's items are read from, where that is an export. The task has waited until it is complete.
pub(crate) async fn contents(ledger: &Ledger, plan: &Plan) -> Result<Option<Contents>, Error> {
    if !plan.reads_export() {
        return Ok(None);
    }
    let contents = read(ledger, &plan.run).await?.and_then(|export| export.contents);
    contents.map(Some).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("expected a complete export of run {} in the ledger, found none", plan.run))
    })
}

/// How the children of a run share its segments, or the files of its export.
pub(crate) async fn parts(ledger: &Ledger, plan: &Plan) -> Result<Parts, Error> {
    let export = if plan.reads_export() { read(ledger, &plan.run).await? } else { None };
    let contents = export.and_then(|export| export.contents);
    Ok(contents.map_or(plan.segments(), |contents| Parts::of(contents.files)))
}

/// An error that names the files of a run's export that can't be read, where there are any. They are held against no
/// tolerated share: nobody knows what their items are.
pub async fn check_read(ledger: &Ledger, run: &RunId) -> Result<(), Error> {
    let mut unread = Vec::new();
    ledger.each_segment(run, |_, checkpoint: Checkpoint| unread.extend(checkpoint.unread.map(|it| it.reason))).await?;
    if unread.is_empty() {
        return Ok(());
    }
    let named = unread.iter().take(NAMED_FILES).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = unread.len().saturating_sub(NAMED_FILES);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    Err(Error::new(
        Kind::Refused,
        format!(
            "{} of the export can't be read: {named}{more}; `run resume` reads {} again, a run with target.bulk set to scan \
             does without",
            if unread.len() == 1 { "a file".to_owned() } else { format!("{} files", unread.len()) },
            if unread.len() == 1 { "it" } else { "them" },
        ),
    ))
}

/// The files that a child works, by their numbers.
pub(crate) async fn files_of(
    services: &Services,
    contents: &Contents,
    child: u32,
) -> Result<Vec<(u32, DataFile)>, Error> {
    let mut files = Vec::new();
    let parts = Parts::of(contents.files);
    manifest::files(carrier(services)?, contents, |number, file| {
        if parts.child_of(number) == child {
            files.push((number, file));
        }
    })
    .await?;
    Ok(files)
}

/// What an export goes to and is read from.
pub(crate) fn carrier(services: &Services) -> Result<&Carrier, Error> {
    services.carrier.as_ref().ok_or_else(|| {
        Error::invalid("an export needs a bucket, and this engine has none; set target.bulk to scan, or deploy a stack")
    })
}

async fn begin(services: &Services, plan: &Plan, number: u32) -> Result<Export, Error> {
    let table = plan.definition.source.table.as_str();
    let described = patiently(&Meter::default(), async || {
        let describe = services.source.describe_table().table_name(table);
        describe.send().await.map_err(|error| Error::from_control_plane("DescribeTable", error))
    })
    .await?;
    let table_arn = described.table.and_then(|table| table.table_arn);
    // No prefix: the documentation and the service differ on whether keys in the manifest begin with it, and an
    // export's own folder is its own anyway.
    let output = patiently(&Meter::default(), async || {
        let export = services.source.export_table_to_point_in_time().set_table_arn(table_arn.clone());
        let export = export.s3_bucket(&carrier(services)?.wiring.export_bucket);
        // Within eight hours the same token is the same export (API reference): an answer that was lost begins no
        // second one.
        let export = export.client_token(plan.run.execution_name(number)).export_format(ExportFormat::DynamodbJson);
        export.send().await.map_err(|error| {
            let is_unavailable =
                error.as_service_error().is_some_and(|error| error.is_point_in_time_recovery_unavailable_exception());
            match is_unavailable {
                true => without_recovery(table),
                false => Error::from_control_plane("ExportTableToPointInTime", error),
            }
        })
    })
    .await?;
    let arn = output.export_description.and_then(|description| description.export_arn);
    let arn = arn.ok_or_else(|| Error::new(Kind::Refused, "ExportTableToPointInTime answered without an ARN"))?;
    Ok(Export { arn, number, failed: false, contents: None })
}

fn without_recovery(table: &str) -> Error {
    Error::new(
        Kind::Refused,
        format!(
            "an export needs point-in-time recovery of table {table}, which is off: switch it on, or set target.bulk to scan"
        ),
    )
}

/// What the export holds, where it is complete.
async fn look(services: &Services, run: &RunId, export: &Export) -> Result<Option<Contents>, Error> {
    let described = patiently(&Meter::default(), async || {
        let describe = services.source.describe_export().export_arn(&export.arn);
        describe.send().await.map_err(|error| Error::from_control_plane("DescribeExport", error))
    })
    .await?;
    let description = described.export_description.unwrap_or_else(|| ExportDescription::builder().build());
    match description.export_status() {
        Some(ExportStatus::InProgress) => Ok(None),
        Some(ExportStatus::Completed) => {
            let contents = manifest::contents(carrier(services)?, &description).await?;
            let complete = Export { contents: Some(contents.clone()), ..export.clone() };
            services.ledger.put(run, Entry::Export, &complete).await?;
            Ok(Some(contents))
        }
        _ => {
            services.ledger.put(run, Entry::Export, &Export { failed: true, ..export.clone() }).await?;
            let code = description.failure_code().unwrap_or("no code");
            let message = description.failure_message().unwrap_or("no reason was given");
            Err(Error::new(
                Kind::Refused,
                format!("the export of the table failed: {message} ({code}); `run resume` begins another"),
            ))
        }
    }
}
