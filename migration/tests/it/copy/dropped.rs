//! R17, R19: what somebody has dropped by name is left out, visibly, and holds no cut-over up once the tables were compared again.
//! What has no image holds it up otherwise, and is listed.

use std::sync::Arc;
use std::time::Duration;

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::types::AttributeValue;
use migration::copy::sync;
use migration::cutover::letters::{self, Which};
use migration::cutover::{self, Phase, Refusal};
use migration::item::json::item_from_json;
use migration::local;
use migration::plan::{Job, OfCopy, Plan, RunId};
use migration::verify::{self, Difference, Found, Sort};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::cutover::{BOTH_WAYS, ONE_WAY, Person, WAY_BACK, applied, in_step};
use super::whole::{LINES, SOURCE, TARGET, World};

pub(super) async fn put(world: &World, item: Value) {
    let put = world.client.put_item().table_name(SOURCE).set_item(Some(item_from_json(item).unwrap()));
    put.send().await.unwrap();
}

fn key(id: &str) -> Value {
    json!({ "id": { "S": id } })
}

async fn dead_letters(world: &World, plan: &Plan) -> u64 {
    sync::check(&world.services, &plan.run).await.unwrap().dead_letters
}

/// Waits until so many changes can't be applied, and drops them by name.
pub(super) async fn dropped(world: &World, plan: &Plan, ids: &[&str]) {
    while dead_letters(world, plan).await < ids.len() as u64 {
        sleep(Duration::from_secs(10)).await;
    }
    for id in ids {
        let which = Which::OfItem(key(id));
        assert_eq!(letters::drop_named(&world.services, &plan.run, &which).await.unwrap().len(), 1, "{id}");
    }
}

/// Compares a run's tables as a run of its own, and sets right what can be.
pub(super) async fn repaired(world: &World, of: &RunId, name: &str, changes: bool) -> (Found, Vec<Difference>) {
    let ledger = &world.services.ledger;
    let plan = migration::plan::read(ledger, of).await.unwrap().unwrap();
    let of = Some(OfCopy { run: of.clone(), changes });
    let plan = Plan { run: RunId::named(name), job: Job::Verify { repair: true }, of, ..plan };
    let summary = local::run(Arc::new(world.other_services()), &plan, MemoryObjects::new()).await.unwrap();
    let found = summary.verified.as_ref().unwrap_or_else(|| panic!("{summary:?}")).found;
    (found, verify::differences(ledger, &plan.run, usize::MAX).await.unwrap())
}

async fn refusals(world: &World, plan: &Plan) -> Vec<Refusal> {
    cutover::refusals(&cutover::look(&world.services, &plan.run).await.unwrap(), &ONE_WAY)
}

/// Of three: one has an older image in the target, one has none, and one's place is another's.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_by_name_holds_up_no_cut_over() {
    let (world, plan) = in_step(LINES).await;
    put(&world, json!({ "id": { "S": "3" }, "colour": { "S": "nameless" } })).await;
    put(&world, json!({ "id": { "S": "b" } })).await;
    put(&world, json!({ "id": { "S": "twin" }, "name": { "S": "n4" } })).await;
    dropped(&world, &plan, &["3", "b", "twin"]).await;
    assert_eq!(refusals(&world, &plan).await, [Refusal::Unverified]);
    let before = world.items(TARGET).await;

    let (found, listed) = repaired(&world, &plan.run, "comparing", true).await;
    assert_eq!((found.missing, found.repaired), (1, 1), "whoever asks for it has it tried again: {found:?}");
    assert_eq!((found.differences(), found.unmigratable, found.dropped, found.outdated), (1, 0, 2, 1), "{found:?}");
    let of = |id: &str| listed.iter().find(|it| it.source_key == Some(key(id)) && it.kind != Sort::Outdated).unwrap();
    assert!(of("3").dropped && of("b").dropped && !of("twin").dropped, "{listed:?}");
    assert!(of("b").reason.as_ref().unwrap().contains("title"), "{listed:?}");
    let older = listed.iter().find(|difference| difference.kind == Sort::Outdated).unwrap();
    assert_eq!((&older.source_key, &older.target_key), (&Some(key("3")), &Some(json!({ "title": { "S": "n3" } }))));

    // Its place is still the other's; what has no image was not tried.
    dropped(&world, &plan, &["twin"]).await;
    let summary = compared(&world, &plan).await;
    assert_eq!((summary.differences(), summary.dropped, summary.outdated), (0, 3, 1), "{summary:?}");
    assert_eq!((refusals(&world, &plan).await, dead_letters(&world, &plan).await), (vec![], 0));
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!((done.phase, done.left_out), (Phase::Over, 3));
    assert_eq!(world.items(TARGET).await, before);
}

/// Compares, and sets nothing right.
async fn compared(world: &World, plan: &Plan) -> Found {
    let of = Some(OfCopy { run: plan.run.clone(), changes: true });
    let plan = Plan { run: RunId::named("again"), job: Job::Verify { repair: false }, of, ..plan.clone() };
    let summary = local::run(Arc::new(world.other_services()), &plan, MemoryObjects::new()).await.unwrap();
    summary.verified.unwrap_or_else(|| panic!("{:?}", summary.failure)).found
}

/// What was changed after it was dropped is waited for like anything else.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_and_mended_is_carried() {
    let (world, plan) = in_step(LINES).await;
    put(&world, json!({ "id": { "S": "b" } })).await;
    dropped(&world, &plan, &["b"]).await;
    put(&world, json!({ "id": { "S": "b" }, "name": { "S": "mended" } })).await;
    sleep(Duration::from_secs(5)).await;
    applied(&world.services, &plan).await;
    let found = compared(&world, &plan).await;
    assert_eq!((found.differences(), found.dropped, found.unmigratable), (0, 0, 0), "{found:?}");
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!(done.left_out, 0);
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// Nobody has named these: they are listed, and nothing is done to the older image.
#[tokio::test(start_paused = true)]
async fn what_has_no_image_is_listed_and_holds_the_cut_over_up() {
    let (world, plan) = in_step(&LINES.replace("create: true", "create: true, carry: bulk")).await;
    put(&world, json!({ "id": { "S": "3" }, "colour": { "S": "nameless" } })).await;
    let before = world.items(TARGET).await;
    let (found, listed) = repaired(&world, &plan.run, "comparing", false).await;
    assert_eq!((found.differences(), found.unmigratable, found.outdated, found.repaired), (0, 1, 1, 0), "{found:?}");
    let mut kinds: Vec<_> = listed.iter().map(|difference| json!(difference.kind)).collect();
    kinds.sort_by_key(Value::to_string);
    assert_eq!(kinds, [json!("outdated"), json!("unmigratable")]);
    assert_eq!(world.items(TARGET).await, before);
    let refused = refusals(&world, &plan).await;
    assert_eq!(refused, [Refusal::Unmigratable(1, 20)]);
    insta::assert_snapshot!(refused[0].words(&RunId::named("RUN")), @"expected no more items without an image than are tolerated, found 1 of 20 that the transform fails on: `run differences RUN` lists them; mend or delete them in the source, or have `run retry RUN` take up those that the bulk has failed on by a migration that is mended, or tolerates more; then `run verify RUN`");
    let delete = world.client.delete_item().table_name(SOURCE).key("id", AttributeValue::S("3".into()));
    delete.send().await.unwrap();
    assert_eq!(repaired(&world, &plan.run, "deleted", false).await.0.extra, 1);
}

/// What was left out by name on the way forth stands in the source alone, though it has an image.
#[tokio::test(start_paused = true)]
async fn what_was_dropped_is_left_alone_on_the_way_back() {
    let (world, plan) = in_step(WAY_BACK).await;
    put(&world, json!({ "id": { "S": "twin" }, "name": { "S": "n4" } })).await;
    dropped(&world, &plan, &["twin"]).await;
    assert_eq!(compared(&world, &plan).await.dropped, 1);
    let done = cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap();
    let (back, before) = (done.back.unwrap(), world.items(SOURCE).await);
    let (found, _) = repaired(&world, &back, "comparing", true).await;
    assert_eq!((found.differences(), found.left_out), (0, 1), "{found:?}");
    sleep(Duration::from_secs(60)).await;
    assert_eq!((before.len(), world.items(SOURCE).await), (21, before));
}
