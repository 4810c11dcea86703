//! Takes a segment's items to their outcomes, page by page, from its checkpoint on.
//!
//! A segment ends only on a page without a cursor (R1).

use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use serde_json::Value;
use tokio::time::Instant;

use super::Worker;
use super::books::{Books, Checkpoint};
use super::outcomes::{self, Outcomes, Place};
use super::page_size::PageSize;
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::item::json::{item_from_json, item_to_json};
use crate::pace::{Direction, Pace};

/// Read units of a page that nothing is known of: a hundred items of 1 KB, eventually consistent.
const EXPECTED_UNITS: f64 = 12.5;

/// Works a segment to its end. What breaks it off is an error; what was done until then is in the ledger.
pub(super) async fn work(worker: &Worker<'_>, segment: u32, size: &mut PageSize) -> Result<(), Error> {
    let mut books = Books::open(&worker.services.ledger, &worker.plan.run, segment).await?;
    let pace = worker.pace();
    let mut expected_units = EXPECTED_UNITS;
    while !books.checkpoint.done {
        pace.heed()?;
        let began = Instant::now();
        let page = page(worker, &pace, segment, &books.checkpoint, *size, &mut expected_units).await;
        let unread = |error| (Outcomes::broken(error), Place { cursor: None, done: false });
        let (page, place) = page.unwrap_or_else(unread);
        size.took(page.counts.scanned, began.elapsed());
        outcomes::take_down(worker, &pace, segment, &mut books, page, place).await?;
    }
    Ok(())
}

/// Reads one page and takes its items to their outcomes.
async fn page(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    segment: u32,
    checkpoint: &Checkpoint,
    size: PageSize,
    expected_units: &mut f64,
) -> Result<(Outcomes, Place), Error> {
    let (items, cursor, read_units) = scan(worker, pace, segment, checkpoint, size, *expected_units).await?;
    *expected_units = read_units.max(0.5);
    let scanned = items.len();
    let mut page = outcomes::of(worker, pace, segment, items).await;
    page.counts.read_units += read_units;
    let place = match page.taken == scanned {
        true => Place { done: cursor.is_none(), cursor },
        false => Place { cursor: page.last.clone(), done: false },
    };
    Ok((page, place))
}

async fn scan(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    segment: u32,
    checkpoint: &Checkpoint,
    size: PageSize,
    expected_units: f64,
) -> Result<(Vec<Item>, Option<Value>, f64), Error> {
    let start = checkpoint.cursor.clone().map(item_from_json).transpose().map_err(|why| {
        Error::new(Kind::Refused, format!("the checkpoint of segment {segment} has no usable cursor: {why}"))
    })?;
    let definition = &worker.plan.definition;
    let whole = |number: u32| i32::try_from(number).map_err(|error| Error::invalid(error.to_string()));
    let (segment, segments) = (whole(segment)?, whole(definition.segments.get())?);
    let attempt = async || {
        let scan = worker.services.source.scan().table_name(definition.source.table.as_str());
        scan.segment(segment)
            .total_segments(segments)
            .set_exclusive_start_key(start.clone())
            .limit(size.limit())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("Scan", error))
    };
    let took = |output: &ScanOutput| output.consumed_capacity.as_ref().and_then(|report| report.capacity_units);
    let output = pace.send(Direction::Read, expected_units, attempt, took).await?;
    let read_units = took(&output).unwrap_or_default();
    let cursor = output.last_evaluated_key.filter(|key| !key.is_empty()).map(|key| item_to_json(&key));
    Ok((output.items.unwrap_or_default(), cursor, read_units))
}
