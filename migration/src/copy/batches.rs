//! Images in batches of 25. Where the target's key keeps items apart and nobody else writes, a batch overwrites: what stands
//! there is an older image of the same item. Otherwise each statement of a batch only creates, and what meets something
//! is put by itself, on its condition. A page's images are shuffled, so that those of one partition don't follow each other.
//!
//! A lane sends one batch at a time. What comes back unprocessed is sent again, with backoff and nothing fresh beside it,
//! and never dropped; a batch never holds one key twice (R8).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{ConsumedCapacity, PutRequest, ReturnConsumedCapacity, WriteRequest};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::bulk::{Image, settle};
use super::insert::{self, Answer};
use super::put::{Tables, same_item};
use crate::error::{Error, Kind};
use crate::item::json::item_to_json;
use crate::item::{Item, item_bytes, write_units};
use crate::pace::{Direction, Pace};
use crate::patience::Patience;
use crate::write::{Outcome, Page, Written};

const OPERATION: &str = "BatchWriteItem";

/// API reference, BatchWriteItem and BatchExecuteStatement.
const MAX_ITEMS: usize = 25;
/// A batch that has so many units takes up nothing more: it stays below 16 MB, and below what a second of a partition gives.
const MAX_WRITE_UNITS: f64 = 250.0;
/// Batches that one worker has under way: a hundred items, each about 5 ms at DynamoDB, are more than a partition takes.
const BATCHES_IN_FLIGHT: usize = 4;
/// Writes that a lane has under way one by one, of those that can't be part of a batch.
const WRITES_IN_FLIGHT: usize = 4;

/// What a batch does where something stands already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batches {
    /// It is written over.
    Overwrite,
    /// It stays, and is looked at.
    Create,
}

/// Writes images; returns the places of their items in the page, with their keys and outcomes.
pub(super) async fn write(tables: &Tables<'_>, pace: &Pace<'_>, batches: Batches, mut images: Vec<Image>) -> Page {
    let seed = images.len() as u64;
    images.shuffle(&mut StdRng::seed_from_u64(seed));
    let (fresh, halted) = (Mutex::new(images), AtomicBool::new(false));
    let lanes = (0..BATCHES_IN_FLIGHT).map(|_| {
        Lane { tables, pace, batches, fresh: &fresh, halted: &halted, waiting: Vec::new(), page: Page::new() }.work()
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

/// One batch after the other.
struct Lane<'l> {
    tables: &'l Tables<'l>,
    pace: &'l Pace<'l>,
    batches: Batches,
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
    /// Whether it can't be part of a batch.
    is_alone: bool,
    /// Whether it may have been written although nobody said so.
    is_unanswered: bool,
}

/// What one batch has come to, as far as it is not in the page.
#[derive(Default)]
struct Round {
    /// An error that passes.
    setback: Option<Error>,
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
                if let Some(Waiting { image, .. }) = self.waiting.pop() {
                    self.page.push((image.at, image.source_key, Err(error)));
                }
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
            self.waiting.push(Waiting { image, write_units, place, is_alone: false, is_unanswered: false });
        }
    }

    /// Writes what waits.
    async fn write(&mut self) -> Result<(), Error> {
        let mut patience = Patience::new(self.pace.meter(Direction::Write));
        while !self.waiting.is_empty() {
            let before = self.waiting.len();
            let batch = batch(&self.waiting);
            let sent = match self.batches {
                _ if batch.is_empty() => Ok(Round::default()),
                Batches::Overwrite => self.overwrite(&batch).await,
                Batches::Create => self.create(&batch).await,
            };
            let round = match sent {
                // One image may have the whole batch refused; alone each has its own answer.
                Err(error) if error.kind() == Kind::Refused => {
                    batch.iter().for_each(|at| self.waiting[*at].is_alone = true);
                    Round::default()
                }
                Err(error) if error.kind().is_transient() => Round { setback: Some(error) },
                sent => sent?,
            };
            self.write_alone().await?;
            match round.setback {
                Some(error) => patience.wait(error, self.waiting.len() < before).await?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Sends one batch that overwrites.
    async fn overwrite(&mut self, batch: &[usize]) -> Result<Round, Error> {
        let units = self.admitted(batch).await?;
        let requests: Vec<_> =
            batch.iter().map(|at| request(&self.waiting[*at].image.image)).collect::<Result<_, _>>()?;
        let (client, table) = self.tables.target;
        let sent = client.batch_write_item().request_items(table, requests);
        let answer = sent.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await;
        let output = answer.map_err(|error| self.failed(batch, units, Error::from_sdk(OPERATION, error)))?;
        let unprocessed = output.unprocessed_items.iter().flat_map(HashMap::values).flatten();
        let unprocessed = unprocessed.filter_map(|request| request.put_request());
        let unprocessed: HashSet<_> = unprocessed.map(|put| place_of(self.tables, put.item())).collect();
        let created = batch.iter().copied().filter(|at| !unprocessed.contains(&self.waiting[*at].place)).collect();
        self.written(created, units, output.consumed_capacity());
        if unprocessed.is_empty() {
            return Ok(Round::default());
        }
        self.pace.learn(Direction::Write, None);
        let message = format!("{OPERATION}: {} items came back unprocessed", unprocessed.len());
        Ok(Round { setback: Some(Error::new(Kind::Throttled, message)) })
    }

    /// Sends one batch that only creates.
    async fn create(&mut self, batch: &[usize]) -> Result<Round, Error> {
        let (client, table) = self.tables.target;
        let (mut statements, mut sent) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for at in batch {
            match insert::statement(table, &self.waiting[*at].image.image) {
                Some(statement) => {
                    statements.push(statement);
                    sent.push(*at);
                }
                None => self.waiting[*at].is_alone = true,
            }
        }
        if sent.is_empty() {
            return Ok(Round::default());
        }
        let units = self.admitted(&sent).await?;
        let send = client.batch_execute_statement().set_statements(Some(statements));
        let answer = send.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await;
        let output = answer.map_err(|error| self.failed(&sent, units, Error::from_sdk(insert::OPERATION, error)))?;
        let (mut round, mut created, mut fatal) = (Round::default(), HashSet::new(), None);
        // An answer that is missing is a lost one.
        let responses = output.responses.iter().flatten().cloned().map(Some).chain(std::iter::repeat_with(|| None));
        for (at, response) in sent.iter().copied().zip(responses) {
            let waiting = &mut self.waiting[at];
            match insert::answer(response) {
                Ok(Answer::Created) => {
                    created.insert(at);
                }
                // By ourselves, if an answer was lost.
                Ok(Answer::Taken(Some(found))) if waiting.is_unanswered && same_item(&found, &waiting.image.image) => {
                    created.insert(at);
                }
                Ok(Answer::Taken(_) | Answer::Refused) => waiting.is_alone = true,
                Err(error) if error.kind().is_transient() => {
                    waiting.is_unanswered |= error.kind() == Kind::Unavailable;
                    match error.kind() {
                        // The first is counted when it is waited for.
                        Kind::Throttled if round.setback.is_some() => self.pace.meter(Direction::Write).refused(None),
                        Kind::Throttled => self.pace.learn(Direction::Write, None),
                        _ => {}
                    }
                    round.setback.get_or_insert(error);
                }
                Err(error) => fatal = Some(error),
            }
        }
        self.written(created, units, output.consumed_capacity());
        fatal.map_or(Ok(round), Err)
    }

    /// Waits until the budget has units for a batch; returns them.
    async fn admitted(&self, batch: &[usize]) -> Result<f64, Error> {
        let units = batch.iter().map(|at| self.waiting[*at].write_units).sum();
        self.pace.admit(Direction::Write, units).await?;
        Ok(units)
    }

    /// Notes that a batch came to an error.
    fn failed(&mut self, batch: &[usize], units: f64, error: Error) -> Error {
        self.pace.failed(Direction::Write, units, &error);
        if error.kind() == Kind::Unavailable {
            batch.iter().for_each(|at| self.waiting[*at].is_unanswered = true);
        }
        error
    }

    /// Moves what was written from those that wait to the page.
    fn written(&mut self, places: HashSet<usize>, expected_units: f64, reports: &[ConsumedCapacity]) {
        let reported = self.tables.way.wrote(expected_units, reports);
        let all = std::mem::take(&mut self.waiting).into_iter().enumerate();
        let (done, kept): (Vec<_>, Vec<_>) = all.partition(|(at, _)| places.contains(at));
        self.waiting = kept.into_iter().map(|(_, waiting)| waiting).collect();
        // DynamoDB reports the batch as a whole.
        let likely: f64 = done.iter().map(|(_, waiting)| waiting.write_units).sum();
        let share = if reported > 0.0 && likely > 0.0 { reported / likely } else { 1.0 };
        for (_, Waiting { image, write_units, .. }) in done {
            let written = Written { write_units: write_units * share, ..Written::of(Outcome::Written) };
            self.page.push((image.at, image.source_key, Ok(written)));
        }
    }

    /// Takes what can't be part of a batch to its outcome, one by one.
    async fn write_alone(&mut self) -> Result<(), Error> {
        let all = std::mem::take(&mut self.waiting);
        let (alone, waiting): (Vec<_>, Vec<_>) = all.into_iter().partition(|waiting| waiting.is_alone);
        self.waiting = waiting;
        let (tables, mut first) = (self.tables, None);
        let writes = stream::iter(alone).map(async |Waiting { image, .. }| {
            let Image { at, source_key, image } = image;
            let written = settle(tables, &source_key, image).await;
            (at, source_key, written)
        });
        let mut writes = std::pin::pin!(writes.buffer_unordered(WRITES_IN_FLIGHT));
        while let Some((at, source_key, written)) = writes.next().await {
            match written {
                Ok(written) => self.page.push((at, source_key, Ok(written))),
                Err(error) => {
                    first.get_or_insert((at, source_key, error));
                }
            }
        }
        match first {
            None => Ok(()),
            Some((at, source_key, error)) => {
                self.halted.store(true, Ordering::Relaxed);
                self.page.push((at, source_key, Err(error)));
                Err(Error::new(Kind::Interrupted, "the page broke off"))
            }
        }
    }
}

/// The places, among those that wait, of a batch that holds no key twice.
fn batch(waiting: &[Waiting]) -> Vec<usize> {
    let mut places = HashSet::with_capacity(MAX_ITEMS);
    let is_first = |at: &usize| !waiting[*at].is_alone && places.insert(waiting[*at].place.as_str());
    (0..waiting.len()).filter(is_first).collect()
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
            Waiting { image, write_units: 1.0, place: place.into(), is_alone: false, is_unanswered: false }
        };
        assert_eq!(batch(&["a", "b", "a", "c"].map(waiting)), [0, 1, 3]);
    }
}
