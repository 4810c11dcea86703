//! Values of steps: constants, and templates over the item's other attributes.

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
