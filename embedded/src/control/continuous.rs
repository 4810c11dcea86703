//! Point-in-time recovery, as a setting: whether it is on, since when, for how many days.

use serde::Deserialize;
use serde_json::{Value, json};

use super::tables::answer_with;
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::table::PointInTimeRecovery;
use crate::wire::parse;

/// AWS: the recovery period is 1 to 35 days, 35 unless chosen.
const MOST_DAYS: i64 = 35;
/// AWS: "LatestRestorableDateTime is typically 5 minutes before the current time".
const RESTORABLE_AFTER_SECONDS: f64 = 300.0;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    table_name: String,
    #[serde(default)]
    point_in_time_recovery_specification: Specification,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Specification {
    point_in_time_recovery_enabled: bool,
    recovery_period_in_days: Option<i64>,
}

pub(crate) fn describe(engine: &mut Engine, body: &[u8]) -> Answer {
    let request: Request = parse(body)?;
    answer_with("ContinuousBackupsDescription", description(engine, &request.table_name)?)
}

pub(crate) fn update(engine: &mut Engine, body: &[u8]) -> Answer {
    let Request { table_name, point_in_time_recovery_specification: wanted } = parse(body)?;
    let days = wanted.recovery_period_in_days.unwrap_or(MOST_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Fault::validation(format!("RecoveryPeriodInDays must be between 1 and {MOST_DAYS}")));
    }
    let (enabled_at, takes) = (engine.clock.epoch_seconds(), engine.options.backups_take.as_secs_f64());
    let settings = &mut table(engine, &table_name)?.settings;
    // A table is ACTIVE before its backups can be had.
    if (0.0..takes).contains(&(enabled_at - settings.created_at)) {
        let message = format!("Backups are being enabled for the table: {table_name}. Please retry later");
        return Err(Fault::service("ContinuousBackupsUnavailableException", message));
    }
    settings.point_in_time_recovery = wanted.point_in_time_recovery_enabled.then(|| {
        let since = settings.point_in_time_recovery.as_ref().map_or(enabled_at, |it| it.enabled_at);
        PointInTimeRecovery { enabled_at: since, days }
    });
    engine.refresh(&table_name)?;
    answer_with("ContinuousBackupsDescription", description(engine, &table_name)?)
}

fn description(engine: &mut Engine, name: &str) -> Answer<Value> {
    let now = engine.clock.epoch_seconds();
    let recovery = match &table(engine, name)?.settings.point_in_time_recovery {
        None => json!({ "PointInTimeRecoveryStatus": "DISABLED" }),
        Some(on) => json!({
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": on.days,
            "EarliestRestorableDateTime": on.enabled_at,
            "LatestRestorableDateTime": on.enabled_at.max(now - RESTORABLE_AFTER_SECONDS),
        }),
    };
    Ok(json!({ "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery }))
}

/// The backup operations have an exception of their own for a table that isn't there.
pub(crate) fn table<'a>(engine: &'a mut Engine, name: &str) -> Answer<&'a mut crate::table::Table> {
    let message = format!("Table not found: {name}");
    engine.tables.get_mut(name).ok_or_else(|| Fault::service("TableNotFoundException", message))
}
