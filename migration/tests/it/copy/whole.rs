//! A copy from its first task to its last, by the document, in the embedded AWS: real queues, real mappings, real functions. Time
//! is paused.

use std::sync::Arc;
use std::time::Duration;

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, Projection, ProjectionType, ScalarAttributeType,
    StreamSpecification, StreamViewType, Tag, TimeToLiveSpecification, WarmThroughput,
};
use aws_sdk_sqs::types::QueueAttributeName;
use embedded::{Embedded, Function, FunctionError, Options};
use jiff::Timestamp;
use migration::copy::{books, sync, table};
use migration::definition::Definition;
use migration::item::json::{item_from_json, item_to_json};
use migration::plan::{Engine, Plan};
use migration::summary::{Status, Summary};
use migration::table::Table;
use migration::transform::Functions;
use migration::{Carrier, Error, Kind, Ledger, Services, Task, Wiring, local};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

pub(super) const SOURCE: &str = "things";
pub(super) const TARGET: &str = "others";

/// How long recovery can't be switched on after a table is ACTIVE.
const BACKUPS_TAKE: Duration = Duration::from_secs(3_600);

/// Rename and set, into a table with another key.
pub(super) const LINES: &str = "target: { table: others, create: true, key: { partition: { name: title, type: S } } }\n\
                     transform: [ { rename: { path: name, to: title } }, { set: { path: seen, value: true } } ]";

/// Two tables, a queue with its dead letters, and the functions between them.
pub(super) struct World {
    pub(super) aws: Embedded,
    pub(super) client: Client,
    pub(super) services: Arc<Services>,
}

fn element(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}

fn string(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
}

impl World {
    /// The source with `items` items, and nothing else.
    pub(super) async fn new(items: usize) -> Self {
        let options = Options::default().enforce_capacity(false).on_own_thread(true).backups_take(BACKUPS_TAKE);
        let aws = Embedded::temporary(options).unwrap();
        clock();
        let client = Client::from_conf(migration::client_config(aws.client_builder()).build());
        let index = |name: &str, key: &str| {
            let all = Projection::builder().projection_type(ProjectionType::All).build();
            let index = GlobalSecondaryIndex::builder().index_name(name).projection(all);
            index.key_schema(element(key, KeyType::Hash)).build().unwrap()
        };
        let create = client.create_table().table_name(SOURCE).key_schema(element("id", KeyType::Hash));
        let create = create.attribute_definitions(string("id")).attribute_definitions(string("name"));
        let create = create.attribute_definitions(string("colour")).billing_mode(BillingMode::PayPerRequest);
        let create = create.global_secondary_indexes(index("by_name", "name"));
        let create = create.global_secondary_indexes(index("by_colour", "colour"));
        create.tags(Tag::builder().key("team").value("films").build().unwrap()).send().await.unwrap();
        let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("gone").build().unwrap();
        client.update_time_to_live().table_name(SOURCE).time_to_live_specification(expiry).send().await.unwrap();
        let world = Self { services: Arc::new(services(&aws, &client).await), client, aws };
        for at in 0..items {
            world.put(at, "first").await;
        }
        world.register();
        world
    }

    /// The functions that mappings call, with the services that tasks have.
    fn register(&self) {
        for task in [Task::CaptureChanges, Task::ApplyChanges] {
            let services = self.services.clone();
            let function = Function::new(task.name(), move |event| {
                let services = services.clone();
                async move {
                    let failed = |error: Error| FunctionError::new(error.kind().name(), error.to_string());
                    task.run(&services, event, None).await.map_err(failed)
                }
            });
            self.aws.register(function.timeout(Duration::from_secs(60)));
        }
    }

    /// What carries the copy, for somebody who reads its stream with another client.
    pub(super) fn carrier(&self, streams: aws_sdk_dynamodbstreams::config::Builder) -> Carrier {
        let wiring = self.services.carrier.as_ref().unwrap().wiring.clone();
        let (lambda, s3) = (self.aws.lambda_client_builder(), self.aws.s3_client_builder());
        Carrier::new(lambda, self.aws.sqs_client_builder(), s3, streams, wiring)
    }

    /// Services of a process of its own: one that has ended a run begins no other.
    pub(super) fn other_services(&self) -> Services {
        let ledger = self.services.ledger.clone();
        let mut services = Services::new(self.client.clone(), None, ledger, Functions::new(), clock);
        services.carrier = Some(self.carrier(self.aws.streams_client_builder()));
        services
    }

    pub(super) async fn plan(&self, lines: &str) -> Plan {
        let yaml = format!("migration: test\nsource: {{ table: {SOURCE} }}\nsegments: 3\n{lines}");
        let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let source = Table::describe(&self.client, SOURCE).await.unwrap();
        let target = Table::describe(&self.client, TARGET).await.ok();
        let plan = Plan::new(definition, &source, Engine::Embedded, 2, Timestamp::now()).unwrap();
        plan.for_target(target.as_ref()).unwrap()
    }

    pub(super) async fn run(&self, plan: &Plan) -> Summary {
        local::run(self.services.clone(), plan, MemoryObjects::new()).await.unwrap()
    }

    pub(super) async fn put(&self, at: usize, colour: &str) {
        let item =
            json!({ "id": { "S": at.to_string() }, "name": { "S": format!("n{at}") }, "colour": { "S": colour } });
        let put = self.client.put_item().table_name(SOURCE).set_item(Some(item_from_json(item).unwrap()));
        put.send().await.unwrap();
    }

    pub(super) async fn delete(&self, at: usize) {
        let delete = self.client.delete_item().table_name(SOURCE).key("id", AttributeValue::S(at.to_string()));
        delete.send().await.unwrap();
    }

    pub(super) async fn items(&self, table: &str) -> Vec<Value> {
        let page = self.client.scan().table_name(table).send().await.unwrap();
        let mut items: Vec<_> = page.items().iter().map(item_to_json).collect();
        items.sort_by_key(|item| item["id"].to_string());
        items
    }

    /// What the target has to hold.
    pub(super) async fn images(&self) -> Vec<Value> {
        let mut images = self.items(SOURCE).await;
        for image in &mut images {
            let name = image.as_object_mut().unwrap().remove("name").unwrap();
            image["title"] = name;
            image["seen"] = json!({ "BOOL": true });
        }
        images
    }
}

thread_local! {
    /// Each test has a thread of its own.
    static BEGAN: (Timestamp, Instant) = (Timestamp::now(), Instant::now());
}

/// The time of day, which follows tokio's clock, as that of the embedded AWS does.
pub(super) fn clock() -> Timestamp {
    BEGAN.with(|(began, at)| *began + at.elapsed())
}

/// Clients of the embedded AWS, and what a stack would have made.
async fn services(aws: &Embedded, client: &Client) -> Services {
    let sqs = aws_sdk_sqs::Client::from_conf(aws.sqs_client_builder().build());
    let fifo = |name: &str| {
        let create = sqs.create_queue().queue_name(name).attributes(QueueAttributeName::FifoQueue, "true");
        create.attributes(QueueAttributeName::VisibilityTimeout, "60")
    };
    let dead_letters_url = fifo("dead.fifo").send().await.unwrap().queue_url.unwrap();
    let arn = |url: String| {
        let sqs = sqs.clone();
        async move {
            let get = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
            get.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone()
        }
    };
    let redrive =
        json!({ "deadLetterTargetArn": arn(dead_letters_url.clone()).await, "maxReceiveCount": 3 }).to_string();
    let changes = fifo("changes.fifo").attributes(QueueAttributeName::RedrivePolicy, redrive);
    let queue_url = changes.send().await.unwrap().queue_url.unwrap();
    let wiring = Wiring {
        queue_arn: arn(queue_url.clone()).await,
        queue_url,
        dead_letters_url,
        capture_function: Task::CaptureChanges.name().into(),
        replay_function: Task::ApplyChanges.name().into(),
        export_bucket: "exports".into(),
    };
    let ledger = Ledger::create(client.clone(), "ledger").await.unwrap();
    let mut services = Services::new(client.clone(), None, ledger, Functions::new(), clock);
    let (lambda, s3, streams) = (aws.lambda_client_builder(), aws.s3_client_builder(), aws.streams_client_builder());
    services.carrier = Some(Carrier::new(lambda, aws.sqs_client_builder(), s3, streams, wiring));
    services
}

/// An application writes, deletes and makes anew before, while and after the copy comes into step.
#[tokio::test(start_paused = true)]
async fn a_copy_comes_into_step_and_stays_there() {
    let world = World::new(30).await;
    let plan = world.plan(LINES).await;
    let writing = async {
        for round in 0..40 {
            world.put(round % 35, &format!("round {round}")).await;
            world.delete((round * 7) % 30).await;
            sleep(Duration::from_millis(300)).await;
        }
    };
    let (summary, ()) = tokio::join!(world.run(&plan), writing);
    assert_eq!((summary.status, &summary.failure), (Status::Succeeded, &None));
    let course = books::course(&world.services.ledger, &plan.run).await.unwrap();
    assert!(course.target_made && course.stream_enabled_by_us && course.bulk_over.is_some(), "{course:?}");
    assert!(course.bulk_from <= course.bulk_over && course.bulk_over <= course.in_step, "{course:?}");
    // It is kept in step after the run.
    world.put(3, "after the run").await;
    world.delete(4).await;
    let comes = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            let sync = sync::check(&world.services, &plan.run).await.unwrap();
            assert_eq!((sync.dead_letters, sync.alarms()), (0, vec![]));
            if sync.backlog() == 0 && world.items(TARGET).await == world.images().await {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(600), comes).await.expect("the target comes into step again");
    assert!(world.items(TARGET).await.iter().any(|item| item["colour"]["S"] == "after the run"));
}

/// What of the source's definition the target has, and what is said of the rest.
#[tokio::test(start_paused = true)]
async fn the_target_is_created_from_the_source() {
    let world = World::new(2).await;
    let plan = world.plan(&format!("{LINES}\nprewarm: false")).await;
    assert_eq!(world.run(&plan).await.status, Status::Succeeded);
    let described = world.client.describe_table().table_name(TARGET).send().await.unwrap().table.unwrap();
    let indexes: Vec<_> = described.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect();
    assert_eq!(indexes, ["by_colour"]);
    assert_eq!(described.billing_mode_summary().unwrap().billing_mode(), Some(&BillingMode::PayPerRequest));
    let tags = world.client.list_tags_of_resource().resource_arn(described.table_arn().unwrap()).send().await.unwrap();
    assert_eq!(tags.tags().iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>(), [("team", "films")]);
    let expiry = async || {
        let described = world.client.describe_time_to_live().table_name(TARGET).send().await.unwrap();
        described.time_to_live_description.and_then(|described| described.attribute_name)
    };
    let course = books::course(&world.services.ledger, &plan.run).await.unwrap();
    // Both tables would delete an expired item, each at its own time.
    assert_eq!((expiry().await, course.expiry.as_deref()), (None, Some("gone")));
    for _ in 0..2 {
        assert_eq!(table::let_expire(&world.services, &plan.run).await.unwrap().as_deref(), Some("gone"));
        assert_eq!(expiry().await.as_deref(), Some("gone"));
    }
    assert_eq!(course.not_copied, ["the index by_name: the transform takes its key attribute name away"]);
}

/// A table is ACTIVE for some moments before its recovery can be switched on.
#[tokio::test(start_paused = true)]
async fn a_target_that_is_created_can_be_recovered_as_its_source() {
    let world = World::new(2).await;
    sleep(BACKUPS_TAKE).await;
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let update = world.client.update_continuous_backups().table_name(SOURCE);
    update.point_in_time_recovery_specification(on).send().await.unwrap();
    let summary = world.run(&world.plan(LINES).await).await;
    assert_eq!((summary.status, &summary.failure), (Status::Succeeded, &None));
    let described = world.client.describe_continuous_backups().table_name(TARGET).send().await.unwrap();
    let recovery = described.continuous_backups_description.unwrap().point_in_time_recovery_description.unwrap();
    assert_eq!(recovery.point_in_time_recovery_status(), Some(&PointInTimeRecoveryStatus::Enabled));
}

/// What is warm by use, or was paid for, stays the source's.
#[tokio::test(start_paused = true)]
async fn warm_throughput_is_said_to_stay() {
    let world = World::new(2).await;
    let plan = world.plan(LINES).await;
    let says_so = async || {
        let not_copied = table::not_copied(&world.client, None, &plan).await.unwrap();
        not_copied.iter().any(|what| what.starts_with("its warm throughput"))
    };
    assert!(!says_so().await);
    let warm = WarmThroughput::builder().read_units_per_second(20_000).build();
    world.client.update_table().table_name(SOURCE).warm_throughput(warm).send().await.unwrap();
    assert!(says_so().await);
}

/// Each is refused before anything is written, and says what to do.
#[tokio::test(start_paused = true)]
async fn what_can_t_be_copied_is_refused_first() {
    let world = World::new(2).await;
    let refused = async |lines: &str| {
        let plan = world.plan(lines).await;
        let error = Task::Prepare.run(&world.services, json!(plan), None).await.unwrap_err();
        assert!(migration::plan::read(&world.services.ledger, &plan.run).await.unwrap().is_none(), "{error}");
        error
    };
    let absent = refused(&LINES.replace("create: true, ", "")).await;
    assert_eq!(absent.kind(), Kind::NotFound);
    insta::assert_snapshot!(absent, @"expected the target, table others, found none; create it, or say `create: true` below target");
    let keys = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::KeysOnly);
    let update = world.client.update_table().table_name(SOURCE).stream_specification(keys.build().unwrap());
    update.send().await.unwrap();
    insta::assert_snapshot!(refused(LINES).await, @"expected the stream of table things to show the item before and after (NEW_AND_OLD_IMAGES), found another view; switch the stream off when nobody reads it any more, and run the migration anew: it switches the stream on as it needs it");
    let exported = LINES.replace("create: true", "create: true, carry: bulk, bulk: export");
    insta::assert_snapshot!(refused(&exported).await, @"expected point-in-time recovery of table things to be on, as an export needs it, found it off; switch it on, or say `bulk: scan` below target");
}
