//! Takes up the items of a segment that could not be migrated, and nothing else (R19): each is read as it is now, and
//! goes the way of every item. What succeeds is no failed item any more, in the checkpoint and in the list alike.

use super::Worker;
use super::books::{Beside, Books};
use crate::counts::Counts;
use crate::error::Error;
use crate::failures::{FailedItem, Recorded};
use crate::item::json::item_from_json;
use crate::ledger::Entry;
use crate::pace::Pace;
use crate::write::{Outcome, Written};

/// Items at a time: a batch of writes.
const AT_A_TIME: usize = 25;

/// Works the failed items of a segment.
pub(super) async fn work(worker: &Worker<'_>, segment: u32) -> Result<(), Error> {
    let (ledger, run) = (&worker.services.ledger, &worker.plan.run);
    let mut books: Books<'_> = Books::open(ledger, run, Entry::Segment(segment)).await?;
    let pace = worker.pace();
    let mut start = None;
    loop {
        pace.heed()?;
        let (failed, next) = ledger.failures::<Recorded>(run, Some(segment), start, AT_A_TIME).await?;
        let (outcomes, broken) = outcomes(worker, &pace, failed).await?;
        let is_mine = take_down(worker, &pace, segment, &mut books, outcomes).await?;
        match (broken, next) {
            (Some(error), _) => return Err(error),
            // Another worker is on these items too: it may have counted some of them, and others not.
            (None, _) if !is_mine => start = None,
            (None, None) => return Ok(()),
            (None, next) => start = next,
        }
    }
}

/// Failed items, with what has become of them now.
type Outcomes = Vec<(Recorded, Written)>;

async fn outcomes(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    failed: Vec<Recorded>,
) -> Result<(Outcomes, Option<Error>), Error> {
    let (mut outcomes, mut found, mut there) = (Vec::new(), Vec::new(), Vec::new());
    let writer = worker.writer(pace);
    for recorded in failed {
        let key = item_from_json(recorded.item.key.clone())
            .map_err(|why| Error::invalid(format!("the key of a failed item can't be read: {why}")))?;
        let (item, read_units) = writer.read(&key).await?;
        match item {
            Some(item) => {
                found.push(item);
                there.push((recorded, read_units));
            }
            None => outcomes.push((recorded, Written { read_units, ..Written::of(Outcome::Gone) })),
        }
    }
    let mut broken = None;
    let mut there: Vec<_> = there.into_iter().map(Some).collect();
    for (at, _, written) in worker.take(pace, found).await {
        match (there[at].take(), written) {
            (Some((recorded, read_units)), Ok(mut written)) => {
                written.read_units += read_units;
                outcomes.push((recorded, written));
            }
            (_, Err(error)) => broken = Some(error),
            (None, Ok(_)) => {}
        }
    }
    Ok((outcomes, broken))
}

/// Counts the items where they belong now; tells whether that stands, or another worker was first.
async fn take_down(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    segment: u32,
    books: &mut Books<'_>,
    outcomes: Outcomes,
) -> Result<bool, Error> {
    let mut beside = Beside::default();
    let mut counts = Counts::default();
    let met = pace.drain();
    counts.add_met(&met);
    for (recorded, written) in outcomes {
        counts.add(&written);
        match written.outcome {
            Outcome::Failed(failure) => {
                let item = FailedItem { reason: failure.to_string(), ..recorded.item };
                beside.put(Entry::Failure(segment, recorded.number), &Recorded { item, ..recorded })?;
            }
            _ => beside.take_out(Entry::Failure(segment, recorded.number)),
        }
    }
    let tried = beside.len() as u64;
    if tried == 0 {
        return Ok(true);
    }
    let mut next = books.checkpoint.clone();
    next.counts += counts;
    next.counts.failed -= tried.min(next.counts.failed);
    next.limits.extend(met.into_iter().flat_map(|met| met.limits));
    let is_mine = books.turn_to(next, &beside).await?;
    if is_mine {
        // The segment was done before.
        worker.services.observer.page(segment, &counts, false);
    }
    Ok(is_mine)
}
