//! A table, a ledger, and a stack's functions around them.

use std::collections::HashMap;
use std::net::TcpListener as ImdsListener;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType, TableStatus,
};
use embedded::{Embedded, Options};
use jiff::Timestamp;
use migration::definition::Definition;
use migration::deployment::{LEDGER_TABLE_VARIABLE, MIGRATION_DIGEST_VARIABLE, STACK_VARIABLE};
use migration::plan::{Engine, Plan};
use migration::table::Table;
use migration::transform::Functions;
use migration::{Ledger, Services, Task};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::runtime_api::Output;

pub(crate) const TABLE: &str = "things";
pub(crate) const STACK: &str = "Segue-it";
/// No item holds a word that isn't made of this one; so no log may either (R20).
pub(crate) const SECRET: &str = "secret";

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) ledger: Ledger,
    pub(crate) plan: Plan,
    endpoint: String,
    /// Where a computer in EC2 would answer; nobody may ask.
    imds: ImdsListener,
}

impl World {
    /// `items` things with a secret each, and a plan to migrate them by these steps.
    pub(crate) async fn new(items: usize, steps: &str) -> Self {
        // UpdateTable takes long enough for somebody to have to wait.
        let options = Options::default().enforce_capacity(false).update_takes(Duration::from_millis(300));
        let embedded = Embedded::temporary(options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let client = embedded.client();
        create_table(&client).await;
        let item = |at| {
            let attributes = [("id", format!("{SECRET}-{at}")), ("old", format!("{SECRET} of {at}"))];
            HashMap::from(attributes.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))))
        };
        embedded.load(TABLE, (0..items).map(move |at| Ok::<_, std::io::Error>(item(at)))).await.unwrap();
        tokio::spawn(async move { embedded.serve(listener, std::future::pending()).await });
        let ledger = Ledger::create(client.clone(), "books").await.unwrap();
        let yaml = format!("migration: it\nsource: {{ table: {TABLE} }}\n{steps}");
        let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let table = Table::describe(&client, TABLE).await.unwrap();
        let now = Timestamp::from_second(1_795_167_000).unwrap();
        let plan = Plan::new(definition, &table, Engine::StepFunctions, 2, now).unwrap();
        let imds = ImdsListener::bind("127.0.0.1:0").unwrap();
        imds.set_nonblocking(true).unwrap();
        Self { client, ledger, plan, endpoint, imds }
    }

    /// What Lambda and the stack tell a task's function.
    pub(crate) fn variables(&self, task: Task) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", self.imds.local_addr().unwrap())),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            (LEDGER_TABLE_VARIABLE, "books".to_owned()),
            (STACK_VARIABLE, STACK.to_owned()),
        ];
        if task == Task::Prepare {
            variables.push((MIGRATION_DIGEST_VARIABLE, self.plan.definition.digest()));
        }
        variables
    }

    /// Writes the plan as `Prepare` does.
    pub(crate) async fn write_plan(&self, functions: Functions) {
        let services = Services::new(self.client.clone(), None, self.ledger.clone(), functions, Timestamp::now);
        Task::Prepare.run(&services, json!(self.plan), None).await.unwrap();
    }

    pub(crate) async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        self.client.scan().table_name(TABLE).send().await.unwrap().items.unwrap()
    }

    /// The table's read and write units, when it is no longer being changed.
    pub(crate) async fn units_when_active(&self) -> (i64, i64) {
        loop {
            let table = self.client.describe_table().table_name(TABLE).send().await.unwrap().table.unwrap();
            if table.table_status == Some(TableStatus::Active) {
                let units = table.provisioned_throughput.unwrap();
                return (units.read_capacity_units.unwrap(), units.write_capacity_units.unwrap());
            }
        }
    }

    /// Whether anybody has looked for a computer in EC2.
    pub(crate) fn was_imds_asked(&self) -> bool {
        self.imds.accept().is_ok()
    }
}

async fn create_table(client: &Client) {
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let units = ProvisionedThroughput::builder().read_capacity_units(10).write_capacity_units(10).build().unwrap();
    let create = client.create_table().table_name(TABLE).key_schema(key).attribute_definitions(id.build().unwrap());
    create.billing_mode(BillingMode::Provisioned).provisioned_throughput(units).send().await.unwrap();
}

/// Everything that a process has written is JSON.
pub(crate) fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(output.stderr, "");
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    output.stdout.lines().map(line).collect()
}
