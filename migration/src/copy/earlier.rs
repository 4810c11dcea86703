//! Which runs have carried to a table before. What stands there may be the application's by now: to know that, each run is noted
//! under its target before it writes there, and whether it was cut over is asked of its own books.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cutover::{self, Phase};
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::{self, Plan, RunId};
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

/// What others have made of the table that a run carries to: whichever was cut over, or the newest of them.
pub(super) async fn of(ledger: &Ledger, run: &RunId, table: &Table) -> Result<Option<Earlier>, Error> {
    let mut carriers = newest_first(ledger, &Entry::carriers_to(&table.arn)).await?;
    carriers.retain(|carrier| carrier.run != *run);
    for Carrier { run, .. } in &carriers {
        let phase = cutover::read(ledger, run).await?.map(|cutover| cutover.phase);
        if phase.is_some_and(|phase| (Phase::EndingReplay..=Phase::Over).contains(&phase)) {
            return Ok(Some(Earlier::CutOver(run.clone())));
        }
    }
    Ok(carriers.into_iter().next().map(|carrier| Earlier::Carried(carrier.run)))
}

/// The newest run whose plan is one of those that are meant.
pub(crate) async fn newest(ledger: &Ledger, is_meant: impl Fn(&Plan) -> bool) -> Result<Option<Plan>, Error> {
    for Carrier { run, .. } in newest_first(ledger, Entry::CARRIER_PREFIX).await? {
        if let Some(plan) = plan::read(ledger, &run).await?.filter(&is_meant) {
            return Ok(Some(plan));
        }
    }
    Ok(None)
}

async fn newest_first(ledger: &Ledger, prefix: &str) -> Result<Vec<Carrier>, Error> {
    let mut carriers: Vec<Carrier> = ledger.bodies(&holder(), prefix).await?;
    carriers.sort_by_key(|carrier| Reverse(carrier.since));
    Ok(carriers)
}

/// No run has this name: those of runs end in a time.
fn holder() -> RunId {
    RunId::named("targets")
}
