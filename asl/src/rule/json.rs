//! Rules as JSON. The field that names a comparison is put together from its type, its order and `Path`.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
    ser::SerializeMap,
};
use serde_json::{Map, Value};

use super::{Comparison, Operand, Order, Rule, Test, Type};
use crate::JsonPath;

const TYPES: [(&str, Type); 6] = [
    ("IsPresent", Type::Present),
    ("IsNull", Type::Null),
    ("IsBoolean", Type::Boolean),
    ("IsNumeric", Type::Numeric),
    ("IsString", Type::String),
    ("IsTimestamp", Type::Timestamp),
];

const ORDERS: [(&str, Order); 5] = [
    ("Equals", Order::Equals),
    ("LessThan", Order::LessThan),
    ("LessThanEquals", Order::LessThanEquals),
    ("GreaterThan", Order::GreaterThan),
    ("GreaterThanEquals", Order::GreaterThanEquals),
];

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.test {
            Test::And(rules) => map.serialize_entry("And", rules)?,
            Test::Or(rules) => map.serialize_entry("Or", rules)?,
            Test::Not(rule) => map.serialize_entry("Not", rule)?,
            Test::Condition(expression) => map.serialize_entry("Condition", expression)?,
            Test::Compare(variable, comparison) => {
                map.serialize_entry("Variable", variable)?;
                let (field, value) = comparison.field();
                map.serialize_entry(&field, &value)?;
            }
        }
        for (key, value) in &self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Comparison {
    fn field(&self) -> (String, Value) {
        match self {
            Self::Is(kind, expected) => (name_of(&TYPES, kind).into(), Value::from(*expected)),
            Self::Boolean(operand) => operand.field("BooleanEquals", |value| Value::from(*value)),
            Self::Numeric(order, operand) => {
                operand.field(&format!("Numeric{}", name_of(&ORDERS, order)), |value| Value::Number(value.clone()))
            }
            Self::String(order, operand) => {
                operand.field(&format!("String{}", name_of(&ORDERS, order)), |value| Value::from(value.as_str()))
            }
            Self::StringMatches(pattern) => ("StringMatches".into(), Value::from(pattern.as_str())),
            Self::Timestamp(order, operand) => {
                operand.field(&format!("Timestamp{}", name_of(&ORDERS, order)), |value| Value::from(value.as_str()))
            }
        }
    }
}

impl<T> Operand<T> {
    fn field(&self, name: &str, literal: impl Fn(&T) -> Value) -> (String, Value) {
        match self {
            Self::Value(value) => (name.to_owned(), literal(value)),
            Self::Path(path) => (format!("{name}Path"), Value::from(path.as_str())),
        }
    }
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], wanted: &T) -> &'static str {
    table.iter().find(|(_, value)| value == wanted).map_or("", |(name, _)| name)
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let test = read_test(&mut fields).map_err(D::Error::custom)?;
        Ok(Self { test, extra: fields })
    }
}

fn read_test(fields: &mut Map<String, Value>) -> Result<Test, String> {
    if let Some(rules) = fields.shift_remove("And") {
        return read(rules).map(Test::And);
    }
    if let Some(rules) = fields.shift_remove("Or") {
        return read(rules).map(Test::Or);
    }
    if let Some(rule) = fields.shift_remove("Not") {
        return read(rule).map(Test::Not);
    }
    if let Some(expression) = fields.shift_remove("Condition") {
        return read(expression).map(Test::Condition);
    }
    let field = fields
        .keys()
        .find(|key| is_comparison(key))
        .cloned()
        .ok_or("expected a rule to have And, Or, Not or a comparison, found none")?;
    let value = fields.shift_remove(&field).unwrap_or_default();
    let variable: JsonPath = read(fields.shift_remove("Variable").ok_or("expected a comparison to have a Variable")?)?;
    let comparison = read_comparison(&field, value).map_err(|error| format!("{field}: {error}"))?;
    Ok(Test::Compare(variable, comparison))
}

fn is_comparison(field: &str) -> bool {
    field == "StringMatches"
        || TYPES.iter().any(|(name, _)| *name == field)
        || matches!(split(field), Some((kind, order, _)) if kind != "Boolean" || order == Order::Equals)
}

/// The type, the order and whether the operand is a path.
fn split(field: &str) -> Option<(&str, Order, bool)> {
    let (stem, path) = match field.strip_suffix("Path") {
        Some(stem) => (stem, true),
        None => (field, false),
    };
    let kind = ["Boolean", "Numeric", "String", "Timestamp"].into_iter().find(|kind| stem.starts_with(kind))?;
    let (_, order) = ORDERS.iter().find(|(name, _)| *name == &stem[kind.len()..])?;
    Some((kind, *order, path))
}

fn read_comparison(field: &str, value: Value) -> Result<Comparison, String> {
    if field == "StringMatches" {
        return read(value).map(Comparison::StringMatches);
    }
    if let Some((_, kind)) = TYPES.iter().find(|(name, _)| *name == field) {
        return read(value).map(|expected| Comparison::Is(*kind, expected));
    }
    match split(field) {
        Some(("Boolean", _, path)) => operand(value, path).map(Comparison::Boolean),
        Some(("Numeric", order, path)) => operand(value, path).map(|operand| Comparison::Numeric(order, operand)),
        Some(("String", order, path)) => operand(value, path).map(|operand| Comparison::String(order, operand)),
        Some((_, order, path)) => operand(value, path).map(|operand| Comparison::Timestamp(order, operand)),
        None => Err("unknown comparison".into()),
    }
}

fn operand<T: DeserializeOwned>(value: Value, path: bool) -> Result<Operand<T>, String> {
    if path { read(value).map(Operand::Path) } else { read(value).map(Operand::Value) }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_come_back_as_they_were() {
        for rule in [
            json!({"Variable": "$.a", "NumericLessThanEqualsPath": "$.b"}),
            json!({"Variable": "$.a", "IsPresent": false, "Comment": "kept"}),
            json!({"Not": {"Variable": "$.a", "StringMatches": "x*"}}),
            json!({"Or": [{"And": [{"Variable": "$.a", "TimestampGreaterThan": "2026-01-01T00:00:00Z"}]}]}),
            json!({"Variable": "$.a", "NumericEquals": 1.5}),
            json!({"Condition": "{% $a %}"}),
        ] {
            let read: Rule = serde_json::from_value(rule.clone()).expect("a rule");
            assert_eq!(serde_json::to_value(&read).expect("json"), rule);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rule in [json!({}), json!({"Variable": "$.a"}), json!({"IsNull": true}), json!({"BooleanLessThan": true})] {
            assert!(serde_json::from_value::<Rule>(rule).is_err());
        }
    }
}
