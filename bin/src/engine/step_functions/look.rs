//! One look at a run: its execution, its ledger, and its Map Run. The counts are the ledger's; what Step Functions says
//! of its children is shown where it can be had, and in nobody's way where it can't.

use std::time::{Duration, Instant};

use aws_sdk_sfn::types::MapRunExecutionCounts;
use jiff::Timestamp;
use migration::Error;
use migration::copy::sync::{self, Sync};
use migration::plan::Plan;
use tokio::time::timeout;

use crate::engine::step_functions::execution::timestamp;
use crate::engine::step_functions::{Deployed, Execution};
use crate::progress::{Children, Phase, Stand};

/// Events of the history that are looked through for the last state: a task that is tried again writes three each time.
const LAST_EVENTS: i32 = 50;
/// For how long queues and mappings are asked before the look goes on without them.
const SYNC_TIME: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) execution: Execution,
    pub(crate) stand: Stand,
    pub(crate) children: Option<Children>,
    /// When the newest Map began, by the clock of AWS.
    pub(crate) map_started: Option<Timestamp>,
    /// How long the ledger took to read: it grows with the number of segments.
    pub(crate) ledger_took: Duration,
}

/// What one look leaves for the next.
#[derive(Debug, Default)]
pub(crate) struct Sight {
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
        let mut stand = Stand::read(&self.ledger(), plan).await?;
        let ledger_took = began.elapsed();
        let (state, map_run) = tokio::join!(self.last_state(plan), self.newest_map_run(plan));
        // A table that is long in coming back fills the history with attempts: it is the phase of before.
        sight.phase = state.or(sight.phase);
        stand.phase = sight.phase.unwrap_or(stand.phase);
        Ok(Look {
            execution,
            stand,
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

    /// How far a copy's changes are; nothing where that can't be asked just now.
    pub(super) async fn sync(&self, plan: &Plan) -> Option<Sync> {
        let clients = self.clients(plan).await;
        let services = clients.services(self.ledger(), clients.carrier.clone());
        timeout(SYNC_TIME, sync::check(&services, &plan.run)).await.ok()?.ok()
    }

    /// The newest Map Run, as a copy has one for its bulk and one to compare; nothing where there is none yet, or it can't be
    /// described. In what order they are listed is documented nowhere.
    async fn newest_map_run(&self, plan: &Plan) -> Option<MapRun> {
        let list = self.aws.states.list_map_runs().execution_arn(self.execution_arn(plan).to_string());
        let listed = list.send().await.ok()?.map_runs;
        let newest = listed.into_iter().max_by_key(|map_run| timestamp(&map_run.start_date))?;
        let described = self.aws.states.describe_map_run().map_run_arn(newest.map_run_arn).send().await.ok()?;
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

/// The states of both documents of [`migration::workflow`], by what a person waits for while they last.
fn phase_of(state: &str) -> Option<Phase> {
    Some(match state {
        "Prepare" | "IsBackupWanted" => Phase::Preparing,
        "StartBackup" | "CheckBackup" | "IsBackupReady" | "WaitForBackup" => Phase::BackingUp,
        "IsTargetToBeMade" | "MakeTarget" | "IsTargetMade" | "WaitForTarget" => Phase::MakingTarget,
        "IsPrewarmWanted" | "Prewarm" | "IsTableReady" | "WaitForTable" | "CheckPrewarm" => Phase::Prewarming,
        "IsCaptureWanted" | "StartCapture" | "IsCaptureOn" | "WaitForCapture" => Phase::StartingCapture,
        "IsBulkWanted" | "IsExportWanted" | "Export" | "IsExportReady" | "WaitForExport" | "TakeFiles" => {
            Phase::Exporting
        }
        "Migrate" => Phase::Migrating,
        "IsBulkToBeEnded" | "EndBulk" | "IsBulkOver" | "WaitForWorkers" => Phase::EndingBulk,
        "IsReplayWanted" | "StartReplay" | "IsReplayOn" | "WaitForReplay" | "CheckSync" | "IsInStep"
        | "WaitForSync" => Phase::ApplyingChanges,
        "IsVerifyWanted" | "Verify" => Phase::Comparing,
        "Restore" => Phase::Restoring,
        "Summarise" | "HasSucceeded" | "Done" | "Failed" | "NotPrepared" => Phase::Ending,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that is added is one that people wait for, and a further Map has figures of its own.
    #[test]
    fn every_state_has_a_phase() {
        let documents = [migration::workflow::in_place().unwrap(), migration::workflow::copy().unwrap()];
        let mut maps = Vec::new();
        for document in documents.map(|document| serde_json::to_value(document).unwrap()) {
            for (name, state) in document["States"].as_object().unwrap() {
                let phase = phase_of(name);
                assert!(phase.is_some(), "{name}");
                maps.extend(phase.filter(|_| state["Type"] == "Map"));
            }
        }
        maps.sort();
        maps.dedup();
        assert_eq!(maps, [Phase::Migrating, Phase::Comparing]);
    }
}
