//! A checkpoint, as one worker knows it. It is written only where it still stands as this worker knows it: of two workers
//! that are on one segment, the later one reads it anew, and nothing is counted twice. The entries that it counts, such as
//! failed items, are written, or taken out, in the same transaction.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger, LedgerItem};
use crate::limit::Limit;
use crate::patience::{Meter, patiently};
use crate::plan::RunId;

/// Entries beside one checkpoint: a transaction has 100 actions at most (API reference, TransactWriteItems).
pub(crate) const MOST_BESIDE: usize = 99;

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

/// A checkpoint, and how it stands in the ledger.
pub(crate) struct Books<'b, C = Checkpoint> {
    ledger: &'b Ledger,
    run: &'b RunId,
    entry: Entry,
    body: Option<String>,
    pub(crate) checkpoint: C,
}

/// What is written together with a checkpoint: [`MOST_BESIDE`] entries at most.
#[derive(Default)]
pub(crate) struct Beside {
    /// Entries that are put, with their bodies.
    put: Vec<(Entry, String)>,
    /// Entries that are taken out.
    taken_out: Vec<Entry>,
}

impl Beside {
    /// Has an entry put.
    pub(crate) fn put(&mut self, entry: Entry, body: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_string(body).map_err(|error| Error::invalid(error.to_string()))?;
        self.put.push((entry, body));
        Ok(())
    }

    /// Has an entry taken out.
    pub(crate) fn take_out(&mut self, entry: Entry) {
        self.taken_out.push(entry);
    }

    /// How many entries it is.
    pub(crate) fn len(&self) -> usize {
        self.put.len() + self.taken_out.len()
    }
}

impl<'b, C: Default + Serialize + DeserializeOwned> Books<'b, C> {
    /// The checkpoint that stands as `entry`, or a first one.
    pub(crate) async fn open(ledger: &'b Ledger, run: &'b RunId, entry: Entry) -> Result<Self, Error> {
        let mut books = Self { ledger, run, entry, body: None, checkpoint: C::default() };
        books.read().await?;
        Ok(books)
    }

    /// Writes the next checkpoint, and what belongs to it. Where another worker was first, what it wrote is read
    /// instead; tells which it was.
    pub(crate) async fn turn_to(&mut self, next: C, beside: &Beside) -> Result<bool, Error> {
        let body = serde_json::to_string(&next).map_err(|error| Error::invalid(error.to_string()))?;
        let item = self.ledger.entry(self.run, self.entry, &body);
        let is_alone = beside.len() == 0;
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
        let found = self.ledger.get_with_body(self.run, self.entry).await?;
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
        for (entry, body) in &beside.put {
            let item = self.ledger.entry(self.run, *entry, body);
            let put = Put::builder().table_name(self.ledger.table()).set_item(Some(item)).build().map_err(invalid)?;
            actions.push(TransactWriteItem::builder().put(put).build());
        }
        for entry in &beside.taken_out {
            let key = self.ledger.key(self.run, *entry);
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
