//! The state machine of the migration, and the one that puts the capacity back after a run that was cut off (R12).

use indexmap::IndexMap;
use migration::definition::Definition;
use migration::{Task, workflow};

use super::functions::Functions;
use super::storage::Storage;
use crate::cfn::events::{EventPattern, Rule, RuleState, Target, TargetArn};
use crate::cfn::iam::{
    ExecutionAction, FunctionAction, InlinePolicy, ObjectAction, Policy, PolicyDocument, Role, Service,
    StateMachineAction, Statement, UnscopedAction,
};
use crate::cfn::logs::{LogGroup, Retention};
use crate::cfn::states::{
    LogDestination, LogGroupDestination, LogLevel, LoggingConfiguration, StateMachine, StateMachineType,
    TracingConfiguration,
};
use crate::cfn::{Expr, Handle, Template, Text, pseudo};

/// The machines, and the rule between them.
pub(super) struct Machines {
    pub(super) workflow: Handle<StateMachine>,
    pub(super) restore_afterwards: Handle<StateMachine>,
    pub(super) rule: Handle<Rule>,
}

pub(super) fn add(
    template: &mut Template,
    definition: &Definition,
    functions: &Functions,
    storage: &Storage,
) -> anyhow::Result<Machines> {
    let logs = template.add(
        "WorkflowLogs",
        LogGroup {
            // Log groups of this prefix are let in by one policy for all of them; each other one takes room in a policy
            // of 5,120 characters (Step Functions developer guide, "Logging using CloudWatch Logs").
            log_group_name: Some(Expr::concat(["/aws/vendedlogs/states/".into(), pseudo::stack_name()])),
            retention_in_days: Some(Retention::Month),
            ..LogGroup::default()
        },
    )?;
    let workflow = add_workflow(template, definition, functions, storage, &logs)?;
    let restore_afterwards = add_restore_afterwards(template, functions, &logs)?;
    let rule = add_rule(template, &workflow, &restore_afterwards)?;
    Ok(Machines { workflow, restore_afterwards, rule })
}

fn add_workflow(
    template: &mut Template,
    definition: &Definition,
    functions: &Functions,
    storage: &Storage,
    logs: &Handle<LogGroup>,
) -> anyhow::Result<Handle<StateMachine>> {
    use ObjectAction::{AbortMultipartUpload, GetObject, ListMultipartUploadParts, PutObject};
    let invoke =
        Statement::allow([FunctionAction::InvokeFunction]).on_each(functions.of_document().map(|(_, f)| f.arn()));
    // What a ResultWriter does (Step Functions developer guide, "IAM policies for using Distributed Map states").
    let write = Statement::allow([PutObject, GetObject, ListMultipartUploadParts, AbortMultipartUpload])
        .on(storage.results.arn().objects());
    let role = template.add("WorkflowRole", machine_role("The workflow of the migration", [invoke, write]))?;
    let bucket = (placeholder(workflow::RESULTS_BUCKET), storage.results.name().into_text());
    let functions = functions.of_document().map(|(task, function)| substitution(task, function.arn().into_text()));
    let machine = StateMachine {
        definition_substitutions: Some(functions.chain([bucket]).collect()),
        // A child calls its worker for up to fifteen minutes at a time, and a run may last for days.
        state_machine_type: Some(StateMachineType::Standard),
        logging_configuration: Some(logging(logs)),
        tracing_configuration: Some(TracingConfiguration { enabled: true }),
        ..StateMachine::new(role.arn(), workflow::of(definition)?)
    };
    let machine = template.add("Workflow", machine)?;
    template.add("WorkflowChildrenPolicy", children(&machine, &role))?;
    Ok(machine)
}

/// A Distributed Map starts its children as executions of its own machine, watches them and stops them. A policy of its
/// own: the machine needs its role first.
fn children(machine: &Handle<StateMachine>, role: &Handle<Role>) -> Policy {
    use ExecutionAction::{DescribeExecution, RedriveExecution, StopExecution};
    let statements = [
        Statement::allow([StateMachineAction::StartExecution]).on(machine.arn()),
        Statement::allow([DescribeExecution, StopExecution]).on(machine.executions()),
        Statement::allow([DescribeExecution, StopExecution, RedriveExecution]).on(machine.child_executions()),
    ];
    Policy::new("Children".into(), PolicyDocument::new(statements), vec![role.name()])
}

fn add_restore_afterwards(
    template: &mut Template,
    functions: &Functions,
    logs: &Handle<LogGroup>,
) -> anyhow::Result<Handle<StateMachine>> {
    let restore = functions.of(Task::Restore);
    let invoke = Statement::allow([FunctionAction::InvokeFunction]).on(restore.arn());
    let role = machine_role("Puts capacity back after a run that was cut off", [invoke]);
    let role = template.add("RestoreAfterwardsRole", role)?;
    let machine = StateMachine {
        definition_substitutions: Some(IndexMap::from([substitution(Task::Restore, restore.arn().into_text())])),
        state_machine_type: Some(StateMachineType::Standard),
        logging_configuration: Some(logging(logs)),
        tracing_configuration: Some(TracingConfiguration { enabled: true }),
        ..StateMachine::new(role.arn(), workflow::restore_afterwards()?)
    };
    Ok(template.add("RestoreAfterwards", machine)?)
}

/// The last way to Restore: an execution that was aborted or timed out comes to no Catch.
fn add_rule(
    template: &mut Template,
    workflow: &Handle<StateMachine>,
    restore_afterwards: &Handle<StateMachine>,
) -> anyhow::Result<Handle<Rule>> {
    let start = Statement::allow([StateMachineAction::StartExecution]).on(restore_afterwards.arn());
    let policy = InlinePolicy { policy_name: "Start".into(), policy_document: PolicyDocument::new([start]) };
    let role = Role {
        description: Some("Starts the machine that puts capacity back".into()),
        policies: Some(vec![policy]),
        ..Role::new(PolicyDocument::trust_for_account(Service::Events))
    };
    let role = template.add("RestoreAfterwardsRuleRole", role)?;
    let ended = ["FAILED", "TIMED_OUT", "ABORTED"].map(Expr::from).to_vec();
    let target = Target {
        input_path: Some("$.detail".into()),
        role_arn: Some(role.arn()),
        ..Target::new(TargetArn::StateMachine(restore_afterwards.arn()), "RestoreAfterwards".into())
    };
    let pattern = EventPattern {
        source: vec!["aws.states"],
        detail_type: vec!["Step Functions Execution Status Change"],
        detail: IndexMap::from([("stateMachineArn", vec![workflow.arn().into_text()]), ("status", ended)]),
    };
    let rule = Rule {
        description: Some("Puts capacity back after a run that failed, timed out or was aborted".into()),
        state: Some(RuleState::Enabled),
        targets: Some(vec![target]),
        ..Rule::new(pattern)
    };
    Ok(template.add("RestoreAfterwardsRule", rule)?)
}

/// A state machine's role: what it is for, and what every machine needs to log and to trace.
fn machine_role(description: &str, statements: impl IntoIterator<Item = Statement>) -> Role {
    let log_and_trace = Statement::allow_unscoped([
        UnscopedAction::CreateLogDelivery,
        UnscopedAction::DeleteLogDelivery,
        UnscopedAction::DescribeLogGroups,
        UnscopedAction::DescribeResourcePolicies,
        UnscopedAction::GetLogDelivery,
        UnscopedAction::ListLogDeliveries,
        UnscopedAction::PutResourcePolicy,
        UnscopedAction::UpdateLogDelivery,
        UnscopedAction::GetSamplingRules,
        UnscopedAction::GetSamplingTargets,
        UnscopedAction::PutTelemetryRecords,
        UnscopedAction::PutTraceSegments,
    ]);
    let statements = statements.into_iter().chain([log_and_trace]);
    let policy = InlinePolicy { policy_name: "Machine".into(), policy_document: PolicyDocument::new(statements) };
    Role {
        description: Some(description.into()),
        policies: Some(vec![policy]),
        ..Role::new(PolicyDocument::trust_for_account(Service::States))
    }
}

fn logging(logs: &Handle<LogGroup>) -> LoggingConfiguration {
    let group = LogGroupDestination { log_group_arn: logs.arn() };
    LoggingConfiguration {
        destinations: Some([LogDestination { cloud_watch_logs_log_group: group }]),
        // Ten thousand children with each of their steps would cost more than the run, and the ledger knows them all.
        level: Some(LogLevel::Error),
        // Inputs hold the migration, in which values of items may stand (R20).
        include_execution_data: Some(false),
    }
}

fn substitution(task: Task, arn: Expr<Text>) -> (String, Expr<Text>) {
    (placeholder(&task.function_arn()), arn)
}

/// The name inside of a document's `${name}`.
fn placeholder(text: &str) -> String {
    text.trim_start_matches("${").trim_end_matches('}').to_owned()
}
