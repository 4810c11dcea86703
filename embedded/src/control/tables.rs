//! CreateTable, DeleteTable and DescribeTable.

use dynoxide::DynoxideError;
use dynoxide::actions::{create_table, delete_table, describe_table};
use serde_json::{Value, json};

use super::describe::complete;
use super::warm;
use crate::engine::{Engine, settle};
use crate::reply::{Answer, Fault};
use crate::schema;
use crate::table::{ON_DEMAND_START, Settings};
use crate::wire::{parse, write_with_arns};

pub(crate) fn create(engine: &mut Engine, body: &[u8]) -> Answer {
    let mut body: Value = parse(body)?;
    let warm = warm::take(&mut body)?;
    let on_demand = body["BillingMode"] == "PAY_PER_REQUEST";
    if on_demand {
        warm.check(&Settings { warm: ON_DEMAND_START, ..Settings::default() })?;
    }
    let rest = serde_json::to_vec(&body).map_err(Fault::internal)?;
    let response = settle(create_table::execute(&engine.storage, parse(&rest)?))?;
    let name = response.table_description.table_name.clone();
    schema::add_scan_index(&engine.storage, &name)?;
    engine.refresh(&name)?;
    let created_at = engine.clock.epoch_seconds();
    let settings = &mut engine.table(&name)?.settings;
    settings.created_at = created_at;
    warm.apply(settings);
    engine.refresh(&name)?;
    let description = serde_json::to_value(&response.table_description).map_err(Fault::internal)?;
    answer_with("TableDescription", complete(engine, &name, description)?)
}

pub(crate) fn delete(engine: &mut Engine, body: &[u8]) -> Answer {
    let request: delete_table::DeleteTableRequest = parse(body)?;
    let name = request.table_name.clone();
    in_use_while_updating(engine, &name)?;
    let response = settle(delete_table::execute(&engine.storage, request, &engine.lifecycle))?;
    let description = serde_json::to_value(&response.table_description).map_err(Fault::internal)?;
    let description = complete(engine, &name, description)?;
    engine.refresh(&name)?;
    schema::forget_settings(&engine.storage, &name)?;
    answer_with("TableDescription", description)
}

pub(crate) fn describe(engine: &mut Engine, body: &[u8]) -> Answer {
    let request: describe_table::DescribeTableRequest = parse(body)?;
    answer_with("Table", description(engine, request)?)
}

/// The whole description of a table, as DescribeTable gives it.
pub(crate) fn description(engine: &mut Engine, request: describe_table::DescribeTableRequest) -> Answer<Value> {
    let name = request.table_name.clone();
    let response = settle(describe_table::execute(&engine.storage, request, &engine.lifecycle))?;
    let description = serde_json::to_value(&response.table).map_err(Fault::internal)?;
    complete(engine, &name, description)
}

/// Refuses to touch a table while a change of it is under way.
pub(crate) fn in_use_while_updating(engine: &mut Engine, name: &str) -> Answer<()> {
    let now = engine.clock.now();
    let Some(table) = engine.tables.get_mut(name) else { return Ok(()) };
    table.settle(now);
    if table.pending.is_none() && !engine.loading.contains_key(name) {
        return Ok(());
    }
    let message = format!("Attempt to change a resource which is still in use: Table is being updated: {name}");
    Err(DynoxideError::ResourceInUseException(message).into())
}

pub(crate) fn answer_with(member: &str, value: Value) -> Answer {
    write_with_arns(&json!({ member: value }))
}
