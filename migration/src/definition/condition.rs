//! The conditions of `where`: which items a migration touches.

use serde::{Deserialize, Serialize};

use crate::item::{AttributeType, Path, Value};

/// A truth about an item. A comparison with an attribute that is absent, or of another type, is false,
/// as in DynamoDB's own filters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Every one of them holds.
    All(Vec<Condition>),
    /// At least one of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A comparison on one path.
    Path(Path, Comparison),
}

/// What is asked of the value at a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Something stands there (`true`), or nothing does (`false`).
    Exists(bool),
    /// Nothing stands there (`true`), or something does (`false`).
    Missing(bool),
    /// Equal in type and value; numbers by value, sets without order.
    Equals(Value),
    /// Present, and not equal.
    NotEquals(Value),
    /// Of the same type (S, N or B) and less.
    LessThan(Value),
    /// Of the same type (S, N or B) and not greater.
    AtMost(Value),
    /// Of the same type (S, N or B) and greater.
    GreaterThan(Value),
    /// Of the same type (S, N or B) and not less.
    AtLeast(Value),
    /// A string or binary that begins so.
    BeginsWith(Value),
    /// A string that contains it, or a set or list that has it as an element.
    Contains(Value),
    /// Of this type.
    Type(AttributeType),
}
