//! A run of this folder that another process works on: looked at through that process, until it has ended. Looking
//! touches nothing.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use migration::plan::{Plan, RunId};
use tokio::time::sleep;

use crate::engine::{LocalLedger, endpoint, local};
use crate::errors::CliError;
use crate::progress::{RemoteProgress, Stand};

/// Between two looks: nothing leaves this machine.
const POLL: Duration = Duration::from_millis(500);
/// Of a ledger that takes long to read: the process that works on it has to answer.
const PAUSE_FOR_READ: u32 = 10;

/// Shows how far the run comes. Its process has ended when its ledger is free, and this process holds it then. A look
/// that gets no answer, because the process ended in the middle of it, holds up nothing.
pub(crate) async fn until_ended(plan: &Plan, progress: &mut RemoteProgress) -> Result<LocalLedger, CliError> {
    tokio::select! {
        ledger = until_free(&plan.run) => ledger,
        stopped = look_on(plan, progress) => match stopped? {},
    }
}

async fn until_free(run: &RunId) -> Result<LocalLedger, CliError> {
    loop {
        if let Some(ledger) = local::idle_ledger(run)? {
            return Ok(ledger);
        }
        sleep(POLL).await;
    }
}

async fn look_on(plan: &Plan, progress: &mut RemoteProgress) -> Result<Infallible, CliError> {
    loop {
        let began = Instant::now();
        if let Some(ledger) = endpoint::reach(&plan.run).await?
            && let Ok(stand) = Stand::read(&ledger, plan).await
        {
            progress.see(&stand, None, None);
        }
        sleep(POLL.max(began.elapsed() * PAUSE_FOR_READ)).await;
    }
}
