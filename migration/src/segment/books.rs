//! A segment's checkpoint, as one worker knows it. It is written only where it still stands as this worker knows it:
//! of two workers that are on one segment, the later one reads it anew, and nothing is counted twice. The failed items
//! that it counts are written, or taken out, in the same transaction.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::failures::Recorded;
use crate::ledger::{Entry, Ledger, LedgerItem};
use crate::limit::Limit;
use crate::patience::{Meter, patiently};
use crate::plan::RunId;

/// Failed items beside one checkpoint: a transaction has 100 actions at most (API reference, TransactWriteItems).
pub(super) const MOST_FAILED: usize = 99;

/// A segment's checkpoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The key of the last item up to which all outcomes are durable, as DynamoDB JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Value>,
    /// Whether the segment's last item is among them.
    pub done: bool,
    /// What became of the items up to there.
    pub counts: Counts,
    /// The number of the last item that could not be migrated.
    #[serde(default)]
    pub failures: u64,
    /// The limits that throttled requests have met.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub limits: BTreeSet<Limit>,
    /// What is wrong with the file that takes a segment's place in an export, where it can't be read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
}

/// A file of an export that can't be read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Its name, and why; no value of an item.
    pub reason: String,
    /// The attempt that found it so: the next one tries again.
    pub attempt: u32,
}

/// The checkpoint of a segment, and how it stands in the ledger.
pub(super) struct Books<'b> {
    ledger: &'b Ledger,
    run: &'b RunId,
    segment: u32,
    body: Option<String>,
    pub(super) checkpoint: Checkpoint,
}

/// What is written together with a checkpoint: [`MOST_FAILED`] at most.
#[derive(Default)]
pub(super) struct Beside {
    /// Items that could not be migrated.
    pub(super) failed: Vec<Recorded>,
    /// Numbers of those that could be in the end.
    pub(super) mended: Vec<u64>,
}

impl<'b> Books<'b> {
    pub(super) async fn open(ledger: &'b Ledger, run: &'b RunId, segment: u32) -> Result<Self, Error> {
        let mut books = Self { ledger, run, segment, body: None, checkpoint: Checkpoint::default() };
        books.read().await?;
        Ok(books)
    }

    /// Writes the next checkpoint, and what belongs to it. Where another worker was first, what it wrote is read
    /// instead; tells which it was.
    pub(super) async fn turn_to(&mut self, next: Checkpoint, beside: &Beside) -> Result<bool, Error> {
        let body = serde_json::to_string(&next).map_err(|error| Error::invalid(error.to_string()))?;
        let item = self.ledger.entry(self.run, Entry::Segment(self.segment), &body);
        let is_alone = beside.failed.is_empty() && beside.mended.is_empty();
        let found = patiently(&Meter::default(), async || match is_alone {
            true => self.put(item.clone()).await,
            false => self.transact(item.clone(), beside).await,
        })
        .await?;
        // Our own, if its answer was lost.
        if found.is_none_or(|found| found.get("body").and_then(|found| found.as_s().ok()) == Some(&body)) {
            (self.body, self.checkpoint) = (Some(body), next);
            return Ok(true);
        }
        self.read().await?;
        Ok(false)
    }

    async fn read(&mut self) -> Result<(), Error> {
        let found = self.ledger.get_with_body(self.run, Entry::Segment(self.segment)).await?;
        let (checkpoint, body) = found.unzip();
        (self.checkpoint, self.body) = (checkpoint.unwrap_or_default(), body);
        Ok(())
    }

    fn condition(&self) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
        match &self.body {
            Some(body) => ("#body = :body", Some(HashMap::from([(":body".into(), AttributeValue::S(body.clone()))]))),
            None => ("attribute_not_exists(#body)", None),
        }
    }

    /// Nothing where it was put; otherwise what stands there.
    async fn put(&self, item: LedgerItem) -> Result<Option<LedgerItem>, Error> {
        let (condition, values) = self.condition();
        let put = self.ledger.put_item(item).condition_expression(condition);
        let put = put.expression_attribute_names("#body", "body").set_expression_attribute_values(values);
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(ref refused))
                if let PutItemError::ConditionalCheckFailedException(failed) = refused.err() =>
            {
                Ok(Some(failed.item.clone().unwrap_or_default()))
            }
            Err(error) => Err(Error::from_sdk("PutItem on the ledger", error)),
        }
    }

    async fn transact(&self, item: LedgerItem, beside: &Beside) -> Result<Option<LedgerItem>, Error> {
        let invalid = |error: aws_sdk_dynamodb::error::BuildError| Error::invalid(error.to_string());
        let (condition, values) = self.condition();
        let checkpoint = Put::builder().table_name(self.ledger.table()).set_item(Some(item));
        let checkpoint = checkpoint.condition_expression(condition).expression_attribute_names("#body", "body");
        let checkpoint = checkpoint.set_expression_attribute_values(values);
        let all = ReturnValuesOnConditionCheckFailure::AllOld;
        let checkpoint = checkpoint.return_values_on_condition_check_failure(all).build().map_err(invalid)?;
        let mut actions = vec![TransactWriteItem::builder().put(checkpoint).build()];
        for recorded in &beside.failed {
            let body = serde_json::to_string(recorded).map_err(|error| Error::invalid(error.to_string()))?;
            let item = self.ledger.entry(self.run, Entry::Failure(self.segment, recorded.number), &body);
            let put = Put::builder().table_name(self.ledger.table()).set_item(Some(item)).build().map_err(invalid)?;
            actions.push(TransactWriteItem::builder().put(put).build());
        }
        for number in &beside.mended {
            let key = self.ledger.key(self.run, Entry::Failure(self.segment, *number));
            let delete = Delete::builder().table_name(self.ledger.table()).set_key(Some(key));
            actions.push(TransactWriteItem::builder().delete(delete.build().map_err(invalid)?).build());
        }
        match self.ledger.transact(actions).await {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(ref refused))
                if let TransactWriteItemsError::TransactionCanceledException(canceled) = refused.err() =>
            {
                of_canceled(canceled.cancellation_reasons())
            }
            Err(error) => Err(Error::from_sdk("TransactWriteItems on the ledger", error)),
        }
    }
}

/// A transaction is canceled by the condition of its checkpoint, or by what passes.
fn of_canceled(reasons: &[CancellationReason]) -> Result<Option<LedgerItem>, Error> {
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    if let Some(checkpoint) = reasons.first()
        && code(checkpoint) == "ConditionalCheckFailed"
    {
        return Ok(Some(checkpoint.item.clone().unwrap_or_default()));
    }
    let why = reasons.iter().map(code).find(|code| code != "None").unwrap_or_default();
    let kind = match why.as_str() {
        "TransactionConflict" => Kind::Busy,
        "ThrottlingError" | "ProvisionedThroughputExceeded" => Kind::Throttled,
        _ => Kind::Refused,
    };
    Err(Error::new(kind, format!("TransactWriteItems on the ledger: {why}")))
}
