//! The guards, taken away one at a time: a saboteur on the wire makes the migration behave as if its code lacked
//! one, and the simulation has to notice.

use std::time::Duration;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::result::ConnectorError;
use migration::Task;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::copy::Guard;
use crate::model::Promise;
use crate::world::{LEDGER, TABLE};

pub(crate) type Answer = Result<HttpResponse, ConnectorError>;

/// A guard that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Writes carry no condition (R2).
    Conditions,
    /// A write counts as done before it is: so the checkpoint runs ahead (R7).
    EarlyAnswers,
    /// A write that was throttled, or met a failing service, counts as done (R8).
    Retries,
    /// A page without its cursor ends the segment (R1).
    Cursors,
    /// The capacity isn't put back (R12).
    Restore,
    /// What stood before isn't written down first (R12).
    CapacityNote,
    /// Items that can't be migrated are not recorded (R19).
    FailureEntries,
    /// Checkpoints are not kept: what is counted is not what was done (R7).
    Checkpoints,
    /// A checkpoint is put whatever stands there, so that of two workers on one segment either may win (R7).
    CheckpointCondition,
    /// One of those that only copies have.
    OfCopy(Guard),
}

/// A request on its way.
pub(crate) struct Passage<'p> {
    pub(crate) task: Task,
    pub(crate) operation: &'p str,
    pub(crate) body: &'p mut Value,
}

/// Where a request goes instead of to the database.
pub(crate) enum Detour {
    /// It is answered, and goes nowhere.
    Nowhere,
    /// It is answered, and done a little later, if whoever asked lives so long.
    Later,
}

impl Sabotage {
    pub(crate) const ALL: [Self; 9] = [
        Self::Conditions,
        Self::EarlyAnswers,
        Self::Retries,
        Self::Cursors,
        Self::Restore,
        Self::CapacityNote,
        Self::FailureEntries,
        Self::Checkpoints,
        Self::CheckpointCondition,
    ];

    /// The guard, where it is one that only copies have.
    pub(crate) fn of_copy(self) -> Option<Guard> {
        match self {
            Self::OfCopy(guard) => Some(guard),
            _ => None,
        }
    }

    /// The promises that nobody can keep without the guard: each of them has to be found broken.
    pub(crate) fn breaks(self) -> &'static [Promise] {
        match self {
            Self::Conditions => &[Promise::LiveWrites, Promise::Deleted],
            Self::EarlyAnswers | Self::Retries | Self::Cursors => &[Promise::Complete],
            Self::Restore | Self::CapacityNote => &[Promise::Capacity],
            Self::FailureEntries | Self::CheckpointCondition => &[Promise::Books],
            Self::Checkpoints => &[Promise::Ends],
            Self::OfCopy(guard) => guard.breaks(),
        }
    }

    /// What it does to a request.
    pub(crate) fn before(self, passage: &mut Passage<'_>) -> Option<Detour> {
        if let Self::OfCopy(guard) = self {
            guard.before(passage);
            return None;
        }
        let Passage { task, operation, body } = passage;
        let is_write = is_write_of_an_item(operation, body);
        let is_of =
            |entry: &str| *operation != "GetItem" && writes_in(body).any(|write| entry_of(write).starts_with(entry));
        match self {
            Self::Conditions if is_write => {
                strip_condition(body);
                body["Statements"].as_array_mut().into_iter().flatten().for_each(strip_statement);
                None
            }
            Self::EarlyAnswers if is_write => Some(Detour::Later),
            Self::Restore if *operation == "UpdateTable" && *task == Task::Restore => Some(Detour::Nowhere),
            Self::CapacityNote if is_of("capacity") => Some(Detour::Nowhere),
            Self::FailureEntries if *operation == "TransactWriteItems" => {
                let writes = body["TransactItems"].as_array_mut()?;
                let is_failure = |part: &Value| entry_of(&part["Put"]).starts_with("failure#");
                writes.retain(|part| !is_failure(part));
                None
            }
            Self::FailureEntries if is_of("failure#") => Some(Detour::Nowhere),
            Self::Checkpoints if is_of("segment#") => Some(Detour::Nowhere),
            Self::CheckpointCondition if is_of("segment#") => {
                strip_condition(body);
                let parts = body["TransactItems"].as_array_mut().into_iter().flatten();
                parts.filter_map(|part| part.get_mut("Put")).for_each(strip_condition);
                None
            }
            _ => None,
        }
    }

    /// What it makes of an answer; nothing where it leaves it.
    pub(crate) fn after(self, passage: &Passage<'_>, answer: &Answer) -> Option<HttpResponse> {
        let Passage { operation, body, .. } = passage;
        match (self, answer) {
            (Self::Retries, Ok(answer)) if is_write_of_an_item(operation, body) => {
                let text = std::str::from_utf8(answer.body().bytes().unwrap_or_default()).unwrap_or_default();
                let is_refused =
                    answer.status().as_u16() >= 500 || text.contains("Throttling") || text.contains("Throughput");
                is_refused.then(|| done(all_done(body)))
            }
            (Self::OfCopy(guard), Ok(answer)) => guard.after(passage, answer).map(done),
            (Self::Cursors, Ok(answer)) if *operation == "Scan" => {
                let mut page: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
                page.as_object_mut()?.remove("LastEvaluatedKey")?;
                Some(done(page))
            }
            _ => None,
        }
    }
}

impl Detour {
    pub(crate) fn take(self, late: &mut JoinSet<()>, inner: SharedHttpConnector, request: HttpRequest) -> Answer {
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        if let Self::Later = self {
            late.spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let _ = inner.call(request).await;
            });
        }
        Ok(done(all_done(&body)))
    }
}

fn done(body: Value) -> HttpResponse {
    HttpResponse::new(200_u16.try_into().expect("200 is a status"), body.to_string().into())
}

/// An answer that says that everything was done.
fn all_done(body: &Value) -> Value {
    let statements = body["Statements"].as_array();
    statements.map_or_else(|| json!({}), |all| json!({ "Responses": vec![json!({ "TableName": TABLE }); all.len()] }))
}

fn is_write_of_an_item(operation: &str, body: &Value) -> bool {
    let is_single = body["TableName"] == TABLE && ["UpdateItem", "DeleteItem"].contains(&operation);
    is_single || operation == "BatchExecuteStatement"
}

/// A write, or those of a transaction.
fn writes_in(body: &Value) -> impl Iterator<Item = &Value> {
    let parts = body["TransactItems"].as_array().into_iter().flatten();
    std::iter::once(body).chain(parts.flat_map(|part| part.as_object()).flat_map(|part| part.values()))
}

/// The ledger's entry that a write is about.
fn entry_of(write: &Value) -> &str {
    let entry = write["Item"].get("entry").or(write["Key"].get("entry")).filter(|_| write["TableName"] == LEDGER);
    entry.and_then(|entry| entry["S"].as_str()).unwrap_or_default()
}

/// Takes the condition out, and the names and values that nothing else uses.
pub(crate) fn strip_condition(body: &mut Value) {
    let Some(request) = body.as_object_mut() else { return };
    request.remove("ConditionExpression");
    let update = request.get("UpdateExpression").and_then(Value::as_str).unwrap_or_default().to_owned();
    let words: Vec<_> = update.split(|c: char| !c.is_alphanumeric() && !"#:_".contains(c)).collect();
    for member in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let Some(used) = request.get_mut(member).and_then(Value::as_object_mut) else { continue };
        used.retain(|name, _| words.contains(&name.as_str()));
        if used.is_empty() {
            request.remove(member);
        }
    }
}

/// The same of a statement: all that follows the key, and its parameters.
fn strip_statement(statement: &mut Value) {
    let text = statement["Statement"].as_str().unwrap_or_default();
    let (without, returning) = match text.split_once(" RETURNING ") {
        Some((text, returning)) => (text, format!(" RETURNING {returning}")),
        None => (text, String::new()),
    };
    let blind = without.split(" AND ").next().unwrap_or_default().to_owned();
    if let Some(parameters) = statement["Parameters"].as_array_mut() {
        parameters.truncate(blind.matches('?').count());
    }
    statement["Statement"] = (blind + &returning).into();
}
