//! SendMessage and SendMessageBatch: each message once for its deduplication id, within five minutes.

use std::collections::HashSet;

use md5::{Digest, Md5};
use rusqlite::{OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::MOST_BYTES;
use super::{Queue, invalid, with_queue};
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::wire::write;

/// AWS: "The deduplication interval is 5 minutes".
const DEDUPLICATED_SECONDS: f64 = 300.0;
/// AWS: "The maximum number of messages in a batch is 10".
pub(super) const MOST_ENTRIES: usize = 10;
/// AWS: group ids and deduplication ids have at most 128 characters.
const MOST_CHARACTERS: usize = 128;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    id: String,
    message_body: String,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    entries: Vec<Message>,
}

/// The number under which a message stands, as its id.
pub(super) fn id(number: i64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// The same as its sequence number, which has 20 digits.
pub(super) fn sequence_number(number: i64) -> String {
    (10_000_000_000_000_000_000 + number.unsigned_abs()).to_string()
}

pub(super) fn digest(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn one(engine: &Engine, body: &[u8]) -> Answer {
    let (message, queue): (Message, Queue) = with_queue(engine, body)?;
    let digest = digest(&message.message_body);
    let number = send(engine, &queue, message)?;
    write(&json!({ "MessageId": id(number), "MD5OfMessageBody": digest, "SequenceNumber": sequence_number(number) }))
}

pub(super) fn batch(engine: &Engine, body: &[u8]) -> Answer {
    let (Batch { entries }, queue) = with_queue(engine, body)?;
    check_entries(entries.iter().map(|entry| entry.id.as_str()))?;
    if entries.iter().map(|entry| entry.message_body.len()).sum::<usize>() > MOST_BYTES {
        let message = format!("Batch requests cannot be longer than {MOST_BYTES} bytes.");
        return Err(Fault::service("BatchRequestTooLong", message));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let (id_in_batch, digest) = (entry.id.clone(), digest(&entry.message_body));
        match send(engine, &queue, entry) {
            Ok(number) => successful.push(json!({
                "Id": id_in_batch,
                "MessageId": id(number),
                "MD5OfMessageBody": digest,
                "SequenceNumber": sequence_number(number),
            })),
            Err(fault) => failed.push(failure(&id_in_batch, fault)?),
        }
    }
    write(&json!({ "Successful": successful, "Failed": failed }))
}

/// What stands in a batch's list of failures for an entry that is wrong.
pub(super) fn failure(id: &str, fault: Fault) -> Answer<Value> {
    match fault {
        Fault::Service { code, message, .. } => {
            Ok(json!({ "Id": id, "SenderFault": true, "Code": code, "Message": message }))
        }
        internal => Err(internal),
    }
}

/// Refuses a batch that is empty, too long, or has two entries of one id.
pub(super) fn check_entries<'a>(ids: impl Iterator<Item = &'a str>) -> Answer<()> {
    let ids: Vec<_> = ids.collect();
    let different: HashSet<_> = ids.iter().collect();
    let fault = match ids.len() {
        0 => ("EmptyBatchRequest", "There should be at least one entry in the request."),
        length if length > MOST_ENTRIES => {
            ("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.")
        }
        length if different.len() < length => {
            ("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
        }
        _ => return Ok(()),
    };
    Err(Fault::service(fault.0, fault.1))
}

/// AWS: "A message can include only XML, JSON, and unformatted text": the characters of XML 1.0.
fn is_taken(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Puts a message at the end of its queue, unless it is there by its deduplication id, and tells its number.
fn send(engine: &Engine, queue: &Queue, message: Message) -> Answer<i64> {
    let settings = &queue.settings;
    let within = |name: &str, id: Option<String>| match id {
        Some(id) if (1..=MOST_CHARACTERS).contains(&id.chars().count()) => Ok(Some(id)),
        None => Ok(None),
        Some(_) => Err(invalid(format!("{name} can only have 1 to {MOST_CHARACTERS} characters"))),
    };
    if !message.message_attributes.is_null() {
        return Err(Fault::service("UnsupportedOperation", "message attributes aren't here"));
    }
    if message.message_body.is_empty() || message.message_body.len() > settings.most_bytes {
        let most = settings.most_bytes;
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )));
    }
    if !message.message_body.chars().all(is_taken) {
        return Err(Fault::service("InvalidMessageContents", "Invalid characters found in the message body."));
    }
    if message.delay_seconds.is_some_and(|delay| delay != 0) {
        return Err(invalid("DelaySeconds can't be set for one message of a FIFO queue"));
    }
    let group = within("MessageGroupId", message.message_group_id)?;
    let group = group
        .ok_or_else(|| Fault::service("MissingParameter", "The request must contain the parameter MessageGroupId."))?;
    let by_content = || settings.by_content.then(|| digest(&message.message_body));
    let deduplication = within("MessageDeduplicationId", message.message_deduplication_id)?.or_else(by_content);
    let deduplication = deduplication.ok_or_else(|| {
        invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
    })?;
    put(engine, queue, message.message_body, group, deduplication)
}

/// The same of a message that is right.
pub(crate) fn put(engine: &Engine, queue: &Queue, body: String, group: String, deduplication: String) -> Answer<i64> {
    let settings = &queue.settings;
    let scope = if settings.in_group { group.as_str() } else { "" };
    let (connection, now) = (engine.storage.conn(), engine.clock.epoch_seconds());
    let sql =
        "SELECT number FROM \"::deduplications\" WHERE queue = ?1 AND message_group = ?2 AND id = ?3 AND until > ?4";
    let sent =
        connection.prepare_cached(sql)?.query_row(params![queue.name, scope, deduplication, now], |row| row.get(0));
    if let Some(number) = sent.optional()? {
        return Ok(number);
    }
    let sql = "INSERT INTO \"::messages\" (queue, message_group, deduplication, body, sent_at, visible_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let visible_at = now + f64::from(settings.delay_seconds);
    let values = params![queue.name, group, deduplication, body, now, visible_at];
    connection.prepare_cached(sql)?.execute(values)?;
    let number = connection.last_insert_rowid();
    let sql = "INSERT OR REPLACE INTO \"::deduplications\" (queue, message_group, id, number, until) \
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![queue.name, scope, deduplication, number, now + DEDUPLICATED_SECONDS];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(number)
}
