//! What a copy costs per item and per change: `cargo bench -p migration --bench copy`.
//!
//! The functions run as they do in Lambda, on one thread, with the real SDK clients, real signatures and real JSON, against
//! connectors that answer at once. So the figures are of the processor alone: a worker's time is more than that where it waits.
//! What AWS itself would take stands beside: a table on demand starts with 4,000 write units a second, and a quota of
//! 40,000 (DynamoDB service quotas). Each figure is of the round with the median CPU time; items have 1,000 bytes.
#![allow(clippy::print_stdout, missing_docs, reason = "a report on a terminal")]

mod aws;

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use migration::copy::change::{Change, What};
use migration::definition::{Definition, KeyAttribute, KeySchema};
use migration::item::json::item_to_json;
use migration::item::{AttributeType, Item, item_bytes};
use migration::plan::{Engine, Job, Plan, RunId, Scope};
use migration::transform::Functions;
use migration::{Carrier, Ledger, Services, Task, Wiring};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use aws::{Canned, PAGES};

const ROUNDS: usize = 7;
const ITEM_BYTES: usize = 1_000;
/// A page of 1 MB.
const ITEMS: usize = (1 << 20) / ITEM_BYTES;
/// A mapping of a FIFO queue hands over so many at most (Lambda developer guide, "Using Lambda with Amazon SQS").
const MESSAGES: usize = 10;
/// A mapping of a stream hands over so many where nobody says otherwise (the same, "DynamoDB").
const RECORDS: usize = 100;
/// Write units a second of a table on demand, when it is new and at its quota.
const NEW_TABLE: f64 = 4_000.0;
const QUOTA: f64 = 40_000.0;

/// Everything is carried as it is; the target's key holds the source's.
const KEPT: &str = "migration: bench\nsource: { table: movies }\nsegments: 1\ntarget: { table: films, bulk: scan }";
/// The key is computed: each write has its condition.
const COMPUTED: &str = "migration: bench\nsource: { table: movies }\nsegments: 1\ntarget: { table: films, bulk: scan }\n\
                        transform: [ { set: { path: id, value: \"${year}#${title}\" } } ]";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Scan,
    Export,
    Replay,
    Capture,
}

fn main() {
    // `cargo test --benches` runs it too: it only has to work then.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("{:<34}{:>10}{:>10}{:>10}{:>12}{:>12}", "", "a second", "CPU us", "requests", "new table", "at quota");
    for (name, definition, work) in [
        ("items by scan, key kept", KEPT, Work::Scan),
        ("items by scan, key computed", COMPUTED, Work::Scan),
        ("items by export, key kept", KEPT, Work::Export),
        ("items by export, key computed", COMPUTED, Work::Export),
        ("changes captured", KEPT, Work::Capture),
        ("changes applied, key kept", KEPT, Work::Replay),
        ("changes applied, key computed", COMPUTED, Work::Replay),
    ] {
        let bench = Bench::new(definition, work);
        runtime.block_on(bench.work());
        let mut figures: Vec<_> = (0..rounds).map(|_| bench.measure(|| runtime.block_on(bench.work()))).collect();
        figures.sort_unstable_by(|one, other| one.cpu_us.total_cmp(&other.cpu_us));
        let Figures { per_second, cpu_us, requests } = figures.swap_remove(rounds / 2);
        let workers = |limit: f64| match work {
            Work::Capture => "-".to_owned(),
            _ => format!("{:.1}", limit * cpu_us / 1e6),
        };
        println!(
            "{name:<34}{per_second:>10.0}{cpu_us:>10.1}{requests:>10.3}{:>12}{:>12}",
            workers(NEW_TABLE),
            workers(QUOTA)
        );
    }
    println!("new table, at quota: processors that write as much as AWS takes, of items of one write unit");
}

struct Bench {
    aws: Canned,
    services: Services,
    work: Work,
    run: RunId,
    /// One for each invocation.
    events: Vec<Value>,
    count: u64,
}

impl Bench {
    fn new(definition: &str, work: Work) -> Self {
        let page: Vec<Item> = (0..ITEMS).map(item).collect();
        let mut plan = plan(definition);
        if work == Work::Export
            && let Some(target) = &mut plan.definition.target
        {
            target.bulk = migration::definition::BulkSource::Export;
        }
        let aws = Canned::new(&plan, &page);
        let events = match work {
            Work::Scan | Work::Export => Vec::new(),
            Work::Replay => page.chunks(MESSAGES).map(|items| messages(&plan, items)).collect(),
            Work::Capture => page.chunks(RECORDS).map(records).collect(),
        };
        let count = if events.is_empty() { PAGES * page.len() as u64 } else { page.len() as u64 };
        Self { services: services(&aws), aws, work, run: plan.run, events, count }
    }

    async fn work(&self) {
        let task = match self.work {
            Work::Scan | Work::Export => {
                let input = json!({ "run": self.run, "child": 0, "attempt": 1, "loops": 0 });
                let answer = Task::MigrateSegment.run(&self.services, input, None).await.expect("nothing fails");
                assert_eq!(answer["done"], true);
                return;
            }
            Work::Replay => Task::ApplyChanges,
            Work::Capture => Task::CaptureChanges,
        };
        for event in &self.events {
            let answer = task.run(&self.services, event.clone(), None).await.expect("nothing fails");
            assert_eq!(answer["batchItemFailures"], json!([]));
        }
    }

    fn measure(&self, mut round: impl FnMut()) -> Figures {
        let count = self.count as f64;
        self.aws.take_requests();
        let (start, cpu) = (Instant::now(), cpu_time());
        round();
        let (cpu, seconds) = (cpu_time() - cpu, start.elapsed().as_secs_f64());
        Figures {
            per_second: count / seconds,
            cpu_us: cpu.as_secs_f64() * 1e6 / count,
            requests: self.aws.take_requests() as f64 / count,
        }
    }
}

/// About as many attributes as a film has.
fn item(number: usize) -> Item {
    let text = |text: String| AttributeValue::S(text);
    let genres = ["Action", "Biography", "Drama"].map(|genre| text(genre.into()));
    let mut info = Item::from([
        ("genres".to_owned(), AttributeValue::L(genres.into())),
        ("rank".to_owned(), AttributeValue::N(number.to_string())),
        ("rating".to_owned(), AttributeValue::N("8.3".into())),
        ("release_date".to_owned(), text("2013-09-02T00:00:00Z".into())),
        ("running_time_secs".to_owned(), AttributeValue::N("7380".into())),
        ("image_url".to_owned(), text(format!("https://images.example.com/posters/{number:016x}.jpg"))),
    ]);
    let mut item = Item::from([
        ("year".to_owned(), AttributeValue::N((1950 + number % 75).to_string())),
        ("title".to_owned(), text(format!("Film {number:06}"))),
    ]);
    info.insert("plot".into(), text("x".repeat(ITEM_BYTES - item_bytes(&item) - item_bytes(&info) - 20)));
    item.insert("info".into(), AttributeValue::M(info));
    item
}

/// Per item, or per change.
struct Figures {
    per_second: f64,
    cpu_us: f64,
    requests: f64,
}

/// Of this process, user and system.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What the mapping of the queue hands to its function: each change of another item.
fn messages(plan: &Plan, items: &[Item]) -> Value {
    let message = |item: &Item| {
        let key: Item = ["year", "title"].into_iter().map(|name| (name.to_owned(), item[name].clone())).collect();
        let mut old = item.clone();
        old.insert("changed".into(), AttributeValue::Bool(false));
        let what = What::Images { old: Some(item_to_json(&old)), new: Some(item_to_json(item)) };
        let change =
            Change { run: plan.run.clone(), event: "e".into(), at: plan.started, key: item_to_json(&key), what };
        let body = serde_json::to_string(&change).expect("a change is JSON");
        json!({ "messageId": "m", "body": body, "attributes": { "MessageGroupId": change.group() } })
    };
    json!({ "Records": items.iter().map(message).collect::<Vec<_>>() })
}

/// What the mapping of the stream hands to its function.
fn records(items: &[Item]) -> Value {
    let record = |item: &Item| {
        let image = item_to_json(item);
        let keys = json!({ "year": image["year"], "title": image["title"] });
        let stream = json!({
            "ApproximateCreationDateTime": 1_795_167_000, "Keys": keys, "SequenceNumber": "1", "OldImage": image, "NewImage": image
        });
        json!({ "eventID": image["title"]["S"], "eventName": "MODIFY", "dynamodb": stream })
    };
    json!({ "Records": items.iter().map(record).collect::<Vec<_>>() })
}

fn services(aws: &Canned) -> Services {
    let token = Some("IQoJb3JpZ2luX2VjE".repeat(40));
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", token, None, "bench");
    let region = Region::from_static("eu-central-1");
    let latest = BehaviorVersion::latest();
    let dynamodb = aws_sdk_dynamodb::Config::builder().behavior_version(latest).region(region.clone());
    let dynamodb = dynamodb.credentials_provider(credentials.clone()).http_client(aws.clone());
    let client = aws_sdk_dynamodb::Client::from_conf(migration::client_config(dynamodb).build());
    let lambda = aws_sdk_lambda::Config::builder().behavior_version(latest).region(region.clone());
    let sqs = aws_sdk_sqs::Config::builder().behavior_version(latest).region(region.clone());
    let sqs = sqs.credentials_provider(credentials.clone()).http_client(aws.clone());
    let streams = aws_sdk_dynamodbstreams::Config::builder().behavior_version(latest).region(region.clone());
    let s3 = aws_sdk_s3::Config::builder().behavior_version(latest).region(region);
    let s3 = s3.credentials_provider(credentials).http_client(aws.clone());
    let ledger = Ledger::new(client.clone(), "ledger");
    let mut services = Services::new(client, None, ledger, Functions::new(), Timestamp::now);
    let wiring = Wiring {
        queue_url: "https://sqs.eu-central-1.amazonaws.com/111122223333/changes.fifo".into(),
        queue_arn: "arn:aws:sqs:eu-central-1:111122223333:changes.fifo".into(),
        dead_letters_url: "https://sqs.eu-central-1.amazonaws.com/111122223333/dead.fifo".into(),
        capture_function: "capture".into(),
        replay_function: "replay".into(),
        export_bucket: "exports".into(),
    };
    services.carrier = Some(Carrier::new(lambda, sqs, s3, streams, wiring));
    services
}

fn plan(definition: &str) -> Plan {
    let attribute = |name: &str, kind| KeyAttribute { name: name.into(), kind };
    let definition = Definition::from_yaml(definition).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let (year, title) = (attribute("year", AttributeType::N), attribute("title", AttributeType::S));
    // The key that is kept is turned around.
    let target_key = match definition.transform.is_empty() {
        true => KeySchema { partition: title.clone(), sort: Some(year.clone()) },
        false => KeySchema { partition: attribute("id", AttributeType::S), sort: None },
    };
    let now = Timestamp::UNIX_EPOCH;
    Plan {
        run: RunId::new(&definition.migration, now),
        engine: Engine::Direct,
        database: None,
        attempt: 1,
        scope: Scope::Segments,
        job: Job::Migrate,
        of: None,
        started: now,
        now,
        definition,
        key: KeySchema { partition: year, sort: Some(title) },
        target_key: Some(target_key),
        children: 1,
        concurrency: 1,
        expected_items: 0,
        expected_bytes: 0,
    }
}
