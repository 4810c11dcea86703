//! Queues themselves: what they are told when they are made, and what they tell of themselves.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OfQueue, Queue, arn, invalid, queue, url, with_queue};
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::wire::{parse, write};

type Attributes = BTreeMap<String, String>;

/// AWS: "Amazon SQS quotas": a message, and all of a batch together, have 1 MiB at most.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
const DAY_SECONDS: u32 = 24 * 3_600;

/// Messages of queue ?1 at ?2 that were sent by ?3: those that can be received, those in flight, and those to come. The index has
/// all that is asked for: without it the bodies of a long queue are read, once a second while somebody looks on.
const COUNTS: &str = "SELECT count(*) FILTER (WHERE visible_at <= ?2), \
                          count(*) FILTER (WHERE visible_at > ?2 AND receives > 0), \
                          count(*) FILTER (WHERE visible_at > ?2 AND receives = 0) \
                      FROM \"::messages\" INDEXED BY \"::message_visibility\" WHERE queue = ?1 AND sent_at <= ?3";

/// What a queue's attributes say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) visibility_seconds: u32,
    pub(super) retention_seconds: u32,
    pub(super) wait_seconds: u32,
    pub(super) delay_seconds: u32,
    pub(super) most_bytes: usize,
    /// Whether a message without a deduplication id takes its body's digest for one.
    pub(super) by_content: bool,
    /// Whether a deduplication id counts in its group only.
    pub(super) in_group: bool,
    pub(super) redrive: Option<Redrive>,
}

/// When a message goes to which other queue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redrive {
    pub(super) dead_letter_target_arn: String,
    #[serde(deserialize_with = "number_or_text")]
    pub(super) max_receive_count: u32,
}

impl Settings {
    /// Reads attributes, with the defaults and the bounds of "SetQueueAttributes".
    pub(super) fn read(attributes: &Attributes) -> Answer<Self> {
        let number = |name: &str, default: u32, bounds: std::ops::RangeInclusive<u32>| {
            let Some(text) = attributes.get(name) else { return Ok(default) };
            let number = text.parse().ok().filter(|number| bounds.contains(number));
            number.ok_or_else(|| attribute_value(name))
        };
        let is = |name: &str, value: &str| attributes.get(name).is_some_and(|it| it == value);
        let redrive = attributes.get("RedrivePolicy").filter(|text| !text.is_empty());
        let redrive = redrive.map(|text| serde_json::from_str(text).map_err(|_| attribute_value("RedrivePolicy")));
        Ok(Self {
            visibility_seconds: number("VisibilityTimeout", 30, 0..=43_200)?,
            retention_seconds: number("MessageRetentionPeriod", 4 * DAY_SECONDS, 60..=14 * DAY_SECONDS)?,
            wait_seconds: number("ReceiveMessageWaitTimeSeconds", 0, 0..=20)?,
            delay_seconds: number("DelaySeconds", 0, 0..=900)?,
            most_bytes: number("MaximumMessageSize", MOST_BYTES as u32, 1_024..=MOST_BYTES as u32)? as usize,
            by_content: is("ContentBasedDeduplication", "true"),
            in_group: is("DeduplicationScope", "messageGroup"),
            redrive: redrive.transpose()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    queue_name: String,
    #[serde(default)]
    attributes: Attributes,
}

pub(super) fn create(engine: &Engine, body: &[u8]) -> Answer {
    let Create { queue_name, attributes } = parse(body)?;
    let sound = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    let is_sound = queue_name.strip_suffix(".fifo").is_some_and(|it| !it.is_empty() && it.chars().all(sound));
    if !is_sound || queue_name.len() > 80 || attributes.get("FifoQueue").is_none_or(|it| it != "true") {
        return Err(invalid("only FIFO queues are here: their names end with .fifo, and FifoQueue is true"));
    }
    check(engine, &attributes)?;
    let connection = engine.storage.conn();
    let json = serde_json::to_string(&attributes).map_err(Fault::internal)?;
    let sql = "SELECT attributes FROM \"::queues\" WHERE name = ?1";
    let there: Option<String> = connection.query_row(sql, [&queue_name], |row| row.get(0)).optional()?;
    match there {
        Some(there) if there != json => {
            let message = "A queue already exists with the same name and a different value for attributes";
            return Err(Fault::service("QueueNameExists", message));
        }
        Some(_) => {}
        None => {
            let now = engine.clock.epoch_seconds();
            let sql = "INSERT INTO \"::queues\" (name, attributes, created_at) VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![queue_name, json, now])?;
        }
    }
    write(&json!({ "QueueUrl": url(&queue_name) }))
}

pub(super) fn delete(engine: &Engine, body: &[u8]) -> Answer {
    let (OfQueue { .. }, queue) = with_queue(engine, body)?;
    for table in ["messages", "deduplications"] {
        engine.storage.conn().execute(&format!("DELETE FROM \"::{table}\" WHERE queue = ?1"), [&queue.name])?;
    }
    engine.storage.conn().execute("DELETE FROM \"::queues\" WHERE name = ?1", [&queue.name])?;
    Ok(b"{}".to_vec())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_name: String,
}

pub(super) fn url_of(engine: &Engine, body: &[u8]) -> Answer {
    let Named { queue_name } = parse(body)?;
    write(&json!({ "QueueUrl": url(&queue(engine, &queue_name)?.name) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(default)]
    queue_name_prefix: String,
}

pub(super) fn list(engine: &Engine, body: &[u8]) -> Answer {
    let List { queue_name_prefix } = parse(body)?;
    let mut statement = engine.storage.conn().prepare("SELECT name FROM \"::queues\" ORDER BY name")?;
    let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let urls: Vec<_> = names.iter().filter(|it| it.starts_with(&queue_name_prefix)).map(|it| url(it)).collect();
    write(&json!({ "QueueUrls": urls }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    #[serde(default)]
    attribute_names: Vec<String>,
}

pub(super) fn get(engine: &Engine, body: &[u8]) -> Answer {
    let (Get { attribute_names: wanted }, queue) = with_queue(engine, body)?;
    let mut all = attributes(engine, &queue.name)?;
    let defaults = [
        ("VisibilityTimeout", queue.settings.visibility_seconds),
        ("MessageRetentionPeriod", queue.settings.retention_seconds),
        ("ReceiveMessageWaitTimeSeconds", queue.settings.wait_seconds),
        ("DelaySeconds", queue.settings.delay_seconds),
        ("MaximumMessageSize", queue.settings.most_bytes as u32),
    ];
    for (name, value) in defaults {
        all.entry(name.to_owned()).or_insert(value.to_string());
    }
    super::receive::forget_old(engine, &queue)?;
    let now = engine.clock.epoch_seconds();
    let counts: [i64; 3] = engine.storage.conn().query_row(
        COUNTS,
        params![queue.name, now, now - engine.options.counts_lag.as_secs_f64()],
        |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]),
    )?;
    let names =
        ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];
    all.extend(names.into_iter().map(str::to_owned).zip(counts.map(|count| count.to_string())));
    let sql = "SELECT created_at FROM \"::queues\" WHERE name = ?1";
    let created_at: f64 = engine.storage.conn().query_row(sql, [&queue.name], |row| row.get(0))?;
    all.insert("CreatedTimestamp".to_owned(), (created_at as i64).to_string());
    all.insert("QueueArn".to_owned(), arn(&queue.name));
    all.retain(|name, _| wanted.iter().any(|it| it == "All" || it == name));
    write(&json!({ "Attributes": all }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Set {
    attributes: Attributes,
}

pub(super) fn set(engine: &Engine, body: &[u8]) -> Answer {
    let (Set { attributes: given }, Queue { name, .. }) = with_queue(engine, body)?;
    let mut attributes = attributes(engine, &name)?;
    attributes.extend(given);
    check(engine, &attributes)?;
    let json = serde_json::to_string(&attributes).map_err(Fault::internal)?;
    engine.storage.conn().execute("UPDATE \"::queues\" SET attributes = ?2 WHERE name = ?1", [name, json])?;
    Ok(b"{}".to_vec())
}

pub(super) fn purge(engine: &Engine, body: &[u8]) -> Answer {
    /// AWS: "Only one PurgeQueue operation on a queue is allowed every 60 seconds".
    const BETWEEN_SECONDS: f64 = 60.0;
    let (OfQueue { .. }, Queue { name, .. }) = with_queue(engine, body)?;
    let (connection, now) = (engine.storage.conn(), engine.clock.epoch_seconds());
    let sql = "UPDATE \"::queues\" SET purged_at = ?2 WHERE name = ?1 AND ifnull(purged_at, 0) <= ?3";
    if connection.execute(sql, params![name, now, now - BETWEEN_SECONDS])? == 0 {
        let message = "Only one PurgeQueue operation on a queue is allowed every 60 seconds.";
        return Err(Fault::service("PurgeQueueInProgress", message));
    }
    connection.execute("DELETE FROM \"::messages\" WHERE queue = ?1", [name])?;
    Ok(b"{}".to_vec())
}

/// Refuses attributes that are wrong, and a dead-letter queue that isn't there.
fn check(engine: &Engine, attributes: &Attributes) -> Answer<()> {
    let settings = Settings::read(attributes)?;
    match settings.redrive {
        Some(redrive) => queue(engine, &redrive.dead_letter_target_arn).map(drop),
        None => Ok(()),
    }
}

fn attributes(engine: &Engine, queue: &str) -> Answer<Attributes> {
    let sql = "SELECT attributes FROM \"::queues\" WHERE name = ?1";
    let json: String = engine.storage.conn().query_row(sql, [queue], |row| row.get(0))?;
    serde_json::from_str(&json).map_err(Fault::internal)
}

fn attribute_value(name: &str) -> Fault {
    Fault::service("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
}

/// AWS takes the count as a number and as a text.
fn number_or_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(from)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| serde::de::Error::custom("expected a count from 1 to 1,000"))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::TABLES;
    use super::*;

    #[test]
    fn messages_are_counted_without_being_read() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(TABLES).unwrap();
        let explained = format!("EXPLAIN QUERY PLAN {COUNTS}");
        let plan: String = conn.query_row(&explained, params!["q", 0.0, 0.0], |row| row.get("detail")).unwrap();
        assert_eq!(plan, "SEARCH ::messages USING COVERING INDEX ::message_visibility (queue=?)");
    }
}
