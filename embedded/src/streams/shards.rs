//! The shards of a stream: each takes the changes of a range of keys from when it is opened until it is closed. A
//! shard that is split is closed, and two children take its range; whoever reads a child before its parent sees an
//! item's changes in the wrong order.

use std::collections::HashMap;

use dynoxide::storage::{compute_hash_prefix, hash_bucket};
use dynoxide::types::AttributeValue;
use rusqlite::{Row, params};
use serde_json::{Value, json};

use super::{Stream, horizon, records};
use crate::Embedded;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::reply::Answer;

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS \"::shards\" (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
        table_name TEXT NOT NULL, label TEXT NOT NULL, parent TEXT, hash_name TEXT NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, opened_at REAL NOT NULL, starts INTEGER NOT NULL,
        ends INTEGER);
    CREATE INDEX IF NOT EXISTS \"::shards_of_table\" ON \"::shards\" (table_name, ends);";

/// The engine's hashes fall into so many buckets; a shard takes some of them.
const BUCKETS: u32 = 4096;

#[derive(Debug, Clone)]
pub(crate) struct Shard {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) opened_at: f64,
    first: u32,
    last: u32,
    starts: i64,
    /// The last number that it can have given; none while it is open.
    pub(crate) ends: Option<i64>,
}

/// The bucket of a record's partition key; none is as good as any where the key is unreadable.
pub(super) fn hash(keys: &str, hash_name: &str) -> u32 {
    let keys: HashMap<String, AttributeValue> = serde_json::from_str(keys).unwrap_or_default();
    keys.get(hash_name).map_or(0, |value| hash_bucket(&compute_hash_prefix(value)))
}

impl Embedded {
    /// Splits every open shard of a table's stream in two, as happens to a table that grows.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the table has no stream, [`ErrorKind::Database`].
    pub async fn split_shards(&self, table: &str) -> Result<()> {
        let table = table.to_owned();
        let split = self.with_engine(move |engine| {
            let metadata = engine.storage.get_table_metadata(&table)?;
            match metadata.filter(|it| it.stream_enabled).and_then(|it| it.stream_label) {
                Some(label) => split(engine, &table, &label),
                None => {
                    Err(Error::new(ErrorKind::Invalid, format!("expected a stream of the table {table}, found none")))
                }
            }
        });
        split.await??;
        self.streams_changed();
        Ok(())
    }
}

/// Opens and closes shards after a table was made, changed or deleted: as many as it has partitions, while its
/// stream is enabled.
pub(crate) fn follow(engine: &mut Engine, table: &str) -> Result<()> {
    let connection = engine.storage.conn();
    let Some(metadata) = engine.storage.get_table_metadata(table)? else {
        connection.execute("DELETE FROM \"::shards\" WHERE table_name = ?1", [table])?;
        return Ok(());
    };
    let label = metadata.stream_label.filter(|_| metadata.stream_enabled).unwrap_or_default();
    let now = engine.storage.next_stream_sequence_number(table)?;
    let close = "UPDATE \"::shards\" SET ends = ?3 WHERE table_name = ?1 AND label <> ?2 AND ends IS NULL";
    connection.prepare_cached(close)?.execute(params![table, label, now - 1])?;
    let Some(known) = engine.tables.get(table).filter(|_| !label.is_empty()) else { return Ok(()) };
    let wanted = (known.partitions.count() as u32).clamp(1, BUCKETS);
    if of_label(engine, table, &label)?.is_empty() {
        let edge = |number: u32| BUCKETS * number / wanted;
        for number in 0..wanted {
            open(engine, table, &label, None, edge(number)..=edge(number + 1) - 1)?;
        }
    }
    let is_open = |shard: &Shard| shard.ends.is_none();
    while of_label(engine, table, &label)?.iter().filter(|shard| is_open(shard)).count() < wanted as usize {
        split(engine, table, &label)?;
    }
    Ok(())
}

/// All shards that a stream has ever had.
pub(super) fn all(engine: &Engine, table: &str, label: &str) -> Answer<Vec<Shard>> {
    Ok(of_label(engine, table, label)?)
}

/// The shards of a stream that can still have something to read, parents before children.
pub(crate) fn readable(engine: &Engine, stream: &Stream) -> Answer<Vec<Shard>> {
    let horizon = horizon(engine);
    let mut shards = all(engine, &stream.table, &stream.label)?;
    shards.retain(|shard| shard.ends.is_none_or(|ends| ends >= horizon));
    Ok(shards)
}

/// The streams that there are: names of tables, and labels.
pub(super) fn streams(engine: &Engine, table: Option<&str>) -> Answer<Vec<(String, String)>> {
    let sql = "SELECT DISTINCT table_name, label FROM \"::shards\" WHERE ?1 IS NULL OR table_name = ?1 ORDER BY 1, 2";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Shard {
    pub(super) fn described(&self) -> Value {
        let mut range = json!({ "StartingSequenceNumber": records::public(self.starts) });
        if let Some(ends) = self.ends {
            range["EndingSequenceNumber"] = json!(records::public(ends));
        }
        let mut shard = json!({ "ShardId": self.id, "SequenceNumberRange": range });
        if let Some(parent) = &self.parent {
            shard["ParentShardId"] = json!(parent);
        }
        shard
    }
}

fn split(engine: &Engine, table: &str, label: &str) -> Result<()> {
    let open_ones = of_label(engine, table, label)?.into_iter().filter(|shard| shard.ends.is_none());
    for shard in open_ones {
        let now = engine.storage.next_stream_sequence_number(table)?;
        let sql = "UPDATE \"::shards\" SET ends = ?2 WHERE id = ?1";
        engine.storage.conn().prepare_cached(sql)?.execute(params![shard.id, now - 1])?;
        let middle = shard.first + (shard.last - shard.first) / 2;
        open(engine, table, label, Some(&shard.id), shard.first..=middle)?;
        if middle < shard.last {
            open(engine, table, label, Some(&shard.id), middle + 1..=shard.last)?;
        }
    }
    Ok(())
}

fn open(
    engine: &Engine,
    table: &str,
    label: &str,
    parent: Option<&str>,
    buckets: std::ops::RangeInclusive<u32>,
) -> Result<()> {
    let hash_name = engine.tables.get(table).and_then(|table| table.key_names().first().map(|it| it.to_string()));
    let (now, starts) = (engine.clock.epoch_seconds(), engine.storage.next_stream_sequence_number(table)?);
    let connection = engine.storage.conn();
    let sql = "INSERT INTO \"::shards\" (id, table_name, label, parent, hash_name, first, last, opened_at, starts) \
               VALUES ('', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let hash_name = hash_name.unwrap_or_default();
    let values = params![table, label, parent, hash_name, buckets.start(), buckets.end(), now, starts];
    connection.prepare_cached(sql)?.execute(values)?;
    let number = connection.last_insert_rowid();
    let id = format!("shardId-{:020}-{number:08x}", (now * 1e3) as u64);
    connection.prepare_cached("UPDATE \"::shards\" SET id = ?2 WHERE number = ?1")?.execute(params![number, id])?;
    Ok(())
}

fn of_label(engine: &Engine, table: &str, label: &str) -> rusqlite::Result<Vec<Shard>> {
    let sql = "SELECT id, parent, opened_at, first, last, starts, ends FROM \"::shards\" \
               WHERE table_name = ?1 AND label = ?2 ORDER BY number";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let shard = |row: &Row<'_>| {
        Ok(Shard {
            id: row.get(0)?,
            parent: row.get(1)?,
            opened_at: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
            starts: row.get(5)?,
            ends: row.get(6)?,
        })
    };
    statement.query_map([table, label], shard)?.collect()
}
