//! How far a mapping has come in each shard of its stream. A shard is read in lanes: each has the keys of its share
//! of the hashes, and a position of its own.

use rusqlite::{OptionalExtension, Row, params};

use super::Mapping;
use crate::engine::Engine;
use crate::reply::Answer;
use crate::streams::shards::Shard;
use crate::streams::{self, Stream};

/// Where a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) after: i64,
    pub(super) is_done: bool,
}

/// The shards that may be read now, each with the positions of its lanes: those whose parents are done. A lane that
/// is new starts where its mapping does.
pub(super) fn open(engine: &Engine, mapping: &Mapping, stream: &Stream) -> Answer<Vec<(Shard, Vec<Position>)>> {
    let shards = streams::shards::readable(engine, stream)?;
    let mut readable = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    for shard in shards {
        // A parent that can't be read any more has nothing left.
        let waits = shard.parent.as_ref().is_some_and(|parent| waiting.contains(parent));
        let positions = match waits {
            true => Vec::new(),
            false => lanes(engine, mapping, &shard)?,
        };
        if waits || positions.iter().any(|it| !it.is_done) {
            waiting.push(shard.id.clone());
        }
        if !waits {
            readable.push((shard, positions));
        }
    }
    Ok(readable)
}

/// Where a lane is; `None` where its shard was never opened.
pub(super) fn of_lane(engine: &Engine, mapping: i64, shard: &str, lane: u32) -> Answer<Option<Position>> {
    let sql = "SELECT after, is_done FROM \"::positions\" WHERE mapping = ?1 AND shard = ?2 AND lane = ?3";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    Ok(statement.query_row(params![mapping, shard, lane], position).optional()?)
}

/// Notes how far a lane has come.
pub(super) fn reach(engine: &Engine, mapping: i64, shard: &str, lane: u32, position: Position) -> Answer<()> {
    let sql = "INSERT INTO \"::positions\" (mapping, shard, lane, after, is_done) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT DO UPDATE SET after = max(after, ?4), is_done = ?5";
    let values = params![mapping, shard, lane, position.after, position.is_done];
    engine.storage.conn().prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn lanes(engine: &Engine, mapping: &Mapping, shard: &Shard) -> Answer<Vec<Position>> {
    let sql = "SELECT after, is_done FROM \"::positions\" WHERE mapping = ?1 AND shard = ?2 ORDER BY lane";
    let mut statement = engine.storage.conn().prepare_cached(sql)?;
    let rows = statement.query_map(params![mapping.number, shard.id], position)?;
    let known: Vec<Position> = rows.collect::<rusqlite::Result<_>>()?;
    if known.len() == mapping.lanes as usize {
        return Ok(known);
    }
    // Another number of lanes has dealt out the keys otherwise: all begin where the last one was.
    let start = match known.iter().min_by_key(|it| it.after) {
        Some(last) => Position { after: last.after, is_done: known.iter().all(|it| it.is_done) },
        None if mapping.starting_position.as_deref() == Some("LATEST") => {
            Position { after: mapping.latest_after, is_done: false }
        }
        None => Position { after: 0, is_done: false },
    };
    let sql = "DELETE FROM \"::positions\" WHERE mapping = ?1 AND shard = ?2";
    engine.storage.conn().prepare_cached(sql)?.execute(params![mapping.number, shard.id])?;
    (0..mapping.lanes).try_for_each(|lane| reach(engine, mapping.number, &shard.id, lane, start))?;
    Ok(vec![start; mapping.lanes as usize])
}

fn position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position { after: row.get(0)?, is_done: row.get(1)? })
}
