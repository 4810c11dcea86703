//! Executions of a stack's state machine. Each attempt of a run is one, named by the run and the attempt's number, so a
//! start that is asked for twice is one start.

use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionRedriveStatus, ExecutionStatus};
use jiff::Timestamp;
use migration::plan::{self, Plan, RunId};
use migration::{Error, Kind, attempts};
use serde_json::Value;

use crate::engine::step_functions::Deployed;
use crate::engine::step_functions::arn::Arn;

/// What a state, the first one too, is handed at most (Step Functions quotas, "Maximum input or output size").
const INPUT_BYTES: usize = 262_144;

/// An execution as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) status: ExecutionStatus,
    /// Why it ended so, in the words of Step Functions.
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    /// Whether Step Functions would take it up where it ended, and how often it has.
    pub(super) is_redrivable: bool,
    pub(super) redrives: i32,
    input: Option<String>,
}

impl Execution {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status, ExecutionStatus::Running | ExecutionStatus::PendingRedrive)
    }

    /// The plan, which is what a run's execution begins with.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let input = self.input.as_deref().unwrap_or_default();
        serde_json::from_str(input).map_err(|_| Error::invalid("the execution was begun by hand: its input is no plan"))
    }

    /// How it ended, as words.
    pub(crate) fn ended(&self) -> &str {
        match &self.status {
            ExecutionStatus::Aborted => "was aborted",
            ExecutionStatus::Failed => "failed",
            ExecutionStatus::Succeeded => "succeeded without a report",
            ExecutionStatus::TimedOut => "timed out",
            other => other.as_str(),
        }
    }
}

/// The plan as the execution's input.
pub(crate) fn input(plan: &Plan) -> Result<String, Error> {
    let input = serde_json::to_string(plan).map_err(|error| Error::invalid(error.to_string()))?;
    if input.len() > INPUT_BYTES {
        return Err(Error::invalid(format!(
            "the plan has {} bytes, and Step Functions takes {INPUT_BYTES}; make the migration's constants shorter",
            input.len()
        )));
    }
    Ok(input)
}

impl Deployed {
    /// The ARN of the execution that is the plan's attempt.
    pub(crate) fn execution_arn(&self, plan: &Plan) -> Arn {
        self.stack.machine.execution(&name(plan))
    }

    /// The plan of a run's newest attempt. The ledger keeps plans for longer than Step Functions keeps executions; but
    /// that of an attempt which only begins isn't there yet.
    pub(crate) async fn newest_plan(&self, run: &RunId) -> Result<Plan, Error> {
        let ledger = self.ledger();
        let (newest, prepared) = (attempts::latest(&ledger, run).await?, plan::read(&ledger, run).await?);
        if let Some(plan) = prepared.as_ref().filter(|plan| plan.attempt >= newest) {
            return Ok(plan.clone());
        }
        match (self.describe_named(&run.execution_name(newest)).await, prepared) {
            (Ok(execution), _) => execution.plan().map_err(|error| error.while_doing(run)),
            // It took its number, and could not be started.
            (Err(error), Some(prepared)) if error.kind() == Kind::NotFound => Ok(prepared),
            (Err(error), _) => Err(error),
        }
    }

    /// Starts a plan's attempt. Step Functions takes the same name with the same input for the same start, so the SDK's retries
    /// start nothing twice; where no answer came in the end, the execution itself is asked.
    pub(crate) async fn start(&self, plan: &Plan, input: &str) -> Result<(), Error> {
        let (start, run) = (self.aws.states.start_execution(), &plan.run);
        let start = start.state_machine_arn(self.stack.machine.to_string()).name(name(plan)).input(input);
        let Err(error) = start.send().await else { return Ok(()) };
        let may_have_begun = match &error {
            SdkError::ServiceError(answer) => {
                answer.err().is_execution_already_exists() || answer.raw().status().as_u16() >= 500
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        let error = Error::from_control_plane("StartExecution", error);
        if !may_have_begun {
            return Err(error);
        }
        match self.describe(plan).await {
            Ok(execution) if same_json(execution.input.as_deref(), input) => Ok(()),
            Ok(_) => Err(Error::invalid(format!("another run has the name {run}; start it anew"))),
            // What has just begun may not be shown yet.
            Err(_) => Err(error
                .while_doing(format!("whether the run has begun is not known; `run status {run}` tells in a minute"))),
        }
    }

    /// The execution of a plan's attempt; [`Kind::NotFound`] where there is none, or none yet.
    pub(crate) async fn describe(&self, plan: &Plan) -> Result<Execution, Error> {
        self.describe_named(&name(plan)).await
    }

    async fn describe_named(&self, name: &str) -> Result<Execution, Error> {
        let arn = self.stack.machine.execution(name).to_string();
        let described = self.aws.states.describe_execution().execution_arn(arn);
        let output = described.send().await.map_err(|error| {
            if error.code() == Some("ExecutionDoesNotExist") {
                let stack = &self.stack.name;
                return Error::new(Kind::NotFound, format!("expected a run of stack {stack} named {name}, found none"));
            }
            Error::from_control_plane("DescribeExecution", error)
        })?;
        Ok(Execution {
            started: timestamp(&output.start_date),
            stopped: output.stop_date.as_ref().map(timestamp),
            is_redrivable: output.redrive_status == Some(ExecutionRedriveStatus::Redrivable),
            redrives: output.redrive_count.unwrap_or_default(),
            status: output.status,
            error: output.error,
            cause: output.cause,
            input: output.input,
        })
    }

    /// The newest executions, of one status or of all. Those that somebody began by hand are among them.
    pub(crate) async fn newest_executions(
        &self,
        status: Option<ExecutionStatus>,
        limit: i32,
    ) -> Result<Vec<ExecutionListItem>, Error> {
        let list = self.aws.states.list_executions().state_machine_arn(self.stack.machine.to_string());
        let listed = list.set_status_filter(status).max_results(limit).send().await;
        Ok(listed.map_err(|error| Error::from_control_plane("ListExecutions", error))?.executions)
    }
}

fn name(plan: &Plan) -> String {
    plan.run.execution_name(plan.attempt)
}

fn same_json(a: Option<&str>, b: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    a.and_then(read) == read(b)
}

pub(crate) fn timestamp(time: &DateTime) -> Timestamp {
    let nanoseconds = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    Timestamp::new(time.secs(), nanoseconds).unwrap_or_default()
}
