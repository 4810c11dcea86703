//! Capture: records of the source's stream go into the queue, each once or more, never not at all.
//!
//! A message's group is a hash of the item's whole typed key, its deduplication id the event's own (R14): so changes of one
//! item stay in order, and two equal ones are two. One request never carries a group twice, as a partial failure would swap
//! the two: records go in rounds, and a group whose message wasn't taken is left out of all further ones. The answer names
//! the lowest record that isn't in the queue; from there on the stream delivers again (R16). What is too large for a message,
//! or so old that it may have been sent before unbeknown to the queue, goes without its images: replay reads the item.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::change::{Change, What, was_before};
use super::current::{self, Current};
use super::image::Images;
use super::notes::Lot;
use super::queue::{Outgoing, send_batch};
use super::way::is_time_left;
use super::{expiry, message};
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::item::json::{item_from_json, item_to_json};
use crate::services::{Carrier, Services};

/// API reference, SendMessageBatch.
const MAX_MESSAGES: usize = 10;
/// Requests that are under way: each takes SQS about 10 ms.
const BATCHES_IN_FLIGHT: usize = 8;

/// A record that is older may have been sent before, so long ago that SQS no longer knows its deduplication id, while it
/// still knows that of a younger one: of a batch that is delivered again, the older would then stand in the queue behind
/// the younger. The window is 300 s (SQS developer guide, "Exactly-once processing"); 120 s are left for clocks that differ,
/// the stream's whole seconds, and the time that sending takes.
const OLDEST_IMAGES: SignedDuration = SignedDuration::from_secs(180);

/// What a mapping of a stream hands to its function (Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB").
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "eventID")]
    id: String,
    #[serde(rename = "eventName")]
    name: String,
    /// Who has made the change, where that was DynamoDB.
    #[serde(default)]
    user_identity: Option<Identity>,
    dynamodb: Stream,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(default)]
    principal_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    /// Seconds since 1970.
    approximate_creation_date_time: Option<f64>,
    keys: Value,
    #[serde(default)]
    new_image: Option<Value>,
    #[serde(default)]
    old_image: Option<Value>,
    sequence_number: String,
}

/// A record on its way.
struct Captured {
    /// Its place in the event.
    at: usize,
    group: String,
    changed: Timestamp,
    message: Outgoing,
}

/// Takes the event of a stream's mapping into the queue; the answer is the mapping's `batchItemFailures`. Where no copy is
/// going on, nobody waits for the records, and they are let go.
pub async fn capture(services: &Services, event: Value, deadline: Option<Instant>) -> Result<Value, Error> {
    let Event { records } = serde_json::from_value(event)
        .map_err(|error| Error::invalid(format!("expected an event of a DynamoDB stream: {}", shape(&error))))?;
    let carrier = services.carrier()?;
    let Some(current) = current::read(&services.ledger).await? else { return Ok(answer(&records, None)) };
    let mut missing = BTreeSet::new();
    let mut captured = Vec::new();
    let images = OnceCell::new();
    for (at, record) in records.iter().enumerate() {
        match outgoing(services, &current, &images, at, record).await {
            Ok(found) => captured.extend(found),
            // What comes after it may belong to the same item.
            Err(_) if at > 0 => {
                missing.insert(at);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let made = captured.iter().map(|captured| captured.changed);
    let (newest, oldest, count) = (made.clone().max(), made.min(), captured.len());
    missing.extend(send(carrier, captured, deadline).await);
    let lot = Lot { changes: (count - missing.len().min(count)) as u64, newest, oldest };
    services.notes.captured(services, &current.run, lot).await?;
    Ok(answer(&records, missing.first().copied()))
}

/// Of an error in an event's JSON, what is free of values: its place.
pub(super) fn shape(error: &serde_json::Error) -> String {
    format!("{:?} in line {}, column {}", error.classify(), error.line(), error.column())
}

fn answer(records: &[Record], lowest: Option<usize>) -> Value {
    let failures = lowest.map(|at| json!({ "itemIdentifier": records[at].dynamodb.sequence_number }));
    json!({ "batchItemFailures": failures.into_iter().collect::<Vec<_>>() })
}

/// The message of a record; none where the bulk has what it says.
async fn outgoing(
    services: &Services,
    current: &Current,
    images: &OnceCell<Images>,
    at: usize,
    record: &Record,
) -> Result<Option<Captured>, Error> {
    // One that doesn't say when it was made is carried.
    let changed = changed(record)?.unwrap_or_else(services.clock);
    if current.changes_from.is_some_and(|from| was_before(changed, from)) {
        return Ok(None);
    }
    if is_expiry(record) && current.expiries_until.is_some_and(|until| changed > until) {
        return Ok(None);
    }
    let (old, new) = both_images(record)?;
    let key = record.dynamodb.keys.clone();
    let mut change = Change {
        run: current.run.clone(),
        event: record.id.clone(),
        at: changed,
        key,
        what: What::Images { old: old.cloned(), new: new.cloned() },
    };
    let is_fresh = changed + OLDEST_IMAGES > (services.clock)();
    let body = match message::write(&change).filter(|_| is_fresh) {
        Some(body) => body,
        // Read when its turn has come: whatever order such messages come in, the last one finds the item as it is.
        None => {
            let images = images.get_or_try_init(|| super::images(services, &current.run)).await?;
            let old_target_key = old.map(item).transpose()?.and_then(|old| images.place_of(&old));
            change.what = What::Refresh { old_target_key: old_target_key.as_ref().map(item_to_json) };
            message::write(&change)
                .ok_or_else(|| Error::new(Kind::Refused, "a change without its images is too large for a message"))?
        }
    };
    let group = change.group();
    let message = Outgoing { group: group.clone(), deduplication_id: record.id.clone(), body };
    Ok(Some(Captured { at, group, changed, message }))
}

/// A delete by time to live (developer guide, "DynamoDB Streams and Time to Live").
fn is_expiry(record: &Record) -> bool {
    record.user_identity.as_ref().is_some_and(|identity| identity.principal_id == expiry::PRINCIPAL)
}

fn changed(record: &Record) -> Result<Option<Timestamp>, Error> {
    let Some(seconds) = record.dynamodb.approximate_creation_date_time else { return Ok(None) };
    Timestamp::from_millisecond((seconds * 1e3) as i64)
        .map(Some)
        .map_err(|_| Error::invalid("expected the time of a stream record in seconds since 1970, found another"))
}

/// A record without its images would be carried as nothing at all.
fn both_images(record: &Record) -> Result<(Option<&Value>, Option<&Value>), Error> {
    let (old, new) = (record.dynamodb.old_image.as_ref(), record.dynamodb.new_image.as_ref());
    match (record.name.as_str(), old, new) {
        ("INSERT", _, Some(_)) | ("MODIFY", Some(_), Some(_)) => Ok((old, new)),
        ("REMOVE", Some(_), _) => Ok((old, None)),
        (name, ..) => Err(Error::invalid(format!(
            "expected records of a stream of NEW_AND_OLD_IMAGES, found a {name} that lacks an image: set the view type of \
             the table's stream"
        ))),
    }
}

fn item(image: &Value) -> Result<Item, Error> {
    item_from_json(image.clone()).map_err(|why| Error::invalid(format!("an image of a stream record: {why}")))
}

/// Sends messages in rounds; returns the places of the records that are not in the queue.
async fn send(carrier: &Carrier, captured: Vec<Captured>, deadline: Option<Instant>) -> BTreeSet<usize> {
    let mut missing = BTreeSet::new();
    let mut failed: BTreeSet<String> = BTreeSet::new();
    for round in rounds(captured) {
        let (round, behind): (Vec<_>, Vec<_>) =
            round.into_iter().partition(|captured| !failed.contains(&captured.group));
        missing.extend(behind.iter().map(|captured| captured.at));
        if is_time_left(deadline).is_err() {
            missing.extend(round.iter().map(|captured| captured.at));
            failed.extend(round.into_iter().map(|captured| captured.group));
            continue;
        }
        let batches = stream::iter(batches(round)).map(|batch| async {
            let messages: Vec<_> = batch.iter().map(|captured| &captured.message).collect();
            let refused = send_batch(carrier, &messages).await;
            (batch, refused)
        });
        let sent: Vec<_> = batches.buffer_unordered(BATCHES_IN_FLIGHT).collect().await;
        for (batch, refused) in sent {
            for (_, captured) in batch.into_iter().enumerate().filter(|(nth, _)| refused.contains(nth)) {
                missing.insert(captured.at);
                failed.insert(captured.group);
            }
        }
    }
    missing
}

/// The first change of every item, then the second of those that have one, and so on.
fn rounds(captured: Vec<Captured>) -> Vec<Vec<Captured>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut rounds: Vec<Vec<Captured>> = Vec::new();
    for captured in captured {
        let nth = seen.entry(captured.group.clone()).or_default();
        if rounds.len() == *nth {
            rounds.push(Vec::new());
        }
        rounds[*nth].push(captured);
        *nth += 1;
    }
    rounds
}

/// As many as a request takes, by their number and by their bytes.
fn batches(round: Vec<Captured>) -> Vec<Vec<Captured>> {
    let mut batches: Vec<Vec<Captured>> = Vec::new();
    let mut bytes = 0;
    for captured in round {
        let more = captured.message.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_MESSAGES && bytes + more <= message::MAX_BYTES => {
                bytes += more;
                batch.push(captured);
            }
            _ => {
                bytes = more;
                batches.push(vec![captured]);
            }
        }
    }
    batches
}
