//! Items, attribute values, numbers and paths: exact, whatever DynamoDB stores (R5).

pub mod json;
mod number;
mod path;
mod value;

pub use number::Number;
pub use path::{Path, PathElement};
pub use value::{AttributeType, Item, Value, same_value};
