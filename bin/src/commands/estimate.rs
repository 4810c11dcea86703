//! What a run over the whole table would take, by a sample's shares.

use migration::capacity;
use migration::cost::Prices;
use migration::dry_run::DryRun;
use migration::plan::Plan;
use migration::table::Table;

use crate::report;

pub(crate) struct Estimate {
    /// `None` where DescribeTable doesn't know yet: the figures are then the sample's.
    pub(crate) items: Option<u64>,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) on_demand: f64,
    pub(crate) orchestration: f64,
    /// The capacity that prewarming raises to, and what an hour of it costs more than now.
    pub(crate) raised: Option<(String, f64)>,
    /// What becomes of the warm throughput, where that was asked for.
    pub(crate) warming: Option<String>,
}

impl Estimate {
    pub(crate) fn of(outcome: &DryRun, plan: &Plan, table: &Table, prices: &Prices) -> Self {
        let items = Some(plan.expected_items).filter(|items| *items >= outcome.sampled);
        let share = items.unwrap_or(outcome.sampled) as f64 / outcome.sampled.max(1) as f64;
        let bytes = plan.expected_bytes.max(outcome.bytes) as f64;
        let (read_units, write_units) = (bytes / 4096.0 / 2.0, outcome.write_units as f64 * share);
        let raised = plan.definition.prewarm.and_then(|asked| capacity::raised(table, asked));
        Self {
            items,
            read_units,
            write_units,
            on_demand: prices.on_demand(read_units, write_units),
            warming: plan.definition.prewarm.and_then(|asked| report::warming(table, asked)),
            orchestration: prices.state_transitions(plan.children),
            raised: raised
                .map(|raised| (report::words(&raised), prices.hourly(&raised) - prices.hourly(&table.capacity))),
        }
    }

    /// The cost in words.
    pub(crate) fn cost(&self) -> String {
        format!(
            "about ${:.4} on demand, and ${:.4} for state transitions on Step Functions",
            self.on_demand, self.orchestration
        )
    }
}
