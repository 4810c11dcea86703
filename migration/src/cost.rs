//! What a run costs in US dollars. Prices are data: one file, overridable.

use serde::{Deserialize, Serialize};

use crate::capacity::{Capacity, Units};
use crate::error::Error;

/// Prices in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The region that they are for.
    pub region: String,
    /// When they were read from AWS's price list.
    pub checked: String,
    /// A million write units on demand.
    pub on_demand_million_write_units: f64,
    /// A million read units on demand.
    pub on_demand_million_read_units: f64,
    /// A provisioned write unit for an hour.
    pub provisioned_write_unit_hour: f64,
    /// A provisioned read unit for an hour.
    pub provisioned_read_unit_hour: f64,
    /// A gigabyte of a table that is exported to S3, by the table's size.
    pub exported_gigabyte: f64,
    /// A million state transitions of a STANDARD state machine.
    pub million_state_transitions: f64,
}

impl Prices {
    /// The prices that Segue comes with.
    pub fn built_in() -> Result<Self, Error> {
        Self::from_json(include_str!("prices.json"))
    }

    /// Prices from a file like the built-in one.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|error| Error::invalid(format!("the prices can't be read: {error}")))
    }

    /// So many units, paid by the request.
    pub fn on_demand(&self, read_units: f64, write_units: f64) -> f64 {
        (read_units * self.on_demand_million_read_units + write_units * self.on_demand_million_write_units) / 1e6
    }

    /// An export of a table of so many bytes; what its files cost in S3 isn't in it.
    pub fn export(&self, bytes: u64) -> f64 {
        const GIGABYTE: f64 = 1024.0 * 1024.0 * 1024.0;
        bytes as f64 / GIGABYTE * self.exported_gigabyte
    }

    /// An hour of that capacity; nothing where it is paid by the request.
    pub fn hourly(&self, capacity: &Capacity) -> f64 {
        let Capacity::Provisioned { table, indexes } = capacity else { return 0.0 };
        std::iter::once(table).chain(indexes.values()).map(|units| self.provisioned_hour(*units)).sum()
    }

    fn provisioned_hour(&self, units: Units) -> f64 {
        units.read as f64 * self.provisioned_read_unit_hour + units.write as f64 * self.provisioned_write_unit_hour
    }

    /// What orchestration by Step Functions costs: the workflow, and each child with its calls.
    pub fn state_transitions(&self, children: u32) -> f64 {
        const OF_THE_WORKFLOW: f64 = 20.0;
        const OF_A_CHILD: f64 = 4.0;
        (OF_THE_WORKFLOW + OF_A_CHILD * f64::from(children)) * self.million_state_transitions / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The floor for a million items of 1 KB: $0.625 to write them, $0.016 to read them.
    #[test]
    fn a_million_small_items_cost_what_aws_says() {
        let prices = Prices::built_in().unwrap();
        assert!((prices.on_demand(0.0, 1e6) - 0.625).abs() < 1e-9);
        assert!((prices.on_demand(125_000.0, 0.0) - 0.015_625).abs() < 1e-9);
        assert!((prices.export(10 << 30) - 1.0).abs() < 1e-9);
    }
}
