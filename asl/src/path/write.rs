//! Putting a result into an input at a reference path. Objects on the way are made; array slots must exist.

use serde_json::{Map, Value};

use super::parse::{Query, Step};

/// The path cannot be applied to this input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch;

/// `input` with `value` at the place that `query` names.
pub(crate) fn write(query: &Query, mut input: Value, value: Value) -> Result<Value, Mismatch> {
    *place(&query.steps, &mut input)? = value;
    Ok(input)
}

fn place<'v>(steps: &[Step], mut at: &'v mut Value) -> Result<&'v mut Value, Mismatch> {
    for step in steps {
        at = match (step, at) {
            (Step::Names(names), Value::Object(fields)) => {
                let slot = fields.entry(names[0].as_str()).or_insert_with(|| Value::Object(Map::new()));
                if slot.is_null() {
                    *slot = Value::Object(Map::new());
                }
                slot
            }
            (Step::Indices(indices), Value::Array(items)) => {
                let at = usize::try_from(indices[0]).map_err(|_| Mismatch)?;
                items.get_mut(at).ok_or(Mismatch)?
            }
            _ => return Err(Mismatch),
        };
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::parse, *};

    fn put(path: &str, input: Value) -> Option<Value> {
        write(&parse(path).ok()?, input, json!("r")).ok()
    }

    #[test]
    fn makes_objects_on_the_way_and_replaces_what_is_there() {
        assert_eq!(put("$", json!({"a": 1})), Some(json!("r")));
        assert_eq!(put("$.b.c", json!({"a": 1})), Some(json!({"a": 1, "b": {"c": "r"}})));
        assert_eq!(put("$.a[1]", json!({"a": [1, 2]})), Some(json!({"a": [1, "r"]})));
        assert_eq!(put("$.a", json!({"a": null})), Some(json!({"a": "r"})));
    }

    #[test]
    fn refuses_what_has_no_such_place() {
        assert_eq!(put("$.a", json!([1])), None);
        assert_eq!(put("$.a.b", json!({"a": 1})), None);
        assert_eq!(put("$.a[2]", json!({"a": [1, 2]})), None);
    }
}
