//! RedriveExecution: Step Functions takes up an execution where it ended, and of its Map only the children that have not
//! succeeded. The states before are not entered again, so it is for executions that were cut off inside the Map, and
//! whose table stands as the run wants it.

use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use migration::plan::{Plan, Scope};
use migration::table::Table;
use migration::{Error, Kind, capacity, control, prewarm, summary};

use crate::engine::step_functions::{Deployed, Execution};
use crate::progress::Phase;

/// DescribeExecution is eventually consistent: right afterwards it may still show the end of before.
const SHOWN_AFTER: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_secs(1);

impl Deployed {
    /// Whether a redrive would do what a further attempt does.
    pub(crate) async fn can_be_redriven(
        &self,
        execution: &Execution,
        plan: &Plan,
        table: &Table,
    ) -> Result<bool, Error> {
        let was_cut_off =
            matches!(execution.status, ExecutionStatus::Aborted | ExecutionStatus::Failed | ExecutionStatus::TimedOut);
        if !was_cut_off || !execution.is_redrivable || plan.scope != Scope::Segments {
            return Ok(false);
        }
        let (ledger, run) = (self.ledger(), &plan.run);
        // One with a report came as far as Restore; what is raised may be put back by the rule at any moment.
        let has_reported = summary::read(&ledger, run).await?.is_some_and(|summary| summary.attempt == plan.attempt);
        let is_raised = prewarm::still_raised(&ledger, run).await?.is_some();
        let is_to_be_raised = plan.definition.prewarm.is_some_and(|asked| capacity::raised(table, asked).is_some());
        // A redrive forgets nothing: it would stop, or hold still, at once.
        let asked = control::read(&ledger, run).await?;
        if has_reported || is_raised || is_to_be_raised || asked.stop || asked.paused {
            return Ok(false);
        }
        Ok(self.last_state(plan).await == Some(Phase::Migrating))
    }

    /// Redrives the execution of a plan's attempt, and waits until it is seen to be under way; gives `false` where Step
    /// Functions refuses.
    pub(crate) async fn redrive(&self, plan: &Plan) -> Result<bool, Error> {
        let before = self.describe(plan).await?.redrives;
        let redrive = self.aws.states.redrive_execution().execution_arn(self.execution_arn(plan).to_string());
        match redrive.send().await {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_execution_not_redrivable()) => {
                return Ok(false);
            }
            redriven => redriven.map_err(|error| Error::from_control_plane("RedriveExecution", error))?,
        };
        let began = Instant::now();
        while self.describe(plan).await?.redrives <= before {
            if began.elapsed() >= SHOWN_AFTER {
                let run = &plan.run;
                return Err(Error::new(
                    Kind::Unavailable,
                    format!("run {run} was redriven, and is not seen to go on yet; `run watch {run}` follows it"),
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    }
}
