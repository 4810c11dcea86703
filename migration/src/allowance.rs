//! What a run may take each second: a share of what the table has, or what somebody has named. Worked out when the
//! table is as the run will find it, and kept in the control entry, where every lease reads it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::capacity::{Capacity, Units};
use crate::control::{self, Control};
use crate::definition::Budget;
use crate::error::Error;
use crate::ledger::{Ledger, LedgerItem};
use crate::plan::RunId;
use crate::table::Table;

/// The attribute of the control entry.
const ALLOWANCE: &str = "allowance";

/// Units a second that all workers of a run may take together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Allowance {
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Write units of each global index: a write to the table may be one to each of them.
    pub(crate) index_write_units: BTreeMap<String, f64>,
}

impl Allowance {
    /// What `budget` allows of `table` as it is now.
    pub(crate) fn of(table: &Table, budget: Budget) -> Self {
        let (own, indexes) = capacity_of(table);
        let share = |units: u64| units as f64 * budget.share.get() / 100.0;
        Self {
            read_units: budget.read_units.map_or(share(own.read), |units| units.get().into()),
            write_units: budget.write_units.map_or(share(own.write), |units| units.get().into()),
            index_write_units: indexes.into_iter().map(|(name, units)| (name, share(units.write))).collect(),
        }
    }

    /// What the control entry holds, changed by what people ask of it meanwhile.
    pub(crate) fn of_control(item: &LedgerItem) -> Result<Self, Error> {
        let text = item.get(ALLOWANCE).and_then(|value| value.as_s().ok());
        let allowance = text.and_then(|text| serde_json::from_str(text).ok());
        let allowance: Self =
            allowance.ok_or_else(|| Error::invalid("expected the run's budget in the ledger, found none"))?;
        let Control { read_units, write_units, .. } = Control::of_item(item);
        Ok(Self {
            read_units: read_units.map_or(allowance.read_units, |units| units.get().into()),
            write_units: write_units.map_or(allowance.write_units, |units| units.get().into()),
            ..allowance
        })
    }

    /// Writes it down.
    pub(crate) async fn put(&self, ledger: &Ledger, run: &RunId) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(|error| Error::invalid(error.to_string()))?;
        control::set(ledger, run, ALLOWANCE, AttributeValue::S(text)).await
    }
}

/// What a table and its indexes give each second; on demand, what they give without growing first.
fn capacity_of(table: &Table) -> (Units, BTreeMap<String, Units>) {
    match &table.capacity {
        Capacity::Provisioned { table, indexes } => (*table, indexes.clone()),
        Capacity::OnDemand => (table.warm.table.unwrap_or(Units::ON_DEMAND_START), table.warm.indexes.clone()),
    }
}
