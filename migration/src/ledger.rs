//! Our bookkeeping table: what a run is, what stood before it, and how far it has come.
//!
//! One item an entry: partition key `run`, sort key `entry`, and the entry's content as JSON in `body`. An entry
//! that is written is durable: nothing is acknowledged before (R7).

mod entry;

pub use entry::Entry;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ReturnValue, ScalarAttributeType,
    TransactWriteItem,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::entry::{FAILURE_PREFIX, SEGMENT_PREFIX};
use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};
use crate::plan::RunId;

/// An entry as DynamoDB holds it.
pub(crate) type LedgerItem = HashMap<String, AttributeValue>;

/// The ledger of a stack, or of a folder's local runs.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

/// What has to stand where an entry is written.
#[derive(Clone, Copy)]
enum Stands<'b> {
    Anything,
    Nothing,
    /// An entry with this body.
    Body(&'b str),
}

impl Ledger {
    /// The ledger in `table`, which exists.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The ledger in `table`, which is created where it doesn't exist.
    pub async fn create(client: Client, table: impl Into<String>) -> Result<Self, Error> {
        let ledger = Self::new(client, table);
        let key = |name: &str, kind| {
            let element = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
            let attribute =
                AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
            element.and_then(|element| Ok((element, attribute?))).map_err(|error| Error::invalid(error.to_string()))
        };
        let (run, run_type) = key("run", KeyType::Hash)?;
        let (entry, entry_type) = key("entry", KeyType::Range)?;
        let created = ledger
            .client
            .create_table()
            .table_name(&ledger.table)
            .key_schema(run)
            .key_schema(entry)
            .attribute_definitions(run_type)
            .attribute_definitions(entry_type)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await;
        match created {
            Ok(_) => Ok(ledger),
            Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => Ok(ledger),
            Err(error) => Err(Error::from_control_plane("CreateTable", error)),
        }
    }

    /// Writes an entry, over the one that stood there.
    pub(crate) async fn put<T: Serialize>(&self, run: &RunId, entry: Entry, body: &T) -> Result<(), Error> {
        self.write(run, entry, body, Stands::Anything).await.map(drop)
    }

    /// Writes an entry where none stands yet; tells whether it did.
    pub(crate) async fn put_first<T: Serialize>(&self, run: &RunId, entry: Entry, body: &T) -> Result<bool, Error> {
        self.write(run, entry, body, Stands::Nothing).await
    }

    /// Writes an entry where the one with the body `before` still stands; tells whether it did.
    pub(crate) async fn replace<T: Serialize>(
        &self,
        run: &RunId,
        entry: Entry,
        before: &str,
        body: &T,
    ) -> Result<bool, Error> {
        self.write(run, entry, body, Stands::Body(before)).await
    }

    async fn write<T: Serialize>(
        &self,
        run: &RunId,
        entry: Entry,
        body: &T,
        expected: Stands<'_>,
    ) -> Result<bool, Error> {
        let body = serde_json::to_string(body).map_err(|error| Error::invalid(error.to_string()))?;
        patiently(&Meter::default(), async || {
            let put = self.put_item(self.entry(run, entry, &body));
            let put = match expected {
                Stands::Anything => put,
                Stands::Nothing => {
                    put.condition_expression("attribute_not_exists(#run)").expression_attribute_names("#run", "run")
                }
                Stands::Body(before) => put
                    .condition_expression("#body = :before")
                    .expression_attribute_names("#body", "body")
                    .expression_attribute_values(":before", AttributeValue::S(before.into())),
            };
            match put.send().await {
                Ok(_) => Ok(true),
                Err(SdkError::ServiceError(error))
                    if matches!(error.err(), PutItemError::ConditionalCheckFailedException(_)) =>
                {
                    // By ourselves, if an answer was lost.
                    let found = self.item(run, entry).await?;
                    Ok(found.as_ref().map(text).transpose()?.is_some_and(|found| *found == body))
                }
                Err(error) => Err(Error::from_sdk("PutItem on the ledger", error)),
            }
        })
        .await
    }

    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// The key of an entry.
    pub(crate) fn key(&self, run: &RunId, entry: Entry) -> LedgerItem {
        key(run, entry)
    }

    /// An entry with that body.
    pub(crate) fn entry(&self, run: &RunId, entry: Entry, body: &str) -> LedgerItem {
        let mut item = key(run, entry);
        item.insert("body".into(), AttributeValue::S(body.to_owned()));
        item
    }

    /// Begins a PutItem.
    pub(crate) fn put_item(&self, item: LedgerItem) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.table).set_item(Some(item))
    }

    /// Sends a transaction.
    pub(crate) async fn transact(
        &self,
        actions: Vec<TransactWriteItem>,
    ) -> Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError, HttpResponse>> {
        self.client.transact_write_items().set_transact_items(Some(actions)).send().await
    }

    /// Takes an entry out, if it is there.
    pub(crate) async fn delete(&self, run: &RunId, entry: Entry) -> Result<(), Error> {
        patiently(&Meter::default(), async || {
            let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(run, entry)));
            delete.send().await.map(drop).map_err(|error| Error::from_sdk("DeleteItem on the ledger", error))
        })
        .await
    }

    /// Takes an entry out, if it still has this body.
    pub(crate) async fn delete_as(&self, run: &RunId, entry: Entry, body: &str) -> Result<(), Error> {
        patiently(&Meter::default(), async || {
            let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(run, entry)));
            let delete = delete.condition_expression("#body = :before").expression_attribute_names("#body", "body");
            match delete.expression_attribute_values(":before", AttributeValue::S(body.into())).send().await {
                Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
                deleted => deleted.map(drop).map_err(|error| Error::from_sdk("DeleteItem on the ledger", error)),
            }
        })
        .await
    }

    /// Reads an entry.
    pub(crate) async fn get<T: DeserializeOwned>(&self, run: &RunId, entry: Entry) -> Result<Option<T>, Error> {
        self.item(run, entry).await?.as_ref().map(body).transpose()
    }

    /// Reads an entry, and its body as it stands there: what a condition on it has to name.
    pub(crate) async fn get_with_body<T: DeserializeOwned>(
        &self,
        run: &RunId,
        entry: Entry,
    ) -> Result<Option<(T, String)>, Error> {
        let Some(item) = self.item(run, entry).await? else { return Ok(None) };
        Ok(Some((body(&item)?, text(&item)?.to_owned())))
    }

    /// Reads an entry with all of its attributes.
    pub(crate) async fn item(&self, run: &RunId, entry: Entry) -> Result<Option<LedgerItem>, Error> {
        let output = patiently(&Meter::default(), async || {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(key(run, entry)));
            get.consistent_read(true).send().await.map_err(|error| Error::from_sdk("GetItem on the ledger", error))
        })
        .await?;
        Ok(output.item)
    }

    /// Begins an update of an entry that has attributes of its own.
    pub(crate) fn update(&self, run: &RunId, entry: Entry) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(key(run, entry)))
    }

    /// Adds to a count that is an entry; returns the sum. Counted twice when an answer is lost.
    pub(crate) async fn add(&self, run: &RunId, entry: Entry, more: u64) -> Result<u64, Error> {
        let output = patiently(&Meter::default(), async || {
            let update = self.update(run, entry).update_expression("ADD #count :more");
            let update = update.expression_attribute_names("#count", "count");
            let update = update.expression_attribute_values(":more", AttributeValue::N(more.to_string()));
            let update = update.return_values(ReturnValue::UpdatedNew);
            update.send().await.map_err(|error| Error::from_sdk("UpdateItem on the ledger", error))
        })
        .await?;
        let count = output.attributes.as_ref().and_then(count);
        count.ok_or_else(|| Error::new(Kind::Refused, "a count of the ledger is no number"))
    }

    /// Reads such a count.
    pub(crate) async fn count(&self, run: &RunId, entry: Entry) -> Result<Option<u64>, Error> {
        Ok(self.item(run, entry).await?.as_ref().and_then(count))
    }

    /// All segments that have begun, handed to `each` one after the other.
    pub(crate) async fn each_segment<T: DeserializeOwned>(
        &self,
        run: &RunId,
        mut each: impl FnMut(u32, T),
    ) -> Result<(), Error> {
        let mut next = None;
        loop {
            let (items, cursor) = self.query(run, SEGMENT_PREFIX, next, None).await?;
            for item in &items {
                let entry = item.get("entry").and_then(|entry| entry.as_s().ok());
                let number = entry.and_then(|entry| entry.strip_prefix(SEGMENT_PREFIX)?.parse().ok());
                let number =
                    number.ok_or_else(|| Error::new(Kind::Refused, "a segment of the ledger has no number"))?;
                each(number, body(item)?);
            }
            if cursor.is_none() {
                return Ok(());
            }
            next = cursor;
        }
    }

    /// Items that could not be migrated, in the order of their segments and numbers: those of one segment, or all. At most
    /// `limit`, from `start` on; and where to go on.
    pub(crate) async fn failures<T: DeserializeOwned>(
        &self,
        run: &RunId,
        segment: Option<u32>,
        start: Option<LedgerItem>,
        limit: usize,
    ) -> Result<(Vec<T>, Option<LedgerItem>), Error> {
        let prefix = segment.map_or(FAILURE_PREFIX.to_owned(), |segment| format!("{FAILURE_PREFIX}{segment:06}#"));
        self.page(run, &prefix, start, limit).await
    }

    /// The bodies of at most `limit` entries whose sort keys begin with `prefix`, from `start` on; and where to go on.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        run: &RunId,
        prefix: &str,
        start: Option<LedgerItem>,
        limit: usize,
    ) -> Result<(Vec<T>, Option<LedgerItem>), Error> {
        let (items, cursor) = self.query(run, prefix, start, Some(limit)).await?;
        Ok((items.iter().map(body).collect::<Result<_, _>>()?, cursor))
    }

    /// All entries of a sort.
    pub(crate) async fn bodies<T: DeserializeOwned>(&self, run: &RunId, prefix: &str) -> Result<Vec<T>, Error> {
        let (mut bodies, mut start) = (Vec::new(), None);
        loop {
            let (items, cursor) = self.query(run, prefix, start, None).await?;
            for item in &items {
                bodies.push(body(item)?);
            }
            if cursor.is_none() {
                return Ok(bodies);
            }
            start = cursor;
        }
    }

    async fn query(
        &self,
        run: &RunId,
        prefix: &str,
        start: Option<LedgerItem>,
        limit: Option<usize>,
    ) -> Result<(Vec<LedgerItem>, Option<LedgerItem>), Error> {
        let output = patiently(&Meter::default(), async || {
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            query
                .key_condition_expression("#run = :run AND begins_with(#entry, :prefix)")
                .expression_attribute_names("#run", "run")
                .expression_attribute_names("#entry", "entry")
                .expression_attribute_values(":run", AttributeValue::S(run.to_string()))
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.into()))
                .set_exclusive_start_key(start.clone())
                .set_limit(limit.and_then(|limit| i32::try_from(limit).ok()))
                .send()
                .await
                .map_err(|error| Error::from_sdk("Query on the ledger", error))
        })
        .await?;
        let items = output.items.unwrap_or_default();
        Ok((items, output.last_evaluated_key.filter(|key| !key.is_empty())))
    }
}

fn key(run: &RunId, entry: Entry) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("run".into(), AttributeValue::S(run.to_string())),
        ("entry".into(), AttributeValue::S(entry.sort_key())),
    ])
}

fn count(item: &LedgerItem) -> Option<u64> {
    item.get("count")?.as_n().ok()?.parse().ok()
}

fn body<T: DeserializeOwned>(item: &LedgerItem) -> Result<T, Error> {
    serde_json::from_str(text(item)?)
        .map_err(|error| Error::new(Kind::Refused, format!("an entry of the ledger can't be read: {error}")))
}

fn text(item: &LedgerItem) -> Result<&str, Error> {
    let body = item.get("body").and_then(|body| body.as_s().ok());
    body.map(String::as_str).ok_or_else(|| Error::new(Kind::Refused, "an entry of the ledger has no body"))
}
