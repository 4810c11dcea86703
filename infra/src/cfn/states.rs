//! Step Functions state machines. A definition is carried as an object: inside of `Fn::Sub` no linter would see it.

use indexmap::IndexMap;
use serde::Serialize;

use super::expr::{ArnOf, Expr, NameOf, Text, pseudo};
use super::iam::Role;
use super::logs::LogGroup;
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::StepFunctions::StateMachine`.
    StateMachine {
        /// What it may do.
        role_arn: Expr<ArnOf<Role>>,
        /// The states.
        definition: asl::StateMachine,
    } {
        /// What stands for the `${names}` in the definition.
        definition_substitutions: IndexMap<String, Expr<Text>>,
        /// What of its executions is logged, and where.
        logging_configuration: LoggingConfiguration,
        /// Its name; CloudFormation makes one up.
        state_machine_name: String,
        /// How long executions may last, and what they cost.
        state_machine_type: StateMachineType,
        /// Whether executions are traced.
        tracing_configuration: TracingConfiguration,
    }
}

impl Resource for StateMachine {
    const TYPE: &'static str = "AWS::StepFunctions::StateMachine";
    type Ref = ArnOf<Self>;
}

impl HasArn for StateMachine {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.reference()
    }
}

impl HasName for StateMachine {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.attribute("Name")
    }
}

/// Executions of a state machine, by their ARNs.
pub struct Execution;

impl Handle<StateMachine> {
    /// All executions that are started as such.
    pub fn executions(&self) -> Expr<ArnOf<Execution>> {
        pseudo::arn("states", ["execution:".into(), self.name().into_text(), ":*".into()])
    }

    /// All executions that a Distributed Map of it has started: `NAME/LABEL:ID`.
    pub fn child_executions(&self) -> Expr<ArnOf<Execution>> {
        pseudo::arn("states", ["execution:".into(), self.name().into_text(), "/*".into()])
    }
}

values! {
    /// How long executions may last, and what they cost.
    StateMachineType {
        /// A year; by the state transition.
        Standard = "STANDARD",
        /// Five minutes; by time and memory.
        Express = "EXPRESS",
    }
}

properties! {
    /// What of executions is logged, and where.
    LoggingConfiguration {
        /// Where; Step Functions takes a list of one.
        destinations: [LogDestination; 1],
        /// Whether inputs and outputs are logged too.
        include_execution_data: bool,
        /// What.
        level: LogLevel,
    }
}

/// Where executions are logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogDestination {
    /// A log group.
    pub cloud_watch_logs_log_group: LogGroupDestination,
}

/// Where executions are logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogGroupDestination {
    /// The log group.
    pub log_group_arn: Expr<ArnOf<LogGroup>>,
}

values! {
    /// What of executions is logged.
    LogLevel {
        /// Every event.
        All = "ALL",
        /// Errors, also those that are caught.
        Error = "ERROR",
        /// What ends an execution.
        Fatal = "FATAL",
        /// Nothing.
        Off = "OFF",
    }
}

/// Whether executions are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TracingConfiguration {
    /// They are.
    pub enabled: bool,
}
