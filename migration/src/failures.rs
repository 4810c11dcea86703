//! The items that could not be migrated, as the ledger keeps them (R19). Each is written in one transaction with the
//! checkpoint that counts it, and taken out likewise.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::ledger::Ledger;
use crate::plan::RunId;

/// Entries that are read at a time.
const PAGE: usize = 1_000;

/// An item that could not be migrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedItem {
    /// Its primary key, as DynamoDB JSON.
    pub key: Value,
    /// Why; no value of the item.
    pub reason: String,
    /// The segment that it lies in.
    pub segment: u32,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// Its number within the segment, from 1.
    pub(crate) number: u64,
    #[serde(flatten)]
    pub(crate) item: FailedItem,
}

/// The first `limit` items that could not be migrated, by their segments.
pub async fn list(ledger: &Ledger, run: &RunId, limit: usize) -> Result<Vec<FailedItem>, Error> {
    let (mut found, mut start) = (Vec::new(), None);
    loop {
        let wanted = PAGE.min(limit - found.len());
        let (page, next) = ledger.failures::<Recorded>(run, None, start, wanted).await?;
        found.extend(page.into_iter().map(|recorded| recorded.item));
        if next.is_none() || found.len() >= limit {
            return Ok(found);
        }
        start = next;
    }
}
