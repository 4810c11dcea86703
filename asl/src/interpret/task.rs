//! Task: the call, its clocks, and the events that AWS would record.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Call, EventKind, Failure, Heartbeat, TaskCall, clock::within, context::Context, run::Detail};
use crate::{ErrorName, JsonPath, Pattern, ResourceKind, Task, Timeout, number::whole};

/// Runs a task. `seen` is what `InputPath` let through, `given` what `Parameters` made of it.
pub(super) async fn run(context: &Context<'_>, task: &Task, seen: &Value, given: Value) -> Result<Value, Failure> {
    let timeout = seconds(context, "TimeoutSecondsPath", &task.timeout, seen)?;
    let heartbeat = match &task.heartbeat {
        crate::Heartbeat::Unset => None,
        crate::Heartbeat::Fixed(seconds) => {
            Some(Duration::from_secs((*context.literal("HeartbeatSeconds", seconds)?).into()))
        }
        crate::Heartbeat::Path(path) => Some(seconds_at(context, "HeartbeatSecondsPath", path, seen)?),
    };
    let kind = task.resource.kind();
    let events = Events::of(&kind);
    context.record(events.scheduled, Detail::Payload(&given))?;
    context.record(events.started, Detail::None)?;
    // Only those who hold a token, or poll an activity, can send a heartbeat.
    let beats = kind.pattern() == Pattern::WaitForTaskToken || matches!(kind, ResourceKind::Activity(_));
    let result = match call(context, task, &kind, given) {
        Ok(call) => answer(context, call, timeout, heartbeat.filter(|_| beats)).await,
        Err(failure) => Err(failure),
    };
    if kind.pattern() != Pattern::RequestResponse {
        context.record(EventKind::TaskSubmitted, Detail::None)?;
    }
    let result = result.and_then(|answer| {
        context.check_size(&answer, producer(&kind))?;
        Ok(wrap(context, &kind, answer))
    });
    match &result {
        Ok(value) => context.record(events.succeeded, Detail::Payload(value))?,
        Err(failure) if is_timeout(failure) => context.record(events.timed_out, Detail::Failure(failure))?,
        Err(failure) => context.record(events.failed, Detail::Failure(failure))?,
    };
    result
}

fn is_timeout(failure: &Failure) -> bool {
    failure.cause.is_none() && [Some(ErrorName::TIMEOUT), Some(ErrorName::HEARTBEAT_TIMEOUT)].contains(&failure.error)
}

fn seconds(context: &Context<'_>, field: &str, timeout: &Timeout, input: &Value) -> Result<Option<Duration>, Failure> {
    match timeout {
        Timeout::Unset => Ok(None),
        Timeout::Fixed(seconds) => Ok(Some(Duration::from_secs((*context.literal("TimeoutSeconds", seconds)?).into()))),
        Timeout::Path(path) => seconds_at(context, field, path, input).map(Some),
    }
}

fn seconds_at(context: &Context<'_>, field: &str, path: &JsonPath, input: &Value) -> Result<Duration, Failure> {
    let value = context.follow(path.as_str(), input)?;
    let seconds = whole(&value).and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        context.runtime(format!("The {field} field refers to value \"{value}\" which is not a valid integer: {path}"))
    })
}

/// What AWS records of a task, which for a Lambda ARN has names of its own.
struct Events {
    scheduled: EventKind,
    started: EventKind,
    succeeded: EventKind,
    failed: EventKind,
    timed_out: EventKind,
}

impl Events {
    fn of(kind: &ResourceKind<'_>) -> Self {
        match kind {
            ResourceKind::LambdaFunction(_) => Self {
                scheduled: EventKind::LambdaFunctionScheduled,
                started: EventKind::LambdaFunctionStarted,
                succeeded: EventKind::LambdaFunctionSucceeded,
                failed: EventKind::LambdaFunctionFailed,
                timed_out: EventKind::LambdaFunctionTimedOut,
            },
            _ => Self {
                scheduled: EventKind::TaskScheduled,
                started: EventKind::TaskStarted,
                succeeded: EventKind::TaskSucceeded,
                failed: EventKind::TaskFailed,
                timed_out: EventKind::TaskTimedOut,
            },
        }
    }
}

fn call(context: &Context<'_>, task: &Task, kind: &ResourceKind<'_>, given: Value) -> Result<TaskCall, Failure> {
    let call = match kind {
        ResourceKind::LambdaFunction(arn) => Call::Lambda { function: (*arn).to_owned(), payload: given },
        ResourceKind::LambdaInvoke(_) => invocation(given)?,
        _ => Call::Service { resource: task.resource.clone(), parameters: given },
    };
    Ok(TaskCall {
        execution: context.run.id.clone(),
        state: context.state.into(),
        retry_count: context.retry_count.unwrap_or_default(),
        call,
        token: context.token.clone(),
        heartbeat: Heartbeat::default(),
    })
}

/// The call that the parameters of `lambda:invoke` ask for. A payload that is a text is the event's JSON itself.
fn invocation(mut given: Value) -> Result<Call, Failure> {
    let refused = |cause: &str| Failure::new(ErrorName::fixed("Lambda.InvalidRequestContentException"), cause);
    let Some(Value::String(function)) = given.get_mut("FunctionName").map(Value::take) else {
        return Err(refused("FunctionName must be a string"));
    };
    let payload = match given.get_mut("Payload").map(Value::take) {
        None | Some(Value::Null) => json!({}),
        Some(Value::String(text)) => {
            serde_json::from_str(&text).map_err(|_| refused("Could not parse request body into json"))?
        }
        Some(payload) => payload,
    };
    Ok(Call::Lambda { function, payload })
}

async fn answer(
    context: &Context<'_>,
    call: TaskCall,
    timeout: Option<Duration>,
    heartbeat: Option<Duration>,
) -> Result<Value, Failure> {
    let interpreter = context.run.interpreter();
    let clock = interpreter.clock.as_ref();
    let beats = call.heartbeat.clone();
    let silence = async {
        // Ends when no beat comes in time; without a bound, never.
        while within(clock, heartbeat, beats.beaten()).await.is_some() {}
    };
    let work = std::pin::pin!(interpreter.tasks.run(call));
    let silence = std::pin::pin!(silence);
    let timed_out = |error| Failure { error: Some(error), cause: None };
    match within(clock, timeout, futures_util::future::select(work, silence)).await {
        None => Err(timed_out(ErrorName::TIMEOUT)),
        Some(futures_util::future::Either::Left((result, _))) => result.map_err(Failure::from),
        Some(futures_util::future::Either::Right(_)) => Err(timed_out(ErrorName::HEARTBEAT_TIMEOUT)),
    }
}

/// What AWS calls the producer of a result that is too large.
fn producer<'t>(kind: &ResourceKind<'t>) -> &'t str {
    match kind {
        ResourceKind::LambdaFunction(arn) => arn,
        ResourceKind::LambdaInvoke(_) => "lambda",
        ResourceKind::AwsSdk { service, .. } | ResourceKind::Integration { service, .. } => service,
        ResourceKind::Activity(text) | ResourceKind::Other(text) => text,
    }
}

/// `lambda:invoke` yields the whole response of the Invoke API.
fn wrap(context: &Context<'_>, kind: &ResourceKind<'_>, answer: Value) -> Value {
    match kind {
        ResourceKind::LambdaInvoke(Pattern::RequestResponse) => json!({
            "ExecutedVersion": "$LATEST",
            "Payload": answer,
            "SdkHttpMetadata": { "HttpStatusCode": 200 },
            "SdkResponseMetadata": { "RequestId": context.run.session.uuid() },
            "StatusCode": 200,
        }),
        _ => answer,
    }
}
