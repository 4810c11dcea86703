//! Map: what both modes have in common, above all the settings that a path may name.

use serde_json::Value;

use super::{EventKind, Failure, context::Context, distributed, inline, run::Detail};
use crate::{JsonPath, Map, MaxConcurrency, Mode, number::whole};

/// Runs a Map on `input`, which is what `InputPath` let through.
pub(super) async fn run(context: &Context<'_>, map: &Map, input: &Value) -> Result<Value, Failure> {
    let limit = concurrency(context, map, input)?;
    let result = match map.mode() {
        Mode::Inline => inline::run(context, map, input, limit).await?,
        Mode::Distributed => distributed::run(context, map, input, limit).await?,
    };
    context.record(EventKind::MapStateSucceeded, Detail::Payload(&result))?;
    Ok(result)
}

/// How many children run at once; 0 means as many as the mode allows.
fn concurrency(context: &Context<'_>, map: &Map, input: &Value) -> Result<usize, Failure> {
    let limits = context.run.interpreter().limits;
    let most = match map.mode() {
        Mode::Inline => limits.inline_concurrency,
        Mode::Distributed => limits.distributed_concurrency,
    };
    let wanted = match &map.max_concurrency {
        MaxConcurrency::Unset => 0,
        MaxConcurrency::Fixed(limit) => (*context.literal("MaxConcurrency", limit)?).into(),
        MaxConcurrency::Path(path) => whole_at(context, "MaxConcurrency", path, input)?,
    };
    match usize::try_from(wanted) {
        Ok(0) => Ok(most.max(1)),
        Ok(wanted) => Ok(wanted.min(most.max(1))),
        Err(_) => {
            let expected = "Expected non-negative integer for MaxConcurrency";
            Err(context.runtime(format!("{expected}, got '{wanted}' instead.")))
        }
    }
}

/// The whole number that the path form of a setting finds.
pub(super) fn whole_at(context: &Context<'_>, field: &str, path: &JsonPath, input: &Value) -> Result<i64, Failure> {
    let value = context.follow(path.as_str(), input)?;
    whole(&value).ok_or_else(|| mistyped(context, field, path, &value, "integer"))
}

/// A setting's path found something else than a number.
pub(super) fn mistyped(context: &Context<'_>, field: &str, path: &JsonPath, value: &Value, expected: &str) -> Failure {
    let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let what = format!("The {field}Path field refers to value \"{found}\" which is not a valid {expected}");
    context.runtime(format!("{what}: {path}"))
}
