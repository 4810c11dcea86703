//! Intrinsic functions: `States.Format('{} of {}', $.done, $.all)`.
//!
//! A call is parsed whole before anything of it is evaluated. What a function does to wrong arguments follows
//! <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>, and where that is silent, the
//! answers that AWS gave.

mod functions;
mod parse;
mod text;

use rand::rngs::StdRng;
use serde_json::Value;

pub(crate) use functions::{hex, uuid};
pub(crate) use parse::{Call, IntrinsicError, parse};

use crate::path::Query;
use parse::Argument;

/// Whether a text calls a function rather than naming a path.
pub(crate) fn is_call(text: &str) -> bool {
    text.trim_start().starts_with("States.")
}

/// Where a call gets its values from.
pub(crate) trait Source {
    /// What ends the evaluation when a path finds nothing.
    type Error: From<IntrinsicError>;

    /// What a path finds.
    fn look(&self, query: &Query, text: &str) -> Result<Value, Self::Error>;

    /// Draws from the randomness of the execution.
    fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T;
}

/// What a call yields.
pub(crate) fn evaluate<S: Source>(call: &Call, source: &S) -> Result<Value, S::Error> {
    let mut arguments = Vec::with_capacity(call.arguments.len());
    for argument in &call.arguments {
        arguments.push(match argument {
            Argument::Literal(value) => value.clone(),
            Argument::Path(query, text) => source.look(query, text)?,
            Argument::Call(inner) => evaluate(inner, source)?,
        });
    }
    let arguments = functions::Arguments::new(&call.name, arguments);
    Ok(source.draw(|random| functions::apply(arguments, random))?)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;
    use crate::path;

    struct Input(Value);

    impl Source for Input {
        type Error = IntrinsicError;

        fn look(&self, query: &Query, text: &str) -> Result<Value, IntrinsicError> {
            path::evaluate(query, &self.0).map_err(|missing| IntrinsicError::new(text, missing.0))
        }

        fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
            draw(&mut StdRng::seed_from_u64(1))
        }
    }

    fn call(text: &str, input: Value) -> Result<Value, IntrinsicError> {
        evaluate(&parse(text)?, &Input(input))
    }

    fn value(text: &str) -> Value {
        call(text, Value::Null).expect("a value")
    }

    #[test]
    fn arrays() {
        assert_eq!(value("States.Array('a', 1, null, true)"), json!(["a", 1, null, true]));
        assert_eq!(value("States.ArrayPartition(States.ArrayRange(1, 5, 1), 2)"), json!([[1, 2], [3, 4], [5]]));
        assert_eq!(value("States.ArrayRange(3, 1, -1)"), json!([3, 2, 1]));
        assert_eq!(value("States.ArrayGetItem(States.Array(1, 2), 1)"), json!(2));
        assert_eq!(value("States.ArrayLength(States.Array())"), json!(0));
        assert_eq!(value("States.ArrayContains(States.Array(1.0, 'a'), 1)"), json!(true));
        assert_eq!(
            call("States.ArrayUnique($)", json!([1, 1.0, "1", [2], [2], null, null])),
            Ok(json!([1, "1", [2], null]))
        );
    }

    #[test]
    fn texts() {
        assert_eq!(value("States.Format('{}, {} \\{\\} \\'x\\'', 'a', 1.50)"), json!("a, 1.5 {} 'x'"));
        assert_eq!(call("States.Format('{}', $)", json!({"a": [1, "x"], "b": null})), Ok(json!("{a=[1, x], b=null}")));
        assert_eq!(value("States.StringSplit('a.b-c', '.-')"), json!(["a", "b", "c"]));
        assert_eq!(value("States.StringToJson('{\"a\": 1}')"), json!({"a": 1}));
        assert_eq!(value("States.JsonToString(States.Array('a', 1))"), json!("[\"a\",1]"));
        assert_eq!(value("States.Base64Decode(States.Base64Encode('Data'))"), json!("Data"));
        assert_eq!(value("States.Hash('abc', 'SHA-1')"), json!("a9993e364706816aba3e25717850c26c9cd0d89d"));
        assert_eq!(value("States.UUID()").as_str().map(str::len), Some(36));
    }

    #[test]
    fn numbers() {
        assert_eq!(value("States.MathAdd(-1.49, -1.5)"), json!(-2));
        assert_eq!(value("States.MathAdd(2.5, 0)"), json!(3));
        let drawn = value("States.MathRandom(1, 3)").as_i64();
        assert!(drawn == Some(1) || drawn == Some(2));
        assert_eq!(value("States.MathRandom(1, 999, 7)"), value("States.MathRandom(1, 999, 7)"));
    }

    #[test]
    fn objects() {
        let merged = call("States.JsonMerge($.a, $.b, false)", json!({"a": {"x": {"y": 1}, "z": 1}, "b": {"x": 2}}));
        assert_eq!(merged, Ok(json!({"x": 2, "z": 1})));
    }

    #[test]
    fn wrong_calls_are_refused() {
        for text in [
            "States.Nope()",
            "States.Format('{}')",
            "States.Format('{}', 1, 2)",
            "States.Array('a'",
            "States.Array('a') x",
            "States.ArrayGetItem(States.Array(1), 1)",
            "States.ArrayPartition(States.Array(1), 0)",
            "States.ArrayRange(0, 1000, 1)",
            "States.ArrayRange(0, 1, 0)",
            "States.StringToJson('{')",
            "States.Hash('a', 'SHA-3')",
            "States.JsonMerge(States.Array(), States.Array(), false)",
            "States.JsonMerge($, $, true)",
            "States.MathAdd('1', 1)",
            "States.Base64Decode('%')",
        ] {
            assert!(call(text, json!({})).is_err(), "{text}");
        }
    }
}
