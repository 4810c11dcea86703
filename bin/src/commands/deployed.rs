//! The main job on a stack: says what will be changed where and what it costs, asks, starts the execution, and follows
//! it, or leaves.

use indicatif::{HumanBytes, HumanCount};
use jiff::Timestamp;
use migration::capacity;
use migration::copy::current;
use migration::cost::Prices;
use migration::definition::Definition;
use migration::dry_run::dry_run;
use migration::plan::{self, Engine, Plan, RunId};
use migration::table::Table;
use migration::transform::{Functions, Run, Transform};
use serde_json::json;

use crate::args::{MigrateArgs, Output};
use crate::commands::dry_run::{self as dry, Sampled};
use crate::commands::estimate::Estimate;
use crate::commands::follow::{self, CtrlC};
use crate::commands::migrate::first_contact;
use crate::commands::raised;
use crate::commands::target::{Found, Told};
use crate::engine::step_functions::{Deployed, Target, input};
use crate::errors::{CliError, Ended};
use crate::signals::Signals;
use crate::{ask, report, show};

/// Children at work where nobody says otherwise: a tenth of the Lambda functions that an account may have at work in a
/// region from its first day (Lambda quotas, "Concurrent executions"), which it needs for other things too.
pub(crate) const CHILDREN_AT_WORK: u32 = 100;

pub(crate) async fn migrate(
    args: MigrateArgs,
    definition: Definition,
    prices: Prices,
    target: Target,
) -> Result<Ended, CliError> {
    let deployed = Deployed::open(&target).await?;
    let file = args.migration.display().to_string();
    match deployed.check(&definition, &file) {
        // What is tried out before it is deployed changes nothing.
        Err(error) if args.dry_run => {
            deployed.check_table(&definition)?;
            show::line(format_args!("a dry run is possible; a run is not yet: {error}"));
        }
        checked => checked?,
    }
    say_where(&deployed, &target, if args.dry_run { "reads a sample of" } else { "changes" });
    raised::offer_here(None).await?;
    raised::offer_at(&deployed, None).await?;
    let table = first_contact(&deployed.aws.dynamodb, &deployed.stack.table).await?;
    let (started, functions) = (Timestamp::now(), functions::transforms::all());
    let workers = args.workers.unwrap_or(CHILDREN_AT_WORK);
    let clients = deployed.clients_of(&definition).await;
    let copied_to = match &definition.target {
        Some(target) => Some(Found::of(&clients.target, target).await?),
        None => None,
    };
    let standing = copied_to.as_ref().and_then(Found::table);
    let plan = Plan::new(definition, &table, Engine::StepFunctions, workers, started)?.for_target(standing)?;
    let plan = Plan { now: args.now.unwrap_or(started), ..plan };
    Transform::new(plan.definition.clone(), plan.key.clone(), &functions, Run { now: plan.now })?;
    let told = Told::of(&clients.source, Some(&deployed.aws.autoscaling), &plan, copied_to.as_ref()).await;
    if args.dry_run {
        let sampled = Sampled { client: &clients.source, table: &table, target: &told };
        return dry::show(sampled, &plan, &functions, &prices, args.output).await;
    }
    refuse_beside_another(&deployed, &plan).await?;
    // Whoever may not read the ledger could not follow.
    plan::read(&deployed.ledger(), &plan.run).await?;
    let input = input(&plan)?;
    say_plan(&deployed, &plan, &functions, &table, &prices, &told).await;
    if !is_wanted(args.yes)? {
        show::line("nothing was begun");
        return Ok(Ended::Stopped);
    }
    begin(deployed, &plan, &input, &target, &prices, &args).await
}

async fn begin(
    deployed: Deployed,
    plan: &Plan,
    input: &str,
    target: &Target,
    prices: &Prices,
    args: &MigrateArgs,
) -> Result<Ended, CliError> {
    // From here on Ctrl-C ends nothing in between.
    let mut signals = Signals::listen()?;
    deployed.start(plan, input).await?;
    let (run, execution) = (&plan.run, deployed.execution_arn(plan));
    if args.detach {
        return detached(&deployed, plan, target, args.output);
    }
    show::line(format_args!("run {run} has begun: {}", execution.console()));
    to_its_end(deployed, plan, target, prices, args.output, &mut signals).await
}

/// Follows an attempt that was begun here.
pub(crate) async fn to_its_end(
    deployed: Deployed,
    plan: &Plan,
    target: &Target,
    prices: &Prices,
    output: Output,
    signals: &mut Signals,
) -> Result<Ended, CliError> {
    show::line(format_args!(
        "Ctrl-C stops it in order, a second one leaves at once; `{}` follows it from anywhere",
        target.command("watch", &plan.run)
    ));
    follow::deployed(deployed, plan, target, CtrlC::Stops, signals).await?.report(plan, prices, output).await
}

fn detached(deployed: &Deployed, plan: &Plan, target: &Target, output: Output) -> Result<Ended, CliError> {
    let execution = deployed.execution_arn(plan);
    match output {
        Output::Text => show::output(format_args!("{execution}\n{}", execution.console()))?,
        Output::Json => show::output(json!({
            "run": plan.run,
            "engine": plan.engine,
            "execution": execution.to_string(),
            "console": execution.console(),
            "stack": deployed.stack.name,
            "region": deployed.aws.region,
            "account": deployed.stack.account,
        }))?,
    }
    show::line(format_args!("run {} has begun; `{}` follows it", plan.run, target.command("watch", &plan.run)));
    Ok(Ended::Done)
}

pub(crate) fn say_where(deployed: &Deployed, target: &Target, verb: &str) {
    show::line(format_args!(
        "engine step-functions: {verb} the real table {} in {}, account {}, on stack {} ({})",
        deployed.stack.table,
        deployed.aws.place(),
        deployed.stack.account,
        deployed.stack.name,
        target.by
    ));
}

/// Two runs on one table would raise its capacity over each other, and the second would put back what the first has
/// raised it to. A copy that is in step goes on without an execution.
pub(crate) async fn refuse_beside_another(deployed: &Deployed, plan: &Plan) -> Result<(), CliError> {
    let running = Some(aws_sdk_sfn::types::ExecutionStatus::Running);
    if let Some(other) = deployed.newest_executions(running, 1).await?.into_iter().next() {
        let (stack, run) = (&deployed.stack.name, RunId::of_execution(&other.name));
        return Err(CliError::usage(format!(
            "run {run} is still under way on stack {stack}; `run watch {run}` follows it to its end, `run stop {run}` ends it \
             in order: {}",
            deployed.stack.machine.execution(&other.name).console()
        )));
    }
    match plan.definition.target {
        Some(_) => Ok(current::refuse_another(&deployed.ledger(), &plan.run).await?),
        None => Ok(()),
    }
}

async fn say_plan(
    deployed: &Deployed,
    plan: &Plan,
    functions: &Functions,
    table: &Table,
    prices: &Prices,
    told: &Told,
) {
    let Plan { run, definition, concurrency, .. } = plan;
    let items = match table.items {
        0 => "how many items DescribeTable doesn't know yet".to_owned(),
        items => format!("about {} items, {}", HumanCount(items), HumanBytes(table.bytes)),
    };
    let segments = HumanCount(definition.segments.get().into());
    show::line(format_args!("  run         {run}: {segments} segments, {concurrency} at a time"));
    show::line(format_args!("  table       {}: {items}, {}", table.name, report::words(&table.capacity)));
    told.lines().for_each(show::line);
    if definition.backup {
        show::line("  backup      one is taken first, and waited for");
    }
    if let Some(warming) = definition.prewarm.and_then(|asked| report::warming(table, asked)) {
        show::line(format_args!("  capacity    {warming}"));
    }
    match definition.prewarm.filter(|asked| !asked.is_for_good()).map(|asked| capacity::raised(table, asked)) {
        None => {}
        Some(None) => show::line("  capacity    stays as it is: it is as much as was asked for"),
        Some(Some(raised)) => show::line(format_args!(
            "  capacity    raised to {} while the run lasts: ${:.2} an hour more",
            report::words(&raised),
            prices.hourly(&raised) - prices.hourly(&table.capacity)
        )),
    }
    match dry_run(&deployed.aws.dynamodb, plan, functions).await {
        Ok(sample) => {
            show::line(format_args!(
                "  sample      of {} items {} would be written, {} deleted, {} left alone; {} can't be migrated",
                HumanCount(sample.sampled),
                HumanCount(sample.written),
                HumanCount(sample.deleted),
                HumanCount(sample.unchanged + sample.filtered),
                HumanCount(sample.failed)
            ));
            show::line(format_args!("  cost        {}", Estimate::of(&sample, plan, table, prices).cost()));
        }
        // Whoever may start a run need not be one who may read the table.
        Err(error) => show::line(format_args!("  cost        not known, no sample can be read: {error}")),
    }
    show::line(format_args!("  machine     {}", deployed.stack.machine));
}

/// Asks on a terminal; elsewhere nobody could answer.
pub(crate) fn is_wanted(yes: bool) -> Result<bool, CliError> {
    if yes {
        return Ok(true);
    }
    if !ask::is_possible() {
        return Err(CliError::usage("expected a terminal to ask on, or --yes; nothing was begun"));
    }
    Ok(ask::yes("begin?")?)
}
