//! The same for a copy: the document of a copy, with the mappings and the functions that carry changes, beside an application
//! that writes to the source. When all is calm the target holds the image of every item of the source, and nothing else; and
//! where it is cut over with a way back, the source what leads back from every item of the target.

mod application;
mod damage;
mod going_back;
mod guards;
mod images;
mod scenario;
mod twins;
mod way_back;
mod world;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use embedded::{Befallen, Faults, Misfortunes, Weather};
use futures_util::future::{join, join_all};
use migration::cutover::letters::{self, Which};
use migration::plan::RunId;
use migration::summary::{self, RunFailure, Status};
use migration::{Kind, Services, Task, prewarm};

use self::application::Actor;
use self::damage::Damage;
pub(crate) use self::guards::Guard;
pub(crate) use self::scenario::Scenario;
pub(crate) use self::world::TARGET;
use self::world::{dead_letters, register};
use crate::clock;
use crate::judge::{End, capacity};
use crate::lambda::{Lambda, Met};
use crate::model::{Broken, Promise};
use crate::sabotage::Sabotage;
use crate::scenario::Hazards;
use crate::seed::{Verdict, attempt, attempts, on_a_runtime};
use crate::wire::Traffic;
use crate::world::World;

/// When everything has come to rest: a batch is tried again after a minute at most, a message after three.
const CALM: Duration = Duration::from_secs(1_200);

/// Where more than so many changes can't be applied, whatever is retried, something is wrong.
const MOST_LETTERS: u64 = 1_000;

/// How much later than an invocation a change may be, with whatever else is in its way: then a queue that is empty says all.
const LATENESS: Duration = Duration::from_secs(60);

/// Plays a seed.
pub(crate) fn play(seed: u64) -> Verdict {
    // The jitter of retries is drawn from the thread's own generator.
    fastrand::seed(seed);
    on_a_runtime(course(Scenario::draw(seed), None))
}

/// Plays a seed that provokes what a guard is there against, with the guard in its place or without it.
pub(crate) fn play_against(guard: Guard, seed: u64, is_missing: bool) -> Verdict {
    fastrand::seed(seed);
    on_a_runtime(course(guard.provoke(Scenario::draw(seed)), is_missing.then_some(guard)))
}

/// A seed while it is played.
struct Played<'p> {
    scenario: &'p Scenario,
    world: &'p Arc<World>,
    /// What passes between the database and whoever follows the execution, or cuts over.
    traffic: &'p Arc<Traffic>,
    guard: Option<Guard>,
    misfortunes: Misfortunes,
}

impl Played<'_> {
    /// From here on `lambda` runs the functions of the mappings.
    fn turn(&self, lambda: &Lambda, is_rough: bool) {
        register(self.world, lambda, self.guard);
        self.world.database.set_hazards(is_rough.then(|| self.misfortunes.clone()));
    }

    /// What runs when all is calm.
    fn lambda(&self) -> Lambda {
        let (world, traffic, seed) = (self.world.clone(), self.traffic.clone(), self.scenario.common.seed);
        Lambda::new(world, traffic, Weather::default(), Hazards::NONE, seed)
    }

    /// What a person at the command line works with then.
    fn person(&self) -> Services {
        let faults = Faults::new(self.scenario.common.seed, Weather::default());
        self.lambda().services(Task::StartReplay, &faults)
    }
}

async fn course(scenario: Scenario, guard: Option<Guard>) -> Verdict {
    let world = world::new(&scenario).await;
    let sabotage = guard.map(Sabotage::OfCopy);
    let common = &scenario.common;
    let traffic = Arc::new(Traffic::new(sabotage, common.page_items));
    // Functions that mappings call live on when whoever follows the execution dies.
    let on_the_way = Arc::new(Traffic::new(sabotage, None));
    let rough = Lambda::new(world.clone(), on_the_way.clone(), common.weather.clone(), common.hazards, common.seed);
    let calm = Lambda::new(world.clone(), on_the_way.clone(), Weather::default(), Hazards::NONE, common.seed);
    let misfortunes = Misfortunes::new(common.seed, scenario.misfortunes.clone());
    let played = Played { scenario: &scenario, world: &world, traffic: &traffic, guard, misfortunes };
    played.turn(&rough, true);
    let application = application(&scenario, &world);
    let application = async { (application.await, clock::now()) };
    let damage = Damage::new(&world);
    let run = async {
        tokio::select! {
            biased;
            ended = attempts(common, &world, &traffic) => ended,
            never = damage.done_if(scenario.export.is_some_and(|export| export.is_damaged), common.seed) => match never {},
        }
    };
    let ((of_application, stopped), (end, mut met)) = join(application, run).await;
    met += of_application;
    let is_unread = damage.is_told_of().await;
    damage.mend().await;
    played.turn(&calm, false);
    tokio::time::sleep(CALM).await;
    // Where two items have one place there are differences for good; others are forgiven while changes are on their way.
    let on_their_way = stopped + *scenario.misfortunes.after.end() + LATENESS;
    let is_on_its_way = differs(&end) && traffic.compared_from().is_some_and(|began| began < on_their_way);
    // A person's requests are not those of the tasks.
    let mut asked = traffic.asked();
    let letters = retried(&played, &world.plan.run).await;
    let is_forgiven = differs(&end) && letters > 0 || is_on_its_way;
    let end = match is_unread || is_forgiven && !scenario.has_twins {
        true => resumed(&scenario, &world, &traffic, end).await,
        false => end,
    };
    let mut broken = judge(&played, &end).await;
    let writes = traffic.writes_to_source() + on_the_way.writes_to_source();
    if writes > 0 {
        broken.push(Broken::new(Promise::LiveWrites, format!("{writes} writes to the source, which is only read")));
    }
    if broken.is_empty() && scenario.is_cut_over {
        let (found, deaths) = way_back::play(&played, &rough, &calm).await;
        met += Met { cut_over: 1, died: deaths, ..Met::default() };
        broken.extend(found);
    }
    world.database.forget_functions();
    met += rough.met();
    met += of_misfortunes(&played);
    met += Met {
        exported: scenario.export.is_some().into(),
        raised: prewarm::raised_by(&world.ledger, &world.plan.run).await.unwrap().is_some().into(),
        unread: is_unread.into(),
        retried: letters,
        refused: traffic.refused() + on_the_way.refused(),
        twins: scenario.has_twins.into(),
        ..Met::default()
    };
    let changes = end.report.as_ref().map_or(0, |report| report.counts.written);
    let conflicts = end.report.as_ref().map_or(0, |report| report.counts.conflicts);
    let requests = traffic.requests() + on_the_way.requests();
    asked.extend(on_the_way.asked());
    let trace = traffic.trace() ^ on_the_way.trace().rotate_left(1);
    Verdict { broken, trace, met, requests, conflicts, changes, asked }
}

fn of_misfortunes(played: &Played<'_>) -> Met {
    let Befallen { killed, lost, late, repeated, forked, rewound } = played.misfortunes.met();
    Met { dropped: killed, lost, late, repeated, forked, rewound, ..Met::default() }
}

/// Whether a run has found differences, and nothing worse.
fn differs(end: &End) -> bool {
    let differs = |failure: &RunFailure| failure.error == Kind::TablesDiffer.name();
    end.report.as_ref().is_some_and(|report| report.failure.as_ref().is_some_and(differs))
}

/// Retries the changes that could not be applied, as a person does, until there are none but those of items that have one place;
/// tells how many there were.
async fn retried(played: &Played<'_>, run: &RunId) -> u64 {
    // Whoever does this lives on.
    played.traffic.begin(None, None);
    let services = played.person();
    let mut retried = 0;
    loop {
        let letters = letters::list(&services, run).await.unwrap();
        let keys = letters.into_iter().filter_map(|letter| letter.key);
        let keys: Vec<_> = keys.filter(|key| !(played.scenario.has_twins && twins::is_one(key))).collect();
        if keys.is_empty() || retried > MOST_LETTERS {
            return retried;
        }
        for key in keys {
            retried += letters::retry(&services, run, &Which::OfItem(key)).await.unwrap().len() as u64;
        }
        tokio::time::sleep(CALM).await;
    }
}

/// Resumes a run that found differences while its changes were still on their way, or a file that it could not read. When all is
/// calm there is neither.
async fn resumed(scenario: &Scenario, world: &Arc<World>, traffic: &Arc<Traffic>, end: End) -> End {
    traffic.begin(None, None);
    let lambda = Lambda::new(world.clone(), traffic.clone(), Weather::default(), Hazards::NONE, scenario.common.seed);
    let plan = world.next_plan().await;
    attempt(&plan, traffic, lambda.clone(), None, scenario.common.seed).await;
    lambda.settle().await;
    let report = summary::read(&world.ledger, &plan.run).await.expect("the ledger is there");
    End { report: report.filter(|report| report.attempt == plan.attempt), attempts: end.attempts + 1 }
}

/// Actors at work; shards split and items expire meanwhile.
async fn application(scenario: &Scenario, world: &Arc<World>) -> Met {
    let latency = Weather { latency: scenario.common.weather.latency.clone(), ..Weather::default() };
    let faults = Faults::new(scenario.common.seed, latency);
    let config = migration::client_config(world.database.client_builder());
    let client = Client::from_conf(config.http_client(world.database.faulty_http_client(&faults)).build());
    let actors = (0..scenario.common.actors).map(|number| Actor::new(number, scenario, world, &client));
    let mut met = Met::default();
    for done in join_all(actors.map(|actor| actor.work(scenario.common.operations))).await {
        met += done;
    }
    met
}

/// Everything that is broken.
async fn judge(played: &Played<'_>, end: &End) -> Vec<Broken> {
    let Played { scenario, world, .. } = played;
    let mut broken = Vec::new();
    let mut expected: Vec<_> = world.items().await.iter().filter_map(|item| scenario.shape.image(item)).collect();
    for found in world.items_of(TARGET).await {
        match expected.iter().position(|image| *image == found) {
            Some(at) => drop(expected.swap_remove(at)),
            None => broken.push(Broken::new(Promise::Ghosts, images::shown(&found))),
        }
    }
    match scenario.has_twins {
        true => broken.extend(twins::judge(world, &played.person(), end.report.as_ref(), &mut expected).await),
        false => broken.extend(books(world, end).await),
    }
    broken.extend(capacity(world).await);
    broken.extend(expected.iter().map(|image| Broken::new(Promise::Images, images::shown(image))));
    broken
}

/// The run has succeeded, and says so.
async fn books(world: &World, end: &End) -> Vec<Broken> {
    let mut broken = Vec::new();
    match &end.report {
        Some(report) if report.status == Status::Succeeded => {
            if report.counts.failed > 0 {
                broken.push(Broken::new(Promise::Books, format!("{} items failed", report.counts.failed)));
            }
        }
        report => {
            let reason = report.as_ref().and_then(|report| report.failure.as_ref());
            let how = format!("after {} attempts, the last one calm: {reason:?}", end.attempts);
            broken.push(Broken::new(Promise::Ends, how));
        }
    }
    let letters = dead_letters(world).await;
    if letters > 0 {
        broken.push(Broken::new(Promise::Books, format!("{letters} changes could not be applied")));
    }
    broken
}
