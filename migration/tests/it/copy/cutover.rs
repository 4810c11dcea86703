//! R17: the cut-over opens only when nothing would be left behind, goes on where it died, and can be taken back until replay
//! has ended. With a way back, going back loses nothing either.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use migration::copy::sync::{self, Sync};
use migration::copy::{books, current};
use migration::cutover::letters::{self, Which};
use migration::cutover::{self, Mover, Options, Phase, Refusal};
use migration::item::json::item_from_json;
use migration::plan::Plan;
use migration::summary::Status;
use migration::{Error, Kind, Services};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::whole::{LINES, SOURCE, TARGET, World};

pub(super) const WITHIN: Duration = Duration::from_secs(60);
pub(super) const WAY_BACK: &str = "target: { table: others, create: true, key: { partition: { name: title, type: S } }, \
                        reverse: [ { rename: { path: title, to: name } }, { remove: { path: seen } } ] }\n\
                        transform: [ { rename: { path: name, to: title } }, { set: { path: seen, value: true } } ]";

/// Moves an application that only these tests know of.
#[derive(Default)]
pub(super) struct Person {
    /// What happens, in order.
    pub(super) seen: Mutex<Vec<String>>,
    pub(super) stays: bool,
}

impl Person {
    fn say(&self, what: &str) {
        self.seen.lock().unwrap().push(what.to_owned());
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Mover for Person {
    async fn before(&self) -> Result<(), Error> {
        self.say("before");
        if self.stays { Err(Error::new(Kind::Refused, "the application goes on")) } else { Ok(()) }
    }

    async fn after(&self) -> Result<(), Error> {
        self.say("after");
        Ok(())
    }

    fn enters(&self, phase: Phase) {
        self.say(&format!("{phase:?}"));
    }

    fn reads(&self, _: u64, _: Option<jiff::Timestamp>) {}

    fn sees(&self, _: &Sync) {}
}

/// A copy that is in step, and was found to be.
pub(super) async fn in_step(lines: &str) -> (World, Plan) {
    let world = World::new(20).await;
    let plan = in_step_of(&world, lines).await;
    (world, plan)
}

/// The same of a source that stands already.
pub(super) async fn in_step_of(world: &World, lines: &str) -> Plan {
    let plan = world.plan(lines).await;
    let summary = world.run(&plan).await;
    assert_eq!((summary.status, &summary.failure), (Status::Succeeded, &None));
    plan
}

pub(super) async fn applied(services: &Services, plan: &Plan) {
    while sync::check(services, &plan.run).await.unwrap().backlog() > 0 {
        sleep(Duration::from_secs(1)).await;
    }
}

pub(super) const ONE_WAY: Options = Options { reverse: false, within: WITHIN, verified_within: cutover::FRESH };
pub(super) const BOTH_WAYS: Options = Options { reverse: true, ..ONE_WAY };

#[tokio::test(start_paused = true)]
async fn what_was_written_last_is_in_the_target() {
    let (world, plan) = in_step(LINES).await;
    // Just before the application stops.
    world.put(3, "last").await;
    world.delete(4).await;
    let person = Person::default();
    let done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap();
    assert_eq!((done.phase, done.back.clone()), (Phase::Over, None));
    assert_eq!(
        person.seen(),
        ["before", "Draining", "EndingCapture", "EndingReplay", "Moving", "after", "Clearing", "Over"]
    );
    assert_eq!(world.items(TARGET).await, world.images().await);
    assert!(world.images().await.iter().any(|item| item["colour"]["S"] == "last"));

    // Nothing is carried any more, and nothing of ours is left behind.
    let course = books::course(&world.services.ledger, &plan.run).await.unwrap();
    assert_eq!((course.capture, course.replay, course.stream_enabled_by_us), (None, None, false));
    let lambda = &world.services.carrier.as_ref().unwrap().lambda;
    let left = lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap_or_default();
    assert!(left.iter().all(|mapping| mapping.state() == Some("Deleting")), "{left:?}");
    let source = world.client.describe_table().table_name(SOURCE).send().await.unwrap().table.unwrap();
    assert!(source.stream_specification.is_none_or(|stream| !stream.stream_enabled));
    assert_eq!(current::read(&world.services.ledger).await.unwrap(), None);
    let again = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap_err();
    assert!(again.to_string().contains("is cut over already"), "{again}");
}

/// What is written while the cut-over waits keeps it from going on, and nothing is changed by that.
#[tokio::test(start_paused = true)]
async fn an_application_that_goes_on_writing_keeps_it_closed() {
    let (world, plan) = in_step(LINES).await;
    let writing = async {
        for at in 0.. {
            world.put(at % 20, &format!("still {at}")).await;
            sleep(Duration::from_millis(900)).await;
        }
    };
    let person = Person::default();
    let refused = tokio::select! {
        done = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person) => done.unwrap_err(),
        () = writing => unreachable!(),
    };
    assert!(refused.to_string().contains("the cut-over was not begun"), "{refused}");
    assert!(refused.to_string().contains("stop the application's writes first"), "{refused}");
    assert_eq!(cutover::read(&world.services.ledger, &plan.run).await.unwrap(), None);
    applied(&world.services, &plan).await;
    world.put(1, "carried on").await;
    applied(&world.services, &plan).await;
    cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!(world.items(TARGET).await, world.images().await);
}

#[tokio::test(start_paused = true)]
async fn where_the_application_can_t_be_stopped_everything_stays_as_it_was() {
    let (world, plan) = in_step(LINES).await;
    let person = Person { stays: true, ..Person::default() };
    let refused = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &person).await.unwrap_err();
    let why = "the cut-over was not begun, and changes are carried on: the application goes on";
    assert_eq!(refused.to_string(), why);
    assert_eq!(person.seen(), ["before"]);
    assert_eq!(cutover::read(&world.services.ledger, &plan.run).await.unwrap(), None);
    assert!(sync::check(&world.services, &plan.run).await.unwrap().is_in_step());
}

/// Each thing that is in the way is named, before anybody stops anything.
#[tokio::test(start_paused = true)]
async fn the_gate_names_what_is_in_the_way() {
    let (world, plan) = in_step(LINES).await;
    let refusals = async || {
        let seen = cutover::look(&world.services, &plan.run).await.unwrap();
        cutover::refusals(&seen, &ONE_WAY)
    };
    assert_eq!(refusals().await, []);

    let verified = migration::verify::verified(&world.services.ledger, &plan.run).await.unwrap().unwrap();
    // A letter that is no change at all.
    let carrier = world.services.carrier.as_ref().unwrap();
    let send = carrier.sqs.send_message().queue_url(&carrier.wiring.dead_letters_url).message_body("broken");
    send.message_group_id("g").message_deduplication_id("d").send().await.unwrap();
    assert_eq!(refusals().await, [Refusal::DeadLetters(1)]);
    let dropped = letters::drop_named(&world.services, &plan.run, &Which::All).await.unwrap();
    assert_eq!((dropped.len(), dropped[0].key.clone()), (1, None));
    assert_eq!(refusals().await, [Refusal::Unverified], "something was left out on purpose");

    // Whoever had begun before may have passed by the item, and ends now.
    let now = (world.services.clock)();
    let ends = migration::verify::Verified { at: now, ..verified.clone() };
    migration::verify::note(&world.services.ledger, &plan.run, &ends).await.unwrap();
    assert_eq!(refusals().await, [Refusal::Unverified]);

    // What began before the bulk was over says nothing.
    let mut seen = cutover::look(&world.services, &plan.run).await.unwrap();
    seen.dropped = None;
    assert_eq!(cutover::refusals(&seen, &ONE_WAY), []);
    let before = seen.course.bulk_over.unwrap() - Duration::from_secs(1);
    seen.verified = Some(migration::verify::Verified { began: before, ..ends.clone() });
    assert_eq!(cutover::refusals(&seen, &ONE_WAY), [Refusal::Unverified]);
    let aged = migration::verify::Verified { began: seen.at - SignedDuration::from_hours(24), ..ends };
    (seen.verified, seen.course.bulk_over) = (Some(aged), None);
    assert_eq!(cutover::refusals(&seen, &ONE_WAY), [Refusal::Outdated { hours: 24, within: 24 }]);
    let longer = Options { verified_within: Duration::from_secs(25 * 3_600), ..ONE_WAY };
    assert_eq!(cutover::refusals(&seen, &longer), []);
    // What the transform fails on is missing in the target, and was found so.
    let mut lacking = verified.clone();
    lacking.found.unmigratable = 3;
    (seen.verified, seen.summary) = (Some(lacking), None);
    assert_eq!(cutover::refusals(&seen, &ONE_WAY), [Refusal::UnderWay, Refusal::Unmigratable(3, 20)]);
    seen.plan.definition.tolerated_failures = serde_json::from_value(json!({ "percentage": 15 })).unwrap();
    assert_eq!(cutover::refusals(&seen, &ONE_WAY), [Refusal::UnderWay]);

    let mut differing = migration::verify::Verified { began: (world.services.clock)(), clean: false, ..verified };
    differing.found.missing = 2;
    migration::verify::note(&world.services.ledger, &plan.run, &differing).await.unwrap();
    assert_eq!(refusals().await, [Refusal::Differing(2)]);
    let refused = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap_err();
    assert!(refused.to_string().contains("2 items differed"), "{refused}");
}

/// A change that can't be applied holds the cut-over up until it is tried again or dropped by name.
#[tokio::test(start_paused = true)]
async fn a_poisoned_change_holds_it_up_until_it_is_retried_or_dropped() {
    let (world, plan) = in_step(LINES).await;
    let put = async |item: Value| {
        let put = world.client.put_item().table_name(SOURCE).set_item(Some(item_from_json(item).unwrap()));
        put.send().await.unwrap();
    };
    // Without a name its image has no key.
    put(json!({ "id": { "S": "a" } })).await;
    put(json!({ "id": { "S": "b" } })).await;
    while sync::check(&world.services, &plan.run).await.unwrap().dead_letters < 2 {
        sleep(Duration::from_secs(10)).await;
    }
    let seen = cutover::look(&world.services, &plan.run).await.unwrap();
    assert!(cutover::refusals(&seen, &ONE_WAY).contains(&Refusal::DeadLetters(2)));
    let verified = migration::verify::verified(&world.services.ledger, &plan.run).await.unwrap().unwrap();
    let listed = letters::list(&world.services, &plan.run).await.unwrap();
    assert!(listed.iter().all(|letter| letter.reason.as_ref().unwrap().contains("title")), "{listed:?}");
    // Looked at, they are still there.
    let key = |id: &str| json!({ "id": { "S": id } });
    let dropped = letters::drop_named(&world.services, &plan.run, &Which::OfItem(key("b"))).await.unwrap();
    assert_eq!(dropped.iter().map(|letter| letter.key.clone()).collect::<Vec<_>>(), [Some(key("b"))]);
    let nothing = letters::retry(&world.services, &plan.run, &Which::OfItem(key("b"))).await.unwrap();
    assert_eq!(nothing, []);

    put(json!({ "id": { "S": "a" }, "name": { "S": "mended" } })).await;
    let delete = world.client.delete_item().table_name(SOURCE).key("id", AttributeValue::S("b".into()));
    delete.send().await.unwrap();
    let retried = letters::retry(&world.services, &plan.run, &Which::All).await.unwrap();
    assert_eq!(retried.len(), 1);
    applied(&world.services, &plan).await;
    assert_eq!(letters::list(&world.services, &plan.run).await.unwrap(), []);
    assert_eq!(world.items(TARGET).await, world.images().await);
    let again = migration::verify::Verified { began: (world.services.clock)(), ..verified };
    migration::verify::note(&world.services.ledger, &plan.run, &again).await.unwrap();
    cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
}

/// A cut-over whose process died goes on, once the application was stopped again; or it is taken back.
#[tokio::test(start_paused = true)]
async fn a_cut_over_that_died_goes_on_or_is_taken_back() {
    let (world, plan) = in_step(LINES).await;
    let (ledger, run) = (&world.services.ledger, &plan.run);
    let dies = async |phase: Phase| loop {
        if cutover::read(ledger, run).await.unwrap().is_some_and(|cutover| cutover.phase == phase) {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    };
    for phase in [Phase::Draining, Phase::EndingCapture] {
        let person = Person::default();
        tokio::select! {
            done = cutover::cut_over(&world.services, run, ONE_WAY, &person) => panic!("{done:?}"),
            () = dies(phase) => {}
        }
        assert_eq!(cutover::take_back(&world.services, run).await.unwrap().phase, phase);
        world.put(5, &format!("after {phase:?}")).await;
        applied(&world.services, &plan).await;
        while world.items(TARGET).await != world.images().await {
            sleep(Duration::from_secs(1)).await;
        }
    }
    let first = Person::default();
    tokio::select! {
        done = cutover::cut_over(&world.services, run, ONE_WAY, &first) => panic!("{done:?}"),
        () = dies(Phase::EndingCapture) => {}
    }
    let second = Person::default();
    let done = cutover::cut_over(&world.services, run, ONE_WAY, &second).await.unwrap();
    assert_eq!(done.phase, Phase::Over);
    assert_eq!(
        second.seen(),
        ["before", "Draining", "EndingCapture", "EndingReplay", "Moving", "after", "Clearing", "Over"]
    );
    assert_eq!(world.items(TARGET).await, world.images().await);
    assert!(cutover::take_back(&world.services, run).await.is_err());
}

/// The source gets what the application writes to the target after the cut-over, and nothing of what the copy itself wrote.
#[tokio::test(start_paused = true)]
async fn the_way_back_keeps_the_source_in_step() {
    let (world, plan) = in_step(WAY_BACK).await;
    world.put(7, "last").await;
    let person = Person::default();
    let done = cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &person).await.unwrap();
    let back = done.back.unwrap();
    assert_eq!(
        (back.forth(), current::read(&world.services.ledger).await.unwrap().unwrap().run),
        (plan.run, back.clone())
    );
    assert!(person.seen().contains(&"TurningRound".to_owned()));
    assert_eq!(world.items(TARGET).await, world.images().await);

    // The application writes to the target now.
    let put = async |item: Value| {
        let put = world.client.put_item().table_name(TARGET).set_item(Some(item_from_json(item).unwrap()));
        put.send().await.unwrap();
    };
    put(json!({ "title": { "S": "n3" }, "id": { "S": "3" }, "colour": { "S": "changed there" }, "seen": { "BOOL": true } })).await;
    put(json!({ "title": { "S": "new" }, "id": { "S": "new" }, "seen": { "BOOL": true } })).await;
    let delete = world.client.delete_item().table_name(TARGET).key("title", AttributeValue::S("n9".into()));
    delete.send().await.unwrap();
    let is_there = async || world.items(SOURCE).await.iter().any(|item| item["id"]["S"] == "new");
    for _ in 0..200 {
        if is_there().await && world.items(TARGET).await == world.images().await {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let carried = sync::check(&world.services, &back).await.unwrap();
    let why = letters::list(&world.services, &back).await.unwrap();
    assert!(is_there().await, "{carried:?} {why:?} {:?}", current::read(&world.services.ledger).await);
    assert_eq!(world.items(TARGET).await, world.images().await);
    let carried = sync::check(&world.services, &back).await.unwrap();
    assert_eq!((carried.dead_letters, carried.applied), (0, 3), "what the copy wrote itself was carried back");
}

#[tokio::test(start_paused = true)]
async fn without_steps_that_lead_back_there_is_no_way_back() {
    let (world, plan) = in_step(LINES).await;
    let seen = cutover::look(&world.services, &plan.run).await.unwrap();
    assert_eq!(cutover::refusals(&seen, &BOTH_WAYS), [Refusal::NoWayBack]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_given_up_is_carried_no_more() {
    let (world, plan) = in_step(LINES).await;
    let before = world.items(TARGET).await;
    assert_eq!(cutover::give_up(&world.services, &plan.run).await.unwrap().phase, Phase::GivenUp);
    world.put(1, "left behind").await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.items(TARGET).await, before);
    assert_eq!(current::read(&world.services.ledger).await.unwrap(), None);
    let refused = cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap_err();
    assert!(refused.to_string().contains("was given up"), "{refused}");
}
