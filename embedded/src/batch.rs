//! The three batches. When units run short, the rest of a batch comes back unprocessed, or as errors of its
//! statements; only a batch of which nothing could be done fails as a whole.

use dynoxide::actions::batch_execute_statement::{
    BatchExecuteStatementRequest, BatchStatementError, BatchStatementResponse,
};
use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::batch_write_item::BatchWriteItemRequest;
use dynoxide::types::read_capacity_units_with_consistency;
use serde_json::{Map, Value};

use crate::capacity::admission::{Promised, run_demanding, run_metered};
use crate::capacity::demand::Demand;
use crate::engine::Engine;
use crate::metered;
use crate::reply::{Answer, Fault};
use crate::wire;

/// Which entries of each table can't be served now, by their position; and the first refusal.
#[derive(Default)]
struct Shortage {
    kept_back: Vec<(String, Vec<usize>)>,
    served: usize,
    refusal: Option<Fault>,
}

impl Shortage {
    /// Looks at the entries of one table in their order.
    fn look(&mut self, table: &str, admissions: impl Iterator<Item = Answer<()>>) {
        let mut kept_back = Vec::new();
        for (position, admission) in admissions.enumerate() {
            match admission {
                Ok(()) => self.served += 1,
                Err(fault) => {
                    kept_back.push(position);
                    self.refusal.get_or_insert(fault);
                }
            }
        }
        if !kept_back.is_empty() {
            self.kept_back.push((table.to_owned(), kept_back));
        }
    }
}

/// BatchWriteItem.
pub(crate) fn write(engine: &mut Engine, body: &[u8]) -> Answer {
    let mut request: BatchWriteItemRequest = wire::parse(body)?;
    let now = engine.clock.now();
    let (mut shortage, mut promised) = (Shortage::default(), Promised::default());
    for (table, writes) in &request.request_items {
        let admit = |write| {
            let demand = metered::batch_write(engine, table, write);
            demand.map_or(Ok(()), |demand| engine.admit_one(&demand, &mut promised, now))
        };
        shortage.look(table, writes.iter().map(admit));
    }
    if let (0, Some(refusal)) = (shortage.served, shortage.refusal) {
        return Err(refusal);
    }
    for (table, positions) in &shortage.kept_back {
        if let Some(writes) = request.request_items.get_mut(table) {
            keep_others(writes, positions);
        }
    }
    request.request_items.retain(|_, writes| !writes.is_empty());
    let mut response = run_metered(engine, request)?;
    if !shortage.kept_back.is_empty() {
        let whole: Value = wire::parse(body)?;
        for (table, positions) in &shortage.kept_back {
            let unprocessed = pick(&whole["RequestItems"][table], positions);
            response.unprocessed_items.insert(table.clone(), unprocessed);
        }
    }
    wire::write(&response)
}

/// BatchGetItem.
pub(crate) fn get(engine: &mut Engine, body: &[u8]) -> Answer {
    let mut request: BatchGetItemRequest = wire::parse(body)?;
    let now = engine.clock.now();
    let (mut shortage, mut promised) = (Shortage::default(), Promised::default());
    for (table, wanted) in &request.request_items {
        let consistent = wanted.consistent_read.unwrap_or(false);
        let admit = |key| {
            let bytes = engine.stored_bytes(table, key);
            let units = read_capacity_units_with_consistency(bytes, consistent);
            let demand = Demand::read(table, None).at(metered::span(engine, table, key));
            engine.admit_estimate(&demand, units, &mut promised, now)
        };
        shortage.look(table, wanted.keys.iter().map(admit));
    }
    if let (0, Some(refusal)) = (shortage.served, shortage.refusal) {
        return Err(refusal);
    }
    for (table, positions) in &shortage.kept_back {
        if let Some(wanted) = request.request_items.get_mut(table) {
            keep_others(&mut wanted.keys, positions);
        }
    }
    request.request_items.retain(|_, wanted| !wanted.keys.is_empty());
    let mut response = run_metered(engine, request)?;
    if !shortage.kept_back.is_empty() {
        let whole: Value = wire::parse(body)?;
        for (table, positions) in &shortage.kept_back {
            // What stood beside the keys (projection, consistency) belongs to each part of them.
            let mut unprocessed: Map<_, _> = whole["RequestItems"][table].as_object().cloned().unwrap_or_default();
            let keys = unprocessed.get("Keys").map_or(Value::Null, |keys| pick(keys, positions));
            unprocessed.insert("Keys".to_owned(), keys);
            response.unprocessed_keys.insert(table.clone(), unprocessed.into());
        }
    }
    wire::write(&response)
}

/// BatchExecuteStatement. Each statement has its own outcome, in the order of the request.
pub(crate) fn execute(engine: &mut Engine, body: &[u8]) -> Answer {
    let mut request: BatchExecuteStatementRequest = wire::parse(body)?;
    let now = engine.clock.now();
    let mut promised = Promised::default();
    let (mut refused, mut demands) = (Vec::new(), Vec::new());
    for (position, statement) in request.statements.iter().enumerate() {
        let demand = metered::partiql(engine, &statement.statement, statement.parameters.as_deref());
        match demand.as_ref().map(|demand| engine.admit_one(demand, &mut promised, now)) {
            Some(Err(fault)) => {
                let table = demand.map(|demand| demand.table).unwrap_or_default();
                refused.push((position, refusal_of_statement(table, &fault)));
            }
            _ => demands.extend(demand),
        }
    }
    let positions: Vec<usize> = refused.iter().map(|(position, _)| *position).collect();
    keep_others(&mut request.statements, &positions);
    let mut response =
        if request.statements.is_empty() { Default::default() } else { run_demanding(engine, request, demands)? };
    for (position, refusal) in refused {
        response.responses.insert(position.min(response.responses.len()), refusal);
    }
    wire::write(&response)
}

fn refusal_of_statement(table: String, fault: &Fault) -> BatchStatementResponse {
    let (code, message) = match fault {
        Fault::Service { code: "ThrottlingException", message, .. } => ("ThrottlingError", message.clone()),
        Fault::Service { message, .. } => ("ProvisionedThroughputExceeded", message.clone()),
        Fault::Engine(error) => (error.short_error_code(), error.to_string()),
    };
    let error = BatchStatementError { code: code.to_owned(), message, item: None };
    let mut response = BatchStatementResponse::default();
    response.error = Some(error);
    response.table_name = Some(table);
    response
}

fn keep_others<T>(entries: &mut Vec<T>, positions: &[usize]) {
    let mut position = 0;
    entries.retain(|_| {
        position += 1;
        !positions.contains(&(position - 1))
    });
}

fn pick(entries: &Value, positions: &[usize]) -> Value {
    positions.iter().filter_map(|&position| entries.get(position).cloned()).collect()
}
