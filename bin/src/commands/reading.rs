//! The way of the commands that read whole tables, from their flags to a run: the same engines, the same workers and the
//! same books as a migration has, and nothing of the table is changed for them.

use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use embedded::Options;
use indicatif::HumanCount;
use jiff::Timestamp;
use migration::cost::Prices;
use migration::definition::{Budget, Definition};
use migration::item::read_units;
use migration::plan::{self, Engine, Job as What, Plan};
use migration::table::Table;
use migration::transform::{Run, Transform};
use migration::{Ledger, verify};

use crate::args::{EngineArg, ReadingArgs};
use crate::commands::deployed::{CHILDREN_AT_WORK, is_wanted, say_where, to_its_end};
use crate::commands::in_step::Wanted;
use crate::commands::job::Job;
use crate::commands::migrate::{first_contact, workers};
use crate::commands::target::place;
use crate::engine::choice::nothing_deployed;
use crate::engine::embedded::open_file;
use crate::engine::step_functions::{Deployed, Target, input};
use crate::engine::{Clients, direct, local};
use crate::errors::{CliError, Ended};
use crate::show;
use crate::signals::Signals;

/// What is to be read, and how.
pub(crate) struct Reading {
    pub(crate) definition: Definition,
    /// Where the definition stands.
    pub(crate) file: PathBuf,
    pub(crate) job: What,
    /// What it does with the table, in words.
    pub(crate) verb: &'static str,
    pub(crate) args: ReadingArgs,
}

/// Begins it where it is meant to be, and follows it to its report.
pub(crate) async fn begin(mut reading: Reading) -> Result<Ended, CliError> {
    reading.definition = bounded(reading.definition, &reading.args);
    match engine(&reading.definition, &reading.args)? {
        Chosen::Here(engine) => here(reading, engine).await,
        Chosen::Deployed(target) => on_a_stack(reading, target).await,
    }
}

/// The migration, read as the flags say.
pub(crate) fn bounded(definition: Definition, args: &ReadingArgs) -> Definition {
    let budget = definition.budget;
    Definition {
        segments: args.segments.unwrap_or(definition.segments),
        budget: Budget {
            share: args.share.unwrap_or(budget.share),
            read_units: args.read_units.or(budget.read_units),
            ..budget
        },
        // Reading asks for no more than the table has.
        prewarm: None,
        ..definition
    }
}

enum Chosen {
    Here(Engine),
    Deployed(Target),
}

/// The stack that tables would be read on, if on one.
pub(crate) fn stack(definition: &Definition, args: &ReadingArgs) -> Result<Option<Target>, CliError> {
    Ok(match engine(definition, args)? {
        Chosen::Deployed(target) => Some(target),
        Chosen::Here(_) => None,
    })
}

fn engine(definition: &Definition, args: &ReadingArgs) -> Result<Chosen, CliError> {
    let migration = definition.migration.as_str();
    let refuse_database = || match &args.database {
        Some(_) => {
            Err(CliError::usage("--database is for the embedded engine; leave it out, or name --engine embedded"))
        }
        None => Ok(()),
    };
    match args.engine {
        Some(EngineArg::Embedded) => Ok(Chosen::Here(Engine::Embedded)),
        Some(EngineArg::Direct) => refuse_database().map(|()| Chosen::Here(Engine::Direct)),
        None if args.database.is_some() => Ok(Chosen::Here(Engine::Embedded)),
        named @ (Some(EngineArg::StepFunctions) | None) => match Target::find(&args.deployed, Some(migration))? {
            Some(target) => refuse_database().map(|()| Chosen::Deployed(target)),
            None if named.is_some() => Err(CliError::usage(nothing_deployed(migration))),
            None => Ok(Chosen::Here(Engine::Direct)),
        },
    }
}

async fn here(reading: Reading, engine: Engine) -> Result<Ended, CliError> {
    let Reading { mut definition, job, args, .. } = reading;
    // Nothing is written, so there is nothing to go back to.
    definition.backup = false;
    let name = definition.source.table.clone();
    let (clients, database) = match engine {
        Engine::Embedded => {
            let (client, file) = embedded(&args)?;
            (Clients::of_one(client), Some(file))
        }
        _ => {
            let (clients, place) = direct::clients(&definition).await?;
            show::line(format_args!("engine direct: {} the real table {name} {place}", reading.verb));
            say_target(&definition, job);
            (clients, None)
        }
    };
    let source = first_contact(&clients.source, name.as_str()).await?;
    let target = target_of(&clients.target, &definition, job).await?;
    let tables = Tables { source: &source, target: target.as_ref() };
    let plan = Plan { database, ..plan(definition, tables, engine, job, workers(args.workers))? };
    begin_here(clients, plan, source, None, &args).await
}

/// Begins it in this process, where it writes to a real table once it is agreed to. `books` are those of the copy that it compares:
/// what it comes to goes into them, too.
pub(crate) async fn begin_here(
    clients: Clients,
    plan: Plan,
    table: Table,
    books: Option<&Ledger>,
    args: &ReadingArgs,
) -> Result<Ended, CliError> {
    let (prices, output) = (Prices::built_in()?, args.output);
    say_size(&plan, &prices);
    say_repairs(&plan);
    if plan.engine == Engine::Direct && plan.job == (What::Verify { repair: true }) && !is_wanted(args.yes)? {
        show::line("nothing was begun");
        return Ok(Ended::Stopped);
    }
    let ledger = local::new_ledger(&plan.run).await?;
    let Some(books) = books else {
        return Job { plan, table, clients, prices, output, ledger, wanted: Wanted::default() }.run().await;
    };
    let (own, run, copy) = (ledger.ledger.clone(), plan.run.clone(), plan.copy().clone());
    verify::lend(books, &own, &copy).await?;
    let ended = Job { plan, table, clients, prices, output, ledger, wanted: Wanted::default() }.run().await?;
    if let Some(verified) = verify::verified(&own, &run).await? {
        verify::note(books, &copy, &verified).await?;
    }
    Ok(ended)
}

fn say_target(definition: &Definition, job: What) {
    if let (Some(target), What::Verify { .. }) = (&definition.target, job) {
        show::line(format_args!("  target      {}", place(target)));
    }
}

/// The table that is compared with the source, where one is.
async fn target_of(client: &Client, definition: &Definition, job: What) -> Result<Option<Table>, CliError> {
    match (&definition.target, job) {
        (Some(target), What::Verify { .. }) => Ok(Some(first_contact(client, target.table.as_str()).await?)),
        _ => Ok(None),
    }
}

/// The database of a rehearsal that was kept.
fn embedded(args: &ReadingArgs) -> Result<(Client, PathBuf), CliError> {
    let file = args.database.as_deref().ok_or_else(|| {
        CliError::usage("expected --database FILE for --engine embedded: without it there is no table to read")
    })?;
    if !file.exists() {
        return Err(CliError::usage(format!("expected a database in {}, found no file", file.display())));
    }
    let database = open_file(file, Options::default())?;
    let client = Client::from_conf(migration::client_config(database.client_builder()).build());
    Ok((client, std::path::absolute(file)?))
}

async fn on_a_stack(reading: Reading, target: Target) -> Result<Ended, CliError> {
    let Reading { definition, file, job, verb, args } = reading;
    let deployed = Deployed::open(&target).await?;
    deployed.check(&definition, &file.display().to_string())?;
    say_where(&deployed, &target, verb);
    say_target(&definition, job);
    let source = first_contact(&deployed.aws.dynamodb, &deployed.stack.table).await?;
    let clients = deployed.clients_of(&definition).await;
    let compared = target_of(&clients.target, &definition, job).await?;
    let tables = Tables { source: &source, target: compared.as_ref() };
    let workers = args.workers.unwrap_or(CHILDREN_AT_WORK);
    let plan = plan(definition, tables, Engine::StepFunctions, job, workers)?;
    begin_on(deployed, plan, &target, &args).await
}

/// Begins it on a stack, once it is agreed to.
pub(crate) async fn begin_on(
    deployed: Deployed,
    plan: Plan,
    target: &Target,
    args: &ReadingArgs,
) -> Result<Ended, CliError> {
    // Whoever may not read the ledger could not follow.
    plan::read(&deployed.ledger(), &plan.run).await?;
    verify::check_repair(&deployed.ledger(), &plan).await?;
    let (input, prices) = (input(&plan)?, Prices::built_in()?);
    say_size(&plan, &prices);
    say_repairs(&plan);
    if !is_wanted(args.yes)? {
        show::line("nothing was begun");
        return Ok(Ended::Stopped);
    }
    // From here on Ctrl-C ends nothing in between.
    let mut signals = Signals::listen()?;
    deployed.start(&plan, &input).await?;
    show::line(format_args!("run {} has begun: {}", plan.run, deployed.execution_arn(&plan).console()));
    to_its_end(deployed, &plan, target, &prices, args.output, &mut signals).await
}

/// The tables that are read, as they are described.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'t> {
    pub(crate) source: &'t Table,
    pub(crate) target: Option<&'t Table>,
}

/// The plan of a run that reads them.
pub(crate) fn plan(
    definition: Definition,
    tables: Tables<'_>,
    engine: Engine,
    job: What,
    workers: u32,
) -> Result<Plan, CliError> {
    let plan = Plan::new(definition, tables.source, engine, workers, Timestamp::now())?.for_target(tables.target)?;
    let plan = Plan { job, ..plan };
    // A function that nobody has written is known before the run begins.
    Transform::new(plan.definition.clone(), plan.key.clone(), &functions::transforms::all(), Run { now: plan.now })?;
    Ok(plan)
}

/// What it is likely to take, by the figures that are known before.
fn say_size(plan: &Plan, prices: &Prices) {
    let (items, bytes) = (plan.expected_items, plan.expected_bytes);
    let (does, units) = match (&plan.definition.target, plan.job) {
        (Some(target), What::Verify { .. }) => {
            (format!("comparing them with {}", target.table), verify::read_units(items, bytes))
        }
        _ => ("reading them".to_owned(), read_units(bytes.try_into().unwrap_or(usize::MAX))),
    };
    show::line(match items {
        0 => "DescribeTable doesn't know yet how many items there are".to_owned(),
        items => format!(
            "DescribeTable says {} items; {does} takes about {} read units, ${:.4} on demand ({})",
            HumanCount(items),
            HumanCount(units as u64),
            prices.on_demand(units, 0.0),
            prices.region
        ),
    });
}

/// What a repair does to the target, before it does.
fn say_repairs(plan: &Plan) {
    let (What::Verify { repair: true }, Some(target)) = (plan.job, &plan.definition.target) else { return };
    show::line(if plan.of.as_ref().is_some_and(|of| of.changes) {
        format!("what differs is brought in step in {} by replay, beside the changes", target.table)
    } else {
        format!(
            "what differs is written to {}: images that are missing or stand there otherwise are put, those whose item {} \
             doesn't hold are deleted",
            target.table, plan.definition.source.table
        )
    });
}
