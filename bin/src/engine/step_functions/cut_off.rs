//! Ends an execution at once, with all that it has begun: a Map Run may outlive its stopped parent, and its children go
//! on writing (Step Functions, "Map Run").

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::{StreamExt, stream};
use migration::plan::Plan;
use migration::{Error, Kind};

use crate::engine::step_functions::Deployed;

/// StopExecution refills by 25 a second in the smaller regions (Step Functions quotas, "API action throttling").
const STOPS_AT_A_TIME: usize = 8;
/// A page of ListExecutions.
const CHILDREN_LISTED: i32 = 1_000;
/// Looks at the children that are left. Each stops as many as one page lists; 10,000 are the most that run at a time.
const LOOKS: u32 = 40;
/// What was stopped may be listed as running for a moment.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Deployed {
    /// Stops the execution of a plan's attempt, then the children that are left of its Map Runs, until none is. Gives the
    /// number of those that were stopped.
    pub(crate) async fn cut_off(&self, plan: &Plan) -> Result<usize, Error> {
        let arn = self.execution_arn(plan).to_string();
        self.stop_execution(&arn).await?;
        let runs = self.aws.states.list_map_runs().execution_arn(&arn).into_paginator().items().send();
        let runs: Vec<_> =
            runs.collect::<Result<_, _>>().await.map_err(|error| Error::from_control_plane("ListMapRuns", error))?;
        let mut stopped = 0;
        for run in runs {
            stopped += self.stop_children(&run.map_run_arn).await?;
        }
        Ok(stopped)
    }

    async fn stop_children(&self, map_run: &str) -> Result<usize, Error> {
        let mut stopped = std::collections::HashSet::new();
        for _ in 0..LOOKS {
            let list = self.aws.states.list_executions().map_run_arn(map_run).status_filter(ExecutionStatus::Running);
            let listed = list.max_results(CHILDREN_LISTED).send().await;
            let children = listed.map_err(|error| Error::from_control_plane("ListExecutions", error))?.executions;
            if children.is_empty() {
                return Ok(stopped.len());
            }
            let stops = stream::iter(&children).map(|child| self.stop_execution(&child.execution_arn));
            // Throttled, or ended by itself meanwhile: the next look tells.
            let _outcomes: Vec<_> = stops.buffer_unordered(STOPS_AT_A_TIME).collect().await;
            stopped.extend(children.into_iter().map(|child| child.execution_arn));
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(Error::new(Kind::Busy, format!("children of {map_run} are still at work; ask again to stop them")))
    }

    async fn stop_execution(&self, arn: &str) -> Result<(), Error> {
        let stop = self.aws.states.stop_execution().execution_arn(arn);
        let stop = stop.error(Kind::Stopped.name()).cause("somebody has cut the run off");
        stop.send().await.map(drop).map_err(|error| Error::from_control_plane("StopExecution", error))
    }
}
