//! `run watch`: follows a run to its end and its report, from any terminal. It only looks.

use migration::cost::Prices;

use crate::args::SomeRunArgs;
use crate::commands::follow::{self, CtrlC};
use crate::commands::migrate::first_contact;
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};
use crate::show;
use crate::signals::Signals;

pub(crate) async fn watch(args: SomeRunArgs) -> Result<Ended, CliError> {
    let prices = Prices::built_in()?;
    let (end, plan) = match which::find(&args).await? {
        Which::Local { ledger, plan } => return which::report_of_local(&ledger, &plan, &prices, args.output).await,
        Which::UnderWay { plan, .. } => {
            let mut signals = Signals::listen()?;
            show::line(format_args!("run {}: in another process of this machine", plan.run));
            (follow::local(&plan, &mut signals).await?, plan)
        }
        Which::Deployed { deployed, plan, target } => {
            // Whoever may not look at the table would not see the report.
            first_contact(&deployed.aws.dynamodb, plan.definition.source.table.as_str()).await?;
            let mut signals = Signals::listen()?;
            show::line(format_args!("run {}: {}", plan.run, deployed.execution_arn(&plan).console()));
            (follow::deployed(*deployed, &plan, &target, CtrlC::Leaves, &mut signals).await?, plan)
        }
    };
    end.report(&plan, &prices, args.output).await
}
