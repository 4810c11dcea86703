//! The bulk of a copy: items as they are read become images in the target. What they come to is counted as in place: written,
//! unchanged where it stood there already, filtered where the transform leaves it out, failed.
//!
//! Images go in batches of 25, which only create where two items can have one place, or somebody else writes to the target.

use crate::copy::batches::Batches;
use crate::copy::image::Images;
use crate::copy::put::{MAX_CONFLICTS, Placed, Spent, Tables};
use crate::copy::way::Way;
use crate::copy::{batches, refresh};
use crate::error::Error;
use crate::item::Item;
use crate::item::json::item_to_json;
use crate::pace::Pace;
use crate::plan::Plan;
use crate::services::Services;
use crate::transform::Failure;
use crate::write::{Outcome, Page, Written};

/// An image that is to be written.
pub(super) struct Image {
    /// The place of its item in the page.
    pub(super) at: usize,
    pub(super) source_key: Item,
    pub(super) image: Item,
}

/// Takes items, as a page has them, to their outcomes; the keys are the source's. As [`Writer::page`](crate::write::Writer::page).
pub(crate) async fn page(services: &Services, plan: &Plan, images: &Images, pace: &Pace<'_>, items: Vec<Item>) -> Page {
    let Some(target) = &plan.definition.target else { return Page::new() };
    let tables = Tables {
        images,
        source: (&services.source, plan.definition.source.table.as_str()),
        target: (&services.target, target.table.as_str()),
        way: Way::Paced(pace),
        only_creates: target.written_by_others,
    };
    // Where the target's key keeps items apart, what stands there is an older image of the same item.
    let overwrites = images.origin().is_in_key() && !target.written_by_others;
    let batches = if overwrites { Batches::Overwrite } else { Batches::Create };
    let mut page = write(&tables, pace, batches, items).await;
    page.sort_unstable_by_key(|(at, ..)| *at);
    page
}

async fn write(tables: &Tables<'_>, pace: &Pace<'_>, batches: Batches, items: Vec<Item>) -> Page {
    let (mut page, mut wanted) = (Page::new(), Vec::with_capacity(items.len()));
    for (at, item) in items.into_iter().enumerate() {
        // Of a page that needs no writes all images would be made in one go.
        tokio::task::consume_budget().await;
        let source_key = tables.images.source_key_of(&item);
        match tables.images.of(&item) {
            Ok(Some(image)) => wanted.push(Image { at, source_key, image }),
            Ok(None) => page.push((at, source_key, Ok(Written::of(Outcome::Filtered)))),
            Err(failure) => page.push((at, source_key, Ok(Written::of(Outcome::Failed(failure))))),
        }
    }
    page.extend(batches::write(tables, pace, batches, wanted).await);
    page
}

/// Takes one image to its outcome: while its item changes, as it is then.
pub(super) async fn settle(tables: &Tables<'_>, source_key: &Item, mut image: Item) -> Result<Written, Error> {
    let mut spent = Spent::default();
    while spent.conflicts < MAX_CONFLICTS {
        let now = match tables.put(source_key, &image, &mut spent).await? {
            Placed::Written => return Ok(spent.with(Outcome::Written)),
            Placed::Unchanged => return Ok(spent.with(Outcome::Unchanged)),
            Placed::Refused(failure) => return Ok(spent.with(Outcome::Failed(failure))),
            Placed::Moved(None) => return Ok(spent.with(Outcome::Gone)),
            Placed::Moved(Some(now)) => now,
        };
        image = match tables.images.of(&now) {
            Ok(Some(image)) => image,
            Ok(None) => return Ok(spent.with(Outcome::Filtered)),
            Err(failure) => return Ok(spent.with(Outcome::Failed(failure))),
        };
    }
    let reason = format!("somebody else changed the item {MAX_CONFLICTS} times while it was being copied");
    Ok(spent.with(Outcome::Failed(Failure::new(reason))))
}

/// Has replay bring items in step, each in its turn among the changes of its item: what failed in the bulk may not be written
/// beside replay (R14). One that still can't be carried fails here.
pub(crate) async fn hand_over(
    services: &Services,
    plan: &Plan,
    images: &Images,
    pace: &Pace<'_>,
    items: Vec<Item>,
) -> Page {
    let mut page = Page::new();
    for (at, item) in items.into_iter().enumerate() {
        let source_key = images.source_key_of(&item);
        let handed = match (pace.heed(), images.of(&item)) {
            (Err(error), _) => Err(error),
            (_, Err(failure)) => Ok(Outcome::Failed(failure)),
            (_, Ok(_)) => {
                let key = item_to_json(&source_key);
                refresh::send(services, &plan.run, &key, None).await.map(|()| Outcome::Written)
            }
        };
        let is_over = handed.is_err();
        page.push((at, source_key, handed.map(Written::of)));
        if is_over {
            break;
        }
    }
    page
}

impl Spent {
    pub(super) fn with(self, outcome: Outcome) -> Written {
        let Self { conflicts, read_units, write_units } = self;
        Written { outcome, conflicts, write_units, read_units }
    }
}
