//! Items, attribute values, numbers and paths: exact, whatever DynamoDB stores (R5).

pub mod json;
mod number;
mod path;
pub mod plain;
mod size;
mod value;

pub use number::Number;
pub use path::{Path, PathElement};
pub use size::{MAX_ITEM_BYTES, attribute_bytes, item_bytes, read_units, write_units};
pub use value::{AttributeType, Item, Value, same_value};
