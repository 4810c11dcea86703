//! Event source mappings: what carries the records of a stream, or the messages of a queue, to a function.
//!
//! A mapping and how far it has come stand in the database file, so it goes on where it was when the process comes
//! back and its function is registered again. Each record is delivered at least once: where a process, an answer or
//! a mapping is lost between a function's work and the note of it, the same records come again.

mod attend;
mod batch;
mod positions;
mod queue;
mod requests;
mod response;
mod stream;

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::attend::{Attended, attend_all};
use crate::Embedded;
use crate::engine::Engine;
use crate::error::Result;
use crate::functions::{self, json_reply, refusal};
use crate::reply::{Answer, Fault, Reply};
use crate::request::Request;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS \"::mappings\" (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS \"::positions\" (mapping INTEGER NOT NULL, shard TEXT NOT NULL, lane INTEGER NOT NULL,
        after INTEGER NOT NULL, is_done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mapping, shard, lane));";

/// A mapping as it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mapping {
    #[serde(skip)]
    number: i64,
    source_arn: String,
    function: String,
    is_enabled: bool,
    /// What it is about to be; until `settles_at` it says so.
    transition: Transition,
    /// In seconds since the epoch, as all times here.
    settles_at: f64,
    changed_at: f64,
    batch_size: u32,
    window_seconds: u32,
    /// Of a stream: how many batches of a shard are under way at a time.
    lanes: u32,
    starting_position: Option<String>,
    /// The last number that the stream had given when the mapping was made: behind it begins LATEST.
    latest_after: i64,
    bisects: bool,
    /// -1 for no bound, as the service writes it.
    most_retries: i64,
    /// -1 for no bound but the stream's.
    most_age_seconds: i64,
    reports_failures: bool,
    /// Of a queue: how many invocations there are at a time.
    most_concurrent: Option<u32>,
    /// Where what was given up is told of.
    on_failure: Option<String>,
    last_result: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Transition {
    Creating,
    Enabling,
    Disabling,
    Updating,
    Deleting,
}

/// Prepares a file that was just opened.
pub(crate) fn prepare(engine: &Engine) -> Result<()> {
    Ok(engine.storage.conn().execute_batch(TABLES)?)
}

/// Answers one request.
pub(crate) async fn answer(embedded: &Embedded, request: Request) -> Reply {
    let changes = !matches!(request.operation.as_str(), "GetEventSourceMapping" | "ListEventSourceMappings");
    let handle = embedded.clone();
    let answer = embedded.with_engine(move |engine| requests::run(&handle, engine, request)).await;
    if changes {
        embedded.mappings_changed();
        attend_all(embedded);
    }
    match answer {
        Ok(Ok((status, body))) => json_reply(status, body.to_string().into_bytes()),
        Ok(Err(Fault::Service { code, message, .. })) => refusal(status_of(code), code, &message),
        Ok(Err(Fault::Engine(error))) if error.status_code() == 400 => {
            refusal(400, "InvalidParameterValueException", &error.to_string())
        }
        Ok(Err(_)) | Err(_) => refusal(500, "ServiceException", "the request failed inside the database"),
    }
}

fn status_of(code: &str) -> u16 {
    match code {
        "ResourceNotFoundException" => 404,
        "ResourceConflictException" => 409,
        _ => 400,
    }
}

impl Mapping {
    fn uuid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.number)
    }

    fn is_of_stream(&self) -> bool {
        !self.source_arn.starts_with("arn:aws:sqs:")
    }

    /// Whether it delivers anything at this moment: what is being switched off or changed goes on until it is.
    fn is_active(&self, now: f64) -> bool {
        match self.transition {
            Transition::Disabling if now < self.settles_at => true,
            Transition::Updating => self.is_enabled,
            _ => self.is_enabled && now >= self.settles_at,
        }
    }

    fn state(&self, now: f64) -> &'static str {
        match self.transition {
            Transition::Deleting => "Deleting",
            Transition::Creating if now < self.settles_at => "Creating",
            Transition::Enabling if now < self.settles_at => "Enabling",
            Transition::Disabling if now < self.settles_at => "Disabling",
            Transition::Updating if now < self.settles_at => "Updating",
            _ if self.is_enabled => "Enabled",
            _ => "Disabled",
        }
    }

    /// As the service describes it.
    fn described(&self, now: f64) -> Value {
        let mut described = json!({
            "UUID": self.uuid(),
            "EventSourceArn": self.source_arn,
            "FunctionArn": functions::arn(&self.function),
            "State": self.state(now),
            "StateTransitionReason": "User action",
            "LastModified": self.changed_at,
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.window_seconds,
            "FunctionResponseTypes": if self.reports_failures { json!(["ReportBatchItemFailures"]) } else { json!([]) },
        });
        if self.is_of_stream() {
            // AWS tells it of streams only.
            described["LastProcessingResult"] = json!(self.last_result.as_deref().unwrap_or("No records processed"));
            described["ParallelizationFactor"] = json!(self.lanes);
            described["StartingPosition"] = json!(self.starting_position);
            described["BisectBatchOnFunctionError"] = json!(self.bisects);
            described["MaximumRetryAttempts"] = json!(self.most_retries);
            described["MaximumRecordAgeInSeconds"] = json!(self.most_age_seconds);
        }
        if let Some(target) = &self.on_failure {
            described["DestinationConfig"] = json!({ "OnFailure": { "Destination": target } });
        }
        if let Some(most) = self.most_concurrent {
            described["ScalingConfig"] = json!({ "MaximumConcurrency": most });
        }
        described
    }
}

fn find(engine: &Engine, number: i64) -> Answer<Option<Mapping>> {
    let sql = "SELECT number, body FROM \"::mappings\" WHERE number = ?1";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    statement.query_row([number], columns).optional()?.map(read).transpose()
}

/// All mappings; those whose deletion is over are forgotten.
fn all(engine: &Engine) -> Answer<Vec<Mapping>> {
    let mut statement =
        engine.storage.conn().prepare_cached("SELECT number, body FROM \"::mappings\" ORDER BY number")?;
    let rows: Vec<_> = statement.query_map([], columns)?.collect::<rusqlite::Result<_>>()?;
    let mut mappings: Vec<Mapping> = rows.into_iter().map(read).collect::<Answer<_>>()?;
    let now = engine.clock.epoch_seconds();
    let is_gone = |it: &mut Mapping| it.transition == Transition::Deleting && now >= it.settles_at;
    for gone in mappings.extract_if(.., is_gone) {
        for (table, column) in [("mappings", "number"), ("positions", "mapping")] {
            let sql = format!("DELETE FROM \"::{table}\" WHERE {column} = ?1");
            engine.storage.conn().execute(&sql, [gone.number])?;
        }
    }
    Ok(mappings)
}

fn save(engine: &Engine, mapping: &Mapping) -> Answer<()> {
    let body = serde_json::to_string(mapping).map_err(Fault::internal)?;
    let sql = "UPDATE \"::mappings\" SET body = ?2 WHERE number = ?1";
    engine.storage.conn().prepare_cached(sql)?.execute(params![mapping.number, body])?;
    Ok(())
}

/// Notes how the last invocation ended.
fn note(engine: &Engine, number: i64, is_well: bool) -> Answer<()> {
    let Some(mapping) = find(engine, number)? else { return Ok(()) };
    let last_result = if is_well { "OK" } else { "PROBLEM: Function call failed" };
    match mapping.last_result.as_deref() == Some(last_result) {
        true => Ok(()),
        false => save(engine, &Mapping { last_result: Some(last_result.to_owned()), ..mapping }),
    }
}

fn columns(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn read((number, body): (i64, String)) -> Answer<Mapping> {
    let mapping: Mapping = serde_json::from_str(&body).map_err(Fault::internal)?;
    Ok(Mapping { number, ..mapping })
}
