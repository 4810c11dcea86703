//! R17: what holds a cut-over up beside its gate: records that capture wasn't handed yet, somebody else who is at it, and a way
//! back that could not be opened later.

use std::time::Duration;

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use aws_sdk_sqs::types::QueueAttributeName;
use embedded::{Faults, Hazards, Misfortunes, Weather};
use jiff::{SignedDuration, Timestamp};
use migration::copy::sync::{self, Sync};
use migration::cutover::{self, Options, Phase, Refusal};
use migration::item::json::item_from_json;
use migration::plan::{Plan, RunId};
use migration::transform::Functions;
use migration::{Kind, Services, Task, local};
use serde_json::json;
use tokio::time::sleep;

use super::cutover::{BOTH_WAYS, ONE_WAY, Person, WAY_BACK, applied, in_step};
use super::whole::{LINES, SOURCE, TARGET, World, clock};

/// A queue that is empty says nothing of a record that capture wasn't handed yet.
#[tokio::test(start_paused = true)]
async fn what_capture_was_not_handed_yet_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(40))));
    world.put(3, "last").await;
    world.delete(4).await;
    let options = Options { within: Duration::from_secs(600), ..ONE_WAY };
    cutover::cut_over(&world.services, &plan.run, options, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// Mappings that hand everything over so much later.
pub(super) fn late(by: Duration) -> Misfortunes {
    let late = Hazards { killed: 0.0, lost: 0.0, late: 1.0, repeated: 0.0, forked: 0.0, rewound: 0.0, after: by..=by };
    Misfortunes::new(1, late)
}

pub(super) async fn until(services: &Services, run: &RunId, phase: Phase) {
    while cutover::read(&services.ledger, run).await.unwrap().is_none_or(|cutover| cutover.phase != phase) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Still captured, still applied.
pub(super) async fn assert_carried(world: &World, plan: &Plan) {
    world.put(5, "carried on").await;
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        applied(&world.services, plan).await;
        if world.items(TARGET).await == world.images().await {
            return;
        }
    }
    panic!("nothing is carried any more");
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_it_back_stops_whoever_is_at_it() {
    for phase in [Phase::Draining, Phase::EndingCapture] {
        let (world, plan) = in_step(LINES).await;
        let (services, run) = (&world.services, &plan.run);
        let person = Person::default();
        let taken_back = async {
            until(services, run, phase).await;
            cutover::take_back(services, run).await
        };
        let (cut_over, taken_back) = tokio::join!(cutover::cut_over(services, run, ONE_WAY, &person), taken_back);
        taken_back.unwrap();
        assert_eq!(cut_over.unwrap_err().kind(), Kind::Busy, "{phase:?}");
        assert!(!person.seen().contains(&"after".to_owned()), "{phase:?}");
        assert_eq!(cutover::read(&services.ledger, run).await.unwrap(), None, "{phase:?}");
        assert_carried(&world, &plan).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_who_cut_over_one_moves_the_application() {
    let (world, plan) = in_step(LINES).await;
    let (services, run) = (&world.services, &plan.run);
    let (first, second) = (Person::default(), Person::default());
    let goes_on = async {
        until(services, run, Phase::Draining).await;
        cutover::cut_over(services, run, ONE_WAY, &second).await
    };
    let (one, other) = tokio::join!(cutover::cut_over(services, run, ONE_WAY, &first), goes_on);
    assert_eq!(one.unwrap_err().kind(), Kind::Busy);
    assert_eq!(other.unwrap().phase, Phase::Over);
    let moved = [&first, &second].map(|person| person.seen().contains(&"after".to_owned()));
    assert_eq!(moved, [false, true]);
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// Its source stands still: what it says would be written over what the application has written to the target since.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_ended_is_not_carried_again() {
    let (cut_over, given_up) = (in_step(LINES).await, in_step(LINES).await);
    cutover::cut_over(&cut_over.0.services, &cut_over.1.run, ONE_WAY, &Person::default()).await.unwrap();
    cutover::give_up(&given_up.0.services, &given_up.1.run).await.unwrap();
    for (world, plan) in [cut_over, given_up] {
        let services = world.services.clone();
        let again = local::resume(services.clone(), &plan.run, MemoryObjects::new()).await;
        let failure = again.map(|summary| summary.failure.map(|failure| failure.reason));
        assert!(format!("{failure:?}").contains("nothing of it is carried any more"), "{failure:?}");
        let lambda = &services.carrier.as_ref().unwrap().lambda;
        let left = lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap_or_default();
        assert!(left.iter().all(|mapping| mapping.state() == Some("Deleting")), "{left:?}");
    }
}

/// One that was broken off goes on, and only one that wasn't cut over can be given up.
#[tokio::test(start_paused = true)]
async fn giving_up_goes_on_and_undoes_no_cut_over() {
    let (world, plan) = in_step(LINES).await;
    cutover::give_up(&world.services, &plan.run).await.unwrap();
    assert_eq!(cutover::give_up(&world.services, &plan.run).await.unwrap().phase, Phase::GivenUp);
    let (world, plan) = in_step(LINES).await;
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!(cutover::give_up(&world.services, &plan.run).await.unwrap_err().kind(), Kind::Busy);
    assert_eq!(cutover::read(&world.services.ledger, &plan.run).await.unwrap(), Some(done));
}

/// Found out later, it would hold the application up between the two tables.
#[tokio::test(start_paused = true)]
async fn a_way_back_that_can_t_be_opened_is_refused_before_anything_is_stopped() {
    let (world, plan) = in_step(WAY_BACK).await;
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::KeysOnly);
    let update = world.client.update_table().table_name(TARGET).stream_specification(stream.build().unwrap());
    update.send().await.unwrap();
    let person = Person::default();
    let refused = cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &person).await.unwrap_err();
    assert!(refused.to_string().contains("NEW_AND_OLD_IMAGES"), "{refused}");
    assert_eq!(person.seen(), <[String; 0]>::default());
    assert_eq!(cutover::read(&world.services.ledger, &plan.run).await.unwrap(), None);

    let mut seen = cutover::look(&world.services, &plan.run).await.unwrap();
    assert_eq!(cutover::refusals(&seen, &BOTH_WAYS), []);
    seen.plan.definition.target.as_mut().unwrap().region = Some("eu-north-1".into());
    assert_eq!(cutover::refusals(&seen, &BOTH_WAYS), [Refusal::WayBackElsewhere]);
    assert_eq!(cutover::refusals(&seen, &ONE_WAY), []);
}

/// Whatever was changed in between is in no stream that anybody reads.
#[tokio::test(start_paused = true)]
async fn a_stream_that_was_switched_off_and_on_again_is_another() {
    let (world, plan) = in_step(LINES).await;
    let switch = async |on: bool| {
        let stream = StreamSpecification::builder().stream_enabled(on);
        let stream = if on { stream.stream_view_type(StreamViewType::NewAndOldImages) } else { stream };
        let update = world.client.update_table().table_name(SOURCE).stream_specification(stream.build().unwrap());
        update.send().await.unwrap();
        sleep(Duration::from_secs(60)).await;
    };
    switch(false).await;
    switch(true).await;
    let person = Person::default();
    let refused = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap_err();
    assert!(refused.to_string().contains("that run") && refused.to_string().contains("found another"), "{refused}");
    assert_eq!((refused.kind(), person.seen()), (Kind::InvalidInput, Vec::new()));
    let again = Task::StartCapture.run(&world.services, json!({ "run": plan.run }), None).await.unwrap_err();
    assert!(again.to_string().contains("found another"), "{again}");
}

async fn put_expiring(world: &World, at: usize, seconds: usize) {
    let gone = (world.services.clock)().as_second() + seconds as i64;
    let item =
        json!({ "id": { "S": at.to_string() }, "name": { "S": format!("n{at}") }, "gone": { "N": gone.to_string() } });
    let put = world.client.put_item().table_name(SOURCE).set_item(Some(item_from_json(item).unwrap()));
    put.send().await.unwrap();
}

/// The target deletes what has expired by itself once it is cut over: of those deletes there may be no end.
#[tokio::test(start_paused = true)]
async fn items_that_expire_hold_nothing_up() {
    let (world, plan) = in_step(LINES).await;
    for at in 100..300 {
        put_expiring(&world, at, at).await;
    }
    let expiring = async {
        loop {
            world.aws.expire_items().await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
    };
    let person = Person::default();
    let options = Options { within: Duration::from_secs(30), ..ONE_WAY };
    sleep(Duration::from_secs(110)).await;
    let done = tokio::select! {
        done = cutover::cut_over(&world.services, &plan.run, options, &person) => done.unwrap(),
        () = expiring => unreachable!(),
    };
    assert_eq!(done.expiry.as_deref(), Some("gone"));
    let left = world.images().await;
    assert!((21..220).contains(&left.len()), "some have expired, and some haven't: {}", left.len());
    world.aws.expire_items().await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

pub(super) async fn until_capture_is_off(world: &World, plan: &Plan) {
    let is_off = |sync: Sync| sync.capture.is_some_and(|mapping| mapping.is_disabled());
    while !is_off(sync::check(&world.services, &plan.run).await.unwrap()) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Capture goes on with it: the application wasn't as still as it was said to be.
#[tokio::test(start_paused = true)]
async fn what_comes_when_capture_has_ended_takes_the_cut_over_back() {
    let (world, plan) = in_step(LINES).await;
    let straggler = async {
        until_capture_is_off(&world, &plan).await;
        world.put(3, "last of all").await;
    };
    let person = Person::default();
    let (cut_over, ()) = tokio::join!(cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person), straggler);
    let refused = cut_over.unwrap_err();
    assert!(refused.to_string().contains("changes are carried on"), "{refused}");
    assert_eq!(cutover::read(&world.services.ledger, &plan.run).await.unwrap(), None);
    assert_carried(&world, &plan).await;
    cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// Whoever goes on where somebody died doesn't know what came meanwhile.
#[tokio::test(start_paused = true)]
async fn what_comes_while_nobody_is_at_it_is_carried() {
    let (world, plan) = in_step(LINES).await;
    let person = Person::default();
    tokio::select! {
        done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person) => panic!("{done:?}"),
        () = until_capture_is_off(&world, &plan) => {}
    }
    world.put(3, "last of all").await;
    cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
    assert!(world.images().await.iter().any(|item| item["colour"]["S"] == "last of all"));
}

/// Somebody died after it was made, and before its id was in the ledger.
#[tokio::test(start_paused = true)]
async fn a_mapping_that_nobody_has_noted_goes_with_its_copy() {
    let (world, plan) = in_step(LINES).await;
    let carrier = world.services.carrier.as_ref().unwrap();
    let queue = carrier.sqs.create_queue().queue_name("unnoted.fifo").attributes(QueueAttributeName::FifoQueue, "true");
    let queue = queue.attributes(QueueAttributeName::VisibilityTimeout, "60");
    let url = queue.send().await.unwrap().queue_url.unwrap();
    let get = carrier.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let arn = get.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let create = carrier.lambda.create_event_source_mapping().function_name(&carrier.wiring.replay_function);
    create.event_source_arn(arn).send().await.unwrap();
    cutover::give_up(&world.services, &plan.run).await.unwrap();
    let left = carrier.lambda.list_event_source_mappings().send().await.unwrap();
    assert!(left.event_source_mappings().iter().all(|mapping| mapping.state() == Some("Deleting")), "{left:?}");
}

/// A bulk that carries no changes hands its expirations over as well.
#[tokio::test(start_paused = true)]
async fn after_a_bulk_alone_the_target_s_items_expire() {
    let (world, plan) = in_step(&LINES.replace("create: true", "create: true, carry: bulk")).await;
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!((done.phase, done.expiry.as_deref()), (Phase::Over, Some("gone")));
    let described = world.client.describe_time_to_live().table_name(TARGET).send().await.unwrap();
    assert_eq!(described.time_to_live_description.unwrap().attribute_name.as_deref(), Some("gone"));
}

/// Whoever waited for the end of its stream would never get to stop it.
#[tokio::test(start_paused = true)]
async fn an_application_that_never_rests_is_stopped_all_the_same() {
    let (world, plan) = in_step(LINES).await;
    let latency = Duration::from_millis(100)..=Duration::from_millis(100);
    let far_away = world.aws.faulty_http_client(&Faults::new(1, Weather { latency, ..Weather::default() }));
    let ledger = world.services.ledger.clone();
    let mut services = Services::new(world.client.clone(), None, ledger, Functions::new(), clock);
    services.carrier = Some(world.carrier(world.aws.streams_client_builder().http_client(far_away)));
    let person = Person::default();
    let writing = async {
        for at in 0.. {
            world.put(at % 20, &format!("busy {at}")).await;
            sleep(Duration::from_millis(20)).await;
            if person.seen().contains(&"before".to_owned()) {
                return;
            }
        }
    };
    let cut_over = tokio::time::timeout(Duration::from_secs(600), async {
        tokio::join!(cutover::cut_over(&services, &plan.run, ONE_WAY, &person), writing).0
    });
    assert_eq!(cut_over.await.expect("it is stopped").unwrap().phase, Phase::Over);
    assert_eq!(world.items(TARGET).await, world.images().await);
}

/// A change that is older than a quarter of an hour when the cut-over begins.
#[tokio::test(start_paused = true)]
async fn what_capture_was_not_handed_for_long_is_waited_for_as_well() {
    let (world, plan) = in_step(LINES).await;
    world.aws.set_hazards(Some(late(Duration::from_secs(1_800))));
    world.put(3, "last").await;
    sleep(Duration::from_secs(1_200)).await;
    world.aws.set_hazards(None);
    let options = Options { within: Duration::from_secs(3_600), ..ONE_WAY };
    cutover::cut_over(&world.services, &plan.run, options, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

fn ahead() -> Timestamp {
    clock() + SignedDuration::from_secs(4)
}

/// Nor does a clock that is ahead leave out what the application writes at once.
#[tokio::test(start_paused = true)]
async fn the_way_back_stands_clocks_that_differ() {
    let (world, plan) = in_step(WAY_BACK).await;
    let ledger = world.services.ledger.clone();
    let mut services = Services::new(world.client.clone(), None, ledger, Functions::new(), ahead);
    services.carrier = Some(world.carrier(world.aws.streams_client_builder()));
    let done = cutover::cut_over(&services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap();
    let item = json!({ "title": { "S": "at once" }, "id": { "S": "new" }, "seen": { "BOOL": true } });
    let put = world.client.put_item().table_name(TARGET).set_item(Some(item_from_json(item).unwrap()));
    put.send().await.unwrap();
    let back = done.back.unwrap();
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        if sync::check(&world.services, &back).await.unwrap().applied > 0 {
            break;
        }
    }
    assert!(world.items(SOURCE).await.iter().any(|item| item["id"]["S"] == "new"));
    assert_eq!(sync::check(&world.services, &back).await.unwrap().applied, 1, "what the copy wrote was carried back");
}
