//! The operations on tables and on what surrounds them: everything that touches no item.

mod describe;
mod tables;

use crate::engine::Engine;
use crate::reply::{Answer, Fault};

/// Answers one request, or says that there is no such operation.
pub(crate) fn answer(engine: &mut Engine, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "CreateTable" => tables::create(engine, body),
        "DeleteTable" => tables::delete(engine, body),
        "DescribeTable" => tables::describe(engine, body),
        _ => Err(Fault::unknown_operation()),
    }
}
