//! One state by itself.

use serde_json::Value;

use super::{MAX_SECONDS, ProblemKind, Report, SECONDS, fields, map, out_of_bounds, paths, retry};
use crate::{
    Choice, Comparison, Fail, FailCause, FailError, Heartbeat, JsonPath, Literal, Operand, ResourceKind, Rule, State,
    Task, Test, Timeout, WaitFor, interpret::is_timestamp,
};

/// `jsonata` says in what the machine is written; a state may say otherwise.
pub(super) fn check(state: &State, jsonata: bool, report: Report<'_>) {
    if let State::Malformed(state) = state {
        return report(ProblemKind::Malformed(state.reason.clone()));
    }
    fields::check(state, report);
    retry::retriers(state.retriers(), report);
    retry::catchers(state.catchers(), report);
    let jsonata = match state.extra().get("QueryLanguage").and_then(Value::as_str) {
        Some(language) => language == "JSONata",
        None => jsonata,
    };
    match state {
        State::Task(state, _) => task(state, report),
        State::Choice(state) if state.choices.is_empty() => report(ProblemKind::Empty("Choices")),
        State::Parallel(state, _) if state.branches.is_empty() => report(ProblemKind::Empty("Branches")),
        State::Wait(state, _) => wait(&state.duration, report),
        State::Map(state, _) => map::check(state, report),
        _ => {}
    }
    // What JSONata writes in place of paths is not checked.
    if !jsonata {
        check_paths(state, report);
    }
}

fn task(task: &Task, report: Report<'_>) {
    if task.resource.as_str() == Some("") {
        report(ProblemKind::Missing("a Resource"));
    }
    let parameters = task.parameters.as_ref().map(|template| template.as_value());
    let names = |field: &str| parameters.is_some_and(|parameters| parameters.get(field).is_some());
    let arguments = task.extra.contains_key("Arguments");
    if matches!(task.resource.kind(), ResourceKind::LambdaInvoke(_))
        && !arguments
        && !names("FunctionName")
        && !names("FunctionName.$")
    {
        report(ProblemKind::Missing("a FunctionName in Parameters"));
    }
    if let Timeout::Fixed(Literal::Value(seconds)) = task.timeout
        && !(1..=MAX_SECONDS).contains(&seconds)
    {
        report(out_of_bounds("TimeoutSeconds", SECONDS, seconds));
    }
    if let Heartbeat::Fixed(Literal::Value(seconds)) = task.heartbeat {
        let most = match task.timeout {
            Timeout::Fixed(Literal::Value(timeout)) => timeout.saturating_sub(1),
            _ => MAX_SECONDS,
        };
        if !(1..=most).contains(&seconds) {
            report(out_of_bounds("HeartbeatSeconds", "from 1 to less than TimeoutSeconds", seconds));
        }
    }
}

fn wait(duration: &WaitFor, report: Report<'_>) {
    match duration {
        WaitFor::Seconds(Literal::Value(seconds)) if *seconds > MAX_SECONDS => {
            report(out_of_bounds("Seconds", "from 0 to 99999999", seconds));
        }
        WaitFor::Timestamp(text) => timestamp("Timestamp", text, report),
        _ => {}
    }
}

fn timestamp(field: &str, text: &str, report: Report<'_>) {
    // A template's substitution, or an expression in JSONata, becomes a time later.
    if !is_timestamp(text) && !text.contains("${") && !text.starts_with("{%") {
        report(ProblemKind::BadTimestamp { field: field.to_owned(), found: text.to_owned() });
    }
}

fn check_paths(state: &State, report: Report<'_>) {
    let (input, output, result) = match state {
        State::Task(state, _) => (&state.input_path, &state.output_path, state.result_path.as_ref()),
        State::Choice(state) => (&state.input_path, &state.output_path, None),
        State::Wait(state, _) => (&state.input_path, &state.output_path, None),
        State::Pass(state, _) => (&state.input_path, &state.output_path, state.result_path.as_ref()),
        State::Map(state, _) => (&state.input_path, &state.output_path, state.result_path.as_ref()),
        State::Parallel(state, _) => (&state.input_path, &state.output_path, state.result_path.as_ref()),
        State::Succeed(state) => (&state.input_path, &state.output_path, None),
        State::Fail(_) | State::Malformed(_) => (&None, &None, None),
    };
    paths::selection("InputPath", input.as_ref(), report);
    paths::selection("OutputPath", output.as_ref(), report);
    paths::result("ResultPath", result, report);
    let (parameters, selector) = match state {
        State::Task(state, _) => (state.parameters.as_ref(), state.result_selector.as_ref()),
        State::Pass(state, _) => (state.parameters.as_ref(), None),
        State::Parallel(state, _) => (state.parameters.as_ref(), state.result_selector.as_ref()),
        State::Map(state, _) => (None, state.result_selector.as_ref()),
        _ => (None, None),
    };
    paths::template("Parameters", parameters, report);
    paths::template("ResultSelector", selector, report);
    match state {
        State::Task(state, _) => task_paths(state, report),
        State::Choice(state) => choice_paths(state, report),
        State::Map(state, _) => map::check_paths(state, report),
        State::Fail(state) => fail_paths(state, report),
        State::Wait(state, _) => match &state.duration {
            WaitFor::SecondsPath(path) => paths::path("SecondsPath", path, report),
            WaitFor::TimestampPath(path) => paths::path("TimestampPath", path, report),
            _ => {}
        },
        _ => {}
    }
}

fn task_paths(task: &Task, report: Report<'_>) {
    if let Timeout::Path(path) = &task.timeout {
        paths::path("TimeoutSecondsPath", path, report);
    }
    if let Heartbeat::Path(path) = &task.heartbeat {
        paths::path("HeartbeatSecondsPath", path, report);
    }
}

fn fail_paths(fail: &Fail, report: Report<'_>) {
    if let FailError::Path(path) = &fail.error {
        paths::expression("ErrorPath", path.as_str(), report);
    }
    if let FailCause::Path(path) = &fail.cause {
        paths::expression("CausePath", path.as_str(), report);
    }
}

fn choice_paths(choice: &Choice, report: Report<'_>) {
    choice.choices.iter().enumerate().for_each(|(at, branch)| rule(&format!("Choices[{at}]"), &branch.rule, report));
}

fn rule(place: &str, checked: &Rule, report: Report<'_>) {
    match &checked.test {
        Test::And(rules) | Test::Or(rules) => {
            if rules.is_empty() {
                report(ProblemKind::Empty("And or Or"));
            }
            rules.iter().for_each(|inner| rule(place, inner, report));
        }
        Test::Not(inner) => rule(place, inner, report),
        Test::Condition(_) => {
            report(ProblemKind::MisplacedField { field: format!("{place}.Condition"), kind: "JSONPath" });
        }
        Test::Compare(variable, comparison) => {
            paths::path(&format!("{place}.Variable"), variable, report);
            compare(place, comparison, report);
        }
    }
}

fn compare(place: &str, comparison: &Comparison, report: Report<'_>) {
    let path: Option<&JsonPath> = match comparison {
        Comparison::Boolean(Operand::Path(path))
        | Comparison::Numeric(_, Operand::Path(path))
        | Comparison::String(_, Operand::Path(path))
        | Comparison::Timestamp(_, Operand::Path(path)) => Some(path),
        _ => None,
    };
    if let Some(path) = path {
        paths::path(place, path, report);
    }
    if let Comparison::Timestamp(_, Operand::Value(text)) = comparison {
        timestamp(place, text, report);
    }
}
