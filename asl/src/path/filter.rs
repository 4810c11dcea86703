//! Filters: `[?(@.status == 0 && @.name =~ /a.*/i)]`. A comparison of values that have no order is false.

use std::cmp::Ordering;

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    evaluate::find,
    parse::{Context, Cursor, PathError, Query, parse_query},
};
use crate::number::compare;

/// A condition on one value, `@`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
    Matches(Operand, Pattern),
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Literal(Value),
    /// From the value that is looked at (`@`).
    Current(Query),
    /// From the whole input (`$`).
    Root(Query),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
}

/// The longer ones first: `<=` begins with `<`.
const OPERATORS: [(&str, Operator); 10] = [
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("nin ", Operator::NotIn),
    ("in ", Operator::In),
    ("contains ", Operator::Contains),
];

/// A regular expression that a whole string has to match.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Filter, PathError> {
    let mut any = vec![parse_and(cursor)?];
    while eat_spaced(cursor, "||") {
        any.push(parse_and(cursor)?);
    }
    Ok(if any.len() == 1 { any.remove(0) } else { Filter::Or(any) })
}

fn parse_and(cursor: &mut Cursor<'_>) -> Result<Filter, PathError> {
    let mut all = vec![parse_term(cursor)?];
    while eat_spaced(cursor, "&&") {
        all.push(parse_term(cursor)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
}

fn eat_spaced(cursor: &mut Cursor<'_>, token: &str) -> bool {
    cursor.skip_space();
    cursor.eat(token)
}

fn parse_term(cursor: &mut Cursor<'_>) -> Result<Filter, PathError> {
    if eat_spaced(cursor, "!") {
        return Ok(Filter::Not(Box::new(parse_term(cursor)?)));
    }
    if cursor.eat("(") {
        let inner = parse(cursor)?;
        cursor.expect(")")?;
        return Ok(inner);
    }
    let left = parse_operand(cursor)?;
    if eat_spaced(cursor, "=~") {
        return Ok(Filter::Matches(left, parse_pattern(cursor)?));
    }
    match OPERATORS.iter().find(|(token, _)| cursor.eat(token)) {
        Some((_, operator)) => Ok(Filter::Compare(left, *operator, parse_operand(cursor)?)),
        None => Ok(Filter::Exists(left)),
    }
}

fn parse_operand(cursor: &mut Cursor<'_>) -> Result<Operand, PathError> {
    cursor.skip_space();
    match cursor.peek() {
        Some('@') => parse_query(cursor, Context::Filter).map(Operand::Current),
        Some('$') => parse_query(cursor, Context::Filter).map(Operand::Root),
        Some('\'' | '"') => cursor.quoted().map(|text| Operand::Literal(Value::String(text))),
        Some('[') => {
            let text = cursor.take_while(|c| c != ']').replace('\'', "\"") + "]";
            cursor.expect("]")?;
            serde_json::from_str(&text).map(Operand::Literal).map_err(|_| cursor.error("a list of values before"))
        }
        _ => {
            let word = cursor.take_while(|c| c.is_alphanumeric() || "+-.".contains(c));
            serde_json::from_str(word).map(Operand::Literal).map_err(|_| cursor.error("a value before"))
        }
    }
}

fn parse_pattern(cursor: &mut Cursor<'_>) -> Result<Pattern, PathError> {
    cursor.expect("/")?;
    let mut escaped = false;
    let rest = cursor.rest();
    let end = rest
        .find(|c| {
            let closes = c == '/' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        })
        .ok_or_else(|| cursor.error("a regular expression that ends with `/`"))?;
    cursor.eat(&rest[..=end]);
    let insensitive = cursor.eat("i");
    RegexBuilder::new(&format!("^(?:{})$", &rest[..end]))
        .case_insensitive(insensitive)
        .build()
        .map(Pattern)
        .map_err(|_| cursor.error("a regular expression before"))
}

impl Filter {
    pub(super) fn holds(&self, current: &Value, root: &Value) -> bool {
        match self {
            Self::Or(any) => any.iter().any(|filter| filter.holds(current, root)),
            Self::And(all) => all.iter().all(|filter| filter.holds(current, root)),
            Self::Not(filter) => !filter.holds(current, root),
            Self::Exists(operand) => operand.value(current, root).is_some(),
            Self::Matches(operand, pattern) => {
                let value = operand.value(current, root);
                value.as_ref().and_then(Value::as_str).is_some_and(|text| pattern.0.is_match(text))
            }
            Self::Compare(left, operator, right) => {
                operator.holds(left.value(current, root).as_ref(), right.value(current, root).as_ref())
            }
        }
    }
}

impl Operand {
    fn value(&self, current: &Value, root: &Value) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Current(query) => find(query, current, root).ok(),
            Self::Root(query) => find(query, root, root).ok(),
        }
    }
}

impl Operator {
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let ordering = left.zip(right).and_then(|(left, right)| order(left, right));
        let within = |item: Option<&Value>, list: Option<&Value>| {
            let list = list.and_then(Value::as_array);
            item.zip(list)
                .is_some_and(|(item, list)| list.iter().any(|each| order(item, each) == Some(Ordering::Equal)))
        };
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
            Self::In => within(left, right),
            Self::NotIn => !within(left, right),
            Self::Contains => match (left, right) {
                (Some(Value::String(text)), Some(Value::String(part))) => text.contains(part.as_str()),
                _ => within(right, left),
            },
        }
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => (left == right).then_some(Ordering::Equal),
    }
}
