//! The second half of the item's way: change, condition, write, outcome.
//!
//! Nothing is written blindly (R2). What is decided for each item stands in `attempted`, once; how it is sent, in
//! `single` and in `batch`. This is the only place that writes to a user's table.

mod attempted;
mod batch;
mod single;
mod statement;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use crate::definition::WriteRequests;
use crate::error::Error;
use crate::item::Item;
use crate::pace::{Direction, Pace};
use crate::transform::{Failure, Transform};

/// What became of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Attributes were changed.
    Written,
    /// It was deleted.
    Deleted,
    /// It was as wanted already.
    Unchanged,
    /// `where` didn't choose it.
    Filtered,
    /// Somebody else deleted it meanwhile; it stays gone.
    Gone,
    /// It can't be migrated.
    Failed(Failure),
}

/// An outcome, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// What became of the item.
    pub outcome: Outcome,
    /// How often the item had changed under us.
    pub conflicts: u32,
    /// Write units, those of failed conditions included.
    pub write_units: f64,
    /// Read units, where an item had to be read again.
    pub read_units: f64,
}

impl Written {
    /// An outcome that took nothing.
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self { outcome, conflicts: 0, write_units: 0.0, read_units: 0.0 }
    }
}

/// Writes to one table by one transform.
pub(crate) struct Writer<'w> {
    client: &'w Client,
    table: &'w str,
    transform: &'w Transform,
    requests: WriteRequests,
    pace: &'w Pace<'w>,
}

/// Items by their place in a page: the primary key, and what became of it.
pub(crate) type Page = Vec<(usize, Item, Result<Written, Error>)>;

impl<'w> Writer<'w> {
    /// A writer to `table`, which has the key that `transform` was made for.
    pub(crate) fn new(
        client: &'w Client,
        table: &'w str,
        transform: &'w Transform,
        requests: WriteRequests,
        pace: &'w Pace<'w>,
    ) -> Self {
        Self { client, table, transform, requests, pace }
    }

    /// Takes items, as a scan has returned them, to their outcomes; returns each one's place among them, its primary key
    /// and its outcome, in the items' order.
    ///
    /// An error is one of the table or the service; what is wrong with an item alone is an [`Outcome::Failed`]. After
    /// an error nothing more is begun, but writes that are under way are finished: items that have no outcome then are
    /// left out.
    pub(crate) async fn page(&self, items: Vec<Item>) -> Page {
        let mut page = match self.requests {
            WriteRequests::Single => single::page(self, items).await,
            WriteRequests::Batched => batch::page(self, items).await,
        };
        page.sort_unstable_by_key(|(at, ..)| *at);
        page
    }

    /// The item with this key as it is now, and the read units that it took.
    pub(crate) async fn read(&self, key: &Item) -> Result<(Option<Item>, f64), Error> {
        let attempt = async || {
            let get = self.client.get_item().table_name(self.table).set_key(Some(key.clone())).consistent_read(true);
            let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
            get.send().await.map_err(|error| Error::from_sdk("GetItem", error))
        };
        let took = |output: &GetItemOutput| output.consumed_capacity.as_ref().and_then(|report| report.capacity_units);
        let output = self.pace.send(Direction::Read, 1.0, attempt, took).await?;
        let read_units = took(&output).unwrap_or_default();
        Ok((output.item, read_units))
    }

    /// The units that the response to a write reports, those of indexes included; `expected_units` were reserved for it.
    fn consumed(&self, expected_units: f64, reports: &[ConsumedCapacity]) -> f64 {
        self.pace.wrote(expected_units, reports);
        reports.iter().filter_map(|report| report.capacity_units).sum()
    }
}
