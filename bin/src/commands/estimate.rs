//! What a run over the whole table would take, by a sample's shares.

use migration::capacity;
use migration::cost::Prices;
use migration::dry_run::DryRun;
use migration::plan::Plan;
use migration::table::Table;
use migration::verify;

use crate::report;

pub(crate) struct Estimate {
    /// `None` where DescribeTable doesn't know yet: the figures are then the sample's.
    pub(crate) items: Option<u64>,
    pub(crate) read_units: f64,
    /// Of these, what a copy takes to compare the two tables.
    pub(crate) compared: Option<Compared>,
    pub(crate) write_units: f64,
    pub(crate) on_demand: f64,
    /// What the export costs that a copy is read from.
    pub(crate) export: Option<f64>,
    pub(crate) orchestration: f64,
    /// The capacity that prewarming raises to, and what an hour of it costs more than now.
    pub(crate) raised: Option<(String, f64)>,
    /// What becomes of the warm throughput, where that was asked for.
    pub(crate) warming: Option<String>,
}

/// What comparing two tables takes of both.
pub(crate) struct Compared {
    pub(crate) read_units: f64,
    pub(crate) dollars: f64,
}

impl Estimate {
    pub(crate) fn of(outcome: &DryRun, plan: &Plan, table: &Table, prices: &Prices) -> Self {
        let items = Some(plan.expected_items).filter(|items| *items >= outcome.sampled);
        let share = items.unwrap_or(outcome.sampled) as f64 / outcome.sampled.max(1) as f64;
        let bytes = plan.expected_bytes.max(outcome.bytes);
        let target = plan.definition.target.as_ref();
        let has_bulk = target.is_none_or(|target| target.carry.has_bulk());
        let (scanned, written, children) = match (has_bulk, plan.reads_export()) {
            (false, _) => (0.0, 0.0, 0),
            (true, true) => (0.0, outcome.write_units as f64 * share, plan.children),
            (true, false) => (bytes as f64 / 4096.0 / 2.0, outcome.write_units as f64 * share, plan.children),
        };
        let compared = target.map(|_| {
            let read_units = verify::read_units(items.unwrap_or(outcome.sampled), bytes);
            Compared { read_units, dollars: prices.on_demand(read_units, 0.0) }
        });
        let read_units = scanned + compared.as_ref().map_or(0.0, |compared| compared.read_units);
        let children = children + target.map_or(0, |_| 2 * plan.verify_children());
        let raised = plan.definition.prewarm.and_then(|asked| capacity::raised(table, asked));
        Self {
            items,
            read_units,
            compared,
            write_units: written,
            on_demand: prices.on_demand(read_units, written),
            export: plan.reads_export().then(|| prices.export(bytes)),
            warming: plan.definition.prewarm.and_then(|asked| report::warming(table, asked)),
            orchestration: prices.state_transitions(children),
            raised: raised
                .map(|raised| (report::words(&raised), prices.hourly(&raised) - prices.hourly(&table.capacity))),
        }
    }

    /// The cost in words.
    pub(crate) fn cost(&self) -> String {
        let compared = self.compared.as_ref();
        let compared = compared.map(|it| format!(" (${:.4} of it to compare the two tables)", it.dollars));
        let export = self.export.map(|dollars| format!(", ${dollars:.4} for the export"));
        format!(
            "about ${:.4} on demand{}{}, and ${:.4} for state transitions on Step Functions",
            self.on_demand,
            compared.unwrap_or_default(),
            export.unwrap_or_default(),
            self.orchestration
        )
    }
}
