//! `run resume`: goes on with a run of this machine.

use migration::cost::Prices;
use migration::summary::{self, Status};

use crate::args::ResumeArgs;
use crate::commands::job::{Attempt, Job};
use crate::commands::migrate::first_contact;
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn resume(args: ResumeArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = match which::find_named(&args.run).await? {
        Which::Local { ledger, plan } => (ledger, *plan),
        Which::UnderWay { plan, .. } => return Err(which::under_way(&plan.run)),
        Which::Deployed { plan, .. } => {
            return Err(CliError::usage(format!(
                "run {} ran on Step Functions, where a run can't be gone on with; run the migration anew: what is done is \
                 read once more, but not written",
                plan.run
            )));
        }
    };
    let ended = summary::read(&ledger.ledger, &plan.run).await?;
    if ended.is_some_and(|summary| summary.status == Status::Succeeded) {
        show::line(format_args!("run {} has succeeded: there is nothing to go on with", plan.run));
        return Ok(Ended::Done);
    }
    let client = which::connect(&plan, "changes").await?;
    let table = first_contact(&client, plan.definition.source.table.as_str()).await?;
    let prices = Prices::built_in()?;
    Job { plan, table, client, prices, output: args.output, ledger, attempt: Attempt::Resumed }.run().await
}
