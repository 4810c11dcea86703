//! GetShardIterator and GetRecords: where a reader stands in a shard, for 15 minutes.

use dynoxide::DynoxideError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{horizon, records, shards, stream};
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::wire::{parse, write};

/// AWS: "A shard iterator expires 15 minutes after it is returned to the requester".
const VALID_SECONDS: f64 = 15.0 * 60.0;
/// AWS: GetRecords gives up to 1,000 records or 1 MB.
const MOST_RECORDS: usize = 1_000;
const MOST_BYTES: usize = 1024 * 1024;
/// AWS: "It might take multiple calls to get to a portion of the shard that contains stream records". How many it doesn't say.
const EMPTY_ANSWERS: u32 = 2;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    stream_arn: String,
    shard_id: String,
    shard_iterator_type: String,
    sequence_number: Option<String>,
}

/// What an iterator says, as the text that it is.
#[derive(Serialize, Deserialize)]
struct Iterator {
    stream: String,
    shard: String,
    after: i64,
    given_at: f64,
    /// So many answers come before the records do.
    empty: u32,
}

pub(super) fn get(engine: &Engine, body: &[u8]) -> Answer {
    let request: Get = parse(body)?;
    let known = stream(engine, &request.stream_arn)?;
    if !shards::all(engine, &known.table, &known.label)?.iter().any(|shard| shard.id == request.shard_id) {
        return Err(missing(&format!("Shard: {}", request.shard_id)));
    }
    let given = || {
        let number = request.sequence_number.as_deref().and_then(records::number);
        number.ok_or_else(|| Fault::validation("Invalid SequenceNumber for the shard"))
    };
    let horizon = horizon(engine);
    let after = match request.shard_iterator_type.as_str() {
        "TRIM_HORIZON" => horizon - 1,
        "LATEST" => records::last(engine, &known, &request.shard_id)?.max(horizon),
        "AT_SEQUENCE_NUMBER" => given()? - 1,
        "AFTER_SEQUENCE_NUMBER" => given()?,
        other => return Err(Fault::validation(format!("Invalid ShardIteratorType: {other}"))),
    };
    if after < horizon - 1 {
        return Err(trimmed());
    }
    let empty = if request.shard_iterator_type == "TRIM_HORIZON" { EMPTY_ANSWERS } else { 0 };
    write(&json!({ "ShardIterator": iterator(engine, request.stream_arn, request.shard_id, after, empty)? }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read {
    shard_iterator: String,
    limit: Option<usize>,
}

pub(super) fn read(engine: &Engine, body: &[u8]) -> Answer {
    let request: Read = parse(body)?;
    let Ok(at) = serde_json::from_str::<Iterator>(&request.shard_iterator) else {
        return Err(Fault::validation("Invalid ShardIterator"));
    };
    if engine.clock.epoch_seconds() - at.given_at > VALID_SECONDS {
        return Err(Fault::service("ExpiredIteratorException", "Iterator expired"));
    }
    // What it was given for has been trimmed meanwhile; it is 15 minutes old at most.
    let after = at.after.max(horizon(engine) - 1);
    let known = stream(engine, &at.stream)?;
    if at.empty > 0 {
        let next = iterator(engine, at.stream, at.shard, after, at.empty - 1)?;
        return write(&json!({ "Records": [], "NextShardIterator": next }));
    }
    let limit = request.limit.unwrap_or(MOST_RECORDS).clamp(1, MOST_RECORDS);
    let mut found = records::after(engine, &known, &at.shard, after, limit)?;
    let mut bytes = 0;
    let fitting = found.iter().take_while(|record| {
        bytes += record.bytes;
        bytes <= MOST_BYTES
    });
    let fitting = fitting.count().max(1);
    let is_whole = found.len() <= fitting && found.len() < limit;
    found.truncate(fitting);
    let shards = shards::all(engine, &known.table, &known.label)?;
    let is_closed = shards.iter().any(|shard| shard.id == at.shard && shard.ends.is_some());
    let after = found.last().map_or(after, |record| record.number);
    let mut response = json!({ "Records": found.into_iter().map(|record| as_read(record.body)).collect::<Vec<_>>() });
    if !(is_closed && is_whole) {
        response["NextShardIterator"] = json!(iterator(engine, at.stream, at.shard, after, 0)?);
    }
    write(&response)
}

/// A record as whoever reads the stream gets it: members of the identity begin with capitals, and in Lambda's events don't.
fn as_read(mut record: Value) -> Value {
    if let Some(identity) = record.get_mut("userIdentity") {
        *identity = json!({ "Type": identity["type"], "PrincipalId": identity["principalId"] });
    }
    record
}

fn iterator(engine: &Engine, stream: String, shard: String, after: i64, empty: u32) -> Answer<String> {
    let iterator = Iterator { stream, shard, after, given_at: engine.clock.epoch_seconds(), empty };
    serde_json::to_string(&iterator).map_err(Fault::internal)
}

fn missing(what: &str) -> Fault {
    DynoxideError::ResourceNotFoundException(format!("Requested resource not found: {what}")).into()
}

fn trimmed() -> Fault {
    let message = "The operation attempted to read past the oldest stream record in a shard";
    Fault::service("TrimmedDataAccessException", message)
}
