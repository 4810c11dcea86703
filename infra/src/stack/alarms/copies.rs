//! The alarms of a copy alone: of the table that it writes to, and of what carries its changes.
//!
//! A record or a message that a function couldn't carry is reported to its mapping, and no error to Lambda (R16): that shows in
//! how late changes are, and in the dead letters. That a mapping was taken away shows in no metric, as a source that nobody
//! writes to looks the same: `run status` says it.

use migration::Task;
use migration::definition::{Definition, TableName};

use super::{PERIOD_SECONDS, any};
use crate::cfn::cloudwatch::{Alarm, ComparisonOperator, Figure, Metric, MissingData};
use crate::stack::copy::Copy;
use crate::stack::functions::Functions;

/// A stream keeps its records for 24 h: half of that is left to mend what is wrong.
const CAPTURE_LATE_MS: f64 = 12.0 * 3_600_000.0;
/// Capture begins with the oldest that the stream has: its first batches are late, and say nothing.
const CAPTURE_LATE_PERIODS: u32 = 15;
/// The queue keeps its messages for 14 days: two of them are left.
const REPLAY_LATE_SECONDS: f64 = 12.0 * 24.0 * 3_600.0;
/// A batch that failed comes again within a minute or two, a message after six: whatever goes on failing shows in each period.
const FAILING_PERIOD_SECONDS: u32 = 300;
/// What failed once is tried again, and nobody needs to know.
const FAILING_PERIODS: u32 = 3;

/// All of them, by their logical ids.
pub(super) fn alarms(definition: &Definition, copy: &Copy, functions: &Functions) -> Vec<(&'static str, Alarm)> {
    let throttled = copy.near().map(|target| ("TargetThrottledAlarm", target_throttled(definition, target)));
    let of_carriers = [
        ("CaptureLateAlarm", capture_late(definition, functions)),
        ("CaptureFailsAlarm", capture_fails(definition, functions)),
        ("ReplayLateAlarm", replay_late(definition, copy)),
        ("ReplayFailsAlarm", replay_fails(definition, functions)),
        ("DeadLettersAlarm", dead_letters(definition, copy)),
    ];
    throttled.into_iter().chain(of_carriers).collect()
}

fn target_throttled(definition: &Definition, target: &TableName) -> Alarm {
    let description = format!(
        "Table {target}, the target of the migration {}, has throttled writes for five minutes. Segue tries again, and changes \
         wait in the queue. Give the table more write units, or make it on demand; or slow the run down: `run throttle RUN \
         --write-units N`.",
        definition.migration
    );
    let throttled = Metric::new("AWS/DynamoDB", "WriteThrottleEvents", "TableName", target.as_str().into());
    any(Figure::sum(throttled, PERIOD_SECONDS), 5, description)
}

/// More than that, as a maximum, in so many minutes in a row.
fn above(metric: Metric, threshold: f64, minutes: u32, description: String) -> Alarm {
    Alarm {
        alarm_description: Some(description),
        threshold: Some(threshold),
        treat_missing_data: Some(MissingData::NotBreaching),
        ..Alarm::new(Figure::maximum(metric, PERIOD_SECONDS), ComparisonOperator::GreaterThan, minutes)
    }
}

fn of_function(functions: &Functions, task: Task, name: &'static str) -> Metric {
    Metric::new("AWS/Lambda", name, "FunctionName", functions.of(task).name().into_text())
}

/// Calls that failed as a whole, or that Lambda didn't make for want of functions that may be at work.
fn failing(functions: &Functions, task: Task) -> Figure {
    Figure::sum_of(["Errors", "Throttles"].map(|name| of_function(functions, task, name)), FAILING_PERIOD_SECONDS)
}

fn capture_late(definition: &Definition, functions: &Functions) -> Alarm {
    let description = format!(
        "Changes of table {} have been captured twelve hours late for a quarter of an hour. The stream keeps them for 24 hours: \
         what is older is lost. At the beginning of a copy that passes, as capture reads first what the stream has from before. \
         Otherwise see the log of CaptureChanges for what holds it up, and `run status RUN` for how far it is behind.",
        definition.source.table
    );
    let age = of_function(functions, Task::CaptureChanges, "IteratorAge");
    above(age, CAPTURE_LATE_MS, CAPTURE_LATE_PERIODS, description)
}

fn capture_fails(definition: &Definition, functions: &Functions) -> Alarm {
    let description = format!(
        "CaptureChanges has failed for a quarter of an hour, or was turned away by the account's limit of functions at work. \
         Changes of table {} wait in its stream, which keeps them for 24 hours: what is older is lost. The function's log has the \
         reason, `run status RUN` says how far it is behind.",
        definition.source.table
    );
    any(failing(functions, Task::CaptureChanges), FAILING_PERIODS, description)
}

fn replay_late(definition: &Definition, copy: &Copy) -> Alarm {
    let description = format!(
        "A change that the migration {} has captured waits for twelve days. The queue keeps it for 14: then it is lost. \
         `run status` says what holds the replay up.",
        definition.migration
    );
    let queue = copy.changes.name().into_text();
    let age = Metric::new("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue);
    above(age, REPLAY_LATE_SECONDS, 1, description)
}

fn replay_fails(definition: &Definition, functions: &Functions) -> Alarm {
    let description = format!(
        "ApplyChanges has failed for a quarter of an hour, or was turned away by the account's limit of functions at work. \
         Changes of the migration {} wait in the queue, which keeps them for 14 days; what fails again and again is put aside, \
         and `run changes RUN` lists it. The function's log has the reason, `run status RUN` says how far the target is behind.",
        definition.migration
    );
    any(failing(functions, Task::ApplyChanges), FAILING_PERIODS, description)
}

fn dead_letters(definition: &Definition, copy: &Copy) -> Alarm {
    let description = format!(
        "Changes could not be applied to the target of the migration {}. `run changes RUN` lists them with their reasons; retry \
         them, or drop them by name. Nothing is cut over before.",
        definition.migration
    );
    let queue = copy.dead_letters.name().into_text();
    let visible = Metric::new("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue);
    above(visible, 0.0, 1, description)
}
