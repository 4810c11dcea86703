//! Items by their keys, a hundred in a request, paced. What a request leaves out is asked for again: an item that isn't in
//! the answer is one that isn't there.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};

use super::compare::canonical;
use crate::definition::KeySchema;
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::pace::{Direction, Pace};
use crate::patience::Patience;

/// Keys of one BatchGetItem (API reference, BatchGetItem).
const MOST_KEYS: usize = 100;
const OPERATION: &str = "BatchGetItem";

/// A table that items are got from.
#[derive(Clone, Copy)]
pub(super) struct From<'f> {
    pub(super) client: &'f Client,
    pub(super) table: &'f str,
    pub(super) key: &'f KeySchema,
    pub(super) consistent: bool,
}

/// Items that were found.
#[derive(Default)]
pub(super) struct Got {
    items: HashMap<String, Item>,
    pub(super) read_units: f64,
}

impl Got {
    /// The item with that key, if it is there.
    pub(super) fn get(&self, key: &Item) -> Option<&Item> {
        self.items.get(&canonical(key))
    }
}

/// Gets the items with these keys.
pub(super) async fn items(pace: &Pace<'_>, from: From<'_>, keys: impl Iterator<Item = Item>) -> Result<Got, Error> {
    // A request that names a key twice is refused.
    let keys: HashMap<_, _> = keys.map(|key| (canonical(&key), key)).collect();
    let keys: Vec<_> = keys.into_values().collect();
    let mut got = Got::default();
    for keys in keys.chunks(MOST_KEYS) {
        chunk(pace, from, keys.to_vec(), &mut got).await?;
    }
    Ok(got)
}

async fn chunk(pace: &Pace<'_>, from: From<'_>, mut keys: Vec<Item>, got: &mut Got) -> Result<(), Error> {
    let mut patience = Patience::new(pace.meter(Direction::Read));
    while !keys.is_empty() {
        pace.heed()?;
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.clone())).consistent_read(from.consistent).build();
        let wanted = wanted.map_err(|error| Error::invalid(error.to_string()))?;
        let attempt = async || {
            let get = from.client.batch_get_item().request_items(from.table, wanted.clone());
            let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
            get.send().await.map_err(|error| Error::from_sdk(OPERATION, error))
        };
        // Items of 4 KB at most, of which nothing more is known.
        let expected_units = keys.len() as f64 * if from.consistent { 1.0 } else { 0.5 };
        let took = |output: &aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput| {
            let reports = output.consumed_capacity.as_ref()?;
            Some(reports.iter().filter_map(|report| report.capacity_units).sum::<f64>())
        };
        let output = pace.send(Direction::Read, expected_units, attempt, took).await?;
        got.read_units += took(&output).unwrap_or_default();
        let items = output.responses.unwrap_or_default().remove(from.table).unwrap_or_default();
        let is_progress = !items.is_empty();
        got.items.extend(items.into_iter().map(|item| (canonical(&key_of(from.key, &item)), item)));
        let left = output.unprocessed_keys.unwrap_or_default().remove(from.table);
        keys = left.map(|left| left.keys).unwrap_or_default();
        // Where some came, the answer may only have been full: 16 MB.
        if !keys.is_empty() && !is_progress {
            pace.learn(Direction::Read, None);
            patience.wait(Error::new(Kind::Throttled, format!("{OPERATION} left all keys unprocessed")), false).await?;
        }
    }
    Ok(())
}

/// The primary key of an item.
pub(super) fn key_of(schema: &KeySchema, item: &Item) -> Item {
    schema.attributes().filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone()))).collect()
}
