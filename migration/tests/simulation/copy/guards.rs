//! The guards that only copies have, taken away one at a time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use embedded::{FunctionError, Hazards as OfInvocations};
use migration::Task;
use serde_json::{Value, json};

use super::Scenario;
use super::world::TARGET;
use crate::model::Promise;
use crate::sabotage::{Passage, strip_condition};
use crate::scenario::{Hazards, Scenario as Common};

/// A guard that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Capture begins when the bulk is over (R13).
    CaptureFirst,
    /// Changes of one item are in groups of their own (R14).
    Groups,
    /// What was sent once isn't sent again, whichever change it belongs to (R14).
    EventIds,
    /// Deletes are no changes (R15).
    Removes,
    /// Nobody looks where an image was before (R15).
    OldPlaces,
    /// Nobody waits for workers of the bulk that may be alive (R14).
    Quiet,
    /// Changes of one item are applied in another order (R14).
    Order,
    /// A function's failures are not reported (R16).
    Reports,
    /// Of a batch of the stream the last record that isn't in the queue is reported, not the first (R16).
    Lowest,
    /// Of changes that could not be applied the first is reported, and not those that had to wait for it (R16).
    Followers,
    /// What the queue didn't take counts as sent (R16).
    Refusals,
    /// An image is put wherever it belongs, and deleted whosever it is.
    Origins,
    /// Whoever cuts over doesn't see what the application has changed last (R17).
    Tail,
    /// Nobody waits until the target is in step before the two tables are compared.
    InStep,
}

impl Guard {
    pub(crate) const ALL: [Self; 14] = [
        Self::CaptureFirst,
        Self::Groups,
        Self::EventIds,
        Self::Removes,
        Self::OldPlaces,
        Self::Quiet,
        Self::Order,
        Self::Reports,
        Self::Lowest,
        Self::Followers,
        Self::Refusals,
        Self::Origins,
        Self::Tail,
        Self::InStep,
    ];

    /// The promises that nobody can keep without the guard: each of them has to be found broken.
    pub(crate) fn breaks(self) -> &'static [Promise] {
        match self {
            Self::Removes | Self::OldPlaces => &[Promise::Ghosts],
            Self::Origins => &[Promise::Images, Promise::Books],
            Self::InStep => &[Promise::Ends],
            Self::Quiet | Self::Order | Self::Lowest | Self::Followers | Self::Tail => &[Promise::Images],
            _ => &[Promise::Images, Promise::Ghosts],
        }
    }

    /// The scenario in which what the guard is against happens more often than by chance.
    pub(crate) fn provoke(self, scenario: Scenario) -> Scenario {
        match self {
            Self::Quiet => provoke_late_workers(scenario),
            Self::Tail => provoke_late_changes(scenario),
            _ => scenario,
        }
    }

    /// What a task answers that isn't run at all.
    pub(crate) fn instead_of(self, task: Task) -> Option<Value> {
        let is_left_out =
            matches!((self, task), (Self::CaptureFirst, Task::StartCapture) | (Self::InStep, Task::CheckSync));
        is_left_out.then(|| json!({ "ready": true, "wait_seconds": 1 }))
    }

    /// The task that is run before another, and wasn't when its time was.
    pub(crate) fn ahead_of(self, task: Task) -> Option<Task> {
        (self == Self::CaptureFirst && task == Task::EndBulk).then_some(Task::StartCapture)
    }

    /// What it does to a request.
    pub(crate) fn before(self, passage: &mut Passage<'_>) {
        let Passage { task, operation, body } = passage;
        match self {
            Self::CaptureFirst if body["StartingPosition"].is_string() => body["StartingPosition"] = json!("LATEST"),
            Self::Origins if body["TableName"] == TARGET && *task != Task::Prepare => strip_condition(body),
            Self::Quiet if *task == Task::EndBulk && *operation == "Query" => {
                let prefix = &mut body["ExpressionAttributeValues"][":prefix"];
                if prefix["S"] == "worker#" {
                    *prefix = json!({ "S": "nobody" });
                }
            }
            _ if *operation == "SendMessageBatch" => {
                body["Entries"].as_array_mut().into_iter().flatten().for_each(|entry| self.meddle(entry));
            }
            _ => {}
        }
    }

    /// What it does to a message.
    fn meddle(self, entry: &mut Value) {
        let mut change: Value =
            serde_json::from_str(entry["MessageBody"].as_str().unwrap_or_default()).unwrap_or_default();
        let images = &mut change["what"]["images"];
        match self {
            Self::Groups => entry["MessageGroupId"] = entry["MessageDeduplicationId"].clone(),
            Self::EventIds => {
                let mut hasher = DefaultHasher::new();
                images.sort_all_objects();
                (entry["MessageGroupId"].as_str(), images.to_string()).hash(&mut hasher);
                entry["MessageDeduplicationId"] = json!(hasher.finish().to_string());
            }
            // What is of another run is let go.
            Self::Removes if images.get("new").is_none() => change["run"] = json!("another"),
            Self::OldPlaces if images.get("new").is_some() => {
                images.as_object_mut().map(|images| images.remove("old"));
            }
            _ => return,
        }
        entry["MessageBody"] = json!(change.to_string());
    }

    /// What it makes of an answer; nothing where it leaves it.
    pub(crate) fn after(self, passage: &Passage<'_>, answer: &HttpResponse) -> Option<Value> {
        match (self, passage.operation) {
            (Self::Refusals, "SendMessageBatch") => all_taken(answer),
            (Self::Tail, "GetRecords") => {
                let mut body: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
                body["Records"] = json!([]);
                Some(body)
            }
            _ => None,
        }
    }

    /// What it makes of what a mapping hands to its function.
    pub(crate) fn event(self, task: Task, mut event: Value) -> Value {
        if (self, task) == (Self::Order, Task::ApplyChanges)
            && let Some(records) = event["Records"].as_array_mut()
        {
            records.reverse();
        }
        event
    }

    /// What it makes of a function's answer to its mapping, which has handed it `event`.
    pub(crate) fn answer(
        self,
        task: Task,
        event: &Value,
        answer: Result<Value, FunctionError>,
    ) -> Result<Value, FunctionError> {
        let failures = |answer: &Value| answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
        match (self, task, answer) {
            (Self::Reports, ..) => Ok(json!({})),
            (Self::Lowest, Task::CaptureChanges, Ok(answer)) if !failures(&answer).is_empty() => {
                let last = event["Records"].as_array().and_then(|records| records.last());
                let last = last.map(|record| record["dynamodb"]["SequenceNumber"].clone());
                Ok(json!({ "batchItemFailures": [{ "itemIdentifier": last }] }))
            }
            (Self::Followers, Task::ApplyChanges, Ok(answer)) => {
                Ok(json!({ "batchItemFailures": failures(&answer).into_iter().take(1).collect::<Vec<_>>() }))
            }
            (.., answer) => answer,
        }
    }
}

/// Of two workers that do the same one is late, and meets changes that are applied as soon as the bulk is over.
fn provoke_late_workers(scenario: Scenario) -> Scenario {
    let Scenario { common, .. } = scenario;
    let hazards = Hazards { slow: 0.5, doubled: 0.8, dies: 0.0, asked: 0.0, expires: 0.0, ..common.hazards };
    let common = Common { hazards, prewarm: "false".into(), update_takes: Duration::ZERO, ..common };
    Scenario { common, mapping_takes: Duration::ZERO, ..scenario }
}

/// It is cut over, and what was written last comes when nobody expects it any more: whoever cuts over is far away, and needs
/// minutes for a look.
fn provoke_late_changes(scenario: Scenario) -> Scenario {
    let after = Duration::from_secs(1)..=Duration::from_secs(1_500);
    let misfortunes_at_the_end = OfInvocations { late: 0.5, after, ..scenario.misfortunes_at_the_end };
    Scenario { is_cut_over: !scenario.has_twins, misfortunes_at_the_end, ..scenario }
}

/// An answer to a batch of messages that says that all of them were taken.
fn all_taken(answer: &HttpResponse) -> Option<Value> {
    let mut body: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
    let failed = body["Failed"].as_array_mut()?;
    let taken: Vec<Value> = failed
        .drain(..)
        .map(|entry| json!({ "Id": entry["Id"], "MessageId": "none", "MD5OfMessageBody": "" }))
        .collect();
    body["Successful"].as_array_mut()?.extend(taken);
    Some(body)
}
