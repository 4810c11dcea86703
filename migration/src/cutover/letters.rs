//! Changes that could not be applied: the dead letters of a copy. Each is listed with its item's key and the reason, and holds
//! the cut-over up until it is tried again, or dropped by name.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_sqs::types::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::copy::change::{Change, What};
use crate::copy::dropped::{self, Dropped};
use crate::copy::poisoned::{self, Poisoned};
use crate::copy::{self, Images, message, refresh};
use crate::error::{Error, Kind};
use crate::item::json::{item_from_json, item_to_json};
use crate::patience::{Meter, patiently};
use crate::plan::RunId;
use crate::services::{Carrier, Services};

/// Messages of one request (SQS API reference, ReceiveMessage).
const AT_A_TIME: i32 = 10;
/// For how long a letter that is looked at is nobody else's: long enough to look at a hundred thousand, at ten in a few
/// milliseconds.
const HELD_SECONDS: i32 = 300;

/// A change that could not be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The run whose change it is: a copy's, or that of its way back; `None` where the message can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The item's primary key, as DynamoDB JSON; `None` likewise.
    pub key: Option<Value>,
    /// The change's event, or the message's id.
    pub event: String,
    /// Why it could not be applied, where replay has noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which letters are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// All of them.
    All,
    /// Those of the item with this key, as DynamoDB JSON.
    OfItem(Value),
    /// The one with this event.
    Event(String),
}

/// The dead letters of a run, each with why. Of one item no more than ten are seen at a time: that is all that the queue shows
/// of a group.
pub async fn list(services: &Services, run: &RunId) -> Result<Vec<Letter>, Error> {
    let carrier = services.carrier()?;
    let why = reasons(services, run).await?;
    let (mut round, mut letters) = (Round::default(), Vec::new());
    while let Some(held) = round.receive(carrier).await? {
        letters.extend(held.iter().map(|held| held.letter(&why)));
        round.keep(held);
    }
    round.release(carrier).await?;
    Ok(letters)
}

/// Has replay bring the items of letters in step, as they are now, and takes the letters out; gives them. One that can't be
/// read stays.
pub async fn retry(services: &Services, run: &RunId, which: &Which) -> Result<Vec<Letter>, Error> {
    let mut places = Places::default();
    take_out(
        services,
        run,
        |held| held.change.is_some() && held.is_meant(which),
        async |held| {
            let Some(change) = &held.change else { return Ok(()) };
            // Before the letter goes: were it the other way round, a change could be lost between the two.
            let place = places.before(services, change).await?;
            refresh::send(services, &change.run, &change.key, place.as_ref()).await
        },
    )
    .await
}

/// Takes letters out: what they tell is never applied. Gives them. Nobody knows any more that the two tables are the same, and
/// the gate asks for a comparison that began later.
pub async fn drop_named(services: &Services, run: &RunId, which: &Which) -> Result<Vec<Letter>, Error> {
    take_out(
        services,
        run,
        |held| held.is_meant(which),
        async |held| {
            let change = held.change.as_ref();
            let (key, at) = (change.map(|change| change.key.clone()), (services.clock)());
            let dropped = Dropped { key, event: held.event().to_owned(), at };
            dropped::note(&services.ledger, change.map_or(run, |change| &change.run), &dropped).await
        },
    )
    .await
}

/// Empties the dead letters: the copy was given up. What else is in the queue is let go by whoever is handed it: a purge would
/// also take what a next copy sends within a minute of it (SQS API reference, PurgeQueue).
pub(super) async fn let_go(services: &Services, run: &RunId) -> Result<(), Error> {
    take_out(services, run, |_| true, async |_| Ok(())).await.map(drop)
}

/// Takes out the letters that are meant, each after `first` was done with it. A letter that is out makes room for those of its
/// item that come after it.
async fn take_out(
    services: &Services,
    run: &RunId,
    is_meant: impl Fn(&Held) -> bool,
    mut first: impl AsyncFnMut(&Held) -> Result<(), Error>,
) -> Result<Vec<Letter>, Error> {
    let carrier = services.carrier()?;
    let why = reasons(services, run).await?;
    let (mut round, mut out) = (Round::default(), Vec::new());
    while let Some(held) = round.receive(carrier).await? {
        let (meant, others): (Vec<_>, Vec<_>) = held.into_iter().partition(&is_meant);
        round.keep(others);
        for held in meant {
            first(&held).await?;
            delete(carrier, &held).await?;
            if let Some(change) = &held.change {
                poisoned::forget(&services.ledger, change).await?;
            }
            out.push(held.letter(&why));
        }
    }
    round.release(carrier).await?;
    Ok(out)
}

/// Where the image of a change's item stands if the change was never applied, by the run that carries it.
#[derive(Default)]
struct Places {
    images: HashMap<RunId, Images>,
}

impl Places {
    async fn before(&mut self, services: &Services, change: &Change) -> Result<Option<Value>, Error> {
        let old = match &change.what {
            What::Refresh { old_target_key } => return Ok(old_target_key.clone()),
            What::Images { old, .. } => old,
        };
        let Some(old) = old else { return Ok(None) };
        if !self.images.contains_key(&change.run) {
            self.images.insert(change.run.clone(), copy::images(services, &change.run).await?);
        }
        let old = item_from_json(old.clone()).map_err(|why| Error::invalid(format!("a change of the queue: {why}")))?;
        Ok(self.images.get(&change.run).and_then(|images| images.place_of(&old)).as_ref().map(item_to_json))
    }
}

/// A letter that nobody else sees for a while.
struct Held {
    message: Message,
    change: Option<Change>,
}

impl Held {
    fn is_meant(&self, which: &Which) -> bool {
        match which {
            Which::All => true,
            Which::OfItem(key) => self.change.as_ref().is_some_and(|change| change.key == *key),
            Which::Event(event) => *self.event() == **event,
        }
    }

    fn event(&self) -> &str {
        let event = self.change.as_ref().map(|change| change.event.as_str());
        event.or(self.message.message_id()).unwrap_or_default()
    }

    fn letter(&self, why: &BTreeMap<String, Poisoned>) -> Letter {
        let event = self.event().to_owned();
        match &self.change {
            Some(change) => {
                let reason = why.get(&change.event).map(|poisoned| poisoned.reason.clone());
                Letter { run: Some(change.run.clone()), key: Some(change.key.clone()), event, reason }
            }
            None => {
                let reason = Some("expected a change in the message, found something else".into());
                Letter { run: None, key: None, event, reason }
            }
        }
    }
}

/// Why changes could not be applied, by their events.
async fn reasons(services: &Services, run: &RunId) -> Result<BTreeMap<String, Poisoned>, Error> {
    let noted = poisoned::list(&services.ledger, run).await?;
    Ok(noted.into_iter().map(|poisoned| (poisoned.event.clone(), poisoned)).collect())
}

/// One time that all letters are looked at, ten at a time. It ends when none comes that was not seen before.
#[derive(Default)]
struct Round {
    seen: HashSet<String>,
    /// Those that stay.
    kept: Vec<Held>,
}

impl Round {
    async fn receive(&mut self, carrier: &Carrier) -> Result<Option<Vec<Held>>, Error> {
        let output = patiently(&Meter::default(), async || {
            let receive = carrier.sqs.receive_message().queue_url(&carrier.wiring.dead_letters_url);
            let receive = receive.max_number_of_messages(AT_A_TIME).visibility_timeout(HELD_SECONDS);
            // Asks every server of the queue, where a short poll asks some.
            let received = receive.wait_time_seconds(1).send().await;
            received.map_err(|error| Error::from_sdk("ReceiveMessage", error))
        })
        .await?;
        let held = output.messages.unwrap_or_default().into_iter().map(|message| {
            let change = message.body().and_then(|body| message::read(body).ok());
            Held { message, change }
        });
        let (fresh, again): (Vec<_>, Vec<_>) =
            held.partition(|held| self.seen.insert(held.message.message_id().unwrap_or_default().to_owned()));
        self.kept.extend(again);
        Ok((!fresh.is_empty()).then_some(fresh))
    }

    fn keep(&mut self, held: Vec<Held>) {
        self.kept.extend(held);
    }

    /// Lets others see them again.
    async fn release(self, carrier: &Carrier) -> Result<(), Error> {
        for held in &self.kept {
            let meter = Meter::default();
            let released = patiently(&meter, async || {
                let change = carrier.sqs.change_message_visibility().queue_url(&carrier.wiring.dead_letters_url);
                let change = change.set_receipt_handle(held.message.receipt_handle.clone()).visibility_timeout(0);
                change.send().await.map(drop).map_err(|error| Error::from_sdk("ChangeMessageVisibility", error))
            });
            match released.await {
                // It was held for so long that it is anybody's already.
                Err(error) if error.kind() == Kind::Refused => {}
                released => released?,
            }
        }
        Ok(())
    }
}

async fn delete(carrier: &Carrier, held: &Held) -> Result<(), Error> {
    patiently(&Meter::default(), async || {
        let delete = carrier.sqs.delete_message().queue_url(&carrier.wiring.dead_letters_url);
        let delete = delete.set_receipt_handle(held.message.receipt_handle.clone());
        delete.send().await.map(drop).map_err(|error| Error::from_sdk("DeleteMessage", error))
    })
    .await
}
