//! The second half of the item's way: change, condition, write, outcome.
//!
//! Nothing is written blindly (R2). What is decided for each item stands in `attempted`, once; how it is sent, in
//! `single` and in `batch`. This is the only place that writes to a user's table.

mod attempted;
mod batch;
mod single;
mod statement;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ConsumedCapacity;

use crate::definition::WriteRequests;
use crate::error::Error;
use crate::item::Item;
use crate::patience::Meter;
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

/// Writes to one table by one transform.
pub struct Writer<'w> {
    client: &'w Client,
    table: &'w str,
    transform: &'w Transform,
    requests: WriteRequests,
    meter: &'w Meter,
}

/// Items by their place in a page: the primary key, and what became of it.
type Page = Vec<(usize, (Item, Result<Written, Error>))>;

impl<'w> Writer<'w> {
    /// A writer to `table`, which has the key that `transform` was made for.
    pub fn new(
        client: &'w Client,
        table: &'w str,
        transform: &'w Transform,
        requests: WriteRequests,
        meter: &'w Meter,
    ) -> Self {
        Self { client, table, transform, requests, meter }
    }

    /// Takes items, as a scan has returned them, to their outcomes; returns each one's primary key and outcome, in
    /// the items' order.
    ///
    /// An error is one of the table or the service; what is wrong with an item alone is an [`Outcome::Failed`]. After
    /// an error nothing more is begun, but writes that are under way are finished: items that have no outcome then are
    /// left out.
    pub async fn page(&self, items: Vec<Item>) -> Vec<(Item, Result<Written, Error>)> {
        let mut page = match self.requests {
            WriteRequests::Single => single::page(self, items).await,
            WriteRequests::Batched => batch::page(self, items).await,
        };
        page.sort_unstable_by_key(|(at, _)| *at);
        page.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// The units that a response reports: every response of the table comes through here.
    fn consumed(&self, reports: &[ConsumedCapacity]) -> f64 {
        reports.iter().filter_map(|report| report.capacity_units).sum()
    }
}
