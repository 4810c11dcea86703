//! ExportTableToPointInTime: all items of a table as they stand when it is asked for, in S3's objects and in the layout
//! of "DynamoDB table export output format". It takes none of the table's capacity, and needs point-in-time recovery.

mod layout;

use rusqlite::{OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Value, json};

use self::layout::{Export, Object};
use crate::Embedded;
use crate::control::{description, table};
use crate::engine::Engine;
use crate::error::Result;
use crate::reply::{Answer, Fault};
use crate::wire::{ARN_PREFIX, parse, write_with_arns};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS \"::exports\" (arn TEXT PRIMARY KEY, table_arn TEXT NOT NULL, token TEXT,
        asked_at REAL NOT NULL, completes_at REAL NOT NULL, description TEXT NOT NULL);";
/// AWS: "A client token is valid for 8 hours after the first request that uses it is completed".
const TOKEN_SECONDS: f64 = 8.0 * 3_600.0;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ask {
    table_arn: String,
    s3_bucket: String,
    s3_prefix: Option<String>,
    client_token: Option<String>,
    export_time: Option<f64>,
    export_format: Option<String>,
    export_type: Option<String>,
}

/// Prepares a file that was just opened.
pub(crate) fn prepare(engine: &Engine) -> Result<()> {
    Ok(engine.storage.conn().execute_batch(TABLE)?)
}

/// Begins an export: its objects are written before this comes back, though nobody is told yet that they are there.
pub(crate) async fn begin(embedded: &Embedded, body: Vec<u8>) -> Answer {
    let begun = embedded.with_engine(move |engine| {
        engine.recover()?;
        begin_in(engine, parse(&body)?)
    });
    let (description, bucket, objects) = begun.await.map_err(Fault::internal)??;
    let store = embedded.bucket(&bucket).map_err(|error| Fault::validation(error.to_string()))?;
    for Object { key, content } in objects {
        store.put(&key, content).await.map_err(Fault::internal)?;
    }
    write_with_arns(&json!({ "ExportDescription": description }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    export_arn: String,
}

pub(crate) fn describe(engine: &Engine, body: &[u8]) -> Answer {
    let Named { export_arn } = parse(body)?;
    let sql = "SELECT description, completes_at FROM \"::exports\" WHERE arn = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?));
    let found = engine.storage.conn().query_row(sql, [&export_arn], row).optional()?;
    let missing = || Fault::service("ExportNotFoundException", format!("Export not found: {export_arn}"));
    let (description, completes_at) = found.ok_or_else(missing)?;
    write_with_arns(&json!({ "ExportDescription": as_of_now(engine, &description, completes_at)? }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    table_arn: Option<String>,
}

pub(crate) fn list(engine: &Engine, body: &[u8]) -> Answer {
    let List { table_arn } = parse(body)?;
    let sql =
        "SELECT description, completes_at FROM \"::exports\" WHERE ?1 IS NULL OR table_arn = ?1 ORDER BY arn DESC";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let mut rows = statement.query([table_arn])?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next()? {
        let description = as_of_now(engine, &row.get::<_, String>(0)?, row.get(1)?)?;
        summaries.push(json!({
            "ExportArn": description["ExportArn"],
            "ExportStatus": description["ExportStatus"],
            "ExportType": description["ExportType"],
        }));
    }
    write_with_arns(&json!({ "ExportSummaries": summaries }))
}

/// The description, the bucket and the objects of an export; without objects where it was begun before.
fn begin_in(engine: &mut Engine, ask: Ask) -> Answer<(Value, String, Vec<Object>)> {
    let name = ask.table_arn.strip_prefix(ARN_PREFIX).and_then(|it| it.strip_prefix("table/")).unwrap_or_default();
    let name = name.to_owned();
    let settings = &table(engine, &name)?.settings;
    if settings.point_in_time_recovery.is_none() {
        let message = format!("Point in time recovery is not enabled for table '{name}'");
        return Err(Fault::service("PointInTimeRecoveryUnavailableException", message));
    }
    let is_other = |given: &Option<String>, here: &str| given.as_ref().is_some_and(|it| it != here);
    if is_other(&ask.export_format, "DYNAMODB_JSON") || is_other(&ask.export_type, "FULL_EXPORT") {
        return Err(Fault::validation("only full exports in DYNAMODB_JSON are here"));
    }
    let now = engine.clock.epoch_seconds();
    // The request has whole seconds, or milliseconds.
    if ask.export_time.is_some_and(|at| (now - at).abs() > 1.0) {
        return Err(Fault::service("InvalidExportTimeException", "only the present can be exported here"));
    }
    if let Some(token) = &ask.client_token
        && let Some(known) = by_token(engine, token, now)?
    {
        return Ok((known, ask.s3_bucket, Vec::new()));
    }
    let request = serde_json::from_value(json!({ "TableName": name })).map_err(Fault::internal)?;
    let described = description(engine, request)?;
    let sql = "SELECT count(*) FROM \"::exports\"";
    let number: i64 = engine.storage.conn().query_row(sql, [], |row| row.get(0))?;
    let completes_at = now + engine.options.export_takes.as_secs_f64();
    let export = Export {
        id: format!("{:014}-{number:08x}", (now * 1e3) as u64),
        table: name,
        table_arn: ask.table_arn,
        table_id: described["TableId"].clone(),
        bucket: ask.s3_bucket,
        prefix: ask.s3_prefix,
        at: now,
        completes_at,
    };
    let (objects, description) = layout::write(engine, &export, ask.client_token.as_deref())?;
    let sql = "INSERT INTO \"::exports\" (arn, table_arn, token, asked_at, completes_at, description) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![export.arn(), export.table_arn, ask.client_token, now, completes_at, description.to_string()];
    engine.storage.conn().execute(sql, values)?;
    // Even one that takes no time is told of as begun first.
    let description = as_of(&description, false);
    Ok((description, export.bucket, objects))
}

fn by_token(engine: &Engine, token: &str, now: f64) -> Answer<Option<Value>> {
    let sql = "SELECT description, completes_at FROM \"::exports\" WHERE token = ?1 AND asked_at > ?2";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?));
    let found = engine.storage.conn().query_row(sql, params![token, now - TOKEN_SECONDS], row).optional()?;
    found.map(|(description, completes_at)| as_of_now(engine, &description, completes_at)).transpose()
}

fn as_of_now(engine: &Engine, description: &str, completes_at: f64) -> Answer<Value> {
    let description = serde_json::from_str(description).map_err(Fault::internal)?;
    Ok(as_of(&description, engine.clock.epoch_seconds() >= completes_at))
}

/// What is told while an export goes on, and when it is complete.
fn as_of(description: &Value, is_complete: bool) -> Value {
    let mut description = description.clone();
    if let Some(members) = description.as_object_mut().filter(|_| !is_complete) {
        for member in ["EndTime", "ExportManifest", "ItemCount", "BilledSizeBytes"] {
            members.remove(member);
        }
    }
    description["ExportStatus"] = json!(if is_complete { "COMPLETED" } else { "IN_PROGRESS" });
    description
}
