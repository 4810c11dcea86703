//! The end of the source's stream, read beside capture (R17). A queue that is empty says nothing of a record that capture was
//! not handed yet; who reads the stream knows what the application has changed lately, and waits until the target shows it.
//!
//! DynamoDB gives no iterator by time: a shard is read from its beginning, which lies four hours back at most, before the
//! application is stopped.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsOutput;
use aws_sdk_dynamodbstreams::types::{Record, Shard, StreamRecord};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};

use super::shards::{Place, Reader};
use super::witness::{Witness, Witnesses};
use super::{Mover, values};
use crate::copy::dropped::LeftOut;
use crate::copy::put::{Spent, Tables, same_item, same_key};
use crate::copy::way::Way;
use crate::copy::{Images, books, current, expiry, table};
use crate::definition::Target;
use crate::error::Error;
use crate::item::Item;
use crate::patience::Meter;
use crate::plan::Plan;
use crate::services::Services;
use crate::table::Table;

/// What was changed longer ago breaks no silence: it lies before the moment at which the application was stopped.
const LATELY: SignedDuration = SignedDuration::from_mins(15);
/// Shards are split and closed at any time.
const LIST_EVERY: Duration = Duration::from_secs(10);
/// Requests that are under way, of shards that are read and of items that are compared.
const IN_FLIGHT: usize = 16;

/// As long as an application writes, a busy shard has no end: its last minute is near enough.
const NEARLY: SignedDuration = SignedDuration::from_mins(1);

/// How far a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Into its last minute.
    Nearly,
    /// To where nothing more comes just now.
    End,
}

/// Whether there is more in a shard just now.
#[derive(PartialEq, Eq)]
enum Left {
    More,
    Nothing,
    /// Nothing, and nothing will come: others take its place.
    Ended,
}

/// A reader at the end of a stream.
pub(super) struct Tail<'t> {
    services: &'t Services,
    plan: &'t Plan,
    mover: &'t dyn Mover,
    reader: Reader<'t>,
    images: Images,
    /// What was made before breaks no silence.
    since: Timestamp,
    /// What was made before is the bulk's; see [`Current`](current::Current).
    changes_from: Option<Timestamp>,
    /// The attribute that the target deletes items by, where it does.
    expiry: Option<String>,
    /// When the shards were listed last.
    listed: Instant,
    places: BTreeMap<String, Place>,
    /// Shards that are read, or were to their ends.
    known: BTreeSet<String>,
    /// All records.
    read: u64,
    witnesses: Witnesses,
}

impl<'t> Tail<'t> {
    /// Begins to read the stream of a plan's source, for a cut-over that began at that time.
    pub(super) async fn open(
        services: &'t Services,
        plan: &'t Plan,
        mover: &'t dyn Mover,
        began: Timestamp,
    ) -> Result<Self, Error> {
        let source = plan.definition.source.table.as_str();
        let table = Table::describe(services.source_of(plan), source).await?;
        let arn = table.stream.map(|stream| stream.arn).ok_or_else(|| {
            Error::invalid(format!(
                "expected table {source} to have a stream, found none: somebody has switched it off, and what was changed since \
                 is carried by nobody; run the migration anew"
            ))
        })?;
        books::course(&services.ledger, &plan.run).await?.check_stream(&arn, plan)?;
        let mut tail = Self {
            services,
            plan,
            mover,
            reader: Reader { client: &services.carrier()?.streams, arn },
            images: Images::new(plan, &services.functions)?,
            since: began - LATELY,
            changes_from: current::read(&services.ledger).await?.and_then(|current| current.changes_from),
            expiry: table::expiry_after(services, plan).await?,
            listed: Instant::now(),
            places: BTreeMap::new(),
            known: BTreeSet::new(),
            read: 0,
            witnesses: Witnesses::default(),
        };
        tail.enter_open_shards().await?;
        Ok(tail)
    }

    /// The attribute that the target deletes items by, where it does.
    pub(super) fn expiry(&self) -> Option<&str> {
        self.expiry.as_deref()
    }

    /// Reads on; tells whether anything came that breaks the silence.
    pub(super) async fn read_on(&mut self, reach: Reach) -> Result<bool, Error> {
        if self.listed.elapsed() >= LIST_EVERY {
            self.enter_open_shards().await?;
        }
        let (mut has_come, mut at_end) = (false, BTreeSet::new());
        loop {
            let places = self.places.iter().filter(|(id, _)| !at_end.contains(*id));
            let asked = stream::iter(places)
                .map(async |(id, place)| Ok::<_, Error>((id.clone(), self.reader.read(id, place).await?)));
            let answers: Vec<_> = asked.buffered(IN_FLIGHT).try_collect().await?;
            if answers.is_empty() {
                return Ok(has_come);
            }
            let mut ended = BTreeSet::new();
            for (id, (answer, empty_answers)) in answers {
                let (came, left) = self.take(&id, answer, empty_answers, reach).await?;
                has_come |= came;
                match left {
                    Left::More => {}
                    Left::Nothing => drop(at_end.insert(id)),
                    Left::Ended => drop(ended.insert(id)),
                }
            }
            if !ended.is_empty() {
                self.enter_children(&ended).await?;
            }
        }
    }

    /// How many of the items that were changed last the target doesn't show as they are.
    pub(super) async fn unapplied(&mut self) -> Result<usize, Error> {
        let meter = Meter::default();
        let target = self.plan.definition.target.as_ref();
        let target = target.ok_or_else(|| Error::invalid("expected a plan with a target, found none"))?;
        self.witnesses.let_go_of_the_dropped(&LeftOut::of(&self.services.ledger, &self.plan.run).await?);
        let source = self.plan.definition.source.table.as_str();
        let tables = Tables {
            images: &self.images,
            source: (self.services.source_of(self.plan), source),
            target: (self.services.target_of(self.plan), target.table.as_str()),
            way: Way::Patient { meter: &meter, deadline: None },
            only_creates: false,
        };
        let looks = stream::iter(self.witnesses.iter()).map(async |(name, witness)| {
            let applied = self.is_applied(&tables, witness, target).await?;
            Ok::<_, Error>(applied.then(|| name.clone()))
        });
        let applied: Vec<_> = looks.buffer_unordered(IN_FLIGHT).try_collect().await?;
        for name in applied.iter().flatten() {
            self.witnesses.let_go_of(name);
        }
        Ok(self.witnesses.len())
    }

    /// Whether the target shows an item as the source has it, and nothing of it where it was.
    async fn is_applied(&self, tables: &Tables<'_>, witness: &Witness, target: &Target) -> Result<bool, Error> {
        let spent = &mut Spent::default();
        let now = tables.read_source(&witness.key, spent).await?;
        // What can't be carried is a failure of the bulk, or will be a dead letter once it was captured: either is told elsewhere.
        let Ok(image) = now.as_ref().map_or(Ok(None), |item| tables.images.of(item)) else {
            return Ok(witness.was_made_before(self.changes_from));
        };
        let place = image.as_ref().map(|image| tables.images.target_key_of(image));
        if let (Some(image), Some(place)) = (&image, &place) {
            let is_ours = |found: &Item| {
                let origin = tables.images.origin().of_item(found);
                !target.written_by_others || origin.is_some_and(|origin| same_key(&origin, &witness.key))
            };
            let shows = match tables.read_target(place, spent).await? {
                // What others have put there stays, and is told elsewhere.
                Some(found) => same_item(&found, image) || !is_ours(&found),
                None => self.has_expired(image),
            };
            if !shows {
                return Ok(false);
            }
        }
        for old in &witness.old_places {
            if place.as_ref().is_some_and(|place| same_key(place, old)) {
                continue;
            }
            let found =
                tables.read_target(old, spent).await?.filter(|found| image.is_some() || !self.has_expired(found));
            let origin = found.and_then(|found| tables.images.origin().of_item(&found));
            if origin.is_some_and(|origin| same_key(&origin, &witness.key)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the target deletes an item by itself.
    fn has_expired(&self, image: &Item) -> bool {
        expiry::has_expired(image, self.expiry.as_deref(), (self.services.clock)())
    }

    /// Those that aren't read yet, and have no end: children of shards that are read are among them, and others that nobody
    /// told of.
    async fn enter_open_shards(&mut self) -> Result<(), Error> {
        self.listed = Instant::now();
        for shard in self.reader.shards().await? {
            if shard.sequence_number_range().is_none_or(|range| range.ending_sequence_number().is_none()) {
                self.enter(&shard).await?;
            }
        }
        Ok(())
    }

    /// Begins to read a shard.
    async fn enter(&mut self, shard: &Shard) -> Result<(), Error> {
        let Some(id) = shard.shard_id().filter(|id| !self.known.contains(*id)) else { return Ok(()) };
        let place = self.reader.enter(id, shard.parent_shard_id()).await?;
        self.known.insert(id.to_owned());
        self.places.insert(id.to_owned(), place);
        Ok(())
    }

    /// Those that came out of some that have ended.
    async fn enter_children(&mut self, ended: &BTreeSet<String>) -> Result<(), Error> {
        for shard in self.reader.shards().await? {
            if shard.parent_shard_id().is_some_and(|parent| ended.contains(parent)) {
                self.enter(&shard).await?;
            }
        }
        Ok(())
    }

    /// The one that a shard came out of, if it can still be read.
    async fn enter_parent(&mut self, id: &str) -> Result<(), Error> {
        match self.reader.shards().await?.into_iter().find(|shard| shard.shard_id() == Some(id)) {
            Some(parent) => self.enter(&parent).await,
            None => Ok(()),
        }
    }

    /// Takes what was read of a shard; tells whether anything came that breaks the silence, and what is left.
    async fn take(
        &mut self,
        id: &str,
        answer: GetRecordsOutput,
        empty_answers: u32,
        reach: Reach,
    ) -> Result<(bool, Left), Error> {
        let Some(Place { parent, last, .. }) = self.places.remove(id) else {
            return Ok((false, Left::Nothing));
        };
        let records = answer.records.unwrap_or_default();
        let is_empty = records.is_empty();
        let times = || records.iter().filter_map(|record| made(record.dynamodb.as_ref()?));
        let (oldest, newest) = (times().next(), times().next_back());
        let number = |record: &Record| record.dynamodb.as_ref()?.sequence_number.clone();
        let last = records.last().and_then(number).or(last);
        self.read += records.len() as u64;
        self.mover.reads(self.read, newest);
        let mut has_come = false;
        for record in records {
            has_come |= self.witness(id, record)?;
        }
        let empty_answers = if is_empty { empty_answers.saturating_sub(1).max(1) } else { empty_answers };
        let is_at_end = is_empty && (empty_answers == 1 || answer.next_shard_iterator.is_none());
        let is_near = reach == Reach::Nearly && newest.is_some_and(|newest| newest > (self.services.clock)() - NEARLY);
        // A shard that is younger than what counts as lately: the rest is in the one that it came out of.
        let parent = match parent {
            Some(parent) if oldest.is_some_and(|oldest| oldest >= self.since) || oldest.is_none() && is_at_end => {
                self.enter_parent(&parent).await?;
                None
            }
            parent => parent.filter(|_| oldest.is_none()),
        };
        let Some(iterator) = answer.next_shard_iterator else { return Ok((has_come, Left::Ended)) };
        self.places.insert(id.to_owned(), Place { iterator, last, empty_answers, parent });
        Ok((has_come, if is_at_end || is_near { Left::Nothing } else { Left::More }))
    }

    /// Notes the item of a record; tells whether it breaks the silence.
    fn witness(&mut self, shard: &str, record: Record) -> Result<bool, Error> {
        let is_expiry =
            record.user_identity.and_then(|identity| identity.principal_id).as_deref() == Some(expiry::PRINCIPAL);
        let Some(change) = record.dynamodb else { return Ok(false) };
        let made = made(&change);
        let is_recent = made.is_none_or(|made| made >= self.since);
        let key = values::item(change.keys.unwrap_or_default())?;
        let old = change.old_image.map(values::item).transpose()?;
        self.witnesses.note(shard, key, old.and_then(|old| self.images.place_of(&old)), made);
        // What the target deletes by itself needn't be waited for.
        Ok(is_recent && !(is_expiry && self.expiry.is_some()))
    }
}

fn made(change: &StreamRecord) -> Option<Timestamp> {
    Timestamp::from_second(change.approximate_creation_date_time?.secs()).ok()
}
