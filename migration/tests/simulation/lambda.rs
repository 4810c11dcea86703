//! The functions as Lambda runs them: each invocation in a sandbox that nobody else is in, a warm one where there is one, killed at
//! any of its requests, out of time, delivered twice; and the process around all of them, which may die.

use std::collections::HashMap;
use std::ops::{AddAssign, RangeInclusive};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asl::interpret::{Call, TaskCall, TaskFailure, Tasks};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use embedded::{Cut, Faults, Weather};
use migration::transform::Functions;
use migration::{Ledger, Services, Task};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::sabotage::Sabotage;
use crate::scenario::Hazards;
use crate::wire::{Traffic, Wire};
use crate::world::{LEDGER, World};

/// A Lambda function's time.
pub(crate) const WHOLE_TIME: Duration = Duration::from_secs(900);
/// How long a request of a slow invocation is under way, and its answer.
const SLOW: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(25);

/// Workers begin no page in their last minute, and what carries changes no request in its last five seconds.
const HURRIED_WORKER: Duration = Duration::from_secs(60);
const HURRIED_CARRIER: Duration = Duration::from_secs(5);

/// How often each hazard was met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) faults: u64,
    pub(crate) killed: u64,
    pub(crate) timed_out: u64,
    pub(crate) hurried: u64,
    pub(crate) doubled: u64,
    pub(crate) stepped: u64,
    pub(crate) died: u64,
    pub(crate) expired: u64,
    pub(crate) asked: u64,
    pub(crate) slow: u64,
    pub(crate) cut_over: u64,
    pub(crate) retried: u64,
    pub(crate) exported: u64,
    pub(crate) raised: u64,
    pub(crate) unread: u64,
    pub(crate) twins: u64,
    pub(crate) splits: u64,
    pub(crate) expired_items: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
    pub(crate) late: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) forked: u64,
    pub(crate) rewound: u64,
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Self) {
        self.faults += other.faults;
        self.killed += other.killed;
        self.timed_out += other.timed_out;
        self.hurried += other.hurried;
        self.doubled += other.doubled;
        self.stepped += other.stepped;
        self.died += other.died;
        self.expired += other.expired;
        self.asked += other.asked;
        self.slow += other.slow;
        self.cut_over += other.cut_over;
        self.retried += other.retried;
        self.exported += other.exported;
        self.raised += other.raised;
        self.unread += other.unread;
        self.twins += other.twins;
        self.splits += other.splits;
        self.expired_items += other.expired_items;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.late += other.late;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.forked += other.forked;
        self.rewound += other.rewound;
    }
}

/// The functions of one attempt at a run. Clones share it.
#[derive(Clone)]
pub(crate) struct Lambda {
    world: Arc<World>,
    traffic: Arc<Traffic>,
    weather: Weather,
    hazards: Hazards,
    alive: TaskTracker,
    state: Arc<Mutex<State>>,
}

struct State {
    random: StdRng,
    met: Met,
    kills: Vec<AbortHandle>,
    weathers: Vec<Faults>,
    /// Those whose last invocation has ended by itself: the next ones go on in them, as Lambda has it.
    warm: HashMap<Task, Vec<Sandbox>>,
}

/// What an invocation works in.
struct Sandbox {
    services: Services,
    faults: Faults,
}

/// What an invocation is in for.
struct Luck {
    seed: u64,
    cut: Option<(u64, Cut)>,
    time: Duration,
    /// From which of its requests on it is slow.
    slow: Option<u64>,
}

impl Lambda {
    pub(crate) fn new(world: Arc<World>, traffic: Arc<Traffic>, weather: Weather, hazards: Hazards, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let state =
            State { random, met: Met::default(), kills: Vec::new(), weathers: Vec::new(), warm: HashMap::new() };
        Self { world, traffic, weather, hazards, alive: TaskTracker::new(), state: Arc::new(Mutex::new(state)) }
    }

    /// One invocation that is not the document's: a mapping's.
    pub(crate) async fn call(&self, task: Task, event: Value) -> Result<Value, TaskFailure> {
        let luck = self.luck(HURRIED_CARRIER);
        self.invocation(task, event, luck).await
    }

    /// Waits until no invocation is left.
    pub(crate) async fn settle(&self) {
        self.alive.close();
        self.alive.wait().await;
    }

    /// Ends all invocations where they stand.
    pub(crate) async fn die(&self) {
        self.state.lock().unwrap().kills.iter().for_each(AbortHandle::abort);
        self.settle().await;
    }

    pub(crate) fn met(&self) -> Met {
        let state = self.state.lock().unwrap();
        Met { faults: state.weathers.iter().map(Faults::met).sum(), ..state.met }
    }

    /// Begins an invocation; its answer goes to `answers`, unless it is killed with the process.
    fn begin(&self, task: Task, payload: Value, answers: mpsc::UnboundedSender<Result<Value, TaskFailure>>) {
        let luck = self.luck(HURRIED_WORKER);
        let this = self.clone();
        let work = self.alive.spawn(async move {
            let answer = this.invocation(task, payload, luck).await;
            // Nobody listens to the second of two, or to one whose execution has ended.
            let _ = answers.send(answer);
        });
        self.state.lock().unwrap().kills.push(work.abort_handle());
    }

    /// What an invocation is in for that begins nothing more when so much of its time is left.
    fn luck(&self, last: Duration) -> Luck {
        let state = &mut *self.state.lock().unwrap();
        let hazards = self.hazards;
        let random = &mut state.random;
        if random.random_bool(hazards.stepped) {
            clock::step(random.random_range(-3_600_000..3_600_000));
            state.met.stepped += 1;
        }
        let cut = random.random_bool(hazards.killed).then(|| {
            let cut = if random.random_bool(0.5) { Cut::Before } else { Cut::After };
            (random.random_range(0..25), cut)
        });
        let hurried = last + Duration::from_millis(random.random_range(10..600));
        let is_hurried = random.random_bool(hazards.hurried);
        state.met.hurried += u64::from(is_hurried);
        let time = if is_hurried { hurried } else { hazards.time };
        // One that has begun like any other may be late with its writes.
        let is_slow = hazards.slow > 0.0 && random.random_bool(hazards.slow);
        let slow = is_slow.then(|| random.random_range(0..16));
        state.met.slow += u64::from(is_slow);
        Luck { seed: random.random(), cut, time, slow }
    }

    async fn invocation(&self, task: Task, payload: Value, luck: Luck) -> Result<Value, TaskFailure> {
        let guard = self.traffic.sabotage.and_then(Sabotage::of_copy);
        if let Some(answer) = guard.and_then(|guard| guard.instead_of(task)) {
            return Ok(answer);
        }
        let sandbox = self.sandbox(task, &luck);
        let Sandbox { services, faults } = &sandbox;
        let deadline = Instant::now() + luck.time;
        if let Some(before) = guard.and_then(|guard| guard.ahead_of(task)) {
            while before.run(services, payload.clone(), None).await.is_ok_and(|answer| answer["ready"] != true) {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
        let answer = tokio::select! {
            biased;
            answer = task.run(services, payload, Some(deadline)) => answer.map_err(|error| {
                let name = error.kind().name();
                let cause = json!({ "errorType": name, "errorMessage": error.to_string() });
                TaskFailure::new(name, cause.to_string())
            }),
            () = faults.cut_off() => {
                self.state.lock().unwrap().met.killed += 1;
                return Err(TaskFailure::new("Lambda.Unknown", "the sandbox was killed"));
            }
            () = tokio::time::sleep_until(deadline) => {
                self.state.lock().unwrap().met.timed_out += 1;
                return Err(TaskFailure::new("Sandbox.Timedout", "the sandbox's time is up"));
            }
        };
        self.state.lock().unwrap().warm.entry(task).or_default().push(sandbox);
        answer
    }

    /// One that is warm, where there is one.
    fn sandbox(&self, task: Task, luck: &Luck) -> Sandbox {
        let weather = self.weather.clone();
        let warm = self.state.lock().unwrap().warm.get_mut(&task).and_then(Vec::pop);
        let sandbox = warm.unwrap_or_else(|| {
            let faults = Faults::new(luck.seed, weather.clone());
            self.state.lock().unwrap().weathers.push(faults.clone());
            Sandbox { services: self.services(task, &faults), faults }
        });
        sandbox.faults.renew(luck.seed, weather);
        if let Some(number) = luck.slow {
            sandbox.faults.slow_from(number, SLOW);
        }
        if let Some((number, cut)) = luck.cut {
            sandbox.faults.cut_off_at(number, cut);
        }
        sandbox
    }

    /// What an invocation works with; its requests count as those of `task`.
    pub(crate) fn services(&self, task: Task, faults: &Faults) -> Services {
        let wire = Wire::new(self.traffic.clone(), task, faults.clone());
        let database = &self.world.database;
        let http = wire.to(database.faulty_http_client(faults));
        let config = migration::client_config(database.client_builder()).http_client(http.clone());
        let client = Client::from_conf(config.build());
        let carrier = self.world.carrier(http);
        let mut services =
            Services::new(client.clone(), None, Ledger::new(client, LEDGER), Functions::new(), clock::now);
        services.carrier = carrier;
        services
    }

    fn is_doubled(&self) -> bool {
        let state = &mut *self.state.lock().unwrap();
        let is_doubled = state.random.random_bool(self.hazards.doubled);
        state.met.doubled += u64::from(is_doubled);
        is_doubled
    }
}

#[async_trait]
impl Tasks for Lambda {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        let Call::Lambda { function, payload } = call.call else {
            return Err(TaskFailure::new("States.Runtime", "the document calls no other service"));
        };
        let task = Task::of_function_arn(&function).expect("the document calls tasks only");
        let (answers, mut answered) = mpsc::unbounded_channel();
        if self.is_doubled() {
            self.begin(task, payload.clone(), answers.clone());
        }
        self.begin(task, payload, answers);
        match answered.recv().await {
            Some(answer) => answer,
            // It died with the process, and so does whoever waits here.
            None => std::future::pending().await,
        }
    }
}
