//! `where`: conditions and the comparisons in them.

use aws_sdk_dynamodb::types::AttributeValue;

use super::fields::{Fields, path, truth, word};
use super::node::{Content, Node};
use super::values::constant;
use crate::definition::mistake::Mistakes;
use crate::definition::{Comparison, Condition};
use crate::item::{AttributeType, Path, Value};

/// The keys of a condition; all but the first four are comparisons.
const KEYS: [&str; 15] = [
    "all",
    "any",
    "not",
    "path",
    "exists",
    "missing",
    "equals",
    "not_equals",
    "less_than",
    "at_most",
    "greater_than",
    "at_least",
    "begins_with",
    "contains",
    "type",
];

/// A condition: one of `all`, `any`, `not`, or a path with the comparisons that all have to hold there.
pub(super) fn condition(node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    let fields = Fields::read(node, "a condition", &KEYS, mistakes)?;
    if fields.optional("path").is_some() {
        return on_path(&fields, mistakes);
    }
    let known: Vec<_> = fields.entries().iter().filter(|(key, _)| KEYS.contains(key)).collect();
    match known.as_slice() {
        [("all", node)] => conditions(node, mistakes).map(Condition::All),
        [("any", node)] => conditions(node, mistakes).map(Condition::Any),
        [("not", node)] => condition(node, mistakes).map(|inner| Condition::Not(Box::new(inner))),
        // An unknown key has been said already.
        [] if !fields.entries().is_empty() => None,
        _ => {
            mistakes.add(
                fields.at,
                "expected one of all, any, not, or a path with comparisons: nest conditions below all or any to combine them",
            );
            None
        }
    }
}

fn conditions(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<Condition>> {
    match &node.content {
        Content::Sequence(nodes) if node.tag.is_none() && !nodes.is_empty() => {
            let all: Vec<_> = nodes.iter().map(|node| condition(node, mistakes)).collect();
            all.into_iter().collect()
        }
        Content::Sequence(_) if node.tag.is_none() => {
            mistakes.add(node.at, "expected at least one condition, found an empty list");
            None
        }
        _ => {
            mistakes.add(node.at, format!("expected a list of conditions, found {}", node.found()));
            None
        }
    }
}

fn on_path(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Condition> {
    let mut place: Option<Path> = None;
    let mut comparisons = Vec::new();
    let mut complete = true;
    for (key, node) in fields.entries() {
        match *key {
            "path" => place = path(node, mistakes),
            "all" | "any" | "not" => {
                mistakes.add(
                    node.at,
                    format!("expected comparisons beside a path, found {key}: put it and the path below all or any"),
                );
                complete = false;
            }
            key => match comparison(key, node, mistakes) {
                Some(comparison) => comparisons.push(comparison),
                None => complete = false,
            },
        }
    }
    if comparisons.is_empty() && complete {
        mistakes.add(
            fields.at,
            format!("expected a comparison beside the path, found none: add one of {}", { KEYS[4..].join(", ") }),
        );
    }
    let place = place.filter(|_| complete)?;
    let mut all: Vec<_> = comparisons.into_iter().map(|one| Condition::Path(place.clone(), one)).collect();
    if all.len() > 1 { Some(Condition::All(all)) } else { all.pop() }
}

fn comparison(key: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Comparison> {
    Some(match key {
        "exists" => Comparison::Exists(truth(node, "whether something stands there", mistakes)?),
        "missing" => Comparison::Missing(truth(node, "whether nothing stands there", mistakes)?),
        "equals" => Comparison::Equals(constant(node, mistakes)?),
        "not_equals" => Comparison::NotEquals(constant(node, mistakes)?),
        "less_than" => Comparison::LessThan(ordered(node, mistakes)?),
        "at_most" => Comparison::AtMost(ordered(node, mistakes)?),
        "greater_than" => Comparison::GreaterThan(ordered(node, mistakes)?),
        "at_least" => Comparison::AtLeast(ordered(node, mistakes)?),
        "begins_with" => Comparison::BeginsWith(beginning(node, mistakes)?),
        "contains" => Comparison::Contains(constant(node, mistakes)?),
        "type" => {
            let names = AttributeType::ALL.map(AttributeType::as_str);
            Comparison::Type(word(node, "a type", &names, mistakes)?.parse().ok()?)
        }
        _ => return None,
    })
}

/// A value that DynamoDB orders.
fn ordered(node: &Node, mistakes: &mut Mistakes) -> Option<Value> {
    let value = constant(node, mistakes)?;
    if matches!(value.0, AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_)) {
        return Some(value);
    }
    mistakes.add(node.at, format!("expected a string, number or binary to compare with, found {}", node.found()));
    None
}

fn beginning(node: &Node, mistakes: &mut Mistakes) -> Option<Value> {
    let value = constant(node, mistakes)?;
    if matches!(value.0, AttributeValue::S(_) | AttributeValue::B(_)) {
        return Some(value);
    }
    mistakes.add(node.at, format!("expected a string or binary to begin with, found {}", node.found()));
    None
}
