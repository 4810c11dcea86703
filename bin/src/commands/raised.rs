//! Tables that runs have left raised: they cost money every hour, so the next run says so.

use std::collections::HashSet;

use aws_sdk_sfn::types::ExecutionStatus;
use migration::capacity::Capacity;
use migration::definition::TableName;
use migration::plan::{self, Engine, RunId};
use migration::{Error, prewarm};

use crate::engine::step_functions::Deployed;
use crate::engine::{LocalLedger, local};
use crate::errors::CliError;
use crate::{report, show};

/// Runs of the folder that are looked at for what they left behind: each costs some milliseconds.
const LOOKED_AT: usize = 20;
/// Runs of a stack: each is a request.
const LOOKED_AT_AWAY: i32 = 10;

/// Says which runs of this folder were killed and have left a table raised. A ledger that can't be read is said too,
/// and is in nobody's way.
pub(crate) async fn warn_of_tables() -> Result<(), CliError> {
    for run in local::newest_runs(LOOKED_AT)? {
        match left_by(&run).await {
            Ok(None) => {}
            Ok(Some((table, before))) => show::line(format_args!(
                "run {run} was killed and has left table {table} raised: `run restore {run}` puts it back to {}",
                report::words(&before)
            )),
            Err(error) => show::line(format_args!("the ledger of run {run} can't be read: {error}")),
        }
    }
    Ok(())
}

/// The same of the newest runs of a stack.
pub(crate) async fn warn_of_tables_left_by(deployed: &Deployed) -> Result<(), CliError> {
    warn_of_tables().await?;
    let ledger = deployed.ledger();
    let runs = deployed.newest_executions(None, LOOKED_AT_AWAY).await?.into_iter();
    let (under_way, ended): (Vec<_>, Vec<_>) = runs
        .map(|execution| (RunId::of_execution(&execution.name), execution.status))
        .partition(|(_, status)| *status == ExecutionStatus::Running);
    // A run of several attempts is asked after once, and not while one of them goes on.
    let mut seen: HashSet<_> = under_way.into_iter().map(|(run, _)| run).collect();
    for run in ended.into_iter().map(|(run, _)| run).filter(|run| seen.insert(run.clone())) {
        let left: Result<_, Error> = prewarm::still_raised(&ledger, &run).await;
        if let Some(before) = left? {
            show::line(format_args!(
                "run {run} was cut off and has left table {} raised: `run restore {run}` puts it back to {}",
                deployed.stack.table,
                report::words(&before)
            ));
        }
    }
    Ok(())
}

/// The table that a run has left raised, and its capacity from before; nothing for a run that is under way.
async fn left_by(run: &RunId) -> Result<Option<(TableName, Capacity)>, CliError> {
    let Some(LocalLedger { ledger, .. }) = local::idle_ledger(run)? else { return Ok(None) };
    let Some(plan) = plan::read(&ledger, run).await? else { return Ok(None) };
    if plan.engine == Engine::Embedded && plan.database.is_none() {
        return Ok(None);
    }
    let before = prewarm::still_raised(&ledger, run).await?;
    Ok(before.map(|before| (plan.definition.source.table, before)))
}
