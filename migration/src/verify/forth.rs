//! What a copy has left out of its target, for when its way back is compared: such items stand in the source alone, and nothing
//! in the target leads back to them. They are no ghosts, and there is no second one of any: nobody may take them for differences
//! and set those right.

use crate::copy::dropped::LeftOut;
use crate::copy::{self, Images};
use crate::error::Error;
use crate::item::Item;
use crate::plan::Plan;
use crate::services::Services;

/// A copy, on its way back.
pub(super) struct Forth {
    images: Images,
    dropped: LeftOut,
}

impl Forth {
    /// The copy whose way back `plan` is, or compares; nothing where it is none.
    pub(super) async fn of(services: &Services, plan: &Plan) -> Result<Option<Self>, Error> {
        if !plan.is_back() {
            return Ok(None);
        }
        let run = plan.copy().forth();
        let images = copy::images(services, &run).await?;
        Ok(Some(Self { images, dropped: LeftOut::of(&services.ledger, &run).await? }))
    }

    /// Whether the copy may have no image of this item of its source: it leaves it out, its transform fails on it, or somebody has
    /// dropped a change of it.
    pub(super) fn leaves_out(&self, item: &Item) -> bool {
        !matches!(self.images.of(item), Ok(Some(_))) || self.dropped.has(&self.images.source_key_of(item))
    }
}
