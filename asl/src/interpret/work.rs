//! States that work and may fail: Task, Map and Parallel, with their retries and catchers.

use std::time::Duration;

use serde_json::Value;

use super::{
    EventKind, Failure,
    context::Context,
    flow::{Next, next_of},
    map, parallel,
    run::Detail,
    task,
};
use crate::{ErrorName, Pattern, PayloadTemplate, ResultPath, Retry, Selection, State};

/// Runs a state until it succeeds, is caught, or fails for good.
///
/// Each attempt starts from the state's input. A retrier counts its own retries; the first that matches decides,
/// and when it has none left no later one is asked.
pub(super) async fn run<'a>(
    context: &mut Context<'_>,
    state: &'a State,
    input: Value,
) -> Result<(Value, Next<'a>), Failure> {
    let mut retries = vec![0; state.retriers().len()];
    context.retry_count = Some(0);
    loop {
        if let State::Task(task, _) = state
            && task.resource.kind().pattern() == Pattern::WaitForTaskToken
        {
            context.token = Some(context.run.session.uuid());
        }
        let failure = match attempt(context, state, &input).await {
            Ok(output) => return Ok((output, state.transition().and_then(next_of))),
            Err(failure) => failure,
        };
        let spread = context.run.session.draw(rand::RngExt::random::<f64>);
        let Some(delay) = next_delay(state.retriers(), &mut retries, &failure, spread) else {
            return give_up(context, state, input, failure);
        };
        context.run.interpreter().clock.sleep(delay).await;
        context.retry_count = context.retry_count.map(|count| count + 1);
    }
}

/// The wait before the next attempt, or nothing when there is none.
fn next_delay(retriers: &[Retry], counts: &mut [u32], failure: &Failure, spread: f64) -> Option<Duration> {
    let error = name_of(failure);
    let (retrier, count) = retriers.iter().zip(counts).find(|(retrier, _)| retrier.matches(&error))?;
    *count += 1;
    retrier.delay(*count, spread)
}

fn give_up<'a>(
    context: &Context<'_>,
    state: &'a State,
    input: Value,
    failure: Failure,
) -> Result<(Value, Next<'a>), Failure> {
    let failed = match state {
        State::Map(..) => Some(EventKind::MapStateFailed),
        State::Parallel(..) => Some(EventKind::ParallelStateFailed),
        _ => None,
    };
    if let Some(kind) = failed.filter(|_| !failure.is_runtime()) {
        context.record(kind, Detail::Failure(&failure))?;
    }
    let error = name_of(&failure);
    match state.catchers().iter().find(|catch| catch.matches(&error)) {
        None => Err(failure),
        Some(catch) => {
            let output = context.place(catch.result_path.as_ref(), input, failure.to_output())?;
            Ok((output, Some(&catch.next)))
        }
    }
}

/// The name to match. A failure without one is matched by the wildcards, as any other name would be.
fn name_of(failure: &Failure) -> ErrorName {
    failure.error.clone().unwrap_or(ErrorName::fixed(""))
}

/// The fields that the three kinds have in common.
struct Shape<'a> {
    input_path: Option<&'a Selection>,
    parameters: Option<&'a PayloadTemplate>,
    result_selector: Option<&'a PayloadTemplate>,
    result_path: Option<&'a ResultPath>,
    output_path: Option<&'a Selection>,
}

macro_rules! shape {
    ($state:ident, $parameters:expr) => {
        Shape {
            input_path: $state.input_path.as_ref(),
            parameters: $parameters,
            result_selector: $state.result_selector.as_ref(),
            result_path: $state.result_path.as_ref(),
            output_path: $state.output_path.as_ref(),
        }
    };
}

async fn attempt(context: &Context<'_>, state: &State, input: &Value) -> Result<Value, Failure> {
    let shape = match state {
        State::Task(task, _) => shape!(task, task.parameters.as_ref()),
        State::Parallel(parallel, _) => shape!(parallel, parallel.parameters.as_ref()),
        // The template of a Map is filled once per item.
        State::Map(map, _) => shape!(map, None),
        _ => return Err(context.runtime("the state does no work")),
    };
    let seen = context.select(shape.input_path, input.clone())?;
    let given = match shape.parameters {
        Some(template) => context.fill(template, &seen)?,
        None => seen.clone(),
    };
    let result = match state {
        State::Task(task, _) => task::run(context, task, &seen, given).await?,
        State::Map(map, _) => map::run(context, map, &given).await?,
        State::Parallel(parallel, _) => parallel::run(context, parallel, given).await?,
        _ => given,
    };
    let result = match shape.result_selector {
        Some(template) => context.fill(template, &result)?,
        None => result,
    };
    let output = context.place(shape.result_path, input.clone(), result)?;
    let output = context.select(shape.output_path, output)?;
    context.check_size(&output, context.state)?;
    Ok(output)
}
