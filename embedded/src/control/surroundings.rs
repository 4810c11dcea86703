//! What a careful client asks about a table before it touches it, and what this database has nothing of:
//! streams to Kinesis, Contributor Insights, resource policies, imports.

use serde::Deserialize;
use serde_json::json;

use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::wire::{parse, write};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTable {
    table_name: String,
}

/// The default quotas of an account and of a table.
pub(crate) fn limits() -> Answer {
    write(&json!({
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }))
}

pub(crate) fn endpoints() -> Answer {
    let endpoint = json!({ "Address": "dynamodb.us-east-1.amazonaws.com", "CachePeriodInMinutes": 1_440 });
    write(&json!({ "Endpoints": [endpoint] }))
}

pub(crate) fn kinesis(engine: &mut Engine, body: &[u8]) -> Answer {
    let OfTable { table_name } = parse(body)?;
    engine.table(&table_name)?;
    write(&json!({ "TableName": table_name, "KinesisDataStreamDestinations": [] }))
}

pub(crate) fn insights(engine: &mut Engine, body: &[u8]) -> Answer {
    let OfTable { table_name } = parse(body)?;
    engine.table(&table_name)?;
    write(&json!({ "TableName": table_name, "ContributorInsightsStatus": "DISABLED" }))
}

pub(crate) fn policy() -> Answer {
    Err(Fault::service("PolicyNotFoundException", "The resource has no policy"))
}

/// An empty list.
pub(crate) fn none(member: &str) -> Answer {
    write(&json!({ member: [] }))
}
