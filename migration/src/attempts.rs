//! How often a run was begun: for the first time, and to go on or to try its failed items again. Each attempt is an
//! execution with a name of its own, on the same ledger.

use crate::control;
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;

/// What Step Functions takes for an execution's name has room for two digits (80 characters).
const MOST: u32 = 99;

/// The number of the newest attempt, from 1.
pub async fn latest(ledger: &Ledger, run: &RunId) -> Result<u32, Error> {
    let more = ledger.count(run, Entry::Attempts).await?.unwrap_or_default();
    Ok(u32::try_from(more).unwrap_or(MOST).saturating_add(1))
}

/// Takes the next number, and forgets what asked the attempt before to stop or to hold still. Nobody else asks yet: what
/// is asked after this is asked of the new attempt.
pub async fn begin(ledger: &Ledger, run: &RunId) -> Result<u32, Error> {
    control::begin(ledger, run).await?;
    let attempt = ledger.add(run, Entry::Attempts, 1).await? + 1;
    u32::try_from(attempt).ok().filter(|attempt| *attempt <= MOST).ok_or_else(|| {
        Error::invalid(format!(
            "run {run} was begun {MOST} times; run the migration anew: what is done is not written again"
        ))
    })
}
