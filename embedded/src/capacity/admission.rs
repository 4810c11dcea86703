//! The way of a metered request: admitted, run, charged.

use std::collections::HashMap;

use dynoxide::DynoxideError;
use tokio::time::Instant;

use super::demand::Demand;
use super::report::{Consumed, Report, consumed, cut};
use super::{Direction, Limit, throttled};
use crate::engine::Engine;
use crate::metered::{Metered, Parts};
use crate::reply::{Answer, Fault};

/// Units that earlier parts of the same request will take.
#[derive(Debug, Default)]
pub(crate) struct Promised {
    wholes: HashMap<(String, Option<String>, Direction), f64>,
    partitions: HashMap<(String, usize, Direction), f64>,
}

/// Runs a request that takes units: admitted, run, charged, and its report cut to what was asked for.
pub(crate) fn run_metered<R: Metered>(engine: &mut Engine, request: R) -> Answer<R::Response> {
    let demands = request.demands(engine);
    run_demanding(engine, request, demands)
}

/// The same for a request of which more is known than it says.
pub(crate) fn run_demanding<R: Metered>(
    engine: &mut Engine,
    mut request: R,
    demands: Vec<Demand>,
) -> Answer<R::Response> {
    let now = engine.clock.now();
    engine.admit(&demands, now).map_err(|(number, fault)| match R::PARTS {
        Parts::Whole => fault,
        Parts::Transaction => fault.into_cancellation(number, demands.len()),
    })?;
    let known = matches!(request.mode().as_deref(), None | Some("NONE" | "TOTAL" | "INDEXES"));
    let asked = if known { request.mode().replace("INDEXES".to_owned()) } else { request.mode().clone() };
    let direction = demands.first().map_or(Direction::Read, |demand| demand.direction);
    match request.run(&engine.storage) {
        Ok(mut response) => {
            let report = R::report(&mut response);
            if report.reports().is_empty() {
                // A batch of which every condition failed reports nothing and takes units all the same.
                engine.charge_demands(&demands, now);
            }
            report.reports().iter().for_each(|it| engine.charge(&consumed(it), &demands, direction, now));
            cut(report, asked.as_deref());
            Ok(response)
        }
        Err(error) => {
            let fault = Fault::from(error);
            if fault.is_failed_condition() {
                engine.charge_demands(&demands, now);
            }
            Err(fault)
        }
    }
}

impl Engine {
    /// Admits all of the demands, or none: refuses the first that lacks units, and says which it is.
    fn admit(&mut self, demands: &[Demand], now: Instant) -> std::result::Result<(), (usize, Fault)> {
        let mut promised = Promised::default();
        let mut numbered = demands.iter().enumerate();
        numbered.try_for_each(|(number, demand)| {
            self.admit_one(demand, &mut promised, now).map_err(|fault| (number, fault))
        })
    }

    /// Admits one demand besides those already promised in the same request.
    pub(crate) fn admit_one(&mut self, demand: &Demand, promised: &mut Promised, now: Instant) -> Answer<()> {
        self.admit_estimate(demand, demand.least_units(), promised, now)
    }

    /// Admits one demand that is likely to take so many units.
    pub(crate) fn admit_estimate(
        &mut self,
        demand: &Demand,
        units: f64,
        promised: &mut Promised,
        now: Instant,
    ) -> Answer<()> {
        self.refuse_while_loading(&demand.table)?;
        let enforced = self.options.enforce_capacity;
        let Some(table) = self.tables.get_mut(&demand.table).filter(|_| enforced) else {
            return Ok(());
        };
        table.settle(now);
        let (index, direction) = (demand.index.as_deref(), demand.direction);
        let whole = promised.wholes.entry((demand.table.clone(), demand.index.clone(), direction)).or_default();
        if let Some(meter) = table.meter(index) {
            let bucket = meter.bucket(direction);
            let admitted = match demand.units {
                Some(units) => bucket.covers(units, *whole, now),
                None => bucket.has_left(*whole, now),
            };
            let rate = bucket.rate();
            if !admitted {
                return Err(throttled(&table.arn(index), direction, Limit::Whole(rate)));
            }
        }
        // A write waits for every index that has fallen behind: DynamoDB's back-pressure.
        if direction == Direction::Write {
            for index in table.index_names() {
                let Some(meter) = table.meter(Some(&index)) else { continue };
                let bucket = meter.bucket(direction);
                if !bucket.is_positive(now) {
                    let rate = bucket.rate();
                    return Err(throttled(&table.arn(Some(&index)), direction, Limit::Whole(rate)));
                }
            }
        }
        if let Some(span) = demand.span {
            let number = table.partitions.first(span);
            let of_partition = promised.partitions.entry((demand.table.clone(), number, direction)).or_default();
            if !table.partitions.covers(number, direction, demand.units, *of_partition, now) {
                let on_demand = table.throughput().on_demand;
                return Err(throttled(&table.arn(None), direction, Limit::Partition { on_demand }));
            }
            *of_partition += units;
        }
        *whole += units;
        Ok(())
    }

    /// Charges what a response says it took. Of the partitions, each takes its part of what was asked for.
    pub(crate) fn charge(&mut self, consumed: &Consumed<'_>, demands: &[Demand], direction: Direction, now: Instant) {
        let Some(table) = self.tables.get_mut(consumed.table) else { return };
        if let Some(meter) = table.meter(None) {
            meter.bucket(direction).charge(consumed.table_units, now);
        }
        for (index, units) in &consumed.index_units {
            if let Some(meter) = table.meter(Some(index)) {
                meter.bucket(direction).charge(*units, now);
            }
        }
        let of_table = || demands.iter().filter(|it| it.table == consumed.table && it.index.is_none());
        let asked: f64 = of_table().map(Demand::least_units).sum();
        for (demand, span) in of_table().filter_map(|it| Some((it, it.span?))) {
            let units = consumed.table_units * demand.least_units() / asked;
            table.partitions.charge(span, direction, units, now);
        }
    }

    /// Charges what was asked for, for requests that fail their condition: they took it all the same.
    pub(crate) fn charge_demands(&mut self, demands: &[Demand], now: Instant) {
        for demand in demands {
            let (table, table_units) = (demand.table.as_str(), demand.least_units());
            let consumed = Consumed { table, table_units, index_units: Vec::new() };
            self.charge(&consumed, std::slice::from_ref(demand), demand.direction, now);
        }
    }

    /// Refuses item operations on a table that is not there yet.
    fn refuse_while_loading(&self, table: &str) -> Answer<()> {
        if !self.loading.contains_key(table) {
            return Ok(());
        }
        Err(DynoxideError::ResourceNotFoundException("Requested resource not found".to_owned()).into())
    }
}
