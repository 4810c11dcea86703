//! What a run may take each second: a share of what its tables have, or what somebody has named. Worked out when they
//! are as the run will find them, and kept in the control entry, where every lease reads it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::capacity::{Capacity, Units};
use crate::control::{self, Control};
use crate::definition::Budget;
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, LedgerItem};
use crate::plan::{Job, Plan, RunId};
use crate::services::Services;
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
    /// What the plan's run may take, by its tables as they are now. `source` is the one that it reads; in a copy it is the
    /// target that it writes to, where that stands by now.
    pub(crate) async fn of_run(services: &Services, plan: &Plan, source: &Table) -> Result<Self, Error> {
        let budget = plan.definition.budget;
        // A count reads the source alone: its target needn't be there.
        let target = plan.definition.target.as_ref().filter(|_| plan.job != Job::Count);
        let Some(target) = target else { return Ok(Self::of(source, source, budget)) };
        match Table::describe(services.target_of(plan), target.table.as_str()).await {
            Ok(target) => Ok(Self::of(source, &target, budget)),
            Err(error) if error.kind() == Kind::NotFound && target.create => Ok(Self::of(source, source, budget)),
            Err(error) => Err(error),
        }
    }

    /// What `budget` allows of the reads of one table, and of the writes of another.
    fn of(read: &Table, written: &Table, budget: Budget) -> Self {
        let ((reads, _), (writes, indexes)) = (capacity_of(read), capacity_of(written));
        let share = |units: u64| units as f64 * budget.share.get() / 100.0;
        Self {
            read_units: budget.read_units.map_or(share(reads.read), |units| units.get().into()),
            write_units: budget.write_units.map_or(share(writes.write), |units| units.get().into()),
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
