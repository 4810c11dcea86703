//! Runs that are under way, or have left their table raised. With the stack go the state machine that would end them and
//! the rule that puts capacity back.

use anyhow::bail;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_sfn::types::ExecutionStatus;
use migration::copy::current::{self, Current};
use migration::deployment::{CopyOutput, Output};
use migration::plan::RunId;
use migration::{Kind, Ledger, prewarm};

use super::aws::Aws;
use super::stacks::Stack;
use super::trouble::Trouble;
use crate::failure::Usage;

/// The newest runs that are looked at for what they left behind: each is a request.
const LOOKED_AT: i32 = 20;

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
        if let Some(execution) = running.first() {
            let run = RunId::of_execution(&execution.name);
            bail!(Usage::new(format!(
                "run {run} is under way; wait for its end, or stop it with `cargo run --bin run -- stop {run}`, which puts the \
                 table's capacity back: {}",
                execution.execution_arn
            )));
        }
    }
    Ok(())
}

/// Refuses while a copy is kept in step, which no execution does. `loses` is what of the stack it would lose.
pub async fn none_in_step(aws: &Aws, stack: &Stack, loses: &str) -> anyhow::Result<()> {
    let is_of_a_copy = stack.outputs.contains_key(CopyOutput::QueueUrl.name());
    let Some(table) = stack.outputs.get(Output::LedgerTableName.name()).filter(|_| is_of_a_copy) else {
        return Ok(());
    };
    match current::read(&Ledger::new(aws.dynamodb(), table)).await {
        Ok(None) => Ok(()),
        Ok(Some(Current { run, .. })) => bail!(Usage::new(format!(
            "run {run} keeps its target in step with this stack, and would lose {loses}; cut it over with `cargo run --bin run -- cutover {run}`, or give it \
             up with `cargo run --bin run -- cutover {run} --abort`, then call this again"
        ))),
        // Somebody has deleted the ledger: what it knew is lost.
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses while a run has left the table raised.
pub async fn none_raised(aws: &Aws, stack: &Stack) -> anyhow::Result<()> {
    let output = |output: Output| stack.outputs.get(output.name());
    let (Some(machine), Some(table)) = (output(Output::StateMachineArn), output(Output::LedgerTableName)) else {
        // A stack that was never finished has run nothing.
        return Ok(());
    };
    let listing = aws.step_functions().list_executions().state_machine_arn(machine).max_results(LOOKED_AT).send().await;
    let runs = match listing.map_err(|error| Trouble::of(&error)) {
        Ok(page) => page.executions,
        Err(trouble) if trouble.code() == Some("StateMachineDoesNotExist") => return Ok(()),
        Err(trouble) => return Err(trouble.into_error("the stack's runs can't be listed")),
    };
    let ledger = Ledger::new(aws.dynamodb(), table);
    for execution in runs {
        // A run's further attempts have names of their own, and its ledger.
        let run = RunId::of_execution(&execution.name);
        match prewarm::still_raised(&ledger, &run).await {
            Ok(None) => {}
            Ok(Some(_)) => bail!(Usage::new(format!(
                "run {run} was cut off and has left its table raised, which is paid for by the hour; put the capacity back with \
                 `cargo run --bin run -- restore {run}`, then call this again"
            ))),
            // Somebody has deleted the ledger: what it knew is lost.
            Err(error) if error.kind() == Kind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
