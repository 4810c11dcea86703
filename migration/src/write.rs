//! The second half of the item's way: change, condition, write, outcome.
//!
//! Nothing is written blindly (R2): every write is conditioned on the key existing and on all that the transform
//! has seen. Where that no longer stands, the item is taken as it is now and transformed again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::error::{Error, Kind};
use crate::expression::{self, Expressions};
use crate::item::{Item, item_bytes, write_units};
use crate::patience::{Meter, patiently};
use crate::transform::{Edits, Failure, Transform, Verdict};

/// How often an item is taken up again because somebody else changed it in between. An application that writes one
/// item a hundred times a second meets every other attempt; twenty-five in a row are no chance.
const MAX_CONFLICTS: u32 = 25;

/// What became of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Attributes were changed.
    Written,
    /// It was deleted.
    Deleted,
    /// It was as wanted already.
    Unchanged,
    /// `where` didn't choose it.
    Filtered,
    /// Somebody else deleted it meanwhile; it stays gone.
    Gone,
    /// It can't be migrated.
    Failed(Failure),
}

/// An outcome, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// What became of the item.
    pub outcome: Outcome,
    /// How often the item had changed under us.
    pub conflicts: u32,
    /// Write units, those of failed conditions included.
    pub write_units: f64,
    /// Read units, where an item had to be read again.
    pub read_units: f64,
}

/// What a conditional write came to.
enum Attempt {
    /// It was done, for so many write units.
    Done(f64),
    /// The condition failed; the item as it is now, where the service tells.
    Conflict(Option<Item>),
}

/// Writes to one table by one transform.
pub struct Writer<'w> {
    client: &'w Client,
    table: &'w str,
    transform: &'w Transform,
    meter: &'w Meter,
}

impl<'w> Writer<'w> {
    /// A writer to `table`, which has the key that `transform` was made for.
    pub fn new(client: &'w Client, table: &'w str, transform: &'w Transform, meter: &'w Meter) -> Self {
        Self { client, table, transform, meter }
    }

    /// Takes `item`, as a scan has returned it, to its outcome. An error is one of the table or the service;
    /// what is wrong with the item alone is an [`Outcome::Failed`].
    pub async fn write(&self, mut item: Item) -> Result<Written, Error> {
        let mut written = Written { outcome: Outcome::Unchanged, conflicts: 0, write_units: 0.0, read_units: 0.0 };
        let mut last_edits: Option<Edits> = None;
        let unanswered = AtomicBool::new(false);
        loop {
            let verdict = match self.transform.apply(&item) {
                Ok(verdict) => verdict,
                Err(failure) => return Ok(written.with(Outcome::Failed(failure))),
            };
            let (edits, expressions, done) = match verdict {
                Verdict::Filtered => return Ok(written.with(Outcome::Filtered)),
                Verdict::Keep => {
                    // A write whose answer was lost meets its own result: it has been written after all.
                    let ours = unanswered.load(Ordering::Relaxed)
                        && last_edits.as_ref().is_some_and(|edits| edits.hold_in(&item));
                    return Ok(written.with(if ours { Outcome::Written } else { Outcome::Unchanged }));
                }
                Verdict::Update { edits, seen } => {
                    let expressions = expression::update(&item, self.partition(), &edits, &seen);
                    (Some(edits), expressions, Outcome::Written)
                }
                Verdict::Delete { seen } => (None, expression::delete(self.partition(), &seen), Outcome::Deleted),
            };
            let expressions = match expressions {
                Ok(expressions) => expressions,
                Err(failure) => return Ok(written.with(Outcome::Failed(failure))),
            };
            let key = self.key(&item);
            let attempt = self.attempt(&key, edits.is_none(), &expressions, &unanswered).await;
            let now = match attempt {
                Ok(Attempt::Done(write_units)) => {
                    written.write_units += write_units;
                    return Ok(written.with(done));
                }
                Ok(Attempt::Conflict(now)) => now,
                Err(error) if error.kind() == Kind::Refused => {
                    return Ok(written.with(Outcome::Failed(Failure::new(error.to_string()))));
                }
                Err(error) => return Err(error),
            };
            // A failed condition costs what the write would have cost (developer guide, "Capacity unit
            // consumption"), and its error doesn't say how much.
            written.write_units += write_units(item_bytes(&item)) as f64;
            let Some(now) = self.current(now, &key, &mut written).await? else {
                // Gone by our own delete, if its answer was lost.
                let ours = edits.is_none() && unanswered.load(Ordering::Relaxed);
                return Ok(written.with(if ours { Outcome::Deleted } else { Outcome::Gone }));
            };
            item = now;
            last_edits = edits;
            written.conflicts += 1;
            if written.conflicts == MAX_CONFLICTS {
                let reason = format!("somebody else changed the item {MAX_CONFLICTS} times while it was being written");
                return Ok(written.with(Outcome::Failed(Failure::new(reason))));
            }
        }
    }

    fn partition(&self) -> &str {
        &self.transform.key().partition.name
    }

    /// The primary key of an item of this table.
    pub(crate) fn key(&self, item: &Item) -> Item {
        let names = self.transform.key().attributes().map(|key| &key.name);
        names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }

    /// Sends the write until it is answered; notes in `unanswered` where one may have been carried out although
    /// nobody said so.
    async fn attempt(
        &self,
        key: &Item,
        is_delete: bool,
        expressions: &Expressions,
        unanswered: &AtomicBool,
    ) -> Result<Attempt, Error> {
        patiently(self.meter, async || {
            let attempt = match is_delete {
                true => self.delete(key, expressions).await,
                false => self.update(key, expressions).await,
            };
            let is_lost = attempt.as_ref().is_err_and(|error| error.kind() == Kind::Unavailable);
            unanswered.fetch_or(is_lost, Ordering::Relaxed);
            attempt
        })
        .await
    }

    async fn update(&self, key: &Item, expressions: &Expressions) -> Result<Attempt, Error> {
        let request = self.client.update_item().table_name(self.table).set_key(Some(key.clone()));
        let answer = request
            .update_expression(&expressions.update)
            .condition_expression(&expressions.condition)
            .set_expression_attribute_names(Some(expressions.names.clone()))
            .set_expression_attribute_values(values(expressions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        answered("UpdateItem", answer.map(|output| output.consumed_capacity), |error| match error {
            UpdateItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
            _ => None,
        })
    }

    async fn delete(&self, key: &Item, expressions: &Expressions) -> Result<Attempt, Error> {
        let request = self.client.delete_item().table_name(self.table).set_key(Some(key.clone()));
        let answer = request
            .condition_expression(&expressions.condition)
            .set_expression_attribute_names(Some(expressions.names.clone()))
            .set_expression_attribute_values(values(expressions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        answered("DeleteItem", answer.map(|output| output.consumed_capacity), |error| match error {
            DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed.item.clone()),
            _ => None,
        })
    }

    /// The item as it is now. A failed condition without an item means that there is none, but not every
    /// implementation of DynamoDB returns items with it: a consistent read tells.
    async fn current(&self, told: Option<Item>, key: &Item, written: &mut Written) -> Result<Option<Item>, Error> {
        if told.is_some() {
            return Ok(told);
        }
        let output = patiently(self.meter, async || {
            let get = self.client.get_item().table_name(self.table).set_key(Some(key.clone())).consistent_read(true);
            let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
            get.send().await.map_err(|error| Error::from_sdk("GetItem", error))
        })
        .await?;
        written.read_units += output.consumed_capacity.and_then(|consumed| consumed.capacity_units).unwrap_or_default();
        Ok(output.item)
    }
}

impl Written {
    fn with(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// DynamoDB refuses an empty map of values.
fn values(expressions: &Expressions) -> Option<HashMap<String, AttributeValue>> {
    (!expressions.values.is_empty()).then(|| expressions.values.clone())
}

fn answered<E>(
    operation: &'static str,
    answer: Result<Option<ConsumedCapacity>, SdkError<E, HttpResponse>>,
    conflict: impl Fn(&E) -> Option<Option<Item>>,
) -> Result<Attempt, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(consumed) => Ok(Attempt::Done(consumed.and_then(|consumed| consumed.capacity_units).unwrap_or_default())),
        Err(error) => match error.as_service_error().and_then(&conflict) {
            Some(item) => Ok(Attempt::Conflict(item.filter(|item| !item.is_empty()))),
            None => Err(Error::from_sdk(operation, error)),
        },
    }
}
