//! The operations on tables and on what surrounds them: everything that touches no item.

mod autoscaling;
mod backups;
mod continuous;
mod describe;
mod surroundings;
mod tables;
mod update;
mod warm;

pub(crate) use self::autoscaling::ScalableTarget;
pub(crate) use self::continuous::table;
pub(crate) use self::tables::description;
use crate::engine::Engine;
use crate::exports;
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
        "RegisterScalableTarget" => autoscaling::register(engine, body),
        "DeregisterScalableTarget" => autoscaling::deregister(engine, body),
        "DescribeScalableTargets" => autoscaling::describe(engine, body),
        "DescribeLimits" => surroundings::limits(),
        "DescribeEndpoints" => surroundings::endpoints(),
        "DescribeKinesisStreamingDestination" => surroundings::kinesis(engine, body),
        "DescribeContributorInsights" => surroundings::insights(engine, body),
        "GetResourcePolicy" => surroundings::policy(),
        "DescribeExport" => exports::describe(engine, body),
        "ListExports" => exports::list(engine, body),
        "ListImports" => surroundings::none("ImportSummaryList"),
        _ => Err(Fault::unknown_operation()),
    }
}

#[cfg(test)]
mod tests {
    use crate::request::Request;
    use crate::{Embedded, Options};

    /// A malformed request is refused; it never fails inside the database, whose status would be 500.
    #[tokio::test]
    async fn malformed_requests_are_refused() {
        let embedded = Embedded::temporary(Options::default()).unwrap();
        let bodies = [
            "",
            "[]",
            "1",
            "null",
            "\"text\"",
            "{",
            "{}",
            r#"{"TableName": 1}"#,
            r#"{"TableName": "Items"}"#,
            r#"{"TableName": "Items", "WarmThroughput": 1, "GlobalSecondaryIndexUpdates": [1, [], {"Update": 1}]}"#,
            r#"{"TableName": "Items", "GlobalSecondaryIndexes": [null], "BillingMode": {}}"#,
        ];
        let operations = [
            "CreateTable",
            "UpdateTable",
            "DeleteTable",
            "DescribeTable",
            "CreateBackup",
            "DescribeBackup",
            "DeleteBackup",
            "RestoreTableFromBackup",
            "DescribeContinuousBackups",
            "UpdateContinuousBackups",
            "RegisterScalableTarget",
            "DeregisterScalableTarget",
            "DescribeScalableTargets",
            "PutItem",
            "UpdateItem",
            "Scan",
            "Query",
            "BatchGetItem",
            "BatchWriteItem",
            "BatchExecuteStatement",
            "TransactWriteItems",
            "ExecuteStatement",
            "ExecuteTransaction",
            "GetRecords",
            "TagResource",
            "NoSuch",
        ];
        for operation in operations {
            for body in bodies {
                let (_, reply) = embedded.respond(Request::to(&format!("DynamoDB_20120810.{operation}"), body)).await;
                let answer = String::from_utf8(reply.body).unwrap();
                assert_eq!(reply.status, 400, "{operation} {body}: {answer}");
                assert!(answer.contains("__type"), "{operation} {body}: {answer}");
            }
        }
    }
}
