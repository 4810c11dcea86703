//! A conditional write in PartiQL: one statement of a batch.
//!
//! Every value travels as a parameter, in its own type (R5), and none in the text (R20). Names are quoted, so that
//! neither reserved words nor letter case matter. What can't be said so is left to a write of its own.

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest, ReturnValuesOnConditionCheckFailure};

use super::attempted::{Change, Request};
use crate::expression::MAX_OPERATORS;
use crate::item::{AttributeType, Path, PathElement};
use crate::transform::{Edit, Edits, Seen, SeenAs};

/// DynamoDB's limit on a statement, in characters (API reference, BatchStatementRequest). Bytes are counted here.
const MAX_STATEMENT_BYTES: usize = 8192;

/// The write as a statement; `None` where PartiQL has no words for it.
///
/// An UPDATE of an absent key fails its condition, as it should; a DELETE of one succeeds (developer guide, "PartiQL
/// delete statements"), so it returns what it has deleted.
pub(super) fn of(table: &str, request: &Request<'_>) -> Option<BatchStatementRequest> {
    let mut statement = Statement { text: String::with_capacity(512), parameters: Vec::with_capacity(16) };
    let operators = match request.change {
        Change::Update { edits, seen } => {
            statement.text.push_str("UPDATE ");
            statement.name(table)?;
            statement.edits(edits)?;
            statement.condition(request, seen)?;
            edits.iter().count() + 2 * seen.len()
        }
        Change::Delete { seen } => {
            statement.text.push_str("DELETE FROM ");
            statement.name(table)?;
            statement.condition(request, seen)?;
            statement.text.push_str(" RETURNING ALL OLD *");
            2 * seen.len()
        }
    };
    let Statement { text, parameters } = statement;
    if text.len() > MAX_STATEMENT_BYTES || operators + 2 * request.schema().attributes().count() > MAX_OPERATORS {
        return None;
    }
    let statement = BatchStatementRequest::builder()
        .statement(text)
        .set_parameters(Some(parameters))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    statement.build().ok()
}

/// A statement while it is written. Its parts are `None` where there are no words for them.
struct Statement {
    text: String,
    parameters: Vec<AttributeValue>,
}

impl Statement {
    fn edits(&mut self, edits: &Edits) -> Option<()> {
        for (path, edit) in edits.iter() {
            match edit {
                Edit::Set(value) => {
                    self.text.push_str(" SET ");
                    self.path(path)?;
                    self.text.push_str(" = ?");
                    self.parameters.push(value.clone());
                }
                Edit::Remove => {
                    self.text.push_str(" REMOVE ");
                    self.path(path)?;
                }
            }
        }
        Some(())
    }

    fn condition(&mut self, request: &Request<'_>, seen: &[Seen]) -> Option<()> {
        let mut before = " WHERE ";
        for key in request.schema().attributes() {
            self.text.push_str(before);
            self.name(&key.name)?;
            self.text.push_str(" = ?");
            self.parameters.push(request.item.get(&key.name)?.clone());
            before = " AND ";
        }
        for seen in seen {
            self.text.push_str(before);
            self.clause(seen)?;
        }
        Some(())
    }

    fn clause(&mut self, seen: &Seen) -> Option<()> {
        match &seen.found {
            SeenAs::Absent => {
                self.path(&seen.path)?;
                self.text.push_str(" IS MISSING");
            }
            SeenAs::Present => {
                self.path(&seen.path)?;
                self.text.push_str(" IS NOT MISSING");
            }
            // In SQL nothing is equal to null, and there is one null only.
            SeenAs::Value(AttributeValue::Null(_)) => self.is_of(&seen.path, AttributeType::Null)?,
            SeenAs::Type(kind) => self.is_of(&seen.path, *kind)?,
            SeenAs::Value(value) => {
                self.path(&seen.path)?;
                self.text.push_str(" = ?");
                self.parameters.push(value.clone());
            }
        }
        Some(())
    }

    fn is_of(&mut self, path: &Path, kind: AttributeType) -> Option<()> {
        self.text.push_str("attribute_type(");
        self.path(path)?;
        let _infallible = write!(self.text, ", '{kind}')");
        Some(())
    }

    fn path(&mut self, path: &Path) -> Option<()> {
        self.name(path.root())?;
        for element in path.below() {
            match element {
                PathElement::Name(name) => {
                    self.text.push('.');
                    self.name(name)?;
                }
                PathElement::Index(index) => {
                    let _infallible = write!(self.text, "[{index}]");
                }
            }
        }
        Some(())
    }

    /// A name in quotes. How a quote, a backslash or a control character is written inside of them isn't documented.
    fn name(&mut self, name: &str) -> Option<()> {
        if name.bytes().any(|byte| byte == b'"' || byte == b'\\' || byte.is_ascii_control()) {
            return None;
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push('"');
        Some(())
    }
}
