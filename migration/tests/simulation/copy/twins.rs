//! Two items of the source that belong at one place of the target, and that nobody changes: one of them is carried, the other
//! one is told of, and the run doesn't succeed.

use std::collections::BTreeSet;

use migration::cutover::letters;
use migration::item::Item;
use migration::summary::{Status, Summary};
use migration::{Kind, Services, failures};
use serde_json::Value;

use crate::model::{Broken, Promise, id};
use crate::world::World;

/// The ids of the two. Every third item belongs to nobody.
const TWINS: [&str; 2] = ["000", "003"];

/// Gives the one the label of the other.
pub(super) fn make(items: &mut [Item]) {
    let label = items[0]["label"].clone();
    items[3].insert("label".into(), label);
}

/// Whether this is the key of one of the two.
pub(super) fn is_one(key: &Value) -> bool {
    TWINS.iter().any(|id| key["id"]["S"] == *id)
}

/// What is broken of this: `missing` are the images that the target doesn't hold, of which the one that has to be among them
/// is taken out.
pub(super) async fn judge(
    world: &World,
    services: &Services,
    report: Option<&Summary>,
    missing: &mut Vec<Item>,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let reason = report.and_then(|report| report.failure.as_ref());
    if report.is_none_or(|report| report.status == Status::Succeeded)
        || reason.is_none_or(|reason| reason.error != Kind::TablesDiffer.name())
    {
        broken.push(Broken::new(Promise::Ends, format!("two items have one place: {reason:?}")));
    }
    let left: Vec<_> = missing.extract_if(.., |image| TWINS.contains(&id(image).as_str())).collect();
    let ids: BTreeSet<_> = left.iter().map(id).collect();
    if left.len() != 1 {
        broken.push(Broken::new(Promise::Images, format!("of two items with one place {} are missing", left.len())));
    }
    let told = told(world, services).await;
    if told != ids {
        broken.push(Broken::new(Promise::Books, format!("{ids:?} could not be carried, told of are {told:?}")));
    }
    broken
}

/// The ids of the items that could not be carried, by the bulk or by replay.
async fn told(world: &World, services: &Services) -> BTreeSet<String> {
    let run = &world.plan.run;
    let failed = failures::list(&world.ledger, run, 1_000).await.unwrap().into_iter().map(|failed| failed.key);
    let letters = letters::list(services, run).await.unwrap().into_iter().filter_map(|letter| letter.key);
    let id = |key: Value| key["id"]["S"].as_str().unwrap_or_default().to_owned();
    failed.chain(letters).map(id).collect()
}
