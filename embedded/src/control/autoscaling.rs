//! Application Auto Scaling's register of scalable targets, for tables and global indexes of this database: limits and
//! what is suspended. It is remembered and told; nothing scales by it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::table::Settings;
use crate::wire::{parse, write};

/// AWS: "The default value is 50"; it is the most as well.
const TARGETS_AT_ONCE: usize = 50;
const ROLE: &str = "arn:aws:iam::000000000000:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/\
                    AWSServiceRoleForApplicationAutoScaling_DynamoDBTable";

/// What scales one kind of units of a table or an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ScalableTarget {
    resource_id: String,
    scalable_dimension: String,
    min_capacity: i64,
    max_capacity: i64,
    suspended_state: SuspendedState,
    creation_time: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SuspendedState {
    dynamic_scaling_in_suspended: bool,
    dynamic_scaling_out_suspended: bool,
    scheduled_scaling_suspended: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Register {
    #[serde(flatten)]
    of: OfTarget,
    min_capacity: Option<i64>,
    max_capacity: Option<i64>,
    suspended_state: Option<SuspendedState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTarget {
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    service_namespace: String,
    resource_ids: Option<Vec<String>>,
    scalable_dimension: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

pub(crate) fn register(engine: &mut Engine, body: &[u8]) -> Answer {
    let Register { of, min_capacity, max_capacity, suspended_state } = parse(body)?;
    let created = engine.clock.epoch_seconds();
    let table = of.table(engine)?;
    let settings = &mut engine.table(&table)?.settings;
    let before = settings.scalable_targets.iter().find(|it| of.is(it)).cloned();
    let known = |given: Option<i64>, before: Option<i64>| {
        given.or(before).ok_or_else(|| Fault::service("ValidationException", "a new target needs both capacities"))
    };
    let target = ScalableTarget {
        min_capacity: known(min_capacity, before.as_ref().map(|it| it.min_capacity))?,
        max_capacity: known(max_capacity, before.as_ref().map(|it| it.max_capacity))?,
        suspended_state: suspended_state.or(before.as_ref().map(|it| it.suspended_state)).unwrap_or_default(),
        creation_time: before.map_or(created, |it| it.creation_time),
        resource_id: of.resource_id.clone(),
        scalable_dimension: of.scalable_dimension.clone(),
    };
    if target.min_capacity > target.max_capacity {
        return Err(Fault::service("ValidationException", "Maximum capacity cannot be less than minimum capacity"));
    }
    let arn = target.arn();
    settings.scalable_targets.retain(|it| !of.is(it));
    settings.scalable_targets.push(target);
    engine.refresh(&table)?;
    write(&json!({ "ScalableTargetARN": arn }))
}

pub(crate) fn deregister(engine: &mut Engine, body: &[u8]) -> Answer {
    let of: OfTarget = parse(body)?;
    let table = of.table(engine)?;
    let Settings { scalable_targets, .. } = &mut engine.table(&table)?.settings;
    let before = scalable_targets.len();
    scalable_targets.retain(|it| !of.is(it));
    if scalable_targets.len() == before {
        return Err(Fault::service("ObjectNotFoundException", "No scalable target registered for it"));
    }
    engine.refresh(&table)?;
    write(&json!({}))
}

pub(crate) fn describe(engine: &mut Engine, body: &[u8]) -> Answer {
    let Describe { service_namespace, resource_ids, scalable_dimension, max_results, next_token } = parse(body)?;
    let asked = |it: &&ScalableTarget| {
        service_namespace == "dynamodb"
            && resource_ids.as_ref().is_none_or(|ids| ids.contains(&it.resource_id))
            && scalable_dimension.as_ref().is_none_or(|dimension| *dimension == it.scalable_dimension)
    };
    let mut targets: Vec<_> =
        engine.tables.values().flat_map(|it| &it.settings.scalable_targets).filter(asked).collect();
    targets.sort_by_key(|it| it.arn());
    let from = next_token.map_or(0, |last| targets.partition_point(|it| it.arn() <= last));
    let page: Vec<_> = targets[from..].iter().take(max_results.unwrap_or(TARGETS_AT_ONCE)).copied().collect();
    let mut response = json!({ "ScalableTargets": page.iter().map(|it| it.described()).collect::<Vec<_>>() });
    if let Some(last) = page.last().filter(|_| from + page.len() < targets.len()) {
        response["NextToken"] = json!(last.arn());
    }
    write(&response)
}

impl OfTarget {
    fn is(&self, target: &ScalableTarget) -> bool {
        (&self.resource_id, &self.scalable_dimension) == (&target.resource_id, &target.scalable_dimension)
    }

    /// The table that it is about; with one that isn't there, an unknown index or another service nothing can be done.
    fn table(&self, engine: &Engine) -> Answer<String> {
        let mut parts = self.resource_id.split('/');
        let found = match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("table"), Some(table), None, ..) => Some((table, None, "table")),
            (Some("table"), Some(table), Some("index"), Some(index), None) => Some((table, Some(index), "index")),
            _ => None,
        };
        let known = found.filter(|(table, index, kind)| {
            let has = |table: &crate::table::Table| index.is_none_or(|index| table.has_index(index));
            let dimensions = ["Read", "Write"].map(|way| format!("dynamodb:{kind}:{way}CapacityUnits"));
            self.service_namespace == "dynamodb"
                && dimensions.contains(&self.scalable_dimension)
                && engine.tables.get(*table).is_some_and(has)
        });
        let message = || format!("DynamoDB has no such scalable resource: {}", self.resource_id);
        known.map(|(table, ..)| table.to_owned()).ok_or_else(|| Fault::service("ValidationException", message()))
    }
}

impl ScalableTarget {
    /// AWS makes an id up; ours says whose it is.
    fn arn(&self) -> String {
        let (resource, dimension) = (&self.resource_id, &self.scalable_dimension);
        format!("arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/{resource}/{dimension}")
    }

    fn described(&self) -> Value {
        let mut described = json!(self);
        described["ServiceNamespace"] = json!("dynamodb");
        described["RoleARN"] = json!(ROLE);
        described["ScalableTargetARN"] = json!(self.arn());
        described
    }
}
