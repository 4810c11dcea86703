//! Your transforms in Rust. Write a function from an item to a [`Change`], register it in [`all`], and name it in
//! `migration.yaml`:
//!
//! ```yaml
//! transform:
//!   - function: updated_at
//! ```
//!
//! A function must be pure, and idempotent: of its own result it must make [`Change::Keep`], so that a second run
//! writes nothing. Where it can't be (it counts, say), give the migration a `marker`. `run --dry-run` checks it on
//! a sample. An item that can't be changed is refused with a [`Failure`]: it is listed, and nothing is guessed.
//! Numbers arrive as the digits that DynamoDB stores: keep them so, a float would round them.

use aws_sdk_dynamodb::types::AttributeValue;
use migration::transform::{Change, Failure, Functions, ItemView, Run};

/// Every function that a migration may name.
pub fn all() -> Functions {
    Functions::new().with("updated_at", updated_at)
}

/// Gives every item that has no `updatedAt` the time of the run's start, in ISO-8601.
pub fn updated_at(item: &ItemView<'_>, run: Run) -> Result<Change, Failure> {
    if item.has("updatedAt") {
        return Ok(Change::Keep);
    }
    Ok(Change::set("updatedAt", AttributeValue::S(run.now.to_string())))
}
