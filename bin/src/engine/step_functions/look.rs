//! One look at a run: its execution, its ledger, and its Map Run. The counts are the ledger's; what Step Functions says
//! of its children is shown where it can be had, and in nobody's way where it can't.

use std::time::{Duration, Instant};

use aws_sdk_sfn::types::MapRunExecutionCounts;
use jiff::Timestamp;
use migration::Error;
use migration::plan::Plan;
use migration::summary::{self, SoFar};

use crate::engine::step_functions::execution::timestamp;
use crate::engine::step_functions::{Deployed, Execution};
use crate::progress::{Children, Phase};

/// Events of the history that are looked through for the last state: a task that is tried again writes three each time.
const LAST_EVENTS: i32 = 50;

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) execution: Execution,
    pub(crate) phase: Phase,
    pub(crate) so_far: SoFar,
    pub(crate) children: Option<Children>,
    /// When the Map began, by the clock of AWS.
    pub(crate) map_started: Option<Timestamp>,
    /// How long the ledger took to read: it grows with the number of segments.
    pub(crate) ledger_took: Duration,
}

/// What one look leaves for the next.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    map_run: Option<String>,
    phase: Option<Phase>,
}

/// A Map Run as Step Functions describes it.
struct MapRun {
    children: Option<Children>,
    started: Timestamp,
}

impl Deployed {
    /// Looks at a run. The execution comes first: once it has ended, what the ledger says is final.
    pub(crate) async fn look(&self, plan: &Plan, sight: &mut Sight) -> Result<Look, Error> {
        let execution = self.describe(plan).await?;
        let began = Instant::now();
        let so_far = summary::of_plan(&self.ledger(), plan).await?;
        let ledger_took = began.elapsed();
        let (state, map_run) = tokio::join!(self.last_state(plan), self.map_run(plan, &mut sight.map_run));
        // A table that is long in coming back fills the history with attempts: it is the phase of before.
        sight.phase = state.or(sight.phase);
        let guess = Phase::by_the_ledger(&so_far);
        Ok(Look {
            execution,
            phase: sight.phase.unwrap_or(guess),
            so_far,
            children: map_run.as_ref().and_then(|map_run| map_run.children),
            map_started: map_run.map(|map_run| map_run.started),
            ledger_took,
        })
    }

    /// The phase of the state that was entered last; nothing where the history can't be had.
    pub(super) async fn last_state(&self, plan: &Plan) -> Option<Phase> {
        let history = self.aws.states.get_execution_history().execution_arn(self.execution_arn(plan).to_string());
        let history = history.reverse_order(true).include_execution_data(false).max_results(LAST_EVENTS);
        let events = history.send().await.ok()?.events;
        events.iter().find_map(|event| phase_of(event.state_entered_event_details()?.name()))
    }

    /// The run's one Map Run; nothing where there is none yet, or it can't be described.
    async fn map_run(&self, plan: &Plan, known: &mut Option<String>) -> Option<MapRun> {
        if known.is_none() {
            let list = self.aws.states.list_map_runs().execution_arn(self.execution_arn(plan).to_string());
            *known =
                list.max_results(1).send().await.ok()?.map_runs.into_iter().next().map(|map_run| map_run.map_run_arn);
        }
        let described = self.aws.states.describe_map_run().map_run_arn(known.as_deref()?).send().await.ok()?;
        let children = described.execution_counts.as_ref().map(children);
        Some(MapRun { children, started: timestamp(&described.start_date) })
    }
}

fn children(counts: &MapRunExecutionCounts) -> Children {
    let count = |count: i64| count.unsigned_abs();
    Children {
        pending: count(counts.pending),
        running: count(counts.running),
        succeeded: count(counts.succeeded),
        failed: count(counts.failed) + count(counts.timed_out) + count(counts.aborted),
    }
}

/// The states of [`migration::workflow::in_place`], by what a person waits for while they last.
fn phase_of(state: &str) -> Option<Phase> {
    Some(match state {
        "Prepare" | "IsBackupWanted" => Phase::Preparing,
        "StartBackup" | "CheckBackup" | "IsBackupReady" | "WaitForBackup" => Phase::BackingUp,
        "IsPrewarmWanted" | "Prewarm" | "IsTableReady" | "WaitForTable" | "CheckPrewarm" => Phase::Prewarming,
        "Migrate" => Phase::Migrating,
        "Restore" => Phase::Restoring,
        "Summarise" | "HasSucceeded" | "Done" | "Failed" | "NotPrepared" => Phase::Ending,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that is added is one that people wait for.
    #[test]
    fn every_state_has_a_phase() {
        let document = serde_json::to_value(migration::workflow::in_place().unwrap()).unwrap();
        for state in document["States"].as_object().unwrap().keys() {
            assert!(phase_of(state).is_some(), "{state}");
        }
    }
}
