//! One seed: its scenario played from the beginning to the verdict, on one thread, in virtual time.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use asl::StateMachine;
use asl::interpret::{Execution, Interpreter, MemoryObjects, TokioClock};
use aws_sdk_dynamodb::Client;
use embedded::{Faults, Weather};
use futures_util::future::{join, join_all};
use migration::plan::Plan;
use migration::summary::{self, Status, Summary};
use migration::{Kind, workflow};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::application::Actor;
use crate::clock;
use crate::judge::{End, judge};
use crate::lambda::{Lambda, Met};
use crate::model::{Broken, Model};
use crate::person::Person;
use crate::sabotage::Sabotage;
use crate::scenario::{Hazards, Scenario};
use crate::wire::Traffic;
use crate::world::World;

/// Attempts at a run in the scenario's weather. One in calm weather follows, and has to succeed.
const ROUGH_ATTEMPTS: u32 = 3;

/// A run ends within hours of virtual time: Restore alone is tried for five.
const LONGEST: Duration = Duration::from_secs(48 * 3_600);

static IN_PLACE: LazyLock<Arc<StateMachine>> =
    LazyLock::new(|| Arc::new(workflow::in_place().expect("the document is valid")));
static COPY: LazyLock<Arc<StateMachine>> = LazyLock::new(|| Arc::new(workflow::copy().expect("the document is valid")));

/// What a seed has come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) broken: Vec<Broken>,
    /// A number for all that has happened.
    pub(crate) trace: u64,
    pub(crate) met: Met,
    pub(crate) requests: u64,
    pub(crate) conflicts: u64,
    pub(crate) changes: u64,
    /// What its tasks have asked of AWS, as IAM has it.
    pub(crate) asked: BTreeSet<String>,
}

/// Plays a seed.
pub(crate) fn play(seed: u64, sabotage: Option<Sabotage>) -> Verdict {
    // The jitter of retries is drawn from the thread's own generator.
    fastrand::seed(seed);
    on_a_runtime(course(Scenario::draw(seed), sabotage))
}

/// Runs a course in virtual time, on this thread.
pub(crate) fn on_a_runtime<T>(course: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime starts").block_on(course)
}

async fn course(scenario: Scenario, sabotage: Option<Sabotage>) -> Verdict {
    let world = World::new(&scenario).await;
    let traffic = Arc::new(Traffic::new(sabotage, scenario.page_items));
    let model = Mutex::new(Model::new(scenario.migration, &scenario.items));
    let latency = Weather { latency: scenario.weather.latency.clone(), ..Weather::default() };
    let faults = Faults::new(scenario.seed, latency);
    let config = migration::client_config(world.database.client_builder());
    let client = Client::from_conf(config.http_client(world.database.faulty_http_client(&faults)).build());
    let actors = (0..scenario.actors).map(|number| Actor::new(number, &scenario, &client, &model));
    let application = join_all(actors.map(|actor| actor.work(scenario.operations)));
    let migration = attempts(&scenario, &world, &traffic);
    let (_, (end, met)) = join(application, migration).await;
    let mut model = model.into_inner().unwrap();
    let broken = judge(&scenario, &world, &mut model, &end).await;
    let conflicts = end.report.map_or(0, |report| report.counts.conflicts);
    let (trace, requests, asked) = (traffic.trace(), traffic.requests(), traffic.asked());
    Verdict { broken, trace, met, requests, conflicts, changes: model.changes, asked }
}

/// Runs the migration, and resumes it until it has ended for good. Invocations may outlive their execution, and meet
/// those of the next.
pub(crate) async fn attempts(scenario: &Scenario, world: &Arc<World>, traffic: &Arc<Traffic>) -> (End, Met) {
    let random = &mut StdRng::seed_from_u64(scenario.seed);
    let (mut met, mut plan, mut lambdas) = (Met::default(), world.plan.clone(), Vec::new());
    for number in 1.. {
        let is_last = number > ROUGH_ATTEMPTS;
        let (weather, hazards) = match is_last {
            false => (scenario.weather.clone(), scenario.hazards),
            true => (Weather::default(), Hazards::NONE),
        };
        let requests = |random: &mut StdRng| random.random_range(0..150);
        let dies_in = random.random_bool(hazards.dies).then(|| requests(random));
        let expires_in = random.random_bool(hazards.expires).then(|| requests(random));
        traffic.begin(dies_in, expires_in);
        let lambda = Lambda::new(world.clone(), traffic.clone(), weather, hazards, random.random());
        let person = random.random_bool(hazards.asked).then(|| Person::new(world, random.random()));
        met.asked += u64::from(person.is_some());
        lambdas.push(lambda.clone());
        let has_died = attempt(&plan, traffic, lambda, person, random.random()).await;
        if has_died {
            join_all(lambdas.iter().map(Lambda::die)).await;
        }
        met.died += u64::from(has_died);
        met.expired += u64::from(traffic.has_expired());
        let report = summary::read(&world.ledger, &plan.run).await.expect("the ledger is there");
        let report = report.filter(|report| report.attempt == plan.attempt);
        if is_last || !has_died && report.as_ref().is_some_and(|report| has_ended_for_good(scenario, report)) {
            join_all(lambdas.iter().map(Lambda::settle)).await;
            lambdas.iter().for_each(|lambda| met += lambda.met());
            return (End { report, attempts: number }, met);
        }
        tokio::time::sleep(Duration::from_secs(random.random_range(0..60))).await;
        plan = world.next_plan().await;
    }
    unreachable!("the last attempt returns")
}

/// One execution; tells whether its process died.
pub(crate) async fn attempt(
    plan: &Plan,
    traffic: &Traffic,
    lambda: Lambda,
    person: Option<Person<'_>>,
    seed: u64,
) -> bool {
    let input = serde_json::to_value(plan).expect("a plan is plain data");
    let document = if plan.definition.target.is_some() { &COPY } else { &IN_PLACE };
    let interpreter = Interpreter::new((*document).clone(), lambda).expect("the document is supported");
    let interpreter = interpreter.objects(MemoryObjects::new()).clock(TokioClock::starting_at(clock::now())).seed(seed);
    let execution = interpreter.run(Execution::new(plan.run.to_string(), input));
    let meddling = async {
        if let Some(person) = person {
            person.ask().await;
        }
        std::future::pending().await
    };
    tokio::select! {
        biased;
        () = traffic.death() => true,
        _ = execution => false,
        () = meddling => unreachable!("who has asked for all there is waits for ever"),
        () = tokio::time::sleep(LONGEST) => false,
    }
}

/// Whether resuming it could change nothing. A part of the items may have too many that fail where the whole has not.
fn has_ended_for_good(scenario: &Scenario, report: &Summary) -> bool {
    let is_hopeless = |error: &str| error == Kind::TooManyFailedItems.name() && !scenario.is_tolerated;
    report.status == Status::Succeeded || report.failure.as_ref().is_some_and(|failure| is_hopeless(&failure.error))
}
