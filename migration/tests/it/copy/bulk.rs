//! The bulk: every item once, over nothing of another item.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use migration::capacity::{Capacity, Units};
use migration::definition::Definition;
use migration::plan::Plan;
use migration::{Kind, Task, failures, prewarm};
use serde_json::{Value, json};

use super::{Copy, TARGET};
use crate::tap::{Answer, Forward, Recorder, Request, Tap};
use crate::world::{TABLE, item, things};

const AS_IT_IS: &str = "target: { table: others, carry: bulk }";
/// The new key is computed: two items may land on one.
const BY_NAME: &str = "target: { table: others, carry: bulk }\ntolerated_failures: { percentage: 100 }";

fn named(id: &str, name: &str) -> migration::item::Item {
    item(id, json!({ "name": { "S": name } }))
}

/// R5: what arrives is what was there; 25 to a request.
#[tokio::test]
async fn items_arrive_as_they_are_in_batches() {
    let all_types = json!({
        "n": { "N": "12345678901234567890123456789012345678" }, "b": { "B": "AAEC" }, "ss": { "SS": ["a"] },
        "ns": { "NS": ["1", "2.5"] }, "bs": { "BS": ["AA=="] }, "m": { "M": { "empty": { "M": {} }, "list": { "L": [] } } },
        "l": { "L": [{ "NULL": true }, { "BOOL": false }] }, "s": { "S": "" },
    });
    let mut items = things(109);
    items.push(item("zebra", all_types));
    let mut copy = Copy::new(items, "id", AS_IT_IS).await;
    let recorder = Arc::new(Recorder { operation: "BatchWriteItem", seen: Mutex::default() });
    copy.world.tap = Some(recorder.clone());
    let services = copy.begun(None).await;
    assert_eq!(copy.work(&services).await.unwrap()["done"], true);
    assert_eq!(copy.target().await, copy.world.items().await);
    let sizes = |seen: &Value| seen["RequestItems"][TARGET].as_array().unwrap().len();
    let mut sizes: Vec<_> = recorder.seen.lock().unwrap().iter().map(sizes).collect();
    sizes.sort_unstable();
    assert_eq!(sizes.iter().sum::<usize>(), 110);
    assert!(sizes.len() <= 9, "{sizes:?}");
    let counts = migration::summary::so_far(&copy.world.ledger, &copy.plan.run).await.unwrap().counts;
    assert_eq!((counts.scanned, counts.written, counts.failed), (110, 110, 0));
    assert!(counts.write_units >= 110.0, "{counts:?}");
}

/// Whoever has planned it: an image that doesn't tell whose it is could not be told from another's.
#[tokio::test]
async fn images_of_nobody_are_refused_before_anything_begins() {
    let copy = Copy::new(things(5), "id", AS_IT_IS).await;
    let lines = "target: { table: nowhere, create: true, carry: bulk, key: { partition: { name: name, type: S } } }\n\
                 transform: [ { set: { path: name, value: one } }, { remove: { path: id } } ]";
    let yaml = format!("migration: test\nsource: {{ table: {TABLE} }}\n{lines}");
    let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let target_key = definition.target.as_ref().unwrap().key.clone();
    let plan = Plan { definition, target_key, ..copy.plan.clone() };
    let refused = Task::Prepare.run(&copy.services(), serde_json::to_value(&plan).unwrap(), None).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InvalidInput, "{refused}");
    assert_eq!(migration::plan::read(&copy.world.ledger, &plan.run).await.unwrap(), None);
}

/// The source is only read: what is raised for writes would be paid for nothing.
#[tokio::test(start_paused = true)]
async fn a_copy_raises_no_writes_of_its_source() {
    let lines = format!("{AS_IT_IS}\nprewarm: {{ read_units: 20000, write_units: 9000 }}");
    let copy = Copy::new(things(5), "id", &lines).await;
    let services = copy.begun(None).await;
    Task::Prewarm.run(&services, json!({ "run": copy.plan.run }), None).await.unwrap();
    let raised = prewarm::raised_by(&copy.world.ledger, &copy.plan.run).await.unwrap().unwrap();
    let table = Units { read: 20_000, ..Units::ON_DEMAND_START };
    assert_eq!(raised.to, Capacity::Provisioned { table, indexes: Default::default() });
}

/// Some of the first batch's items come back unprocessed, with an answer that is otherwise a success.
struct Unprocessed {
    batches: AtomicUsize,
    again: Mutex<Vec<Value>>,
}

#[async_trait]
impl Tap for Unprocessed {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation != "BatchWriteItem" {
            return forward.await;
        }
        if self.batches.fetch_add(1, Ordering::Relaxed) == 0 {
            // Nothing of it reaches the table.
            let body = json!({ "UnprocessedItems": request.body["RequestItems"] }).to_string();
            return Ok(HttpResponse::new(200.try_into().unwrap(), body.into()));
        }
        self.again.lock().unwrap().push(request.body.clone());
        forward.await
    }
}

/// R8: what comes back unprocessed is sent again, and counted as throttled.
#[tokio::test]
async fn unprocessed_items_are_not_dropped() {
    let mut copy = Copy::new(things(40), "id", AS_IT_IS).await;
    let tap = Arc::new(Unprocessed { batches: AtomicUsize::new(0), again: Mutex::default() });
    copy.world.tap = Some(tap.clone());
    let services = copy.begun(None).await;
    copy.work(&services).await.unwrap();
    assert_eq!(copy.target().await.len(), 40);
    let counts = migration::summary::so_far(&copy.world.ledger, &copy.plan.run).await.unwrap().counts;
    assert_eq!((counts.written, counts.throttled_writes), (40, 1));
}

/// R19: neither of two items that have one place overwrites the other, and the reason names both.
#[tokio::test]
async fn two_items_with_one_place_are_reported_with_both_keys() {
    let items = vec![named("a", "same"), named("b", "same"), named("c", "other")];
    let copy = Copy::new(items, "name", BY_NAME).await;
    let services = copy.begun(None).await;
    copy.work(&services).await.unwrap();
    let target = copy.target().await;
    let failed = failures::list(&copy.world.ledger, &copy.plan.run, 10).await.unwrap();
    assert_eq!((target.len(), failed.len()), (2, 1));
    let winner = target.iter().find(|item| item["name"]["S"] == "same").unwrap()["id"]["S"].clone();
    assert_ne!(failed[0].key["id"]["S"], winner);
    for id in ["a", "b"] {
        assert!(failed[0].reason.contains(&format!(r#"{{"id":{{"S":"{id}"}}}}"#)), "{}", failed[0].reason);
    }
}

/// Where two items may have one place, a batch only creates: 25 to a request all the same, and no value in its words.
#[tokio::test]
async fn computed_keys_are_carried_in_batches_that_only_create() {
    let items = (0..110).map(|at| named(&format!("{at:03}"), &format!("name {at}"))).collect();
    let mut copy = Copy::new(items, "name", BY_NAME).await;
    let batches = Arc::new(Recorder { operation: "BatchExecuteStatement", seen: Mutex::default() });
    copy.world.tap = Some(batches.clone());
    let services = copy.begun(None).await;
    copy.work(&services).await.unwrap();
    assert_eq!(copy.target().await, copy.world.items().await);
    let seen = batches.seen.lock().unwrap();
    assert!(seen.len() <= 9, "{}", seen.len());
    let first = &seen[0]["Statements"][0];
    assert!(first["Statement"].as_str().unwrap().starts_with("INSERT INTO \"others\" VALUE {"), "{first}");
    assert!(!first["Statement"].as_str().unwrap().contains("name "), "{first}");
}

/// The first batch is carried out, and its answer lost: what it wrote is there, and is ours.
#[tokio::test]
async fn a_lost_answer_is_no_collision() {
    struct Lost(AtomicUsize);
    #[async_trait]
    impl Tap for Lost {
        async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
            let is_first = request.operation == "BatchExecuteStatement" && self.0.fetch_add(1, Ordering::Relaxed) == 0;
            let answer = forward.await;
            match is_first {
                true => Ok(HttpResponse::new(500.try_into().unwrap(), "{}".into())),
                false => answer,
            }
        }
    }
    let items = (0..40).map(|at| named(&format!("{at:03}"), &format!("name {at}"))).collect();
    let mut copy = Copy::new(items, "name", BY_NAME).await;
    copy.world.tap = Some(Arc::new(Lost(AtomicUsize::new(0))));
    let services = copy.begun(None).await;
    copy.work(&services).await.unwrap();
    assert_eq!(copy.target().await, copy.world.items().await);
    let counts = migration::summary::so_far(&copy.world.ledger, &copy.plan.run).await.unwrap().counts;
    assert_eq!((counts.written + counts.unchanged, counts.failed), (40, 0));
}

/// An image whose item has gone, or has moved, isn't in the way of one that belongs there.
#[tokio::test]
async fn a_place_that_an_item_has_left_is_taken() {
    let copy = Copy::new(vec![named("a", "same"), named("c", "left")], "name", BY_NAME).await;
    let services = copy.begun(None).await;
    // Of an item that is gone, and of one that is elsewhere by now.
    copy.put(TARGET, json!({ "name": { "S": "same" }, "id": { "S": "gone" } })).await;
    copy.put(TARGET, json!({ "name": { "S": "left" }, "id": { "S": "a" } })).await;
    copy.work(&services).await.unwrap();
    let ids: Vec<_> = copy.target().await.iter().map(|item| item["id"]["S"].clone()).collect();
    assert_eq!(ids, ["a", "c"].map(Value::from));
}

/// R3: what stands there already is left.
#[tokio::test]
async fn a_second_bulk_finds_everything_there() {
    let copy = Copy::new(vec![named("a", "one"), named("b", "two")], "name", BY_NAME).await;
    let services = copy.begun(None).await;
    copy.put(TARGET, json!({ "name": { "S": "one" }, "id": { "S": "a" } })).await;
    copy.work(&services).await.unwrap();
    let counts = migration::summary::so_far(&copy.world.ledger, &copy.plan.run).await.unwrap().counts;
    assert_eq!((counts.written, counts.unchanged), (1, 1));
}

/// Where others write to the target, the bulk creates and changes nothing that is there.
#[tokio::test]
async fn beside_other_writers_the_bulk_only_creates() {
    let lines = "target: { table: others, carry: bulk, written_by_others: true }";
    let copy = Copy::new(things(3), "id", lines).await;
    let newer = json!({ "id": { "S": "thing-00001" }, "n": { "N": "99" } });
    copy.put(TARGET, newer.clone()).await;
    let services = copy.begun(None).await;
    copy.work(&services).await.unwrap();
    let target = copy.target().await;
    assert_eq!(target.len(), 3);
    assert!(target.contains(&newer));
    let counts = migration::summary::so_far(&copy.world.ledger, &copy.plan.run).await.unwrap().counts;
    assert_eq!((counts.written, counts.unchanged), (2, 1));
}

/// What is nobody's image is not overwritten either.
#[tokio::test]
async fn an_item_of_somebody_else_is_left_and_reported() {
    let copy = Copy::new(vec![named("a", "one")], "name", BY_NAME).await;
    let theirs = json!({ "name": { "S": "one" }, "note": { "S": "secret" } });
    let services = copy.begun(None).await;
    copy.put(TARGET, theirs.clone()).await;
    copy.work(&services).await.unwrap();
    assert_eq!(copy.target().await, [theirs]);
    let failed = failures::list(&copy.world.ledger, &copy.plan.run, 10).await.unwrap();
    assert!(failed[0].reason.contains("an item that is no image") && !failed[0].reason.contains("secret"));
}

/// R11: writes go by the target's capacity, whatever the source has.
#[tokio::test(start_paused = true)]
async fn the_budget_of_writes_is_the_targets() {
    let copy = Copy::into(things(120), "id", Some(20), AS_IT_IS).await;
    let services = copy.begun(None).await;
    let began = tokio::time::Instant::now();
    copy.work(&services).await.unwrap();
    // Three quarters of 20 units a second, a few of which are leased ahead.
    assert!(began.elapsed().as_secs() >= 5, "{:?}", began.elapsed());
    assert_eq!(copy.target().await.len(), 120);
}

/// R14, R19: while changes are carried, what had failed is brought in step by replay, in its turn, and written by nobody else.
#[tokio::test]
async fn failed_items_are_tried_again_by_replay() {
    let lines = "target: { table: others }\ntolerated_failures: { percentage: 100 }";
    let items = vec![item("a", json!({})), item("b", json!({})), named("c", "third")];
    let copy = Copy::new(items, "name", lines).await;
    let services = copy.begun(None).await;
    copy.work(&services).await.unwrap();
    assert_eq!(failures::list(&copy.world.ledger, &copy.plan.run, 10).await.unwrap().len(), 2);
    copy.put(crate::world::TABLE, json!({ "id": { "S": "a" }, "name": { "S": "first" } })).await;
    let again = copy.plan.clone().retried(copy.plan.definition.clone(), 2).unwrap();
    Task::Prepare.run(&services, serde_json::to_value(&again).unwrap(), None).await.unwrap();
    let work = json!({ "run": again.run, "child": 0, "attempt": 2, "loops": 0 });
    Task::MigrateSegment.run(&services, work, None).await.unwrap();
    let taken = copy.queue.taken();
    let body: Value = serde_json::from_str(taken[0]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!((taken.len(), &body["key"]), (1, &json!({ "id": { "S": "a" } })));
    assert_eq!(copy.target().await.len(), 1);
    let failed = failures::list(&copy.world.ledger, &copy.plan.run, 10).await.unwrap();
    assert_eq!((failed.len(), &failed[0].key), (1, &json!({ "id": { "S": "b" } })));
    let change = serde_json::from_value(body).unwrap();
    assert!(copy.replay(&services, &[change]).await.is_empty());
    assert_eq!(copy.target().await.len(), 2);
}
