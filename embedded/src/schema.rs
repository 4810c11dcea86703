//! What this crate adds to the database file: the index that makes scans linear, the one that keeps streams
//! fast, and its own records, but those of streams, queues, mappings and exports. None of its names can be a DynamoDB table's.

use dynoxide::storage::Storage;
use rusqlite::params;

use crate::engine::{Engine, quoted};
use crate::error::{Error, ErrorKind, Result};
use crate::reply::{Answer, Fault};
use crate::table::{Settings, Table};
use crate::{exports, mappings, queues, streams};

const OWN_RECORDS: &str = "
    CREATE TABLE IF NOT EXISTS \"::settings\" (table_name TEXT PRIMARY KEY, settings TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS \"::loading\" (table_name TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS \"::backups\" (arn TEXT PRIMARY KEY, description TEXT NOT NULL,
        created_at REAL NOT NULL, table_name TEXT NOT NULL, metadata TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS \"::stream_order\"
        ON _stream_records(table_name, CAST(sequence_number AS INTEGER));
    CREATE INDEX IF NOT EXISTS \"::shard_order\"
        ON _stream_records(table_name, shard_id, CAST(sequence_number AS INTEGER));";

/// Pages that are kept in memory. SQLite's own 2 MiB hold the last seconds of a busy table's stream: whoever reads behind them
/// reads the file, falls further behind, and never comes up.
const CACHE_KIB: i64 = 64 * 1_024;

/// Brings a file that was just opened up to date, and drops what a crash left half loaded.
pub(crate) fn prepare(engine: &mut Engine) -> Result<()> {
    let connection = engine.storage.conn();
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.execute_batch(OWN_RECORDS)?;
    streams::prepare(engine)?;
    queues::prepare(engine)?;
    mappings::prepare(engine)?;
    exports::prepare(engine)?;
    drop_half_loaded(engine)?;
    for name in engine.storage.list_table_names()? {
        add_scan_index(&engine.storage, &name)?;
        let settings = settings(&engine.storage, &name)?;
        let metadata = engine.storage.get_table_metadata(&name)?;
        let Some(metadata) = metadata else { continue };
        let now = engine.clock.now();
        let read = |before| Table::read(&metadata, before, now).map_err(unreadable);
        let mut table = read(None)?;
        table.settings = settings;
        engine.tables.insert(name.clone(), read(Some(table))?);
        streams::shards::follow(engine, &name)?;
    }
    Ok(())
}

/// Scans walk the items of a segment in this order. Its last column spares them the look at the item itself
/// when they measure a page.
pub(crate) fn add_scan_index(storage: &Storage, table: &str) -> rusqlite::Result<()> {
    let index = quoted(&format!("{table}::scan"));
    let sql = format!("CREATE INDEX IF NOT EXISTS {index} ON {} (hash_prefix, pk, sk, item_size)", quoted(table));
    storage.conn().execute_batch(&sql)
}

pub(crate) fn drop_scan_index(storage: &Storage, table: &str) -> rusqlite::Result<()> {
    storage.conn().execute_batch(&format!("DROP INDEX IF EXISTS {}", quoted(&format!("{table}::scan"))))
}

pub(crate) fn save_settings(storage: &Storage, table: &str, settings: &Settings) -> Answer<()> {
    let json = serde_json::to_string(settings).map_err(Fault::internal)?;
    let sql = "INSERT OR REPLACE INTO \"::settings\" (table_name, settings) VALUES (?1, ?2)";
    storage.conn().prepare_cached(sql)?.execute(params![table, json])?;
    Ok(())
}

pub(crate) fn forget_settings(storage: &Storage, table: &str) -> Answer<()> {
    storage.conn().execute("DELETE FROM \"::settings\" WHERE table_name = ?1", [table])?;
    Ok(())
}

fn settings(storage: &Storage, table: &str) -> Result<Settings> {
    use rusqlite::OptionalExtension;
    let sql = "SELECT settings FROM \"::settings\" WHERE table_name = ?1";
    let json: Option<String> = storage.conn().query_row(sql, [table], |row| row.get(0)).optional()?;
    json.map_or(Ok(Settings::default()), |json| {
        serde_json::from_str(&json)
            .map_err(|error| Error::because(ErrorKind::Database, "a table's settings are unreadable", error))
    })
}

/// Marks a table as being loaded, durably; see [`finish_loading`].
pub(crate) fn begin_loading(storage: &Storage, table: &str) -> rusqlite::Result<()> {
    storage.conn().execute("INSERT OR REPLACE INTO \"::loading\" (table_name) VALUES (?1)", [table])?;
    Ok(())
}

pub(crate) fn finish_loading(storage: &Storage, table: &str) -> rusqlite::Result<()> {
    storage.conn().execute("DELETE FROM \"::loading\" WHERE table_name = ?1", [table])?;
    Ok(())
}

fn drop_half_loaded(engine: &mut Engine) -> Result<()> {
    let names: Vec<String> = {
        let mut statement = engine.storage.conn().prepare("SELECT table_name FROM \"::loading\"")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    names.iter().try_for_each(|name| drop_table(engine, name))
}

/// Drops a table with all that belongs to it, whatever protects it.
pub(crate) fn drop_table(engine: &mut Engine, name: &str) -> Result<()> {
    if engine.storage.get_table_metadata(name)?.is_some() {
        engine.storage.update_deletion_protection(name, false)?;
        let request = serde_json::from_value(serde_json::json!({ "TableName": name }))
            .map_err(|error| Error::because(ErrorKind::Database, "the table can't be dropped", error))?;
        let lifecycle = &engine.lifecycle;
        crate::engine::settle(dynoxide::actions::delete_table::execute(&engine.storage, request, lifecycle))?;
    }
    engine.tables.remove(name);
    streams::shards::follow(engine, name)?;
    forget_settings(&engine.storage, name).map_err(unreadable)?;
    finish_loading(&engine.storage, name)?;
    Ok(())
}

fn unreadable(fault: Fault) -> Error {
    Error::new(ErrorKind::Database, format!("a table's records are unreadable: {fault:?}"))
}
