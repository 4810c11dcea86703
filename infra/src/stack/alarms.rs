//! Alarms: each says what has happened and what to do, and is told to whoever subscribes to the topic.

use migration::Task;
use migration::definition::Definition;
use migration::deployment::{METRICS_DIMENSION, METRICS_NAMESPACE, Metric as Ours};

use super::Source;
use super::copy::Copy;
use super::functions::Functions;
use super::workflow::Machines;
use crate::cfn::cloudwatch::{Alarm, ComparisonOperator, Figure, Metric, MissingData};
use crate::cfn::iam::{Condition, PolicyDocument, Service, Statement, TopicAction};
use crate::cfn::sns::{SignatureVersion, Topic, TopicPolicy};
use crate::cfn::states::StateMachine;
use crate::cfn::{Handle, Template, TemplateError, pseudo};

/// A run lasts minutes to days; what goes wrong is said within two minutes.
const PERIOD_SECONDS: u32 = 60;

/// What the alarms watch.
pub(super) struct Watched<'w> {
    pub(super) definition: &'w Definition,
    pub(super) source: &'w Source,
    pub(super) machines: &'w Machines,
    pub(super) functions: &'w Functions,
    pub(super) copy: Option<&'w Copy<'w>>,
}

pub(super) fn add(template: &mut Template, watched: &Watched) -> Result<Handle<Topic>, TemplateError> {
    let Watched { definition, source, machines, functions, copy } = watched;
    let topic = Topic {
        display_name: Some(format!("Segue {}", definition.migration)),
        signature_version: Some(SignatureVersion::Sha256),
        ..Topic::default()
    };
    let topic = template.add("AlarmTopic", topic)?;
    let mut alarms = vec![
        ("RunFailedAlarm", run_failed(definition, machines)),
        ("RestoreFailedAlarm", restore_failed(definition, machines)),
        ("ItemsFailedAlarm", items_failed(definition)),
        ("TableThrottledAlarm", table_throttled(definition, source)),
    ];
    if let Some(copy) = copy {
        alarms.push(("CaptureLateAlarm", capture_late(definition, functions)));
        alarms.push(("ReplayLateAlarm", replay_late(definition, copy)));
        alarms.push(("DeadLettersAlarm", dead_letters(definition, copy)));
    }
    let mut arns = Vec::new();
    for (id, alarm) in alarms {
        let alarm = Alarm { alarm_actions: Some(vec![topic.arn()]), ..alarm };
        arns.push(template.add(id, alarm)?.arn().into_text());
    }
    let publish = Statement::allow([TopicAction::Publish])
        .on(topic.arn())
        .to(Service::CloudWatch)
        .when(Condition::ArnEquals("aws:SourceArn", arns));
    let insecure = Statement::deny_to_all("sns:Publish", [topic.arn()], Condition::InsecureTransport);
    template.add("AlarmTopicPolicy", TopicPolicy::new(PolicyDocument::new([publish, insecure]), vec![topic.arn()]))?;
    Ok(topic)
}

/// A metric of Step Functions.
pub(super) fn of_machine(machine: &Handle<StateMachine>, name: &'static str) -> Metric {
    Metric::new("AWS/States", name, "StateMachineArn", machine.arn().into_text())
}

/// A metric of the functions.
pub(super) fn of_run(metric: Ours) -> Metric {
    Metric::new(METRICS_NAMESPACE, metric.name(), METRICS_DIMENSION, pseudo::stack_name())
}

/// Any at all, in so many minutes in a row.
fn any(figure: Figure, minutes: u32, description: String) -> Alarm {
    Alarm {
        alarm_description: Some(description),
        threshold: Some(0.0),
        treat_missing_data: Some(MissingData::NotBreaching),
        ..Alarm::new(figure, ComparisonOperator::GreaterThan, minutes)
    }
}

fn run_failed(definition: &Definition, machines: &Machines) -> Alarm {
    let ended = ["ExecutionsFailed", "ExecutionsTimedOut"].map(|name| of_machine(&machines.workflow, name));
    let Definition { migration, source, .. } = definition;
    let description = format!(
        "A run of the migration {migration} on table {} failed or timed out. `run status` says why. What it has changed \
         stays changed, and a new run goes over it without writing; the capacity is put back, unless another alarm says so.",
        source.table
    );
    any(Figure::sum_of(ended, PERIOD_SECONDS), 1, description)
}

fn restore_failed(definition: &Definition, machines: &Machines) -> Alarm {
    let ended = ["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"];
    let ended = ended.map(|name| of_machine(&machines.restore_afterwards, name));
    let unstarted = Metric::new("AWS/Events", "FailedInvocations", "RuleName", machines.rule.name().into_text());
    let description = format!(
        "After a run of the migration {} was cut off, the capacity of table {} could not be put back. It may still be \
         raised, and paid for by the hour: `run restore RUN` puts it back.",
        definition.migration, definition.source.table
    );
    any(Figure::sum_of(ended.into_iter().chain([unstarted]), PERIOD_SECONDS), 1, description)
}

fn items_failed(definition: &Definition) -> Alarm {
    let description = format!(
        "Items of table {} can't be migrated by {}. They are as they were. `run failures RUN` lists them with the reason of \
         each; mend them or the migration, and run it again.",
        definition.source.table, definition.migration
    );
    any(Figure::sum(of_run(Ours::ItemsFailed), PERIOD_SECONDS), 1, description)
}

fn table_throttled(definition: &Definition, source: &Source) -> Alarm {
    let description = format!(
        "Table {} has throttled writes for five minutes. Segue tries again, other writers may not. Run {} with fewer \
         `--workers`, or with `--prewarm`, or at another time of day.",
        definition.source.table, definition.migration
    );
    let throttled = Metric::new("AWS/DynamoDB", "WriteThrottleEvents", "TableName", source.name.clone().into_text());
    any(Figure::sum(throttled, PERIOD_SECONDS), 5, description)
}

/// A stream keeps its records for 24 h: half of that is left to mend what is wrong.
const CAPTURE_LATE_MS: f64 = 12.0 * 3_600_000.0;
/// The queue keeps its messages for 14 days: two of them are left.
const REPLAY_LATE_SECONDS: f64 = 12.0 * 24.0 * 3_600.0;

/// More than that, as a maximum, in any minute.
fn above(metric: Metric, threshold: f64, description: String) -> Alarm {
    Alarm {
        alarm_description: Some(description),
        threshold: Some(threshold),
        treat_missing_data: Some(MissingData::NotBreaching),
        ..Alarm::new(Figure::maximum(metric, PERIOD_SECONDS), ComparisonOperator::GreaterThan, 1)
    }
}

fn capture_late(definition: &Definition, functions: &Functions) -> Alarm {
    let description = format!(
        "Changes of table {} are captured twelve hours late. The stream keeps them for 24 hours: what is older is lost. See \
         the log of CaptureChanges for what holds it up.",
        definition.source.table
    );
    let capture = functions.of(Task::CaptureChanges).name().into_text();
    above(Metric::new("AWS/Lambda", "IteratorAge", "FunctionName", capture), CAPTURE_LATE_MS, description)
}

fn replay_late(definition: &Definition, copy: &Copy) -> Alarm {
    let description = format!(
        "A change that the migration {} has captured waits for twelve days. The queue keeps it for 14: then it is lost. \
         `run status` says what holds the replay up.",
        definition.migration
    );
    let queue = copy.changes.name().into_text();
    above(Metric::new("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue), REPLAY_LATE_SECONDS, description)
}

fn dead_letters(definition: &Definition, copy: &Copy) -> Alarm {
    let description = format!(
        "Changes could not be applied to the target of the migration {}. `run changes RUN` lists them with their reasons; retry \
         them, or drop them by name. Nothing is cut over before.",
        definition.migration
    );
    let queue = copy.dead_letters.name().into_text();
    above(Metric::new("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue), 0.0, description)
}
