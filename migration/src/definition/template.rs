//! Values of steps: constants, and templates over the item's other attributes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::item::{Path, Value};

/// What `set` and `default` write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// The same for every item.
    Constant(Value),
    /// Put together from the item's own attributes.
    Template(Template),
}

/// Text with places that an item fills, such as `${year}#${title}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The type of the result.
    #[serde(rename = "type")]
    pub kind: TemplateType,
    /// Literal text and places, in order.
    pub parts: Vec<Part>,
}

/// The types that a template can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplateType {
    /// A string.
    S,
    /// A number: the filled text has to be one; `${now}` counts seconds since 1970.
    N,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text as it stands; `$${` in the file is a literal `${`.
    Literal(String),
    /// The `S` or `N` at a path; anything else, or nothing, fails the item.
    Path(Path),
    /// The start of the run, the same for every item: ISO-8601 in UTC, or seconds since 1970 in a number.
    Now,
}

impl Template {
    /// Reads text that holds `${…}`; without a place to fill it is a constant.
    ///
    /// `${now}` is the start of the run (an attribute of that name is `` ${`now`} ``), `$${` a literal `${`.
    /// The error says what is wrong with the text.
    pub fn parse(text: &str, kind: TemplateType) -> Result<Operand, String> {
        let parts = split(text)?;
        match (kind, parts.as_slice()) {
            (TemplateType::S, []) => Ok(Operand::Constant(Value(AttributeValue::S(String::new())))),
            (TemplateType::S, [Part::Literal(text)]) => Ok(Operand::Constant(Value(AttributeValue::S(text.clone())))),
            _ => Self::checked(kind, parts).map(Operand::Template),
        }
    }

    /// The text that stands for itself once `$${` is read as `${`; `None` where there is a place to fill.
    pub(super) fn unescape(text: &str) -> Option<String> {
        match split(text).ok()?.as_mut_slice() {
            [] => Some(String::new()),
            [Part::Literal(text)] => Some(std::mem::take(text)),
            _ => None,
        }
    }

    fn checked(kind: TemplateType, parts: Vec<Part>) -> Result<Self, String> {
        let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        let stray = parts.iter().find_map(|part| match part {
            Part::Literal(text) if kind == TemplateType::N && !numeric(text) => Some(text),
            _ => None,
        });
        match stray {
            Some(text) => Err(format!("expected digits around the places of a number template, found {text:?}")),
            None => Ok(Self { kind, parts }),
        }
    }
}

/// The pieces of a text, no two literals side by side.
fn split(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, place) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = place;
            continue;
        }
        literal.push_str(before);
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        let end = place_end(place).ok_or("expected } after ${, found none: write $${ for a literal ${")?;
        parts.push(match &place[..end] {
            "now" => Part::Now,
            path => Part::Path(path.parse()?),
        });
        rest = &place[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// Where the place that `text` begins with ends: at the first `}` outside backticks.
fn place_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.find(|char| {
        quoted ^= char == '`';
        char == '}' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<Part> {
        match Template::parse(text, TemplateType::S).unwrap() {
            Operand::Template(template) => template.parts,
            Operand::Constant(constant) => panic!("{constant:?}"),
        }
    }

    #[test]
    fn places_and_text_are_told_apart() {
        let path = |text: &str| Part::Path(text.parse().unwrap());
        let literal = |text: &str| Part::Literal(text.into());
        assert_eq!(parts("${year}#${info.a[0]}"), [path("year"), literal("#"), path("info.a[0]")]);
        assert_eq!(parts("at ${now}, $5, $${x}, {y}"), [literal("at "), Part::Now, literal(", $5, ${x}, {y}")]);
        assert_eq!(parts("${`now`}${`a}b`}"), [path("now"), path("`a}b`")]);
    }

    #[test]
    fn text_without_a_place_is_a_constant() {
        let constant = Operand::Constant(Value(AttributeValue::S("a ${b} $$ c".into())));
        assert_eq!(Template::parse("a $${b} $$ c", TemplateType::S).unwrap(), constant);
        assert_eq!(Template::unescape("a $${b} $$ c").unwrap(), "a ${b} $$ c");
        assert_eq!(Template::unescape("a ${b}"), None);
    }

    #[test]
    fn a_template_that_is_none_says_why() {
        let error = |text: &str, kind| Template::parse(text, kind).unwrap_err();
        assert!(error("${year", TemplateType::S).starts_with("expected } after ${"));
        assert!(error("${}", TemplateType::S).contains("a name is empty"));
        assert!(error("${a..b}", TemplateType::S).contains("a name is empty"));
        assert!(error("${a} units", TemplateType::N).contains("found \" units\""));
    }
}
