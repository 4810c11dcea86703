//! Which runs have carried to a table before. What stands there may be the application's by now: to know that, each run is noted
//! under its target before it writes there, and whether it was cut over is asked of its own books.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cutover::{self, Phase};
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;
use crate::services::Services;
use crate::table::Table;

/// A run that carries to a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Carrier {
    run: RunId,
    since: Timestamp,
}

/// What another run of the same ledger has made of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Earlier {
    /// The application was moved there.
    CutOver(RunId),
    /// Items were carried there, or will be.
    Carried(RunId),
}

/// Notes that a run carries to that table.
pub(crate) async fn note(services: &Services, run: &RunId, table: &Table) -> Result<(), Error> {
    let carrier = Carrier { run: run.clone(), since: (services.clock)() };
    services.ledger.put_first(&holder(), Entry::carrier(&table.arn, run), &carrier).await.map(drop)
}

/// What others have made of the table that a run carries to: the newest of them, or whichever was cut over.
pub(super) async fn of(ledger: &Ledger, run: &RunId, table: &Table) -> Result<Option<Earlier>, Error> {
    let mut carriers: Vec<Carrier> = ledger.bodies(&holder(), &Entry::carrier_prefix(&table.arn)).await?;
    carriers.retain(|carrier| carrier.run != *run);
    carriers.sort_by_key(|carrier| carrier.since);
    for Carrier { run, .. } in carriers.iter().rev() {
        let phase = cutover::read(ledger, run).await?.map(|cutover| cutover.phase);
        if phase.is_some_and(|phase| (Phase::EndingReplay..=Phase::Over).contains(&phase)) {
            return Ok(Some(Earlier::CutOver(run.clone())));
        }
    }
    Ok(carriers.pop().map(|carrier| Earlier::Carried(carrier.run)))
}

/// No run has this name: those of runs end in a time.
fn holder() -> RunId {
    RunId::named("targets")
}
