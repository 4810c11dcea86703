//! R1, R3, R4, R5: every page is read, once is enough, and nothing else is touched.

use serde_json::json;

use migration::definition::WriteRequests;
use migration::summary::Status;

use crate::world::{Billing, World, assert_adds_up, both_ways, item, things};

const RENAME: &str = "transform: [ { rename: { path: old, to: new } } ]";

/// R1: a segment of many pages is read to its end. The items are 40 KB, so that a page of 1 MB holds 25.
async fn every_page_of_a_segment_is_read(writes: WriteRequests) {
    let big = "x".repeat(40_000);
    let items = (0..120).map(|at| item(&format!("{at}"), json!({ "old": { "S": big } }))).collect();
    let world = World::new(Billing::OnDemand, items).await.writing(writes);
    let summary = world.run("segments: 1\ntransform: [ { set: { path: seen, value: true } } ]").await;
    assert_eq!((summary.status, summary.counts.written), (Status::Succeeded, 120));
    assert!(world.items().await.iter().all(|item| item["seen"] == json!({ "BOOL": true })));
}

/// More segments than the Map has children, than items, or just one: the same table.
#[tokio::test]
async fn the_number_of_segments_makes_no_difference() {
    for segments in [1, 7, 100, 12_000] {
        let world = World::new(Billing::OnDemand, things(60)).await;
        let summary = world.run(&format!("segments: {segments}\n{RENAME}")).await;
        assert_eq!((summary.segments.succeeded, summary.counts.written), (segments, 60), "{segments} segments");
        assert!(world.items().await.iter().all(|item| item["new"].is_object() && item["old"].is_null()));
    }
}

/// R3, R4: a second run, a day later, writes nothing and costs no write unit.
async fn a_second_run_writes_nothing(writes: WriteRequests) {
    let steps = "marker: counted\ntransform:\n- increment: { path: n, by: 1 }\n- rename: { path: old, to: new }\n\
                 - set: { path: seen_at, value: \"${now}\" }";
    let world = World::new(Billing::OnDemand, things(50)).await.writing(writes);
    let first = world.run(steps).await;
    let after_first = world.items().await;
    assert_eq!(after_first[7]["n"], json!({ "N": "8" }));
    let second = world.run(steps).await;
    assert_eq!((first.counts.written, second.counts.written, second.counts.unchanged), (50, 0, 50));
    assert_eq!(second.counts.write_units, 0.0);
    assert_eq!(world.items().await, after_first);
}

/// R5: what the migration doesn't name is exactly as it was, in all ten types; what it moves, too.
async fn all_types_survive_exactly(writes: WriteRequests) {
    let attributes = json!({
        "s": { "S": "" }, "n": { "N": "12345678901234567890123456789012345678" },
        "small": { "N": "-0.00000000000000000000000000000000000001" }, "b": { "B": "AAEC/w==" }, "empty_b": { "B": "" },
        "ss": { "SS": ["a", "b"] }, "ns": { "NS": ["1.5", "9007199254740993"] }, "bs": { "BS": ["AA==", "AQ=="] },
        "l": { "L": [{ "NULL": true }, { "BOOL": false }, { "L": [] }, { "M": {} }] },
        "m": { "M": { "deep": { "M": { "er": { "L": [{ "N": "9007199254740993" }] } } }, "a.b": { "S": "dotted" } } },
    });
    let world = World::new(Billing::OnDemand, vec![item("one", attributes.clone())]).await.writing(writes);
    let steps = "transform:\n- rename: { path: m.deep, to: m.deeper }\n- copy: { path: l, to: l2 }\n\
                 - rename: { path: n, to: number }\n- set: { path: \"m.`a.b`\", value: changed }";
    world.run(steps).await;
    let mut expected = attributes;
    expected["id"] = json!({ "S": "one" });
    expected["l2"] = expected["l"].clone();
    expected["number"] = expected["n"].take();
    expected["m"]["M"]["deeper"] = expected["m"]["M"]["deep"].take();
    expected["m"]["M"]["a.b"] = json!({ "S": "changed" });
    expected.as_object_mut().unwrap().remove("n");
    expected["m"]["M"].as_object_mut().unwrap().remove("deep");
    let migrated = world.item("one").await.unwrap();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&migrated[name], value, "{name}");
    }
    assert_eq!(migrated.as_object().unwrap().len(), expected.as_object().unwrap().len());
}

async fn filtered_and_deleted_items_are_counted_as_such(writes: WriteRequests) {
    let world = World::new(Billing::OnDemand, things(20)).await.writing(writes);
    let summary = world.run("where: { path: n, less_than: 5 }\ntransform: [ delete ]").await;
    assert_eq!((summary.counts.deleted, summary.counts.filtered), (5, 15));
    assert_adds_up(&summary);
    assert_eq!(world.items().await.len(), 15);
}

both_ways! {
    #[tokio::test]
    every_page_of_a_segment_is_read,
    a_second_run_writes_nothing,
    all_types_survive_exactly,
    filtered_and_deleted_items_are_counted_as_such,
}
