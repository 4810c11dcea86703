//! How a cut-over goes on that was begun before, or was taken back, and what is left to do once the application is moved.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use jiff::Timestamp;
use migration::copy::sync::Sync;
use migration::copy::{books, current};
use migration::cutover::{self, Mover, Options, Phase};
use migration::plan::Plan;
use migration::transform::Functions;
use migration::{Error, Kind, Services, control};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::cutover::{BOTH_WAYS, ONE_WAY, Person, WAY_BACK, in_step};
use super::dropped::{dropped, put, repaired};
use super::guards::{assert_carried, late, until_capture_is_off};
use super::whole::{LINES, SOURCE, TARGET, World, clock};
use crate::tap::{Answer, Denies, Forward, Request, Tap, refusal, tapped};

/// Somebody who dies when a step begins.
struct Mortal {
    phase: Phase,
    dies: Notify,
}

#[async_trait]
impl Mover for Mortal {
    async fn before(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn after(&self) -> Result<(), Error> {
        Ok(())
    }

    fn enters(&self, phase: Phase) {
        if phase == self.phase {
            self.dies.notify_one();
        }
    }

    fn reads(&self, _: u64, _: Option<Timestamp>) {}

    fn sees(&self, _: &Sync) {}
}

async fn dies_at(world: &World, plan: &Plan, options: Options, phase: Phase) {
    let mortal = Mortal { phase, dies: Notify::new() };
    tokio::select! {
        biased;
        () = mortal.dies.notified() => {}
        done = cutover::cut_over(&world.services, &plan.run, options, &mortal) => panic!("{done:?}"),
    }
    let found = cutover::read(&world.services.ledger, &plan.run).await.unwrap().unwrap();
    assert_eq!(found.phase, phase);
}

/// Whether a way back is opened counts as it was said last, until it is being opened.
#[tokio::test(start_paused = true)]
async fn a_way_back_may_be_asked_for_later_until_it_is_too_late() {
    let (world, plan) = in_step(WAY_BACK).await;
    dies_at(&world, &plan, ONE_WAY, Phase::Draining).await;
    dies_at(&world, &plan, BOTH_WAYS, Phase::TurningRound).await;
    let person = Person::default();
    let refused = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap_err();
    assert!(refused.to_string().contains("go on with it"), "{refused}");
    let done = cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &person).await.unwrap();
    assert_eq!((done.phase, done.back), (Phase::Over, Some(plan.run.back())));
    // It was stopped before, and is moved once.
    assert_eq!(person.seen(), ["TurningRound", "Moving", "after", "Clearing", "Over"]);

    let (world, plan) = in_step(WAY_BACK).await;
    dies_at(&world, &plan, BOTH_WAYS, Phase::EndingCapture).await;
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!((done.phase, done.back), (Phase::Over, None));

    // A migration that has no way back gets none in the middle either.
    let (world, plan) = in_step(LINES).await;
    dies_at(&world, &plan, ONE_WAY, Phase::Draining).await;
    let refused = cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap_err();
    assert!(refused.to_string().contains("target.reverse"), "{refused}");
}

/// Whoever can't stop the application the second time has lost nothing, and may take it all back.
#[tokio::test(start_paused = true)]
async fn an_application_that_can_t_be_stopped_again_leaves_the_cut_over_where_it_is() {
    let (world, plan) = in_step(LINES).await;
    dies_at(&world, &plan, ONE_WAY, Phase::Draining).await;
    let stays = Person { stays: true, ..Person::default() };
    let refused = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &stays).await.unwrap_err();
    assert!(refused.to_string().contains("stands where it was"), "{refused}");
    assert_eq!(stays.seen(), ["before"]);
    cutover::take_back(&world.services, &plan.run).await.unwrap();
    assert_carried(&world, &plan).await;
}

/// Who asked the run to stop didn't ask for that.
#[tokio::test(start_paused = true)]
async fn a_run_that_was_asked_to_stop_has_its_cut_over_taken_back_all_the_same() {
    let (world, plan) = in_step(LINES).await;
    control::stop(&world.services.ledger, &plan.run).await.unwrap();
    let straggler = async {
        until_capture_is_off(&world, &plan).await;
        world.put(3, "last of all").await;
    };
    let person = Person::default();
    let (cut_over, ()) = tokio::join!(cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person), straggler);
    assert!(cut_over.unwrap_err().to_string().contains("changes are carried on"));
    assert_carried(&world, &plan).await;

    dies_at(&world, &plan, ONE_WAY, Phase::EndingCapture).await;
    cutover::take_back(&world.services, &plan.run).await.unwrap();
    assert_carried(&world, &plan).await;
}

/// Where others write to the target too, less can be told by what stands there.
#[tokio::test(start_paused = true)]
async fn what_comes_when_capture_has_ended_is_noticed_beside_others_too() {
    let lines = LINES.replace("create: true", "create: true, written_by_others: true");
    let (world, plan) = in_step(&lines).await;
    let straggler = async {
        until_capture_is_off(&world, &plan).await;
        world.put(3, "last of all").await;
    };
    let person = Person::default();
    let (cut_over, ()) = tokio::join!(cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person), straggler);
    assert!(cut_over.unwrap_err().to_string().contains("expected nothing to come"));
    assert_carried(&world, &plan).await;
}

/// What one lane of the stream holds up is waited for, however often an item of another lane was changed since.
#[tokio::test(start_paused = true)]
async fn an_item_that_is_changed_often_hides_no_other() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(1_800))));
    world.put(3, "held up").await;
    sleep(Duration::from_secs(5)).await;
    world.aws.set_hazards(None);
    for time in 0..250 {
        world.put(5, &format!("for the {time}th time")).await;
    }
    sleep(Duration::from_secs(5)).await;
    let is_there = |items: Vec<serde_json::Value>, colour: &str| items.iter().any(|item| item["colour"]["S"] == colour);
    assert!(is_there(world.items(TARGET).await, "for the 249th time"), "the other lane goes on");
    assert!(!is_there(world.items(TARGET).await, "held up"));
    let options = Options { within: Duration::from_secs(3_600), ..ONE_WAY };
    cutover::cut_over(&world.services, &plan.run, options, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// The application doesn't wait for what only clears up: a stream can't be switched off.
#[tokio::test(start_paused = true)]
async fn what_can_t_be_cleared_away_keeps_no_application_down() {
    let (world, plan) = in_step(LINES).await;
    let denied = tapped(world.aws.http_client(), Arc::new(Denies(&["UpdateTable"])));
    let client = Client::from_conf(migration::client_config(world.aws.client_builder()).http_client(denied).build());
    let mut services = Services::new(client, None, world.services.ledger.clone(), Functions::new(), clock);
    services.carrier = Some(world.carrier(world.aws.streams_client_builder()));
    let person = Person::default();
    let refused = cutover::cut_over(&services, &plan.run, ONE_WAY, &person).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied);
    assert!(refused.to_string().contains("the application is moved"), "{refused}");
    assert_eq!(person.seen().last().map(String::as_str), Some("Clearing"));
    assert!(person.seen().contains(&"after".to_owned()));

    let again = Person::default();
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &again).await.unwrap();
    assert_eq!((again.seen(), done.expiry.as_deref()), (vec!["Clearing".into(), "Over".into()], Some("gone")));
    let course = books::course(&world.services.ledger, &plan.run).await.unwrap();
    assert_eq!((course.capture, course.replay, course.stream_enabled_by_us), (None, None, false));
    let source = world.client.describe_table().table_name(SOURCE).send().await.unwrap().table.unwrap();
    assert!(source.stream_specification.is_none_or(|stream| !stream.stream_enabled));
}

/// Somebody whose machine sleeps twice while he reads: before he has come to a record, and when he has read some.
#[derive(Default)]
struct Sleeper {
    reads: AtomicU32,
    /// Where iterators were asked for.
    places: Mutex<Vec<Value>>,
}

#[async_trait]
impl Tap for Sleeper {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        match request.operation.as_str() {
            "GetRecords" if [1, 60].contains(&self.reads.fetch_add(1, Ordering::SeqCst)) => {
                tokio::time::advance(Duration::from_secs(16 * 60)).await;
            }
            "GetShardIterator" => self.places.lock().unwrap().push(request.body.clone()),
            _ => {}
        }
        forward.await
    }
}

/// An iterator lasts for 15 minutes; a machine sleeps for longer.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_is_read_on_where_an_iterator_has_expired() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(40))));
    world.put(3, "last").await;
    let sleeper = Arc::new(Sleeper::default());
    let streams = world.aws.streams_client_builder().http_client(tapped(world.aws.http_client(), sleeper.clone()));
    let mut services = world.other_services();
    services.carrier = Some(world.carrier(streams));
    let options = Options { within: Duration::from_secs(3 * 3_600), ..ONE_WAY };
    cutover::cut_over(&services, &plan.run, options, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
    let places = sleeper.places.lock().unwrap();
    let is_twice = |at: &Value| places.iter().filter(|other| *other == at).count() > 1;
    assert!(places.iter().any(is_twice), "no shard was read from its beginning again: {places:?}");
    let is_behind = |at: &Value| at["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER";
    assert!(places.iter().any(is_behind), "none was read on behind its last record: {places:?}");
}

/// It will be a dead letter, once capture is handed it: its item's image in the target is an older one.
#[tokio::test(start_paused = true)]
async fn a_change_that_can_t_be_carried_is_waited_for_until_somebody_drops_it() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(1_800))));
    put(&world, json!({ "id": { "S": "3" }, "colour": { "S": "nameless" } })).await;
    let options = Options { within: Duration::from_secs(600), ..ONE_WAY };
    let refused = cutover::cut_over(&world.services, &plan.run, options, &Person::default()).await.unwrap_err();
    assert!(refused.to_string().contains("found 1 items that it shows otherwise"), "{refused}");
    dropped(&world, &plan, &["3"]).await;
    repaired(&world, &plan.run, "comparing", true).await;
    cutover::cut_over(&world.services, &plan.run, options, &Person::default()).await.unwrap();
}

/// What the application writes to the target from the first moment on is carried back, whoever opened the way at last.
#[tokio::test(start_paused = true)]
async fn a_way_back_that_died_begins_where_it_began() {
    let (world, plan) = in_step(WAY_BACK).await;
    let denied = tapped(world.aws.http_client(), Arc::new(Denies(&["UpdateTable"])));
    let config = migration::client_config(world.aws.client_builder()).http_client(denied);
    let mut services = world.other_services();
    services.target = Client::from_conf(config.build());
    // The target's stream can't be switched on.
    let refused = cutover::cut_over(&services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied, "{refused}");
    let begun = current::read(&world.services.ledger).await.unwrap().unwrap();
    assert_eq!(begun.run, plan.run.back());
    sleep(Duration::from_secs(600)).await;
    cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap();
    let course = books::course(&world.services.ledger, &begun.run).await.unwrap();
    assert_eq!(course.bulk_from, begun.changes_from);
    assert_eq!(current::read(&world.services.ledger).await.unwrap(), Some(begun));
}

/// Refuses to switch mappings, so many times.
struct Busy(AtomicU32);

#[async_trait]
impl Tap for Busy {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        // Lambda names no operation; what asks for nothing has no body.
        let is_switched = !request.body.is_null();
        let is_left = |left: u32| left.checked_sub(1);
        match is_switched && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_left).is_ok() {
            true => Ok(refusal("ResourceConflictException")),
            false => forward.await,
        }
    }
}

/// "The resource already exists, or another operation is in progress" (Lambda API reference, UpdateEventSourceMapping).
#[tokio::test(start_paused = true)]
async fn a_mapping_that_is_being_changed_is_switched_a_moment_later() {
    let (world, plan) = in_step(LINES).await;
    let busy = Arc::new(Busy(AtomicU32::new(3)));
    let config = world.aws.lambda_client_builder().retry_config(RetryConfig::disabled());
    let config = config.http_client(tapped(world.aws.http_client(), busy.clone()));
    let mut services = world.other_services();
    services.carrier.as_mut().unwrap().lambda = aws_sdk_lambda::Client::from_conf(config.build());
    cutover::cut_over(&services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!(busy.0.load(Ordering::SeqCst), 0);
}
