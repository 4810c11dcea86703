//! R17: what the end of the source's stream tells a cut-over, wherever in the stream that stands; and what comes while it drains.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use migration::cutover::{self, Options, Phase};
use migration::plan::Plan;
use migration::verify::{self, Verified};
use serde_json::json;

use super::cutover::{ONE_WAY, Person, in_step};
use super::dropped::put;
use super::guards::{late, until};
use super::whole::{LINES, SOURCE, TARGET, World};
use crate::tap::{Answer, Forward, Request, Tap, tapped};

const LONG: Options = Options { within: Duration::from_secs(3_600), ..ONE_WAY };

/// Cuts over while capture is handed everything late, and `meanwhile` is done.
async fn cut_over_beside(world: &World, plan: &Plan, meanwhile: impl AsyncFnOnce()) {
    world.aws.set_hazards(Some(late(Duration::from_secs(40))));
    let person = Person::default();
    let (cut_over, ()) = tokio::join!(cutover::cut_over(&world.services, &plan.run, LONG, &person), meanwhile());
    cut_over.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// Its image is missing, and no older one stands for it.
#[tokio::test(start_paused = true)]
async fn a_new_item_that_was_not_captured_yet_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    cut_over_beside(&world, &plan, async || world.put(50, "new").await).await;
}

/// Nothing but the place where its image stood tells of it.
#[tokio::test(start_paused = true)]
async fn a_delete_that_was_not_captured_yet_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    cut_over_beside(&world, &plan, async || world.delete(4).await).await;
}

/// Whoever begins with the shards that are open doesn't begin with that one.
#[tokio::test(start_paused = true)]
async fn what_a_shard_tells_that_was_closed_since_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(40))));
    world.put(3, "last").await;
    world.aws.split_shards(SOURCE).await.unwrap();
    cut_over_beside(&world, &plan, async || {}).await;
}

/// Sooner than shards are listed again.
#[tokio::test(start_paused = true)]
async fn what_a_new_shard_tells_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    cut_over_beside(&world, &plan, async || {
        until(&world.services, &plan.run, Phase::Draining).await;
        world.aws.split_shards(SOURCE).await.unwrap();
        world.put(3, "last").await;
    })
    .await;
}

/// Gives nothing for the first two requests by each iterator, beside what the embedded AWS gives nothing for: eight times for a shard.
#[derive(Default)]
struct Sparse(Mutex<HashMap<String, u32>>);

#[async_trait]
impl Tap for Sparse {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation != "GetRecords" {
            return forward.await;
        }
        let iterator = request.body["ShardIterator"].as_str().unwrap().to_owned();
        let times = { *self.0.lock().unwrap().entry(iterator.clone()).and_modify(|times| *times += 1).or_insert(1) };
        if times > 2 {
            return forward.await;
        }
        let answer = json!({ "Records": [], "NextShardIterator": iterator });
        Ok(HttpResponse::new(200.try_into().unwrap(), answer.to_string().into()))
    }
}

/// A shard gives nothing for a while, and has more.
#[tokio::test(start_paused = true)]
async fn what_a_shard_tells_after_empty_answers_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(40))));
    world.put(3, "last").await;
    let sparse = tapped(world.aws.http_client(), Arc::new(Sparse::default()));
    let mut services = world.other_services();
    services.carrier = Some(world.carrier(world.aws.streams_client_builder().http_client(sparse)));
    cutover::cut_over(&services, &plan.run, LONG, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// Nobody waits for it until his time is up.
#[tokio::test(start_paused = true)]
async fn a_change_that_is_poisoned_meanwhile_ends_it_by_name() {
    let (world, plan) = in_step(LINES).await;
    let (services, run) = (&world.services, &plan.run);
    let poisoned = async {
        until(services, run, Phase::Draining).await;
        put(&world, json!({ "id": { "S": "3" }, "colour": { "S": "nameless" } })).await;
    };
    let person = Person::default();
    let (refused, ()) = tokio::join!(cutover::cut_over(services, run, LONG, &person), poisoned);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("expected every change to be applied, found 1 that can't be"), "{refused}");
    assert!(!person.seen().contains(&"after".to_owned()));
}

/// By a comparison that was begun before.
#[tokio::test(start_paused = true)]
async fn what_is_found_to_differ_meanwhile_takes_it_back() {
    let (world, plan) = in_step(LINES).await;
    let (services, run) = (&world.services, &plan.run);
    let found = async {
        let verified = verify::verified(&services.ledger, run).await.unwrap().unwrap();
        until(services, run, Phase::Draining).await;
        verify::note(&services.ledger, run, &Verified { clean: false, ..verified }).await.unwrap();
    };
    let person = Person::default();
    let (refused, ()) = tokio::join!(cutover::cut_over(services, run, LONG, &person), found);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("expected the two tables to be the same"), "{refused}");
    assert_eq!(cutover::read(&services.ledger, run).await.unwrap(), None);
}
