//! What a stack says of itself: its outputs are the whole agreement between `infra` and `run`.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackStatus;
use migration::definition::Definition;
use migration::deployment::Output;
use migration::{Error, Wiring};

use crate::engine::step_functions::arn::Arn;
use crate::engine::step_functions::aws::Aws;
use crate::errors::CliError;

/// A stack of ours.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) machine: Arn,
    pub(crate) ledger: String,
    pub(crate) table: String,
    pub(crate) dashboard: String,
    /// What carries the changes of a copy, where this is a copy's stack.
    pub(crate) wiring: Option<Wiring>,
    digest: String,
    /// Why no run can be begun on it just now.
    unready: Option<String>,
}

/// What becomes of a stack, for somebody who wants to run on it.
enum Standing {
    Ready,
    InChange,
    Broken,
}

impl Stack {
    /// `otherwise` says what else can be done where there is none of that name.
    pub(crate) async fn describe(aws: &Aws, name: &str, account: &str, otherwise: &str) -> Result<Self, CliError> {
        let described = aws.cloudformation.describe_stacks().stack_name(name).send().await;
        let stacks = match described {
            // The one answer to a name that no stack has.
            Err(error) if error.code() == Some("ValidationError") => Vec::new(),
            Err(error) => return Err(Error::from_control_plane("DescribeStacks", error).into()),
            Ok(output) => output.stacks.unwrap_or_default(),
        };
        let Some(stack) = stacks.into_iter().next() else {
            return Err(CliError::usage(format!(
                "expected stack {name} in {}, account {account}, found none; deploy it with `cargo run -p infra -- deploy`, \
                 or {otherwise}",
                aws.place()
            )));
        };
        let name = stack.stack_name().unwrap_or(name).to_owned();
        let unready = stack.stack_status().and_then(|status| unready(&name, status, stack.stack_status_reason()));
        let output = |output: Output| {
            let outputs = stack.outputs().iter();
            let mut found = outputs.filter(|found| found.output_key() == Some(output.name()));
            found.next().and_then(|output| output.output_value()).map(str::to_owned).ok_or_else(|| {
                // A stack that is being made, or that could not be, has no outputs.
                unready.clone().unwrap_or_else(|| {
                    format!(
                        "stack {name} is none of Segue's: it has no output {}; name another with --stack, or deploy one \
                         with `cargo run -p infra -- deploy`",
                        output.name()
                    )
                })
            })
        };
        let machine = output(Output::StateMachineArn).map_err(CliError::Usage)?;
        let machine = Arn::of_state_machine(&machine).ok_or_else(|| {
            CliError::usage(format!("stack {name} is none of Segue's: {machine} is no state machine"))
        })?;
        Ok(Self {
            account: account.to_owned(),
            machine,
            ledger: output(Output::LedgerTableName).map_err(CliError::Usage)?,
            table: output(Output::SourceTableName).map_err(CliError::Usage)?,
            dashboard: output(Output::DashboardUrl).map_err(CliError::Usage)?,
            wiring: Wiring::of_outputs(|name| {
                let mut found = stack.outputs().iter().filter(|found| found.output_key() == Some(name));
                found.next().and_then(|output| output.output_value()).map(str::to_owned)
            }),
            digest: output(Output::MigrationDigest).map_err(CliError::Usage)?,
            unready,
            name,
        })
    }

    /// Whether a run can begin on it just now.
    pub(crate) fn check_ready(&self) -> Result<(), CliError> {
        self.unready.clone().map_or(Ok(()), |unready| Err(CliError::Usage(unready)))
    }

    /// Whether it was deployed for that migration.
    pub(crate) fn is_for(&self, definition: &Definition) -> bool {
        self.digest == definition.digest()
    }
}

fn unready(name: &str, status: &StackStatus, reason: Option<&str>) -> Option<String> {
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match standing(status) {
        Standing::Ready => None,
        Standing::InChange => Some(format!(
            "stack {name} is being changed ({status}{reason}); run again when that has ended, `cargo run -p infra -- deploy` \
             shows its events"
        )),
        Standing::Broken => Some(format!(
            "stack {name} can't be run on ({status}{reason}); mend it with `cargo run -p infra -- deploy`, or take it away \
             with `cargo run -p infra -- destroy`"
        )),
    }
}

fn standing(status: &StackStatus) -> Standing {
    match status {
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateRollbackComplete
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => Standing::Ready,
        // A change set stands there and nothing else: it was never deployed.
        StackStatus::ReviewInProgress => Standing::Broken,
        other if other.as_str().ends_with("_IN_PROGRESS") => Standing::InChange,
        _ => Standing::Broken,
    }
}
