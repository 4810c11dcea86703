//! UpdateTable: throughput, billing mode, indexes, warm throughput. The rules that the engine doesn't hold:
//! one kind of change at a time, how often the mode and the units may go which way, and that an index has
//! units of its own.

use dynoxide::DynoxideError;
use dynoxide::actions::update_table::{self, UpdateTableRequest};
use dynoxide::types::{GlobalSecondaryIndex, ProvisionedThroughput};
use serde_json::{Value, json};

use super::tables::{answer_with, description, in_use_while_updating};
use super::warm;
use crate::engine::{Engine, settle};
use crate::reply::{Answer, Fault};
use crate::streams;
use crate::table::{Table, Units};
use crate::wire::parse;

/// AWS: "You can switch newly created tables with provisioned capacity mode to on-demand at any time [..] up to
/// four times in a 24-hour rolling window".
const ON_DEMAND_SWITCHES_PER_DAY: usize = 4;
/// AWS: a table's units may be lowered four times in a UTC day, and later once in every hour.
const FREE_DECREASES_PER_DAY: usize = 4;
const DAY_SECONDS: f64 = 24.0 * 3_600.0;
const HOUR_SECONDS: f64 = 3_600.0;

pub(crate) fn update(engine: &mut Engine, body: &[u8]) -> Answer {
    let mut body: Value = parse(body)?;
    let warm = warm::take(&mut body)?;
    let rest = serde_json::to_vec(&body).map_err(Fault::internal)?;
    let request: UpdateTableRequest = parse(&rest)?;
    let name = request.table_name.clone();
    let before = description(engine, describe_request(&name)?)?;
    in_use_while_updating(engine, &name)?;

    one_kind_of_change(&request)?;
    streams::check_update(engine, &name, &body)?;
    let now = engine.clock.now();
    let today = engine.clock.epoch_seconds();
    let table = engine.table(&name)?;
    table.settle(now);
    let throughput_before = table.throughput().clone();
    warm.check(&table.settings)?;
    switch_to_on_demand(table, &request, today)?;
    let changes = index_units(table, &request, &body)?;
    let decreases = decreases(table, &request, &changes);
    refuse_decreases(table, &decreases, today)?;
    let switches = goes_on_demand(table, &request);

    if warm.is_empty() || changes_anything(&body) {
        settle(update_table::execute(&engine.storage, request, &engine.lifecycle))?;
        store_index_units(engine, &name, &changes)?;
    }
    let table = engine.table(&name)?;
    let switched = &mut table.settings.went_on_demand;
    switched.retain(|&at| !switches || today - at < DAY_SECONDS);
    switched.extend(switches.then_some(today));
    for what in decreases {
        let mut times = table.settings.decreases_today(&what, today);
        times.push(today);
        table.settings.decreases.insert(what, times);
    }
    warm.apply(&mut table.settings);
    engine.refresh(&name)?;

    let takes = engine.options.update_takes;
    if !takes.is_zero() {
        engine.table(&name)?.postpone(now + takes, before, throughput_before, now);
    }
    let mut after = description(engine, describe_request(&name)?)?;
    after["TableStatus"] = json!("UPDATING");
    answer_with("TableDescription", after)
}

fn describe_request(name: &str) -> Answer<dynoxide::actions::describe_table::DescribeTableRequest> {
    serde_json::from_value(json!({ "TableName": name })).map_err(Fault::internal)
}

/// Whether something is left to do besides warming.
fn changes_anything(body: &Value) -> bool {
    body.as_object().is_some_and(|members| {
        members.iter().any(|(name, value)| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            name != "TableName" && name != "AttributeDefinitions" && !is_empty
        })
    })
}

/// AWS: "You can only perform one of the following operations at once: modify the provisioned throughput
/// settings of the table, remove a global secondary index, create a new global secondary index".
fn one_kind_of_change(request: &UpdateTableRequest) -> Answer<()> {
    let updates = request.global_secondary_index_updates.as_deref().unwrap_or_default();
    let structural = updates.iter().filter(|it| it.create.is_some() || it.delete.is_some()).count();
    if structural > 1 {
        let message = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously \
                       per table";
        return Err(DynoxideError::LimitExceededException(message.to_owned()).into());
    }
    let throughput = request.provisioned_throughput.is_some()
        || request.billing_mode.is_some()
        || updates.iter().any(|it| it.update.is_some());
    if structural > 0 && throughput {
        return Err(Fault::validation(
            "One or more parameter values were invalid: an index can't be created or deleted in the same \
             UpdateTable that changes throughput",
        ));
    }
    Ok(())
}

fn goes_on_demand(table: &Table, request: &UpdateTableRequest) -> bool {
    request.billing_mode.as_deref() == Some("PAY_PER_REQUEST") && !table.throughput().on_demand
}

fn switch_to_on_demand(table: &mut Table, request: &UpdateTableRequest, today: f64) -> Answer<()> {
    let switches = &mut table.settings.went_on_demand;
    let recent = switches.iter().filter(|&&at| today - at < DAY_SECONDS).count();
    if recent < ON_DEMAND_SWITCHES_PER_DAY || !goes_on_demand(table, request) {
        return Ok(());
    }
    let message = "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 24 hour(s)";
    Err(DynoxideError::LimitExceededException(message.to_owned()).into())
}

/// The units that a request gives to indexes: those that it changes, and one that it creates.
fn index_units(table: &Table, request: &UpdateTableRequest, body: &Value) -> Answer<Vec<(String, Option<Units>)>> {
    let on_demand = match request.billing_mode.as_deref() {
        Some(mode) => mode == "PAY_PER_REQUEST",
        None => table.throughput().on_demand,
    };
    if on_demand {
        return Ok(table.throughput().indexes.keys().map(|index| (index.clone(), None)).collect());
    }
    let mut changes = created_index(body)?;
    for update in request.global_secondary_index_updates.iter().flatten().filter_map(|it| it.update.as_ref()) {
        let given = update.provisioned_throughput.clone().unwrap_or_default();
        let units =
            Units { read: given.read_capacity_units.unwrap_or(0), write: given.write_capacity_units.unwrap_or(0) };
        if !table.throughput().on_demand && table.throughput().indexes.get(&update.index_name) == Some(&units) {
            return Err(Fault::validation(format!(
                "The provisioned throughput for the index {} will not change. The requested value equals the \
                 current value. Current ReadCapacityUnits provisioned for the index: {}. Requested \
                 ReadCapacityUnits: {}. Current WriteCapacityUnits provisioned for the index: {}. Requested \
                 WriteCapacityUnits: {}. Refer to the Amazon DynamoDB Developer Guide for current limits and how \
                 to request higher limits.",
                update.index_name, units.read, units.read, units.write, units.write
            )));
        }
        changes.push((update.index_name.clone(), Some(units)));
    }
    if table.throughput().on_demand {
        let given = |index: &String| changes.iter().any(|(changed, _)| changed == index);
        if let Some(index) = table.throughput().indexes.keys().find(|index| !given(index)) {
            return Err(units_missing(index));
        }
    }
    Ok(changes)
}

/// The units of the index that a request creates; the engine's request type has no place for them.
fn created_index(body: &Value) -> Answer<Vec<(String, Option<Units>)>> {
    let updates = body["GlobalSecondaryIndexUpdates"].as_array().into_iter().flatten();
    let created = updates.map(|update| &update["Create"]).filter(|create| !create.is_null());
    let units_of = |create: &Value| {
        let name = create["IndexName"].as_str().unwrap_or_default().to_owned();
        let given = &create["ProvisionedThroughput"];
        match (given["ReadCapacityUnits"].as_i64(), given["WriteCapacityUnits"].as_i64()) {
            (Some(read), Some(write)) => Ok((name, Some(Units { read, write }))),
            _ => Err(units_missing(&name)),
        }
    };
    created.map(units_of).collect()
}

fn units_missing(index: &str) -> Fault {
    Fault::validation(format!(
        "One or more parameter values were invalid: ProvisionedThroughput must be specified for index: {index}"
    ))
}

/// What a request lowers: the table (an empty name) and indexes.
fn decreases(table: &Table, request: &UpdateTableRequest, indexes: &[(String, Option<Units>)]) -> Vec<String> {
    if table.throughput().on_demand {
        return Vec::new();
    }
    let lower = |new: Units, old: Units| new.read < old.read || new.write < old.write;
    let mut lowered = Vec::new();
    if let Some(given) = &request.provisioned_throughput {
        let units = |name: &str| given[name].as_i64().unwrap_or(0);
        let new = Units { read: units("ReadCapacityUnits"), write: units("WriteCapacityUnits") };
        lowered.extend(lower(new, table.throughput().table).then(String::new));
    }
    for (index, units) in indexes {
        let old = table.throughput().indexes.get(index).copied().unwrap_or_default();
        lowered.extend(units.is_some_and(|new| lower(new, old)).then(|| index.clone()));
    }
    lowered
}

fn refuse_decreases(table: &Table, lowered: &[String], today: f64) -> Answer<()> {
    for what in lowered {
        let earlier = table.settings.decreases_today(what, today);
        let last = earlier.last().copied().unwrap_or(f64::MIN);
        if earlier.len() >= FREE_DECREASES_PER_DAY && today - last < HOUR_SECONDS {
            let message = format!(
                "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. \
                 After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at \
                 most once every 3600 seconds. Number of decreases today: {}",
                earlier.len()
            );
            return Err(DynoxideError::LimitExceededException(message).into());
        }
    }
    Ok(())
}

/// The engine takes no notice of an index's units; write them where it reads them from.
fn store_index_units(engine: &mut Engine, name: &str, changes: &[(String, Option<Units>)]) -> Answer<()> {
    let Some(metadata) = engine.storage.get_table_metadata(name)? else { return Ok(()) };
    let Some(indexes) = metadata.gsi_definitions.filter(|_| !changes.is_empty()) else { return Ok(()) };
    let mut indexes: Vec<GlobalSecondaryIndex> = serde_json::from_str(&indexes).map_err(Fault::internal)?;
    for index in &mut indexes {
        if let Some((_, units)) = changes.iter().find(|(changed, _)| *changed == index.index_name) {
            index.provisioned_throughput = units.map(|units| ProvisionedThroughput {
                read_capacity_units: Some(units.read),
                write_capacity_units: Some(units.write),
            });
        }
    }
    let json = serde_json::to_string(&indexes).map_err(Fault::internal)?;
    engine.storage.update_table_metadata(name, &metadata.attribute_definitions, Some(&json))?;
    Ok(())
}
