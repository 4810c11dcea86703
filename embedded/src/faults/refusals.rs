//! Refusals that come from the weather, in the words of the service's own.

use serde_json::Value;

use crate::capacity::bucket::Rate;
use crate::capacity::statement::Statement;
use crate::capacity::{Direction, Limit, throttled as throttled_by};
use crate::reply::{Fault, Reply};
use crate::request::{Request, Service};
use crate::wire::ARN_PREFIX;
use crate::{buckets, functions, queues};

/// The refusal of a table that lacks units, provisioned or on demand by `on_demand`. What touches no item is
/// throttled by the rate of requests instead ("Error handling": ThrottlingException).
pub(crate) fn throttled(request: &Request, on_demand: bool) -> Reply {
    let too_many = "Rate of requests exceeds the allowed throughput.";
    match request.service {
        Service::Database => {}
        Service::Queues => return queues::refusal("RequestThrottled", too_many),
        Service::Functions => return functions::refusal(429, "TooManyRequestsException", too_many),
        Service::Objects => return buckets::refusal(503, "SlowDown", "Please reduce your request rate."),
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some((table, direction)) = taken_from(&request.operation, &body) else {
        return Fault::service("ThrottlingException", too_many).into_reply();
    };
    let refusal = of_table(&table, direction, on_demand);
    match body["TransactItems"].as_array() {
        Some(parts) => refusal.into_cancellation(0, parts.len()).into_reply(),
        None => refusal.into_reply(),
    }
}

/// The refusal of one table.
pub(crate) fn of_table(table: &str, direction: Direction, on_demand: bool) -> Fault {
    let rate = if on_demand { Rate::OnDemand { start: 0.0, limit: None } } else { Rate::Provisioned(0.0) };
    throttled_by(&format!("{ARN_PREFIX}table/{table}"), direction, Limit::Whole(rate))
}

/// The two answers of a service that can't just now ("Common errors").
pub(crate) fn unavailable(service: Service, is_internal: bool) -> Reply {
    let status = if is_internal { 500 } else { 503 };
    let message = "The request processing has failed because of an unknown error";
    let reply = match service {
        Service::Functions => functions::refusal(status, "ServiceException", message),
        Service::Objects => {
            buckets::refusal(status, if is_internal { "InternalError" } else { "ServiceUnavailable" }, message)
        }
        Service::Database | Service::Queues if is_internal => Fault::internal(message).into_reply(),
        Service::Database | Service::Queues => {
            Fault::service("ServiceUnavailableException", "Service is unavailable").into_reply()
        }
    };
    Reply { status, ..reply }
}

pub(crate) fn expired(service: Service) -> Reply {
    let message = "The security token included in the request is expired";
    match service {
        Service::Functions => functions::refusal(403, "ExpiredTokenException", message),
        Service::Objects => buckets::refusal(400, "ExpiredToken", message),
        Service::Database | Service::Queues => Fault::service("ExpiredTokenException", message).into_reply(),
    }
}

/// The first table that a request for items names, and what it asks of it.
fn taken_from(operation: &str, body: &Value) -> Option<(String, Direction)> {
    let direction = match operation {
        "GetItem" | "Scan" | "Query" | "BatchGetItem" | "TransactGetItems" => Direction::Read,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => Direction::Write,
        "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction" => {
            let first = ["Statements", "TransactStatements"].iter().find_map(|list| body[list].get(0));
            let statement = Statement::read(first.unwrap_or(body)["Statement"].as_str()?)?;
            return Some((statement.table, statement.direction));
        }
        _ => return None,
    };
    let first_part = || body["TransactItems"].get(0)?.as_object()?.values().next();
    let named = body["TableName"].as_str().or_else(|| first_part()?["TableName"].as_str());
    let table = named.or_else(|| Some(body["RequestItems"].as_object()?.keys().next()?.as_str()))?;
    Some((table.to_owned(), direction))
}
