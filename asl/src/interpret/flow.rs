//! From state to state, until a flow ends.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    EventKind, Failure, choice,
    context::Context,
    items::Item,
    run::{Detail, Run},
    wait, work,
};
use crate::{ErrorName, Fail, FailCause, FailError, Flow, Pass, Selection, State, StateName, Transition};

/// Runs a flow and yields its output. `item` is that of the inline Map around it.
pub(super) fn run<'a>(
    run: &'a Run<'a>,
    flow: &'a Flow,
    input: Value,
    item: Option<&'a Item>,
) -> BoxFuture<'a, Result<Value, Failure>> {
    Box::pin(async move {
        let (mut name, mut value) = (&flow.start_at, input);
        loop {
            // A loop of states that never wait would otherwise keep its thread from everything else.
            tokio::task::coop::consume_budget().await;
            let state = flow
                .states
                .get(name.as_str())
                .ok_or_else(|| Failure::new(ErrorName::RUNTIME, format!("the machine has no state '{name}'")))?;
            let (output, next) = execute(run, name.as_str(), state, value, item).await?;
            value = output;
            match next {
                Some(next) => name = next,
                None => return Ok(value),
            }
        }
    })
}

/// Where a state leads: to another state, or to the end.
pub(super) type Next<'a> = Option<&'a StateName>;

pub(super) fn next_of(transition: &Transition) -> Next<'_> {
    match transition {
        Transition::Next(name) => Some(name),
        Transition::End => None,
    }
}

async fn execute<'a>(
    run: &'a Run<'a>,
    name: &'a str,
    state: &'a State,
    input: Value,
    item: Option<&'a Item>,
) -> Result<(Value, Next<'a>), Failure> {
    let entered_event = run.record(EventKind::StateEntered(state.kind()), name, Detail::Payload(&input))?;
    let entered_at = run.interpreter().clock.now();
    let mut context = Context { run, state: name, entered_event, entered_at, retry_count: None, token: None, item };
    let (output, next) = match state {
        State::Pass(state, to) => (pass(&context, state, input)?, next_of(to)),
        State::Succeed(state) => {
            let paths = (state.input_path.as_ref(), state.output_path.as_ref());
            (through(&context, paths, input)?, None)
        }
        State::Wait(state, to) => (wait::run(&context, state, input).await?, next_of(to)),
        State::Choice(state) => {
            let paths = (state.input_path.as_ref(), state.output_path.as_ref());
            let next = choice::next(&context, state, &context.select(paths.0, input.clone())?)?;
            (through(&context, paths, input)?, Some(next))
        }
        State::Fail(state) => return Err(fail(&context, state, &input)?),
        State::Malformed(state) => return Err(context.runtime(&state.reason)),
        State::Task(..) | State::Map(..) | State::Parallel(..) => work::run(&mut context, state, input).await?,
    };
    context.check_size(&output, name)?;
    run.record(EventKind::StateExited(state.kind()), name, Detail::Payload(&output))?;
    Ok((output, next))
}

fn through(
    context: &Context<'_>,
    (input, output): (Option<&Selection>, Option<&Selection>),
    value: Value,
) -> Result<Value, Failure> {
    context.select(output, context.select(input, value)?)
}

fn pass(context: &Context<'_>, state: &Pass, input: Value) -> Result<Value, Failure> {
    let seen = context.select(state.input_path.as_ref(), input.clone())?;
    let result = match (&state.result, &state.parameters) {
        (Some(result), _) => result.clone(),
        (None, Some(template)) => context.fill(template, &seen)?,
        (None, None) => seen,
    };
    let output = context.place(state.result_path.as_ref(), input, result)?;
    context.select(state.output_path.as_ref(), output)
}

fn fail(context: &Context<'_>, state: &Fail, input: &Value) -> Result<Failure, Failure> {
    let text = |field: &str, path: &str| match context.look(field, path, input)? {
        Value::String(text) => Ok(text),
        _ => Err(context.runtime(format!("The {field} field does not refer to a string: {path}"))),
    };
    let error = match &state.error {
        FailError::Unset => None,
        FailError::Fixed(error) => Some(error.clone()),
        FailError::Path(path) => Some(text("ErrorPath", path.as_str())?),
    };
    let cause = match &state.cause {
        FailCause::Unset => None,
        FailCause::Fixed(cause) => Some(cause.clone()),
        FailCause::Path(path) => Some(text("CausePath", path.as_str())?),
    };
    Ok(Failure { error: error.map(Into::into), cause })
}
