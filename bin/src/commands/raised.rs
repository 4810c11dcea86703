//! Tables that runs have left raised: they cost money every hour, so the next command says so, and offers to put them
//! back where there is a terminal. Nothing that goes wrong with that is in the command's way.

use std::collections::HashSet;

use aws_sdk_sfn::types::ExecutionStatus;
use migration::capacity::Capacity;
use migration::plan::{self, Engine, Plan, RunId};
use migration::{Ledger, prewarm};

use crate::commands::restore::{Reached, put_back};
use crate::commands::{job, which};
use crate::engine::local;
use crate::engine::step_functions::Deployed;
use crate::errors::CliError;
use crate::{ask, report, show};

/// Runs of the folder that are looked at for what they left behind: each costs some milliseconds.
const LOOKED_AT: usize = 20;
/// Runs of a stack: each is a request.
const LOOKED_AT_AWAY: i32 = 10;

/// Runs of this folder that were killed; not the one that the command is about, which does what it does. A ledger that
/// can't be read is said too.
pub(crate) async fn offer_here(but: Option<&str>) -> Result<(), CliError> {
    let runs = local::newest_runs(LOOKED_AT)?.into_iter();
    for run in runs.filter(|run| but != Some(run.to_string().as_str())) {
        match left_by(&run).await {
            Ok(None) => {}
            Ok(Some((ledger, plan, before))) => {
                if is_wanted_back(&run, "killed", plan.definition.source.table.as_str(), &before)? {
                    match which::connect(&plan, "changes").await {
                        Ok(clients) => {
                            let reached = (clients.source, job::autoscaling(&plan).await);
                            restore(reached, ledger, &run, &before).await;
                        }
                        Err(error) => show::line(format_args!("it can't be put back: {error}")),
                    }
                }
            }
            Err(error) => show::line(format_args!("the ledger of run {run} can't be read: {error}")),
        }
    }
    Ok(())
}

/// The same of the newest runs of a stack.
pub(crate) async fn offer_at(deployed: &Deployed, but: Option<&RunId>) -> Result<(), CliError> {
    let runs = deployed.newest_executions(None, LOOKED_AT_AWAY).await?.into_iter();
    let (under_way, ended): (Vec<_>, Vec<_>) = runs
        .map(|execution| (RunId::of_execution(&execution.name), execution.status))
        .partition(|(_, status)| *status == ExecutionStatus::Running);
    // A run of several attempts is asked after once, and not while one of them goes on.
    let mut seen: HashSet<_> = under_way.into_iter().map(|(run, _)| run).chain(but.cloned()).collect();
    for run in ended.into_iter().map(|(run, _)| run).filter(|run| seen.insert(run.clone())) {
        let ledger = deployed.ledger();
        if let Some(before) = prewarm::still_raised(&ledger, &run).await?
            && is_wanted_back(&run, "cut off", &deployed.stack.table, &before)?
        {
            let reached = (deployed.aws.dynamodb.clone(), Some(deployed.aws.autoscaling.clone()));
            restore(reached, ledger, &run, &before).await;
        }
    }
    Ok(())
}

/// Says what was left, and asks where anybody can answer.
fn is_wanted_back(run: &RunId, how: &str, table: &str, before: &Capacity) -> Result<bool, CliError> {
    let before = report::words(before);
    show::line(format_args!(
        "run {run} was {how} and has left table {table} raised: `run restore {run}` puts it back to {before}"
    ));
    Ok(ask::is_possible() && ask::yes("put it back now?")?)
}

async fn restore(reached: Reached, ledger: Ledger, run: &RunId, before: &Capacity) {
    match put_back(reached, ledger, run).await {
        Ok(()) => show::line(format_args!("it has {} again", report::words(before))),
        Err(error) => show::line(format_args!("it can't be put back: {error}")),
    }
}

/// What a run has left raised, and the capacity from before; nothing for a run that is under way.
async fn left_by(run: &RunId) -> Result<Option<(Ledger, Plan, Capacity)>, CliError> {
    let Some(local::LocalLedger { ledger, .. }) = local::idle_ledger(run)? else { return Ok(None) };
    let Some(plan) = plan::read(&ledger, run).await? else { return Ok(None) };
    if plan.engine == Engine::Embedded && plan.database.is_none() {
        return Ok(None);
    }
    let before = prewarm::still_raised(&ledger, run).await?;
    Ok(before.map(|before| (ledger, plan, before)))
}
