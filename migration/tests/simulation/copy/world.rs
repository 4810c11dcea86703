//! The database of a copy's seed: two tables, the queue between them with its dead letters, and the functions that mappings
//! call.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use asl::interpret::TaskFailure;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    ProvisionedThroughput, ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use embedded::{Embedded, Function, FunctionError, Options};
use migration::definition::Definition;
use migration::plan::{Engine, Plan};
use migration::table::Table;
use migration::{Ledger, Task, Wiring};
use serde_json::{Value, json};

use super::{Guard, Scenario};
use crate::clock;
use crate::lambda::Lambda;
use crate::world::{LEDGER, TABLE, World, create};

pub(crate) const TARGET: &str = "others";
pub(super) const BUCKET: &str = "exports";

/// As long as a function of the mappings may take; a message is hidden for somewhat longer.
const FUNCTION_TIME: Duration = Duration::from_secs(120);
const HIDDEN_SECONDS: &str = "150";

pub(super) async fn new(scenario: &Scenario) -> Arc<World> {
    let began = clock::begin();
    let options = Options::default().on_own_thread(true).update_takes(scenario.common.update_takes);
    let options = options.mapping_takes(scenario.mapping_takes).opened_at(SystemTime::from(began));
    let options = options.counts_lag(scenario.counts_lag);
    let options = match scenario.export {
        Some(export) => options.export_takes(export.takes).export_files(export.files),
        None => options,
    };
    let database = Embedded::temporary(options).unwrap();
    let client = Client::from_conf(migration::client_config(database.client_builder()).build());
    create(&client, &scenario.common).await;
    let items = scenario.common.items.clone().into_iter().map(Ok::<_, std::io::Error>);
    database.load(TABLE, items).await.unwrap();
    target(&client, scenario).await;
    let ttl = TimeToLiveSpecification::builder().attribute_name("expires").enabled(true).build().unwrap();
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl).send().await.unwrap();
    if scenario.export.is_some() {
        let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
        let update = client.update_continuous_backups().table_name(TABLE);
        update.point_in_time_recovery_specification(on).send().await.unwrap();
    }
    if scenario.has_stream {
        let stream = StreamSpecification::builder().stream_enabled(true);
        let stream = stream.stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
        client.update_table().table_name(TABLE).stream_specification(stream).send().await.unwrap();
        tokio::time::sleep(scenario.common.update_takes).await;
    }
    let ledger = Ledger::create(client.clone(), LEDGER).await.unwrap();
    let wiring = wiring(&database, scenario.receives).await;
    let before = Table::describe(&client, TABLE).await.unwrap();
    let target = Table::describe(&client, TARGET).await.unwrap();
    let definition = Definition::from_yaml(&scenario.definition()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    // As on a stack: functions outlive their execution.
    let plan =
        Plan::new(definition, &before, Engine::StepFunctions, scenario.common.concurrency, clock::now()).unwrap();
    let plan = plan.for_target(Some(&target)).unwrap();
    Arc::new(World { database, client, ledger, before, plan, wiring: Some(wiring) })
}

async fn target(client: &Client, scenario: &Scenario) {
    let mut create = client.create_table().table_name(TARGET);
    let (partition, sort) = scenario.shape.key();
    for (name, kind) in [(Some(partition), KeyType::Hash), (sort, KeyType::Range)] {
        let Some(name) = name else { continue };
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        create = create.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    }
    create = match scenario.target_units {
        None => create.billing_mode(BillingMode::PayPerRequest),
        Some(units) => {
            let units = ProvisionedThroughput::builder().read_capacity_units(100).write_capacity_units(units);
            create.provisioned_throughput(units.build().unwrap())
        }
    };
    create.send().await.unwrap();
}

async fn wiring(database: &Embedded, receives: u32) -> Wiring {
    let sqs = aws_sdk_sqs::Client::from_conf(database.sqs_client_builder().build());
    let fifo = |name: &str| {
        let create = sqs.create_queue().queue_name(name).attributes(QueueAttributeName::FifoQueue, "true");
        let create = create.attributes(QueueAttributeName::DeduplicationScope, "messageGroup");
        let create = create.attributes(QueueAttributeName::FifoThroughputLimit, "perMessageGroupId");
        create.attributes(QueueAttributeName::MessageRetentionPeriod, "1209600")
    };
    let dead_letters_url = fifo("dead.fifo").send().await.unwrap().queue_url.unwrap();
    let prefix = "arn:aws:sqs:us-east-1:000000000000:";
    let redrive = json!({ "deadLetterTargetArn": format!("{prefix}dead.fifo"), "maxReceiveCount": receives });
    let create = fifo("changes.fifo").attributes(QueueAttributeName::VisibilityTimeout, HIDDEN_SECONDS);
    let create = create.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
    let queue_url = create.send().await.unwrap().queue_url.unwrap();
    Wiring {
        queue_url,
        queue_arn: format!("{prefix}changes.fifo"),
        dead_letters_url,
        capture_function: Task::CaptureChanges.name().into(),
        replay_function: Task::ApplyChanges.name().into(),
        export_bucket: BUCKET.into(),
    }
}

/// Makes the functions of the mappings known, in place of those that were: each invocation as `lambda` runs it.
pub(super) fn register(world: &World, lambda: &Lambda, guard: Option<Guard>) {
    for task in [Task::CaptureChanges, Task::ApplyChanges] {
        let lambda = lambda.clone();
        let function = Function::new(task.name(), move |event: Value| {
            let lambda = lambda.clone();
            async move {
                let failed = |failure: TaskFailure| FunctionError::new(failure.error.as_str(), "as it says");
                let Some(guard) = guard else { return lambda.call(task, event).await.map_err(failed) };
                let event = guard.event(task, event);
                let answer = lambda.call(task, event.clone()).await.map_err(failed);
                guard.answer(task, &event, answer)
            }
        });
        world.database.register(function.timeout(FUNCTION_TIME).concurrency(20));
    }
}

/// How many changes could not be applied.
pub(super) async fn dead_letters(world: &World) -> usize {
    let sqs = aws_sdk_sqs::Client::from_conf(world.database.sqs_client_builder().build());
    let url = world.wiring.as_ref().unwrap().dead_letters_url.clone();
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    let got = sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await.unwrap();
    got.attributes.unwrap()[&name].parse().unwrap()
}
