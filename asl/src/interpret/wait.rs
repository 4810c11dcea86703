//! Wait: the clock decides when the state is left.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Failure, context::Context};
use crate::{Wait, WaitFor, number::whole};

/// The longest wait: AWS refuses more than 2^31 - 1 seconds.
const MAX_SECONDS: u64 = i32::MAX as u64;

pub(super) async fn run(context: &Context<'_>, state: &Wait, input: Value) -> Result<Value, Failure> {
    let seen = context.select(state.input_path.as_ref(), input)?;
    let duration = match &state.duration {
        WaitFor::Seconds(seconds) => Duration::from_secs((*context.literal("Seconds", seconds)?).into()),
        WaitFor::SecondsPath(path) => seconds(context, path.as_str(), &seen)?,
        WaitFor::Timestamp(text) => {
            let at = parse_timestamp(text);
            until(context, at.ok_or_else(|| context.runtime(format!("Not a timestamp: {text}")))?)
        }
        WaitFor::TimestampPath(path) => until(context, time(context, path.as_str(), &seen)?),
    };
    if duration.as_secs() > MAX_SECONDS {
        return Err(context.runtime("Wait state delay is too long."));
    }
    context.run.interpreter().clock.sleep(duration).await;
    context.select(state.output_path.as_ref(), seen)
}

fn seconds(context: &Context<'_>, path: &str, input: &Value) -> Result<Duration, Failure> {
    let value = referenced(context, "SecondsPath", path, input)?;
    let seconds = whole(&value).ok_or_else(|| {
        context.runtime(format!("The SecondsPath parameter cannot be parsed as a long value: {path} == {value}"))
    })?;
    u64::try_from(seconds).map(Duration::from_secs).map_err(|_| {
        context.runtime(format!("The SecondsPath parameter references a negative value: {path} == {value}"))
    })
}

fn time(context: &Context<'_>, path: &str, input: &Value) -> Result<Timestamp, Failure> {
    let value = referenced(context, "TimestampPath", path, input)?;
    value.as_str().and_then(parse_timestamp).ok_or_else(|| {
        let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let expected = "a valid ISO-8601 extended offset date-time format string";
        context.runtime(format!("The TimestampPath parameter does not reference {expected}: {path} == {found}"))
    })
}

fn referenced(context: &Context<'_>, field: &str, path: &str, input: &Value) -> Result<Value, Failure> {
    let found = context.find(path, input)?;
    found.ok_or_else(|| context.runtime(format!("The {field} parameter does not reference an input value: {path}")))
}

/// A time that has passed is not waited for.
fn until(context: &Context<'_>, at: Timestamp) -> Duration {
    let left = at.duration_since(context.run.interpreter().clock.now());
    Duration::try_from(left).unwrap_or_default()
}

/// Whether a text is a time that AWS takes.
pub(crate) fn is_timestamp(text: &str) -> bool {
    parse_timestamp(text).is_some()
}

/// A time as RFC 3339 writes it, with `T` and an offset or `Z` in capitals, as AWS demands.
pub(super) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let shaped = text.as_bytes().get(10) == Some(&b'T') && !text.contains(['[', 'z', 't', ' ']);
    shaped.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_date_a_time_and_an_offset() {
        for text in ["2012-10-09T19:00:55Z", "2012-10-09T19:00:55.123+01:00"] {
            assert!(parse_timestamp(text).is_some(), "{text}");
        }
        for text in ["2012-10-09T19:00:55", "2023-02-24", "2016-13-05T21:29:29Z", "2012-10-09 19:00:55Z", ""] {
            assert!(parse_timestamp(text).is_none(), "{text}");
        }
    }
}
