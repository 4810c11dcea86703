//! A change on its way from the source's stream to the target: the body of a message in the queue. Images travel typed and
//! untouched (R14).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::plan::RunId;

/// What has happened to one item of the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The copy that carries it.
    pub run: RunId,
    /// The stream's id of the event; for one of our own, any that was never used.
    pub event: String,
    /// When the item was changed, as the stream says, to the second.
    pub at: Timestamp,
    /// The item's primary key, in DynamoDB JSON.
    pub key: Value,
    /// What was done.
    pub what: What,
}

/// Whether what a stream says was made at `made` was made before a moment, for certain: it tells whole seconds, with half a second
/// either way.
pub(crate) fn was_before(made: Timestamp, moment: Timestamp) -> bool {
    made + SignedDuration::from_secs(1) < moment
}

/// What was done to an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The item before and after, in DynamoDB JSON: none before it was made, none after it was deleted.
    Images {
        /// Before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<Value>,
        /// After.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new: Option<Value>,
    },
    /// Whatever it was: the target's item is to be what the source's is when this is applied.
    Refresh {
        /// Where the image of the item may stand besides, in DynamoDB JSON of the target's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old_target_key: Option<Value>,
    },
}

impl Change {
    /// The message group: changes of one item stay in order, those of others don't wait for them (R14). A hash of the whole
    /// key with its types.
    pub fn group(&self) -> String {
        digest(self.key.clone())
    }
}

/// A hash of JSON, whatever the order of its objects' members: 64 characters.
pub(super) fn digest(mut json: Value) -> String {
    json.sort_all_objects();
    Sha256::digest(json.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}
