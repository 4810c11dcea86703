//! Plain JSON, as people keep it: `{"year": 2013, "info": {"rating": 8.3}}`.
//!
//! Numbers are taken from the text, never through an integer or a float, so that 38 digits survive (R5).

use std::borrow::Cow;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Item, Number, Path, PathElement};

/// DynamoDB nests no deeper (API reference, "Nested attribute depth").
const MAX_DEPTH: usize = 32;

/// An item from a plain JSON object; the error names the attribute and what is wrong with it, never its
/// value.
pub fn item_from_plain(json: &[u8]) -> Result<Item, String> {
    let object = serde_json::from_slice(json).map_err(|error| syntax(&error).to_owned())?;
    entries(object, 1).map_err(Fault::shown)
}

/// What is wrong, and where: names and indexes, the innermost first.
struct Fault {
    why: String,
    below: Vec<PathElement>,
}

impl Fault {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), below: Vec::new() }
    }

    fn within(mut self, element: PathElement) -> Self {
        self.below.push(element);
        self
    }

    fn shown(self) -> String {
        let mut outside_in = self.below.into_iter().rev();
        match outside_in.next() {
            Some(PathElement::Name(root)) => {
                let path = outside_in.fold(Path::attribute(root), |path, element| path.child(element));
                format!("{path}: {}", self.why)
            }
            _ => self.why,
        }
    }
}

fn value(raw: &RawValue, depth: usize) -> Result<AttributeValue, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::new("expected at most 32 levels (DynamoDB's limit), found more"));
    }
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => text_of(text).map(AttributeValue::S),
        Some(b'{') => map(text, depth),
        Some(b'[') => list(text, depth),
        Some(b'n') => Ok(AttributeValue::Null(true)),
        Some(b't' | b'f') => Ok(AttributeValue::Bool(text == "true")),
        _ => text.parse::<Number>().map(|_| AttributeValue::N(text.to_owned())).map_err(Fault::new),
    }
}

fn text_of(json: &str) -> Result<String, Fault> {
    serde_json::from_str(json).map_err(|_| Fault::new("expected a JSON string, found one with a broken escape"))
}

fn map(json: &str, depth: usize) -> Result<AttributeValue, Fault> {
    let object = serde_json::from_str(json).map_err(|error| Fault::new(syntax(&error)))?;
    entries(object, depth + 1).map(AttributeValue::M)
}

/// The values of an object's entries; a name that stands there twice would lose one of them.
fn entries(object: Object<'_>, depth: usize) -> Result<Item, Fault> {
    let mut item = Item::with_capacity(object.0.len());
    for (name, raw) in object.0 {
        let value = value(raw, depth).map_err(|fault| fault.within(PathElement::Name(name.to_string())))?;
        if item.insert(name.to_string(), value).is_some() {
            let fault = Fault::new("expected each name once in an object, found it twice");
            return Err(fault.within(PathElement::Name(name.into_owned())));
        }
    }
    Ok(item)
}

fn list(json: &str, depth: usize) -> Result<AttributeValue, Fault> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| Fault::new(syntax(&error)))?;
    let values = elements
        .into_iter()
        .enumerate()
        .map(|(index, raw)| value(raw, depth + 1).map_err(|fault| fault.within(PathElement::Index(index))));
    values.collect::<Result<_, _>>().map(AttributeValue::L)
}

/// The parser's own messages may quote what it read: only their kind is passed on.
fn syntax(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => "expected a JSON object",
        Category::Eof => "expected JSON, found its end too early",
        Category::Syntax | Category::Io => "expected JSON",
    }
}

/// The entries of an object, their values unread.
struct Object<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Object<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = object.next_entry::<Name<'de>, &RawValue>()? {
            entries.push((entry.0.0, entry.1));
        }
        Ok(Object(entries))
    }
}

/// A name that is copied only where an escape has to be resolved.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'j>(#[serde(borrow)] Cow<'j, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::json::item_to_json;

    #[test]
    fn every_json_value_becomes_its_natural_type() {
        let digits = "12345678901234567890.123456789012345678";
        let json = format!(
            r#" {{"s": "ü\n", "n": {digits}, "e": 1E-7, "t": true, "f": false, "z": null, "l": [1, [], {{}}], "m": {{"k\u00fc": -0.50}}}} "#
        );
        let item = item_from_plain(json.as_bytes()).unwrap();
        assert_eq!(
            item_to_json(&item),
            serde_json::json!({
                "s": { "S": "ü\n" }, "n": { "N": digits }, "e": { "N": "1E-7" }, "t": { "BOOL": true },
                "f": { "BOOL": false }, "z": { "NULL": true },
                "l": { "L": [{ "N": "1" }, { "L": [] }, { "M": {} }] }, "m": { "M": { "kü": { "N": "-0.50" } } },
            })
        );
    }

    #[test]
    fn errors_name_the_path_and_no_value() {
        let nines = "9".repeat(39);
        let deep = format!("{}1{}", "[".repeat(32), "]".repeat(32));
        for (json, why) in [
            (
                format!(r#"{{"a": {{"b.c": [1, {nines}]}}}}"#),
                "a.`b.c`[1]: expected a number of at most 38 digits, found 39 digits",
            ),
            (r#"{"a": {"b": 1, "b": 2}}"#.into(), "a.b: expected each name once in an object, found it twice"),
            (r#"{"a": 1, "a": 2}"#.into(), "a: expected each name once in an object, found it twice"),
            (r#"{"a": "\ud800"}"#.into(), "a: expected a JSON string, found one with a broken escape"),
            (r#"{"a": "secret"#.into(), "expected JSON, found its end too early"),
            (r#"{"a": secret}"#.into(), "expected JSON"),
            (r#"["secret"]"#.into(), "expected a JSON object"),
            (r#"{"a": 1} 2"#.into(), "expected JSON"),
        ] {
            assert_eq!(item_from_plain(json.as_bytes()).unwrap_err(), why, "{json}");
        }
        let error = item_from_plain(format!(r#"{{"a": {deep}}}"#).as_bytes()).unwrap_err();
        assert!(error.ends_with("[0]: expected at most 32 levels (DynamoDB's limit), found more"), "{error}");
    }
}
