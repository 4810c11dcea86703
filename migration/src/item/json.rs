//! DynamoDB JSON, the typed form of S3 exports and of the wire: `{"year": {"N": "2013"}}`.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Item, Number};

/// An item as DynamoDB JSON, its attributes in alphabetical order.
pub fn item_to_json(item: &Item) -> Value {
    let mut names: Vec<_> = item.keys().collect();
    names.sort_unstable();
    Value::Object(names.into_iter().map(|name| (name.clone(), value_to_json(&item[name]))).collect())
}

/// An item from DynamoDB JSON; the error names the attribute and what is wrong with it, never its value.
pub fn item_from_json(json: Value) -> Result<Item, String> {
    let Value::Object(attributes) = json else { return Err("expected an object of attributes".into()) };
    map_from_json(attributes)
}

/// A value as DynamoDB JSON.
pub fn value_to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(digits) => json!({ "N": digits }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Ss(members) => json!({ "SS": members }),
        AttributeValue::Ns(members) => json!({ "NS": members }),
        AttributeValue::Bs(members) => {
            json!({ "BS": members.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() })
        }
        AttributeValue::M(map) => json!({ "M": item_to_json(map) }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(value_to_json).collect::<Vec<_>>() }),
        AttributeValue::Null(is_null) => json!({ "NULL": is_null }),
        AttributeValue::Bool(truth) => json!({ "BOOL": truth }),
        // The SDK's enum is open; DynamoDB has had these ten types since 2014.
        _ => Value::Null,
    }
}

/// A value from DynamoDB JSON.
pub fn value_from_json(json: Value) -> Result<AttributeValue, String> {
    let Value::Object(typed) = json else { return Err("expected a typed value such as {\"S\": …}".into()) };
    let mut entries = typed.into_iter();
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
        return Err("expected exactly one type in a typed value".into());
    };
    let expected = || format!("expected {kind} to hold what DynamoDB JSON gives it");
    Ok(match (kind.as_str(), value) {
        ("S", Value::String(text)) => AttributeValue::S(text),
        ("N", Value::String(digits)) => AttributeValue::N(number(digits)?),
        ("B", Value::String(text)) => AttributeValue::B(binary(&text)?),
        ("SS", Value::Array(members)) => AttributeValue::Ss(strings(members).ok_or_else(expected)?),
        ("NS", Value::Array(members)) => {
            let members = strings(members).ok_or_else(expected)?;
            AttributeValue::Ns(members.into_iter().map(number).collect::<Result<_, _>>()?)
        }
        ("BS", Value::Array(members)) => {
            let members = strings(members).ok_or_else(expected)?;
            AttributeValue::Bs(members.iter().map(|text| binary(text)).collect::<Result<_, _>>()?)
        }
        ("M", Value::Object(map)) => AttributeValue::M(map_from_json(map)?),
        ("L", Value::Array(list)) => {
            AttributeValue::L(list.into_iter().map(value_from_json).collect::<Result<_, _>>()?)
        }
        ("NULL", Value::Bool(null)) => AttributeValue::Null(null),
        ("BOOL", Value::Bool(truth)) => AttributeValue::Bool(truth),
        _ => return Err(expected()),
    })
}

fn map_from_json(map: Map<String, Value>) -> Result<Item, String> {
    map.into_iter()
        .map(|(name, value)| match value_from_json(value) {
            Ok(value) => Ok((name, value)),
            Err(why) => Err(format!("{name}: {why}")),
        })
        .collect()
}

fn strings(members: Vec<Value>) -> Option<Vec<String>> {
    members.into_iter().map(|member| if let Value::String(text) = member { Some(text) } else { None }).collect()
}

fn number(digits: String) -> Result<String, String> {
    digits.parse::<Number>().map(|_| digits)
}

fn binary(text: &str) -> Result<Blob, String> {
    STANDARD.decode(text).map(Blob::new).map_err(|_| "expected base64".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every type, nested and empty, there and back (R5).
    #[test]
    fn all_ten_types_survive() {
        let json = json!({
            "s": { "S": "" }, "n": { "N": "12345678901234567890123456789012345678" }, "b": { "B": "AAEC" },
            "ss": { "SS": ["a"] }, "ns": { "NS": ["1", "2.5"] }, "bs": { "BS": ["AA==", ""] },
            "m": { "M": { "empty": { "M": {} }, "list": { "L": [] } } },
            "l": { "L": [{ "NULL": true }, { "BOOL": false }] },
        });
        let item = item_from_json(json.clone()).unwrap();
        assert_eq!(item_to_json(&item).to_string(), {
            let mut sorted: Vec<_> = json.as_object().unwrap().clone().into_iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect()).to_string()
        });
    }

    #[test]
    fn what_is_no_dynamodb_json_is_refused_without_showing_values() {
        for (json, why) in [
            (json!({ "a": "secret" }), "a: expected a typed value such as {\"S\": …}"),
            (json!({ "a": { "S": "secret", "N": "1" } }), "a: expected exactly one type in a typed value"),
            (json!({ "a": { "N": "secret" } }), "a: expected a decimal number"),
            (json!({ "a": { "M": { "b": { "B": "se cret" } } } }), "a: b: expected base64"),
            (json!({ "a": { "X": "secret" } }), "a: expected X to hold what DynamoDB JSON gives it"),
        ] {
            assert_eq!(item_from_json(json).unwrap_err(), why);
        }
    }
}
