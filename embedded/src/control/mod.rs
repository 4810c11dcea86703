//! The operations on tables and on what surrounds them: everything that touches no item.

mod backups;
mod continuous;
mod describe;
mod surroundings;
mod tables;
mod update;
mod warm;

use crate::engine::Engine;
use crate::reply::{Answer, Fault};

/// Answers one request, or says that there is no such operation.
pub(crate) fn answer(engine: &mut Engine, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "CreateTable" => tables::create(engine, body),
        "DeleteTable" => tables::delete(engine, body),
        "DescribeTable" => tables::describe(engine, body),
        "UpdateTable" => update::update(engine, body),
        "CreateBackup" => backups::create(engine, body),
        "DescribeBackup" => backups::describe(engine, body),
        "ListBackups" => backups::list(engine, body),
        "DeleteBackup" => backups::delete(engine, body),
        "RestoreTableFromBackup" => backups::restore(engine, body),
        "DescribeContinuousBackups" => continuous::describe(engine, body),
        "UpdateContinuousBackups" => continuous::update(engine, body),
        "DescribeLimits" => surroundings::limits(),
        "DescribeEndpoints" => surroundings::endpoints(),
        "DescribeKinesisStreamingDestination" => surroundings::kinesis(engine, body),
        "DescribeContributorInsights" => surroundings::insights(engine, body),
        "GetResourcePolicy" => surroundings::policy(),
        "ListExports" => surroundings::none("ExportSummaries"),
        "ListImports" => surroundings::none("ImportSummaryList"),
        _ => Err(Fault::unknown_operation()),
    }
}
