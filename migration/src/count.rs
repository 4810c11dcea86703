//! `run count`: how many items a table has, and how many of them `where` chooses. Each page is read once and counted in its
//! checkpoint, so that a count that was broken off, or worked on twice, is as exact as one that went through.

use crate::counts::Counts;
use crate::definition::Definition;
use crate::error::Error;
use crate::pace::Pace;
use crate::segment::scan::{self, Scanned, Wanted};
use crate::transform::Transform;

/// What a count came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The items of the table.
    pub items: u64,
    /// Those that `where` chooses; `None` where there is none.
    pub chosen: Option<u64>,
}

impl Counted {
    /// What the pages of a count of `definition` add up to.
    pub fn of(definition: &Definition, counts: &Counts) -> Self {
        let chosen = counts.scanned.saturating_sub(counts.filtered);
        Self { items: counts.scanned, chosen: definition.condition.as_ref().map(|_| chosen) }
    }
}

/// Counts one page; gives where to go on.
pub(crate) async fn page(
    pace: &Pace<'_>,
    transform: &Transform,
    wanted: Wanted<'_>,
) -> Result<(Counts, Option<serde_json::Value>), Error> {
    let Scanned { items, count, cursor, read_units } = match transform.chooses_all() {
        true => scan::count(pace, wanted).await?,
        false => scan::read(pace, wanted).await?,
    };
    let filtered = items.iter().filter(|item| !transform.chooses(item)).count() as u64;
    let unchanged = count - filtered;
    Ok((Counts { scanned: count, filtered, unchanged, read_units, ..Counts::default() }, cursor))
}
