//! R11, and what people ask of a run while it goes on: hold still, go on, go slower, end in order. The time is virtual.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asl::interpret::MemoryObjects;
use async_trait::async_trait;
use jiff::Timestamp;
use migration::plan::{Plan, RunId};
use migration::summary::{Status, Summary};
use migration::transform::Functions;
use migration::{Services, Task, control, local};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::tap::{Answer, Forward, Recorder, Request, Tap, refusal};
use crate::world::{Billing, World, assert_adds_up, item, things};

const COUNT: &str = "marker: done\nsegments: 4\ntransform: [ { increment: { path: n, by: 1 } } ]";
/// Three quarters of it are 75 units a second.
const SMALL: Billing = Billing::Provisioned { read_units: 1_000, write_units: 100 };

/// The time of day, as tokio's clock has it.
fn virtual_now() -> Timestamp {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let elapsed = BEGAN.get_or_init(Instant::now).elapsed();
    Timestamp::from_second(1_795_167_000).unwrap() + jiff::SignedDuration::try_from(elapsed).unwrap()
}

/// A run that goes on, and the writes that it has sent.
struct UnderWay {
    world: World,
    run: RunId,
    writes: Arc<Recorder>,
    ending: JoinHandle<Result<Summary, migration::Error>>,
}

async fn under_way(items: usize, steps: &str) -> UnderWay {
    let mut world = World::new(SMALL, things(items)).await;
    let writes = Arc::new(Recorder { operation: "UpdateItem", seen: Mutex::default() });
    world.tap = Some(writes.clone());
    let plan = world.plan(steps).await;
    let (services, run) = (services(&world), plan.run.clone());
    let ending = tokio::spawn(async move { local::run(services, &plan, MemoryObjects::new()).await });
    UnderWay { world, run, writes, ending }
}

fn services(world: &World) -> Arc<Services> {
    let mut services = world.services(Functions::new());
    Arc::get_mut(&mut services).unwrap().clock = virtual_now;
    services
}

impl UnderWay {
    fn written(&self) -> usize {
        self.writes.seen.lock().unwrap().len()
    }

    /// Writes a second over so many seconds.
    async fn rate(&self, seconds: u64) -> f64 {
        let before = self.written();
        sleep(Duration::from_secs(seconds)).await;
        (self.written() - before) as f64 / seconds as f64
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_leaves_a_quarter_to_others_and_goes_as_slow_as_it_is_told() {
    let run = under_way(3_000, COUNT).await;
    sleep(Duration::from_secs(2)).await;
    let rate = run.rate(10).await;
    assert!((71.0..=76.0).contains(&rate), "{rate}");
    let asked = control::throttle(&run.world.ledger, &run.run, NonZeroU32::new(20), None).await.unwrap();
    assert_eq!(asked.write_units, NonZeroU32::new(20));
    sleep(Duration::from_secs(3)).await;
    let rate = run.rate(20).await;
    assert!((18.0..=21.0).contains(&rate), "{rate}");
    control::throttle(&run.world.ledger, &run.run, None, None).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let rate = run.rate(10).await;
    assert!((71.0..=76.0).contains(&rate), "{rate}");
    let summary = run.ending.await.unwrap().unwrap();
    assert_eq!((summary.status, summary.counts.written), (Status::Succeeded, 3_000));
    assert_eq!(summary.counts.throttled(), 0);
    assert_eq!(summary.counts.waits.longest(), Some("the budget"));
}

/// Every request takes 5 ms, so that a run uses a part of its budget only.
struct Slow(Arc<Recorder>);

#[async_trait]
impl Tap for Slow {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        sleep(Duration::from_millis(5)).await;
        self.0.pass(request, forward).await
    }
}

/// Where a lease would last for minutes, what people ask of the run is heard within seconds all the same.
#[tokio::test(start_paused = true)]
async fn a_run_that_uses_little_of_its_budget_hears_what_it_is_asked() {
    let mut world = World::new(Billing::Provisioned { read_units: 40_000, write_units: 40_000 }, things(4_000)).await;
    let writes = Arc::new(Recorder { operation: "UpdateItem", seen: Mutex::default() });
    world.tap = Some(Arc::new(Slow(writes.clone())));
    let plan = Plan { concurrency: 1, ..world.plan(COUNT).await };
    let (services, run) = (services(&world), plan.run.clone());
    let ending = tokio::spawn(async move { local::run(services, &plan, MemoryObjects::new()).await });
    let run = UnderWay { world, run, writes, ending };
    sleep(Duration::from_millis(500)).await;
    control::throttle(&run.world.ledger, &run.run, NonZeroU32::new(20), None).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let written = run.written();
    assert!((500..3_500).contains(&written), "{written}");
    let rate = run.rate(10).await;
    assert!((17.0..=21.0).contains(&rate), "{rate}");
    control::stop(&run.world.ledger, &run.run).await.unwrap();
    assert_eq!(run.ending.await.unwrap().unwrap().status, Status::Stopped);
}

/// Refuses every write for lack of capacity.
struct Refusing(Value);

#[async_trait]
impl Tap for Refusing {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation != "UpdateItem" {
            return forward.await;
        }
        let mut refusal = refusal("ProvisionedThroughputExceededException");
        let mut body: Value = serde_json::from_slice(refusal.body().bytes().unwrap()).unwrap();
        body["ThrottlingReasons"] = json!([{ "reason": self.0, "resource": "arn:aws:dynamodb:::table/things" }]);
        *refusal.body_mut() = body.to_string().into();
        Ok(refusal)
    }
}

/// R6: items of 371 units, at a rate that has been cut to one, would wait for minutes.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_throttled_hears_that_it_shall_stop() {
    for reason in ["TableWriteKeyRangeThroughputExceeded", "TableWriteProvisionedThroughputExceeded"] {
        let big = "x".repeat(380_000);
        let items = (0..20).map(|at| item(&at.to_string(), json!({ "n": { "N": "0" }, "big": { "S": big } })));
        let mut world = World::new(Billing::OnDemand, items.collect()).await;
        world.tap = Some(Arc::new(Refusing(reason.into())));
        let plan = world.plan(COUNT).await;
        let (services, ledger, run) = (services(&world), world.ledger.clone(), plan.run.clone());
        let ending = tokio::spawn(async move { local::run(services, &plan, MemoryObjects::new()).await });
        sleep(Duration::from_secs(90)).await;
        let asked = Instant::now();
        control::stop(&ledger, &run).await.unwrap();
        assert_eq!(ending.await.unwrap().unwrap().status, Status::Stopped, "{reason}");
        assert!(asked.elapsed() < Duration::from_secs(20), "{reason}: {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_writes_nothing_until_it_goes_on() {
    let run = under_way(1_000, COUNT).await;
    sleep(Duration::from_secs(3)).await;
    control::pause(&run.world.ledger, &run.run).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let written = run.written();
    assert!((100..700).contains(&written), "{written}");
    // Longer than a worker's call lasts: its child calls again, and again.
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(run.written(), written);
    let asked = control::go_on(&run.world.ledger, &run.run).await.unwrap();
    assert!(!asked.paused);
    let summary = run.ending.await.unwrap().unwrap();
    assert_eq!((summary.status, summary.counts.written), (Status::Succeeded, 1_000));
    assert!(summary.counts.waits.paused > 3_000.0, "{:?}", summary.counts.waits);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_ends_in_order_and_can_be_resumed() {
    for is_paused in [false, true] {
        let run = under_way(1_000, COUNT).await;
        sleep(Duration::from_secs(3)).await;
        if is_paused {
            control::pause(&run.world.ledger, &run.run).await.unwrap();
            sleep(Duration::from_secs(3)).await;
        }
        control::stop(&run.world.ledger, &run.run).await.unwrap();
        let stopped = run.ending.await.unwrap().unwrap();
        assert_eq!(stopped.status, Status::Stopped);
        assert_adds_up(&stopped);
        // All that was written is in the books.
        let written = run.world.items().await.iter().filter(|item| item["done"].is_object()).count();
        assert!((100..700).contains(&written), "{written}");
        assert_eq!(stopped.counts.written, written as u64);
        let resumed = run.world.resume(&run.run).await;
        assert_eq!((resumed.status, resumed.attempt), (Status::Succeeded, 2));
        assert_eq!((resumed.counts.scanned, resumed.counts.written, resumed.counts.unchanged), (1_000, 1_000, 0));
    }
}

/// Processes that know nothing of one another share the budget, and none of it is left unused when one has ended.
#[tokio::test(start_paused = true)]
async fn the_budget_is_the_runs_however_many_processes_work_on_it() {
    for processes in [1, 3] {
        let world = World::new(SMALL, things(3_000)).await;
        let plan = world.plan(&COUNT.replace("segments: 4", "segments: 6")).await;
        let plan = Plan { children: 3, ..plan };
        let prepared = services(&world);
        Task::Prepare.run(&prepared, serde_json::to_value(&plan).unwrap(), None).await.unwrap();
        let began = Instant::now();
        let work = (0..processes).map(|process| {
            let services = services(&world);
            let children: Vec<u32> = (0..3).filter(|child| child % processes == process).collect();
            let run = plan.run.clone();
            tokio::spawn(async move {
                for child in children {
                    let work = json!({ "run": run, "child": child, "attempt": 1, "loops": 0 });
                    let answer: Value = Task::MigrateSegment.run(&services, work, None).await.unwrap();
                    assert_eq!(answer["done"], true);
                }
            })
        });
        for work in work.collect::<Vec<_>>() {
            work.await.unwrap();
        }
        // At the start a lease is already there to be used, at the end one may be left.
        let rate = 3_000.0 / began.elapsed().as_secs_f64();
        assert!((71.0..=77.0).contains(&rate), "{processes} processes: {rate}");
    }
}
