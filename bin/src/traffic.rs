//! `--traffic N`: an application that is at work on the source while a rehearsal copies it. It makes, changes, deletes and
//! makes again, so many writes a second, by a seed.
//!
//! It writes as far as the table's capacity lets it: what it has done is what it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use indicatif::HumanCount;
use migration::definition::KeySchema;
use migration::item::Item;
use migration::{Error, Kind};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::errors::CliError;

/// Any other would do as well; this one stays, so that rehearsals can be compared.
const SEED: u64 = 0x5e9e;
/// Items of the table that it works on: those of a first page, or fewer.
const ITEMS: i32 = 500;
/// One writer makes so many a second, one after the other, on a database that has other work as well.
const WRITES_OF_ONE: u32 = 20;
/// The attribute that each of its writes gives another number: no two leave an item the same.
const TOUCHED: &str = "touched";

/// What an application has done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) made: AtomicU64,
    pub(crate) changed: AtomicU64,
    pub(crate) deleted: AtomicU64,
    /// Writes that the table's capacity had no room for.
    pub(crate) throttled: AtomicU64,
}

/// An application at work: several writers, each on items of its own, so that the writes of an item are in order.
pub(crate) struct Traffic {
    pub(crate) done: Arc<Done>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Result<(Item, Instant), Error>>>,
}

impl Traffic {
    /// Begins: so many writes a second on `table`, for so long or until it is ended.
    pub(crate) async fn begin(
        client: Client,
        table: &str,
        key: &KeySchema,
        writes: u32,
        limit: Duration,
    ) -> Result<Self, CliError> {
        let page = client.scan().table_name(table).limit(ITEMS).send().await;
        let items = page.map_err(|error| Error::from_sdk("Scan", error))?.items.unwrap_or_default();
        if items.is_empty() {
            return Err(CliError::usage("--traffic needs a table that is not empty; fill it with --data or --items"));
        }
        let number = writes.div_ceil(WRITES_OF_ONE).min(items.len() as u32);
        let (done, stop) = (Arc::new(Done::default()), Arc::new(AtomicBool::new(false)));
        let mut shares = vec![Vec::new(); number as usize];
        for (at, item) in items.into_iter().enumerate() {
            shares[at % number as usize].push(item);
        }
        let writers = (0..).zip(shares).map(|(nth, there)| {
            let writer = Writer {
                client: client.clone(),
                table: table.to_owned(),
                key: key.clone(),
                random: fastrand::Rng::with_seed(SEED + nth),
                there,
                gone: Vec::new(),
                writes: nth,
                step: number.into(),
                limit,
                done: done.clone(),
            };
            tokio::spawn(writer.work(Duration::from_secs(1) * number / writes, stop.clone()))
        });
        Ok(Self { writers: writers.collect(), done, stop })
    }

    /// Lets it end, each writer with an item that it makes; tells which was the last, and when.
    pub(crate) async fn end(self) -> Result<(Item, Instant), CliError> {
        self.stop.store(true, Ordering::Relaxed);
        let mut last = None;
        for writer in self.writers {
            let of_this =
                writer.await.map_err(|error| CliError::failed(format!("the application of --traffic: {error}")))??;
            last = [last, Some(of_this)].into_iter().flatten().max_by_key(|(_, at)| *at);
        }
        last.ok_or_else(|| CliError::failed("the application of --traffic has no writer"))
    }
}

impl Done {
    /// What it has done, in words.
    pub(crate) fn words(&self) -> String {
        let count = |count: &AtomicU64| HumanCount(count.load(Ordering::Relaxed));
        let throttled = match self.throttled.load(Ordering::Relaxed) {
            0 => String::new(),
            throttled => format!(", {} refused by the table's capacity", HumanCount(throttled)),
        };
        let (made, changed, deleted) = (count(&self.made), count(&self.changed), count(&self.deleted));
        format!("{made} items made, {changed} changed, {deleted} deleted{throttled}")
    }
}

struct Writer {
    client: Client,
    table: String,
    key: KeySchema,
    random: fastrand::Rng,
    there: Vec<Item>,
    gone: Vec<Item>,
    /// The number of its last write: no two writers have one in common.
    writes: u64,
    step: u64,
    limit: Duration,
    done: Arc<Done>,
}

impl Writer {
    async fn work(mut self, pause: Duration, stop: Arc<AtomicBool>) -> Result<(Item, Instant), Error> {
        let mut beat = tokio::time::interval(pause);
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let began = Instant::now();
        while !stop.load(Ordering::Relaxed) && began.elapsed() < self.limit {
            beat.tick().await;
            let written = self.write().await;
            self.is_written(written)?;
        }
        loop {
            self.writes += self.step;
            let mut item = self.any().clone();
            self.give_new_key(&mut item);
            let made = self.make(item).await;
            if self.is_written(made)?
                && let Some(last) = self.there.pop()
            {
                return Ok((last, Instant::now()));
            }
            beat.tick().await;
        }
    }

    fn is_written(&self, written: Result<(), Error>) -> Result<bool, Error> {
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == Kind::Throttled => {
                self.done.throttled.fetch_add(1, Ordering::Relaxed);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Six of ten writes change an item, two make one, one deletes one, and one makes one again that was deleted.
    async fn write(&mut self) -> Result<(), Error> {
        self.writes += self.step;
        match self.random.u8(0..10) {
            0 if self.there.len() > 1 => self.delete().await,
            1 if !self.gone.is_empty() => {
                let item = self.gone.swap_remove(self.random.usize(..self.gone.len()));
                self.make(item).await
            }
            2 | 3 => {
                let mut item = self.any().clone();
                self.give_new_key(&mut item);
                self.make(item).await
            }
            _ => self.change().await,
        }
    }

    fn any(&mut self) -> &mut Item {
        let at = self.random.usize(..self.there.len());
        &mut self.there[at]
    }

    /// The last attribute of the key becomes one that no item has.
    fn give_new_key(&self, item: &mut Item) {
        let name = &self.key.sort.as_ref().unwrap_or(&self.key.partition).name;
        let number = self.writes;
        let other = match item.get(name) {
            Some(AttributeValue::S(text)) => AttributeValue::S(format!("{text} ({number})")),
            Some(AttributeValue::B(bytes)) => {
                AttributeValue::B(Blob::new([bytes.as_ref(), &number.to_be_bytes()].concat()))
            }
            // Far from what tables count.
            _ => AttributeValue::N(format!("7{number:018}")),
        };
        item.insert(name.clone(), other);
    }

    async fn make(&mut self, mut item: Item) -> Result<(), Error> {
        item.insert(TOUCHED.into(), AttributeValue::N(self.writes.to_string()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item.clone()));
        let sent = put.send().await.map_err(|error| Error::from_sdk("PutItem", error));
        // A change of one that isn't there would make an item of its key alone.
        let place = if sent.is_ok() { &mut self.there } else { &mut self.gone };
        place.push(item);
        self.done.made.fetch_add(u64::from(sent.is_ok()), Ordering::Relaxed);
        sent.map(drop)
    }

    async fn change(&mut self) -> Result<(), Error> {
        let number = self.writes;
        let key = self.key.clone();
        let item = self.any();
        item.insert(TOUCHED.into(), AttributeValue::N(number.to_string()));
        let key = key_of(item, &key);
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key));
        let update =
            update.update_expression("SET #touched = :touched").expression_attribute_names("#touched", TOUCHED);
        let update = update.expression_attribute_values(":touched", AttributeValue::N(number.to_string()));
        update.send().await.map_err(|error| Error::from_sdk("UpdateItem", error))?;
        self.done.changed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Error> {
        let item = self.there.swap_remove(self.random.usize(..self.there.len()));
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key_of(&item, &self.key)));
        let sent = delete.send().await.map_err(|error| Error::from_sdk("DeleteItem", error));
        let place = if sent.is_ok() { &mut self.gone } else { &mut self.there };
        place.push(item);
        self.done.deleted.fetch_add(u64::from(sent.is_ok()), Ordering::Relaxed);
        sent.map(drop)
    }
}

fn key_of(item: &Item, key: &KeySchema) -> Item {
    let named = key.attributes().filter_map(|attribute| item.get_key_value(&attribute.name));
    named.map(|(name, value)| (name.clone(), value.clone())).collect()
}
