//! CloudFormation's resource schemas, as far as names, types and closed lists of values go.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The schemas of one region, as cfn-lint keeps them: an index by resource type, and a file for each version.
pub(crate) struct Schemas {
    folder: PathBuf,
    index: Map<String, Value>,
}

impl Schemas {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let Value::Object(index) = json(&folder.join("providers/us-east-1.json"))? else {
            return Err("expected an index of resource types".into());
        };
        Ok(Self { folder: folder.join("resources"), index })
    }

    pub(crate) fn of(&self, kind: &str) -> Result<Value, String> {
        let name = self.index.get(kind).and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("{kind} is no resource type of CloudFormation"))?;
        json(&self.folder.join(format!("{name}.json")))
    }
}

fn json(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// What is wrong with a resource's properties.
pub(crate) fn problems(schema: &Value, properties: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, properties, "", &mut found);
    found
}

/// The closed list of values at a place such as `/StreamSpecification/StreamViewType`; `[]` stands for any item.
pub(crate) fn values_at(root: &Value, path: &str) -> Option<Vec<Value>> {
    let mut at = root;
    for name in path.split('/').skip(1) {
        at = resolved(root, at);
        at = if name == "[]" { at.get("items")? } else { at.get("properties")?.get(name)? };
    }
    resolved(root, at).get("enum")?.as_array().cloned()
}

fn resolved<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        schema = root.pointer(reference.trim_start_matches('#')).expect("a schema refers to its own definitions");
    }
    schema
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let schema = resolved(root, schema);
    for schema in list(schema, "allOf") {
        check(root, schema, value, path, found);
    }
    for name in ["anyOf", "oneOf"] {
        let each = list(schema, name).map(|schema| {
            let mut found = Vec::new();
            check(root, schema, value, path, &mut found);
            found
        });
        // The alternative that was nearly met says best what is wrong.
        found.extend(each.min_by_key(Vec::len).unwrap_or_default());
    }
    if is_worked_out(value) {
        if !takes(schema, &["string"]) {
            found.push(format!("{path}: a reference or text where {} is expected", schema["type"]));
        }
        return;
    }
    if !takes(schema, types(value)) {
        found.push(format!("{path}: {value} where {} is expected", schema["type"]));
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|values| !values.contains(value)) {
        found.push(format!("{path}: {value} is none of {}", schema["enum"]));
    }
    match value {
        Value::Object(map) => check_object(root, schema, map, path, found),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                check(root, schema.get("items").unwrap_or(&Value::Null), item, &format!("{path}/{number}"), found);
            }
        }
        _ => {}
    }
}

fn check_object(root: &Value, schema: &Value, map: &Map<String, Value>, path: &str, found: &mut Vec<String>) {
    for name in list(schema, "required").filter_map(Value::as_str).filter(|name| !map.contains_key(*name)) {
        found.push(format!("{path}: {name} is missing"));
    }
    // These two are cfn-lint's own: one at least, and one exactly.
    let given = |of: &str| list(schema, of).filter_map(Value::as_str).filter(|name| map.contains_key(*name)).count();
    if schema.get("requiredOr").is_some() && given("requiredOr") == 0 {
        found.push(format!("{path}: one of {} is missing", schema["requiredOr"]));
    }
    if schema.get("requiredXor").is_some() && given("requiredXor") != 1 {
        found.push(format!("{path}: expected one of {}", schema["requiredXor"]));
    }
    let Some(properties) = schema.get("properties") else { return };
    for (name, value) in map {
        let path = format!("{path}/{name}");
        match properties.get(name) {
            Some(schema) => check(root, schema, value, &path, found),
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                found.push(format!("{path} is unknown"));
            }
            None => {}
        }
    }
}

fn list<'s>(schema: &'s Value, name: &str) -> impl Iterator<Item = &'s Value> + use<'s> {
    schema.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Whether CloudFormation works the value out: then it is a text.
fn is_worked_out(value: &Value) -> bool {
    let name = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.keys().next());
    name.is_some_and(|name| ["Ref", "Fn::GetAtt", "Fn::Sub"].contains(&name.as_str()))
}

/// Whether the schema takes one of these types; one that names none takes all.
fn takes(schema: &Value, types: &[&str]) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => types.contains(&name.as_str()),
        Some(Value::Array(names)) => names.iter().any(|name| types.contains(&name.as_str().unwrap_or_default())),
        _ => true,
    }
}

fn types(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number(number) if number.is_f64() => &["number"],
        Value::Number(_) => &["integer", "number"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "properties": {
                "Name": { "type": "string" },
                "Size": { "type": ["integer", "string"] },
                "Mode": { "$ref": "#/definitions/Mode" },
                "Rules": { "type": "array", "items": { "$ref": "#/definitions/Rule" } },
                "Any": { "type": "object" },
            },
            "definitions": {
                "Mode": { "type": "string", "enum": ["A", "B"] },
                "Rule": {
                    "type": "object",
                    "properties": { "Id": { "type": "number" } },
                    "required": ["Id"],
                    "additionalProperties": false,
                },
            },
            "required": ["Name"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn what_fits_has_no_problems() {
        let name = json!({ "Ref": "Other" });
        let fits = json!({ "Name": name, "Size": 0, "Mode": "A", "Rules": [{ "Id": 1.5 }], "Any": { "x": [] } });
        assert_eq!(problems(&schema(), &fits), Vec::<String>::new());
        assert_eq!(values_at(&schema(), "/Mode"), Some(vec![json!("A"), json!("B")]));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let wrong =
            json!({ "Nmae": "x", "Size": true, "Mode": "C", "Rules": [{ "Id": { "Ref": "Other" }, "Oops": 1 }] });
        assert_eq!(
            problems(&schema(), &wrong),
            [
                ": Name is missing",
                "/Nmae is unknown",
                "/Size: true where [\"integer\",\"string\"] is expected",
                "/Mode: \"C\" is none of [\"A\",\"B\"]",
                "/Rules/0/Id: a reference or text where \"number\" is expected",
                "/Rules/0/Oops is unknown",
            ]
        );
    }
}
