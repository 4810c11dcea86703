//! Which copy is going on. A stack carries one at a time, and a record of a stream doesn't say for whom it is captured: one
//! entry of the ledger does, taken before capture begins and given up after the cut-over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;

/// The copy that is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Its run.
    pub run: RunId,
    /// Changes from before this moment are in what the bulk reads, and need no replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_from: Option<Timestamp>,
    /// Deletes by time to live from after this moment need no replay either: the copy is being cut over, and its target deletes
    /// what has expired by itself. There may be no end of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiries_until: Option<Timestamp>,
}

/// The copy that is going on, if one is.
pub async fn read(ledger: &Ledger) -> Result<Option<Current>, Error> {
    ledger.get(&holder(), Entry::Current).await
}

/// Refuses to begin beside the copy of another run.
pub async fn refuse_another(ledger: &Ledger, run: &RunId) -> Result<(), Error> {
    match read(ledger).await? {
        Some(current) if current.run != *run => Err(taken(Some(current))),
        _ => Ok(()),
    }
}

/// Why no copy can begin while that one goes on.
pub(super) fn taken(by: Option<Current>) -> Error {
    let Some(Current { run, .. }) = by else {
        return Error::new(Kind::Busy, "another copy has ended just now");
    };
    Error::invalid(format!(
        "expected no other copy to go on, found run {run}; cut it over with `run cutover {run}`, or end it with `run cutover {run} --abort`"
    ))
}

/// Makes `current` the copy that is going on, where there is none or it is the same run's; tells whether it is now.
pub async fn take(ledger: &Ledger, current: &Current) -> Result<bool, Error> {
    if ledger.put_first(&holder(), Entry::Current, current).await? {
        return Ok(true);
    }
    Ok(read(ledger).await?.is_some_and(|found| found.run == current.run))
}

/// Puts `next` in the place of the copy of `run`, so that there is always one; tells whether it is there now.
pub(crate) async fn hand_over(ledger: &Ledger, run: &RunId, next: &Current) -> Result<bool, Error> {
    match read(ledger).await? {
        Some(current) if current.run == *run => {
            ledger.put(&holder(), Entry::Current, next).await?;
            Ok(true)
        }
        _ => take(ledger, next).await,
    }
}

/// Has the deletes by time to live carried that were made until then, or all, as long as the copy of `run` is the one that goes on.
pub(crate) async fn carry_expiries(ledger: &Ledger, run: &RunId, until: Option<Timestamp>) -> Result<(), Error> {
    match read(ledger).await? {
        Some(current) if current.run == *run && current.expiries_until != until => {
            ledger.put(&holder(), Entry::Current, &Current { expiries_until: until, ..current }).await
        }
        _ => Ok(()),
    }
}

/// Lets go of it: what is still captured belongs to nobody.
pub async fn give_up(ledger: &Ledger, run: &RunId) -> Result<(), Error> {
    match read(ledger).await? {
        Some(current) if current.run == *run => ledger.delete(&holder(), Entry::Current).await,
        _ => Ok(()),
    }
}

/// No run has this name: those of runs end in a time.
fn holder() -> RunId {
    RunId::named("current")
}
