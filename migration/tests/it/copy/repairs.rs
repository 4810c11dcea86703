//! R14, R17: what differs is set right by replay while a copy goes on, whatever the plan of the comparison knew of that, and by nobody
//! when the target is somebody else's.

use std::sync::Arc;

use asl::interpret::MemoryObjects;
use migration::copy::current::{self, Current};
use migration::cutover;
use migration::item::json::item_from_json;
use migration::plan::{Job, OfCopy, Plan, RunId};
use migration::{Task, local};
use serde_json::{Value, json};

use super::cutover::{BOTH_WAYS, ONE_WAY, Person, WAY_BACK, in_step};
use super::whole::{LINES, TARGET, World};
use super::{Copy, keys_of};
use crate::verify::{REKEYED, run, verifying};
use crate::world::things;

fn repairing(plan: &Plan, of: Option<OfCopy>) -> Plan {
    Plan { run: RunId::named("repairing"), job: Job::Verify { repair: true }, of, ..plan.clone() }
}

/// Before replay has begun, and by whoever doesn't name the copy: its plan says nothing of changes that are carried.
#[tokio::test(start_paused = true)]
async fn while_a_copy_goes_on_nothing_is_written_beside_replay() {
    for is_named in [true, false] {
        let copy = Copy::new(things(3), "name", &REKEYED.replace("carry: bulk", "carry: bulk_and_changes")).await;
        copy.begun(None).await;
        copy.put(TARGET, json!({ "name": { "S": "gone" }, "id": { "S": "thing-90000" } })).await;
        let of = is_named.then(|| OfCopy { run: copy.plan.run.clone(), changes: false });
        let found = run(&copy, repairing(&copy.plan, of)).await.verified.unwrap().found;
        assert_eq!((found.missing, found.extra, found.repaired), (3, 1, 4));
        assert_eq!(copy.target().await.len(), 1, "something was written");
        let sent = copy.queue.taken();
        let changes: Vec<Value> =
            sent.iter().map(|entry| serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap()).collect();
        assert!(changes.iter().all(|change| change["run"] == json!(copy.plan.run)), "{changes:?}");
        assert_eq!(keys_of(&changes), ["thing-00000", "thing-00001", "thing-00002", "thing-90000"]);
    }
}

/// The one that goes on is another table's.
#[tokio::test]
async fn beside_the_copy_of_another_table_a_target_is_repaired() {
    let copy = Copy::new(things(3), "name", REKEYED).await;
    let mut other = Plan { run: RunId::named("other"), ..copy.plan.clone() };
    other.definition.target.as_mut().unwrap().region = Some("eu-north-1".into());
    Task::Prepare.run(&copy.services(), json!(verifying(&copy, false, false)), None).await.unwrap();
    migration::attempts::begin(&copy.world.ledger, &other.run).await.unwrap();
    let current = Current { run: other.run.clone(), changes_from: None, expiries_until: None };
    assert!(current::take(&copy.world.ledger, &current).await.unwrap());
    let found = run(&copy, repairing(&copy.plan, None)).await.verified.unwrap().found;
    assert_eq!((found.repaired, copy.target().await.len()), (3, 3));
}

async fn put_in_target(world: &World) -> Vec<Value> {
    let item = json!({ "title": { "S": "the application's" }, "id": { "S": "new" }, "seen": { "BOOL": true } });
    let put = world.client.put_item().table_name(TARGET).set_item(Some(item_from_json(item).unwrap()));
    put.send().await.unwrap();
    world.items(TARGET).await
}

/// By its name, and by whoever only names the tables.
#[tokio::test(start_paused = true)]
async fn a_target_that_was_cut_over_to_or_given_up_is_repaired_by_nobody() {
    let bulk = LINES.replace("create: true", "create: true, carry: bulk");
    for (lines, options) in [(WAY_BACK, Some(BOTH_WAYS)), (LINES, Some(ONE_WAY)), (&bulk, Some(ONE_WAY)), (LINES, None)]
    {
        let (world, plan) = in_step(lines).await;
        let (services, run) = (&world.services, &plan.run);
        let words = match options {
            Some(options) => {
                cutover::cut_over(services, run, options, &Person::default()).await.unwrap();
                "is cut over"
            }
            None => {
                cutover::give_up(services, run).await.unwrap();
                "was given up"
            }
        };
        let before = put_in_target(&world).await;
        for of in [Some(OfCopy { run: run.clone(), changes: false }), None] {
            let services = Arc::new(world.other_services());
            let refused = local::run(services, &repairing(&plan, of), MemoryObjects::new()).await.unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
        }
        assert_eq!(world.items(TARGET).await, before);
    }
}

/// A comparison of a large table outlasts a cut-over.
#[tokio::test(start_paused = true)]
async fn a_repair_that_goes_on_ends_where_the_copy_is_cut_over() {
    let (world, plan) = in_step(LINES).await;
    let of = Some(OfCopy { run: plan.run.clone(), changes: true });
    let comparing = repairing(&plan, of);
    let services = world.other_services();
    Task::Prepare.run(&services, json!(comparing), None).await.unwrap();
    cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    let before = put_in_target(&world).await;
    let mut refused = Vec::new();
    for child in comparing.shuffled_verify_children() {
        let work = json!({ "run": comparing.run, "child": child, "attempt": 1, "loops": 0, "pass": "verify" });
        refused.extend(Task::MigrateSegment.run(&services, work, None).await.err());
    }
    assert!(refused.len() == 1 && refused[0].to_string().contains("is cut over"), "{refused:?}");
    assert_eq!(world.items(TARGET).await, before);
}
