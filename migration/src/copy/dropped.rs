//! Changes that somebody has dropped by name: which item's, and when. Nobody knows from then on that its image is what it should
//! be, and whoever has dropped it has said that the copy goes on without it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
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
