//! An image as a statement of PartiQL that creates and never overwrites, and what its answer means. Every value travels as a
//! parameter, in its own type (R5).

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::{
    BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse, ReturnValuesOnConditionCheckFailure,
};

use crate::error::{Error, Kind};
use crate::item::Item;

pub(super) const OPERATION: &str = "BatchExecuteStatement";

/// DynamoDB's limit on a statement, in characters (API reference, BatchStatementRequest). Bytes are counted here.
const MAX_STATEMENT_BYTES: usize = 8192;

/// What became of a statement.
pub(super) enum Answer {
    /// The image stands there.
    Created,
    /// Something stood there already; what, where DynamoDB tells.
    Taken(Option<Item>),
    /// PartiQL doesn't take it: a write of its own has its own answer.
    Refused,
}

/// The statement that puts `image` where nothing stands; nothing where PartiQL has no words for it.
pub(super) fn statement(table: &str, image: &Item) -> Option<BatchStatementRequest> {
    let (mut text, mut parameters) = (String::with_capacity(512), Vec::with_capacity(image.len()));
    write!(text, "INSERT INTO \"{table}\" VALUE {{").ok()?;
    for (name, value) in image {
        // No escape is documented for a quote in a name.
        if name.contains('\'') {
            return None;
        }
        let separator = if parameters.is_empty() { "" } else { ", " };
        write!(text, "{separator}'{name}': ?").ok()?;
        parameters.push(value.clone());
    }
    text.push('}');
    if text.len() > MAX_STATEMENT_BYTES {
        return None;
    }
    let statement = BatchStatementRequest::builder()
        .statement(text)
        .set_parameters(Some(parameters))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    statement.build().ok()
}

/// What a statement's answer means. An error is one that passes, or one of the table or of permissions.
pub(super) fn answer(response: Option<BatchStatementResponse>) -> Result<Answer, Error> {
    let Some(response) = response else {
        return Err(Error::new(Kind::Unavailable, format!("{OPERATION}: a statement has no answer")));
    };
    let Some(error) = response.error else { return Ok(Answer::Created) };
    let code = error.code.unwrap_or(BatchStatementErrorCodeEnum::InternalServerError);
    let kind = match &code {
        BatchStatementErrorCodeEnum::DuplicateItem | BatchStatementErrorCodeEnum::ConditionalCheckFailed => {
            return Ok(Answer::Taken(error.item.filter(|item| !item.is_empty())));
        }
        BatchStatementErrorCodeEnum::ProvisionedThroughputExceeded
        | BatchStatementErrorCodeEnum::RequestLimitExceeded
        | BatchStatementErrorCodeEnum::ThrottlingError => Kind::Throttled,
        BatchStatementErrorCodeEnum::TransactionConflict => Kind::Busy,
        BatchStatementErrorCodeEnum::InternalServerError => Kind::Unavailable,
        BatchStatementErrorCodeEnum::ResourceNotFound => Kind::NotFound,
        BatchStatementErrorCodeEnum::AccessDenied => Kind::Denied,
        _ => return Ok(Answer::Refused),
    };
    Err(Error::new(kind, format!("{OPERATION}: a statement was not carried out ({})", code.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    #[test]
    fn values_are_parameters_and_names_are_quoted() {
        let secret = AttributeValue::S("secret".into());
        let statement = statement("films", &Item::from([("order".into(), secret.clone())])).unwrap();
        assert_eq!(statement.statement(), "INSERT INTO \"films\" VALUE {'order': ?}");
        assert_eq!(statement.parameters(), std::slice::from_ref(&secret));
        assert!(super::statement("films", &Item::from([("it's".into(), secret.clone())])).is_none());
        let many = (0..2_000).map(|number| (format!("attribute-{number}"), secret.clone())).collect();
        assert!(super::statement("films", &many).is_none());
    }
}
