//! Replay: captured changes are applied to the target, each item's in the order of the stream (R14). A REMOVE is a change like
//! any other, by whomever it was made, and an image that moves leaves none at its old place (R15).
//!
//! A change that is applied again, alone or with those after it, changes nothing in the end. One that can't be applied fails,
//! and with it those of its item that come later: the queue delivers them again, and in the end puts them among its dead
//! letters (R16). Why it couldn't is in the ledger.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::capture::shape;
use super::change::{Change, What};
use super::image::Images;
use super::put::{Placed, Spent, Tables, same_key};
use super::way::{Way, is_time_left};
use super::{current, message, poisoned};
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::item::json::item_from_json;
use crate::patience::Meter;
use crate::plan::{Plan, RunId};
use crate::services::Services;

/// Items whose changes are applied at a time; as many as a bulk worker has writes under way.
const GROUPS_IN_FLIGHT: usize = 16;

/// What a mapping of a queue hands to its function (Lambda developer guide, "Using Lambda with Amazon SQS").
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    message_group_id: String,
    #[serde(default)]
    approximate_receive_count: Option<String>,
}

impl Message {
    fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.as_ref().and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

/// A message, and the change that it carries.
struct Received {
    message: Message,
    change: Result<Change, String>,
}

impl Received {
    fn new(message: Message) -> Self {
        Self { change: message::read(&message.body), message }
    }
}

/// The copy that is going on, as a process knows it.
pub(crate) struct Known {
    plan: Plan,
    images: Images,
    read: Instant,
}

/// A migration that was mended is heard of this late.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// What the changes of an invocation are applied with.
struct Replay<'r> {
    services: &'r Services,
    run: &'r RunId,
    tables: Tables<'r>,
    deadline: Option<Instant>,
}

/// Applies the messages of a queue's mapping; the answer is the mapping's `batchItemFailures`. Changes of a copy that was
/// given up are let go.
pub async fn apply(services: &Services, event: Value, deadline: Option<Instant>) -> Result<Value, Error> {
    let Event { records } = serde_json::from_value(event)
        .map_err(|error| Error::invalid(format!("expected an event of a queue: {}", shape(&error))))?;
    let received: Vec<_> = records.into_iter().map(Received::new).collect();
    let Some(known) = known(services, &received).await? else { return Ok(answer(&[])) };
    let meter = Meter::default();
    let tables = tables(services, &known, Way::Patient { meter: &meter, deadline })?;
    let replay = Replay { services, run: &known.plan.run, tables, deadline };
    let groups = stream::iter(groups(received)).map(|group| replay.group(group));
    let done: Vec<Done> = groups.buffer_unordered(GROUPS_IN_FLIGHT).collect().await;
    let applied = done.iter().map(|done| done.applied).sum();
    let newest = done.iter().filter_map(|done| done.newest).max();
    let failed: Vec<String> = done.into_iter().flat_map(|done| done.failed).collect();
    services.notes.applied(services, &known.plan.run, applied, newest).await?;
    Ok(answer(&failed))
}

/// The copy that is going on, and what makes its images. A FIFO queue hands over ten messages at a time: this isn't read
/// anew for each ten, but for any message of a copy that isn't known here.
async fn known(services: &Services, received: &[Received]) -> Result<Option<Arc<Known>>, Error> {
    let mut kept = services.known.lock().await;
    let is_of = |run: &RunId| received.iter().filter_map(|it| it.change.as_ref().ok()).all(|change| change.run == *run);
    if let Some(known) = kept.as_ref().filter(|known| known.read.elapsed() < KNOWN_FOR && is_of(&known.plan.run)) {
        return Ok(Some(known.clone()));
    }
    let read = Instant::now();
    *kept = match current::read(&services.ledger).await? {
        Some(current) => {
            let plan = services.plan(&current.run).await?;
            let images = Images::new(&plan, &services.functions)?;
            Some(Arc::new(Known { plan, images, read }))
        }
        None => None,
    };
    Ok(kept.clone())
}

fn answer(failed: &[String]) -> Value {
    let failures: Vec<_> = failed.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

/// The two tables of a copy.
fn tables<'t>(services: &'t Services, known: &'t Known, way: Way<'t>) -> Result<Tables<'t>, Error> {
    let Known { plan, images, .. } = known;
    let target = plan.definition.target.as_ref();
    let target = target.ok_or_else(|| Error::invalid("expected a plan with a target, found none"))?;
    Ok(Tables {
        images,
        source: (services.source_of(plan), plan.definition.source.table.as_str()),
        target: (services.target_of(plan), target.table.as_str()),
        way,
        only_creates: false,
    })
}

/// Messages by their groups, each group's in their order.
fn groups(received: Vec<Received>) -> Vec<Vec<Received>> {
    let (mut places, mut groups): (HashMap<String, usize>, Vec<Vec<Received>>) = Default::default();
    for received in received {
        let place = *places.entry(received.message.attributes.message_group_id.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(received);
    }
    groups
}

/// What became of a group.
#[derive(Default)]
struct Done {
    applied: u64,
    newest: Option<jiff::Timestamp>,
    failed: Vec<String>,
}

impl Replay<'_> {
    async fn group(&self, received: Vec<Received>) -> Done {
        let mut done = Done::default();
        for Received { message, change } in received {
            let applied = match (&change, done.failed.is_empty()) {
                (_, false) => Err(Error::new(Kind::Busy, "it waits for an earlier change of its item")),
                (Err(why), _) => Err(Error::invalid(why.as_str())),
                (Ok(change), _) if change.run != *self.run => Ok(()),
                (Ok(change), _) => self.apply(change).await,
            };
            let is_noted = match (&applied, &change) {
                (Ok(()), Ok(change)) => self.forget(&message, change).await,
                (Err(error), Ok(change)) => self.note(&message, change, error).await,
                (_, Err(_)) => Ok(()),
            };
            // Applied, or not: where the ledger doesn't know it, it comes again.
            match (applied, is_noted, &change) {
                (Ok(()), Ok(()), Ok(change)) => {
                    done.applied += 1;
                    done.newest = done.newest.max(Some(change.at));
                }
                _ => done.failed.push(message.message_id),
            }
        }
        done
    }

    async fn apply(&self, change: &Change) -> Result<(), Error> {
        is_time_left(self.deadline)?;
        let source_key = item(&change.key)?;
        let mut spent = Spent::default();
        match &change.what {
            What::Images { old, new } => {
                let old = old.as_ref().map(item).transpose()?.and_then(|old| self.tables.images.place_of(&old));
                let new = new.as_ref().map(item).transpose()?;
                self.bring_in_step(&source_key, old, new, &mut spent).await
            }
            What::Refresh { old_target_key } => {
                let old = old_target_key.as_ref().map(item).transpose()?;
                let now = self.tables.read_source(&source_key, &mut spent).await?;
                self.bring_in_step(&source_key, old, now, &mut spent).await
            }
        }
    }

    /// Has the target hold the image of the item as it is `now`, and nothing of it at its old place.
    async fn bring_in_step(
        &self,
        source_key: &Item,
        old_place: Option<Item>,
        now: Option<Item>,
        spent: &mut Spent,
    ) -> Result<(), Error> {
        let refused = |failure: &dyn std::fmt::Display| Error::new(Kind::Refused, failure.to_string());
        let image = match &now {
            Some(item) => self.tables.images.of(item).map_err(|failure| refused(&failure))?,
            None => None,
        };
        if let Some(image) = &image {
            match self.tables.put(source_key, image, spent).await? {
                // Where it has moved since, a later change of it says so.
                Placed::Written | Placed::Unchanged | Placed::Moved(_) => {}
                Placed::Refused(failure) => return Err(refused(&failure)),
            }
        }
        let place = image.map(|image| self.tables.images.target_key_of(&image));
        match old_place {
            Some(old) if !place.is_some_and(|place| same_key(&old, &place)) => {
                self.tables.delete(source_key, &old, spent).await
            }
            _ => Ok(()),
        }
    }

    /// Leaves in the ledger why a change wasn't applied. What may pass by itself is noted when it hasn't.
    async fn note(&self, message: &Message, change: &Change, error: &Error) -> Result<(), Error> {
        let may_pass = error.kind().is_transient() || error.kind() == Kind::Interrupted;
        if may_pass && message.receives() < 2 {
            return Ok(());
        }
        let noted = poisoned::Poisoned::new(change, error, message.receives());
        poisoned::note(&self.services.ledger, change, &noted).await
    }

    async fn forget(&self, message: &Message, change: &Change) -> Result<(), Error> {
        match message.receives() {
            1 => Ok(()),
            _ => poisoned::forget(&self.services.ledger, change).await,
        }
    }
}

fn item(json: &Value) -> Result<Item, Error> {
    item_from_json(json.clone()).map_err(|why| Error::invalid(format!("a change of the queue: {why}")))
}
