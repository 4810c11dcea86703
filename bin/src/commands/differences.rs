//! `run differences`: in what two tables differed when they were compared last, a line each.

use migration::plan::RunId;
use migration::{Ledger, verify};
use serde_json::json;

use crate::args::RunArgs;
use crate::commands::which::{self, Which};
use crate::engine::local;
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn differences(args: RunArgs) -> Result<Ended, CliError> {
    let (books, run, is_here) = match which::find_named(&args).await? {
        Which::Local { ledger, plan } => (ledger.ledger, plan.run, true),
        Which::UnderWay { ledger, plan } => (ledger, plan.run, true),
        Which::Deployed { deployed, plan, .. } => (deployed.ledger(), plan.run, false),
    };
    // Whoever has compared a run's tables keeps what was found, and tells the run's books only what it came to.
    let by = verify::verified(&books, &run).await?.map_or_else(|| run.clone(), |verified| verified.run);
    let books = if is_here && by != run { books_of(&by, &run)? } else { books };
    for difference in verify::differences(&books, &by, usize::MAX).await? {
        show::output(json!(difference))?;
    }
    Ok(Ended::Done)
}

/// Of a run of this folder, each has a ledger of its own.
fn books_of(by: &RunId, run: &RunId) -> Result<Ledger, CliError> {
    let file = if local::has_ledger(by)? { local::idle_ledger(by)? } else { None };
    file.map(|file| file.ledger).ok_or_else(|| {
        CliError::usage(format!(
            "expected the ledger of run {by}, which has compared the tables of run {run} last, found none that is free; \
             compare them again with `run verify {run}`"
        ))
    })
}
