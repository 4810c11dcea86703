//! What the worker costs per item: `cargo bench -p migration`.
//!
//! The segment worker runs as it does in its Lambda function, with the real SDK client, real signatures and real
//! JSON, against a connector that answers at once. Beside it stands the SDK alone: the same requests, made
//! of what was worked out before. Rounds of the two alternate; each figure is of the round with the median CPU time.
//! Counting allocations costs both about a fifteenth of that. Words after `--` choose rows: `-- 1000 batched`.
//!
//! The aims, for 1,000 bytes: at most 100 us of CPU where an item changes, 20 us of them in batches, at most 15 us where
//! it doesn't.
#![allow(clippy::print_stdout, missing_docs, reason = "a report on a terminal")]

mod aws;
mod items;

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use migration::definition::{Definition, KeyAttribute, KeySchema, WriteRequests};
use migration::expression::{self, Expressions};
use migration::item::{AttributeType, Item};
use migration::plan::{Engine, Job, Plan, RunId, Scope};
use migration::transform::{Functions, Run, Transform, Verdict};
use migration::{Ledger, Services, Task};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use aws::Canned;
use items::Case;

const ROUNDS: usize = 7;
/// A Scan returns at most 1 MB.
const PAGE_BYTES: usize = 1 << 20;
/// As many as the worker has.
const WRITES_IN_FLIGHT: usize = 16;
const BATCHES_IN_FLIGHT: usize = 4;
const WAYS: [WriteRequests; 2] = [WriteRequests::Single, WriteRequests::Batched];

fn main() {
    // `cargo test --benches` runs it too: it only has to work then.
    let (flags, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let rounds = if flags.iter().any(|flag| flag == "--bench") { ROUNDS } else { 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!(
        "{:>6}  {:<26}{:<9}{:>9}{:>10}{:>10}{:>8}{:>10}{:>10}{:>10}",
        "bytes", "an item that", "writes", "items/s", "CPU us", "SDK us", "ratio", "requests", "bytes", "allocs"
    );
    for bytes in [200, 1_000, 10_000] {
        for (case, writes) in Case::ALL.into_iter().flat_map(|case| WAYS.map(|writes| (case, writes))) {
            let row = format!("{bytes:>6}  {:<26}{:<9}", case.name(), format!("{writes:?}").to_lowercase());
            if !words.iter().all(|word| row.contains(word)) {
                continue;
            }
            let bench = Bench::new(case, bytes, writes);
            runtime.block_on(bench.work());
            let batches = bench.aws.batches(bench.updates.len());
            let mut worker = Vec::new();
            let mut sdk = Vec::new();
            for _ in 0..rounds {
                worker.push(bench.measure(|| runtime.block_on(bench.work())));
                sdk.push(bench.measure(|| runtime.block_on(bench.send(&batches))));
            }
            let (worker, sdk) = (Figures::median(worker), Figures::median(sdk));
            println!(
                "{row}{:>9.0}{:>10.1}{:>10.1}{:>8.2}{:>10.3}{:>10.0}{:>10.1}",
                worker.items_per_second,
                worker.cpu_us,
                sdk.cpu_us,
                worker.cpu_us / sdk.cpu_us,
                worker.requests,
                worker.bytes,
                worker.allocations,
            );
        }
    }
}

/// One case at one size.
struct Bench {
    aws: Canned,
    client: Client,
    services: Services,
    plan: Plan,
    /// What the worker sends for each item of a page, worked out before.
    updates: Vec<(Item, Expressions)>,
    items: u64,
}

impl Bench {
    fn new(case: Case, bytes: usize, writes: WriteRequests) -> Self {
        let page: Vec<Item> = (0..PAGE_BYTES / bytes).map(|number| case.item(number, bytes)).collect();
        let pages = (8_000 / page.len()).max(2) as u64;
        let plan = plan(case, writes);
        let aws = Canned::new(&plan, &page, pages);
        let client = aws.client();
        let ledger = Ledger::new(client.clone(), "ledger");
        let services = Services::new(client.clone(), None, ledger, Functions::new(), Timestamp::now);
        let updates: Vec<_> = page.iter().filter_map(|item| update(&plan, item)).collect();
        assert_eq!(updates.len(), if case == Case::Stays { 0 } else { page.len() }, "{case:?} of {bytes} bytes");
        Self { aws, client, services, plan, updates, items: page.len() as u64 * pages }
    }

    /// The worker's way.
    async fn work(&self) {
        let input = json!({ "run": self.plan.run, "child": 0, "loops": 0 });
        let answer = Task::MigrateSegment.run(&self.services, input, None).await.expect("nothing fails");
        assert_eq!(answer["done"], true);
    }

    /// The same requests to the table, without the worker.
    async fn send(&self, batches: &[Vec<BatchStatementRequest>]) {
        for _ in 0..self.aws.pages() {
            let scan = self.client.scan().table_name("movies").segment(0).total_segments(1);
            let page = scan.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("a page");
            assert!(!page.items().is_empty());
            if self.plan.definition.writes == WriteRequests::Batched {
                let batches = stream::iter(batches).map(|batch| self.send_batch(batch));
                batches.buffer_unordered(BATCHES_IN_FLIGHT).for_each(std::future::ready).await;
                continue;
            }
            let updates = stream::iter(&self.updates).map(|(key, expressions)| self.send_update(key, expressions));
            updates.buffer_unordered(WRITES_IN_FLIGHT).for_each(std::future::ready).await;
        }
    }

    async fn send_update(&self, key: &Item, expressions: &Expressions) {
        let update = self.client.update_item().table_name("movies").set_key(Some(key.clone()));
        update
            .update_expression(&expressions.update)
            .condition_expression(&expressions.condition)
            .set_expression_attribute_names(Some(expressions.names.clone()))
            .set_expression_attribute_values(Some(expressions.values.clone()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
            .expect("nothing fails");
    }

    async fn send_batch(&self, statements: &[BatchStatementRequest]) {
        let batch = self.client.batch_execute_statement().set_statements(Some(statements.to_vec()));
        batch.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("nothing fails");
    }

    fn measure(&self, mut round: impl FnMut()) -> Figures {
        let items = self.items as f64;
        self.aws.take_requests();
        let (start, cpu) = (Instant::now(), cpu_time());
        let allocated = allocation_counter::measure(&mut round);
        let (cpu, seconds) = (cpu_time() - cpu, start.elapsed().as_secs_f64());
        Figures {
            items_per_second: items / seconds,
            cpu_us: cpu.as_secs_f64() * 1e6 / items,
            requests: self.aws.take_requests() as f64 / items,
            bytes: allocated.bytes_total as f64 / items,
            allocations: allocated.count_total as f64 / items,
        }
    }
}

/// Per item.
struct Figures {
    items_per_second: f64,
    cpu_us: f64,
    requests: f64,
    bytes: f64,
    allocations: f64,
}

impl Figures {
    /// The round with the median of CPU time.
    fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_unstable_by(|one, other| one.cpu_us.total_cmp(&other.cpu_us));
        rounds.swap_remove(rounds.len() / 2)
    }
}

/// Of this process, user and system.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn plan(case: Case, writes: WriteRequests) -> Plan {
    let attribute = |name: &str, kind| KeyAttribute { name: name.into(), kind };
    let definition = Definition::from_yaml(case.definition()).expect("a migration");
    let definition = Definition { writes, ..definition };
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
        key: KeySchema {
            partition: attribute("year", AttributeType::N),
            sort: Some(attribute("title", AttributeType::S)),
        },
        target_key: None,
        children: 1,
        concurrency: 1,
        expected_items: 0,
        expected_bytes: 0,
    }
}

fn update(plan: &Plan, item: &Item) -> Option<(Item, Expressions)> {
    let run = Run { now: plan.now };
    let transform = Transform::new(plan.definition.clone(), plan.key.clone(), &Functions::new(), run).expect("ready");
    let Ok(Verdict::Update { edits, seen }) = transform.apply(item) else { return None };
    let expressions = expression::update(item, "year", &edits, &seen).expect("it fits");
    let key = plan.key.attributes().map(|key| (key.name.clone(), AttributeValue::clone(&item[&key.name])));
    Some((key.collect(), expressions))
}
