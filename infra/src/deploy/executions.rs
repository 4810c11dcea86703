//! Runs that are under way. A stack whose state machine is gone leaves a table half migrated and its capacity raised.

use anyhow::bail;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_sfn::types::ExecutionStatus;

use super::aws::Aws;
use super::trouble::Trouble;
use crate::failure::Usage;

/// Refuses while one of the stack's state machines has an execution under way.
pub async fn none_running(aws: &Aws, resources: &[StackResourceSummary]) -> anyhow::Result<()> {
    let machines = resources
        .iter()
        .filter(|resource| resource.resource_type() == Some("AWS::StepFunctions::StateMachine"))
        .filter_map(|resource| resource.physical_resource_id().filter(|arn| !arn.is_empty()));
    let client = aws.step_functions();
    for machine in machines {
        let listing =
            client.list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running).send().await;
        let running = match listing.map_err(|error| Trouble::of(&error)) {
            Ok(page) => page.executions,
            // An earlier deletion has come that far.
            Err(trouble) if trouble.code() == Some("StateMachineDoesNotExist") => continue,
            Err(trouble) => return Err(trouble.into_error("runs that are under way can't be listed")),
        };
        if let Some(run) = running.first() {
            bail!(Usage::new(format!(
                "run {} is under way; wait for its end, or stop it with `aws stepfunctions stop-execution --execution-arn {}`, \
                 which puts the table's capacity back, and wait until that is done",
                run.name, run.execution_arn
            )));
        }
    }
    Ok(())
}
