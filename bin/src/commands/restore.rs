//! `run restore`: puts back what a run has raised and, because it was cut off, not put back.

use aws_sdk_applicationautoscaling::Client as Autoscaling;
use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use migration::plan::{Plan, RunId};
use migration::{Error, Kind, Ledger, Services, Task, prewarm};
use serde_json::json;

use crate::args::RunArgs;
use crate::commands::job;
use crate::commands::which::{self, Which};
use crate::engine::step_functions::Deployed;
use crate::errors::{CliError, Ended};
use crate::{report, show};

/// The table's DynamoDB, and what scales the table.
pub(crate) type Reached = (Client, Option<Autoscaling>);

pub(crate) async fn restore(args: RunArgs) -> Result<Ended, CliError> {
    let (ledger, plan, deployed) = match which::find_named(&args).await? {
        Which::Local { ledger, plan } => (ledger.ledger, plan, None),
        Which::UnderWay { plan, .. } => return Err(which::under_way(&plan.run)),
        Which::Deployed { deployed, plan, .. } => (deployed.ledger(), plan, Some(deployed)),
    };
    let Plan { run, definition, .. } = &*plan;
    let Some(before) = prewarm::still_raised(&ledger, run).await? else {
        show::line(format_args!("run {run} has nothing to put back"));
        return Ok(Ended::Done);
    };
    let reached = match &deployed {
        Some(deployed) => {
            refuse_while_running(deployed, &plan).await?;
            (deployed.aws.dynamodb.clone(), Some(deployed.aws.autoscaling.clone()))
        }
        None => (which::connect(&plan, "changes").await?.source, job::autoscaling(&plan).await),
    };
    put_back(reached, ledger, run).await?;
    show::line(format_args!("table {} has {} again", definition.source.table, report::words(&before)));
    Ok(Ended::Done)
}

/// Puts back what the run has raised.
pub(crate) async fn put_back((client, autoscaling): Reached, ledger: Ledger, run: &RunId) -> Result<(), Error> {
    let services = Services::new(client, autoscaling, ledger, functions::transforms::all(), Timestamp::now);
    Task::Restore.run(&services, json!({ "run": run }), None).await.map(drop)
}

/// A run that is under way needs what it has raised, and puts it back itself.
async fn refuse_while_running(deployed: &Deployed, plan: &Plan) -> Result<(), CliError> {
    match deployed.describe(plan).await {
        Ok(execution) if execution.is_running() => Err(CliError::usage(format!(
            "run {run} is under way, and puts the capacity back when it ends; `run stop {run}` ends it in order: {}",
            deployed.execution_arn(plan).console(),
            run = plan.run
        ))),
        // Executions are forgotten after 90 days, raised capacity is not.
        Err(error) if error.kind() != Kind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
