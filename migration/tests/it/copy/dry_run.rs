//! What is said of a copy before anything is written.

use migration::dry_run::dry_run;
use migration::item::json::item_to_json;
use migration::transform::Functions;
use serde_json::json;

use super::Copy;
use crate::world::item;

#[tokio::test]
async fn a_dry_run_shows_images_and_collisions_and_writes_nothing() {
    let named = |id: &str, name: &str| item(id, json!({ "name": { "S": name }, "keep": { "BOOL": true } }));
    let mut items = vec![named("a", "same"), named("b", "same"), named("c", "other"), item("d", json!({}))];
    items.push(item("e", json!({ "name": { "S": "fifth" }, "old": { "S": "x" } })));
    let lines = "target: { table: others }\nwhere: { path: old, exists: true }\ntransform: [ { rename: { path: old, to: new } } ]";
    let copy = Copy::new(items, "name", lines).await;
    let outcome = dry_run(&copy.world.client, &copy.plan, &Functions::new()).await.unwrap();
    assert_eq!((outcome.sampled, outcome.written, outcome.filtered, outcome.failed), (5, 1, 2, 2));
    let (before, after) = &outcome.examples[0];
    assert_eq!(item_to_json(before)["old"], json!({ "S": "x" }));
    assert_eq!(
        item_to_json(after.as_ref().unwrap()),
        json!({ "id": { "S": "e" }, "name": { "S": "fifth" }, "new": { "S": "x" } })
    );
    let collision = outcome.reasons.iter().find(|(why, _)| why.contains("the same place")).unwrap();
    assert!(
        collision.0.contains(r#"{"id":{"S":"a"}}"#) && collision.0.contains(r#"{"id":{"S":"b"}}"#),
        "{collision:?}"
    );
    assert!(outcome.reasons.iter().any(|(why, _)| why.contains("key attribute name of type S, found none")));
    assert_eq!(outcome.write_units, 3);
    assert!(copy.target().await.is_empty());
}

/// One that names a transform that leaves items out, and one that changes nothing.
#[tokio::test]
async fn items_that_are_left_out_or_stay_as_they_are_are_counted_apart() {
    let items = vec![item("a", json!({ "name": { "S": "x" } }))];
    for (transform, figures) in [("[ delete ]", (1, 0)), ("[]", (0, 1))] {
        let copy =
            Copy::new(items.clone(), "name", &format!("target: {{ table: others }}\ntransform: {transform}")).await;
        let outcome = dry_run(&copy.world.client, &copy.plan, &Functions::new()).await.unwrap();
        assert_eq!((outcome.deleted, outcome.unchanged), figures);
    }
}
