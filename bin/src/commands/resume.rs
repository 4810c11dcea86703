//! `run resume`: goes on with a run, on the engine that it ran on. What its checkpoints say is done is not read again.

use migration::attempts;
use migration::cost::Prices;
use migration::summary::{self, Status};

use crate::args::ResumeArgs;
use crate::commands::deployed_again;
use crate::commands::in_step::Wanted;
use crate::commands::job::Job;
use crate::commands::migrate::first_contact;
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn resume(args: ResumeArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = match which::find_named(&args.run).await? {
        Which::Local { ledger, plan } => (ledger, *plan),
        Which::UnderWay { plan, .. } => return Err(which::under_way(&plan.run)),
        Which::Deployed { deployed, plan, target } => {
            return deployed_again::resume(*deployed, *plan, &target, args.yes, args.output).await;
        }
    };
    let ended = summary::read(&ledger.ledger, &plan.run).await?;
    if ended.is_some_and(|summary| summary.status == Status::Succeeded) {
        show::line(format_args!("run {} has succeeded: there is nothing to go on with", plan.run));
        return Ok(Ended::Done);
    }
    let clients = which::connect(&plan, "changes").await?;
    let table = first_contact(&clients.source, plan.definition.source.table.as_str()).await?;
    let prices = Prices::built_in()?;
    let attempt = attempts::begin(&ledger.ledger, &plan.run).await?;
    Job { plan: plan.resumed(attempt), table, clients, prices, output: args.output, ledger, wanted: Wanted::default() }
        .run()
        .await
}
