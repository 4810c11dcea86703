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
    run::Detail,
};
use crate::Map;

pub(super) async fn run(context: &Context<'_>, map: &Map, input: &Value, limit: usize) -> Result<Value, Failure> {
    let items = from_input(context, map, input)?;
    context.record(EventKind::MapStateStarted, Detail::None)?;
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
                    context.record(EventKind::MapIterationAborted, Detail::None)?;
                }
                return Err(failure);
            }
        }
    }
}

async fn iterate(context: &Context<'_>, map: &Map, input: &Value, item: Item) -> (usize, Result<Value, Failure>) {
    let result = match work(context, map, input, &item).await {
        // What nothing can catch ends the execution, not the iteration.
        Err(failure) if !failure.is_runtime() => {
            context.record(EventKind::MapIterationFailed, Detail::Failure(&failure)).and(Err(failure))
        }
        result => result,
    };
    (item.index, result)
}

async fn work(context: &Context<'_>, map: &Map, input: &Value, item: &Item) -> Result<Value, Failure> {
    context.record(EventKind::MapIterationStarted, Detail::None)?;
    let given = input_of(context, map, input, item)?;
    let output = flow::run(context.run, &map.processor().flow, given, Some(item)).await?;
    context.record(EventKind::MapIterationSucceeded, Detail::Payload(&output))?;
    Ok(output)
}
