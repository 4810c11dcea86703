//! Evaluating paths, templates and functions where a state stands. Every failure says where that was.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    EventKind, Failure,
    items::Item,
    run::{Detail, Run, timestamp},
};
use crate::{
    ErrorName, Literal, PayloadTemplate, ResultPath, Selection,
    intrinsic::{self, IntrinsicError, Source},
    path::{self, NotFound, Query, Root},
};

/// A state that is being executed.
#[derive(Clone)]
pub(super) struct Context<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) state: &'a str,
    /// The number of the event with which it was entered; AWS names it in causes.
    pub(super) entered_event: u64,
    pub(super) entered_at: Timestamp,
    /// For states that can be retried.
    pub(super) retry_count: Option<u32>,
    pub(super) token: Option<String>,
    /// The item of the Map around it.
    pub(super) item: Option<&'a Item>,
}

impl Context<'_> {
    /// A failure with a cause that names the state, as AWS words it.
    pub(super) fn failure(&self, error: ErrorName, reason: impl std::fmt::Display) -> Failure {
        let Self { state, entered_event, .. } = self;
        let place = format!("An error occurred while executing the state '{state}'");
        Failure::new(error, format!("{place} (entered at the event id #{entered_event}). {reason}"))
    }

    pub(super) fn runtime(&self, reason: impl std::fmt::Display) -> Failure {
        self.failure(ErrorName::RUNTIME, reason)
    }

    /// Records an event of the state.
    pub(super) fn record(&self, kind: EventKind, detail: Detail<'_>) -> Result<(), Failure> {
        self.run.record(kind, self.state, detail).map(drop)
    }

    /// The context object, `$$`.
    fn object(&self) -> Value {
        let mut object = self.run.context();
        let mut state = json!({ "Name": self.state, "EnteredTime": timestamp(self.entered_at) });
        if let Some(retries) = self.retry_count {
            state["RetryCount"] = retries.into();
        }
        object["State"] = state;
        if let Some(Item { index, value }) = self.item {
            object["Map"] = json!({ "Item": { "Index": index, "Value": value } });
        }
        if let Some(token) = &self.token {
            object["Task"] = json!({ "Token": token });
        }
        object
    }

    fn evaluate(&self, query: &Query, input: &Value) -> Result<Value, NotFound> {
        match query.root {
            Root::Input => path::evaluate(query, input),
            Root::Context => path::evaluate(query, &self.object()),
            Root::Variable => Err(NotFound("variables are not supported".into())),
        }
    }

    fn parse(&self, text: &str) -> Result<Query, Failure> {
        path::parse(text).map_err(|error| self.runtime(error))
    }

    /// A value that a template or JSONata has not to make first.
    pub(super) fn literal<'v, T>(&self, field: &str, literal: &'v Literal<T>) -> Result<&'v T, Failure> {
        literal.value().ok_or_else(|| self.runtime(format!("The field {field} is not resolved yet.")))
    }

    /// What a path finds, or nothing where it breaks off.
    pub(super) fn find(&self, text: &str, input: &Value) -> Result<Option<Value>, Failure> {
        Ok(self.evaluate(&self.parse(text)?, input).ok())
    }

    /// What a path that a field holds finds, or what the function yields that it calls.
    pub(super) fn look(&self, field: &str, text: &str, input: &Value) -> Result<Value, Failure> {
        let place = Place { context: self, field, input };
        if intrinsic::is_call(text) {
            let call = intrinsic::parse(text).map_err(|error| place.failed(error))?;
            return intrinsic::evaluate(&call, &place).map_err(|stop| match stop {
                Stop::Path(failure) => failure,
                Stop::Function(error) => place.failed(error),
            });
        }
        self.evaluate(&self.parse(text)?, input).map_err(|_| place.missing(text))
    }

    /// What `InputPath` or `OutputPath` lets through.
    pub(super) fn select(&self, selection: Option<&Selection>, value: Value) -> Result<Value, Failure> {
        match selection {
            None => Ok(value),
            Some(Selection::Nothing) => Ok(Value::Object(Map::new())),
            Some(Selection::Path(path)) if path.as_str() == "$" => Ok(value),
            Some(Selection::Path(path)) => self.follow(path.as_str(), &value),
        }
    }

    /// What a path finds where AWS words its failure as the evaluator does, not as a template.
    pub(super) fn follow(&self, text: &str, input: &Value) -> Result<Value, Failure> {
        self.evaluate(&self.parse(text)?, input)
            .map_err(|NotFound(cause)| self.runtime(format!("Invalid path '{text}' : {cause}")))
    }

    /// What becomes of a template.
    pub(super) fn fill(&self, template: &PayloadTemplate, input: &Value) -> Result<Value, Failure> {
        self.fill_value(template.as_value(), input)
    }

    fn fill_value(&self, template: &Value, input: &Value) -> Result<Value, Failure> {
        match template {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| match (key.strip_suffix(".$"), value) {
                    (Some(name), Value::String(text)) => Ok((name.to_owned(), self.look(key, text, input)?)),
                    (Some(_), _) => Err(self.runtime(format!("The value of the field '{key}' must be a string"))),
                    (None, value) => Ok((key.clone(), self.fill_value(value, input)?)),
                })
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            Value::Array(items) => items.iter().map(|item| self.fill_value(item, input)).collect(),
            other => Ok(other.clone()),
        }
    }

    /// The input with the result where `ResultPath` puts it.
    pub(super) fn place(&self, to: Option<&ResultPath>, input: Value, result: Value) -> Result<Value, Failure> {
        match to {
            None => Ok(result),
            Some(ResultPath::Discard) => Ok(input),
            Some(ResultPath::At(path)) => {
                let query = self.parse(path.as_str())?;
                path::write(&query, input, result).map_err(|_| {
                    let reason = format!("Unable to apply ReferencePath {path} to the input of the state.");
                    self.failure(ErrorName::RESULT_PATH_MATCH_FAILURE, reason)
                })
            }
        }
    }

    /// Fails when a payload is larger than a state may carry.
    pub(super) fn check_size(&self, value: &Value, producer: &str) -> Result<(), Failure> {
        if size(value) <= self.run.interpreter().limits.payload_bytes {
            return Ok(());
        }
        let what = format!("The state/task '{producer}' returned a result with a size");
        let cause = format!("{what} exceeding the maximum number of bytes service limit.");
        Err(Failure::new(ErrorName::DATA_LIMIT_EXCEEDED, cause))
    }
}

/// Where a path or a function stands.
struct Place<'c, 'a> {
    context: &'c Context<'a>,
    field: &'c str,
    input: &'c Value,
}

impl Place<'_, '_> {
    fn missing(&self, text: &str) -> Failure {
        let Self { field, input, .. } = self;
        let what = format!("The JSONPath '{text}' specified for the field '{field}'");
        self.context.runtime(format!("{what} could not be found in the input '{input}'"))
    }

    fn failed(&self, error: IntrinsicError) -> Failure {
        let IntrinsicError { function, reason } = error;
        let cause = format!("The function '{function}' had the following error: {reason}");
        self.context.failure(ErrorName::INTRINSIC_FAILURE, cause)
    }
}

/// What ends the evaluation of a function.
enum Stop {
    Path(Failure),
    Function(IntrinsicError),
}

impl From<IntrinsicError> for Stop {
    fn from(error: IntrinsicError) -> Self {
        Self::Function(error)
    }
}

impl Source for Place<'_, '_> {
    type Error = Stop;

    fn look(&self, query: &Query, text: &str) -> Result<Value, Stop> {
        self.context.evaluate(query, self.input).map_err(|_| Stop::Path(self.missing(text)))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut rand::rngs::StdRng) -> T) -> T {
        self.context.run.session.draw(draw)
    }
}

/// The length of a value as JSON, without writing it anywhere.
pub(super) fn size(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // A counter takes every byte, and a value has no keys that JSON could not have.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}
