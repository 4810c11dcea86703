//! What the tasks ask of AWS, as IAM has it: `task service:Action on`. Every line that a seed meets has to be among those that the
//! stack's roles are held against (`infra/src/stack/tests/requests.rs`).

use std::collections::BTreeSet;

use aws_sdk_dynamodb::config::http::HttpRequest;
use migration::Task;
use serde_json::Value;

use crate::copy::TARGET;
use crate::world::{LEDGER, TABLE};

/// The permissions that a request with this body, as JSON, needs.
pub(crate) fn of(task: Task, request: &HttpRequest, body: &Value) -> BTreeSet<String> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let asked = match target.split_once('.') {
        Some((service, operation)) if service.starts_with("DynamoDB") => of_tables(operation, body),
        Some(("AmazonSQS", operation)) => {
            let url = body["QueueUrl"].as_str().unwrap_or_default();
            let queue = if url.contains("dead") { "dead-letters" } else { "changes" };
            vec![(format!("sqs:{}", operation.trim_end_matches("Batch")), queue)]
        }
        Some((_, operation)) => vec![(format!("application-autoscaling:{operation}"), "any")],
        None => of_rest(request),
    };
    asked.into_iter().map(|(action, on)| format!("{task} {action} {on}")).collect()
}

/// Of a transaction, and of PartiQL, IAM asks for what each part does (DynamoDB developer guide, "Using IAM with DynamoDB
/// transactions" and "IAM security policies with PartiQL").
fn of_tables(operation: &str, body: &Value) -> Vec<(String, &'static str)> {
    let parts = |member: &str| body[member].as_array().into_iter().flatten();
    match operation {
        "TransactWriteItems" => {
            let parts = parts("TransactItems").flat_map(Value::as_object).flatten();
            let action =
                |kind: &str| if kind == "ConditionCheck" { "ConditionCheckItem".into() } else { format!("{kind}Item") };
            parts.map(|(kind, part)| (format!("dynamodb:{}", action(kind)), named(&part["TableName"]))).collect()
        }
        "BatchExecuteStatement" => {
            let words = parts("Statements").filter_map(|part| part["Statement"].as_str());
            let verb = |words: &str| words.split(' ').next().unwrap_or_default().to_lowercase();
            let action = |words: &str| match verb(words).as_str() {
                "insert" => "PartiQLInsert",
                "update" => "PartiQLUpdate",
                "delete" => "PartiQLDelete",
                _ => "PartiQLSelect",
            };
            let on = |words: &str| words.split('"').nth(1).map_or("", |name| named(&name.into()));
            words.map(|words| (format!("dynamodb:{}", action(words)), on(words))).collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(name, _)| (format!("dynamodb:{operation}"), named(&name.as_str().into()))).collect()
        }
        "DescribeBackup" => vec![("dynamodb:DescribeBackup".into(), "source-backup")],
        "DescribeExport" => vec![("dynamodb:DescribeExport".into(), "source-export")],
        _ => {
            let of = ["TableName", "TableArn", "ResourceArn"].map(|member| &body[member]);
            let name = of.into_iter().find(|name| name.is_string()).unwrap_or(&Value::Null);
            vec![(format!("dynamodb:{operation}"), named(name))]
        }
    }
}

fn named(table: &Value) -> &'static str {
    match table.as_str().unwrap_or_default().rsplit('/').next() {
        Some(TABLE) => "source",
        Some(TARGET) => "target",
        Some(LEDGER) => "ledger",
        _ => "unknown",
    }
}

/// Lambda and S3.
fn of_rest(request: &HttpRequest) -> Vec<(String, &'static str)> {
    let (path, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
    let is_one = !path.ends_with("/event-source-mappings") && !path.ends_with("/event-source-mappings/");
    let action = match (request.method(), path.contains("/event-source-mappings"), is_one) {
        ("POST", true, _) => "lambda:CreateEventSourceMapping",
        ("GET", true, false) => "lambda:ListEventSourceMappings",
        ("GET", true, true) => "lambda:GetEventSourceMapping",
        ("PUT", true, _) => "lambda:UpdateEventSourceMapping",
        ("DELETE", true, _) => "lambda:DeleteEventSourceMapping",
        ("GET", false, _) if query.contains("list-type") => return vec![("s3:ListBucket".into(), "bucket")],
        ("GET" | "HEAD", false, _) => return vec![("s3:GetObject".into(), "objects")],
        (method, ..) => return vec![(format!("unknown:{method}"), "unknown")],
    };
    vec![(action.into(), "mappings")]
}
