//! `run retry`: takes up the items that a run could not migrate, and no others, with the migration as it was mended, on
//! the engine that the run ran on (R19).

use migration::cost::Prices;
use migration::definition::Definition;
use migration::failures;
use migration::plan::Plan;
use migration::transform::{Run, Transform};
use migration::{Ledger, attempts};

use crate::args::RetryArgs;
use crate::commands::deployed_again;
use crate::commands::in_step::Wanted;
use crate::commands::job::Job;
use crate::commands::migrate::{first_contact, read};
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};

pub(crate) async fn retry(args: RetryArgs) -> Result<Ended, CliError> {
    let mut definition = read(&args.migration)?;
    if let Some(table) = &args.table {
        definition.source.table = table.clone();
    }
    let (ledger, plan) = match which::find_named(&args.run).await? {
        Which::Local { ledger, plan } => (ledger, *plan),
        Which::UnderWay { plan, .. } => return Err(which::under_way(&plan.run)),
        Which::Deployed { deployed, plan, target } => {
            let file = args.migration.display().to_string();
            deployed.check(&definition, &file)?;
            return deployed_again::retry(*deployed, *plan, definition, &target, args.yes, args.output).await;
        }
    };
    check(&ledger.ledger, &plan, &definition).await?;
    let clients = which::connect(&plan, "changes").await?;
    let table = first_contact(&clients.source, plan.definition.source.table.as_str()).await?;
    let prices = Prices::built_in()?;
    let attempt = attempts::begin(&ledger.ledger, &plan.run).await?;
    let plan = plan.retried(definition, attempt)?;
    Job { plan, table, clients, prices, output: args.output, ledger, wanted: Wanted::default() }.run().await
}

/// Whether there is anything to take up, and the migration can: before the attempt takes its number.
pub(crate) async fn check(ledger: &Ledger, plan: &Plan, definition: &Definition) -> Result<(), CliError> {
    let failures = failures::list(ledger, &plan.run, 1).await?;
    if failures.is_empty() {
        let run = &plan.run;
        return Err(CliError::usage(format!(
            "run {run} has no failed items to take up; `run status {run}` says how it stands"
        )));
    }
    let mended = plan.clone().retried(definition.clone(), plan.attempt)?;
    Transform::new(mended.definition, mended.key, &functions::transforms::all(), Run { now: mended.now })?;
    Ok(())
}
