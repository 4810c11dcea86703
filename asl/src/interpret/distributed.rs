//! Distributed Map: a Map Run with child executions, as many at once as `MaxConcurrency` allows.
//!
//! Memory is held for the children that run, and for the results that the output needs: with a ResultWriter none
//! beyond a buffer, without one at most as many bytes as a payload may have. When more items have failed than is
//! tolerated, no new child is started, and those in flight are dropped where they stand; what their tasks have
//! already done stays done. A ResultWriter then still writes what had ended before.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    EventKind, Failure, Outcome,
    context::{Context, size},
    items::{Child, Children, from_input},
    map::{mistyped, whole_at},
    reader,
    results::Results,
    run::{Detail, Machine, Run},
};
use crate::{ErrorName, ExecutionType, Map, ToleratedFailureCount, ToleratedFailurePercentage};

/// Express executions end after five minutes:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const EXPRESS_LIMIT: Duration = Duration::from_secs(5 * 60);

pub(super) async fn run(context: &Context<'_>, map: &Map, input: &Value, limit: usize) -> Result<Value, Failure> {
    context.record(EventKind::MapStateStarted, Detail::None)?;
    let tolerance = Tolerance::new(context, map, input)?;
    context.record(EventKind::MapRunStarted, Detail::None)?;
    let result = MapRun::new(context, map).work(input, limit, tolerance).await;
    match &result {
        Ok(_) => context.record(EventKind::MapRunSucceeded, Detail::None)?,
        Err(failure) => context.record(EventKind::MapRunFailed, Detail::Failure(failure))?,
    }
    result
}

/// A child that has ended.
pub(super) struct Ended {
    pub(super) index: usize,
    pub(super) items: usize,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) input: Value,
    pub(super) outcome: Outcome,
    pub(super) started: Timestamp,
    pub(super) stopped: Timestamp,
}

/// The run of one Map state.
pub(super) struct MapRun<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) map: &'a Map,
    /// The machine of its children: `Machine/Label`.
    pub(super) machine: String,
    pub(super) id: String,
}

impl<'a> MapRun<'a> {
    fn new(context: &'a Context<'a>, map: &'a Map) -> Self {
        let label = map.label.as_deref().unwrap_or(context.state);
        let machine = format!("{}/{label}", context.run.machine.name);
        Self { context, map, machine, id: context.run.session.uuid() }
    }

    pub(super) fn arn(&self) -> String {
        self.context.run.session.arn(&format!("mapRun:{}:{}", self.machine, self.id))
    }

    async fn work(&self, input: &Value, limit: usize, tolerance: Tolerance) -> Result<Value, Failure> {
        let Self { context, map, .. } = *self;
        let items = match &map.item_reader {
            Some(reader) => reader::read(context, reader, input).await?,
            None => from_input(context, map, input)?,
        };
        let total = items.len();
        let mut results = Results::open(self, input)?;
        let mut children = Children::new(context, map, input, items)?.enumerate();
        let mut running = FuturesUnordered::new();
        let mut failed = 0;
        loop {
            while running.len() < limit
                && let Some((index, child)) = children.next()
            {
                running.push(self.execute(index, child?));
            }
            let Some(ended) = running.next().await else { break };
            if !matches!(ended.outcome, Outcome::Succeeded(_)) {
                failed += ended.items;
            }
            results.add(ended).await?;
            if !tolerance.allows(failed, total) {
                drop(running);
                results.finish(self).await?;
                let cause = "The specified tolerated failure threshold was exceeded";
                return Err(Failure::new(ErrorName::EXCEED_TOLERATED_FAILURE_THRESHOLD, cause));
            }
        }
        results.finish(self).await
    }

    async fn execute(&self, index: usize, child: Child) -> Ended {
        let session = self.context.run.session;
        let name = session.uuid();
        let id = session.arn(&format!("execution:{}:{name}", self.machine));
        let machine =
            Machine { id: session.arn(&format!("stateMachine:{}", self.machine)), name: self.machine.clone() };
        let kind = self.map.execution_type().unwrap_or_default();
        let limit = (kind == ExecutionType::Express).then_some(EXPRESS_LIMIT);
        let run = Run::new(session, id.clone(), name, machine, child.input, kind);
        let outcome = run.to_end(&self.map.processor().flow, limit).await;
        let stopped = session.interpreter.clock.now();
        let Run { name, input, started, .. } = run;
        Ended { index, items: child.items, id, name, input, outcome, started, stopped }
    }
}

/// How many items may fail. Failed and timed-out children count, each with all of its items.
struct Tolerance {
    count: Option<usize>,
    percentage: Option<f64>,
}

impl Tolerance {
    fn new(context: &Context<'_>, map: &Map, input: &Value) -> Result<Self, Failure> {
        let count = match &map.tolerated_failure_count {
            ToleratedFailureCount::Unset => None,
            ToleratedFailureCount::Fixed(count) => Some((*context.literal("ToleratedFailureCount", count)?).into()),
            ToleratedFailureCount::Path(path) => Some(whole_at(context, "ToleratedFailureCount", path, input)?),
        };
        let count = count.map(usize::try_from).transpose();
        let percentage = match &map.tolerated_failure_percentage {
            ToleratedFailurePercentage::Unset => None,
            ToleratedFailurePercentage::Fixed(percentage) => {
                context.literal("ToleratedFailurePercentage", percentage)?.as_f64()
            }
            ToleratedFailurePercentage::Path(path) => {
                let field = "ToleratedFailurePercentage";
                let value = context.follow(path.as_str(), input)?;
                Some(value.as_f64().ok_or_else(|| mistyped(context, field, path, &value, "float"))?)
            }
        };
        if percentage.is_some_and(|percentage| !(0.0..=100.0).contains(&percentage)) {
            return Err(context.runtime("ToleratedFailurePercentage must be between 0 and 100."));
        }
        let count = count.map_err(|_| context.runtime("ToleratedFailureCount cannot be negative."))?;
        Ok(Self { count, percentage })
    }

    /// Where both bounds are set, the lower one counts; where none is, no failure is tolerated.
    fn allows(&self, failed: usize, total: usize) -> bool {
        match (self.count, self.percentage) {
            (None, None) => failed == 0,
            (count, percentage) => {
                count.is_none_or(|count| failed <= count)
                    && percentage.is_none_or(|percentage| failed as f64 * 100.0 <= percentage * total as f64)
            }
        }
    }
}

/// The outputs of children, while all of them together fit a payload.
#[derive(Default)]
pub(super) struct Outputs {
    found: Vec<(usize, Value)>,
    bytes: usize,
}

impl Outputs {
    pub(super) fn add(&mut self, index: usize, output: Value, most_bytes: usize) {
        self.bytes += size(&output) + 1;
        match self.bytes <= most_bytes {
            true => self.found.push((index, output)),
            false => self.found.clear(),
        }
    }

    /// The outputs in the order of the items; those of failed children are not among them.
    pub(super) fn finish(mut self, context: &Context<'_>, most_bytes: usize) -> Result<Value, Failure> {
        if self.bytes > most_bytes {
            let cause = format!(
                "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
                context.state
            );
            return Err(Failure::new(ErrorName::DATA_LIMIT_EXCEEDED, cause));
        }
        self.found.sort_unstable_by_key(|(index, _)| *index);
        Ok(self.found.into_iter().map(|(_, output)| output).collect())
    }
}

/// What the output of a Map state with a ResultWriter is.
pub(super) fn written(map_run_arn: String, bucket: &str, key: &str) -> Value {
    json!({ "MapRunArn": map_run_arn, "ResultWriterDetails": { "Bucket": bucket, "Key": key } })
}

#[cfg(test)]
mod tests {
    use super::Tolerance;

    #[test]
    fn the_lower_of_two_bounds_counts() {
        let allows = |count, percentage, failed| Tolerance { count, percentage }.allows(failed, 10);
        assert!(allows(None, None, 0) && !allows(None, None, 1));
        assert!(allows(Some(2), None, 2) && !allows(Some(2), None, 3));
        assert!(allows(None, Some(25.0), 2) && !allows(None, Some(25.0), 3));
        assert!(allows(None, Some(100.0), 10) && allows(Some(0), Some(50.0), 0));
        assert!(!allows(Some(1), Some(50.0), 2) && !allows(Some(5), Some(10.0), 2));
    }
}
