//! Who is at a cut-over: whoever has written its entry last. Whoever goes on with one, or takes it back, takes it over first, and
//! who was at it before goes no further.

use super::{Cutover, read};
use crate::error::{Error, Kind};
use crate::ledger::Entry;
use crate::plan::RunId;
use crate::services::Services;

/// A name that nobody else has.
pub(super) fn name() -> Result<String, Error> {
    let number = getrandom::u64().map_err(|error| Error::new(Kind::Unavailable, error.to_string()))?;
    Ok(format!("{number:016x}"))
}

pub(super) fn lost(run: &RunId) -> Error {
    Error::new(
        Kind::Busy,
        format!(
            "somebody else cuts run {run} over, or takes that back, just now: `run status {run}` says how it stands"
        ),
    )
}

/// A cut-over that nobody else is at: what is written of it counts only while the entry is the one that was written last.
pub(super) struct Claim {
    pub(super) cutover: Cutover,
}

impl Claim {
    /// Takes over the cut-over whose entry has this body.
    pub(super) async fn take(services: &Services, run: &RunId, cutover: Cutover, body: &str) -> Result<Self, Error> {
        let claim = Self { cutover: Cutover { by: name()?, ..cutover } };
        match services.ledger.replace(run, Entry::Cutover, body, &claim.cutover).await? {
            true => Ok(claim),
            false => Err(lost(run)),
        }
    }

    /// An error where somebody has taken it over.
    pub(super) async fn keep(&self, services: &Services, run: &RunId) -> Result<(), Error> {
        match read(&services.ledger, run).await? {
            Some(found) if found.by == self.cutover.by => Ok(()),
            _ => Err(lost(run)),
        }
    }

    /// Ends it as if it had never been begun; an error where somebody has taken it over.
    pub(super) async fn undo(&self, services: &Services, run: &RunId) -> Result<(), Error> {
        match services.ledger.get_with_body::<Cutover>(run, Entry::Cutover).await? {
            Some((found, body)) if found.by == self.cutover.by => {
                services.ledger.delete_as(run, Entry::Cutover, &body).await
            }
            _ => Err(lost(run)),
        }
    }
}
