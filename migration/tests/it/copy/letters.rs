//! R15, R16: changes that could not be applied, when they are taken up again: whatever they were, the target is in step then.

use std::time::Duration;

use migration::copy::{poisoned, sync};
use migration::cutover;
use migration::cutover::letters::{self, Which};
use migration::item::json::item_from_json;
use migration::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::cutover::{applied, in_step};
use super::whole::{LINES, SOURCE, TARGET, World};

async fn put(world: &World, item: Value) {
    let put = world.client.put_item().table_name(SOURCE).set_item(Some(item_from_json(item).unwrap()));
    put.send().await.unwrap();
}

/// Without a name its image has no key.
async fn poison(world: &World, id: &str, colour: &str) {
    put(world, json!({ "id": { "S": id }, "colour": { "S": colour } })).await;
}

async fn until_dead(world: &World, plan: &Plan, letters: u64) {
    while sync::check(&world.services, &plan.run).await.unwrap().dead_letters < letters {
        sleep(Duration::from_secs(10)).await;
    }
}

/// The change that failed was the one that would have taken the image away from its old place; no later one knows of it.
#[tokio::test(start_paused = true)]
async fn what_is_retried_leaves_no_ghost_at_its_old_place() {
    let (world, plan) = in_step(LINES).await;
    poison(&world, "3", "broken").await;
    until_dead(&world, &plan, 1).await;
    put(&world, json!({ "id": { "S": "3" }, "name": { "S": "mended" } })).await;
    sleep(Duration::from_secs(5)).await;
    applied(&world.services, &plan).await;
    assert_ne!(world.items(TARGET).await, world.images().await, "there is no ghost to be found");
    assert_eq!(letters::retry(&world.services, &plan.run, &Which::All).await.unwrap().len(), 1);
    applied(&world.services, &plan).await;
    assert_eq!(world.items(TARGET).await, world.images().await);
    assert_eq!(
        poisoned::list(&world.services.ledger, &plan.run).await.unwrap(),
        [],
        "why it failed is of no use any more"
    );
}

/// The next copy would be held up by what nobody carries any more.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_given_up_leaves_none() {
    let (world, plan) = in_step(LINES).await;
    poison(&world, "3", "broken").await;
    until_dead(&world, &plan, 1).await;
    cutover::give_up(&world.services, &plan.run).await.unwrap();
    assert_eq!(letters::list(&world.services, &plan.run).await.unwrap(), []);
}

/// Time stands still here: two that are taken up at one moment are two all the same.
#[tokio::test(start_paused = true)]
async fn each_letter_s_old_place_is_looked_at() {
    let (world, plan) = in_step(LINES).await;
    poison(&world, "3", "broken").await;
    until_dead(&world, &plan, 1).await;
    put(&world, json!({ "id": { "S": "3" }, "name": { "S": "elsewhere" } })).await;
    sleep(Duration::from_secs(5)).await;
    applied(&world.services, &plan).await;
    poison(&world, "3", "broken again").await;
    until_dead(&world, &plan, 2).await;
    put(&world, json!({ "id": { "S": "3" }, "name": { "S": "mended" } })).await;
    assert_eq!(letters::retry(&world.services, &plan.run, &Which::All).await.unwrap().len(), 2);
    sleep(Duration::from_secs(5)).await;
    applied(&world.services, &plan).await;
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// The queue hands over ten messages of a group, and no more of it while those are held.
#[tokio::test(start_paused = true)]
async fn all_letters_of_an_item_are_taken_up() {
    let (world, plan) = in_step(LINES).await;
    for at in 0..23 {
        poison(&world, "3", &format!("broken {at}")).await;
    }
    poison(&world, "4", "broken").await;
    until_dead(&world, &plan, 24).await;
    assert!((10..24).contains(&letters::list(&world.services, &plan.run).await.unwrap().len()));
    let key = json!({ "id": { "S": "3" } });
    let retried = letters::retry(&world.services, &plan.run, &Which::OfItem(key)).await.unwrap();
    assert_eq!(retried.len(), 23);
    let left = letters::list(&world.services, &plan.run).await.unwrap();
    assert_eq!(left.iter().map(|letter| letter.key.clone()).collect::<Vec<_>>(), [Some(json!({ "id": { "S": "4" } }))]);
}

/// What nobody can read can't be brought in step: it stays until it is dropped by its event.
#[tokio::test(start_paused = true)]
async fn a_letter_that_can_t_be_read_is_not_retried_away() {
    let (world, plan) = in_step(LINES).await;
    let carrier = world.services.carrier.as_ref().unwrap();
    let send = carrier.sqs.send_message().queue_url(&carrier.wiring.dead_letters_url).message_body("broken");
    send.message_group_id("g").message_deduplication_id("d").send().await.unwrap();
    assert_eq!(letters::retry(&world.services, &plan.run, &Which::All).await.unwrap(), []);
    let listed = letters::list(&world.services, &plan.run).await.unwrap();
    assert_eq!(listed.iter().map(|letter| letter.key.clone()).collect::<Vec<_>>(), [None]);
    let other = Which::Event("another".into());
    assert_eq!(letters::drop_named(&world.services, &plan.run, &other).await.unwrap(), []);
    let named = Which::Event(listed[0].event.clone());
    assert_eq!(letters::drop_named(&world.services, &plan.run, &named).await.unwrap(), listed);
    assert_eq!(letters::list(&world.services, &plan.run).await.unwrap(), []);
}

/// Whoever names the copy and means its way back, or the other way round, takes up the change of whichever run it is.
#[tokio::test(start_paused = true)]
async fn a_letter_is_taken_up_for_the_run_that_it_is_of() {
    let (world, plan) = in_step(LINES).await;
    poison(&world, "3", "broken").await;
    until_dead(&world, &plan, 1).await;
    put(&world, json!({ "id": { "S": "3" }, "name": { "S": "n3" }, "colour": { "S": "mended" } })).await;
    let retried = letters::retry(&world.services, &plan.run.back(), &Which::All).await.unwrap();
    assert_eq!(retried.iter().map(|letter| letter.run.clone()).collect::<Vec<_>>(), [Some(plan.run.clone())]);
    applied(&world.services, &plan).await;
    assert_eq!(world.items(TARGET).await, world.images().await);
}
