//! `run failures`: the items that a run could not migrate, a line each.

use migration::failures::{self, FailedItem};
use serde_json::json;

use crate::args::RunArgs;
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn failures(args: RunArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = match which::find_named(&args).await? {
        Which::Local { ledger, plan } => (ledger.ledger, plan),
        Which::UnderWay { ledger, plan } => (ledger, plan),
        Which::Deployed { deployed, plan, .. } => (deployed.ledger(), plan),
    };
    let failures: Vec<FailedItem> = failures::list(&ledger, &plan.run, usize::MAX).await?;
    for failed in failures {
        show::output(json!(failed))?;
    }
    Ok(Ended::Done)
}
