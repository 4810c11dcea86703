//! DynamoDB Streams: what the engine writes down of each change, dealt out to shards by its partition key, and read
//! from them as the service lets it be read.
//!
//! The engine keeps one list of records for each table. A trigger gives every record the shard that was open for its
//! key; so a shard holds the changes of its keys in their order, and of a key there is one shard at a time. What is
//! older than 24 hours can't be read any more.

mod iterators;
pub(crate) mod records;
pub(crate) mod shards;

use dynoxide::DynoxideError;
use rusqlite::functions::FunctionFlags;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::{Engine, settle};
use crate::error::Result;
use crate::reply::{Answer, Fault};
use crate::table::Table;
use crate::wire::{ARN_PREFIX, parse, write};

/// DynamoDB's streams have no record of a write that changed nothing; the engine's do. It can be told only where
/// a record has both images. Of this connection, because its functions are.
const TRIGGERS: &str = "
    CREATE TEMP TRIGGER only_changes BEFORE INSERT ON main._stream_records
    WHEN NEW.event_name = 'MODIFY' AND same_item(NEW.old_image, NEW.new_image)
    BEGIN SELECT RAISE(IGNORE); END;
    CREATE TEMP TRIGGER into_shards AFTER INSERT ON main._stream_records
    BEGIN
        UPDATE _stream_records SET event_id = printf('%032x', NEW.id), shard_id = coalesce((
            SELECT id FROM \"::shards\" WHERE table_name = NEW.table_name AND ends IS NULL
                AND key_hash(NEW.keys_json, hash_name) BETWEEN first AND last), shard_id)
        WHERE id = NEW.id;
    END;";

/// One stream: what a table's changes are written to from one enabling to the next disabling.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) table: String,
    pub(crate) label: String,
    pub(crate) is_enabled: bool,
    view_type: String,
}

/// Prepares a file that was just opened.
pub(crate) fn prepare(engine: &Engine) -> Result<()> {
    let connection = engine.storage.conn();
    connection.execute_batch(shards::TABLE)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("same_item", 2, flags, |images| {
        let (old, new) = (images.get_raw(0).as_str_or_null()?, images.get_raw(1).as_str_or_null()?);
        Ok(old.zip(new).is_some_and(|(old, new)| records::is_same_item(old, new)))
    })?;
    connection.create_scalar_function("key_hash", 2, flags, |of| {
        Ok(shards::hash(of.get_raw(0).as_str()?, of.get_raw(1).as_str()?))
    })?;
    connection.execute_batch(TRIGGERS)?;
    Ok(())
}

/// Answers one request of the streams' own interface.
pub(crate) fn answer(engine: &mut Engine, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "ListStreams" => list(engine, body),
        "DescribeStream" => describe(engine, body),
        "GetShardIterator" => iterators::get(engine, body),
        "GetRecords" => iterators::read(engine, body),
        _ => Err(Fault::unknown_operation()),
    }
}

/// Refuses what UpdateTable can't do to a stream: enable it twice, or disable what isn't enabled.
pub(crate) fn check_update(engine: &Engine, table: &str, body: &Value) -> Answer<()> {
    let Some(wanted) = body["StreamSpecification"]["StreamEnabled"].as_bool() else { return Ok(()) };
    let is_enabled = engine.storage.get_table_metadata(table)?.is_some_and(|it| it.stream_enabled);
    match (is_enabled, wanted) {
        (true, true) => Err(Fault::validation(format!("Table already has an enabled stream: TableName: {table}"))),
        (false, false) => Err(Fault::validation(format!("Table is already disabled: TableName: {table}"))),
        _ => Ok(()),
    }
}

/// The stream of an ARN.
pub(crate) fn stream(engine: &Engine, arn: &str) -> Answer<Stream> {
    let missing = || {
        let message = format!("Requested resource not found: Stream: {arn} not found");
        Fault::from(DynoxideError::ResourceNotFoundException(message))
    };
    let named = arn.strip_prefix(ARN_PREFIX).and_then(|rest| rest.strip_prefix("table/"));
    let (table, label) = named.and_then(|rest| rest.split_once("/stream/")).ok_or_else(missing)?;
    let metadata = engine.storage.get_table_metadata(table)?.ok_or_else(missing)?;
    if shards::all(engine, table, label)?.is_empty() {
        return Err(missing());
    }
    Ok(Stream {
        table: table.to_owned(),
        label: label.to_owned(),
        is_enabled: metadata.stream_enabled && metadata.stream_label.as_deref() == Some(label),
        view_type: metadata.stream_view_type.unwrap_or_else(|| "NEW_AND_OLD_IMAGES".to_owned()),
    })
}

impl Stream {
    pub(crate) fn arn(&self) -> String {
        format!("{ARN_PREFIX}table/{}/stream/{}", self.table, self.label)
    }
}

/// What can be read goes back so far: the number that a record of this moment would have had at least. (The engine
/// numbers records by the microseconds since the epoch, or higher where several fall into one.)
pub(crate) fn horizon(engine: &Engine) -> i64 {
    /// AWS: "All data in DynamoDB Streams is subject to a 24-hour lifetime".
    const KEPT_SECONDS: f64 = 24.0 * 3_600.0;
    ((engine.clock.epoch_seconds() - KEPT_SECONDS) * 1e6) as i64
}

/// Deletes the items whose time to live has passed, as the service does, and says how many they were.
pub(crate) fn expire(engine: &mut Engine) -> Answer<usize> {
    engine.recover()?;
    let mut expired = 0;
    for metadata in engine.storage.list_ttl_enabled_tables()? {
        let (name, Some(attribute)) = (metadata.table_name, metadata.ttl_attribute) else { continue };
        let Some(table) = engine.tables.get(&name) else { continue };
        for key in expired_keys(engine, table, &name, &attribute)? {
            let request = json!({ "TableName": name, "Key": key });
            let request = serde_json::from_value(request).map_err(Fault::internal)?;
            settle(dynoxide::actions::delete_item::execute(&engine.storage, request))?;
            if metadata.stream_enabled {
                records::by_the_service(engine, &name)?;
            }
            expired += 1;
        }
    }
    Ok(expired)
}

fn expired_keys(engine: &Engine, table: &Table, name: &str, attribute: &str) -> Answer<Vec<Value>> {
    /// AWS: "the time to live [..] no more than five years in the past".
    const OLDEST_SECONDS: i64 = 5 * 366 * 24 * 3_600;
    let now = engine.clock.epoch_seconds() as i64;
    let path = format!("$.{}.N", json!(attribute));
    let sql = format!(
        "SELECT item_json FROM {} WHERE CAST(json_extract(item_json, ?1) AS INTEGER) BETWEEN ?2 AND ?3 \
         ORDER BY hash_prefix, pk, sk",
        crate::engine::quoted(name)
    );
    let mut statement = engine.storage.conn().prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params![path, now - OLDEST_SECONDS, now - 1], |row| row.get(0))?;
    let items: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    let key = |item: String| {
        let item = serde_json::from_str(&item).map_err(Fault::internal)?;
        serde_json::to_value(table.key_of(&item)).map_err(Fault::internal)
    };
    items.into_iter().map(key).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    table_name: Option<String>,
}

fn list(engine: &Engine, body: &[u8]) -> Answer {
    let List { table_name } = parse(body)?;
    let streams = shards::streams(engine, table_name.as_deref())?;
    let streams = streams.into_iter().map(|(table, label)| {
        let arn = format!("{ARN_PREFIX}table/{table}/stream/{label}");
        json!({ "StreamArn": arn, "TableName": table, "StreamLabel": label })
    });
    write(&json!({ "Streams": streams.collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    stream_arn: String,
    exclusive_start_shard_id: Option<String>,
    limit: Option<usize>,
}

fn describe(engine: &mut Engine, body: &[u8]) -> Answer {
    /// AWS: DescribeStream gives up to 100 shards.
    const MOST_SHARDS: usize = 100;
    let request: Describe = parse(body)?;
    let stream = stream(engine, &request.stream_arn)?;
    let mut shards = shards::readable(engine, &stream)?;
    if let Some(after) = &request.exclusive_start_shard_id {
        let before = shards.iter().position(|shard| shard.id == *after).map_or(0, |at| at + 1);
        shards.drain(..before);
    }
    let limit = request.limit.unwrap_or(MOST_SHARDS).min(MOST_SHARDS);
    let last = (shards.len() > limit).then(|| shards[limit - 1].id.clone());
    shards.truncate(limit);
    let key_schema: Value = match engine.storage.get_table_metadata(&stream.table)? {
        Some(metadata) => serde_json::from_str(&metadata.key_schema).map_err(Fault::internal)?,
        None => Value::Null,
    };
    let mut description = json!({
        "StreamArn": stream.arn(),
        "StreamLabel": stream.label,
        "StreamStatus": if stream.is_enabled { "ENABLED" } else { "DISABLED" },
        "StreamViewType": stream.view_type,
        "TableName": stream.table,
        "KeySchema": key_schema,
        "CreationRequestDateTime": shards.first().map_or(0.0, |shard| shard.opened_at),
        "Shards": shards.iter().map(shards::Shard::described).collect::<Vec<_>>(),
    });
    if let Some(last) = last {
        description["LastEvaluatedShardId"] = json!(last);
    }
    write(&json!({ "StreamDescription": description }))
}
