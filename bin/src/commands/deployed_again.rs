//! A further attempt of a run on Step Functions, on the same ledger: says what it will do where, asks, begins it, and
//! follows it.

use indicatif::HumanCount;
use migration::cost::Prices;
use migration::definition::Definition;
use migration::plan::{Plan, Scope};
use migration::summary::{self, Status};
use migration::table::Table;
use migration::{Kind, attempts, capacity};

use crate::args::Output;
use crate::commands::deployed::{is_wanted, refuse_beside_another, say_where, to_its_end};
use crate::commands::migrate::first_contact;
use crate::commands::{raised, retry as again, which};
use crate::engine::step_functions::{Deployed, Execution, Target, input};
use crate::errors::{CliError, Ended};
use crate::signals::Signals;
use crate::{report, show};

/// Goes on where the checkpoints say: by redriving the execution where that does it, else by another one.
pub(crate) async fn resume(
    deployed: Deployed,
    plan: Plan,
    target: &Target,
    yes: bool,
    output: Output,
) -> Result<Ended, CliError> {
    let execution = ended(&deployed, &plan).await?;
    let reported = summary::read(&deployed.ledger(), &plan.run).await?;
    if reported.is_some_and(|summary| summary.attempt == plan.attempt && summary.status == Status::Succeeded) {
        show::line(format_args!("run {} has succeeded: there is nothing to go on with", plan.run));
        return Ok(Ended::Done);
    }
    deployed.check_same(&plan)?;
    refuse_beside_another(&deployed, &plan).await?;
    raised::offer_at(&deployed, Some(&plan.run)).await?;
    let table = say_plan(&deployed, &plan, target, Scope::Segments).await?;
    let can_be_redriven = match &execution {
        Some(execution) => deployed.can_be_redriven(execution, &plan, &table).await?,
        None => false,
    };
    if can_be_redriven {
        show::line("  execution   the same one, redriven: its children that have ended are not begun again");
    }
    if !is_wanted(yes)? {
        show::line("nothing was begun");
        return Ok(Ended::Stopped);
    }
    let (mut signals, prices) = (Signals::listen()?, Prices::built_in()?);
    if can_be_redriven && deployed.redrive(&plan).await? {
        show::line(format_args!("run {} goes on: {}", plan.run, deployed.execution_arn(&plan).console()));
        return to_its_end(deployed, &plan, target, &prices, output, &mut signals).await;
    }
    let attempt = attempts::begin(&deployed.ledger(), &plan.run).await?;
    begin(deployed, plan.resumed(attempt), target, &prices, output, &mut signals).await
}

/// Takes up the failed items with a migration that was mended, and is what is deployed.
pub(crate) async fn retry(
    deployed: Deployed,
    plan: Plan,
    definition: Definition,
    target: &Target,
    yes: bool,
    output: Output,
) -> Result<Ended, CliError> {
    ended(&deployed, &plan).await?;
    again::check(&deployed.ledger(), &plan, &definition).await?;
    refuse_beside_another(&deployed, &plan).await?;
    raised::offer_at(&deployed, Some(&plan.run)).await?;
    say_plan(&deployed, &plan, target, Scope::FailedItems).await?;
    if !is_wanted(yes)? {
        show::line("nothing was begun");
        return Ok(Ended::Stopped);
    }
    let (mut signals, prices) = (Signals::listen()?, Prices::built_in()?);
    let attempt = attempts::begin(&deployed.ledger(), &plan.run).await?;
    begin(deployed, plan.retried(definition, attempt)?, target, &prices, output, &mut signals).await
}

/// The execution of the newest attempt, which has to have ended; nothing where Step Functions has forgotten it, as it does
/// after 90 days.
async fn ended(deployed: &Deployed, plan: &Plan) -> Result<Option<Execution>, CliError> {
    match deployed.describe(plan).await {
        Ok(execution) if execution.is_running() => {
            Err(which::under_way_at(&deployed.execution_arn(plan).console(), &plan.run))
        }
        Ok(execution) => Ok(Some(execution)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn begin(
    deployed: Deployed,
    plan: Plan,
    target: &Target,
    prices: &Prices,
    output: Output,
    signals: &mut Signals,
) -> Result<Ended, CliError> {
    deployed.start(&plan, &input(&plan)?).await?;
    show::line(format_args!("run {} goes on: {}", plan.run, deployed.execution_arn(&plan).console()));
    to_its_end(deployed, &plan, target, prices, output, signals).await
}

/// What will be done where; gives the table as it is.
async fn say_plan(deployed: &Deployed, plan: &Plan, target: &Target, scope: Scope) -> Result<Table, CliError> {
    say_where(deployed, target, "changes");
    let table = first_contact(&deployed.aws.dynamodb, plan.definition.source.table.as_str()).await?;
    let so_far = summary::of_plan(&deployed.ledger(), plan).await?;
    let work = match scope {
        Scope::Segments => format!(
            "{} segments of which {} are done",
            HumanCount(plan.definition.segments.get().into()),
            HumanCount(so_far.segments_done.into())
        ),
        Scope::FailedItems => format!("{} failed items are taken up again", HumanCount(so_far.counts.failed)),
    };
    show::line(format_args!("  run         {}: {work}, {} at a time", plan.run, plan.concurrency));
    show::line(format_args!("  table       {}: {}", table.name, report::words(&table.capacity)));
    if let Some(warming) = plan.definition.prewarm.and_then(|asked| report::warming(&table, asked)) {
        show::line(format_args!("  capacity    {warming}"));
    }
    if let Some(raised) = plan.definition.prewarm.and_then(|asked| capacity::raised(&table, asked)) {
        show::line(format_args!("  capacity    raised to {} while the run lasts", report::words(&raised)));
    }
    Ok(table)
}
