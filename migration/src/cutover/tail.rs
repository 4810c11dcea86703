//! The end of the source's stream, read beside capture (R17). A queue that is empty says nothing of a record that capture was
//! not handed yet; who reads the stream knows what the application has changed last, and waits until the target shows it.
//!
//! Records of one item reach capture in their order, and so do those of one lane of a shard: once the last ones are through,
//! those before them are. So the newest few items of each shard are enough to wait for. An iterator begins at the end of a
//! shard where the application is stopped after that; where nobody knows when it was stopped, at the shard's beginning.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{Record, Shard, ShardIteratorType};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::values;
use crate::copy::Images;
use crate::copy::put::{Spent, Tables, same_item, same_key};
use crate::copy::way::Way;
use crate::error::Error;
use crate::item::Item;
use crate::item::json::item_to_json;
use crate::patience::{Meter, patiently};
use crate::plan::Plan;
use crate::services::Services;
use crate::table::Table;

/// Items of a shard that are waited for: a mapping reads it in ten lanes at most (Lambda developer guide, "Using Lambda with
/// Amazon DynamoDB"), and of so many each lane has some.
const WITNESSES_OF_A_SHARD: u64 = 100;
/// Records that were made longer ago are in what the gate was opened for.
const LATELY: SignedDuration = SignedDuration::from_mins(15);
/// Requests that are under way to compare what is waited for.
const READS_IN_FLIGHT: usize = 16;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the end: what comes from here on is of interest.
    Now,
    /// Where the shards that are open begin: so far back the stream has to be read to find what was changed lately.
    Lately,
}

/// A place in a shard.
struct Place {
    iterator: String,
    /// The shard that this one came out of, where what was changed lately may reach back into it.
    parent: Option<String>,
}

/// An item that was changed.
struct Witness {
    key: Item,
    /// Where its images were, by what the stream says.
    old_places: Vec<Item>,
    /// Its shard, and the how manieth record of that shard was its last.
    shard: String,
    nth: u64,
}

/// A reader at the end of a stream.
pub(super) struct Tail<'t> {
    services: &'t Services,
    plan: &'t Plan,
    client: &'t Client,
    images: Images,
    arn: String,
    /// What was made before is of no interest; `None` where all is.
    since: Option<Timestamp>,
    places: BTreeMap<String, Place>,
    /// Shards that were read to their ends, or are read.
    known: BTreeSet<String>,
    read: BTreeMap<String, u64>,
    witnesses: BTreeMap<String, Witness>,
}

impl<'t> Tail<'t> {
    /// Begins to read the stream of a plan's source.
    pub(super) async fn open(services: &'t Services, plan: &'t Plan, start: Start) -> Result<Self, Error> {
        let source = plan.definition.source.table.as_str();
        let table = Table::describe(services.source_of(plan), source).await?;
        let arn = table.stream.map(|stream| stream.arn).ok_or_else(|| {
            Error::invalid(format!("expected table {source} to have a stream, found none: what carries its changes?"))
        })?;
        let mut tail = Self {
            services,
            plan,
            client: &services.carrier()?.streams,
            images: Images::new(plan, &services.functions)?,
            arn,
            since: (start == Start::Lately).then(|| (services.clock)() - LATELY),
            places: BTreeMap::new(),
            known: BTreeSet::new(),
            read: BTreeMap::new(),
            witnesses: BTreeMap::new(),
        };
        for shard in tail.shards().await? {
            let is_open = shard.sequence_number_range().is_none_or(|range| range.ending_sequence_number().is_none());
            if is_open {
                tail.enter(&shard, start).await?;
            }
        }
        Ok(tail)
    }

    /// Reads on as far as there is something to read; tells whether anything of interest came.
    pub(super) async fn read_on(&mut self) -> Result<bool, Error> {
        let mut has_come = false;
        loop {
            let mut ended = false;
            let ids: Vec<_> = self.places.keys().cloned().collect();
            for id in &ids {
                let (came, is_over) = self.read_shard(id).await?;
                has_come |= came;
                ended |= is_over;
            }
            if !ended && self.places.len() == ids.len() {
                return Ok(has_come);
            }
            // Shards that came out of those that have ended, and those that they came out of.
            for shard in self.shards().await? {
                let is_child = shard.parent_shard_id().is_some_and(|parent| self.known.contains(parent));
                if is_child && shard.shard_id().is_some_and(|id| !self.known.contains(id)) {
                    self.enter(&shard, Start::Lately).await?;
                }
            }
        }
    }

    /// How many of the items that were changed last the target doesn't show as they are.
    pub(super) async fn unapplied(&mut self) -> Result<usize, Error> {
        let meter = Meter::default();
        let target = self.plan.definition.target.as_ref();
        let target = target.ok_or_else(|| Error::invalid("expected a plan with a target, found none"))?;
        if target.written_by_others {
            // What stands there may be somebody else's.
            self.witnesses.clear();
        }
        let source = self.plan.definition.source.table.as_str();
        let tables = Tables {
            images: &self.images,
            source: (self.services.source_of(self.plan), source),
            target: (self.services.target_of(self.plan), target.table.as_str()),
            way: Way::Patient { meter: &meter, deadline: None },
            only_creates: false,
        };
        let looks = stream::iter(&self.witnesses).map(async |(name, witness)| {
            let applied = is_applied(&tables, witness).await?;
            Ok::<_, Error>(applied.then(|| name.clone()))
        });
        let applied: Vec<_> = looks.buffer_unordered(READS_IN_FLIGHT).try_collect().await?;
        for name in applied.iter().flatten() {
            self.witnesses.remove(name);
        }
        Ok(self.witnesses.len())
    }

    async fn shards(&self) -> Result<Vec<Shard>, Error> {
        let (mut shards, mut start) = (Vec::new(), None);
        loop {
            let described = patiently(&Meter::default(), async || {
                let describe = self.client.describe_stream().stream_arn(&self.arn);
                let describe = describe.set_exclusive_start_shard_id(start.clone()).send().await;
                describe.map_err(|error| Error::from_sdk("DescribeStream", error))
            })
            .await?;
            let Some(description) = described.stream_description else { return Ok(shards) };
            shards.extend(description.shards.unwrap_or_default());
            start = description.last_evaluated_shard_id;
            if start.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn enter(&mut self, shard: &Shard, start: Start) -> Result<(), Error> {
        let Some(id) = shard.shard_id() else { return Ok(()) };
        let at = match start {
            Start::Now => ShardIteratorType::Latest,
            Start::Lately => ShardIteratorType::TrimHorizon,
        };
        let got = patiently(&Meter::default(), async || {
            let get = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(id);
            let get = get.shard_iterator_type(at.clone()).send().await;
            get.map_err(|error| Error::from_sdk("GetShardIterator", error))
        })
        .await?;
        self.known.insert(id.to_owned());
        if let Some(iterator) = got.shard_iterator {
            let parent = self.since.and_then(|_| shard.parent_shard_id()).map(str::to_owned);
            self.places.insert(id.to_owned(), Place { iterator, parent });
        }
        Ok(())
    }

    /// Reads a shard on; tells whether anything of interest came, and whether it was read to its end.
    async fn read_shard(&mut self, id: &str) -> Result<(bool, bool), Error> {
        let mut has_come = false;
        while let Some(Place { iterator, parent }) = self.places.remove(id) {
            let got = patiently(&Meter::default(), async || {
                let get = self.client.get_records().shard_iterator(&iterator).send().await;
                get.map_err(|error| Error::from_sdk("GetRecords", error))
            })
            .await?;
            let records = got.records.unwrap_or_default();
            let oldest = records.first().and_then(|record| made(record.dynamodb.as_ref()?));
            // A shard that is younger than what counts as lately: the rest is in the one that it came out of.
            if let (Some(parent), Some(since)) = (&parent, self.since)
                && oldest.is_none_or(|oldest| oldest >= since)
                && !self.known.contains(parent)
            {
                self.enter_parent(parent).await?;
            }
            let is_empty = records.is_empty();
            for record in records {
                has_come |= self.witness(id, record)?;
            }
            let Some(iterator) = got.next_shard_iterator else { return Ok((has_come, true)) };
            self.places.insert(id.to_owned(), Place { iterator, parent: None });
            if is_empty {
                break;
            }
        }
        Ok((has_come, false))
    }

    async fn enter_parent(&mut self, id: &str) -> Result<(), Error> {
        let parent = self.shards().await?.into_iter().find(|shard| shard.shard_id() == Some(id));
        match parent {
            Some(parent) => self.enter(&parent, Start::Lately).await,
            None => Ok(()),
        }
    }

    /// Notes the item of a record, and lets go of those that were noted long before it; tells whether it is of interest.
    fn witness(&mut self, shard: &str, record: Record) -> Result<bool, Error> {
        let Some(change) = record.dynamodb else { return Ok(false) };
        if made(&change).zip(self.since).is_some_and(|(made, since)| made < since) {
            return Ok(false);
        }
        let nth = self.read.entry(shard.to_owned()).or_default();
        *nth += 1;
        let nth = *nth;
        let key = values::item(change.keys.unwrap_or_default())?;
        let name = item_to_json(&key).to_string();
        let old = change.old_image.map(values::item).transpose()?.and_then(|old| self.images.place_of(&old));
        let mut old_places = self.witnesses.remove(&name).map(|before| before.old_places).unwrap_or_default();
        if let Some(old) = old.filter(|old| !old_places.iter().any(|known| same_key(known, old))) {
            old_places.push(old);
        }
        self.witnesses.insert(name, Witness { key, old_places, shard: shard.to_owned(), nth });
        if nth % WITNESSES_OF_A_SHARD == 0 {
            let is_recent = |witness: &Witness| witness.shard != shard || witness.nth + WITNESSES_OF_A_SHARD > nth;
            self.witnesses.retain(|_, witness| is_recent(witness));
        }
        Ok(true)
    }
}

/// Whether the target shows an item as the source has it, and nothing of it where it was.
async fn is_applied(tables: &Tables<'_>, witness: &Witness) -> Result<bool, Error> {
    let spent = &mut Spent::default();
    let now = tables.read_source(&witness.key, spent).await?;
    // One that can't be carried is a dead letter, or has none to be: either is told elsewhere.
    let Ok(image) = now.as_ref().map_or(Ok(None), |item| tables.images.of(item)) else { return Ok(true) };
    let place = image.as_ref().map(|image| tables.images.target_key_of(image));
    if let (Some(image), Some(place)) = (&image, &place)
        && !tables.read_target(place, spent).await?.is_some_and(|found| same_item(&found, image))
    {
        return Ok(false);
    }
    for old in &witness.old_places {
        if place.as_ref().is_some_and(|place| same_key(place, old)) {
            continue;
        }
        let found = tables.read_target(old, spent).await?;
        let origin = found.and_then(|found| tables.images.origin().of_item(&found));
        if origin.is_some_and(|origin| same_key(&origin, &witness.key)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn made(change: &aws_sdk_dynamodbstreams::types::StreamRecord) -> Option<Timestamp> {
    Timestamp::from_second(change.approximate_creation_date_time?.secs()).ok()
}
