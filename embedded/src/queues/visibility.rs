//! What becomes of a message in flight: deleted when it is done with, or hidden for another while. Only whoever
//! received it last may say, and only until its visibility timeout has passed.

use rusqlite::params;
use serde::Deserialize;
use serde_json::json;

use super::send::{check_entries, failure};
use super::{Queue, invalid, with_queue};
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::wire::write;

/// AWS: 12 hours.
const MOST_SECONDS: u32 = 43_200;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    id: String,
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    entries: Vec<Entry>,
}

pub(super) fn delete(engine: &Engine, body: &[u8]) -> Answer {
    let (entry, queue): (Entry, Queue) = with_queue(engine, body)?;
    remove(engine, &queue, &entry.receipt_handle)?;
    Ok(b"{}".to_vec())
}

pub(super) fn delete_batch(engine: &Engine, body: &[u8]) -> Answer {
    each(engine, body, |queue, entry| remove(engine, queue, &entry.receipt_handle))
}

pub(super) fn change(engine: &Engine, body: &[u8]) -> Answer {
    let (entry, queue): (Entry, Queue) = with_queue(engine, body)?;
    hide(engine, &queue, &entry)?;
    Ok(b"{}".to_vec())
}

pub(super) fn change_batch(engine: &Engine, body: &[u8]) -> Answer {
    each(engine, body, |queue, entry| hide(engine, queue, entry))
}

pub(super) fn checked(timeout_seconds: u32) -> Answer<u32> {
    match timeout_seconds {
        timeout @ 0..=MOST_SECONDS => Ok(timeout),
        _ => Err(invalid(format!("VisibilityTimeout must be between 0 and {MOST_SECONDS}"))),
    }
}

/// Deletes a message by its receipt. It is no error if it was deleted before.
pub(crate) fn remove(engine: &Engine, queue: &Queue, receipt: &str) -> Answer<()> {
    let Some(number) = held(engine, queue, receipt)? else { return Ok(()) };
    engine.storage.conn().prepare_cached("DELETE FROM \"::messages\" WHERE number = ?1")?.execute([number])?;
    Ok(())
}

fn each(engine: &Engine, body: &[u8], run: impl Fn(&Queue, &Entry) -> Answer<()>) -> Answer {
    let (Batch { entries }, queue) = with_queue(engine, body)?;
    check_entries(entries.iter().map(|entry| entry.id.as_str()))?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match run(&queue, &entry) {
            Ok(()) => successful.push(json!({ "Id": entry.id })),
            Err(fault) => failed.push(failure(&entry.id, fault)?),
        }
    }
    write(&json!({ "Successful": successful, "Failed": failed }))
}

fn hide(engine: &Engine, queue: &Queue, entry: &Entry) -> Answer<()> {
    let timeout = f64::from(checked(entry.visibility_timeout)?);
    let number = held(engine, queue, &entry.receipt_handle)?
        .ok_or_else(|| Fault::service("MessageNotInflight", "The specified message isn't in flight."))?;
    let visible_at = engine.clock.epoch_seconds() + timeout;
    let sql = "UPDATE \"::messages\" SET visible_at = ?2 WHERE number = ?1";
    engine.storage.conn().prepare_cached(sql)?.execute(params![number, visible_at])?;
    Ok(())
}

/// The number of the message that a receipt is for; `None` where it is gone.
fn held(engine: &Engine, queue: &Queue, receipt: &str) -> Answer<Option<i64>> {
    use rusqlite::OptionalExtension;
    let parts = receipt
        .split_once('.')
        .and_then(|(number, receives)| Some((number.parse::<i64>().ok()?, receives.parse::<i64>().ok()?)));
    let Some((number, receives)) = parts else {
        let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
        return Err(Fault::service("ReceiptHandleIsInvalid", message));
    };
    let sql = "SELECT receives, visible_at FROM \"::messages\" WHERE number = ?1 AND queue = ?2";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let row =
        statement.query_row(params![number, queue.name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
    match row.optional()? {
        None => Ok(None),
        Some((last, visible_at)) if last == receives && visible_at > engine.clock.epoch_seconds() => Ok(Some(number)),
        Some(_) => Err(invalid(format!(
            "Value {receipt} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        ))),
    }
}
