//! R2: others write while we do. They never lose an update to us, and what they delete stays deleted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::result::ConnectorError;
use migration::definition::WriteRequests;
use serde_json::{Value, json};

use crate::tap::{Answer, Forward, Request, Tap};
use crate::world::{Billing, TABLE, World, assert_adds_up, both_ways, things};

/// What happens around the first write to each item.
#[derive(Debug, Clone, Copy)]
enum Meddling {
    /// The application adds 1000 to `n`, and an attribute of its own.
    Update,
    /// It deletes the item.
    Delete,
    /// It does by itself what the migration is about to do.
    SameChange,
    /// The write happens, its answer is lost.
    LostAnswer,
    /// Nothing, but the service fails before it writes.
    Unavailable,
}

struct Meddler {
    application: Client,
    meddling: Meddling,
    met: Mutex<HashSet<String>>,
}

#[async_trait]
impl Tap for Meddler {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let mut first = ids_written(request);
        first.retain(|id| self.met.lock().unwrap().insert(id.clone()));
        match self.meddling {
            _ if first.is_empty() => {}
            Meddling::LostAnswer => {
                forward.await?;
                return Err(ConnectorError::timeout("the answer is lost".into()));
            }
            Meddling::Unavailable => return Err(ConnectorError::io("the connection is reset".into())),
            meddling => {
                for id in &first {
                    self.meddle(meddling, id).await;
                }
            }
        }
        forward.await
    }
}

/// The ids of the things that a request writes to.
fn ids_written(request: &Request) -> Vec<String> {
    let id_of = |value: &Value| value["S"].as_str().filter(|id| id.starts_with("thing-")).map(str::to_owned);
    match request.operation.as_str() {
        "UpdateItem" | "DeleteItem" => id_of(&request.body["Key"]["id"]).into_iter().collect(),
        "BatchExecuteStatement" => {
            let statements = request.body["Statements"].as_array().unwrap().iter();
            statements.map(|it| it["Parameters"].as_array().unwrap().iter().find_map(id_of).unwrap()).collect()
        }
        _ => Vec::new(),
    }
}

impl Meddler {
    async fn meddle(&self, meddling: Meddling, id: &str) {
        let update = self.application.update_item().table_name(TABLE).key("id", AttributeValue::S(id.into()));
        match meddling {
            Meddling::Update => {
                let update = update.update_expression("SET n = n + :more, live = :live");
                let update = update.expression_attribute_values(":more", AttributeValue::N("1000".into()));
                update.expression_attribute_values(":live", AttributeValue::Bool(true)).send().await.unwrap();
            }
            Meddling::SameChange => {
                let update = update.update_expression("SET #new = #old REMOVE #old");
                let update = update.expression_attribute_names("#new", "new");
                update.expression_attribute_names("#old", "old").send().await.unwrap();
            }
            Meddling::Delete => {
                let delete = self.application.delete_item().table_name(TABLE);
                delete.key("id", AttributeValue::S(id.into())).send().await.unwrap();
            }
            Meddling::LostAnswer | Meddling::Unavailable => {}
        }
    }
}

async fn meddled(writes: WriteRequests, meddling: Meddling) -> World {
    let mut world = World::new(Billing::OnDemand, things(30)).await.writing(writes);
    world.tap = Some(Arc::new(Meddler { application: world.client.clone(), meddling, met: Mutex::default() }));
    world
}

const RENAME: &str = "transform: [ { rename: { path: old, to: new } } ]";
/// Reads and writes the counter that the application counts on.
const COUNT: &str = "marker: done\ntransform: [ { increment: { path: n, by: 1 } } ]";

async fn a_live_update_of_the_same_attribute_is_never_lost(writes: WriteRequests) {
    let world = meddled(writes, Meddling::Update).await;
    let summary = world.run(COUNT).await;
    assert_eq!((summary.counts.written, summary.counts.conflicts), (30, 30));
    assert_eq!(summary.counts.write_units, 60.0, "a failed condition costs what the write would have cost");
    for (at, item) in world.items().await.iter().enumerate() {
        assert_eq!(item["n"], json!({ "N": (at + 1001).to_string() }), "both increments count");
        assert_eq!(item["live"], json!({ "BOOL": true }));
    }
}

/// The condition names what the transform has seen, and no more: others are not in the way.
async fn a_live_update_of_another_attribute_is_no_conflict(writes: WriteRequests) {
    let world = meddled(writes, Meddling::Update).await;
    let summary = world.run(RENAME).await;
    assert_eq!((summary.counts.written, summary.counts.conflicts), (30, 0));
    assert!(world.items().await.iter().all(|item| item["live"].is_object() && item["new"].is_object()));
}

async fn what_is_deleted_meanwhile_stays_deleted(writes: WriteRequests) {
    let set = "transform: [ { set: { path: seen, value: true } } ]";
    for steps in [RENAME, set, "transform: [ delete ]"] {
        let world = meddled(writes, Meddling::Delete).await;
        let summary = world.run(steps).await;
        assert_eq!((summary.counts.gone, summary.counts.written, summary.counts.deleted), (30, 0, 0), "{steps}");
        assert_adds_up(&summary);
        assert!(world.items().await.is_empty());
    }
}

async fn a_change_that_somebody_else_has_made_is_left_alone(writes: WriteRequests) {
    let world = meddled(writes, Meddling::SameChange).await;
    let summary = world.run("transform: [ { remove: { path: old } } ]").await;
    assert_eq!((summary.counts.unchanged, summary.counts.conflicts), (30, 30));
    assert!(world.items().await.iter().all(|item| item["new"].is_object()));
}

/// The write happened, its answer didn't come: trying again changes nothing, and the item counts as written.
async fn a_lost_answer_is_no_second_write(writes: WriteRequests) {
    let world = meddled(writes, Meddling::LostAnswer).await;
    let summary = world.run(COUNT).await;
    assert_eq!((summary.counts.written, summary.counts.unchanged), (30, 0));
    for (at, item) in world.items().await.iter().enumerate() {
        assert_eq!(item["n"], json!({ "N": (at + 1).to_string() }), "counted once");
    }
}

async fn a_delete_whose_answer_is_lost_is_ours(writes: WriteRequests) {
    let world = meddled(writes, Meddling::LostAnswer).await;
    let summary = world.run("transform: [ delete ]").await;
    assert_eq!((summary.counts.deleted, summary.counts.gone), (30, 0));
}

async fn a_service_that_fails_is_asked_again(writes: WriteRequests) {
    let world = meddled(writes, Meddling::Unavailable).await;
    let summary = world.run(RENAME).await;
    assert_eq!((summary.counts.written, summary.counts.failed), (30, 0));
}

both_ways! {
    #[tokio::test]
    a_live_update_of_the_same_attribute_is_never_lost,
    a_live_update_of_another_attribute_is_no_conflict,
    what_is_deleted_meanwhile_stays_deleted,
    a_change_that_somebody_else_has_made_is_left_alone,
    a_lost_answer_is_no_second_write,
    a_delete_whose_answer_is_lost_is_ours,
    a_service_that_fails_is_asked_again,
}
