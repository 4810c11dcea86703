//! Inline Map: iterations within the execution, as many at once as `MaxConcurrency` allows.
//!
//! The first failure ends the state: no iteration starts after it, and those in flight are dropped where they stand.

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::{
    EventKind, Failure,
    context::Context,
    flow,
    items::{Item, from_input, input_of},
};
use crate::Map;

pub(super) async fn run(context: &Context<'_>, map: &Map, input: &Value, limit: usize) -> Result<Value, Failure> {
    let items = from_input(context, map, input)?;
    let run = context.run;
    run.emit(EventKind::MapStateStarted, Some(context.state), None, None);
    let mut results = vec![Value::Null; items.len()];
    let mut waiting = items.into_iter().enumerate().map(|(index, value)| Item { index, value });
    let mut running = FuturesUnordered::new();
    loop {
        running.extend(waiting.by_ref().take(limit - running.len()).map(|item| iterate(context, map, input, item)));
        match running.next().await {
            None => return Ok(Value::Array(results)),
            Some((index, Ok(output))) => results[index] = output,
            Some((_, Err(failure))) => {
                for _ in 0..running.len() {
                    run.emit(EventKind::MapIterationAborted, Some(context.state), None, None);
                }
                return Err(failure);
            }
        }
    }
}

async fn iterate(context: &Context<'_>, map: &Map, input: &Value, item: Item) -> (usize, Result<Value, Failure>) {
    let (run, state) = (context.run, Some(context.state));
    run.emit(EventKind::MapIterationStarted, state, None, None);
    let result = match input_of(context, map, input, &item) {
        Ok(given) => flow::run(run, &map.processor().flow, given, Some(&item)).await,
        Err(failure) => Err(failure),
    };
    match &result {
        Ok(output) => drop(run.emit(EventKind::MapIterationSucceeded, state, Some(output), None)),
        // What nothing can catch ends the execution, not the iteration.
        Err(failure) if failure.is_runtime() => {}
        Err(failure) => drop(run.emit(EventKind::MapIterationFailed, state, None, Some(failure))),
    }
    (item.index, result)
}
