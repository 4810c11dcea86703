//! Takes the items of a page to their outcomes, and notes them: wherever the page was read.
//!
//! The checkpoint follows the items whose outcome is durable, and no others (R7): where a page breaks off, it stands behind
//! the last item before the first that has no outcome yet.

use serde_json::Value;

use super::Worker;
use super::books::{Beside, Books, MOST_BESIDE};
use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::failures::{FailedItem, Recorded};
use crate::item::Item;
use crate::item::json::item_to_json;
use crate::ledger::Entry;
use crate::pace::Pace;
use crate::write::Outcome;

/// What the items of a page have come to, from its first without a gap.
#[derive(Default)]
pub(super) struct Outcomes {
    /// Of the items with an outcome.
    pub(super) counts: Counts,
    failed: Vec<FailedItem>,
    /// How many of the page's items have an outcome.
    pub(super) taken: usize,
    /// The key of the last of them.
    pub(super) last: Option<Value>,
    /// Why there are no more of them, where something is wrong.
    broken: Option<Error>,
}

impl Outcomes {
    /// A page whose items nothing is done with but counting.
    pub(super) fn counted(counts: Counts) -> Self {
        Self { counts, ..Self::default() }
    }

    /// A page that could not be read.
    pub(super) fn broken(error: Error) -> Self {
        Self { broken: Some(error), ..Self::default() }
    }
}

/// How far a page has taken its segment.
pub(super) struct Place {
    /// Where the next page begins; where that is not known, as before.
    pub(super) cursor: Option<Value>,
    /// Whether that is the segment's end.
    pub(super) done: bool,
}

/// Takes items to their outcomes.
pub(super) async fn of(worker: &Worker<'_>, pace: &Pace<'_>, segment: u32, items: Vec<Item>) -> Outcomes {
    let scanned = items.len();
    let mut page = Outcomes::default();
    let mut outcomes = worker.take(pace, items).await.into_iter();
    while page.taken < scanned {
        let (key, written) = match outcomes.next() {
            Some((at, key, Ok(written))) if at == page.taken => (key, written),
            Some((_, _, Err(error))) => {
                page.broken = Some(error);
                break;
            }
            _ => {
                let why = Error::new(Kind::Unavailable, "a page broke off");
                page.broken = Some(outcomes.find_map(|(_, _, written)| written.err()).unwrap_or(why));
                break;
            }
        };
        page.taken += 1;
        page.counts.scanned += 1;
        page.counts.add(&written);
        let key = item_to_json(&key);
        if let Outcome::Failed(failure) = &written.outcome {
            page.failed.push(FailedItem { key: key.clone(), reason: failure.to_string(), segment });
        }
        page.last = Some(key);
        if page.failed.len() == MOST_BESIDE {
            // The others are worked again, and found done.
            break;
        }
    }
    page
}

/// Writes what a page came to into the ledger. The error is what broke it off.
pub(super) async fn take_down(
    worker: &Worker<'_>,
    pace: &Pace<'_>,
    segment: u32,
    books: &mut Books<'_>,
    page: Outcomes,
    place: Place,
) -> Result<(), Error> {
    let Outcomes { mut counts, failed, broken, .. } = page;
    let met = pace.drain();
    counts.add_met(&met);
    let mut next = books.checkpoint.clone();
    next.counts += counts;
    next.limits.extend(met.into_iter().flat_map(|met| met.limits));
    next.cursor = place.cursor.or(next.cursor);
    next.done = place.done;
    // What could not be read before can be now.
    next.unread = None;
    let first = next.failures + 1;
    let mut beside = Beside::default();
    for (number, item) in (first..).zip(failed) {
        next.failures = number;
        beside.put(Entry::Failure(segment, number), &Recorded { number, item })?;
    }
    if next != books.checkpoint && books.turn_to(next, &beside).await? {
        worker.services.observer.page(segment, &counts, books.checkpoint.done);
        worker.hold_against_tolerance(counts.failed).await?;
    }
    broken.map_or(Ok(()), Err)
}
