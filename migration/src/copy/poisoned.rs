//! Changes that could not be applied, as the ledger keeps them: which item's, and why. Each is taken out when it is applied
//! after all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::{Change, What};
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;

/// A change that could not be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Poisoned {
    /// The item's primary key, as DynamoDB JSON.
    pub key: Value,
    /// The id of its event.
    pub event: String,
    /// When the item was changed, as the stream says.
    pub at: jiff::Timestamp,
    /// Why; no value of the item.
    pub reason: String,
    /// The name of the error.
    pub error: String,
    /// How often it was tried.
    pub receives: u32,
    /// Where the image of the item may stand besides, where the change was one that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_target_key: Option<Value>,
}

impl Poisoned {
    pub(super) fn new(change: &Change, error: &Error, receives: u32) -> Self {
        let old_target_key = match &change.what {
            What::Refresh { old_target_key } => old_target_key.clone(),
            What::Images { .. } => None,
        };
        Self {
            key: change.key.clone(),
            event: change.event.clone(),
            at: change.at,
            reason: error.to_string(),
            error: error.kind().name().into(),
            receives,
            old_target_key,
        }
    }
}

/// The changes of a copy that could not be applied.
pub async fn list(ledger: &Ledger, run: &RunId) -> Result<Vec<Poisoned>, Error> {
    ledger.bodies(run, Entry::CHANGE_PREFIX).await
}

/// Takes one out: it was applied, or somebody has dropped it by name.
pub async fn forget(ledger: &Ledger, change: &Change) -> Result<(), Error> {
    ledger.delete(&change.run, entry(change)).await
}

pub(super) async fn note(ledger: &Ledger, change: &Change, poisoned: &Poisoned) -> Result<(), Error> {
    ledger.put(&change.run, entry(change), poisoned).await
}

fn entry(change: &Change) -> Entry {
    Entry::change(&change.group(), &change.event)
}
