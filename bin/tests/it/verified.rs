//! `run verify` of real tables: each is asked for where it is, and a table is never compared with itself.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType as Type,
};
use migration::copy::current::{self, Current};
use migration::plan::RunId;
use serde_json::{Value, json};

use crate::fake_aws::{REGION, World};
use crate::support::Folder;

const TARGET: &str = "movies-elsewhere";
const COPY: &str = "migration: tidy-movies
source:
  table: movies
  key: { partition: { name: year, type: N }, sort: { name: title, type: S } }
target:
  table: movies-elsewhere
  region: us-east-1
  carry: bulk
transform:
  - set: { path: label, value: new }
segments: 2
";

/// A stack for that copy; its target stands, and is empty.
pub(crate) async fn deployed() -> World {
    deployed_for(COPY).await
}

async fn deployed_for(yaml: &str) -> World {
    let folder = Folder::new();
    folder.write("migration.yaml", yaml);
    let world = World::deployed(folder, 20).await;
    let mut create = world.client.create_table().table_name(TARGET).billing_mode(BillingMode::PayPerRequest);
    for (name, kind, key) in [("year", Type::N, KeyType::Hash), ("title", Type::S, KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(key).build().unwrap();
        create = create.attribute_definitions(attribute).key_schema(key);
    }
    create.send().await.unwrap();
    world
}

/// The tables that were asked for since it was asked last, and where.
fn asked(world: &World) -> Vec<(String, String)> {
    let asked = std::mem::take(&mut *world.aws.tables.lock().unwrap());
    asked.into_iter().filter(|(_, table)| table.starts_with("movies")).collect()
}

#[tokio::test]
async fn a_target_is_compared_in_its_own_region() {
    let world = deployed().await;
    let both = [(REGION.to_owned(), "movies".to_owned()), ("us-east-1".to_owned(), TARGET.to_owned())];
    let mut direct = world.command("verify --engine direct --output json");
    let ended = World::end({
        direct.env("AWS_REGION", REGION);
        direct
    })
    .await;
    assert_eq!((ended.code, &ended.json()["found"]["missing"]), (Some(1), &20.into()), "{}", ended.stderr);
    assert_eq!(asked(&world), both);
    let unasked = world.run("verify").await;
    assert_eq!(unasked.code, Some(2), "{}", unasked.stderr);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(asked(&world), both);
}

/// Where both names lead to one table: there is no other region at that endpoint.
#[tokio::test]
async fn a_table_is_not_compared_with_itself() {
    let world = deployed().await;
    world.folder.write("itself.yaml", COPY.replace(TARGET, "movies"));
    let mut direct = world.command("verify --migration itself.yaml --engine direct --repair --yes");
    let refused = World::end({
        direct.env("AWS_REGION", REGION);
        direct
    })
    .await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("source and target are both movies"), "{}", refused.stderr);
    let labels = world.client.scan().table_name("movies").filter_expression("attribute_exists(label)").send().await;
    assert_eq!(labels.unwrap().count(), 0);
}

/// What is written is said, and agreed to.
#[tokio::test]
async fn a_repair_of_a_real_table_is_asked_for() {
    let world = deployed().await;
    let mut direct = world.command("verify --engine direct --repair");
    let refused = World::end({
        direct.env("AWS_REGION", REGION);
        direct
    })
    .await;
    insta::assert_snapshot!("repair_unasked", refused.shown());
    assert_eq!(world.client.scan().table_name(TARGET).send().await.unwrap().count(), 0);
    let mut direct = world.command("verify --engine direct --repair --yes --output json");
    let repaired = World::end({
        direct.env("AWS_REGION", REGION);
        direct
    })
    .await;
    assert_eq!(repaired.json()["found"]["repaired"], 20, "{}", repaired.stderr);
    assert_eq!(world.client.scan().table_name(TARGET).send().await.unwrap().count(), 20);
}

/// Whoever names the tables alone means the copy that goes on between them. When that is given up nobody repairs its target.
#[tokio::test]
async fn on_its_stack_a_comparison_without_a_name_is_that_of_the_copy() {
    let world = deployed().await;
    let copied = world.run("--segments 2 --yes --output json").await;
    let (run, ledger) = (RunId::named(copied.json()["run"].as_str().unwrap()), world.ledger());
    let of = async || world.run("verify --yes --output json").await.json()["of"].clone();
    assert_eq!(of().await, Value::Null, "it isn't carried");
    let current = Current { run: run.clone(), changes_from: None, expiries_until: None };
    assert!(current::take(&ledger, &current).await.unwrap());
    assert_eq!(of().await, json!(run));

    let given_up = world.run(&format!("cutover {run} --abort --yes")).await;
    assert_eq!(given_up.code, Some(0), "{}", given_up.stderr);
    let executions = world.aws.executions().len();
    let refused = world.run("verify --repair --yes").await;
    assert_eq!((refused.code, world.aws.executions().len()), (Some(2), executions), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("run {run} was given up")), "{}", refused.stderr);
}

/// Both tables are named before anything begins, and what can't be is said before.
#[tokio::test]
async fn a_copy_is_planned_against_its_target() {
    let world = deployed().await;
    insta::assert_snapshot!("copy_unasked", world.run("--segments 2").await.shown());
    let other = "carry: bulk\n  key: { partition: { name: title, type: S } }\n  origin: from";
    let world = deployed_for(&COPY.replace("carry: bulk", other)).await;
    insta::assert_snapshot!("copy_into_another_key", world.run("--segments 2 --yes").await.shown());
    assert!(world.aws.executions().is_empty());
}

/// A copy that is in step has no execution that goes on: it is in the ledger alone.
#[tokio::test]
async fn a_copy_beside_another_is_refused_before_anything_is_asked() {
    let world = deployed().await;
    let run = RunId::named("tidy-movies-20261120T093000123Z");
    let current = Current { run, changes_from: None, expiries_until: None };
    assert!(current::take(&world.ledger(), &current).await.unwrap());
    insta::assert_snapshot!("copy_beside_another", world.run("--segments 2").await.shown());
    assert!(world.aws.executions().is_empty());
}

/// What it says can be done is done: the target is as it was until it is.
#[tokio::test]
async fn a_copy_that_was_not_prepared_is_not_to_be_gone_on_with() {
    let world = deployed().await;
    let theirs = world.client.put_item().table_name(TARGET).item("year", AttributeValue::N("1999".into()));
    theirs.item("title", AttributeValue::S("theirs".into())).send().await.unwrap();
    let ended = world.run("--segments 2 --yes").await;
    insta::assert_snapshot!("copy_over_items", ended.shown());
    let run = world.aws.executions().pop().unwrap();
    let resumed = world.run(&format!("resume {run} --yes")).await;
    assert!(resumed.stdout.contains(&format!("expected table {TARGET} to be empty")), "{}", resumed.shown());
    assert_eq!(world.client.scan().table_name(TARGET).send().await.unwrap().count(), 1);
}

/// The stack of this test doesn't say what carries its copy: that stands for whatever can't be asked.
#[tokio::test]
async fn a_copy_that_can_not_be_asked_about_is_not_left_out() {
    let world = deployed_for(&COPY.replace("  carry: bulk\n", "")).await;
    let run = world.begin("--segments 2").await;
    let status = world.run(&format!("status {run}")).await;
    assert!(status.stdout.contains("copy        not known, what carries it can't be asked: "), "{}", status.stdout);
    let status = world.run(&format!("status {run} --output json")).await.json();
    assert!(status["copy"].is_null() && status["copy_unknown"].as_str().is_some_and(|why| !why.is_empty()), "{status}");
}
