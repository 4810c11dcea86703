//! SQS's FIFO queues, kept in the database file: a message that was sent outlives the process.
//!
//! Messages of one group come in the order in which they were sent, and while one of them is in flight none of its
//! group comes at all. What was sent under a deduplication id within five minutes is not sent again. A message whose
//! visibility timeout has passed comes again; one that has come too often goes to the dead-letter queue.

mod attributes;
pub(crate) mod receive;
mod send;
mod visibility;

use std::time::Duration;

use dynoxide::DynoxideError;
use rusqlite::OptionalExtension;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::attributes::Settings;
pub(crate) use self::send::put;
pub(crate) use self::visibility::remove;
use crate::Embedded;
use crate::engine::Engine;
use crate::error::Result;
use crate::reply::{Answer, Fault, Reply};
use crate::request::Request;
use crate::wire::{ACCOUNT, REGION};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS \"::queues\" (name TEXT PRIMARY KEY, attributes TEXT NOT NULL,
        created_at REAL NOT NULL, purged_at REAL);
    CREATE TABLE IF NOT EXISTS \"::messages\" (number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL,
        message_group TEXT NOT NULL, deduplication TEXT NOT NULL, body TEXT NOT NULL, sent_at REAL NOT NULL,
        visible_at REAL NOT NULL, receives INTEGER NOT NULL DEFAULT 0, first_received_at REAL, came_from TEXT);
    CREATE INDEX IF NOT EXISTS \"::message_order\" ON \"::messages\" (queue, number);
    CREATE INDEX IF NOT EXISTS \"::message_visibility\" ON \"::messages\" (queue, visible_at, message_group, receives,
        sent_at);
    CREATE TABLE IF NOT EXISTS \"::deduplications\" (queue TEXT NOT NULL, message_group TEXT NOT NULL,
        id TEXT NOT NULL, number INTEGER NOT NULL, until REAL NOT NULL, PRIMARY KEY (queue, message_group, id));";

/// A queue that stands.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) settings: Settings,
}

/// Prepares a file that was just opened.
pub(crate) fn prepare(engine: &Engine) -> Result<()> {
    Ok(engine.storage.conn().execute_batch(TABLES)?)
}

/// Answers one request. A ReceiveMessage waits for its messages as long as it was told to.
pub(crate) async fn answer(embedded: &Embedded, request: Request) -> Reply {
    let Request { operation, body, .. } = request;
    if operation == "ReceiveMessage" {
        return reply(receive_waiting(embedded, body).await);
    }
    let answer = embedded.with_engine(move |engine| (run(engine, &operation, &body), operation)).await;
    let Ok((answer, operation)) = answer else { return reply(Err(Fault::internal("the request failed"))) };
    if !operation.starts_with("Get") && !operation.starts_with("List") {
        embedded.queues_changed();
    }
    reply(answer)
}

/// A refusal as SQS writes it.
pub(crate) fn refusal(code: &str, message: &str) -> Reply {
    // Clients know most of these by the names that they had in the protocol before this one.
    let known_as = match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "MessageNotInflight"
        | "PurgeQueueInProgress"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => {
            format!("AWS.SimpleQueueService.{code}")
        }
        same => same.to_owned(),
    };
    let body = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": message });
    let headers = vec![("x-amzn-query-error", format!("{known_as};Sender"))];
    Reply { headers, ..Reply::json(400, body.to_string().into_bytes()) }
}

/// The ARN of a queue.
pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The queue of an ARN or of a URL, or under a name.
pub(crate) fn queue(engine: &Engine, named: &str) -> Answer<Queue> {
    let name = named.rsplit([':', '/']).next().unwrap_or_default();
    let sql = "SELECT attributes FROM \"::queues\" WHERE name = ?1";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let attributes: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
    let attributes =
        attributes.ok_or_else(|| Fault::service("QueueDoesNotExist", "The specified queue does not exist."))?;
    let settings = Settings::read(&serde_json::from_str(&attributes).map_err(Fault::internal)?)?;
    Ok(Queue { name: name.to_owned(), settings })
}

pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::service("InvalidParameterValue", message)
}

fn url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

fn run(engine: &mut Engine, operation: &str, body: &[u8]) -> Answer {
    engine.recover()?;
    match operation {
        "CreateQueue" => attributes::create(engine, body),
        "DeleteQueue" => attributes::delete(engine, body),
        "GetQueueUrl" => attributes::url_of(engine, body),
        "ListQueues" => attributes::list(engine, body),
        "GetQueueAttributes" => attributes::get(engine, body),
        "SetQueueAttributes" => attributes::set(engine, body),
        "PurgeQueue" => attributes::purge(engine, body),
        "SendMessage" => send::one(engine, body),
        "SendMessageBatch" => send::batch(engine, body),
        "DeleteMessage" => visibility::delete(engine, body),
        "DeleteMessageBatch" => visibility::delete_batch(engine, body),
        "ChangeMessageVisibility" => visibility::change(engine, body),
        "ChangeMessageVisibilityBatch" => visibility::change_batch(engine, body),
        _ => Err(Fault::unknown_operation()),
    }
}

fn reply(answer: Answer) -> Reply {
    match answer {
        Ok(body) => Reply::json(200, body),
        Err(Fault::Service { code, message, .. }) if !code.ends_with("Exception") => refusal(code, &message),
        Err(Fault::Engine(error)) => match *error {
            // Of a request that can't be read, in SQS's words.
            DynoxideError::ValidationException(message) | DynoxideError::SerializationException(message) => {
                refusal("InvalidParameterValue", &message)
            }
            other => Fault::from(other).into_reply(),
        },
        Err(fault) => fault.into_reply(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

/// Reads a request about a queue, and the queue.
fn with_queue<T: serde::de::DeserializeOwned>(engine: &Engine, body: &[u8]) -> Answer<(T, Queue)> {
    let OfQueue { queue_url } = crate::wire::parse(body)?;
    Ok((crate::wire::parse(body)?, queue(engine, &queue_url)?))
}

async fn receive_waiting(embedded: &Embedded, body: Vec<u8>) -> Answer {
    let begun = Instant::now();
    let mut changes = embedded.queue_changes();
    loop {
        changes.mark_unchanged();
        let asked = body.clone();
        let received = embedded.with_engine(move |engine| {
            engine.recover()?;
            let (request, queue): (receive::Request, Queue) = with_queue(engine, &asked)?;
            let wait = request.wait(&queue)?;
            let received = receive::receive(engine, &queue, request.most()?, request.timeout_seconds(&queue)?)?;
            Ok::<_, Fault>((request, wait, received))
        });
        let (request, wait, received) = received.await.map_err(Fault::internal)??;
        if let Some(messages) = received.messages() {
            let messages: Vec<Value> = messages.iter().map(|message| request.described(message)).collect();
            return crate::wire::write(&json!({ "Messages": messages }));
        }
        let until = begun + wait;
        if Instant::now() >= until {
            return Ok(b"{}".to_vec());
        }
        let next = received.next_in().map_or(until, |next| (Instant::now() + next).min(until));
        wait_for(&mut changes, next).await;
    }
}

/// Waits until something may have become different: by a request, or by time.
pub(crate) async fn wait_for(changes: &mut tokio::sync::watch::Receiver<u64>, until: Instant) {
    tokio::select! {
        biased;
        // Its sender goes with the database; then there is nothing to wait for but the time.
        Ok(()) = changes.changed() => {}
        () = tokio::time::sleep_until(until) => {}
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
