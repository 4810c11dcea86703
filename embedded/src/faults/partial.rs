//! Batches that are served in part: some entries never reach the database, and come back as it would send them
//! back for lack of capacity.

use serde_json::{Map, Value, json};

use super::refusals::of_table;
use crate::Embedded;
use crate::capacity::Direction;
use crate::capacity::statement::Statement;
use crate::reply::Reply;
use crate::request::Request;

/// A batch in two: what the database is asked, and what it won't see.
pub(crate) enum Split {
    /// Nothing is left to ask for.
    Refused(Reply),
    /// Of a BatchWriteItem or a BatchGetItem.
    Items { body: Value, member: &'static str, kept_back: Map<String, Value> },
    /// Of a BatchExecuteStatement: refusals by their position in the batch.
    Statements { body: Value, refusals: Vec<(usize, Value)> },
    /// Of a batch of messages: what stands in its list of failures.
    Messages { body: Value, failures: Vec<Value> },
}

/// Takes the entries out that `chosen` says; `None` where that is none, or where this is no batch.
pub(crate) fn split(request: &Request, chosen: impl FnMut() -> bool) -> Option<Split> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    match request.operation.as_str() {
        "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => messages(body, chosen),
        "BatchWriteItem" => items(body, "UnprocessedItems", Direction::Write, chosen),
        "BatchGetItem" => items(body, "UnprocessedKeys", Direction::Read, chosen),
        "BatchExecuteStatement" => statements(body, chosen),
        _ => None,
    }
}

impl Split {
    /// Asks the database for what is left, and puts the rest into its answer.
    pub(crate) async fn answered(self, embedded: &Embedded, request: Request) -> (String, Reply) {
        match self {
            Self::Refused(refusal) => embedded.refuse(refusal),
            Self::Items { body, member, kept_back } => {
                asked(embedded, request, &body, |answer| {
                    if let Some(unprocessed) = answer[member].as_object_mut() {
                        kept_back.into_iter().for_each(|(table, more)| join(unprocessed, table, more));
                    } else {
                        answer[member] = kept_back.into();
                    }
                })
                .await
            }
            Self::Statements { body, refusals } => {
                asked(embedded, request, &body, |answer| {
                    let Some(responses) = answer["Responses"].as_array_mut() else { return };
                    for (position, refusal) in refusals {
                        responses.insert(position.min(responses.len()), refusal);
                    }
                })
                .await
            }
            Self::Messages { body, failures } => {
                asked(embedded, request, &body, |answer| {
                    if let Some(failed) = answer["Failed"].as_array_mut() {
                        failed.extend(failures);
                    }
                })
                .await
            }
        }
    }
}

async fn asked(embedded: &Embedded, request: Request, body: &Value, add: impl FnOnce(&mut Value)) -> (String, Reply) {
    let request = Request { body: body.to_string().into_bytes(), ..request };
    let (request_id, mut reply) = embedded.respond(request).await;
    if reply.status == 200
        && let Ok(mut answer) = serde_json::from_slice(&reply.body)
    {
        add(&mut answer);
        reply.body = answer.to_string().into_bytes();
    }
    (request_id, reply)
}

/// Adds to what the database itself hasn't processed of a table.
fn join(unprocessed: &mut Map<String, Value>, table: String, more: Value) {
    let Some(there) = unprocessed.get_mut(&table) else {
        unprocessed.insert(table, more);
        return;
    };
    let (there, more) = match there.is_array() {
        true => (there, more),
        false => (&mut there["Keys"], more["Keys"].clone()),
    };
    if let (Some(there), Value::Array(more)) = (there.as_array_mut(), more) {
        there.extend(more);
    }
}

fn items(
    mut body: Value,
    member: &'static str,
    direction: Direction,
    mut chosen: impl FnMut() -> bool,
) -> Option<Split> {
    let tables = body["RequestItems"].as_object_mut()?;
    let mut kept_back = Map::new();
    for (table, entries) in tables.iter_mut() {
        // The keys of a BatchGetItem stand beside what belongs to each part of them.
        let beside = entries.clone();
        let list = if entries.is_array() { entries } else { &mut entries["Keys"] };
        let out = take(list.as_array_mut()?, &mut chosen);
        if out.is_empty() {
            continue;
        }
        let out = Value::from_iter(out.into_iter().map(|(_, entry)| entry));
        let out = match beside {
            Value::Object(mut beside) => {
                beside.insert("Keys".into(), out);
                beside.into()
            }
            _ => out,
        };
        kept_back.insert(table.clone(), out);
    }
    let first = kept_back.keys().next()?.clone();
    tables.retain(|_, entries| !entries.get("Keys").unwrap_or(entries).as_array().is_none_or(Vec::is_empty));
    Some(match tables.is_empty() {
        // As the service does where nothing could be done.
        true => Split::Refused(of_table(&first, direction, false).into_reply()),
        false => Split::Items { body, member, kept_back },
    })
}

fn statements(mut body: Value, mut chosen: impl FnMut() -> bool) -> Option<Split> {
    let statements = body["Statements"].as_array_mut()?;
    let out = take(statements, &mut chosen);
    if out.is_empty() {
        return None;
    }
    let refusals = out.into_iter().map(|(position, statement)| {
        let known = statement["Statement"].as_str().and_then(Statement::read);
        let table = known.map(|known| known.table).unwrap_or_default();
        let error =
            json!({ "Code": "ThrottlingError", "Message": "Throughput exceeds the current capacity of your table" });
        (position, json!({ "Error": error, "TableName": table }))
    });
    let refusals: Vec<_> = refusals.collect();
    Some(match statements.is_empty() {
        true => {
            let refusals: Value = refusals.into_iter().map(|(_, refusal)| refusal).collect();
            let body = json!({ "Responses": refusals }).to_string().into_bytes();
            Split::Refused(Reply::json(200, body))
        }
        false => Split::Statements { body, refusals },
    })
}

fn messages(mut body: Value, mut chosen: impl FnMut() -> bool) -> Option<Split> {
    let entries = body["Entries"].as_array_mut()?;
    let out = take(entries, &mut chosen);
    if out.is_empty() {
        return None;
    }
    let failure = |(_, entry): (usize, Value)| json!({ "Id": entry["Id"], "SenderFault": false, "Code": "InternalError", "Message": "We encountered an internal error. Please try again." });
    let failures: Vec<_> = out.into_iter().map(failure).collect();
    Some(match entries.is_empty() {
        true => {
            let body = json!({ "Successful": [], "Failed": failures }).to_string().into_bytes();
            Split::Refused(Reply::json(200, body))
        }
        false => Split::Messages { body, failures },
    })
}

/// Takes out what is chosen, each with its position.
fn take(entries: &mut Vec<Value>, chosen: &mut impl FnMut() -> bool) -> Vec<(usize, Value)> {
    let (out, left): (Vec<_>, Vec<_>) = std::mem::take(entries).into_iter().enumerate().partition(|_| chosen());
    *entries = left.into_iter().map(|(_, entry)| entry).collect();
    out
}
