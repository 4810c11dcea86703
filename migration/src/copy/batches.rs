//! Images in batches of 25, for a target that nobody else writes to and whose key keeps items apart: what a batch overwrites
//! is an older image of the same item. A page's images are shuffled, so that those of one partition don't follow each other.
//!
//! A lane sends one batch at a time. What comes back unprocessed is sent again, with backoff and nothing fresh beside it,
//! and never dropped; a batch never holds one key twice (R8).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemOutput;
use aws_sdk_dynamodb::types::{PutRequest, ReturnConsumedCapacity, WriteRequest};
use futures_util::future::join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::bulk::{Image, outcome_of};
use super::put::{Spent, Tables};
use crate::error::{Error, Kind};
use crate::item::json::item_to_json;
use crate::item::{Item, item_bytes, write_units};
use crate::pace::{Direction, Pace};
use crate::patience::Patience;
use crate::write::{Outcome, Page, Written};

const OPERATION: &str = "BatchWriteItem";

/// API reference, BatchWriteItem.
const MAX_ITEMS: usize = 25;
/// A batch that has so many units takes up nothing more: it stays below 16 MB, and below what a second of a partition gives.
const MAX_WRITE_UNITS: f64 = 250.0;
/// Batches that one worker has under way: a hundred items, each about 5 ms at DynamoDB, are more than a partition takes.
const BATCHES_IN_FLIGHT: usize = 4;

/// Writes images; returns the places of their items in the page, with their keys and outcomes.
pub(super) async fn write(tables: &Tables<'_>, pace: &Pace<'_>, mut images: Vec<Image>) -> Page {
    let seed = images.len() as u64;
    images.shuffle(&mut StdRng::seed_from_u64(seed));
    let (fresh, halted) = (Mutex::new(images), AtomicBool::new(false));
    let lanes = (0..BATCHES_IN_FLIGHT)
        .map(|_| Lane { tables, pace, fresh: &fresh, halted: &halted, waiting: Vec::new(), page: Page::new() }.work());
    join_all(lanes).await.into_iter().flatten().collect()
}

/// One batch after the other.
struct Lane<'l> {
    tables: &'l Tables<'l>,
    pace: &'l Pace<'l>,
    /// The page's images that nobody has taken up yet.
    fresh: &'l Mutex<Vec<Image>>,
    /// An error ends the page, but not what is under way.
    halted: &'l AtomicBool,
    /// Those that have no outcome yet.
    waiting: Vec<Waiting>,
    page: Page,
}

struct Waiting {
    image: Image,
    write_units: f64,
    /// The key of its place, in words.
    place: String,
}

impl Lane<'_> {
    async fn work(mut self) -> Page {
        loop {
            self.fill();
            if self.waiting.is_empty() {
                return self.page;
            }
            if let Err(error) = self.write().await {
                self.halted.store(true, Ordering::Relaxed);
                // One stands for all that wait: they have no outcome, and are worked again with the page.
                let Waiting { image, .. } = self.waiting.swap_remove(0);
                self.page.push((image.at, image.source_key, Err(error)));
                return self.page;
            }
        }
    }

    /// Takes up images until there is a batch of them.
    fn fill(&mut self) {
        if self.halted.load(Ordering::Relaxed) {
            return;
        }
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        while self.waiting.len() < MAX_ITEMS && units_of(&self.waiting) < MAX_WRITE_UNITS {
            let Some(image) = fresh.pop() else { return };
            let write_units = write_units(item_bytes(&image.image)) as f64;
            let place = place_of(self.tables, &image.image);
            self.waiting.push(Waiting { image, write_units, place });
        }
    }

    /// Writes what waits.
    async fn write(&mut self) -> Result<(), Error> {
        let mut patience = Patience::new(self.pace.meter(Direction::Write));
        while !self.waiting.is_empty() {
            let before = self.waiting.len();
            match self.round().await {
                Ok(()) => return Ok(()),
                // One image may have the whole batch refused; alone each has its own answer.
                Err(error) if error.kind() == Kind::Refused => return self.write_alone().await,
                Err(error) => patience.wait(error, self.waiting.len() < before).await?,
            }
        }
        Ok(())
    }

    /// Sends one batch. What is left waiting was not written: it comes up again in the next, where that is no error.
    async fn round(&mut self) -> Result<(), Error> {
        let batch = batch(&self.waiting);
        let units = batch.iter().map(|at| self.waiting[*at].write_units).sum();
        let requests: Vec<_> =
            batch.iter().map(|at| request(&self.waiting[*at].image.image)).collect::<Result<_, _>>()?;
        self.pace.admit(Direction::Write, units).await?;
        let (client, table) = self.tables.target;
        let sent = client.batch_write_item().request_items(table, requests);
        let answer = sent.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await;
        let output = answer.map_err(|error| Error::from_sdk(OPERATION, error)).inspect_err(|error| {
            self.pace.failed(Direction::Write, units, error);
        })?;
        self.answered(&batch, units, &output)
    }

    /// Keeps what was not processed; everything else of the batch is written.
    fn answered(&mut self, batch: &[usize], expected: f64, output: &BatchWriteItemOutput) -> Result<(), Error> {
        let reported = self.tables.way.wrote(expected, output.consumed_capacity());
        let unprocessed = output.unprocessed_items.iter().flat_map(HashMap::values).flatten();
        let unprocessed = unprocessed.filter_map(|request| request.put_request());
        let unprocessed: HashSet<_> = unprocessed.map(|put| place_of(self.tables, put.item())).collect();
        let batch: HashSet<usize> = batch.iter().copied().collect();
        let (mut kept, mut done) = (Vec::new(), Vec::new());
        for (at, waiting) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let is_done = batch.contains(&at) && !unprocessed.contains(&waiting.place);
            if is_done { done.push(waiting) } else { kept.push(waiting) }
        }
        self.waiting = kept;
        // DynamoDB reports the batch as a whole.
        let likely = units_of(&done);
        let share = if reported > 0.0 && likely > 0.0 { reported / likely } else { 1.0 };
        for Waiting { image, write_units, .. } in done {
            let written = Written { write_units: write_units * share, ..Written::of(Outcome::Written) };
            self.page.push((image.at, image.source_key, Ok(written)));
        }
        if unprocessed.is_empty() {
            return Ok(());
        }
        self.pace.learn(Direction::Write, None);
        let left = unprocessed.len();
        Err(Error::new(Kind::Throttled, format!("{OPERATION}: {left} items came back unprocessed")))
    }

    async fn write_alone(&mut self) -> Result<(), Error> {
        while let Some(Waiting { image, .. }) = self.waiting.last() {
            let mut spent = Spent::default();
            let placed = self.tables.put(&image.source_key, &image.image, &mut spent).await?;
            let Some(Waiting { image, .. }) = self.waiting.pop() else { break };
            self.page.push((image.at, image.source_key, Ok(spent.with(outcome_of(placed)))));
        }
        Ok(())
    }
}

/// The places, among those that wait, of a batch that holds no key twice.
fn batch(waiting: &[Waiting]) -> Vec<usize> {
    let mut places = HashSet::with_capacity(MAX_ITEMS);
    (0..waiting.len()).filter(|at| places.insert(waiting[*at].place.as_str())).collect()
}

fn units_of(waiting: &[Waiting]) -> f64 {
    waiting.iter().map(|waiting| waiting.write_units).sum()
}

fn request(image: &Item) -> Result<WriteRequest, Error> {
    let put = PutRequest::builder().set_item(Some(image.clone())).build();
    let put = put.map_err(|error| Error::invalid(error.to_string()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

fn place_of(tables: &Tables<'_>, image: &Item) -> String {
    item_to_json(&tables.images.target_key_of(image)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DynamoDB refuses a whole batch that holds a key twice.
    #[test]
    fn a_batch_holds_no_key_twice() {
        let waiting = |place: &str| {
            let image = Image { at: 0, source_key: Item::new(), image: Item::new() };
            Waiting { image, write_units: 1.0, place: place.into() }
        };
        assert_eq!(batch(&["a", "b", "a", "c"].map(waiting)), [0, 1, 3]);
    }
}
