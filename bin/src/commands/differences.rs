//! `run differences`: in what two tables differed when they were compared last, a line each.

use migration::verify;
use serde_json::json;

use crate::args::RunArgs;
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn differences(args: RunArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = match which::find_named(&args).await? {
        Which::Local { ledger, plan } => (ledger.ledger, plan),
        Which::UnderWay { ledger, plan } => (ledger, plan),
        Which::Deployed { deployed, plan, .. } => (deployed.ledger(), plan),
    };
    for difference in verify::differences(&ledger, &plan.run, usize::MAX).await? {
        show::output(json!(difference))?;
    }
    Ok(Ended::Done)
}
