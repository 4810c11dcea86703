//! Constants: plain YAML becomes DynamoDB's natural types, tags name one.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::entries;
use super::node::{Content, Node};
use super::scalar::{Meaning, Scalar};
use crate::definition::mistake::{Mistakes, Position};
use crate::definition::{Operand, Template, TemplateType};
use crate::item::{Number, Value, same_value};

/// DynamoDB nests no deeper (API reference, "Nested attribute depth").
const MAX_DEPTH: usize = 32;

/// The value of `set` and `default`: a constant, or a template where a string holds `${`.
pub(super) fn operand(node: &Node, mistakes: &mut Mistakes) -> Option<Operand> {
    let kind = match node.tag.as_deref() {
        None | Some("!S") => TemplateType::S,
        Some("!N") => TemplateType::N,
        Some(_) => return constant(node, mistakes).map(Operand::Constant),
    };
    match &node.content {
        Content::Scalar(scalar) if scalar.text.contains("${") => {
            mistakes.check(node.at, Template::parse(&scalar.text, kind))
        }
        _ => constant(node, mistakes).map(Operand::Constant),
    }
}

/// A value that is the same for every item.
pub(super) fn constant(node: &Node, mistakes: &mut Mistakes) -> Option<Value> {
    value(node, 1, mistakes).map(Value)
}

/// A number, for `increment`.
pub(super) fn number(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Number> {
    match value(node, 1, mistakes)? {
        AttributeValue::N(digits) => mistakes.check(node.at, digits.parse()),
        _ => {
            mistakes.add(node.at, format!("expected {what}, found {}", node.found()));
            None
        }
    }
}

fn value(node: &Node, depth: usize, mistakes: &mut Mistakes) -> Option<AttributeValue> {
    if depth > MAX_DEPTH {
        mistakes.add(node.at, "expected a value of at most 32 levels (DynamoDB's limit), found a deeper one");
        return None;
    }
    match (node.tag.as_deref(), &node.content) {
        (None, Content::Scalar(scalar)) => natural(node.at, scalar, mistakes),
        (None | Some("!L"), Content::Sequence(nodes)) => list(nodes, depth, mistakes),
        (None | Some("!M"), Content::Mapping(_)) => map(node, depth, mistakes),
        (Some("!S"), Content::Scalar(scalar)) => literal(node.at, &scalar.text, mistakes).map(AttributeValue::S),
        (Some("!N"), Content::Scalar(scalar)) => digits(node.at, &scalar.text, mistakes).map(AttributeValue::N),
        (Some("!B"), Content::Scalar(scalar)) => binary(node.at, &scalar.text, mistakes).map(AttributeValue::B),
        (Some("!BOOL"), Content::Scalar(Scalar { text, .. })) if text == "true" || text == "false" => {
            Some(AttributeValue::Bool(text == "true"))
        }
        (Some("!NULL"), Content::Scalar(Scalar { text, .. })) if matches!(text.as_str(), "" | "~" | "null") => {
            Some(AttributeValue::Null(true))
        }
        (Some("!SS"), Content::Sequence(nodes)) => {
            set(node, nodes, literal, AttributeValue::S, mistakes).map(AttributeValue::Ss)
        }
        (Some("!NS"), Content::Sequence(nodes)) => {
            set(node, nodes, digits, AttributeValue::N, mistakes).map(AttributeValue::Ns)
        }
        (Some("!BS"), Content::Sequence(nodes)) => {
            set(node, nodes, binary, AttributeValue::B, mistakes).map(AttributeValue::Bs)
        }
        (Some(tag), content) => {
            mistakes.add(node.at, wrong_tag(tag, content));
            None
        }
    }
}

fn wrong_tag(tag: &str, content: &Content) -> String {
    let wants = match tag {
        "!S" => "a string",
        "!N" => "a number",
        "!B" => "a string in base64",
        "!BOOL" => "true or false",
        "!NULL" => "null",
        "!L" => "a list",
        "!M" => "a mapping",
        "!SS" => "a list of strings",
        "!NS" => "a list of numbers",
        "!BS" => "a list of strings in base64",
        _ => return format!("expected a tag of !S !N !B !SS !NS !BS !L !M !BOOL !NULL, found {tag}"),
    };
    let found = match content {
        Content::Scalar(scalar) => scalar.found(),
        Content::Sequence(_) => "a list".into(),
        Content::Mapping(_) => "a mapping".into(),
    };
    format!("expected {wants} after {tag}, found {found}")
}

fn natural(at: Position, scalar: &Scalar, mistakes: &mut Mistakes) -> Option<AttributeValue> {
    match scalar.meaning() {
        Meaning::Null => Some(AttributeValue::Null(true)),
        Meaning::Bool(truth) => Some(AttributeValue::Bool(truth)),
        Meaning::Number(text) => digits(at, text, mistakes).map(AttributeValue::N),
        Meaning::Text(text) => literal(at, text, mistakes).map(AttributeValue::S),
        Meaning::Nothing => {
            mistakes.add(at, "expected a value, found nothing: write null for NULL, \"\" for an empty string");
            None
        }
        Meaning::Unclear(text) => {
            mistakes.add(
                at,
                format!(
                    "expected a decimal number or a string, found {text}: put it in quotes, or write it as 0.5 or 12"
                ),
            );
            None
        }
    }
}

/// Text that stands for itself. A template is refused: nobody fills it here.
fn literal(at: Position, text: &str, mistakes: &mut Mistakes) -> Option<String> {
    let unescaped = Template::unescape(text);
    if unescaped.is_none() {
        mistakes.add(
            at,
            "expected a constant, found ${: templates stand only as the whole value of set and default; \
             write $${ for a literal ${",
        );
    }
    unescaped
}

fn digits(at: Position, text: &str, mistakes: &mut Mistakes) -> Option<String> {
    mistakes.check(at, text.parse::<Number>()).map(|_| text.to_owned())
}

fn binary(at: Position, text: &str, mistakes: &mut Mistakes) -> Option<Blob> {
    let bytes = STANDARD.decode(text).map_err(|_| format!("expected base64 with padding, found {text:?}"));
    mistakes.check(at, bytes.map(Blob::new))
}

fn list(nodes: &[Node], depth: usize, mistakes: &mut Mistakes) -> Option<AttributeValue> {
    // Every element is read, so that every mistake is found.
    let values: Vec<_> = nodes.iter().map(|node| value(node, depth + 1, mistakes)).collect();
    values.into_iter().collect::<Option<_>>().map(AttributeValue::L)
}

fn map(node: &Node, depth: usize, mistakes: &mut Mistakes) -> Option<AttributeValue> {
    let entries = entries(node, "a map", mistakes);
    let values: Vec<_> = entries
        .into_iter()
        .map(|(_, name, node)| value(node, depth + 1, mistakes).map(|value| (name.to_owned(), value)))
        .collect();
    values.into_iter().collect::<Option<HashMap<_, _>>>().map(AttributeValue::M)
}

/// The members of a set: as the tag says, whatever they look like to YAML; none twice, at least one.
fn set<T: Clone>(
    set: &Node,
    nodes: &[Node],
    member: fn(Position, &str, &mut Mistakes) -> Option<T>,
    as_value: fn(T) -> AttributeValue,
    mistakes: &mut Mistakes,
) -> Option<Vec<T>> {
    if nodes.is_empty() {
        mistakes.add(set.at, "expected at least one member, found an empty set: DynamoDB stores none");
        return None;
    }
    let mut members: Vec<T> = Vec::with_capacity(nodes.len());
    let mut complete = true;
    for node in nodes {
        let read = match node.scalar() {
            Some(scalar) => member(node.at, &scalar.text, mistakes),
            None => {
                mistakes.add(node.at, format!("expected a member of a set, found {}", node.found()));
                None
            }
        };
        let Some(new) = read else {
            complete = false;
            continue;
        };
        let value = as_value(new.clone());
        if members.iter().any(|earlier| same_value(&as_value(earlier.clone()), &value)) {
            mistakes.add(node.at, format!("expected each member of a set once, found {} again", node.found()));
        }
        members.push(new);
    }
    complete.then_some(members)
}
