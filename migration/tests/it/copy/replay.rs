//! R14 to R16: what is applied, in what order, and what becomes of what can't be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::types::AttributeValue;
use migration::copy::change::{Change, What};
use migration::copy::{current, poisoned, replay};
use migration::item::json::item_from_json;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::{Copy, TARGET};
use crate::tap::{Answer, Forward, Request, Tap, refusal};
use crate::world::TABLE;

/// The new key is the attribute `name`, which may change: the image then moves.
const BY_NAME: &str = "target: { table: others }";

async fn copy() -> Copy {
    Copy::new(Vec::new(), "name", BY_NAME).await
}

fn thing(id: &str, name: &str, n: u32) -> Value {
    json!({ "id": { "S": id }, "name": { "S": name }, "n": { "N": n.to_string() } })
}

/// R15: a REMOVE deletes, and an image that moves leaves no ghost.
#[tokio::test]
async fn changes_make_move_and_delete_images() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let (first, second, third) = (thing("a", "x", 1), thing("a", "x", 2), thing("a", "y", 3));
    let changes = [
        copy.change(1, None, Some(first.clone())),
        copy.change(2, Some(first), Some(second.clone())),
        copy.change(3, Some(second), Some(third.clone())),
    ];
    assert!(copy.replay(&services, &changes).await.is_empty());
    assert_eq!(copy.target().await, std::slice::from_ref(&third));
    // Again, as after a lost acknowledgement: a suffix of what was applied.
    assert!(copy.replay(&services, &changes[1..]).await.is_empty());
    assert_eq!(copy.target().await, std::slice::from_ref(&third));
    assert!(copy.replay(&services, &[copy.change(4, Some(third), None)]).await.is_empty());
    assert!(copy.target().await.is_empty());
    let carried = migration::copy::notes::applied(&copy.world.ledger, &copy.plan.run).await.unwrap();
    assert_eq!(carried.len(), 1);
}

/// R5 through the queue: N stays N, sets stay sets.
#[tokio::test]
async fn images_arrive_typed() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let mut typed = thing("a", "x", 1);
    typed["n"] = json!({ "N": "12345678901234567890123456789012345678" });
    typed["ns"] = json!({ "NS": ["2.5"] });
    typed["ss"] = json!({ "SS": ["a"] });
    typed["b"] = json!({ "B": "AAEC" });
    assert!(copy.replay(&services, &[copy.change(1, None, Some(typed.clone()))]).await.is_empty());
    assert_eq!(copy.target().await, [typed]);
}

/// Of two items whose names are swapped, each change meets the other's image.
#[tokio::test]
async fn items_may_swap_their_places() {
    for order in [[0, 1], [1, 0]] {
        let copy = copy().await;
        let services = copy.begun(None).await;
        let (a, b) = (thing("a", "y", 2), thing("b", "x", 2));
        copy.put(TARGET, thing("a", "x", 1)).await;
        copy.put(TARGET, thing("b", "y", 1)).await;
        copy.put(TABLE, a.clone()).await;
        copy.put(TABLE, b.clone()).await;
        let changes = [
            copy.change(1, Some(thing("a", "x", 1)), Some(a.clone())),
            copy.change(2, Some(thing("b", "y", 1)), Some(b.clone())),
        ];
        for at in order {
            assert!(copy.replay(&services, &changes[at..=at]).await.is_empty());
        }
        assert_eq!(copy.target().await, [a, b]);
    }
}

/// Two items that belong to one place stay as they are, and the change blocks the cut-over with both keys in its reason.
#[tokio::test]
async fn a_collision_is_noted_and_holds_its_items_later_changes_back() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let (there, comes) = (thing("a", "x", 1), thing("b", "x", 2));
    copy.put(TABLE, there.clone()).await;
    copy.put(TABLE, comes.clone()).await;
    copy.put(TARGET, there.clone()).await;
    let other = thing("c", "z", 1);
    let changes = [
        copy.change(1, None, Some(comes.clone())),
        copy.change(2, Some(comes.clone()), Some(thing("b", "w", 3))),
        copy.change(3, None, Some(other.clone())),
    ];
    // The item's later change fails with it, another item's doesn't.
    assert_eq!(copy.replay(&services, &changes).await, [0, 1]);
    assert_eq!(copy.target().await, [there.clone(), other.clone()]);
    let noted = poisoned::list(&copy.world.ledger, &copy.plan.run).await.unwrap();
    assert_eq!((noted.len(), &noted[0].key, noted[0].event.as_str()), (1, &json!({ "id": { "S": "b" } }), "event-1"));
    for id in ["a", "b"] {
        assert!(noted[0].reason.contains(&format!(r#"{{"id":{{"S":"{id}"}}}}"#)), "{}", noted[0].reason);
    }
    // The application sets it right: what comes again is applied, and no longer noted.
    copy.put(TABLE, thing("b", "w", 3)).await;
    assert!(copy.replay_again(&services, &changes[..2], 2).await.is_empty());
    assert_eq!(copy.target().await, [there, thing("b", "w", 3), other]);
    assert!(poisoned::list(&copy.world.ledger, &copy.plan.run).await.unwrap().is_empty());
}

/// A change that can't be carried is reported, never acknowledged.
#[tokio::test]
async fn an_image_that_cannot_be_made_is_a_failed_message() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let nameless = json!({ "id": { "S": "a" }, "n": { "N": "7" } });
    assert_eq!(copy.replay(&services, &[copy.change(1, None, Some(nameless))]).await, [0]);
    let noted = poisoned::list(&copy.world.ledger, &copy.plan.run).await.unwrap();
    assert!(noted[0].reason.contains("key attribute name of type S, found none"), "{}", noted[0].reason);
    // What is no change at all is not acknowledged either.
    let event = json!({ "Records": [{ "messageId": "9", "body": "secret", "attributes": { "MessageGroupId": "g" } }] });
    let answer = migration::copy::replay::apply(&services, event, None).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{ "itemIdentifier": "9" }]));
}

/// What somebody else's item holds is deleted by nobody.
#[tokio::test]
async fn a_late_delete_leaves_the_image_of_another_item() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let theirs = thing("b", "x", 5);
    copy.put(TARGET, theirs.clone()).await;
    assert!(copy.replay(&services, &[copy.change(1, Some(thing("a", "x", 1)), None)]).await.is_empty());
    assert_eq!(copy.target().await, [theirs]);
}

#[tokio::test]
async fn a_refresh_brings_the_target_in_step_with_the_source_as_it_is() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    copy.put(TARGET, thing("a", "x", 1)).await;
    copy.put(TABLE, thing("a", "y", 2)).await;
    let refresh = |event: &str, old: &str| Change {
        event: event.into(),
        what: What::Refresh { old_target_key: Some(json!({ "name": { "S": old } })) },
        ..copy.change(1, None, Some(thing("a", "y", 2)))
    };
    assert!(copy.replay(&services, &[refresh("r1", "x")]).await.is_empty());
    assert_eq!(copy.target().await, [thing("a", "y", 2)]);
    copy.delete(TABLE, "id", "a").await;
    assert!(copy.replay(&services, &[refresh("r2", "y")]).await.is_empty());
    assert!(copy.target().await.is_empty());
}

/// In the queue there may be changes of a copy that was given up.
#[tokio::test(start_paused = true)]
async fn changes_of_another_copy_are_let_go() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let change =
        Change { run: migration::plan::RunId::named("another"), ..copy.change(1, None, Some(thing("a", "x", 1))) };
    assert!(copy.replay(&services, &[change]).await.is_empty());
    current::give_up(&copy.world.ledger, &copy.plan.run).await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    assert!(copy.replay(&services, &[copy.change(1, None, Some(thing("a", "x", 1)))]).await.is_empty());
    assert!(copy.target().await.is_empty());
}

#[tokio::test]
async fn at_the_deadline_the_rest_comes_again() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let change = copy.change(1, None, Some(thing("a", "x", 1)));
    let body = serde_json::to_string(&change).unwrap();
    let event = json!({ "Records": [{ "messageId": "1", "body": body, "attributes": { "MessageGroupId": "g" } }] });
    let deadline = Some(tokio::time::Instant::now());
    let answer = migration::copy::replay::apply(&services, event, deadline).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{ "itemIdentifier": "1" }]));
    assert!(copy.target().await.is_empty());
    assert!(poisoned::list(&copy.world.ledger, &copy.plan.run).await.unwrap().is_empty());
}

/// Refuses every write.
struct Throttling;

#[async_trait::async_trait]
impl Tap for Throttling {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation != "PutItem" || request.body["TableName"] != TARGET {
            return forward.await;
        }
        let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down" });
        Ok(HttpResponse::new(400.try_into().unwrap(), body.to_string().into()))
    }
}

/// Throttles the first put on condition of another item's image. Meanwhile that item comes back to its place, and the one that was
/// to take it goes.
struct Swapping {
    application: Client,
    has_swapped: AtomicBool,
}

impl Swapping {
    async fn put(&self, table: &str, item: Value) {
        let put = self.application.put_item().table_name(table).set_item(Some(item_from_json(item).unwrap()));
        put.send().await.unwrap();
    }
}

#[async_trait::async_trait]
impl Tap for Swapping {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let condition = request.body["ConditionExpression"].as_str().unwrap_or_default();
        let is_of_another = request.operation == "PutItem" && condition == "#o0 = :o0";
        if !is_of_another || self.has_swapped.swap(true, Ordering::Relaxed) {
            return forward.await;
        }
        let gone = self.application.delete_item().table_name(TABLE).key("id", AttributeValue::S("a".into()));
        gone.send().await.unwrap();
        self.put(TABLE, thing("b", "x", 3)).await;
        // As the changes of the other item are applied, which nobody throttles.
        self.put(TARGET, thing("b", "x", 3)).await;
        Ok(refusal("ThrottlingException"))
    }
}

/// Whose image it is that stands at a place says nothing of which: what was true when the put was throttled need not be true when it
/// isn't any more.
#[tokio::test]
async fn a_put_that_waits_overwrites_nothing_that_came_meanwhile() {
    let mut copy = copy().await;
    copy.begun(None).await;
    copy.put(TARGET, thing("b", "x", 1)).await;
    copy.put(TABLE, thing("a", "x", 2)).await;
    copy.put(TABLE, thing("b", "y", 2)).await;
    let swapping = Arc::new(Swapping { application: copy.world.client.clone(), has_swapped: AtomicBool::new(false) });
    copy.world.tap = Some(swapping.clone());
    let moved = copy.change(1, Some(thing("a", "y", 1)), Some(thing("a", "x", 2)));
    assert!(copy.replay(&copy.services(), &[moved]).await.is_empty());
    assert!(swapping.has_swapped.load(Ordering::Relaxed));
    assert_eq!(copy.target().await, [thing("b", "x", 3)]);
}

/// What a function doesn't report before its time is up counts as failed, and what it has applied as well.
#[tokio::test(start_paused = true)]
async fn a_target_that_goes_on_throttling_is_reported_before_the_time_is_up() {
    let mut copy = copy().await;
    copy.begun(None).await;
    copy.world.tap = Some(Arc::new(Throttling));
    let services = copy.services();
    let change = copy.change(1, None, Some(thing("a", "x", 1)));
    let message = json!({ "messageId": "0", "body": serde_json::to_string(&change).unwrap() });
    for seconds in [20, 60] {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let applied = replay::apply(&services, json!({ "Records": [message] }), Some(deadline)).await.unwrap();
        assert_eq!(applied["batchItemFailures"], json!([{ "itemIdentifier": "0" }]));
        assert!(Instant::now() < deadline, "of {seconds} s");
    }
}
