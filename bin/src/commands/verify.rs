//! `run verify`: compares two tables both ways (R18), by a run's own migration or any other, or looks for what a migration
//! would still change in place. With `--repair` what differs is set right.

use std::path::Path;

use migration::cutover::{self, Phase};
use migration::definition::{Definition, Target};
use migration::plan::{self, Job as What, OfCopy, Plan, RunId};
use migration::table::Table;
use migration::{Ledger, verify};

use crate::args::{RunArgs, VerifyArgs};
use crate::commands::migrate::{first_contact, read};
use crate::commands::reading::{self, Reading, Tables};
use crate::commands::which::{self, Which};
use crate::engine::{Clients, local, rehearsal};
use crate::errors::{CliError, Ended};

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
    if let Some(source) = args.source {
        definition.source.table = source;
    }
    match (&mut definition.target, args.target) {
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
    let verb = if args.repair { "compares and repairs" } else { "compares" };
    let job = What::Verify { repair: args.repair };
    let file = file.unwrap_or_else(|| MIGRATION.into());
    reading::begin(Reading { definition, file, job, verb, args: args.reading }).await
}

/// The tables of a run, where they are, as it carries them.
async fn of_run(run: &RunId, args: VerifyArgs) -> Result<Ended, CliError> {
    let named = RunArgs { run: run.to_string(), deployed: args.reading.deployed.clone() };
    match which::find_named(&named).await? {
        Which::Local { ledger, plan } => {
            refuse_late_repairs(&ledger.ledger, &plan, &args).await?;
            let clients = which::connect(&plan, "compares").await?;
            here(&ledger.ledger, clients, *plan, false, args).await
        }
        Which::UnderWay { ledger, plan } => {
            refuse_late_repairs(&ledger, &plan, &args).await?;
            let clients = rehearsal::reach(&plan.run).await?.ok_or_else(|| which::under_way(&plan.run))?;
            let changes = cutover::is_carried(&ledger, &plan.run).await?;
            here(&ledger, clients, *plan, changes, args).await
        }
        Which::Deployed { deployed, plan, target } => {
            // Of a way back the copy's own migration was deployed.
            let copy = plan::read(&deployed.ledger(), &plan.run.forth()).await?;
            let copy = copy.as_ref().unwrap_or(&plan);
            deployed.check_same(copy)?;
            refuse_late_repairs(&deployed.ledger(), &plan, &args).await?;
            let clients = deployed.clients(copy).await;
            let clients = if plan.is_back() { clients.turned() } else { clients };
            let (source, target_table) = described(&clients, &plan).await?;
            let changes = cutover::is_carried(&deployed.ledger(), &plan.run).await?;
            let plan = of_plan(*plan, &args, changes, Tables { source: &source, target: target_table.as_ref() })?;
            reading::begin_on(*deployed, plan, &target, &args.reading).await
        }
    }
}

/// A run of this folder: what it is found to be goes into its books, too.
async fn here(
    books: &Ledger,
    clients: Clients,
    plan: Plan,
    changes: bool,
    args: VerifyArgs,
) -> Result<Ended, CliError> {
    let (source, target) = described(&clients, &plan).await?;
    let run = plan.run.clone();
    let plan = of_plan(plan, &args, changes, Tables { source: &source, target: target.as_ref() })?;
    let verifying = plan.run.clone();
    let ended = reading::begin_here(clients, plan, source, Some(books), &args.reading).await?;
    if let Some(ledger) = local::idle_ledger(&verifying)?
        && let Some(verified) = verify::verified(&ledger.ledger, &verifying).await?
    {
        verify::note(books, &run, &verified).await?;
    }
    Ok(ended)
}

async fn described(clients: &Clients, plan: &Plan) -> Result<(Table, Option<Table>), CliError> {
    let source = first_contact(&clients.source, plan.definition.source.table.as_str()).await?;
    let target = match &plan.definition.target {
        Some(target) => Some(first_contact(&clients.target, target.table.as_str()).await?),
        None => None,
    };
    Ok((source, target))
}

/// A target that the application writes to holds what the source never had: what a repair takes for differences.
async fn refuse_late_repairs(books: &Ledger, plan: &Plan, args: &VerifyArgs) -> Result<(), CliError> {
    let (run, cutover) = (&plan.run, cutover::read(books, &plan.run).await?);
    let Some(cutover) = cutover.filter(|cutover| args.repair && cutover.phase >= Phase::EndingReplay) else {
        return Ok(());
    };
    let target = plan.definition.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default();
    let why = match (cutover.phase, cutover.back) {
        (Phase::GivenUp, _) => format!(
            "run {run} was given up: {target} isn't kept in step, and may be in use by now; run the migration anew to carry \
             the source once more"
        ),
        (_, Some(back)) => format!(
            "run {run} is cut over: a repair would put the source's items over what the application writes to {target}; \
             `run verify {back} --repair` sets the source right instead"
        ),
        (_, None) => format!(
            "run {run} is cut over: a repair would put the source's items over what the application writes to {target}; \
             `run verify {run}` compares the two tables without it"
        ),
    };
    Err(CliError::usage(why))
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
