//! A run beside an application, on a table whose capacity is enforced, in virtual time: the same on every machine. The
//! benchmark beside it prints what comes of it; `tests/it/pacing.rs` holds it to its bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, KeySchemaElement, KeyType, ProvisionedThroughput, ScalarAttributeType,
};
use embedded::{Embedded, Faults, Options, Weather};
use jiff::{SignedDuration, Timestamp};
use migration::definition::{Definition, WriteRequests};
use migration::plan::{Engine, Plan};
use migration::table::Table;
use migration::transform::Functions;
use migration::{Ledger, Services, control, local};
use tokio::time::{Instant, interval, sleep};

const TABLE: &str = "things";
/// What DynamoDB takes for a write.
const LATENCY: Duration = Duration::from_millis(5);
/// Between two moments at which the application writes.
const TICK: Duration = Duration::from_millis(20);

/// Who works on the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    /// Write units that the table is provisioned for.
    pub(crate) write_units: u32,
    /// Write units a second that the application takes.
    pub(crate) application: u32,
    pub(crate) habit: Habit,
    /// Items of one write unit each that the run changes.
    pub(crate) items: u32,
    pub(crate) workers: u32,
    pub(crate) writes: WriteRequests,
    /// The budget from a third of the run's time to two thirds of it, where it is changed.
    pub(crate) meanwhile: Option<u32>,
}

/// How the application writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Evenly, to many keys.
    Even,
    /// All that it writes in four seconds at once.
    Bursts,
    /// Evenly, to a single key.
    OneKey,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Played {
    pub(crate) seconds: f64,
    /// Write units that the run took, as a share of those that its budget gave it.
    pub(crate) used: f64,
    /// The run's throttled writes, as a share of its requests.
    pub(crate) throttled: f64,
    /// Writes of the application that were throttled.
    pub(crate) refused: u64,
}

/// The time of day, as tokio's clock has it.
fn virtual_now() -> Timestamp {
    thread_local!(static BEGAN: Instant = Instant::now());
    let elapsed = BEGAN.with(Instant::elapsed);
    let elapsed = SignedDuration::try_from(elapsed).unwrap_or_default();
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56) + elapsed
}

/// Plays a scene. The runtime's clock has to be paused.
pub(crate) async fn play(scene: Scene) -> Played {
    let database = Embedded::temporary(Options::default().on_own_thread(true)).unwrap();
    let client = Client::from_conf(migration::client_config(database.client_builder()).build());
    create(&client, scene).await;
    database
        .load(TABLE, (0..scene.items).map(|number| Ok::<_, std::io::Error>(item(&number.to_string()))))
        .await
        .unwrap();
    let books = Embedded::temporary(Options::default().enforce_capacity(false).on_own_thread(true)).unwrap();
    let books = Client::from_conf(migration::client_config(books.client_builder()).build());
    let ledger = Ledger::create(books, "ledger").await.unwrap();
    let faults = Faults::new(1, Weather { latency: LATENCY..=LATENCY, ..Weather::default() });
    let config = migration::client_config(database.client_builder());
    let source = Client::from_conf(config.http_client(database.faulty_http_client(&faults)).build());
    let mut services = Services::new(source, None, ledger.clone(), Functions::new(), virtual_now);
    services.clock = virtual_now;
    let plan = plan(&client, scene).await;
    let (began, refused) = (Instant::now(), AtomicU64::new(0));
    let summary = {
        let run = local::run(Arc::new(services), &plan, MemoryObjects::new());
        tokio::select! {
            summary = run => summary.unwrap(),
            () = application(&client, scene, &refused) => unreachable!("it never ends"),
            () = meddle(&ledger, &plan, scene) => unreachable!("it never ends"),
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let counts = summary.counts;
    assert_eq!((counts.written, counts.failed), (u64::from(scene.items), 0));
    let requests: u64 = faults.requests().into_iter().filter(|(name, _)| name != "Scan").map(|(_, sent)| sent).sum();
    Played {
        seconds,
        used: counts.write_units / given(scene, seconds),
        throttled: counts.throttled_writes as f64 / requests as f64,
        refused: refused.into_inner(),
    }
}

/// A third of the time that the run would take without a change of its budget.
fn third(scene: Scene) -> f64 {
    f64::from(scene.items) / budget(scene) / 3.0
}

fn budget(scene: Scene) -> f64 {
    f64::from(scene.write_units) * 0.75
}

/// Units that the budget gave in so many seconds.
fn given(scene: Scene, seconds: f64) -> f64 {
    let changed = scene.meanwhile.map_or(0.0, |units| (f64::from(units) - budget(scene)) * third(scene));
    budget(scene) * seconds + changed
}

/// Changes the budget for the second third of the run.
async fn meddle(ledger: &Ledger, plan: &Plan, scene: Scene) {
    if let Some(units) = scene.meanwhile {
        let third = Duration::from_secs_f64(third(scene));
        for units in [std::num::NonZeroU32::new(units), None] {
            sleep(third).await;
            control::throttle(ledger, &plan.run, units, None).await.unwrap();
        }
    }
    std::future::pending().await
}

async fn application(client: &Client, scene: Scene, refused: &AtomicU64) {
    let every = if scene.habit == Habit::Bursts { Duration::from_secs(4) } else { TICK };
    let mut ticks = interval(every);
    let (mut owed, mut number) = (0.0, 0_u64);
    loop {
        ticks.tick().await;
        owed += f64::from(scene.application) * every.as_secs_f64();
        while owed >= 1.0 {
            owed -= 1.0;
            number += 1;
            let id = if scene.habit == Habit::OneKey { "own".to_owned() } else { format!("own-{}", number % 1_000) };
            let put = client.put_item().table_name(TABLE).set_item(Some(item(&id)));
            refused.fetch_add(put.send().await.is_err().into(), Ordering::Relaxed);
        }
    }
}

fn item(id: &str) -> migration::item::Item {
    [("id".to_owned(), AttributeValue::S(id.to_owned()))].into()
}

async fn plan(client: &Client, scene: Scene) -> Plan {
    // What the application writes meanwhile is as wanted already.
    let yaml = "migration: pacing\nsource: { table: things }\nwhere: { not: { path: id, begins_with: own } }\n\
                transform: [ { set: { path: seen, value: true } } ]";
    let mut definition = Definition::from_yaml(yaml).unwrap();
    definition.segments = scene.workers.max(16).try_into().unwrap();
    definition.writes = scene.writes;
    let table = Table::describe(client, TABLE).await.unwrap();
    Plan::new(definition, &table, Engine::Embedded, scene.workers, virtual_now()).unwrap()
}

async fn create(client: &Client, scene: Scene) {
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let units = ProvisionedThroughput::builder().read_capacity_units(1_000);
    let units = units.write_capacity_units(scene.write_units.into()).build().unwrap();
    let create = client.create_table().table_name(TABLE).key_schema(key);
    let create = create.attribute_definitions(attribute.build().unwrap());
    create.provisioned_throughput(units).send().await.unwrap();
}
