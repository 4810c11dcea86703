//! Which run is meant: one whose ledger is in this folder, or one of the deployed stack.

use std::path::Path;
use std::time::Duration;

use embedded::{Embedded, ErrorKind, Options};
use migration::cost::Prices;
use migration::definition::Definition;
use migration::plan::{self, Engine, Plan, RunId};
use migration::{Ledger, summary};
use tokio::time::{Instant, sleep, timeout_at};

use crate::args::{DeployedArgs, Output, RunArgs, SomeRunArgs};
use crate::commands::conclude::conclude;
use crate::commands::copies;
use crate::engine::choice::nothing_deployed;
use crate::engine::step_functions::{Deployed, Target};
use crate::engine::{Clients, Left, LocalLedger, direct, endpoint, local};
use crate::errors::{CliError, Ended};
use crate::show;

/// Executions that are looked through for the newest run: others may have been begun by hand.
const LOOKED_THROUGH: i32 = 20;
/// A process that begins or ends a run can't be asked for a moment; then either it answers or what it held is free.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A run, and where its books are.
pub(crate) enum Which {
    /// Of this folder, in a process that goes on, and answers for its ledger.
    UnderWay { ledger: Ledger, plan: Box<Plan> },
    /// Of this folder.
    Local { ledger: LocalLedger, plan: Box<Plan> },
    /// Of a stack.
    Deployed { deployed: Box<Deployed>, plan: Box<Plan>, target: Target },
}

/// The run that is named, or the newest.
pub(crate) async fn find(args: &SomeRunArgs) -> Result<Which, CliError> {
    match &args.run {
        Some(run) => named(&RunId::named(run), &args.deployed).await,
        None => newest(args).await,
    }
}

/// The run that is named.
pub(crate) async fn find_named(args: &RunArgs) -> Result<Which, CliError> {
    named(&RunId::named(&args.run), &args.deployed).await
}

async fn named(run: &RunId, deployed: &DeployedArgs) -> Result<Which, CliError> {
    let is_elsewhere = deployed.stack.is_some() || deployed.state_machine.is_some();
    if !is_elsewhere && local::has_ledger(run)? {
        return here(run).await;
    }
    match Target::find(deployed, run.parts().map(|(migration, _)| migration))? {
        Some(target) => of_stack(run, target).await,
        None => Err(local::no_such_run(run)?),
    }
}

/// A run of this folder: its ledger is free, or the process that holds it answers for it.
async fn here(run: &RunId) -> Result<Which, CliError> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    loop {
        if let Some(ledger) = local::idle_ledger(run)? {
            let plan = plan::read(&ledger.ledger, run).await?;
            let plan =
                plan.ok_or_else(|| CliError::usage(format!("run {run} ended before it began; start it anew")))?;
            return Ok(Which::Local { ledger, plan: Box::new(plan) });
        }
        // Nobody there, somebody else, or no plan yet: it begins, ends, or was killed just now.
        if let Some(ledger) = endpoint::reach(run).await?
            && let Ok(Ok(Some(plan))) = timeout_at(deadline, plan::read(&ledger, run)).await
        {
            return Ok(Which::UnderWay { ledger, plan: Box::new(plan) });
        }
        if Instant::now() >= deadline {
            return Err(CliError::failed(format!(
                "run {run} is held by another process of this machine, which doesn't answer for it; it may only be \
                 beginning: ask again in a moment"
            )));
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn of_stack(run: &RunId, target: Target) -> Result<Which, CliError> {
    let deployed = Deployed::open(&target).await?;
    let plan = deployed.newest_plan(run).await?;
    Ok(Which::Deployed { deployed: Box::new(deployed), plan: Box::new(plan), target })
}

/// The run that began last, here or on the migration's stack.
async fn newest(args: &SomeRunArgs) -> Result<Which, CliError> {
    let migration = migration_of(&args.migration);
    let target = Target::find(&args.deployed, migration.as_deref())?;
    let is_elsewhere = args.deployed.stack.is_some() || args.deployed.state_machine.is_some();
    let here = if is_elsewhere { None } else { local::newest_runs(1)?.pop() };
    let is_deployed = target.is_some();
    let there = match target {
        Some(target) => newest_of_stack(target).await?,
        None => None,
    };
    match (here, there) {
        (Some(here), Some((there, _))) if began(&here) > began(&there) => self::here(&here).await,
        (_, Some((there, target))) => of_stack(&there, target).await,
        (Some(here), None) => self::here(&here).await,
        (None, None) if is_deployed => {
            Err(CliError::usage("expected a run, found none yet, neither here nor on the stack"))
        }
        (None, None) => {
            let migration = migration.as_deref().unwrap_or("the migration");
            Err(CliError::usage(format!("expected a run, found none in this folder; {}", nothing_deployed(migration))))
        }
    }
}

async fn newest_of_stack(target: Target) -> Result<Option<(RunId, Target)>, CliError> {
    let deployed = Deployed::open(&target).await?;
    let executions = deployed.newest_executions(None, LOOKED_THROUGH).await?;
    let mut runs =
        executions.iter().map(|execution| RunId::of_execution(&execution.name)).filter(|run| run.parts().is_some());
    Ok(runs.next().map(|run| (run, target)))
}

fn began(run: &RunId) -> Option<&str> {
    run.parts().map(|(_, began)| began)
}

/// The name of the migration in a file; nothing where there is none, or it isn't one yet.
fn migration_of(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Definition::from_yaml(&text).ok().map(|definition| definition.migration)
}

/// The report of a run of this folder, which has one.
pub(crate) async fn report_of_local(
    ledger: &LocalLedger,
    plan: &Plan,
    prices: &Prices,
    output: Output,
) -> Result<Ended, CliError> {
    let Some(summary) = summary::read(&ledger.ledger, &plan.run).await? else {
        return Err(CliError::usage(format!(
            "run {} was cut off before its end; `run resume {}` goes on",
            plan.run, plan.run
        )));
    };
    let table = &plan.definition.source.table;
    let is_gone = plan.engine == Engine::Embedded && plan.database.is_none();
    let left = if is_gone {
        Left::in_ledger(&ledger.ledger, &plan.run).await?
    } else {
        let clients = connect(plan, "looks at").await?;
        let copy = copies::seen(plan, &clients, &ledger.ledger).await;
        Left { copy, ..Left::read(&clients.source, &ledger.ledger, &plan.run, table.as_str()).await? }
    };
    conclude(&summary, plan, &left, prices, &[format!("ledger      {}", ledger.file.display())], output)
}

/// Clients of the database that a run of this folder works on; `verb` says what for.
pub(crate) async fn connect(plan: &Plan, verb: &str) -> Result<Clients, CliError> {
    let table = &plan.definition.source.table;
    match (plan.engine, &plan.database) {
        (Engine::Direct, _) => {
            let (clients, place) = direct::clients(&plan.definition).await?;
            show::line(format_args!("engine direct: {verb} the real table {table} {place}"));
            Ok(clients)
        }
        (Engine::Embedded, Some(file)) => {
            show::line(format_args!("engine embedded: table {table} in {}", file.display()));
            if !file.exists() {
                return Err(CliError::usage(format!("expected a database in {}, found no file", file.display())));
            }
            Ok(Clients::embedded(open_when_free(file).await?))
        }
        (Engine::Embedded, None) => Err(CliError::usage(format!(
            "the database of run {} was a temporary one, and is gone; rehearse with --database FILE to go on later",
            plan.run
        ))),
        (Engine::StepFunctions, _) => Err(CliError::usage("expected a run of this machine, found one of AWS")),
    }
}

/// Opens a run's database. A process that ends lets go of its ledger and of its database in no order: whoever has found
/// the ledger free may still find the database held for a moment.
async fn open_when_free(file: &Path) -> Result<Embedded, embedded::Error> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    loop {
        match Embedded::open(file, Options::default()) {
            Err(error) if error.kind() == ErrorKind::Locked && Instant::now() < deadline => sleep(ASK_AGAIN).await,
            opened => return opened,
        }
    }
}

/// What to say of a run of which nothing can be asked any more.
pub(crate) fn has_ended(run: &RunId) -> CliError {
    CliError::usage(format!("run {run} isn't under way; `run status {run}` says how it has ended"))
}

/// The same of one on a stack, if it has.
pub(crate) async fn refuse_ended(deployed: &Deployed, plan: &Plan) -> Result<(), CliError> {
    if deployed.describe(plan).await?.is_running() { Ok(()) } else { Err(has_ended(&plan.run)) }
}

/// What to say of a run on a stack that has to have ended first.
pub(crate) fn under_way_at(console: &str, run: &RunId) -> CliError {
    CliError::usage(format!("run {run} is under way; wait for its end, or end it with `run stop {run}`: {console}"))
}

/// What to say of a run of this folder that has to have ended first.
pub(crate) fn under_way(run: &RunId) -> CliError {
    CliError::usage(format!(
        "run {run} is under way in another process of this machine; wait for its end, or end it with `run stop {run}`"
    ))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::timeout;

    use super::*;

    /// `run stop` and `run watch` come in between: the ledger of the run that they followed is free already.
    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_let_go_of_in_a_moment_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.db");
        let held = Embedded::open(&file, Options::default()).unwrap();
        let mut opening = pin!(open_when_free(&file));
        assert!(timeout(ANSWERS_WITHIN / 2, &mut opening).await.is_err());
        drop(held);
        opening.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_another_process_keeps_is_not_waited_for_longer() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.db");
        let _held = Embedded::open(&file, Options::default()).unwrap();
        let refused = open_when_free(&file).await.map(drop);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Locked);
    }
}
