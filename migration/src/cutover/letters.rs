//! Changes that could not be applied: the dead letters of a copy. Each is listed with its item's key and the reason, and holds
//! the cut-over up until it is tried again, or dropped by name.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::copy::change::Change;
use crate::copy::poisoned::{self, Poisoned};
use crate::copy::{message, refresh};
use crate::error::Error;
use crate::patience::{Meter, patiently};
use crate::plan::RunId;
use crate::services::{Carrier, Services};

/// Messages of one request (SQS API reference, ReceiveMessage).
const AT_A_TIME: i32 = 10;
/// For how long a letter that is looked at is nobody else's.
const HELD_SECONDS: i32 = 60;

/// A change that could not be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The item's primary key, as DynamoDB JSON; `None` where the message can't be read.
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
}

/// The dead letters of a run, each with why.
pub async fn list(services: &Services, run: &RunId) -> Result<Vec<Letter>, Error> {
    let carrier = services.carrier()?;
    let why = reasons(services, run).await?;
    let held = receive(carrier).await?;
    release(carrier, &held).await?;
    Ok(held.into_iter().map(|held| held.letter(&why)).collect())
}

/// Has replay bring the items in step that letters are about, whatever has become of them meanwhile, and takes the letters out.
/// Gives those.
pub async fn retry(services: &Services, run: &RunId, which: &Which) -> Result<Vec<Letter>, Error> {
    take_out(services, run, which, true).await
}

/// Takes letters out: what they tell is never applied. Gives them.
pub async fn drop_named(services: &Services, run: &RunId, which: &Which) -> Result<Vec<Letter>, Error> {
    take_out(services, run, which, false).await
}

/// Empties the queue and its dead letters: the copy was given up.
pub(super) async fn let_go(services: &Services) -> Result<(), Error> {
    let carrier = services.carrier()?;
    for url in [&carrier.wiring.queue_url, &carrier.wiring.dead_letters_url] {
        let purge = carrier.sqs.purge_queue().queue_url(url).send().await;
        match purge.map_err(|error| Error::from_sdk("PurgeQueue", error)) {
            // Once a minute at most: it was asked for just now.
            Err(error) if error.to_string().contains("PurgeQueueInProgress") => {}
            purged => purged.map(drop)?,
        }
    }
    Ok(())
}

async fn take_out(services: &Services, run: &RunId, which: &Which, again: bool) -> Result<Vec<Letter>, Error> {
    let carrier = services.carrier()?;
    let why = reasons(services, run).await?;
    let (meant, others): (Vec<_>, Vec<_>) = receive(carrier).await?.into_iter().partition(|held| held.is_meant(which));
    release(carrier, &others).await?;
    let mut out = Vec::new();
    for held in meant {
        // Before the letter goes: were it the other way round, a change could be lost between the two.
        if let (true, Some(change)) = (again, &held.change) {
            let place = why.get(&change.event).and_then(|poisoned| poisoned.old_target_key.as_ref());
            refresh::send(services, run, &change.key, place).await?;
        }
        delete(carrier, &held).await?;
        if let Some(change) = &held.change {
            poisoned::forget(&services.ledger, change).await?;
        }
        out.push(held.letter(&why));
    }
    Ok(out)
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
        }
    }

    fn letter(self, why: &BTreeMap<String, Poisoned>) -> Letter {
        match self.change {
            Some(change) => {
                let reason = why.get(&change.event).map(|poisoned| poisoned.reason.clone());
                Letter { key: Some(change.key), event: change.event, reason }
            }
            None => Letter {
                key: None,
                event: self.message.message_id.unwrap_or_default(),
                reason: Some("expected a change in the message, found something else".into()),
            },
        }
    }
}

/// Why changes could not be applied, by their events.
async fn reasons(services: &Services, run: &RunId) -> Result<BTreeMap<String, Poisoned>, Error> {
    let noted = poisoned::list(&services.ledger, run).await?;
    Ok(noted.into_iter().map(|poisoned| (poisoned.event.clone(), poisoned)).collect())
}

/// All letters that there are.
async fn receive(carrier: &Carrier) -> Result<Vec<Held>, Error> {
    let mut held = Vec::new();
    loop {
        let output = patiently(&Meter::default(), async || {
            let receive = carrier.sqs.receive_message().queue_url(&carrier.wiring.dead_letters_url);
            let receive = receive.max_number_of_messages(AT_A_TIME).visibility_timeout(HELD_SECONDS);
            // Asks every server of the queue, where a short poll asks some.
            let received = receive.wait_time_seconds(1).send().await;
            received.map_err(|error| Error::from_sdk("ReceiveMessage", error))
        })
        .await?;
        let messages = output.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(held);
        }
        held.extend(messages.into_iter().map(|message| {
            let change = message.body().and_then(|body| message::read(body).ok());
            Held { message, change }
        }));
    }
}

/// Lets others see letters again.
async fn release(carrier: &Carrier, held: &[Held]) -> Result<(), Error> {
    for held in held {
        patiently(&Meter::default(), async || {
            let change = carrier.sqs.change_message_visibility().queue_url(&carrier.wiring.dead_letters_url);
            let change = change.set_receipt_handle(held.message.receipt_handle.clone()).visibility_timeout(0);
            change.send().await.map(drop).map_err(|error| Error::from_sdk("ChangeMessageVisibility", error))
        })
        .await?;
    }
    Ok(())
}

async fn delete(carrier: &Carrier, held: &Held) -> Result<(), Error> {
    patiently(&Meter::default(), async || {
        let delete = carrier.sqs.delete_message().queue_url(&carrier.wiring.dead_letters_url);
        let delete = delete.set_receipt_handle(held.message.receipt_handle.clone());
        delete.send().await.map(drop).map_err(|error| Error::from_sdk("DeleteMessage", error))
    })
    .await
}
