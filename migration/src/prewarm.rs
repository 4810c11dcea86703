//! The tasks around capacity: raise it, wait for it, and put it back (R12).

use serde::{Deserialize, Serialize};

use crate::allowance::Allowance;
use crate::capacity::{self, Capacity};
use crate::control;
use crate::definition::Prewarm;
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;
use crate::scaling::{self, Target};
use crate::services::Services;
use crate::table::Table;

/// Whether what was begun is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// It is.
    pub(crate) ready: bool,
}

/// What the ledger holds of a table's capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// What stood before.
    pub before: Capacity,
    /// What it was raised to.
    pub to: Capacity,
    /// What scaled the table and its indexes before. It is suspended while they are raised.
    #[serde(default)]
    pub scaling: Vec<Target>,
    /// Whether it has been put back. It is put back once: what somebody sets afterwards is theirs.
    pub restored: bool,
    /// Whether putting it back has begun: whoever raises it from then on comes too late.
    #[serde(default)]
    restoring: bool,
    /// The attempt that has raised it.
    #[serde(default)]
    attempt: u32,
}

/// Writes down the table's capacity and what scales it, suspends that, then raises the table to what the plan asks
/// for. Nothing is lowered.
///
/// What is written down stays until it is put back: a second call, after an answer that was lost, must not take
/// the raised capacity for the old one. A run that is resumed has put it back, and writes it down anew.
pub(crate) async fn prewarm(services: &Services, run: &RunId) -> Result<Ready, Error> {
    let plan = services.plan(run).await?;
    let table = Table::describe(&services.source, plan.definition.source.table.as_str()).await?;
    if let Some(asked) = plan.definition.prewarm.filter(|asked| asked.is_for_good()) {
        // Nothing is written down: there is no way back.
        capacity::warm(&services.source, &table.name, asked).await?;
        return check(services, run).await;
    }
    let raised = plan.definition.prewarm.and_then(|asked| capacity::raised(&table, asked));
    let Some(to) = raised else { return Ok(Ready { ready: table.is_active }) };
    let noted = raised_by(&services.ledger, run).await?;
    if noted.as_ref().is_some_and(|noted| noted.is_over_for(plan.attempt)) {
        return check(services, run).await;
    }
    let raised = match noted.filter(|noted| !noted.restored) {
        Some(noted) => Raised { restoring: false, attempt: plan.attempt, ..noted },
        None => {
            let scaling = match &services.autoscaling {
                Some(autoscaling) => scaling::targets(autoscaling, &table).await?,
                None => Vec::new(),
            };
            let (before, to) = (table.capacity.clone(), to.clone());
            Raised { before, to, scaling, restored: false, restoring: false, attempt: plan.attempt }
        }
    };
    services.ledger.put(run, Entry::Capacity, &raised).await?;
    if let Some(autoscaling) = &services.autoscaling {
        scaling::suspend(autoscaling, &raised.scaling).await?;
    }
    capacity::set(&services.source, &table.name, &to).await?;
    // A function lives on when its execution is aborted: the table may have been put back before it was raised.
    if raised_by(&services.ledger, run).await?.is_none_or(|noted| noted.is_over_for(plan.attempt)) {
        set_back(services, &table.name, &raised).await?;
    }
    check(services, run).await
}

impl Raised {
    /// Whether putting back what that attempt has raised has at least begun.
    fn is_over_for(&self, attempt: u32) -> bool {
        self.attempt == attempt && (self.restoring || self.restored)
    }
}

/// What a run has raised, if it has.
pub async fn raised_by(ledger: &Ledger, run: &RunId) -> Result<Option<Raised>, Error> {
    ledger.get(run, Entry::Capacity).await
}

/// What a run has raised and not put back: the capacity from before.
pub async fn still_raised(ledger: &Ledger, run: &RunId) -> Result<Option<Capacity>, Error> {
    let raised = raised_by(ledger, run).await?;
    Ok(raised.filter(|raised| !raised.restored).map(|raised| raised.before))
}

/// Asks whether the table and its indexes are active.
pub(crate) async fn check(services: &Services, run: &RunId) -> Result<Ready, Error> {
    control::heed_stop(&services.ledger, run).await?;
    let plan = services.plan(run).await?;
    let table = Table::describe(&services.source, plan.definition.source.table.as_str()).await?;
    // Of a table that is raised the warm throughput follows by itself: that isn't waited for.
    let is_warming = table.is_warming && plan.definition.prewarm.is_some_and(Prewarm::is_for_good);
    let ready = table.is_active && !is_warming;
    if ready {
        // There is more to take now.
        Allowance::of_run(services, &plan, &table).await?.put(&services.ledger, run).await?;
    }
    Ok(Ready { ready })
}

/// Puts back what stood before the run, if the run has raised it. Doing it twice is doing it once.
pub(crate) async fn restore(services: &Services, run: &RunId) -> Result<Ready, Error> {
    put_back(services, run).await.map_err(|error| error.while_doing("the table's capacity was not put back"))?;
    Ok(Ready { ready: true })
}

/// It is noted first that this has begun, so that a raise that comes too late knows it, and that it is done when all of
/// it is, so that what died in between is done again.
async fn put_back(services: &Services, run: &RunId) -> Result<(), Error> {
    let Some(raised) = raised_by(&services.ledger, run).await?.filter(|raised| !raised.restored) else {
        return Ok(());
    };
    let plan = services.plan(run).await?;
    let raised = Raised { restoring: true, ..raised };
    services.ledger.put(run, Entry::Capacity, &raised).await?;
    set_back(services, plan.definition.source.table.as_str(), &raised).await?;
    services.ledger.put(run, Entry::Capacity, &Raised { restored: true, ..raised }).await
}

/// The capacity first: scaling that goes on while the table is raised would begin to move it.
async fn set_back(services: &Services, name: &str, raised: &Raised) -> Result<(), Error> {
    capacity::set(&services.source, name, &raised.before).await?;
    if let (Some(autoscaling), false) = (&services.autoscaling, raised.scaling.is_empty()) {
        let table = Table::describe(&services.source, name).await?;
        scaling::put_back(autoscaling, &table, &raised.scaling).await?;
    }
    Ok(())
}
