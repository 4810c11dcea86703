//! A copy: items are carried from the source to the target, and changes after them, until the cut-over.
//!
//! What the target holds of an item is its image, which the transform makes. Every image keeps its source's key, so that
//! nothing of another item is ever overwritten, and what is written twice is written once.

mod batches;
mod blueprint;
pub mod books;
pub(crate) mod bulk;
pub mod capture;
pub mod change;
pub(crate) mod check;
pub mod current;
pub mod dropped;
pub(crate) mod earlier;
pub(crate) mod expiry;
mod image;
mod insert;
pub mod mapping;
pub(crate) mod message;
pub mod notes;
mod origin;
mod permitted;
pub mod poisoned;
pub(crate) mod put;
pub mod queue;
pub(crate) mod quiet;
pub(crate) mod refresh;
pub mod replay;
pub mod sync;
pub mod table;
pub(crate) mod way;

pub use image::Images;
pub use origin::Origin;
pub(crate) use put::{collision, same_item};

use crate::error::Error;
use crate::plan::RunId;
use crate::services::Services;

/// What makes the images of a run, by its plan as it is now in the ledger.
pub(crate) async fn images(services: &Services, run: &RunId) -> Result<Images, Error> {
    Images::new(&services.plan(run).await?, &services.functions)
}
