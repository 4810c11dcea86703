//! The document of a copy: what there is in place, and around the bulk what keeps the target in step.
//!
//! Capture runs before the first page is read (R13), and replay begins when no worker of the bulk is left (R14). Whatever fails
//! leaves capture as it is: a run that is resumed has lost no change. Between two looks the document waits for as long as the task
//! has said, so that a backlog of days stays below the 25,000 events of an execution.

use asl::{Fail, Pass, Problems, State, StateMachine, Succeed, Wait};
use serde_json::json;

use super::{
    POLL_SECONDS, TASK_SECONDS, check, choice, has_succeeded, over_segments, prepare, restore, start_backup, summarise,
    through_restore, transient,
};
use crate::segment;
use crate::task::Task;

/// Between two looks at an export, which takes minutes at least.
const EXPORT_SECONDS: u32 = 30;

/// The workflow of a copy, as section 5 of the design draws it.
pub fn copy() -> Result<StateMachine, Problems> {
    let run = json!({ "run.$": "$.run" });
    let backup = json!({ "run.$": "$.run", "arn.$": "$.started.arn" });
    let wait = |next: &str| Wait::seconds_path("$.checked.wait_seconds").next(next);
    let is_ready = |yes, no| choice("$.checked.ready", yes, no);
    StateMachine::builder("Prepare")
        .comment("Segue: carries the items of a DynamoDB table into another one, and keeps the two in step")
        .state("Prepare", prepare("IsBackupWanted"))
        .state("IsBackupWanted", choice("$.backup", "StartBackup", "IsTargetToBeMade"))
        .state("StartBackup", start_backup())
        .state("CheckBackup", check(Task::CheckBackup, &backup).next("IsBackupReady"))
        .state("IsBackupReady", is_ready("IsTargetToBeMade", "WaitForBackup"))
        .state("WaitForBackup", Wait::seconds(POLL_SECONDS).next("CheckBackup"))
        .state("IsTargetToBeMade", choice("$.make_target", "MakeTarget", "IsPrewarmWanted"))
        .state("MakeTarget", waiting(Task::MakeTarget).next("IsTargetMade"))
        .state("IsTargetMade", is_ready("IsPrewarmWanted", "WaitForTarget"))
        .state("WaitForTarget", wait("MakeTarget"))
        .state("IsPrewarmWanted", choice("$.prewarm", "Prewarm", "IsCaptureWanted"))
        .state("Prewarm", check(Task::Prewarm, &run).next("IsTableReady"))
        .state("IsTableReady", is_ready("IsCaptureWanted", "WaitForTable"))
        .state("WaitForTable", Wait::seconds(POLL_SECONDS).next("CheckPrewarm"))
        .state("CheckPrewarm", check(Task::CheckPrewarm, &run).next("IsTableReady"))
        .state("IsCaptureWanted", choice("$.changes", "StartCapture", "IsBulkWanted"))
        .state("StartCapture", waiting(Task::StartCapture).next("IsCaptureOn"))
        .state("IsCaptureOn", is_ready("IsBulkWanted", "WaitForCapture"))
        .state("WaitForCapture", wait("StartCapture"))
        .state("IsBulkWanted", choice("$.bulk", "IsExportWanted", "IsBulkToBeEnded"))
        .state("IsExportWanted", choice("$.export", "Export", "Migrate"))
        .state("Export", export())
        .state("IsExportReady", is_ready("TakeFiles", "WaitForExport"))
        .state("WaitForExport", Wait::seconds(EXPORT_SECONDS).next("Export"))
        // Children work the export's files, of which there may be fewer than segments.
        .state("TakeFiles", Pass::new().input_path("$.checked.children").result_path("$.children").next("Migrate"))
        .state("Migrate", over_segments("Migrate", "$.children", segment::Pass::Main).next("IsBulkToBeEnded"))
        .state("IsBulkToBeEnded", choice("$.copying", "EndBulk", "IsVerifyWanted"))
        .state("EndBulk", waiting(Task::EndBulk).next("IsBulkOver"))
        .state("IsBulkOver", is_ready("IsReplayWanted", "WaitForWorkers"))
        .state("WaitForWorkers", wait("EndBulk"))
        .state("IsReplayWanted", choice("$.changes", "StartReplay", "IsVerifyWanted"))
        .state("StartReplay", waiting(Task::StartReplay).next("IsReplayOn"))
        .state("IsReplayOn", is_ready("CheckSync", "WaitForReplay"))
        .state("WaitForReplay", wait("StartReplay"))
        .state("CheckSync", waiting(Task::CheckSync).next("IsInStep"))
        .state("IsInStep", is_ready("IsVerifyWanted", "WaitForSync"))
        .state("WaitForSync", wait("CheckSync"))
        .state("IsVerifyWanted", choice("$.verify", "Verify", "Restore"))
        .state("Verify", over_segments("Verify", "$.verify_children", segment::Pass::Verify).next("Restore"))
        .state("Restore", restore())
        .state("Summarise", summarise())
        .state("HasSucceeded", has_succeeded())
        .state("Done", Succeed::new())
        .state("Failed", Fail::at("$.failure.error", "$.failure.reason"))
        .state("NotPrepared", Fail::at("$.failure.Error", "$.failure.Cause"))
        .build()
}

/// A task that is called until it answers that it is ready, and says when to ask again.
fn waiting(task: Task) -> asl::Task {
    invoke(task, json!({ "ready.$": "$.Payload.ready", "wait_seconds.$": "$.Payload.wait_seconds" }))
}

/// The same, and what the Map works.
fn export() -> State {
    let answer = json!({ "ready.$": "$.Payload.ready", "children.$": "$.Payload.children" });
    invoke(Task::Export, answer).next("IsExportReady")
}

fn invoke(task: Task, answer: serde_json::Value) -> asl::Task {
    asl::Task::invoke(task.function_arn(), json!({ "run.$": "$.run" }))
        .result_selector(answer)
        .result_path("$.checked")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(10))
        .catch(through_restore())
}
