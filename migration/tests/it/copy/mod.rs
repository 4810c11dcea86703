//! R5, R13 to R16, R19, R20 of copies: what the target holds, whatever happens on the way.

mod bulk;
mod capture;
mod cutover;
mod dropped;
mod dry_run;
mod export;
mod going_on;
mod guards;
mod letters;
mod prepared;
mod quiet;
mod repairs;
mod replay;
mod stream_end;
mod way_back;
mod whole;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType,
};
use jiff::{SignedDuration, Timestamp};
use migration::copy::change::{Change, What};
use migration::copy::current::{self, Current};
use migration::definition::Definition;
use migration::item::Item;
use migration::item::json::{item_from_json, item_to_json};
use migration::plan::{Engine, Plan};
use migration::table::Table;
use migration::transform::Functions;
use migration::{Carrier, Services, Task, Wiring};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::tap::{Answer, Forward, Request, Tap, tapped};
use crate::world::{Billing, TABLE, World};

pub(crate) const TARGET: &str = "others";

/// The table `things` with the partition key `id`, a table `others` with another key, and a copy from one to the other.
pub(crate) struct Copy {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) queue: Arc<Queue>,
}

impl Copy {
    /// A copy by these lines of a migration file, into a table with this partition key.
    pub(crate) async fn new(items: Vec<Item>, partition: &str, lines: &str) -> Self {
        Self::into(items, partition, None, lines).await
    }

    /// The same into a table that has so many write units a second, if it isn't on demand.
    pub(crate) async fn into(items: Vec<Item>, partition: &str, write_units: Option<i64>, lines: &str) -> Self {
        let world = World::new(Billing::OnDemand, items).await;
        let string = |name: &str| {
            let kind = ScalarAttributeType::S;
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
        };
        let key = KeySchemaElement::builder().attribute_name(partition).key_type(KeyType::Hash).build().unwrap();
        let create = world.client.create_table().table_name(TARGET).key_schema(key);
        let create = create.attribute_definitions(string(partition));
        let create = match write_units {
            None => create.billing_mode(BillingMode::PayPerRequest),
            Some(units) => {
                let units = ProvisionedThroughput::builder().read_capacity_units(1).write_capacity_units(units);
                create.provisioned_throughput(units.build().unwrap())
            }
        };
        create.send().await.unwrap();
        let yaml = format!("migration: test\nsource: {{ table: {TABLE} }}\nsegments: 1\n{lines}");
        let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let (source, target) = (
            Table::describe(&world.client, TABLE).await.unwrap(),
            Table::describe(&world.client, TARGET).await.unwrap(),
        );
        let now = Timestamp::from_second(BEGAN).unwrap();
        let plan = Plan::new(definition, &source, Engine::Embedded, 4, now).unwrap();
        let plan = plan.for_target(Some(&target)).unwrap_or_else(|error| panic!("{error}"));
        Self { world, plan, queue: Arc::default() }
    }

    pub(crate) fn services(&self) -> Services {
        let services = self.world.services(Functions::new());
        let mut services = Arc::into_inner(services).unwrap();
        let credentials = aws_sdk_sqs::config::Credentials::new("a", "b", None, None, "test");
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sqs::config::Region::new("us-east-1"))
            .credentials_provider(credentials.clone())
            .http_client(tapped(self.world.database.http_client(), self.queue.clone()));
        let lambda = aws_sdk_lambda::Config::builder().behavior_version_latest();
        let s3 = aws_sdk_s3::Config::builder().behavior_version_latest();
        services.target = services.source.clone();
        services.clock = clock;
        let wiring = Wiring {
            queue_url: "https://sqs.us-east-1.amazonaws.com/000000000000/changes.fifo".into(),
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:changes.fifo".into(),
            dead_letters_url: "https://sqs.us-east-1.amazonaws.com/000000000000/dead.fifo".into(),
            capture_function: "capture".into(),
            replay_function: "replay".into(),
            export_bucket: "exports".into(),
        };
        services.carrier = Some(Carrier::new(lambda, config, s3, self.world.database.streams_client_builder(), wiring));
        services
    }

    /// With the plan in the ledger, and the copy the current one.
    pub(crate) async fn begun(&self, changes_from: Option<Timestamp>) -> Services {
        let services = self.services();
        Task::Prepare.run(&services, serde_json::to_value(&self.plan).unwrap(), None).await.unwrap();
        let current = Current { run: self.plan.run.clone(), changes_from, expiries_until: None };
        assert!(current::take(&self.world.ledger, &current).await.unwrap());
        services
    }

    /// The worker's answer, for the one segment that there is.
    pub(crate) async fn work(&self, services: &Services) -> Result<Value, migration::Error> {
        Task::MigrateSegment
            .run(services, json!({ "run": self.plan.run, "child": 0, "attempt": 1, "loops": 0 }), None)
            .await
    }

    /// The target's items, by the id of the items that they are images of.
    pub(crate) async fn target(&self) -> Vec<Value> {
        let page = self.world.client.scan().table_name(TARGET).send().await.unwrap();
        let mut items: Vec<_> = page.items().iter().map(item_to_json).collect();
        items.sort_by_key(|item| item["id"].to_string());
        items
    }

    pub(crate) async fn put(&self, table: &str, item: Value) {
        let item = item_from_json(item).unwrap();
        self.world.client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    pub(crate) async fn delete(&self, table: &str, attribute: &str, key: &str) {
        let delete = self.world.client.delete_item().table_name(table);
        delete.key(attribute, AttributeValue::S(key.into())).send().await.unwrap();
    }

    /// A change of this copy, with a number for an event.
    pub(crate) fn change(&self, event: u32, old: Option<Value>, new: Option<Value>) -> Change {
        let id = old.as_ref().or(new.as_ref()).unwrap()["id"].clone();
        Change {
            run: self.plan.run.clone(),
            event: format!("event-{event}"),
            at: self.plan.started,
            key: json!({ "id": id }),
            what: What::Images { old, new },
        }
    }

    /// Hands changes to the replay as the queue would; returns the numbers of those that it reports as failed.
    pub(crate) async fn replay(&self, services: &Services, changes: &[Change]) -> Vec<usize> {
        self.replay_again(services, changes, 1).await
    }

    pub(crate) async fn replay_again(&self, services: &Services, changes: &[Change], receives: u32) -> Vec<usize> {
        let message = |(number, change): (usize, &Change)| {
            json!({
                "messageId": number.to_string(),
                "body": serde_json::to_string(change).unwrap(),
                "attributes": { "MessageGroupId": change.group(), "ApproximateReceiveCount": receives.to_string() },
            })
        };
        let records: Vec<_> = changes.iter().enumerate().map(message).collect();
        let answer = migration::copy::replay::apply(services, json!({ "Records": records }), None).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap().iter();
        failures.map(|failure| failure["itemIdentifier"].as_str().unwrap().parse().unwrap()).collect()
    }
}

/// The ids of the items that changes are of, in order.
fn keys_of(changes: &[Value]) -> Vec<String> {
    let mut keys: Vec<_> = changes.iter().map(|change| change["key"]["id"]["S"].as_str().unwrap().to_owned()).collect();
    keys.sort_unstable();
    keys
}

/// When the copies of these tests begin, in seconds since 1970.
pub(crate) const BEGAN: i64 = 1_795_167_000;

thread_local! {
    /// Each test has a thread of its own.
    static FIRST_LOOK: Instant = Instant::now();
}

/// The time of day, which follows tokio's clock.
fn clock() -> Timestamp {
    let passed = SignedDuration::try_from(FIRST_LOOK.with(Instant::elapsed)).unwrap();
    Timestamp::from_second(BEGAN).unwrap() + passed
}

/// What stands for the queue: it takes what it is sent, but for the messages that a test names.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) requests: Mutex<Vec<Value>>,
    /// Deduplication ids of messages that it doesn't take, and whether that is the sender's fault.
    pub(crate) refused: Mutex<Vec<(String, bool)>>,
}

impl Queue {
    /// The messages that it has taken, in order.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let refused = self.refused.lock().unwrap();
        let requests = self.requests.lock().unwrap();
        let entries = requests.iter().flat_map(|request| request["Entries"].as_array().unwrap().clone());
        entries.filter(|entry| !refused.iter().any(|(id, _)| entry["MessageDeduplicationId"] == *id)).collect()
    }
}

#[async_trait]
impl Tap for Queue {
    async fn pass(&self, request: &Request, _: Forward<'_>) -> Answer {
        assert_eq!(request.operation, "SendMessageBatch");
        self.requests.lock().unwrap().push(request.body.clone());
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        for entry in request.body["Entries"].as_array().unwrap() {
            let refused = self.refused.lock().unwrap();
            match refused.iter().find(|(id, _)| entry["MessageDeduplicationId"] == *id) {
                Some((_, fault)) => {
                    failed.push(json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": fault }))
                }
                None => taken.push(json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" })),
            }
        }
        let body = json!({ "Successful": taken, "Failed": failed }).to_string();
        Ok(HttpResponse::new(200.try_into().unwrap(), body.into()))
    }
}
