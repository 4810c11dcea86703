//! A run of this folder that another process works on: looked at through that process, until it has ended. Looking
//! touches nothing.

use std::time::{Duration, Instant};

use migration::plan::Plan;
use migration::summary;

use crate::engine::{LocalLedger, endpoint, local};
use crate::errors::CliError;
use crate::progress::{Phase, RemoteProgress};

/// Between two looks: nothing leaves this machine.
const POLL: Duration = Duration::from_millis(500);
/// Of a ledger that takes long to read: the process that works on it has to answer.
const PAUSE_FOR_READ: u32 = 10;

/// Shows how far the run comes. Its process has ended when its ledger is free, and this process holds it then.
pub(crate) async fn until_ended(plan: &Plan, progress: &mut RemoteProgress) -> Result<LocalLedger, CliError> {
    loop {
        if let Some(ledger) = local::idle_ledger(&plan.run)? {
            return Ok(ledger);
        }
        let began = Instant::now();
        // Whoever doesn't answer is ending, or was killed: the lock tells.
        if let Some(ledger) = endpoint::reach(&plan.run).await?
            && let Ok(so_far) = summary::so_far(&ledger, &plan.run).await
        {
            progress.see(Phase::by_the_ledger(&so_far), &so_far, None);
        }
        tokio::time::sleep(POLL.max(began.elapsed() * PAUSE_FOR_READ)).await;
    }
}
