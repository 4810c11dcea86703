//! Changes that somebody has dropped by name: which item's, and when. Nobody knows from then on that its image is what it should
//! be, and whoever has dropped it has said that the copy goes on without it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::put::same_key;
use crate::error::Error;
use crate::item::Item;
use crate::item::json::item_from_json;
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;

/// A change that was dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// The item's primary key, as DynamoDB JSON; `None` where the message could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The change's event, or the message's id.
    pub event: String,
    /// When it was dropped.
    pub at: Timestamp,
}

/// The changes of a run's copy that were dropped.
pub async fn list(ledger: &Ledger, run: &RunId) -> Result<Vec<Dropped>, Error> {
    ledger.bodies(run, Entry::DROPPED_PREFIX).await
}

/// Writes down that a change is dropped, before it is.
pub(crate) async fn note(ledger: &Ledger, run: &RunId, dropped: &Dropped) -> Result<(), Error> {
    ledger.put(run, Entry::dropped(&dropped.event), dropped).await
}

/// The items of a copy of which a change was dropped. What isn't as it should be of them is told, and counts for nothing else: the
/// word that lets the copy go on without the change lets it go on without what that has left behind. There are as many as
/// somebody has named.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(Vec<(Item, Timestamp)>);

impl LeftOut {
    /// Those of a run's copy.
    pub(crate) async fn of(ledger: &Ledger, run: &RunId) -> Result<Self, Error> {
        let item = |dropped: Dropped| Some((item_from_json(dropped.key?).ok()?, dropped.at));
        Ok(Self(list(ledger, run).await?.into_iter().filter_map(item).collect()))
    }

    /// Whether the item of the source with that key is one.
    pub(crate) fn has(&self, source_key: &Item) -> bool {
        self.dropped_last(source_key).is_some()
    }

    /// When a change of the item was dropped last.
    pub(crate) fn dropped_last(&self, source_key: &Item) -> Option<Timestamp> {
        self.0.iter().filter(|(key, _)| same_key(key, source_key)).map(|(_, at)| *at).max()
    }
}
