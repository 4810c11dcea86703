//! `run verify`: compares two tables both ways (R18), by a run's own migration or any other, or looks for what a migration
//! would still change in place. With `--repair` what differs is set right.

use std::path::Path;

use migration::cutover;
use migration::definition::{Definition, Target};
use migration::plan::{self, Job as What, OfCopy, Plan, RunId};
use migration::table::Table;
use migration::{Ledger, verify};

use crate::args::{ReadingArgs, RunArgs, VerifyArgs};
use crate::commands::migrate::{first_contact, read};
use crate::commands::reading::{self, Reading, Tables};
use crate::commands::which::{self, Which};
use crate::engine::step_functions::Deployed;
use crate::engine::{Clients, rehearsal};
use crate::errors::{CliError, Ended};
use crate::show;

const MIGRATION: &str = "migration.yaml";

pub(crate) async fn verify(args: VerifyArgs) -> Result<Ended, CliError> {
    match args.run.clone() {
        Some(run) => of_run(&RunId::named(&run), args).await,
        None => of_tables(args).await,
    }
}

/// Any two tables.
async fn of_tables(args: VerifyArgs) -> Result<Ended, CliError> {
    let file = args.migration.clone();
    let mut definition = match (&file, &args.source, &args.target) {
        (None, Some(source), Some(_)) => Definition::identity("verify", source.clone()),
        _ => read(file.as_deref().unwrap_or(Path::new(MIGRATION)))?,
    };
    if let Some(source) = args.source.clone() {
        definition.source.table = source;
    }
    match (&mut definition.target, args.target.clone()) {
        (Some(target), Some(table)) => target.table = table,
        (target, Some(table)) => *target = Some(Target::named(table)),
        (_, None) => {}
    }
    if args.repair && definition.target.is_none() {
        return Err(CliError::usage(format!(
            "expected a target to repair, found none: in place `run --migration {}` does what is left to do",
            file.as_deref().unwrap_or(Path::new(MIGRATION)).display()
        )));
    }
    if let Some(copy) = going_on(&definition, &args.reading).await? {
        show::line(format_args!("run {copy} carries the one table to the other: they are compared as it does that"));
        return of_run(&copy, VerifyArgs { source: None, target: None, ..args }).await;
    }
    let verb = if args.repair { "compares and repairs" } else { "compares" };
    let job = What::Verify { repair: args.repair };
    let file = file.unwrap_or_else(|| MIGRATION.into());
    reading::begin(Reading { definition, file, job, verb, args: args.reading }).await
}

/// The copy that goes on between the two tables, where they would be compared on its stack: its `now` is that of its items, and what it
/// carries is on its way meanwhile.
async fn going_on(definition: &Definition, args: &ReadingArgs) -> Result<Option<RunId>, CliError> {
    let stack = if definition.target.is_some() { reading::stack(definition, args)? } else { None };
    let Some(stack) = stack else { return Ok(None) };
    let copy = verify::going_on(&Deployed::open(&stack).await?.ledger(), definition).await?;
    Ok(copy.map(|copy| copy.run))
}

/// The tables of a run, where they are, as it carries them.
async fn of_run(run: &RunId, args: VerifyArgs) -> Result<Ended, CliError> {
    let named = RunArgs { run: run.to_string(), deployed: args.reading.deployed.clone() };
    match which::find_named(&named).await? {
        Which::Local { ledger, plan } => {
            refuse_late(&ledger.ledger, &plan, &args).await?;
            let clients = which::connect(&plan, "compares").await?;
            here(&ledger.ledger, clients, *plan, false, args).await
        }
        Which::UnderWay { ledger, plan } => {
            refuse_late(&ledger, &plan, &args).await?;
            let clients = rehearsal::reach(&plan.run).await?.ok_or_else(|| which::under_way(&plan.run))?;
            let changes = cutover::is_carried(&ledger, &plan.run).await?;
            here(&ledger, clients, *plan, changes, args).await
        }
        Which::Deployed { deployed, plan, target } => {
            // Of a way back the copy's own migration was deployed.
            let copy = plan::read(&deployed.ledger(), &plan.run.forth()).await?;
            let copy = copy.as_ref().unwrap_or(&plan);
            deployed.check_same(copy)?;
            refuse_late(&deployed.ledger(), &plan, &args).await?;
            let clients = deployed.clients(copy).await;
            let clients = if plan.is_back() { clients.turned() } else { clients };
            let (source, target_table) = described(&clients, &plan).await?;
            let changes = cutover::is_carried(&deployed.ledger(), &plan.run).await?;
            let plan = of_plan(*plan, &args, changes, Tables { source: &source, target: target_table.as_ref() })?;
            reading::begin_on(*deployed, plan, &target, &args.reading).await
        }
    }
}

/// A run of this folder.
async fn here(
    books: &Ledger,
    clients: Clients,
    plan: Plan,
    changes: bool,
    args: VerifyArgs,
) -> Result<Ended, CliError> {
    let (source, target) = described(&clients, &plan).await?;
    let plan = of_plan(plan, &args, changes, Tables { source: &source, target: target.as_ref() })?;
    reading::begin_here(clients, plan, source, Some(books), &args.reading).await
}

async fn described(clients: &Clients, plan: &Plan) -> Result<(Table, Option<Table>), CliError> {
    let source = first_contact(&clients.source, plan.definition.source.table.as_str()).await?;
    let target = match &plan.definition.target {
        Some(target) => Some(first_contact(&clients.target, target.table.as_str()).await?),
        None => None,
    };
    Ok((source, target))
}

/// A target that the application has by now is compared, and not set right.
async fn refuse_late(books: &Ledger, plan: &Plan, args: &VerifyArgs) -> Result<(), CliError> {
    if args.repair {
        verify::refuse_late(books, plan).await?;
    }
    Ok(())
}

/// A run that compared another's tables knows nothing of what carries their changes.
fn refuse_verifying(plan: &Plan) -> Result<(), CliError> {
    match &plan.of {
        Some(of) => Err(CliError::usage(format!(
            "run {} has compared the tables of run {}; compare them again with `run verify {}`",
            plan.run, of.run, of.run
        ))),
        None => Ok(()),
    }
}

/// A run that compares what another one carries: the same migration, as of the same moment.
fn of_plan(plan: Plan, args: &VerifyArgs, changes: bool, tables: Tables<'_>) -> Result<Plan, CliError> {
    refuse_verifying(&plan)?;
    if args.repair && plan.definition.target.is_none() {
        let run = &plan.run;
        return Err(CliError::usage(format!(
            "run {run} changes its table in place: `run resume {run}` does what is left"
        )));
    }
    let (of, now, engine, database) = (plan.run, plan.now, plan.engine, plan.database);
    let workers = args.reading.workers.unwrap_or(plan.concurrency);
    let definition = reading::bounded(plan.definition, &args.reading);
    let planned = reading::plan(definition, tables, engine, What::Verify { repair: args.repair }, workers)?;
    Ok(Plan { of: Some(OfCopy { run: of, changes }), now, database, ..planned })
}
