//! A table, a migration, and everything around them.

use std::sync::Arc;

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType,
};
use embedded::{Embedded, Options};
use jiff::Timestamp;
use migration::definition::{Definition, WriteRequests};
use migration::item::Item;
use migration::item::json::{item_from_json, item_to_json};
use migration::plan::{Engine, Plan, RunId};
use migration::summary::Summary;
use migration::table::Table;
use migration::transform::Functions;
use migration::{Ledger, Services, local};
use serde_json::{Value, json};

use crate::tap::{Tap, tapped};

pub(crate) const TABLE: &str = "things";

/// Runs tests for each way of writing, which they are handed.
macro_rules! both_ways {
    (#[$test:meta] $($name:ident),+ $(,)?) => {
        mod single {
            $(#[$test] async fn $name() { super::$name(migration::definition::WriteRequests::Single).await; })+
        }
        mod batched {
            $(#[$test] async fn $name() { super::$name(migration::definition::WriteRequests::Batched).await; })+
        }
    };
}
pub(crate) use both_ways;

/// How the table is paid for.
#[derive(Clone, Copy)]
pub(crate) enum Billing {
    OnDemand,
    Provisioned { read_units: i64, write_units: i64 },
}

pub(crate) struct World {
    pub(crate) database: Embedded,
    /// Not the migration's: the application's.
    pub(crate) client: Client,
    pub(crate) ledger: Ledger,
    /// What the migration's requests go through.
    pub(crate) tap: Option<Arc<dyn Tap>>,
    writes: WriteRequests,
    runs: std::cell::Cell<i64>,
}

impl World {
    /// A table `things` with partition key `id` (S), and these items.
    pub(crate) async fn new(billing: Billing, items: Vec<Item>) -> Self {
        Self::with(Options::default(), billing, items).await
    }

    pub(crate) async fn with(options: Options, billing: Billing, items: Vec<Item>) -> Self {
        let database = Embedded::temporary(options).unwrap();
        let client = database.client();
        let create = client
            .create_table()
            .table_name(TABLE)
            .key_schema(KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap())
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name("id")
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .unwrap(),
            );
        match billing {
            Billing::OnDemand => create.billing_mode(BillingMode::PayPerRequest),
            Billing::Provisioned { read_units, write_units } => create.provisioned_throughput(
                ProvisionedThroughput::builder()
                    .read_capacity_units(read_units)
                    .write_capacity_units(write_units)
                    .build()
                    .unwrap(),
            ),
        }
        .send()
        .await
        .unwrap();
        database.load(TABLE, items.into_iter().map(Ok::<_, std::io::Error>)).await.unwrap();
        let books = Embedded::temporary(Options::default().enforce_capacity(false)).unwrap();
        let books = Client::from_conf(migration::client_config(books.client_builder()).build());
        let ledger = Ledger::create(books, "ledger").await.unwrap();
        let (writes, runs) = (WriteRequests::default(), std::cell::Cell::new(0));
        Self { database, client, ledger, tap: None, writes, runs }
    }

    /// The same, where migrations write in this way.
    pub(crate) fn writing(self, writes: WriteRequests) -> Self {
        Self { writes, ..self }
    }

    /// Runs a migration of these steps; each run starts a day after the one before.
    pub(crate) async fn run(&self, steps: &str) -> Summary {
        self.try_run(steps, Functions::new()).await.unwrap()
    }

    pub(crate) async fn try_run(&self, steps: &str, functions: Functions) -> Result<Summary, migration::Error> {
        let plan = self.plan(steps).await;
        local::run(self.services(functions), &plan, MemoryObjects::new()).await
    }

    /// Takes up a run that has ended.
    pub(crate) async fn resume(&self, run: &RunId) -> Summary {
        local::resume(self.services(Functions::new()), run, MemoryObjects::new()).await.unwrap()
    }

    pub(crate) async fn plan(&self, steps: &str) -> Plan {
        let yaml = format!("migration: test\nsource: {{ table: {TABLE} }}\n{steps}");
        let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let definition = match self.writes {
            WriteRequests::Single => definition,
            writes => Definition { writes, ..definition },
        };
        let table = Table::describe(&self.client, TABLE).await.unwrap();
        self.runs.set(self.runs.get() + 1);
        let now = Timestamp::from_second(1_795_167_000 + self.runs.get() * 86_400).unwrap();
        Plan::new(definition, &table, Engine::Embedded, 4, now).unwrap()
    }

    pub(crate) fn services(&self, functions: Functions) -> Arc<Services> {
        let config = migration::client_config(self.database.client_builder());
        let config = match &self.tap {
            Some(tap) => config.http_client(tapped(self.database.http_client(), tap.clone())),
            None => config,
        };
        let source = Client::from_conf(config.build());
        let autoscaling = migration::autoscaling_config(self.database.autoscaling_client_builder());
        let autoscaling = match &self.tap {
            Some(tap) => autoscaling.http_client(tapped(self.database.http_client(), tap.clone())),
            None => autoscaling,
        };
        let autoscaling = Some(aws_sdk_applicationautoscaling::Client::from_conf(autoscaling.build()));
        Arc::new(Services::new(source, autoscaling, self.ledger.clone(), functions, Timestamp::now))
    }

    /// The table's items as DynamoDB JSON, by their id.
    pub(crate) async fn items(&self) -> Vec<Value> {
        self.items_of(TABLE).await
    }

    pub(crate) async fn items_of(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self.client.scan().table_name(table).set_exclusive_start_key(start).send().await.unwrap();
            items.extend(page.items().iter().map(item_to_json));
            start = page.last_evaluated_key;
            if start.is_none() {
                items.sort_by_key(|item| item["id"]["S"].as_str().unwrap().to_owned());
                return items;
            }
        }
    }

    pub(crate) async fn item(&self, id: &str) -> Option<Value> {
        let get = self.client.get_item().table_name(TABLE).key("id", AttributeValue::S(id.into()));
        get.consistent_read(true).send().await.unwrap().item.as_ref().map(item_to_json)
    }
}

/// An item with this id, and these attributes as DynamoDB JSON.
pub(crate) fn item(id: &str, attributes: Value) -> Item {
    let mut item = item_from_json(attributes).unwrap();
    item.insert("id".into(), AttributeValue::S(id.into()));
    item
}

/// So many items, `thing-00000` and on, with a counter `n` and an attribute `old`.
pub(crate) fn things(count: usize) -> Vec<Item> {
    (0..count)
        .map(|at| item(&format!("thing-{at:05}"), json!({ "n": { "N": at.to_string() }, "old": { "S": "value" } })))
        .collect()
}

/// The scanned items are the sum of the outcomes.
pub(crate) fn assert_adds_up(summary: &Summary) {
    let counts = &summary.counts;
    assert_eq!(
        counts.scanned,
        counts.written + counts.deleted + counts.unchanged + counts.filtered + counts.gone + counts.failed
    );
}
