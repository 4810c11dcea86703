//! One page of a segment, as a scan of any table reads it: paced, and with what it took. Whoever goes on passes the
//! cursor on (R1).

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, Select};
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::item::Item;
use crate::item::json::{item_from_json, item_to_json};
use crate::pace::{Direction, Pace};

/// Read units of a page that nothing is known of: a hundred items of 1 KB, eventually consistent.
pub(crate) const EXPECTED_UNITS: f64 = 12.5;

/// A page that is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'s> {
    pub(crate) client: &'s Client,
    pub(crate) table: &'s str,
    pub(crate) segment: u32,
    pub(crate) segments: u32,
    /// The key behind which it begins, as DynamoDB JSON.
    pub(crate) cursor: Option<&'s Value>,
    /// Items that it has at most.
    pub(crate) limit: i32,
    /// Read units that it is likely to take.
    pub(crate) expected_units: f64,
}

/// A page as it was found.
pub(crate) struct Scanned {
    pub(crate) items: Vec<Item>,
    /// How many there are; more than `items` where they were only counted.
    pub(crate) count: u64,
    /// Where to go on; nothing at the segment's end.
    pub(crate) cursor: Option<Value>,
    pub(crate) read_units: f64,
}

/// Reads a page, with its items.
pub(crate) async fn read(pace: &Pace<'_>, wanted: Wanted<'_>) -> Result<Scanned, Error> {
    scan(pace, wanted, None).await
}

/// Has a page counted: the same read units, and nothing but a number comes over the wire.
pub(crate) async fn count(pace: &Pace<'_>, wanted: Wanted<'_>) -> Result<Scanned, Error> {
    scan(pace, wanted, Some(Select::Count)).await
}

async fn scan(pace: &Pace<'_>, wanted: Wanted<'_>, select: Option<Select>) -> Result<Scanned, Error> {
    let Wanted { client, table, segment, segments, cursor, limit, expected_units } = wanted;
    let start = cursor.cloned().map(item_from_json).transpose().map_err(|why| {
        Error::new(Kind::Refused, format!("the checkpoint of segment {segment} has no usable cursor: {why}"))
    })?;
    let whole = |number: u32| i32::try_from(number).map_err(|error| Error::invalid(error.to_string()));
    let (segment, segments) = (whole(segment)?, whole(segments)?);
    let attempt = async || {
        let scan = client.scan().table_name(table).segment(segment).total_segments(segments);
        let scan = scan.set_exclusive_start_key(start.clone()).limit(limit).set_select(select.clone());
        let scan = scan.return_consumed_capacity(ReturnConsumedCapacity::Total);
        scan.send().await.map_err(|error| Error::from_sdk("Scan", error))
    };
    let took = |output: &ScanOutput| output.consumed_capacity.as_ref().and_then(|report| report.capacity_units);
    let output = pace.send(Direction::Read, expected_units, attempt, took).await?;
    let read_units = took(&output).unwrap_or_default();
    let cursor = output.last_evaluated_key.filter(|key| !key.is_empty()).map(|key| item_to_json(&key));
    let count = u64::from(output.count.unsigned_abs());
    Ok(Scanned { items: output.items.unwrap_or_default(), count, cursor, read_units })
}
