//! Evaluates `where`, with DynamoDB's own idea of comparison: another type, or nothing, compares false.

use std::cmp::Ordering;

use aws_sdk_dynamodb::types::AttributeValue;

use super::draft::Draft;
use crate::definition::{Comparison, Condition};
use crate::item::{Number, Path, same_value};

pub(super) fn holds(condition: &Condition, draft: &Draft<'_>) -> bool {
    match condition {
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, draft)),
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, draft)),
        Condition::Not(condition) => !holds(condition, draft),
        Condition::Path(path, comparison) => compares(path, comparison, draft),
    }
}

fn compares(path: &Path, comparison: &Comparison, draft: &Draft<'_>) -> bool {
    let is = |wanted: fn(Ordering) -> bool, other: &AttributeValue| {
        draft.get(path).and_then(|value| order(value, other)).is_some_and(wanted)
    };
    match comparison {
        Comparison::Exists(wanted) => draft.exists(path) == *wanted,
        Comparison::Missing(wanted) => draft.exists(path) != *wanted,
        Comparison::Type(kind) => draft.type_of(path) == Some(*kind),
        Comparison::Equals(other) => draft.get(path).is_some_and(|value| same_value(value, &other.0)),
        Comparison::NotEquals(other) => draft.get(path).is_some_and(|value| !same_value(value, &other.0)),
        Comparison::LessThan(other) => is(Ordering::is_lt, &other.0),
        Comparison::AtMost(other) => is(Ordering::is_le, &other.0),
        Comparison::GreaterThan(other) => is(Ordering::is_gt, &other.0),
        Comparison::AtLeast(other) => is(Ordering::is_ge, &other.0),
        Comparison::BeginsWith(start) => draft.get(path).is_some_and(|value| begins_with(value, &start.0)),
        Comparison::Contains(part) => draft.get(path).is_some_and(|value| contains(value, &part.0)),
    }
}

/// Numbers by value, strings and binaries by their bytes.
fn order(left: &AttributeValue, right: &AttributeValue) -> Option<Ordering> {
    match (left, right) {
        (AttributeValue::N(left), AttributeValue::N(right)) => {
            Some(left.parse::<Number>().ok()?.cmp(&right.parse::<Number>().ok()?))
        }
        (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (AttributeValue::B(left), AttributeValue::B(right)) => Some(left.as_ref().cmp(right.as_ref())),
        _ => None,
    }
}

fn begins_with(value: &AttributeValue, start: &AttributeValue) -> bool {
    match (value, start) {
        (AttributeValue::S(value), AttributeValue::S(start)) => value.starts_with(start.as_str()),
        (AttributeValue::B(value), AttributeValue::B(start)) => value.as_ref().starts_with(start.as_ref()),
        _ => false,
    }
}

fn contains(value: &AttributeValue, part: &AttributeValue) -> bool {
    use AttributeValue as V;
    let same_member = |member: V| same_value(&member, part);
    match (value, part) {
        (V::S(value), V::S(part)) => value.contains(part.as_str()),
        (V::B(value), V::B(part)) => {
            let part = part.as_ref();
            part.is_empty() || value.as_ref().windows(part.len()).any(|window| window == part)
        }
        (V::L(list), _) => list.iter().any(|element| same_value(element, part)),
        (V::Ss(members), _) => members.iter().any(|member| same_member(V::S(member.clone()))),
        (V::Ns(members), _) => members.iter().any(|member| same_member(V::N(member.clone()))),
        (V::Bs(members), _) => members.iter().any(|member| same_member(V::B(member.clone()))),
        _ => false,
    }
}
