//! The records of a stream, in the shape in which the service and its mappings give them.

use rusqlite::{Row, params};
use serde_json::{Value, json};

use super::Stream;
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::wire::REGION;

/// The service's numbers have 21 digits at least, and are compared as texts.
const FIRST_NUMBER: u128 = 100_000_000_000_000_000_000;

/// Records of table ?1's shard ?2 behind number ?3, ?4 at most. By an index of the shard: a look at one shard would read the
/// records of all others.
const OF_SHARD: &str = "SELECT event_id, event_name, keys_json, new_image, old_image, CAST(sequence_number AS INTEGER), \
                            created_at, user_identity, \
                            key_hash(keys_json, (SELECT hash_name FROM \"::shards\" WHERE id = ?2)) \
                        FROM _stream_records WHERE table_name = ?1 AND shard_id = ?2 \
                            AND CAST(sequence_number AS INTEGER) > ?3 ORDER BY CAST(sequence_number AS INTEGER) LIMIT ?4";

/// A change, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// The engine's number, which grows from one record of the table to the next.
    pub(crate) number: i64,
    pub(crate) created_at: i64,
    /// How much of a batch it takes up.
    pub(crate) bytes: usize,
    /// Which key it is of.
    pub(crate) bucket: u32,
    /// As `GetRecords` gives it.
    pub(crate) body: Value,
}

/// A number as the service shows it.
pub(crate) fn public(number: i64) -> String {
    (FIRST_NUMBER + u128::from(number.unsigned_abs())).to_string()
}

/// The number that is shown so.
pub(crate) fn number(public: &str) -> Option<i64> {
    i64::try_from(public.parse::<u128>().ok()?.checked_sub(FIRST_NUMBER)?).ok()
}

/// What was seen of a shard: the records that were wanted, and how far.
pub(crate) struct Seen {
    pub(crate) records: Vec<Record>,
    pub(crate) last: Option<i64>,
    pub(crate) count: usize,
}

/// The next records of a shard behind a number, in their order.
pub(crate) fn after(engine: &Engine, stream: &Stream, shard: &str, number: i64, limit: usize) -> Answer<Vec<Record>> {
    Ok(wanted_after(engine, stream, shard, number, limit, |_| true)?.records)
}

/// The same of the keys that are wanted; of the others nothing is read but their number.
pub(crate) fn wanted_after(
    engine: &Engine,
    stream: &Stream,
    shard: &str,
    number: i64,
    limit: usize,
    is_wanted: impl Fn(u32) -> bool,
) -> Answer<Seen> {
    let mut statement = engine.storage.conn().prepare_cached(OF_SHARD)?;
    let mut rows = statement.query(params![stream.table, shard, number, limit as i64])?;
    let mut seen = Seen { records: Vec::new(), last: None, count: 0 };
    while let Some(row) = rows.next()? {
        (seen.last, seen.count) = (Some(row.get(5)?), seen.count + 1);
        if is_wanted(row.get(8)?) {
            seen.records.push(record(row, &stream.view_type)?);
        }
    }
    Ok(seen)
}

/// The number of the last record of a shard.
pub(super) fn last(engine: &Engine, stream: &Stream, shard: &str) -> Answer<i64> {
    let (_, last) = engine.storage.get_shard_sequence_range(&stream.table, shard)?;
    Ok(last.and_then(|last| last.parse().ok()).unwrap_or(0))
}

/// Notes that a table's last change was the service's own: an item whose time to live has passed.
pub(super) fn by_the_service(engine: &Engine, table: &str) -> Answer<()> {
    let identity = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" }).to_string();
    let sql = "UPDATE _stream_records SET user_identity = ?2 WHERE id = \
                   (SELECT id FROM _stream_records WHERE table_name = ?1 \
                    ORDER BY CAST(sequence_number AS INTEGER) DESC LIMIT 1)";
    engine.storage.conn().prepare_cached(sql)?.execute(params![table, identity])?;
    Ok(())
}

fn record(row: &Row<'_>, view_type: &str) -> Answer<Record> {
    let read = |json: String| serde_json::from_str::<Value>(&json).map_err(Fault::internal);
    let optional = |at: usize| row.get::<_, Option<String>>(at)?.map(read).transpose();
    let text = |at: usize| row.get_ref(at).ok().and_then(|it| it.as_str_or_null().ok().flatten()).map_or(0, str::len);
    let (number, created_at, bytes) = (row.get(5)?, row.get(6)?, text(2) + text(3) + text(4));
    let mut change = json!({
        "ApproximateCreationDateTime": created_at,
        "Keys": read(row.get(2)?)?,
        "SequenceNumber": public(number),
        "SizeBytes": bytes,
        "StreamViewType": view_type,
    });
    for (member, at) in [("NewImage", 3), ("OldImage", 4)] {
        if let Some(image) = optional(at)? {
            change[member] = image;
        }
    }
    let mut body = json!({
        "eventID": row.get::<_, String>(0)?,
        "eventName": row.get::<_, String>(1)?,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": change,
    });
    if let Some(identity) = optional(7)? {
        body["userIdentity"] = identity;
    }
    Ok(Record { number, created_at, bytes, bucket: row.get(8)?, body })
}

/// Whether two images in DynamoDB's JSON are of the same item. Sets have no order.
pub(super) fn is_same_item(old: &str, new: &str) -> bool {
    let read = |image| serde_json::from_str(image).map(in_order).ok();
    read(old) == read(new)
}

fn in_order(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, mut value)| {
                if let ("SS" | "NS" | "BS", Value::Array(set)) = (name.as_str(), &mut value) {
                    set.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
                }
                (name, in_order(value))
            })
            .collect(),
        Value::Array(list) => list.into_iter().map(in_order).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedded, Options};

    #[tokio::test]
    async fn a_look_at_one_shard_reads_no_others_records() {
        let embedded = Embedded::temporary(Options::default()).unwrap();
        let explained = format!("EXPLAIN QUERY PLAN {OF_SHARD}");
        let plan = embedded.with_engine(move |engine| {
            let mut statement = engine.storage.conn().prepare(&explained)?;
            let steps = statement.query_map(params!["table", "shard", 0, 1], |row| row.get("detail"))?;
            steps.collect::<Result<Vec<String>, _>>()
        });
        let plan = plan.await.unwrap().unwrap();
        let by_shard = "SEARCH _stream_records USING INDEX ::shard_order (table_name=? AND shard_id=? AND <expr>>?)";
        assert!(plan.iter().any(|step| step == by_shard), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
