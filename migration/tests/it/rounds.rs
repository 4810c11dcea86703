//! R17, R18: what a comparison says is so since it began. One that goes on with what was compared by another migration, or long
//! ago, would say more than it knows.

use std::time::Duration;

use migration::definition::Definition;
use migration::plan::{Plan, RunId, Scope};
use migration::verify::{self, Found, Verified};
use serde_json::json;
use tokio::time::sleep;

use crate::copy::{Copy, TARGET};
use crate::verify::{REKEYED, copied, half, run, verifying};

/// A comparison whose first half is done, and a difference in that half that has come since.
async fn broken_off() -> (Copy, Plan) {
    let copy = copied(REKEYED).await;
    let plan = verifying(&copy, false, false);
    let so_far = half(&copy, &copy.services(), &plan, 0).await;
    assert_eq!((so_far.found.source_items, so_far.found.differences()), (60, 0));
    copy.delete(TARGET, "name", "thing thing-00007").await;
    (copy, plan)
}

async fn verified(copy: &Copy, plan: &Plan) -> Verified {
    run(copy, plan.clone()).await.verified.unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_on_counts_from_when_it_began() {
    let (copy, plan) = broken_off().await;
    sleep(Duration::from_secs(3_600)).await;
    let verified = verified(&copy, &Plan { attempt: 2, ..plan.clone() }).await;
    assert_eq!((verified.round, verified.clean), (1, true), "{verified:?}");
    assert!(verified.began < plan.started + Duration::from_secs(60), "{verified:?}");
    assert!(verified.at >= plan.started + Duration::from_secs(3_600), "{verified:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_compared_long_ago_is_compared_anew() {
    let (copy, plan) = broken_off().await;
    sleep(Duration::from_secs(12 * 3_600)).await;
    let verified = verified(&copy, &Plan { attempt: 2, ..plan.clone() }).await;
    assert_eq!((verified.round, verified.found.missing), (2, 1), "{verified:?}");
    assert!(verified.began >= plan.started + Duration::from_secs(12 * 3_600), "{verified:?}");
}

/// What takes days is broken off more than once.
#[tokio::test(start_paused = true)]
async fn however_long_ago_one_began_it_goes_on_where_something_was_compared_since() {
    let copy = copied(REKEYED).await;
    let mut plan = verifying(&copy, false, false);
    (plan.definition.segments, plan.children) = ("2".parse().unwrap(), 2);
    let services = copy.services();
    for (attempt, child) in (1..).zip(0..4) {
        half(&copy, &services, &Plan { attempt, ..plan.clone() }, child).await;
        sleep(Duration::from_secs(8 * 3_600)).await;
    }
    migration::Task::Summarise.run(&services, json!({ "run": plan.run }), None).await.unwrap();
    let verified = verify::verified(&copy.world.ledger, &plan.run).await.unwrap().unwrap();
    assert_eq!((verified.round, verified.found.source_items, verified.found.target_items), (1, 60, 60), "{verified:?}");
    assert!(verified.began < plan.started + Duration::from_secs(60), "{verified:?}");
}

#[tokio::test]
async fn what_was_compared_by_another_migration_is_compared_anew() {
    let (copy, plan) = broken_off().await;
    let mended = REKEYED.replace("{ remove: { path: old } }", "{ set: { path: old, value: new } }");
    let yaml = format!("migration: test\nsource: {{ table: things }}\nsegments: 1\n{mended}");
    let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let verified = verified(&copy, &Plan { attempt: 2, definition, ..plan }).await;
    assert_eq!((verified.round, verified.found.missing, verified.found.different), (2, 1, 59), "{verified:?}");
}

/// What was mended may be a function, which the migration only names.
#[tokio::test]
async fn whoever_takes_up_failed_items_has_everything_compared() {
    let (copy, plan) = broken_off().await;
    let mended = verifying_again(&copy, &Plan { attempt: 2, scope: Scope::FailedItems, ..plan }).await;
    assert_eq!((mended.round, mended.found.missing), (2, 1), "{mended:?}");
}

/// Prepares an attempt, and compares both directions.
async fn verifying_again(copy: &Copy, plan: &Plan) -> Verified {
    let services = copy.services();
    for child in 0..2 {
        half(copy, &services, plan, child).await;
    }
    migration::Task::Summarise.run(&services, json!({ "run": plan.run }), None).await.unwrap();
    verify::verified(&copy.world.ledger, &plan.run).await.unwrap().unwrap()
}

/// Of two that go on side by side the older one may end last.
#[tokio::test]
async fn what_began_later_stays_whatever_ends_last() {
    let copy = copied(REKEYED).await;
    let (ledger, run) = (&copy.world.ledger, RunId::named("compared"));
    let of = |name: &str, minute: u64, missing| {
        let began = copy.plan.started + Duration::from_secs(60 * minute);
        let found = Found { missing, ..Found::default() };
        Verified { round: 1, run: RunId::named(name), began, at: began, found, clean: missing == 0 }
    };
    let (older, newer, newest) = (of("older", 1, 0), of("newer", 2, 3), of("newest", 3, 0));
    for (noted, stands) in [(&newer, &newer), (&older, &newer), (&newest, &newest)] {
        verify::note(ledger, &run, noted).await.unwrap();
        assert_eq!(verify::verified(ledger, &run).await.unwrap().as_ref(), Some(stands));
    }
}
