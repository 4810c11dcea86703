//! What can be done with a run that is not under way: go on with it, put its capacity back, list its failures.

use aws_sdk_dynamodb::Client;
use embedded::{Embedded, Options};
use jiff::Timestamp;
use migration::capacity::Capacity;
use migration::cost::Prices;
use migration::definition::TableName;
use migration::plan::{self, Engine, Plan, RunId};
use migration::segment::FailedItem;
use migration::summary::Status;
use migration::{Services, Task, prewarm, summary};
use serde_json::json;

use crate::args::{ResumeArgs, RunArg};
use crate::commands::job::{Attempt, Job};
use crate::commands::migrate::first_contact;
use crate::engine::{self, LocalLedger, direct};
use crate::errors::{CliError, Ended};
use crate::{report, show};

/// Runs of the folder that are looked at for what they left behind: each costs some milliseconds.
const LOOKED_AT: usize = 20;

/// `run resume`.
pub(crate) async fn resume(args: ResumeArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = open(&args.run).await?;
    let ended = summary::read(&ledger.ledger, &plan.run).await?;
    if ended.is_some_and(|summary| summary.status == Status::Succeeded) {
        show::line(format_args!("run {} has succeeded: there is nothing to go on with", plan.run));
        return Ok(Ended::Done);
    }
    let client = connect(&plan).await?;
    let table = first_contact(&client, plan.definition.source.table.as_str()).await?;
    let prices = Prices::built_in()?;
    Job { plan, table, client, prices, output: args.output, ledger, attempt: Attempt::Resumed }.run().await
}

/// `run restore`.
pub(crate) async fn restore(args: RunArg) -> Result<Ended, CliError> {
    let (ledger, plan) = open(&args.run).await?;
    let Some(before) = prewarm::still_raised(&ledger.ledger, &plan.run).await? else {
        show::line(format_args!("run {} has nothing to put back", plan.run));
        return Ok(Ended::Done);
    };
    let client = connect(&plan).await?;
    let services = Services::new(client, ledger.ledger, functions::transforms::all(), Timestamp::now);
    Task::Restore.run(&services, json!({ "run": plan.run }), None).await?;
    let table = &plan.definition.source.table;
    show::line(format_args!("table {table} has {} again", report::words(&before)));
    Ok(Ended::Done)
}

/// Says which runs of this folder were killed and have left a table raised: it costs money every hour. A ledger that
/// can't be read is said too, and is in nobody's way.
pub(crate) async fn warn_of_raised_tables() -> Result<(), CliError> {
    for run in engine::newest_runs(LOOKED_AT)? {
        match left_raised(&run).await {
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

/// The table that a run has left raised, and its capacity from before; nothing for a run that is under way.
async fn left_raised(run: &RunId) -> Result<Option<(TableName, Capacity)>, CliError> {
    let Some(LocalLedger { ledger, .. }) = engine::idle_ledger(run)? else { return Ok(None) };
    let Some(plan) = plan::read(&ledger, run).await? else { return Ok(None) };
    if plan.engine == Engine::Embedded && plan.database.is_none() {
        return Ok(None);
    }
    let before = prewarm::still_raised(&ledger, run).await?;
    Ok(before.map(|before| (plan.definition.source.table, before)))
}

/// `run failures`.
pub(crate) async fn failures(args: RunArg) -> Result<Ended, CliError> {
    let (ledger, plan) = open(&args.run).await?;
    let failures: Vec<FailedItem> = ledger.ledger.failures(&plan.run, usize::MAX).await?;
    for failed in failures {
        show::output(json!(failed))?;
    }
    Ok(Ended::Done)
}

async fn open(run: &str) -> Result<(LocalLedger, Plan), CliError> {
    let run = RunId::named(run);
    let ledger = engine::existing_ledger(&run)?;
    let plan = plan::read(&ledger.ledger, &run).await?;
    let plan = plan.ok_or_else(|| CliError::usage(format!("run {run} ended before it began; start it anew")))?;
    Ok((ledger, plan))
}

/// A client of the database that the run works on.
async fn connect(plan: &Plan) -> Result<Client, CliError> {
    let table = &plan.definition.source.table;
    match (plan.engine, &plan.database) {
        (Engine::Direct, _) => {
            let (client, place) = direct::connect().await?;
            show::line(format_args!("engine direct: changes the real table {table} {place}"));
            Ok(client)
        }
        (Engine::Embedded, Some(file)) => {
            show::line(format_args!("engine embedded: table {table} in {}", file.display()));
            if !file.exists() {
                return Err(CliError::usage(format!("expected a database in {}, found no file", file.display())));
            }
            let database = Embedded::open(file, Options::default())?;
            Ok(Client::from_conf(migration::client_config(database.client_builder()).build()))
        }
        (Engine::Embedded, None) => Err(CliError::usage(format!(
            "the database of run {} was a temporary one, and is gone; rehearse with --database FILE to go on later",
            plan.run
        ))),
        (Engine::StepFunctions, _) => Err(CliError::usage("expected a run of this machine, found one of AWS")),
    }
}
