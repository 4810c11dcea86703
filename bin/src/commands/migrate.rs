//! The main job: a migration, rehearsed or real.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use migration::cost::Prices;
use migration::definition::{Budget, Definition, Prewarm, PrewarmKind, WriteRequests};
use migration::plan::{Engine, Plan};
use migration::table::Table;
use migration::transform::{Run, Transform};

use crate::args::{MigrateArgs, PrewarmArg, RehearsalArgs, WritesArg};
use crate::commands::dry_run::Sampled;
use crate::commands::in_step::Wanted;
use crate::commands::job::Job;
use crate::commands::target::{Found, Told};
use crate::commands::{deployed, dry_run, job, raised};
use crate::engine::choice::{Choice, choose};
use crate::engine::{self, Clients, direct, local};
use crate::errors::{CliError, Ended};
use crate::show;

/// Workers for each processor, where nobody says otherwise: most of a worker's time is waiting.
const WORKERS_PER_PROCESSOR: u32 = 4;
/// DynamoDB answers within milliseconds; after this long somebody who waits wants to know for what.
const SILENCE: Duration = Duration::from_secs(3);

pub(crate) async fn migrate(args: MigrateArgs) -> Result<Ended, CliError> {
    let definition = definition(&args)?;
    let prices = prices(&args)?;
    refuse_flags_of_a_copy(&args.rehearsal, &definition)?;
    let (started, functions) = (Timestamp::now(), functions::transforms::all());
    let now = args.now.unwrap_or(started);
    if let Some(key) = &definition.source.key {
        // A function that nobody has written is known before a database is made.
        Transform::new(definition.clone(), key.clone(), &functions, Run { now })?;
    }
    let (engine, clients) = match choose(&args, &definition.migration)? {
        Choice::StepFunctions(target) => return deployed::migrate(args, definition, prices, target).await,
        Choice::Direct => {
            refuse_changes(&definition)?;
            raised::offer_here(None).await?;
            (Engine::Direct, connect(&args, &definition).await?)
        }
        Choice::Embedded { named } => {
            // Before its database is opened, which may be that of the table to put back.
            raised::offer_here(None).await?;
            (Engine::Embedded, rehearse(&args, &definition, named).await?)
        }
    };
    let table = first_contact(&clients.source, definition.source.table.as_str()).await?;
    let target = match &definition.target {
        Some(target) => Some(Found::of(&clients.target, target).await?),
        None => None,
    };
    let standing = target.as_ref().and_then(Found::table);
    let plan = Plan::new(definition, &table, engine, workers(args.workers), started)?.for_target(standing)?;
    let plan = Plan { now, ..plan };
    // The same by the table's own key; a run would find out after its plan is written.
    Transform::new(plan.definition.clone(), plan.key.clone(), &functions, Run { now })?;
    if args.dry_run {
        let scaled_by = job::autoscaling(&plan).await;
        let told = Told::of(&clients.source, scaled_by.as_ref(), &plan, target.as_ref()).await;
        let sampled = Sampled { client: &clients.source, table: &table, target: &told };
        return dry_run::show(sampled, &plan, &functions, &prices, args.output).await;
    }
    let plan = Plan { database: args.rehearsal.database.as_deref().map(std::path::absolute).transpose()?, ..plan };
    let RehearsalArgs { traffic, traffic_seconds, cutover, .. } = args.rehearsal;
    let wanted = Wanted { traffic, traffic_seconds, cutover };
    let ledger = local::new_ledger(&plan.run).await?;
    Job { plan, table, clients, prices, output: args.output, ledger, wanted }.run().await
}

/// The migration as the file has it.
pub(crate) fn read(file: &Path) -> Result<Definition, CliError> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        CliError::usage(format!("expected a migration in {name}: {error}; name another with --migration"))
    })?;
    Definition::from_yaml(&text)
        .map_err(|mistakes| CliError::usage(format!("{name} is not a migration yet:\n{mistakes}")))
}

/// The migration as the file and the flags have it.
fn definition(args: &MigrateArgs) -> Result<Definition, CliError> {
    let mut definition = read(&args.migration)?;
    if let Some(table) = &args.table {
        definition.source.table = table.clone();
    }
    if let Some(segments) = args.segments {
        definition.segments = segments;
    }
    if let Some(writes) = args.writes {
        definition.writes = match writes {
            WritesArg::Single => WriteRequests::Single,
            WritesArg::Batched => WriteRequests::Batched,
        };
    }
    let budget = definition.budget;
    definition.budget = Budget {
        share: args.share.unwrap_or(budget.share),
        write_units: args.write_units.or(budget.write_units),
        read_units: args.read_units.or(budget.read_units),
    };
    if let Some(way) = args.prewarm {
        let Prewarm { read_units, write_units, kind } = definition.prewarm.unwrap_or(Prewarm::DEFAULT);
        definition.prewarm = Some(Prewarm {
            read_units: args.prewarm_rcu.unwrap_or(read_units),
            write_units: args.prewarm_wcu.unwrap_or(write_units),
            kind: way.map_or(kind, |way| match way {
                PrewarmArg::Provisioned => PrewarmKind::Provisioned,
                PrewarmArg::WarmThroughput => PrewarmKind::WarmThroughput,
            }),
        });
    }
    Ok(definition)
}

fn prices(args: &MigrateArgs) -> Result<Prices, CliError> {
    let Some(file) = &args.prices else { return Ok(Prices::built_in()?) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::usage(format!("expected prices in {}: {error}", file.display())))?;
    Ok(Prices::from_json(&text)?)
}

/// Workers of this process: so many as were asked for, or as its processors can do with.
pub(crate) fn workers(asked: Option<u32>) -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, |processors| processors.get() as u32);
    asked.unwrap_or(processors * WORKERS_PER_PROCESSOR)
}

/// Says which real table is meant, and opens the way to it.
async fn connect(args: &MigrateArgs, definition: &Definition) -> Result<Clients, CliError> {
    let (clients, place) = direct::clients(definition).await?;
    let verb = match (args.dry_run, &definition.target) {
        (true, _) => "reads a sample of",
        (false, Some(_)) => "carries",
        (false, None) => "changes",
    };
    show::line(format_args!("engine direct: {verb} the real table {} {place}", definition.source.table));
    Ok(clients)
}

/// Nothing outside of a stack calls functions for what a real table's stream says.
fn refuse_changes(definition: &Definition) -> Result<(), CliError> {
    match &definition.target {
        Some(target) if target.carry.has_changes() => Err(CliError::usage(
            "expected a stack, or a rehearsal, for a copy that carries changes, found --engine direct; deploy it with \
             `cargo run -p infra -- deploy`, rehearse it with --engine embedded, or carry the items alone with \
             `carry: bulk` in the target",
        )),
        _ => Ok(()),
    }
}

fn refuse_flags_of_a_copy(args: &RehearsalArgs, definition: &Definition) -> Result<(), CliError> {
    let is_kept = definition.target.as_ref().is_some_and(|target| target.carry.has_changes());
    let flags = [(args.traffic.is_some(), "--traffic"), (args.cutover, "--cutover")];
    match flags.into_iter().find(|(is_given, _)| *is_given && !is_kept) {
        Some((_, flag)) => Err(CliError::usage(format!(
            "{flag} is for a copy that carries changes, and this migration is none; leave it out, or name a target in the \
             migration"
        ))),
        None => Ok(()),
    }
}

/// Says that this is a rehearsal, and opens its database.
async fn rehearse(args: &MigrateArgs, definition: &Definition, named: bool) -> Result<Clients, CliError> {
    let why = if named { "" } else { " (no engine named, nothing deployed)" };
    show::line(format_args!(
        "engine embedded{why}: a rehearsal on a DynamoDB in this process; --engine direct works on a real table"
    ));
    engine::embedded::open(&args.rehearsal, definition).await
}

/// Describes the table. An endpoint that doesn't answer is asked for about a minute, which is not done silently.
pub(crate) async fn first_contact(client: &Client, table: &str) -> Result<Table, CliError> {
    let mut describing = pin!(Table::describe(client, table));
    match tokio::time::timeout(SILENCE, &mut describing).await {
        Ok(described) => Ok(described?),
        Err(_) => {
            show::line("no answer yet; asking again for about a minute, Ctrl-C ends it");
            Ok(describing.await?)
        }
    }
}
