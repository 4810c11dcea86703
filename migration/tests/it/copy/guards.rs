//! R17: what holds a cut-over up beside its gate: records that capture wasn't handed yet, somebody else who is at it, and a way
//! back that could not be opened later.

use std::time::Duration;

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use embedded::{Hazards, Misfortunes};
use migration::cutover::{self, Options, Phase, Refusal};
use migration::plan::{Plan, RunId};
use migration::{Kind, Services, local};
use tokio::time::sleep;

use super::cutover::{ONE_WAY, Person, WAY_BACK, WITHIN, applied, in_step};
use super::whole::{LINES, TARGET, World};

/// A queue that is empty says nothing of a record that capture wasn't handed yet.
#[tokio::test(start_paused = true)]
async fn what_capture_was_not_handed_yet_is_waited_for() {
    let (world, plan) = in_step(LINES).await;
    let after = Duration::from_secs(40)..=Duration::from_secs(40);
    let late = Hazards { killed: 0.0, lost: 0.0, late: 1.0, repeated: 0.0, forked: 0.0, rewound: 0.0, after };
    world.aws.set_hazards(Some(Misfortunes::new(1, late)));
    world.put(3, "last").await;
    world.delete(4).await;
    let options = Options { within: Duration::from_secs(600), ..ONE_WAY };
    cutover::cut_over(&world.services, &plan.run, options, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

async fn until(services: &Services, run: &RunId, phase: Phase) {
    while cutover::read(&services.ledger, run).await.unwrap().is_none_or(|cutover| cutover.phase != phase) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Still captured, still applied.
async fn assert_carried(world: &World, plan: &Plan) {
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
    let both = Options { reverse: true, within: WITHIN };
    let refused = cutover::cut_over(&world.services, &plan.run, both, &person).await.unwrap_err();
    assert!(refused.to_string().contains("NEW_AND_OLD_IMAGES"), "{refused}");
    assert_eq!(person.seen(), <[String; 0]>::default());
    assert_eq!(cutover::read(&world.services.ledger, &plan.run).await.unwrap(), None);

    let mut seen = cutover::look(&world.services, &plan.run).await.unwrap();
    assert_eq!(cutover::refusals(&seen, true), []);
    seen.plan.definition.target.as_mut().unwrap().region = Some("eu-north-1".into());
    assert_eq!(cutover::refusals(&seen, true), [Refusal::WayBackElsewhere]);
    assert_eq!(cutover::refusals(&seen, false), []);
}
