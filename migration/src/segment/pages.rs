//! Takes a segment's items to their outcomes, page by page, from its checkpoint on.
//!
//! A segment ends only on a page without a cursor (R1). The checkpoint follows the items whose outcome is durable, and
//! no others (R7): where a page breaks off, it stands behind the last item before the first that has no outcome yet.

use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use serde_json::Value;
use tokio::time::Instant;

use super::Worker;
use super::books::{Beside, Books, Checkpoint, MOST_FAILED};
use super::page_size::PageSize;
use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::failures::{FailedItem, Recorded};
use crate::item::Item;
use crate::item::json::{item_from_json, item_to_json};
use crate::pace::{Direction, Pace};
use crate::write::Outcome;

/// Read units of a page that nothing is known of: a hundred items of 1 KB, eventually consistent.
const EXPECTED_UNITS: f64 = 12.5;

/// What a page has come to.
struct Page {
    /// Of the items with an outcome, from the page's first without a gap.
    counts: Counts,
    failed: Vec<FailedItem>,
    end: End,
}

/// Where a page ends.
enum End {
    /// Behind this key there may be more.
    Key(Value),
    /// At the end of its segment.
    Segment,
    /// Behind this key, if behind any: no further item has an outcome.
    Broken(Option<Value>, Error),
}

/// Works a segment to its end. What breaks it off is an error; what was done until then is in the ledger.
pub(super) async fn work(worker: &Worker<'_>, segment: u32, size: &mut PageSize) -> Result<(), Error> {
    let mut books = Books::open(&worker.services.ledger, &worker.plan.run, segment).await?;
    let pace = worker.pace();
    let mut expected_units = EXPECTED_UNITS;
    while !books.checkpoint.done {
        pace.heed()?;
        let began = Instant::now();
        let page = page(worker, &pace, segment, &books.checkpoint, *size, &mut expected_units).await;
        let page = page.unwrap_or_else(|error| Page {
            counts: Counts::default(),
            failed: Vec::new(),
            end: End::Broken(None, error),
        });
        size.took(page.counts.scanned, began.elapsed());
        take_down(worker, &pace, segment, &mut books, page).await?;
    }
    Ok(())
}

/// Writes what the page came to into the ledger.
async fn take_down(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    segment: u32,
    books: &mut Books<'_>,
    page: Page,
) -> Result<(), Error> {
    let Page { mut counts, failed, end } = page;
    let met = pace.drain();
    counts.add_met(&met);
    let mut next = books.checkpoint.clone();
    next.counts += counts;
    next.limits.extend(met.into_iter().flat_map(|met| met.limits));
    let broken = match end {
        End::Key(key) => {
            next.cursor = Some(key);
            None
        }
        End::Segment => {
            next.done = true;
            None
        }
        End::Broken(key, error) => {
            next.cursor = key.or(next.cursor);
            Some(error)
        }
    };
    let first = next.failures + 1;
    let failed: Vec<_> = (first..).zip(failed).map(|(number, item)| Recorded { number, item }).collect();
    next.failures += failed.len() as u64;
    let beside = Beside { failed, mended: Vec::new() };
    if next != books.checkpoint && books.turn_to(next, &beside).await? {
        worker.services.observer.page(segment, &counts, books.checkpoint.done);
        worker.hold_against_tolerance(counts.failed).await?;
    }
    broken.map_or(Ok(()), Err)
}

/// Reads one page and takes its items to their outcomes.
async fn page(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    segment: u32,
    checkpoint: &Checkpoint,
    size: PageSize,
    expected_units: &mut f64,
) -> Result<Page, Error> {
    let (items, cursor, read_units) = scan(worker, pace, segment, checkpoint, size, *expected_units).await?;
    *expected_units = read_units.max(0.5);
    let end = cursor.map_or(End::Segment, End::Key);
    let mut page = Page { counts: Counts { read_units, ..Counts::default() }, failed: Vec::new(), end };
    let (scanned, mut last) = (items.len(), None);
    let mut outcomes = worker.writer(pace).page(items).await.into_iter();
    for place in 0..scanned {
        let (key, written) = match outcomes.next() {
            Some((at, key, Ok(written))) if at == place => (key, written),
            Some((_, _, Err(error))) => {
                page.end = End::Broken(last, error);
                break;
            }
            _ => {
                let why = Error::new(Kind::Unavailable, "a page broke off");
                let why = outcomes.find_map(|(_, _, written)| written.err()).unwrap_or(why);
                page.end = End::Broken(last, why);
                break;
            }
        };
        page.counts.scanned += 1;
        page.counts.add(&written);
        let key = item_to_json(&key);
        if let Outcome::Failed(failure) = &written.outcome {
            page.failed.push(FailedItem { key: key.clone(), reason: failure.to_string(), segment });
        }
        if page.failed.len() == MOST_FAILED && place + 1 < scanned {
            // The others are worked again, and found done.
            page.end = End::Key(key);
            break;
        }
        last = Some(key);
    }
    Ok(page)
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
