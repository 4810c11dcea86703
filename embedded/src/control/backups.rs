//! On-demand backups: a copy of the items in the same database file, and of what the table was.
//!
//! A backup is AVAILABLE at once. It keeps keys, indexes, units and billing mode; as on AWS it keeps no tags, no
//! stream and no time to live. Restoring makes a new table and its indexes from the copy.

use rusqlite::{OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::continuous::table;
use super::tables::{answer_with, description};
use crate::engine::{Engine, quoted};
use crate::reply::{Answer, Fault};
use crate::wire::{ARN_PREFIX, parse, write_with_arns};
use crate::{load, schema};

/// The columns of the engine's item tables.
const COLUMNS: &str = "pk, sk, item_json, item_size, cached_at, hash_prefix";
/// Items that a restore takes up at once.
const RESTORED_AT_ONCE: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    table_name: String,
    backup_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfBackup {
    backup_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    table_name: Option<String>,
    limit: Option<usize>,
    exclusive_start_backup_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Restore {
    target_table_name: String,
    backup_arn: String,
    billing_mode_override: Option<Value>,
    provisioned_throughput_override: Option<Value>,
    global_secondary_index_override: Option<Value>,
    local_secondary_index_override: Option<Value>,
}

pub(crate) fn create(engine: &mut Engine, body: &[u8]) -> Answer {
    let Create { table_name, backup_name } = parse(body)?;
    table(engine, &table_name)?;
    let request = serde_json::from_value(json!({ "TableName": table_name })).map_err(Fault::internal)?;
    let described = description(engine, request)?;
    let now = engine.clock.epoch_seconds();
    let number = number_of_next(engine)?;
    let arn = format!("{ARN_PREFIX}table/{table_name}/backup/{:013}-{number:08x}", (now * 1_000.0) as u64);
    let details = json!({
        "BackupArn": arn,
        "BackupName": backup_name,
        "BackupSizeBytes": described["TableSizeBytes"],
        "BackupStatus": "AVAILABLE",
        "BackupType": "USER",
        "BackupCreationDateTime": now,
    });
    let copy = quoted(&format!("::backup::{arn}"));
    let transaction = engine.storage.conn().unchecked_transaction()?;
    transaction.execute_batch(&format!("CREATE TABLE {copy} AS SELECT {COLUMNS} FROM {}", quoted(&table_name)))?;
    transaction.execute(
        "INSERT INTO \"::backups\" (arn, description, created_at, table_name, metadata) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![arn, details.to_string(), now, table_name, described.to_string()],
    )?;
    transaction.commit()?;
    answer_with("BackupDetails", details)
}

pub(crate) fn describe(engine: &mut Engine, body: &[u8]) -> Answer {
    let OfBackup { backup_arn } = parse(body)?;
    answer_with("BackupDescription", read(engine, &backup_arn)?.description())
}

pub(crate) fn delete(engine: &mut Engine, body: &[u8]) -> Answer {
    let OfBackup { backup_arn } = parse(body)?;
    let mut backup = read(engine, &backup_arn)?;
    let transaction = engine.storage.conn().unchecked_transaction()?;
    transaction.execute_batch(&format!("DROP TABLE {}", quoted(&format!("::backup::{backup_arn}"))))?;
    transaction.execute("DELETE FROM \"::backups\" WHERE arn = ?1", [&backup_arn])?;
    transaction.commit()?;
    backup.details["BackupStatus"] = json!("DELETED");
    answer_with("BackupDescription", backup.description())
}

pub(crate) fn list(engine: &mut Engine, body: &[u8]) -> Answer {
    let List { table_name, limit, exclusive_start_backup_arn: start } = parse(body)?;
    let limit = limit.unwrap_or(100).min(100);
    let sql = "SELECT arn, description, metadata FROM \"::backups\" WHERE (?1 IS NULL OR table_name = ?1)
        AND (?2 IS NULL OR arn > ?2) ORDER BY arn LIMIT ?3";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let mut rows = statement.query(params![table_name, start, limit + 1])?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next()? {
        let Backup { details: mut summary, table } =
            Backup::parse(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?)?;
        for member in ["TableName", "TableId", "TableArn"] {
            summary[member] = table[member].clone();
        }
        summaries.push(summary);
    }
    let more = summaries.len() > limit;
    summaries.truncate(limit);
    let mut response = json!({ "BackupSummaries": summaries });
    if let Some(last) = summaries.last().filter(|_| more) {
        response["LastEvaluatedBackupArn"] = last["BackupArn"].clone();
    }
    write_with_arns(&response)
}

pub(crate) fn restore(engine: &mut Engine, body: &[u8]) -> Answer {
    let request: Restore = parse(body)?;
    let backup = read(engine, &request.backup_arn)?;
    let target = request.target_table_name.clone();
    if engine.tables.contains_key(&target) {
        let message = format!("Table already exists: {target}");
        return Err(Fault::service("TableAlreadyExistsException", message));
    }
    let definition = serde_json::to_vec(&backup.definition(request)).map_err(Fault::internal)?;
    super::tables::create(engine, &definition)?;
    if let Err(fault) = refill(engine, &backup.arn()?, &target) {
        schema::drop_table(engine, &target).map_err(Fault::internal)?;
        return Err(fault);
    }
    let request = serde_json::from_value(json!({ "TableName": target })).map_err(Fault::internal)?;
    let mut described = description(engine, request)?;
    described["TableStatus"] = json!("CREATING");
    answer_with("TableDescription", described)
}

/// Loads the copy into the new table; a crash in the middle leaves no table.
fn refill(engine: &mut Engine, arn: &str, target: &str) -> Answer<()> {
    schema::begin_loading(&engine.storage, target)?;
    let sql = format!(
        "SELECT rowid, item_json FROM {} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
        quoted(&format!("::backup::{arn}"))
    );
    let mut done = 0_i64;
    loop {
        let items: Vec<(i64, String)> = {
            let mut statement = engine.storage.conn().prepare_cached(&sql)?;
            let rows = statement.query_map(params![done, RESTORED_AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        let Some((last, _)) = items.last() else { break };
        done = *last;
        let items = items.iter().map(|(_, json)| serde_json::from_str(json).map_err(Fault::internal));
        load::import(engine, target, items.collect::<Answer<_>>()?)?;
    }
    schema::finish_loading(&engine.storage, target)?;
    Ok(())
}

fn number_of_next(engine: &Engine) -> Answer<i64> {
    let sql = "SELECT COALESCE(MAX(rowid), 0) + 1 FROM \"::backups\"";
    Ok(engine.storage.conn().query_row(sql, [], |row| row.get(0))?)
}

fn read(engine: &Engine, arn: &str) -> Answer<Backup> {
    let sql = "SELECT description, metadata FROM \"::backups\" WHERE arn = ?1";
    let found: Option<(String, String)> =
        engine.storage.conn().query_row(sql, [arn], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match found {
        Some((details, table)) => Backup::parse(&details, &table),
        None => Err(Fault::service("BackupNotFoundException", format!("Backup not found: {arn}"))),
    }
}

/// A backup's details, and the description of its table at that time.
struct Backup {
    details: Value,
    table: Value,
}

impl Backup {
    fn parse(details: &str, table: &str) -> Answer<Self> {
        let parsed = |json| serde_json::from_str(json).map_err(Fault::internal);
        Ok(Self { details: parsed(details)?, table: parsed(table)? })
    }

    fn arn(&self) -> Answer<String> {
        self.details["BackupArn"].as_str().map(str::to_owned).ok_or_else(|| Fault::internal("a backup without name"))
    }

    fn description(&self) -> Value {
        let table = &self.table;
        let mut source =
            chosen(table, &["TableName", "TableId", "TableArn", "TableSizeBytes", "KeySchema", "ItemCount"]);
        source["TableCreationDateTime"] = table["CreationDateTime"].clone();
        source["ProvisionedThroughput"] = chosen(&table["ProvisionedThroughput"], &UNITS);
        source["BillingMode"] = json!(self.billing_mode());
        let mut features = json!({});
        for indexes in ["LocalSecondaryIndexes", "GlobalSecondaryIndexes"] {
            if let Some(list) = table[indexes].as_array() {
                features[indexes] = list.iter().map(|index| chosen(index, &INDEX)).collect();
            }
        }
        json!({
            "BackupDetails": self.details,
            "SourceTableDetails": source,
            "SourceTableFeatureDetails": features,
        })
    }

    /// The CreateTable that makes the table again, with what the request overrides.
    fn definition(&self, request: Restore) -> Value {
        let table = &self.table;
        let mode = request.billing_mode_override.unwrap_or_else(|| json!(self.billing_mode()));
        let provisioned = mode == "PROVISIONED";
        let mut definition = chosen(table, &["KeySchema", "AttributeDefinitions"]);
        definition["TableName"] = json!(request.target_table_name);
        definition["BillingMode"] = mode;
        if provisioned {
            let units = chosen(&table["ProvisionedThroughput"], &UNITS);
            definition["ProvisionedThroughput"] = request.provisioned_throughput_override.unwrap_or(units);
        }
        let indexes = [
            ("LocalSecondaryIndexes", request.local_secondary_index_override),
            ("GlobalSecondaryIndexes", request.global_secondary_index_override),
        ];
        for (name, overridden) in indexes {
            let kept = table[name].as_array().into_iter().flatten().map(|index| chosen(index, &INDEX));
            let mut list = overridden.unwrap_or_else(|| kept.collect());
            for index in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                match index.get_mut("ProvisionedThroughput") {
                    Some(units) if provisioned => *units = chosen(units, &UNITS),
                    _ => drop(index.remove("ProvisionedThroughput")),
                }
            }
            if list.as_array().is_some_and(|list| !list.is_empty()) {
                definition[name] = list;
            }
        }
        definition
    }

    fn billing_mode(&self) -> &str {
        self.table["BillingModeSummary"]["BillingMode"].as_str().unwrap_or("PROVISIONED")
    }
}

const UNITS: [&str; 2] = ["ReadCapacityUnits", "WriteCapacityUnits"];
const INDEX: [&str; 4] = ["IndexName", "KeySchema", "Projection", "ProvisionedThroughput"];

/// Some members of an object, those that it has.
fn chosen(from: &Value, members: &[&str]) -> Value {
    let present = members.iter().filter(|&&name| !from[name].is_null());
    present.map(|&name| (name.to_owned(), from[name].clone())).collect::<serde_json::Map<_, _>>().into()
}
