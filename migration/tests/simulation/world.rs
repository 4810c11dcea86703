//! The database of a seed: the application's table, and the ledger beside it; what else a copy has, see `copy/world.rs`.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ProvisionedThroughput, ScalarAttributeType,
};
use embedded::{Embedded, Options};
use migration::definition::Definition;
use migration::item::Item;
use migration::plan::{self, Engine, Plan};
use migration::table::Table;
use migration::{Carrier, Ledger, Wiring, attempts};

use crate::clock;
use crate::scenario::Scenario;

pub(crate) const TABLE: &str = "things";
pub(crate) const LEDGER: &str = "ledger";

pub(crate) struct World {
    pub(crate) database: Embedded,
    /// A client that meets no faults.
    pub(crate) client: Client,
    pub(crate) ledger: Ledger,
    pub(crate) before: Table,
    pub(crate) plan: Plan,
    /// What a copy is carried by; nothing where a table is changed in place.
    pub(crate) wiring: Option<Wiring>,
}

impl World {
    pub(crate) async fn new(scenario: &Scenario) -> Arc<Self> {
        let options = Options::default().on_own_thread(true).update_takes(scenario.update_takes);
        let database = Embedded::temporary(options).unwrap();
        let client = Client::from_conf(migration::client_config(database.client_builder()).build());
        create(&client, scenario).await;
        let items = scenario.items.clone().into_iter().map(Ok::<_, std::io::Error>);
        database.load(TABLE, items).await.unwrap();
        let ledger = Ledger::create(client.clone(), LEDGER).await.unwrap();
        let before = Table::describe(&client, TABLE).await.unwrap();
        let definition = Definition::from_yaml(&scenario.definition()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let now = clock::begin();
        let plan = Plan::new(definition, &before, Engine::Embedded, scenario.concurrency, now).unwrap();
        Arc::new(Self { database, client, ledger, before, plan, wiring: None })
    }

    /// All items, as they stand.
    pub(crate) async fn items(&self) -> Vec<Item> {
        self.items_of(TABLE).await
    }

    /// The same of another table.
    pub(crate) async fn items_of(&self, table: &str) -> Vec<Item> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let page = self.client.scan().table_name(table).set_exclusive_start_key(start).send().await;
            // The table may still throttle; it recovers.
            let Ok(page) = page else {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                start = None;
                items.clear();
                continue;
            };
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return items;
            }
        }
    }

    /// What carries a copy, for clients that go by `http`.
    pub(crate) fn carrier(&self, http: SharedHttpClient) -> Option<Carrier> {
        let wiring = self.wiring.clone()?;
        let lambda = self.database.lambda_client_builder().http_client(http.clone());
        let sqs = self.database.sqs_client_builder().http_client(http.clone());
        let s3 = self.database.s3_client_builder().http_client(http.clone());
        let streams = self.database.streams_client_builder().http_client(http);
        Some(Carrier::new(lambda, sqs, s3, streams, wiring))
    }

    /// The plan of the next attempt, as [`migration::local`] makes it: the first again where none has come as far as
    /// the ledger.
    pub(crate) async fn next_plan(&self) -> Plan {
        let Some(plan) = plan::read(&self.ledger, &self.plan.run).await.unwrap() else { return self.plan.clone() };
        let attempt = attempts::begin(&self.ledger, &plan.run).await.unwrap();
        plan.resumed(attempt)
    }
}

pub(crate) async fn create(client: &Client, scenario: &Scenario) {
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str| KeySchemaElement::builder().attribute_name(name).key_type(KeyType::Hash).build().unwrap();
    let units = scenario.units.map(|(read, write)| {
        let units = ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write);
        units.build().unwrap()
    });
    let mut create = client.create_table().table_name(TABLE).key_schema(key("id"));
    create = create.attribute_definitions(attribute("id"));
    if scenario.has_index {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder().index_name("by_status").key_schema(key("status"));
        let index = index.projection(projection).set_provisioned_throughput(units.clone()).build().unwrap();
        create = create.attribute_definitions(attribute("status")).global_secondary_indexes(index);
    }
    create = match units {
        Some(units) => create.provisioned_throughput(units),
        None => create.billing_mode(BillingMode::PayPerRequest),
    };
    create.send().await.unwrap();
}
