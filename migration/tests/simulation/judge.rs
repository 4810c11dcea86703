//! The verdict on a seed: holds the table, the ledger and the report against what must be.

use std::collections::BTreeSet;
use std::time::Duration;

use migration::failures::{self, FailedItem};
use migration::summary::{self, Status, Summary};
use migration::table::Table;
use migration::{Counts, Kind, prewarm};
use serde_json::Value;

use crate::migrations::{Made, Migration};
use crate::model::{Broken, Model, Promise, id};
use crate::scenario::Scenario;
use crate::world::{TABLE, World};

/// How the last attempt ended: its report, and whether it had bad luck of any kind.
pub(crate) struct End {
    pub(crate) report: Option<Summary>,
    pub(crate) attempts: u32,
}

/// Everything that is broken.
pub(crate) async fn judge(scenario: &Scenario, world: &World, model: &mut Model, end: &End) -> Vec<Broken> {
    let items = world.items().await;
    let ids: BTreeSet<_> = items.iter().map(id).collect();
    items.iter().for_each(|item| model.see(&id(item), Some(item)));
    let gone: Vec<_> = model.keys.keys().filter(|id| !ids.contains(*id)).cloned().collect();
    gone.iter().for_each(|id| model.see(id, None));
    let mut broken = std::mem::take(&mut model.broken);
    broken.extend(capacity(world).await);
    match &end.report {
        None => broken.push(Broken::new(Promise::Ends, "there is no report")),
        Some(report) if report.status == Status::Succeeded => {
            broken.extend(completeness(scenario, model));
            broken.extend(books(scenario, world, model, report).await);
            if are_too_many(scenario, &report.counts) {
                broken.push(Broken::new(Promise::Books, "more items failed than is tolerated, and it succeeded"));
            }
        }
        Some(report) => {
            let reason = report.failure.as_ref().map(|failure| (failure.error.as_str(), failure.reason.as_str()));
            let is_right = reason.is_some_and(|(error, _)| error == Kind::TooManyFailedItems.name());
            let is_right = is_right && (!scenario.is_tolerated || are_too_many(scenario, &report.counts));
            if !is_right {
                let how = format!("after {} attempts, the last one calm: {reason:?}", end.attempts);
                broken.push(Broken::new(Promise::Ends, how));
            }
        }
    }
    broken
}

/// The application may have deleted so much that those that fail are too many of the rest.
fn are_too_many(scenario: &Scenario, counts: &Counts) -> bool {
    counts.failed * 100 > scenario.tolerated * counts.scanned
}

/// The source has the units that it had, and nobody thinks otherwise.
pub(crate) async fn capacity(world: &World) -> Option<Broken> {
    let mut now = Table::describe(&world.client, TABLE).await.unwrap();
    while !now.is_active {
        // The restore is under way.
        tokio::time::sleep(Duration::from_secs(1)).await;
        now = Table::describe(&world.client, TABLE).await.unwrap();
    }
    let now = now.capacity;
    let before = &world.before.capacity;
    let noted = prewarm::still_raised(&world.ledger, &world.plan.run).await.unwrap();
    let is_restored = now == *before && noted.is_none();
    (!is_restored).then(|| Broken::new(Promise::Capacity, format!("{before:?} became {now:?}, noted: {noted:?}")))
}

/// What was there from the start is migrated, unless it can't be.
fn completeness(scenario: &Scenario, model: &Model) -> Vec<Broken> {
    let left = model.keys.iter().filter(|(id, known)| {
        let is_wanted = known.item.as_ref().is_some_and(|item| model.wanted(item) != Made::Same);
        known.is_original && !known.is_migrated && is_wanted && !scenario.bad.contains(id)
    });
    let left: Vec<_> = left.map(|(id, _)| id.as_str()).collect();
    let how = || format!("not migrated: {}", left.join(", "));
    (!left.is_empty()).then(|| Broken::new(Promise::Complete, how())).into_iter().collect()
}

/// The report, the checkpoints, the failure entries and the table say the same.
async fn books(scenario: &Scenario, world: &World, model: &Model, report: &Summary) -> Vec<Broken> {
    let run = &world.plan.run;
    let counts = report.counts;
    let mut wrong = Vec::new();
    let mut hold = |is_right: bool, how: String| {
        if !is_right {
            wrong.push(Broken::new(Promise::Books, how));
        }
    };
    let so_far = summary::so_far(&world.ledger, run).await.unwrap();
    hold(
        are_alike(&so_far.counts, &counts),
        format!("the report says {counts:?}, the checkpoints {:?}", so_far.counts),
    );
    hold(report.segments.succeeded == report.segments.total, format!("segments: {:?}", report.segments));
    let outcomes = counts.written + counts.deleted + counts.unchanged + counts.filtered + counts.gone + counts.failed;
    hold(counts.scanned == outcomes, format!("{} scanned, but {outcomes} outcomes", counts.scanned));
    // What the migration itself deletes may be gone when its page is worked again.
    let stood = model.keys.values().filter(|known| known.has_stood && known.item.is_some()).count() as u64;
    let ever = model.keys.len() as u64;
    let is_between = (stood..=ever).contains(&counts.scanned);
    hold(is_between, format!("{} scanned: {stood} stood there all the time, {ever} at any time", counts.scanned));
    let done = counts.written + counts.deleted;
    hold(done <= model.changes + model.anybodys, format!("{done} counted as changed, {} were", model.changes));
    let is_calm = scenario.has_fair_weather();
    hold(
        !is_calm || done == model.changes,
        format!("{done} counted as changed, {} were, and nobody was in the way", model.changes),
    );
    let is_filtering = matches!(scenario.migration, Migration::Mark | Migration::Purge);
    hold(is_filtering || counts.filtered == 0, format!("{} filtered without a where", counts.filtered));
    let failures: Vec<FailedItem> = failures::list(&world.ledger, run, 1_000).await.unwrap();
    let mut failed: Vec<_> = failures.iter().map(|failed| failed.key["id"]["S"].as_str().unwrap_or_default()).collect();
    failed.sort_unstable();
    let is_right = failed == scenario.bad && counts.failed == scenario.bad.len() as u64;
    hold(is_right, format!("{} can't be migrated: {:?}; recorded: {failed:?}", counts.failed, scenario.bad));
    wrong
}

/// Whether two sums are equal, but for what was lost when their fractions were written as digits, and added up in
/// another order.
fn are_alike(one: &Counts, other: &Counts) -> bool {
    let [one, other] = [one, other].map(|counts| serde_json::to_value(counts).expect("counts are plain data"));
    are_equal(&one, &other)
}

fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|((_, one), (_, other))| are_equal(one, other))
        }
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() < 1e-6,
            _ => one == other,
        },
    }
}
