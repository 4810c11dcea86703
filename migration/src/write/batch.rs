//! Writing in batches: 25 conditional statements a request, each with a condition and an answer of its own.
//!
//! A page is written by a few lanes. A lane sends one batch at a time, of what is left of the one before (the
//! condition failed, the table throttled) and of fresh items: a conflict holds nobody back. While anything is
//! throttled nothing fresh is taken up, so only that is sent again (R8). A batch never holds one key twice.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::Enumerate;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::IntoIter;

use aws_sdk_dynamodb::operation::batch_execute_statement::BatchExecuteStatementOutput;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse, ReturnConsumedCapacity,
};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use super::attempted::{Answer, Attempted, Change, Request, Step};
use super::{Page, Writer, Written, single, statement};
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::pace::Direction;
use crate::patience::Patience;

const OPERATION: &str = "BatchExecuteStatement";

/// API reference, BatchExecuteStatement.
const MAX_STATEMENTS: usize = 25;
/// A batch that has so many units takes up nothing more: 25 items of 10 KB. Of larger ones the bytes cost, not the
/// requests; so a request stays far below DynamoDB's 16 MB, and below what one second of a partition gives.
const MAX_WRITE_UNITS: f64 = 250.0;
/// Batches that one worker has under way: a hundred statements, each about 5 ms at DynamoDB, are more than a partition
/// takes and more than a processor makes.
const BATCHES_IN_FLIGHT: usize = 4;
/// Writes that a lane has under way one by one, of those that can't be part of a batch.
const WRITES_IN_FLIGHT: usize = 4;

/// Takes each item to its outcome, in any order.
pub(super) async fn page(writer: &Writer<'_>, items: Vec<Item>) -> Page {
    let items = Mutex::new(items.into_iter().enumerate());
    let halted = AtomicBool::new(false);
    let lanes = (0..BATCHES_IN_FLIGHT).map(|_| {
        let lane = Lane { writer, items: &items, halted: &halted, waiting: Vec::new(), page: Page::new() };
        lane.work()
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

/// One batch after the other.
struct Lane<'l> {
    writer: &'l Writer<'l>,
    /// The page's items that nobody has taken up yet.
    items: &'l Mutex<Enumerate<IntoIter<Item>>>,
    /// An error ends the page, but not what is under way.
    halted: &'l AtomicBool,
    /// Items that have no outcome yet.
    waiting: Vec<Waiting<'l>>,
    page: Page,
}

/// An item on its way.
struct Waiting<'l> {
    /// Its place in the page.
    at: usize,
    attempted: Attempted<'l>,
    /// What its write is likely to cost.
    write_units: f64,
    /// Whether it can't be part of a batch.
    is_alone: bool,
}

/// A statement of the batch that is under way.
struct Sent {
    /// The place of its item among those that wait.
    place: usize,
    write_units: f64,
    is_delete: bool,
}

/// What became of a batch.
struct Round {
    /// An error that passes, of the batch or of a statement.
    setback: Option<Error>,
    /// Whether any statement was answered.
    is_progress: bool,
}

impl<'l> Lane<'l> {
    async fn work(mut self) -> Page {
        loop {
            self.fill().await;
            if self.waiting.is_empty() {
                return self.page;
            }
            if let Err(error) = self.write().await {
                self.halted.store(true, Ordering::Relaxed);
                // One stands for all that wait: they have no outcome, and are worked again with the page.
                let failed = self.waiting.swap_remove(0);
                self.page.push((failed.at, failed.attempted.into_key(), Err(error)));
                return self.page;
            }
        }
    }

    /// Takes up items until there is a batch of those that want a write.
    async fn fill(&mut self) {
        let write_units = |waiting: &[Waiting<'_>]| waiting.iter().map(|waiting| waiting.write_units).sum::<f64>();
        while self.waiting.len() < MAX_STATEMENTS && write_units(&self.waiting) < MAX_WRITE_UNITS {
            // Of a page that needs no writes all items would be transformed in one go.
            tokio::task::consume_budget().await;
            let Some((at, item)) = self.next_item() else { return };
            self.keep(at, Attempted::new(self.writer.transform, item));
        }
    }

    fn next_item(&self) -> Option<(usize, Item)> {
        if self.halted.load(Ordering::Relaxed) {
            return None;
        }
        self.items.lock().ok()?.next()
    }

    /// Keeps an item among those that wait, or where it has its outcome, in the page.
    fn keep(&mut self, at: usize, attempted: Attempted<'l>) {
        let (write_units, is_alone) = match attempted.next() {
            Step::Done(written) => return self.page.push((at, attempted.into_key(), Ok(written))),
            Step::Send(request) => (request.write_units(), false),
            Step::Read(_) => (0.0, true),
        };
        self.waiting.push(Waiting { at, attempted, write_units, is_alone });
    }

    /// Writes what waits, until nothing of it is throttled any more; what has met a conflict waits on.
    async fn write(&mut self) -> Result<(), Error> {
        let mut patience = Patience::new(self.writer.pace.meter(Direction::Write));
        loop {
            let round = self.round().await;
            let answered = std::mem::take(&mut self.waiting);
            let (alone, answered): (Vec<_>, Vec<_>) = answered.into_iter().partition(|waiting| waiting.is_alone);
            answered.into_iter().for_each(|waiting| self.keep(waiting.at, waiting.attempted));
            self.write_alone(alone).await;
            let Round { setback, is_progress } = round?;
            match setback {
                Some(error) => patience.wait(error, is_progress).await?,
                None => return Ok(()),
            }
        }
    }

    /// Takes items to their outcomes one by one.
    async fn write_alone(&mut self, alone: Vec<Waiting<'l>>) {
        let writer = self.writer;
        let writes: Vec<_> = alone.into_iter().map(|waiting| waiting.finish(writer)).collect();
        let written: Page = stream::iter(writes).buffer_unordered(WRITES_IN_FLIGHT).collect().await;
        let is_halted = written.iter().any(|(.., written)| written.is_err());
        self.halted.fetch_or(is_halted, Ordering::Relaxed);
        self.page.extend(written);
    }

    /// Sends one batch, and takes its answers.
    async fn round(&mut self) -> Result<Round, Error> {
        let (statements, sent) = self.batch();
        if statements.is_empty() {
            return Ok(Round { setback: None, is_progress: false });
        }
        let units = sent.iter().map(|sent| sent.write_units).sum();
        self.writer.pace.admit(Direction::Write, units).await?;
        let batch = self.writer.client.batch_execute_statement().set_statements(Some(statements));
        let answer = batch.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await;
        match answer.map_err(|error| Error::from_sdk(OPERATION, error)) {
            Ok(output) => self.answered(&sent, output),
            Err(error) if error.kind().is_transient() => {
                self.writer.pace.failed(Direction::Write, units, &error);
                if error.kind() == Kind::Unavailable {
                    sent.iter().for_each(|sent| self.waiting[sent.place].attempted.answered(Answer::Lost));
                }
                Ok(Round { setback: Some(error), is_progress: false })
            }
            // A single statement may have the whole batch refused; alone each has its own answer.
            Err(error) if error.kind() == Kind::Refused => {
                sent.iter().for_each(|sent| self.waiting[sent.place].is_alone = true);
                Ok(Round { setback: None, is_progress: true })
            }
            Err(error) => Err(error),
        }
    }

    /// A batch of what waits.
    fn batch(&mut self) -> (Vec<BatchStatementRequest>, Vec<Sent>) {
        let (mut statements, mut sent) = (Vec::with_capacity(MAX_STATEMENTS), Vec::with_capacity(MAX_STATEMENTS));
        let mut keys = HashSet::with_capacity(MAX_STATEMENTS);
        for (place, waiting) in self.waiting.iter_mut().enumerate() {
            let Step::Send(request) = waiting.attempted.next() else { continue };
            // The same key once more is part of the next batch.
            if !keys.insert(hash_of_key(&request)) {
                continue;
            }
            match statement::of(self.writer.table, &request) {
                Some(statement) => {
                    let is_delete = matches!(request.change, Change::Delete { .. });
                    sent.push(Sent { place, write_units: waiting.write_units, is_delete });
                    statements.push(statement);
                }
                None => waiting.is_alone = true,
            }
        }
        (statements, sent)
    }

    /// Hands each statement's answer to its item.
    fn answered(&mut self, sent: &[Sent], output: BatchExecuteStatementOutput) -> Result<Round, Error> {
        let expected = sent.iter().map(|sent| sent.write_units).sum();
        let reported = self.writer.consumed(expected, output.consumed_capacity());
        let responses = output.responses.unwrap_or_default();
        let share = share_of(reported, sent, &responses);
        let (mut setback, mut is_progress, mut fatal) = (None, false, None);
        // An answer that is missing is a lost one.
        let responses = responses.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        for (sent, response) in sent.iter().zip(responses) {
            let waiting = &mut self.waiting[sent.place];
            match answer_of(sent, response, share * sent.write_units) {
                Ok(answer) => {
                    waiting.attempted.answered(answer);
                    is_progress = true;
                }
                Err(error) if error.kind() == Kind::Refused => {
                    waiting.is_alone = true;
                    is_progress = true;
                }
                Err(error) if error.kind().is_transient() => {
                    match error.kind() {
                        Kind::Unavailable => waiting.attempted.answered(Answer::Lost),
                        // The first is counted when it is waited for.
                        Kind::Throttled if setback.is_some() => self.writer.pace.meter(Direction::Write).refused(None),
                        Kind::Throttled => self.writer.pace.learn(Direction::Write, None),
                        _ => {}
                    }
                    setback.get_or_insert(error);
                }
                Err(error) => fatal = Some(error),
            }
        }
        fatal.map_or(Ok(Round { setback, is_progress }), Err)
    }
}

impl Waiting<'_> {
    async fn finish(mut self, writer: &Writer<'_>) -> (usize, Item, Result<Written, Error>) {
        let written = single::finish(writer, &mut self.attempted).await;
        (self.at, self.attempted.into_key(), written)
    }
}

/// What a statement's answer means to its item. An error that is [`Kind::Refused`] is one of the statement, not yet of
/// the item.
fn answer_of(sent: &Sent, response: Option<BatchStatementResponse>, write_units: f64) -> Result<Answer, Error> {
    let Some(response) = response else {
        return Err(Error::new(Kind::Unavailable, format!("{OPERATION}: a statement has no answer")));
    };
    let Some(error) = response.error else {
        let is_absent = sent.is_delete && response.item.is_none_or(|item| item.is_empty());
        return Ok(if is_absent { Answer::Absent(write_units) } else { Answer::Done(write_units) });
    };
    let code = error.code.unwrap_or(BatchStatementErrorCodeEnum::InternalServerError);
    let kind = match &code {
        BatchStatementErrorCodeEnum::ConditionalCheckFailed => {
            return Ok(Answer::Conflict(error.item.filter(|item| !item.is_empty()), write_units));
        }
        BatchStatementErrorCodeEnum::ProvisionedThroughputExceeded
        | BatchStatementErrorCodeEnum::RequestLimitExceeded
        | BatchStatementErrorCodeEnum::ThrottlingError => Kind::Throttled,
        BatchStatementErrorCodeEnum::TransactionConflict => Kind::Busy,
        BatchStatementErrorCodeEnum::InternalServerError => Kind::Unavailable,
        BatchStatementErrorCodeEnum::ResourceNotFound => Kind::NotFound,
        BatchStatementErrorCodeEnum::AccessDenied => Kind::Denied,
        _ => Kind::Refused,
    };
    let message = error.message.unwrap_or_default();
    Err(Error::new(kind, format!("{OPERATION}: {message} ({})", code.as_str())))
}

/// The part of its likely units that each statement took: the report is of the whole batch, failed conditions
/// included, and absent where there was nothing else.
fn share_of(reported: f64, sent: &[Sent], responses: &[BatchStatementResponse]) -> f64 {
    let took_units = |response: &BatchStatementResponse| {
        let code = response.error.as_ref().map(|error| error.code.as_ref());
        matches!(code, None | Some(Some(BatchStatementErrorCodeEnum::ConditionalCheckFailed)))
    };
    let likely = sent.iter().zip(responses).filter(|(_, response)| took_units(response));
    let likely: f64 = likely.map(|(sent, _)| sent.write_units).sum();
    if reported > 0.0 && likely > 0.0 { reported / likely } else { 1.0 }
}

/// Two keys of one hash are taken for the same, which costs the second a batch of its own and nothing else.
fn hash_of_key(request: &Request<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for key in request.schema().attributes() {
        match request.item.get(&key.name) {
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.hash(&mut hasher),
            Some(AttributeValue::B(bytes)) => bytes.as_ref().hash(&mut hasher),
            _ => {}
        }
    }
    hasher.finish()
}
