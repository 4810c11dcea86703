//! Prewarm and restore (R12): capacity is only ever raised, what stood before is written down first, and is put
//! back however the run ends.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    BillingMode, GlobalSecondaryIndexUpdate, ProvisionedThroughput, UpdateGlobalSecondaryIndexAction, WarmThroughput,
};
use serde::{Deserialize, Serialize};

use crate::definition::Prewarm;
use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};
use crate::table::{Table, Warm};

/// Read and write units a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Units {
    /// Read units a second.
    pub read: u64,
    /// Write units a second.
    pub write: u64,
}

impl Units {
    /// What an on-demand table serves from its first second (developer guide, "On-demand capacity mode").
    pub const ON_DEMAND_START: Self = Self { read: 12_000, write: 4_000 };

    fn max(self, other: Self) -> Self {
        Self { read: self.read.max(other.read), write: self.write.max(other.write) }
    }
}

/// A table's capacity, as UpdateTable sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// By the request, for the table and all of its indexes.
    OnDemand,
    /// By the hour.
    Provisioned {
        /// The table's own.
        table: Units,
        /// Each global index's.
        indexes: BTreeMap<String, Units>,
    },
}

/// The capacity to raise a table to, or `None` where it has as much as was asked for.
///
/// A write to the table may be a write to each index, so indexes get as many write units. An on-demand table that
/// is not warm enough is provisioned for the time of the run, nowhere below what it serves now.
///
/// `None`, too, where warm throughput was asked for: it is no capacity that is paid for. See [`warmed`].
pub fn raised(table: &Table, asked: Prewarm) -> Option<Capacity> {
    if asked.is_for_good() {
        return None;
    }
    let asked = Units { read: asked.read_units.into(), write: asked.write_units.into() };
    match &table.capacity {
        Capacity::Provisioned { table: units, indexes } => {
            let raised = Capacity::Provisioned {
                table: units.max(asked),
                indexes: indexes
                    .iter()
                    .map(|(name, units)| (name.clone(), units.max(Units { read: 0, write: asked.write })))
                    .collect(),
            };
            (raised != table.capacity).then_some(raised)
        }
        Capacity::OnDemand => {
            let Warm { table: warm, indexes } = &table.warm;
            let warm = warm.unwrap_or(Units::ON_DEMAND_START);
            let enough = warm.max(asked) == warm && indexes.values().all(|index| index.write >= asked.write);
            (!enough).then(|| Capacity::Provisioned {
                table: warm.max(asked),
                indexes: indexes
                    .iter()
                    .map(|(name, warm)| (name.clone(), warm.max(Units { read: 0, write: asked.write })))
                    .collect(),
            })
        }
    }
}

/// The warm throughput to raise a table and its indexes to, or `None` where they have as much as was asked for, or where
/// it wasn't. Indexes get as many write units as the table.
pub fn warmed(table: &Table, asked: Prewarm) -> Option<Warm> {
    if !asked.is_for_good() {
        return None;
    }
    let asked = Units { read: asked.read_units.into(), write: asked.write_units.into() };
    let writes = Units { read: 0, ..asked };
    let indexes = table.warm.indexes.iter().map(|(name, warm)| (name.clone(), warm.max(writes))).collect();
    let warmed = Warm { table: Some(table.warm.table.unwrap_or_default().max(asked)), indexes };
    (warmed != table.warm).then_some(warmed)
}

/// Warms the table and its indexes, where they are colder. Looks before every attempt, as [`set`] does.
pub(crate) async fn warm(client: &Client, name: &str, asked: Prewarm) -> Result<(), Error> {
    patiently(&Meter::default(), async || {
        let table = Table::describe(client, name).await?;
        let Some(wanted) = warmed(&table, asked) else { return Ok(()) };
        if !table.is_active || table.is_warming {
            return Err(Error::new(Kind::Busy, format!("table {name} or one of its indexes is not ACTIVE")));
        }
        let update = warming(client.update_table().table_name(name), &table.warm, &wanted)?;
        update.send().await.map(drop).map_err(|error| Error::from_control_plane("UpdateTable", error))
    })
    .await
}

/// Asks for what rises, and for nothing else: what is as it was would be refused.
fn warming(mut update: UpdateTableFluentBuilder, now: &Warm, wanted: &Warm) -> Result<UpdateTableFluentBuilder, Error> {
    let rising = |now: Units, wanted: Units| {
        let more = |now: u64, wanted: u64| i64::try_from(wanted).ok().filter(|_| wanted > now);
        let (read, write) = (more(now.read, wanted.read), more(now.write, wanted.write));
        let warm = WarmThroughput::builder().set_read_units_per_second(read).set_write_units_per_second(write);
        (now != wanted).then(|| warm.build())
    };
    update = update.set_warm_throughput(rising(now.table.unwrap_or_default(), wanted.table.unwrap_or_default()));
    for (name, units) in &wanted.indexes {
        let Some(warm) = rising(now.indexes.get(name).copied().unwrap_or_default(), *units) else { continue };
        let action = UpdateGlobalSecondaryIndexAction::builder().index_name(name).warm_throughput(warm).build();
        let action = action.map_err(|error| Error::invalid(error.to_string()))?;
        update = update.global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().update(action).build());
    }
    Ok(update)
}

/// Gives the table that capacity, where it has another.
///
/// Looks at the table before every attempt: where the answer to the one before was lost, DynamoDB would refuse
/// to change what it has changed already. While a table is being updated DescribeTable still shows its old
/// units, which say nothing: that has to end first.
pub(crate) async fn set(client: &Client, name: &str, wanted: &Capacity) -> Result<(), Error> {
    patiently(&Meter::default(), async || {
        let table = Table::describe(client, name).await?;
        if !table.is_active {
            return Err(Error::new(Kind::Busy, format!("table {name} or one of its indexes is not ACTIVE")));
        }
        let Some(update) = change(client.update_table().table_name(name), &table.capacity, wanted)? else {
            return Ok(());
        };
        update.send().await.map(drop).map_err(|error| Error::from_control_plane("UpdateTable", error))
    })
    .await
}

/// Asks for what differs, and for nothing else: DynamoDB refuses a change that is none. `None` where nothing does:
/// indexes that were made or dropped meanwhile are no difference.
fn change(
    mut update: UpdateTableFluentBuilder,
    now: &Capacity,
    wanted: &Capacity,
) -> Result<Option<UpdateTableFluentBuilder>, Error> {
    let Capacity::Provisioned { table: units, indexes } = wanted else {
        return Ok((now != wanted).then(|| update.billing_mode(BillingMode::PayPerRequest)));
    };
    let mut differs = false;
    let before = match now {
        Capacity::OnDemand => {
            update = update.billing_mode(BillingMode::Provisioned);
            None
        }
        Capacity::Provisioned { table, indexes } => Some((table, indexes)),
    };
    if before.is_none_or(|(before, _)| before != units) {
        update = update.provisioned_throughput(provisioned(*units)?);
        differs = true;
    }
    for (name, units) in indexes {
        if before.is_none_or(|(_, before)| before.get(name).is_some_and(|before| before != units)) {
            update = update.global_secondary_index_updates(index_update(name, *units)?);
            differs = true;
        }
    }
    Ok(differs.then_some(update))
}

fn provisioned(units: Units) -> Result<ProvisionedThroughput, Error> {
    let whole = |units: u64| i64::try_from(units).map_err(|error| Error::invalid(error.to_string()));
    ProvisionedThroughput::builder()
        .read_capacity_units(whole(units.read)?)
        .write_capacity_units(whole(units.write)?)
        .build()
        .map_err(|error| Error::invalid(error.to_string()))
}

fn index_update(name: &str, units: Units) -> Result<GlobalSecondaryIndexUpdate, Error> {
    let action = UpdateGlobalSecondaryIndexAction::builder()
        .index_name(name)
        .provisioned_throughput(provisioned(units)?)
        .build()
        .map_err(|error| Error::invalid(error.to_string()))?;
    Ok(GlobalSecondaryIndexUpdate::builder().update(action).build())
}
