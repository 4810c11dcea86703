//! What a table's description says beyond what the engine knows: warm throughput, the billing mode of its
//! history, and the state of a change that is under way.

use serde_json::{Map, Value, json};

use crate::engine::Engine;
use crate::reply::Answer;
use crate::table::{Settings, Units};

/// Completes a description that the engine gave.
pub(crate) fn complete(engine: &mut Engine, name: &str, description: Value) -> Answer<Value> {
    let now = engine.clock.now();
    let is_loading = engine.loading.contains_key(name);
    let today = engine.clock.epoch_seconds();
    let Ok(table) = engine.table(name) else { return Ok(description) };
    table.settle(now);
    let Value::Object(mut description) = description else { return Ok(description) };
    if let Some(pending) = &table.pending {
        let mut looked = pending.looked.as_object().cloned().unwrap_or_default();
        for counted in ["ItemCount", "TableSizeBytes"] {
            looked.insert(counted.to_owned(), description[counted].take());
        }
        looked.insert("TableStatus".to_owned(), json!("UPDATING"));
        return Ok(Value::Object(looked));
    }
    if is_loading {
        description.insert("TableStatus".to_owned(), json!("CREATING"));
    }
    billing(&mut description, &table.settings);
    description.insert("WarmThroughput".to_owned(), warm(table.settings.warm));
    if let Some(throughput) = description.get_mut("ProvisionedThroughput") {
        throughput["NumberOfDecreasesToday"] = json!(table.settings.decreases_today("", today).len());
    }
    let indexes = description.get_mut("GlobalSecondaryIndexes").and_then(Value::as_array_mut);
    for index in indexes.into_iter().flatten() {
        let name = index["IndexName"].as_str().unwrap_or_default();
        let units = table.settings.warm_indexes.get(name).copied().unwrap_or_default();
        let decreases = table.settings.decreases_today(name, today).len();
        index["WarmThroughput"] = warm(units);
        index["ProvisionedThroughput"]["NumberOfDecreasesToday"] = json!(decreases);
    }
    Ok(Value::Object(description))
}

/// A table that was on demand says so ever after, and says what it is now; one that never was says nothing.
fn billing(description: &mut Map<String, Value>, settings: &Settings) {
    if !settings.was_on_demand {
        description.remove("BillingModeSummary");
        return;
    }
    let on_demand = description.contains_key("BillingModeSummary");
    let mut summary = json!({ "BillingMode": if on_demand { "PAY_PER_REQUEST" } else { "PROVISIONED" } });
    let created = description.get("CreationDateTime").cloned().unwrap_or_default();
    let last = settings.went_on_demand.last().map_or(created, |at| json!(at));
    summary["LastUpdateToPayPerRequestDateTime"] = last;
    description.insert("BillingModeSummary".to_owned(), summary);
}

fn warm(units: Units) -> Value {
    json!({
        "ReadUnitsPerSecond": units.read,
        "WriteUnitsPerSecond": units.write,
        "Status": "ACTIVE",
    })
}
