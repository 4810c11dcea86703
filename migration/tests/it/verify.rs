//! R18: two tables are compared both ways, and what differs is looked at again before it counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use asl::interpret::MemoryObjects;
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use migration::plan::{Engine, Job, OfCopy, Plan};
use migration::summary::{Status, Summary};
use migration::verify::{self, Difference, Found, Sort};
use migration::{Counts, Observer, Services, attempts, local};
use serde_json::{Value, json};

use crate::copy::{Copy, TARGET};
use crate::tap::{Answer, Forward, Request, Tap};
use crate::world::{Billing, TABLE, World, item, things};

/// Every item gets a key of its own in the target, and tells its source's by its attribute `id`.
pub(crate) const REKEYED: &str = "target: { table: others, carry: bulk }\n\
                       transform: [ { set: { path: name, value: \"thing ${id}\" } }, { remove: { path: old } } ]";

/// A copy that is done.
pub(crate) async fn copied(lines: &str) -> Copy {
    let copy = Copy::new(things(60), "name", lines).await;
    let summary = run(&copy, copy.plan.clone()).await;
    assert_eq!(summary.status, Status::Succeeded, "{summary:?}");
    let found = summary.verified.unwrap();
    assert!(found.clean && found.found.source_items == 60, "{found:?}");
    copy
}

pub(crate) async fn run(copy: &Copy, plan: Plan) -> Summary {
    local::run(Arc::new(copy.services()), &plan, MemoryObjects::new()).await.unwrap()
}

/// A run of its own that compares the copy's tables.
pub(crate) fn verifying(copy: &Copy, repair: bool, changes: bool) -> Plan {
    let of = Some(OfCopy { run: copy.plan.run.clone(), changes });
    Plan { run: named(repair), job: Job::Verify { repair }, of, ..copy.plan.clone() }
}

fn named(repair: bool) -> migration::plan::RunId {
    migration::plan::RunId::named(if repair { "repairing" } else { "verifying" })
}

async fn found(copy: &Copy, repair: bool) -> (Summary, Found, Vec<Difference>) {
    let plan = verifying(copy, repair, false);
    let summary = run(copy, plan.clone()).await;
    let differences = verify::differences(&copy.world.ledger, &plan.run, usize::MAX).await.unwrap();
    let found = summary.verified.as_ref().unwrap_or_else(|| panic!("{summary:?}")).found;
    (summary, found, differences)
}

/// One item of each sort of difference.
async fn meddle(copy: &Copy) {
    copy.delete(TARGET, "name", "thing thing-00007").await;
    let other = json!({ "name": { "S": "thing thing-00008" }, "id": { "S": "thing-00008" }, "n": { "N": "9" }, "x": { "S": "secret" } });
    copy.put(TARGET, other).await;
    copy.put(TARGET, json!({ "name": { "S": "gone" }, "id": { "S": "thing-90000" } })).await;
    copy.put(TARGET, json!({ "name": { "S": "moved" }, "id": { "S": "thing-00001" } })).await;
    copy.put(TARGET, json!({ "name": { "S": "stray" } })).await;
}

#[tokio::test]
async fn every_sort_of_difference_is_found_and_listed_without_values() {
    let copy = copied(REKEYED).await;
    meddle(&copy).await;
    let (summary, found, differences) = found(&copy, false).await;
    assert_eq!(summary.status, Status::Failed);
    assert_eq!(summary.failure.unwrap().error, "Segue.TablesDiffer");
    assert_eq!((found.source_items, found.target_items), (60, 62));
    assert_eq!((found.missing, found.different, found.extra, found.unknown), (1, 1, 2, 1));
    let listed: Vec<_> = differences.iter().map(|difference| json!(difference).to_string()).collect();
    assert!(listed.iter().all(|line| !line.contains("secret")), "{listed:?}");
    let of = |kind: Sort| differences.iter().find(|difference| difference.kind == kind).unwrap();
    assert_eq!(of(Sort::Missing).source_key, Some(json!({ "id": { "S": "thing-00007" } })));
    assert_eq!(of(Sort::Different).attributes, ["n", "x"]);
    assert_eq!(of(Sort::Unknown).target_key, Some(json!({ "name": { "S": "stray" } })));
    // Whoever asks the copy is told, too.
    let of_copy = verify::verified(&copy.world.ledger, &copy.plan.run).await.unwrap().unwrap();
    assert_eq!((of_copy.run, of_copy.clean, of_copy.found), (named(false), false, found));
}

#[tokio::test]
async fn what_differs_is_set_right_and_what_is_nobodys_image_stays() {
    let copy = copied(REKEYED).await;
    let before = copy.target().await;
    meddle(&copy).await;
    let (summary, found, _) = found(&copy, true).await;
    assert_eq!((found.differences(), found.repaired, summary.status), (5, 4, Status::Failed));
    copy.delete(TARGET, "name", "stray").await;
    assert_eq!(copy.target().await, before);
    let (summary, found, differences) = self::found(&copy, false).await;
    assert_eq!((summary.status, found.differences(), differences), (Status::Succeeded, 0, vec![]));
}

/// What the pages of a run were told to whoever looks on.
#[derive(Default)]
struct Told {
    pages: AtomicUsize,
    differing: AtomicUsize,
}

impl Observer for Told {
    fn page(&self, _: u32, _: &Counts, _: bool) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    fn compared(&self, _: u32, counts: &Counts, _: bool) {
        self.differing.fetch_add(usize::try_from(counts.failed).unwrap(), Ordering::Relaxed);
    }
}

/// Items that differ are none that could not be migrated: nobody is to be woken for them.
#[tokio::test]
async fn a_comparison_is_told_as_one() {
    let copy = copied(REKEYED).await;
    meddle(&copy).await;
    let told = Arc::new(Told::default());
    let mut services = copy.services();
    services.observer = told.clone();
    local::run(Arc::new(services), &verifying(&copy, false, false), MemoryObjects::new()).await.unwrap();
    assert_eq!((told.pages.load(Ordering::Relaxed), told.differing.load(Ordering::Relaxed)), (0, 5));
}

/// More of them than one transaction takes down: each is counted as what it was.
#[tokio::test]
async fn everything_that_was_set_right_is_counted() {
    let copy = Copy::new(things(300), "name", REKEYED).await;
    let (_, found, differences) = found(&copy, true).await;
    assert_eq!((found.missing, found.repaired, differences.len()), (300, 300, 300));
    assert_eq!((found.source_items, copy.target().await.len()), (300, 300));
}

/// Two items whose images belong at one place: nothing of either is written over.
#[tokio::test]
async fn a_place_that_is_taken_is_said_to_be() {
    let copy = copied(REKEYED).await;
    copy.put(TARGET, json!({ "name": { "S": "thing thing-00003" }, "id": { "S": "thing-00004" } })).await;
    let (_, found, differences) = found(&copy, false).await;
    assert_eq!((found.missing, found.extra), (1, 1));
    assert_eq!(differences[0].taken_by, Some(json!({ "id": { "S": "thing-00004" } })));
    assert_eq!(differences[0].source_key, Some(json!({ "id": { "S": "thing-00003" } })));
}

/// Where changes are carried, replay sets right what differs: nothing is written beside it.
#[tokio::test(start_paused = true)]
async fn a_repair_beside_replay_goes_through_the_queue() {
    let copy = copied(REKEYED).await;
    meddle(&copy).await;
    let before = copy.target().await;
    let plan = verifying(&copy, true, true);
    let summary = run(&copy, plan).await;
    assert_eq!(summary.verified.unwrap().found.repaired, 4);
    assert_eq!(copy.target().await, before);
    let sent = copy.queue.taken();
    let mut keys: Vec<_> = sent
        .iter()
        .map(|entry| {
            let change: Value = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
            assert_eq!(change["run"], json!(copy.plan.run));
            assert!(change["what"]["refresh"].is_object(), "{change}");
            change["key"]["id"]["S"].as_str().unwrap().to_owned()
        })
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["thing-00001", "thing-00007", "thing-00008", "thing-90000"]);
}

/// Answers the first looks, which aren't consistent, as if some items weren't there yet.
struct Stale;

#[async_trait]
impl Tap for Stale {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let tables = request.body["RequestItems"].as_object();
        let table = tables.and_then(|tables| tables.keys().next().cloned());
        let is_first =
            request.operation == "BatchGetItem" && request.body.to_string().contains("\"ConsistentRead\":false");
        match table {
            Some(table) if is_first => {
                let body = json!({ "Responses": { table: [] }, "UnprocessedKeys": {} });
                Ok(HttpResponse::new(200.try_into().unwrap(), body.to_string().into()))
            }
            _ => forward.await,
        }
    }
}

#[tokio::test]
async fn what_only_a_stale_read_shows_is_no_difference() {
    let mut copy = copied(REKEYED).await;
    copy.world.tap = Some(Arc::new(Stale));
    let (summary, found, _) = found(&copy, false).await;
    assert_eq!((summary.status, found.differences()), (Status::Succeeded, 0));
    assert_eq!(found.settled, 120);
}

/// A change that is on its way reaches the target with a look.
struct OnItsWay {
    target: Client,
    nth: usize,
    looks: AtomicUsize,
    image: Mutex<Value>,
}

#[async_trait]
impl Tap for OnItsWay {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let is_look = request.operation == "BatchGetItem" && request.body["RequestItems"].get(TARGET).is_some();
        if is_look && self.looks.fetch_add(1, Ordering::Relaxed) == self.nth {
            let image = migration::item::json::item_from_json(self.image.lock().unwrap().clone()).unwrap();
            self.target.put_item().table_name(TARGET).set_item(Some(image)).send().await.unwrap();
        }
        forward.await
    }
}

/// On AWS one that replay has failed on comes again after minutes.
#[tokio::test(start_paused = true)]
async fn a_change_that_is_on_its_way_is_waited_for() {
    for (engine, nth, differences) in
        [(Engine::Embedded, 2, 0), (Engine::StepFunctions, 19, 0), (Engine::StepFunctions, 40, 1)]
    {
        arrives(engine, nth, differences).await;
    }
}

async fn arrives(engine: Engine, nth: usize, differences: u64) {
    let mut copy = copied(REKEYED).await;
    let image = copy.target().await.into_iter().find(|item| item["id"]["S"] == "thing-00005").unwrap();
    copy.delete(TARGET, "name", "thing thing-00005").await;
    let target = copy.world.client.clone();
    copy.world.tap = Some(Arc::new(OnItsWay { target, nth, looks: AtomicUsize::new(0), image: Mutex::new(image) }));
    let summary = run(&copy, Plan { engine, ..verifying(&copy, false, true) }).await;
    let found = summary.verified.unwrap().found;
    assert_eq!((found.differences(), found.settled), (differences, 1 - differences), "with look {nth}");
}

/// An attempt that goes on compares what is left; one after it compares everything anew.
#[tokio::test]
async fn verifying_goes_on_where_it_was_broken_off_and_begins_anew_when_it_was_over() {
    let copy = copied(REKEYED).await;
    meddle(&copy).await;
    let plan = verifying(&copy, false, false);
    let services = Arc::new(copy.services());
    let source = half(&copy, &services, &plan, 0).await;
    assert_eq!((source.found.source_items, source.segments_done), (60, 1));
    let resumed = local::resume(services.clone(), &plan.run, MemoryObjects::new()).await.unwrap();
    let found = resumed.verified.unwrap().found;
    assert_eq!((found.source_items, found.target_items, found.differences()), (60, 62, 5));
    let attempt = attempts::latest(&copy.world.ledger, &plan.run).await.unwrap();
    assert_eq!(attempt, 2);

    copy.delete(TARGET, "name", "stray").await;
    let services = Arc::new(copy.services());
    let again = local::resume(services, &plan.run, MemoryObjects::new()).await.unwrap().verified.unwrap();
    assert_eq!((again.round, again.found.source_items, again.found.differences()), (2, 60, 4));
    let listed = verify::differences(&copy.world.ledger, &plan.run, usize::MAX).await.unwrap();
    assert_eq!(listed.len(), 4, "{listed:?}");
}

/// Compares one direction, and no more.
pub(crate) async fn half(copy: &Copy, services: &Services, plan: &Plan, child: u32) -> verify::SoFar {
    migration::Task::Prepare.run(services, json!(plan), None).await.unwrap();
    let work = json!({ "run": plan.run, "child": child, "attempt": plan.attempt, "loops": 0, "pass": "verify" });
    migration::Task::MigrateSegment.run(services, work, None).await.unwrap();
    verify::so_far(&copy.world.ledger, &plan.run).await.unwrap()
}

/// More differences than one transaction of the ledger takes are all listed, each once.
#[tokio::test]
async fn a_page_of_differences_is_listed_as_a_whole() {
    let copy = Copy::new(things(250), "name", REKEYED).await;
    let (_, found, differences) = found(&copy, false).await;
    assert_eq!((found.missing, found.source_items, differences.len()), (250, 250, 250));
}

#[tokio::test]
async fn in_place_it_is_what_the_migration_would_still_change() {
    let mut items = things(20);
    items.push(item("done", json!({ "label": { "S": "new" } })));
    items.push(item("leave", json!({ "old": { "S": "value" }, "leave": { "BOOL": true } })));
    let world = World::new(Billing::OnDemand, items).await;
    let lines =
        "segments: 3\nwhere: { path: leave, missing: true }\ntransform: [ { set: { path: label, value: new } } ]";
    let plan = Plan { job: Job::Verify { repair: false }, ..world.plan(lines).await };
    let before = world.items_of(TABLE).await;
    let services = world.services(migration::transform::Functions::new());
    let summary = local::run(services, &plan, MemoryObjects::new()).await.unwrap();
    let found = summary.verified.unwrap().found;
    assert_eq!((found.source_items, found.different, found.target_items), (22, 20, 0));
    assert_eq!(world.items_of(TABLE).await, before);
    let differences = verify::differences(&world.ledger, &plan.run, 3).await.unwrap();
    assert!(differences.len() == 3 && differences.iter().all(|it| it.attributes == ["label"]), "{differences:?}");
}
