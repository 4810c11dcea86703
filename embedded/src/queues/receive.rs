//! ReceiveMessage: the first messages of the groups that have none in flight.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::send::{digest, id, sequence_number};
use super::{Queue, arn, invalid, queue, seconds};
use crate::engine::Engine;
use crate::reply::Answer;
use crate::wire::ACCOUNT;

/// AWS: a FIFO queue has "a maximum of 120,000 in flight messages"; no more come, and no error says so.
const MOST_IN_FLIGHT: i64 = 120_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    max_number_of_messages: Option<u32>,
    visibility_timeout: Option<u32>,
    wait_time_seconds: Option<u32>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
}

/// A message that is in flight with whoever got it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    number: i64,
    group: String,
    deduplication: String,
    pub(crate) body: String,
    sent_at: f64,
    first_received_at: f64,
    receives: i64,
    came_from: Option<String>,
}

/// What a queue gave, or when it may next have something to give.
pub(crate) enum Received {
    Messages(Vec<Message>),
    /// `None` where no message waits for its time.
    Nothing {
        next_in: Option<Duration>,
    },
}

impl Received {
    pub(crate) fn messages(&self) -> Option<&[Message]> {
        match self {
            Self::Messages(messages) => Some(messages),
            Self::Nothing { .. } => None,
        }
    }

    pub(crate) fn next_in(&self) -> Option<Duration> {
        match self {
            Self::Messages(_) => None,
            Self::Nothing { next_in } => *next_in,
        }
    }
}

impl Request {
    pub(super) fn most(&self) -> Answer<usize> {
        match self.max_number_of_messages.unwrap_or(1) {
            most @ 1..=10 => Ok(most as usize),
            _ => Err(invalid("MaxNumberOfMessages must be between 1 and 10")),
        }
    }

    pub(super) fn timeout_seconds(&self, queue: &Queue) -> Answer<u32> {
        super::visibility::checked(self.visibility_timeout.unwrap_or(queue.settings.visibility_seconds))
    }

    pub(super) fn wait(&self, queue: &Queue) -> Answer<Duration> {
        match self.wait_time_seconds.unwrap_or(queue.settings.wait_seconds) {
            wait @ 0..=20 => Ok(seconds(wait)),
            _ => Err(invalid("WaitTimeSeconds must be between 0 and 20")),
        }
    }

    /// A message with the attributes that were asked for.
    pub(super) fn described(&self, message: &Message) -> Value {
        let mut attributes = message.attributes();
        let wanted = |name: &str| {
            let mut names = self.attribute_names.iter().chain(&self.message_system_attribute_names);
            names.any(|it| it == "All" || it == name)
        };
        if let Some(attributes) = attributes.as_object_mut() {
            attributes.retain(|name, _| wanted(name));
        }
        json!({
            "MessageId": message.id(),
            "ReceiptHandle": message.receipt(),
            "MD5OfBody": digest(&message.body),
            "Body": message.body,
            "Attributes": attributes,
        })
    }
}

impl Message {
    pub(crate) fn id(&self) -> String {
        id(self.number)
    }

    /// What its receiver names it by, until it is received again.
    pub(crate) fn receipt(&self) -> String {
        format!("{}.{}", self.number, self.receives)
    }

    pub(crate) fn digest(&self) -> String {
        digest(&self.body)
    }

    /// Its system attributes.
    pub(crate) fn attributes(&self) -> Value {
        let ms = |seconds: f64| ((seconds * 1e3) as i64).to_string();
        let mut attributes = json!({
            "ApproximateReceiveCount": self.receives.to_string(),
            "SentTimestamp": ms(self.sent_at),
            "SequenceNumber": sequence_number(self.number),
            "MessageGroupId": self.group,
            "SenderId": ACCOUNT,
            "MessageDeduplicationId": self.deduplication,
            "ApproximateFirstReceiveTimestamp": ms(self.first_received_at),
        });
        if let Some(queue) = &self.came_from {
            attributes["DeadLetterQueueSourceArn"] = json!(arn(queue));
        }
        attributes
    }
}

/// Takes up to so many messages; they are in flight for so long.
pub(crate) fn receive(engine: &Engine, from: &Queue, most: usize, timeout_seconds: u32) -> Answer<Received> {
    forget_old(engine, from)?;
    let (connection, now) = (engine.storage.conn(), engine.clock.epoch_seconds());
    let sql = "SELECT count(*), min(visible_at) FROM \"::messages\" WHERE queue = ?1 AND visible_at > ?2";
    let hidden = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (hidden, next): (i64, Option<f64>) =
        connection.prepare_cached(sql)?.query_row(params![from.name, now], hidden)?;
    let mut messages = Vec::new();
    while messages.is_empty() && hidden < MOST_IN_FLIGHT {
        let candidates = candidates(engine, from, most)?;
        if candidates.is_empty() {
            break;
        }
        for mut message in candidates {
            if let Some(redrive) = &from.settings.redrive
                && message.receives >= redrive.max_receive_count.into()
            {
                let target = queue(engine, &redrive.dead_letter_target_arn)?;
                let sql = "UPDATE \"::messages\" SET queue = ?2, came_from = ?3, sent_at = ?4 WHERE number = ?1";
                connection.prepare_cached(sql)?.execute(params![message.number, target.name, from.name, now])?;
                continue;
            }
            message.receives += 1;
            let sql = "UPDATE \"::messages\" SET visible_at = ?2, receives = receives + 1, \
                       first_received_at = ifnull(first_received_at, ?3) WHERE number = ?1";
            let visible_at = now + f64::from(timeout_seconds);
            connection.prepare_cached(sql)?.execute(params![message.number, visible_at, now])?;
            messages.push(message);
        }
    }
    if !messages.is_empty() {
        return Ok(Received::Messages(messages));
    }
    // Past that moment, not just before it: the clock of the runtime ticks in milliseconds.
    let next_in = next.map(|next| Duration::from_secs_f64((next - now).max(0.0)) + Duration::from_millis(1));
    Ok(Received::Nothing { next_in })
}

/// Drops the messages that have been kept for as long as they are.
pub(super) fn forget_old(engine: &Engine, queue: &Queue) -> Answer<()> {
    let oldest = engine.clock.epoch_seconds() - f64::from(queue.settings.retention_seconds);
    let (connection, sql) =
        (engine.storage.conn(), "SELECT sent_at FROM \"::messages\" WHERE queue = ?1 ORDER BY number LIMIT 1");
    let first: Option<f64> = connection.prepare_cached(sql)?.query_row([&queue.name], |row| row.get(0)).optional()?;
    if first.is_some_and(|sent_at| sent_at < oldest) {
        let sql = "DELETE FROM \"::messages\" WHERE queue = ?1 AND sent_at < ?2";
        connection.prepare_cached(sql)?.execute(params![queue.name, oldest])?;
    }
    Ok(())
}

/// The next messages in their order, of groups that have none in flight. By that order's index: SQLite would take that of
/// visibility, and sort the whole queue for every ten messages.
fn candidates(engine: &Engine, queue: &Queue, most: usize) -> Answer<Vec<Message>> {
    let sql = "SELECT number, message_group, deduplication, body, sent_at, ifnull(first_received_at, ?2), receives, \
                   came_from \
               FROM \"::messages\" INDEXED BY \"::message_order\" \
               WHERE queue = ?1 AND visible_at <= ?2 AND message_group NOT IN \
                   (SELECT message_group FROM \"::messages\" WHERE queue = ?1 AND visible_at > ?2) \
               ORDER BY number LIMIT ?3";
    let now = engine.clock.epoch_seconds();
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let message = |row: &rusqlite::Row<'_>| {
        Ok(Message {
            number: row.get(0)?,
            group: row.get(1)?,
            deduplication: row.get(2)?,
            body: row.get(3)?,
            sent_at: row.get(4)?,
            first_received_at: row.get(5)?,
            receives: row.get(6)?,
            came_from: row.get(7)?,
        })
    };
    let rows = statement.query_map(params![queue.name, now, most as i64], message)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
