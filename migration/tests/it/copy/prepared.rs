//! What Prepare refuses: targets that hold what isn't the run's, copies beside others, and retries of what is another migration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::types::AttributeValue;
use migration::copy::current;
use migration::cutover;
use migration::definition::{BulkSource, Carry, Target};
use migration::plan::Plan;
use migration::summary::Status;
use migration::{Error, Kind, Services, Task};
use serde_json::json;
use tokio::time::sleep;

use super::cutover::{ONE_WAY, Person, in_step};
use super::whole::{LINES, TARGET, World};
use crate::tap::{Answer, Denies, Forward, Request, Tap, tapped};

/// Under the source's own key, where a bulk overwrites without looking.
const BY_ID: &str = "target: { table: others, create: true, carry: bulk }\ntransform: [ { remove: { path: colour } } ]";

async fn prepare(world: &World, plan: &Plan) -> Result<(), Error> {
    Task::Prepare.run(&world.services, json!(plan), None).await.map(drop)
}

/// Why Prepare refuses that plan, before it is in the ledger.
async fn refused(world: &World, plan: &Plan) -> String {
    let error = prepare(world, plan).await.unwrap_err();
    assert!(migration::plan::read(&world.services.ledger, &plan.run).await.unwrap().is_none(), "{error}");
    error.to_string()
}

/// Somebody makes the target, and fills it.
async fn filled(world: &World) {
    let source = world.client.describe_table().table_name(super::whole::SOURCE).send().await.unwrap().table.unwrap();
    let create = world.client.create_table().table_name(TARGET).set_key_schema(source.key_schema);
    let id = source.attribute_definitions.unwrap().into_iter().filter(|attribute| attribute.attribute_name() == "id");
    let create = create.set_attribute_definitions(Some(id.collect()));
    create.billing_mode(aws_sdk_dynamodb::types::BillingMode::PayPerRequest).send().await.unwrap();
    let put = world.client.put_item().table_name(TARGET).item("id", AttributeValue::S("1".into()));
    put.item("theirs", AttributeValue::Bool(true)).send().await.unwrap();
}

/// Whichever attempt it is: nothing of this run stands there.
#[tokio::test(start_paused = true)]
async fn a_target_with_items_is_refused_until_the_run_has_written() {
    let world = World::new(3).await;
    let prepared = world.plan(BY_ID).await;
    prepare(&world, &prepared).await.unwrap();
    filled(&world).await;
    let plan = world.plan(BY_ID).await;
    insta::assert_snapshot!(refused(&world, &plan).await, @"expected table others to be empty, found items; empty it, or say `written_by_others: true` below target: what stands there is then left as it is");
    let resumed = plan.resumed(2);
    assert!(refused(&world, &resumed).await.contains("to be empty"));
    // One whose plan was written when the table was still empty.
    let late = prepare(&world, &prepared.resumed(2)).await.unwrap_err();
    assert!(late.to_string().contains("to be empty"), "{late}");
    assert!(world.items(TARGET).await[0]["theirs"].is_object());
}

/// What stands there is its own.
#[tokio::test(start_paused = true)]
async fn a_run_that_has_written_is_resumed() {
    for lines in [BY_ID, &LINES.replace("create: true", "create: true, carry: bulk")] {
        let world = World::new(3).await;
        let plan = world.plan(lines).await;
        assert_eq!(world.run(&plan).await.status, Status::Succeeded);
        prepare(&world, &plan.resumed(2)).await.unwrap();
    }
}

/// Under another key too, where a bulk looks before it writes: what was deleted there would come back.
#[tokio::test(start_paused = true)]
async fn the_target_of_an_earlier_run_is_refused() {
    let world = World::new(3).await;
    let lines = LINES.replace("create: true", "create: true, carry: bulk");
    let first = world.plan(&lines).await;
    assert_eq!(world.run(&first).await.status, Status::Succeeded);
    let said = refused(&world, &world.plan(&lines).await).await;
    insta::assert_snapshot!(said.replace(&first.run.to_string(), "RUN"), @"expected table others to be empty, found items, and that run RUN carries to it: `run status RUN` says how it stands; copy into another table, or, where nothing works on others, delete it first");
    let beside_others = lines.replace("create: true", "create: true, written_by_others: true");
    prepare(&world, &world.plan(&beside_others).await).await.unwrap();
    world.client.delete_table().table_name(TARGET).send().await.unwrap();
    prepare(&world, &world.plan(&lines).await).await.unwrap();
}

/// The application's deletes and changes would be undone by a source that stands still.
#[tokio::test(start_paused = true)]
async fn the_table_that_was_cut_over_to_is_refused_to_every_copy() {
    let (world, plan) = in_step(LINES).await;
    cutover::cut_over(&world.services, &plan.run, ONE_WAY, &Person::default()).await.unwrap();
    let said = refused(&world, &world.plan(LINES).await).await;
    insta::assert_snapshot!(said.replace(&plan.run.to_string(), "RUN"), @"expected a table that no application was moved to, found others: run RUN was cut over to it, so that what stands there is the application's, and things is behind it; copy into another table, or, where nothing works on others any more, delete it first");
    for more in ["carry: bulk", "carry: changes", "written_by_others: true"] {
        let plan = world.plan(&LINES.replace("create: true", &format!("create: true, {more}"))).await;
        assert!(refused(&world, &plan).await.contains("was cut over to it"), "{more}");
    }
    world.client.delete_table().table_name(TARGET).send().await.unwrap();
    prepare(&world, &world.plan(LINES).await).await.unwrap();
}

/// Before it is said of the live target that it be emptied, and before anything is backed up or raised.
#[tokio::test(start_paused = true)]
async fn a_copy_beside_one_that_goes_on_is_refused_first() {
    let (world, plan) = in_step(LINES).await;
    let said = refused(&world, &world.plan(LINES).await).await;
    insta::assert_snapshot!(said.replace(&plan.run.to_string(), "RUN"), @"expected no other copy to go on, found run RUN; cut it over with `run cutover RUN`, or end it with `run cutover RUN --abort`");
    current::refuse_another(&world.services.ledger, &plan.run).await.unwrap();
    cutover::give_up(&world.services, &plan.run).await.unwrap();
    assert!(refused(&world, &world.plan(LINES).await).await.contains("and that run"));
}

/// Refuses to make a table.
struct NoTables;

#[async_trait]
impl Tap for NoTables {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation != "CreateTable" {
            return forward.await;
        }
        let message = "KMS key is not in the enabled state";
        let body = json!({ "__type": "com.amazon.coral.validate#ValidationException", "message": message });
        Ok(HttpResponse::new(400.try_into().unwrap(), body.to_string().into()))
    }
}

/// Services whose requests to the target pass by there.
fn with_target(world: &World, tap: Arc<dyn Tap>) -> Services {
    let config = migration::client_config(world.aws.client_builder()).http_client(tapped(world.aws.http_client(), tap));
    let mut services = world.other_services();
    services.target = Client::from_conf(config.build());
    services
}

/// No item is in it: what is the matter with the table is said in AWS's words.
#[tokio::test(start_paused = true)]
async fn why_a_target_can_not_be_made_is_said() {
    let world = World::new(2).await;
    let services = with_target(&world, Arc::new(NoTables));
    let plan = world.plan(LINES).await;
    Task::Prepare.run(&services, json!(plan), None).await.unwrap();
    let refused = Task::MakeTarget.run(&services, json!({ "run": plan.run }), None).await.unwrap_err();
    insta::assert_snapshot!(refused, @"CreateTable: KMS key is not in the enabled state (ValidationException)");
}

/// All of it is said before anything is captured, and nothing is written to find it out.
#[tokio::test(start_paused = true)]
async fn what_a_role_is_denied_is_said_before_the_bulk() {
    let world = World::new(2).await;
    let plan =
        world.plan(&LINES.replace("create: true", "create: true, role: \"arn:aws:iam::111122223333:role/copy\"")).await;
    Task::Prepare.run(&world.services, json!(plan), None).await.unwrap();
    let make = async |denied: &'static [&'static str]| {
        let services = with_target(&world, Arc::new(Denies(denied)));
        let made = async || Task::MakeTarget.run(&services, json!({ "run": plan.run }), None).await;
        while made().await?["ready"] == false {
            sleep(Duration::from_secs(5)).await;
        }
        Ok::<_, Error>(())
    };
    let refused = make(&["BatchGetItem", "DeleteItem"]).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied);
    insta::assert_snapshot!(refused, @"expected the role arn:aws:iam::111122223333:role/copy to allow what a copy needs of table others, found that it is denied dynamodb:BatchGetItem, dynamodb:DeleteItem: have its owner allow that, and resume the run");
    for operation in [&["DescribeTimeToLive"], &["Scan"], &["GetItem"], &["PutItem"]] {
        let refused = make(operation).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("denied dynamodb:{}:", operation[0])), "{refused}");
    }
    make(&[]).await.unwrap();
    assert_eq!(world.items(TARGET).await, <[serde_json::Value; 0]>::default());
}

/// What was read so far was read from there, and went there.
#[tokio::test(start_paused = true)]
async fn a_retry_changes_nothing_of_its_target_but_the_way_back() {
    let plan = World::new(2).await.plan(LINES).await;
    let retried = |change: fn(&mut Target)| {
        let mut mended = plan.definition.clone();
        change(mended.target.as_mut().unwrap());
        plan.clone().retried(mended, 2).map(|retried| retried.attempt)
    };
    type Changes = fn(&mut Target);
    let changes: [(&str, Changes); 9] = [
        ("table", |target| target.table = "another".parse().unwrap()),
        ("key", |target| target.key = None),
        ("create", |target| target.create = false),
        ("region", |target| target.region = Some("eu-north-1".into())),
        ("role", |target| target.role = Some("arn:aws:iam::111122223333:role/other".into())),
        ("origin", |target| target.origin = Some("from".into())),
        ("written_by_others", |target| target.written_by_others = true),
        ("carry", |target| target.carry = Carry::Bulk),
        ("bulk", |target| target.bulk = BulkSource::Scan),
    ];
    for (what, change) in changes {
        let refused = retried(change).unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("expected the target.{what} of run {}, found another", plan.run)),
            "{refused}"
        );
    }
    assert_eq!(retried(|target| target.reverse = Some(Vec::new())).unwrap(), 2);
    let mut in_place = plan.definition.clone();
    in_place.target = None;
    let refused = plan.clone().retried(in_place, 2).unwrap_err().to_string();
    assert!(refused.starts_with("expected the target of run"), "{refused}");
}
