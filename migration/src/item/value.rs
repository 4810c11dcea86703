//! Attribute values: equality as DynamoDB sees it, and JSON both ways.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Number;

/// An item, as the SDK hands it over.
pub type Item = HashMap<String, AttributeValue>;

/// The ten types that an attribute can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "DynamoDB's own names")]
pub enum AttributeType {
    S,
    N,
    B,
    #[serde(rename = "SS")]
    Ss,
    #[serde(rename = "NS")]
    Ns,
    #[serde(rename = "BS")]
    Bs,
    M,
    L,
    #[serde(rename = "NULL")]
    Null,
    #[serde(rename = "BOOL")]
    Bool,
}

impl AttributeType {
    /// All of them, in the order of DynamoDB's documentation.
    pub const ALL: [Self; 10] =
        [Self::S, Self::N, Self::B, Self::Ss, Self::Ns, Self::Bs, Self::M, Self::L, Self::Null, Self::Bool];

    /// The type of `value`; `None` for one that this version of the SDK doesn't know.
    pub fn of(value: &AttributeValue) -> Option<Self> {
        Some(match value {
            AttributeValue::S(_) => Self::S,
            AttributeValue::N(_) => Self::N,
            AttributeValue::B(_) => Self::B,
            AttributeValue::Ss(_) => Self::Ss,
            AttributeValue::Ns(_) => Self::Ns,
            AttributeValue::Bs(_) => Self::Bs,
            AttributeValue::M(_) => Self::M,
            AttributeValue::L(_) => Self::L,
            AttributeValue::Null(_) => Self::Null,
            AttributeValue::Bool(_) => Self::Bool,
            _ => return None,
        })
    }

    /// The name that DynamoDB gives it on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
            Self::Ss => "SS",
            Self::Ns => "NS",
            Self::Bs => "BS",
            Self::M => "M",
            Self::L => "L",
            Self::Null => "NULL",
            Self::Bool => "BOOL",
        }
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AttributeType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| format!("expected one of S, N, B, SS, NS, BS, M, L, NULL, BOOL, found \"{text}\""))
    }
}

/// An attribute value that can be compared and written as DynamoDB JSON (`{"S": "…"}`): the constants of a
/// migration.
#[derive(Debug, Clone)]
pub struct Value(pub AttributeValue);

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        same_value(&self.0, &other.0)
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        super::json::value_to_json(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        super::json::value_from_json(json).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Whether DynamoDB would call the two equal: numbers by value, sets without order.
pub fn same_value(left: &AttributeValue, right: &AttributeValue) -> bool {
    use AttributeValue as V;
    match (left, right) {
        (V::N(left), V::N(right)) => same_number(left, right),
        (V::Ss(left), V::Ss(right)) => same_set(left, right, |a, b| a == b),
        (V::Ns(left), V::Ns(right)) => same_set(left, right, |a, b| same_number(a, b)),
        (V::Bs(left), V::Bs(right)) => same_set(left, right, |a, b| a == b),
        (V::L(left), V::L(right)) => left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same_value(a, b)),
        (V::M(left), V::M(right)) => {
            left.len() == right.len() && left.iter().all(|(name, a)| right.get(name).is_some_and(|b| same_value(a, b)))
        }
        (left, right) => left == right,
    }
}

/// Sets are small, and most are equal member by member in order: the quadratic way is the quick one.
fn same_set<T>(left: &[T], right: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    left.len() == right.len()
        && (left.iter().zip(right).all(|(a, b)| same(a, b)) || left.iter().all(|a| right.iter().any(|b| same(a, b))))
}

fn same_number(left: &str, right: &str) -> bool {
    left == right
        || match (left.parse::<Number>(), right.parse::<Number>()) {
            (Ok(left), Ok(right)) => left == right,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_dynamodbs_own() {
        let n = |text: &str| AttributeValue::N(text.into());
        let ss = |members: &[&str]| AttributeValue::Ss(members.iter().map(ToString::to_string).collect());
        assert!(same_value(&n("1.0"), &n("1")));
        // The two are one as floats.
        assert!(!same_value(&n("9007199254740993"), &n("9007199254740992")));
        assert!(same_value(&AttributeValue::L(vec![n("100")]), &AttributeValue::L(vec![n("1e2")])));
        assert!(same_value(&ss(&["a", "b"]), &ss(&["b", "a"])));
        assert!(!same_value(&ss(&["a", "b"]), &ss(&["a", "c"])));
        assert!(!same_value(&n("1"), &AttributeValue::S("1".into())));
        assert!(!same_value(&AttributeValue::Bool(false), &AttributeValue::Null(true)));
    }
}
