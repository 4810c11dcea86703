//! Alarms: each says what has happened and what to do, and is told to whoever subscribes to the topic.

mod copies;

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
    ];
    match copy {
        None => alarms.push(("TableThrottledAlarm", table_throttled(definition, source))),
        Some(copy) => alarms.extend(copies::alarms(definition, copy, functions)),
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

/// Any at all, in so many periods in a row.
fn any(figure: Figure, periods: u32, description: String) -> Alarm {
    Alarm {
        alarm_description: Some(description),
        threshold: Some(0.0),
        treat_missing_data: Some(MissingData::NotBreaching),
        ..Alarm::new(figure, ComparisonOperator::GreaterThan, periods)
    }
}

fn run_failed(definition: &Definition, machines: &Machines) -> Alarm {
    let ended = ["ExecutionsFailed", "ExecutionsTimedOut"].map(|name| of_machine(&machines.workflow, name));
    let Definition { migration, source, target, .. } = definition;
    let description = match target {
        None => format!(
            "A run of the migration {migration} on table {} failed or timed out. `run status` says why. What it has changed \
             stays changed, and a new run goes over it without writing; the capacity is put back, unless another alarm says so.",
            source.table
        ),
        Some(target) => format!(
            "A run of the migration {migration} from table {} to {} failed or timed out. `run status` says why. What is being \
             captured is captured all the same, and the queue keeps it for 14 days: `run resume RUN` goes on, `run cutover RUN \
             --abort` gives the copy up.",
            source.table, target.table
        ),
    };
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
    let Definition { migration, source, target, .. } = definition;
    let description = match target {
        None => format!(
            "Items of table {} can't be migrated by {migration}. They are as they were. `run failures RUN` lists them with the \
             reason of each; mend them or the migration, and run it again.",
            source.table
        ),
        Some(target) => format!(
            "Items of table {} can't be carried to {} by the migration {migration}. `run failures RUN` lists them with the \
             reason of each; mend them, or deploy the migration that was mended, and `run retry RUN` takes them up again.",
            source.table, target.table
        ),
    };
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
