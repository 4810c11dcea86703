//! Takes a segment's items to their outcomes, page by page, from its checkpoint on.
//!
//! A segment ends only on a page without a cursor (R1).

use tokio::time::Instant;

use super::Worker;
use super::books::{Books, Checkpoint};
use super::outcomes::{self, Outcomes, Place};
use super::page_size::PageSize;
use super::scan::{self, EXPECTED_UNITS, Scanned, Wanted};
use crate::count;
use crate::error::Error;
use crate::ledger::Entry;
use crate::pace::Pace;
use crate::plan::Job;

/// Works a segment to its end. What breaks it off is an error; what was done until then is in the ledger.
pub(super) async fn work(worker: &Worker<'_>, segment: u32, size: &mut PageSize) -> Result<(), Error> {
    let mut books: Books<'_> = Books::open(&worker.services.ledger, &worker.plan.run, Entry::Segment(segment)).await?;
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
    let definition = &worker.plan.definition;
    let wanted = Wanted {
        client: &worker.services.source,
        table: definition.source.table.as_str(),
        segment,
        segments: definition.segments.get(),
        cursor: checkpoint.cursor.as_ref(),
        limit: size.limit(),
        expected_units: *expected_units,
    };
    if worker.plan.job == Job::Count {
        let (counts, cursor) = count::page(pace, worker.transform, wanted).await?;
        *expected_units = counts.read_units.max(0.5);
        return Ok((Outcomes::counted(counts), Place { done: cursor.is_none(), cursor }));
    }
    let Scanned { items, cursor, read_units, .. } = scan::read(pace, wanted).await?;
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
