//! The plain way of writing: an UpdateItem or a DeleteItem for each item that changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::{StreamExt, stream};

use super::attempted::{Answer, Attempted, Change, Request, Step};
use super::{Page, Writer, Written};
use crate::error::{Error, Kind};
use crate::expression::{self, Expressions};
use crate::item::Item;
use crate::pace::Direction;
use crate::transform::Failure;

/// Writes that one worker has under way. Each takes DynamoDB about 5 ms: sixteen are about 3,000 a second, more
/// than a partition takes.
const WRITES_IN_FLIGHT: usize = 16;

/// Takes each item to its outcome, in any order.
pub(super) async fn page(writer: &Writer<'_>, items: Vec<Item>) -> Page {
    // An error ends the page, but not the writes that are under way: they finish first.
    let halted = AtomicBool::new(false);
    let outcomes = stream::iter(items.into_iter().enumerate()).map(async |(at, item)| {
        if halted.load(Ordering::Relaxed) {
            return None;
        }
        let mut attempted = Attempted::new(writer.transform, item);
        let written = finish(writer, &mut attempted).await;
        halted.fetch_or(written.is_err(), Ordering::Relaxed);
        Some((at, attempted.into_key(), written))
    });
    outcomes.buffer_unordered(WRITES_IN_FLIGHT).filter_map(std::future::ready).collect().await
}

/// Takes one item to its outcome. An error is one of the table or the service; what is wrong with the item alone is
/// an [`Outcome::Failed`](super::Outcome::Failed).
pub(super) async fn finish(writer: &Writer<'_>, attempted: &mut Attempted<'_>) -> Result<Written, Error> {
    loop {
        let mut was_lost = false;
        let answer = match attempted.next() {
            Step::Done(written) => return Ok(written),
            Step::Send(request) => send(writer, &request, &mut was_lost).await?,
            Step::Read(key) => {
                let (item, read_units) = writer.read(&key).await?;
                Answer::Found(item, read_units)
            }
        };
        if was_lost {
            attempted.answered(Answer::Lost);
        }
        attempted.answered(answer);
    }
}

/// Sends the write until it is answered; notes in `was_lost` where it may have been carried out although nobody
/// said so.
async fn send(writer: &Writer<'_>, request: &Request<'_>, was_lost: &mut bool) -> Result<Answer, Error> {
    let partition = &request.schema().partition.name;
    let expressions = match request.change {
        Change::Update { edits, seen } => expression::update(request.item, partition, edits, seen),
        Change::Delete { seen } => expression::delete(partition, seen),
    };
    let expressions = match expressions {
        Ok(expressions) => expressions,
        Err(failure) => return Ok(Answer::Refused(failure)),
    };
    let key = request.key();
    let lost = AtomicBool::new(false);
    let attempt = async || {
        let answer = match request.change {
            Change::Update { .. } => update(writer, request, &key, &expressions).await,
            Change::Delete { .. } => delete(writer, request, &key, &expressions).await,
        };
        let is_lost = answer.as_ref().is_err_and(|error| error.kind() == Kind::Unavailable);
        lost.fetch_or(is_lost, Ordering::Relaxed);
        answer
    };
    // What it took is charged where its report is read.
    let answer = writer.pace.send(Direction::Write, request.write_units(), attempt, |_| None).await;
    *was_lost = lost.into_inner();
    match answer {
        Err(error) if error.kind() == Kind::Refused => Ok(Answer::Refused(Failure::new(error.to_string()))),
        answer => answer,
    }
}

async fn update(
    writer: &Writer<'_>,
    request: &Request<'_>,
    key: &Item,
    expressions: &Expressions,
) -> Result<Answer, Error> {
    let update = writer.client.update_item().table_name(writer.table).set_key(Some(key.clone()));
    let answer = update
        .update_expression(&expressions.update)
        .condition_expression(&expressions.condition)
        .set_expression_attribute_names(Some(expressions.names.clone()))
        .set_expression_attribute_values(values(expressions))
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    answered(writer, request, "UpdateItem", answer.map(|output| output.consumed_capacity), |error| match error {
        UpdateItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
        _ => None,
    })
}

async fn delete(
    writer: &Writer<'_>,
    request: &Request<'_>,
    key: &Item,
    expressions: &Expressions,
) -> Result<Answer, Error> {
    let delete = writer.client.delete_item().table_name(writer.table).set_key(Some(key.clone()));
    let answer = delete
        .condition_expression(&expressions.condition)
        .set_expression_attribute_names(Some(expressions.names.clone()))
        .set_expression_attribute_values(values(expressions))
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    answered(writer, request, "DeleteItem", answer.map(|output| output.consumed_capacity), |error| match error {
        DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
        _ => None,
    })
}

/// DynamoDB refuses an empty map of values.
fn values(expressions: &Expressions) -> Option<HashMap<String, AttributeValue>> {
    (!expressions.values.is_empty()).then(|| expressions.values.clone())
}

fn answered<E>(
    writer: &Writer<'_>,
    request: &Request<'_>,
    operation: &'static str,
    answer: Result<Option<ConsumedCapacity>, SdkError<E, HttpResponse>>,
    conflict: impl Fn(&E) -> Option<Option<Item>>,
) -> Result<Answer, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(consumed) => Ok(Answer::Done(writer.consumed(request.write_units(), consumed.as_slice()))),
        Err(error) => match error.as_service_error().and_then(&conflict) {
            Some(now) => Ok(Answer::Conflict(now.filter(|item| !item.is_empty()), request.write_units())),
            None => Err(Error::from_sdk(operation, error)),
        },
    }
}
