//! States as JSON: `Type` first, then the fields of the kind, then where it leads.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::Error as _};
use serde_json::{Map as Object, Value};

use super::{Malformed, State, Transition};

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = match self {
            Self::Task(task, _) => serde_json::to_value(task),
            Self::Choice(choice) => serde_json::to_value(choice),
            Self::Wait(wait, _) => serde_json::to_value(wait),
            Self::Pass(pass, _) => serde_json::to_value(pass),
            Self::Map(map, _) => serde_json::to_value(map),
            Self::Parallel(parallel, _) => serde_json::to_value(parallel),
            Self::Succeed(succeed) => serde_json::to_value(succeed),
            Self::Fail(fail) => serde_json::to_value(fail),
            Self::Malformed(state) => return state.fields.serialize(serializer),
        };
        let mut object = Object::new();
        object.insert("Type".into(), self.kind().into());
        if let Value::Object(fields) = fields.map_err(S::Error::custom)? {
            object.extend(fields);
        }
        match self.transition() {
            Some(Transition::Next(next)) => object.insert("Next".into(), next.as_str().into()),
            Some(Transition::End) => object.insert("End".into(), true.into()),
            None => None,
        };
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for State {
    /// Every object is a state; one that does not fit the model is a malformed one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Object::deserialize(deserializer)?;
        Ok(read_state(object.clone()).unwrap_or_else(|reason| Self::Malformed(Malformed { fields: object, reason })))
    }
}

fn read_state(mut object: Object<String, Value>) -> Result<State, String> {
    let kind = match object.shift_remove("Type") {
        Some(Value::String(kind)) => kind,
        Some(_) => return Err("expected Type to be a text".into()),
        None => return Err("expected a Type, found none".into()),
    };
    one_of(&kind, &object)?;
    match kind.as_str() {
        "Task" => with_transition(object).map(|(task, to)| State::Task(Box::new(task), to)),
        "Wait" => with_transition(object).map(|(wait, to)| State::Wait(wait, to)),
        "Pass" => with_transition(object).map(|(pass, to)| State::Pass(pass, to)),
        "Map" => with_transition(object).map(|(map, to)| State::Map(Box::new(map), to)),
        "Parallel" => with_transition(object).map(|(parallel, to)| State::Parallel(parallel, to)),
        "Choice" => read(object).map(State::Choice),
        "Succeed" => read(object).map(State::Succeed),
        "Fail" => read(object).map(State::Fail),
        other => Err(format!("expected a Type that exists, found `{other}`")),
    }
}

/// Fields of which a state has exactly one.
const ONE_OF: [(&str, &[&str]); 2] =
    [("Map", &["ItemProcessor", "Iterator"]), ("Wait", &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"])];

fn one_of(kind: &str, object: &Object<String, Value>) -> Result<(), String> {
    let Some((_, fields)) = ONE_OF.iter().find(|(state, _)| *state == kind) else { return Ok(()) };
    match fields.iter().filter(|field| object.contains_key(**field)).count() {
        1 => Ok(()),
        found => Err(format!("expected one of {}, found {found}", fields.join(", "))),
    }
}

fn read<T: DeserializeOwned>(object: Object<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(object)).map_err(|error| error.to_string())
}

fn with_transition<T: DeserializeOwned>(mut object: Object<String, Value>) -> Result<(T, Transition), String> {
    // `"End": false` beside a `Next` says nothing, but is not lost: it stays among the unknown fields.
    let end = object.get("End") == Some(&Value::Bool(true));
    let transition = match (object.shift_remove("Next"), end) {
        (Some(Value::String(next)), false) => Transition::Next(next.into()),
        (None, true) => Transition::End,
        (Some(_), true) => return Err("expected Next or End, found both".into()),
        (Some(_), false) => return Err("expected Next to be the name of a state".into()),
        (None, false) => return Err("expected Next or End, found neither".into()),
    };
    if end {
        object.shift_remove("End");
    }
    Ok((read(object)?, transition))
}
