//! The same for a copy: the document of a copy, with the mappings and the functions that carry changes, beside an application
//! that writes to the source. When all is calm the target holds the image of every item of the source, and nothing else; and
//! where it is cut over with a way back, the source what leads back from every item of the target.

mod application;
mod guards;
mod images;
mod scenario;
mod way_back;
mod world;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use embedded::{Befallen, Faults, Misfortunes, Weather};
use futures_util::future::{join, join_all};
use migration::Kind;
use migration::summary::{self, RunFailure, Status};

use self::application::Actor;
pub(crate) use self::guards::Guard;
pub(crate) use self::scenario::Scenario;
use self::world::{TARGET, dead_letters, register};
use crate::judge::End;
use crate::lambda::{Lambda, Met};
use crate::model::{Broken, Promise};
use crate::sabotage::Sabotage;
use crate::scenario::Hazards;
use crate::seed::{Verdict, attempt, attempts, on_a_runtime};
use crate::wire::Traffic;
use crate::world::World;

/// When everything has come to rest: a batch is tried again after a minute at most, a message after three.
const CALM: Duration = Duration::from_secs(1_200);

/// Plays a seed.
pub(crate) fn play(seed: u64, guard: Option<Guard>) -> Verdict {
    // The jitter of retries is drawn from the thread's own generator.
    fastrand::seed(seed);
    on_a_runtime(course(Scenario::draw(seed), guard))
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
    let (_, (end, mut met)) = join(application, attempts(common, &world, &traffic)).await;
    played.turn(&calm, false);
    tokio::time::sleep(CALM).await;
    let end = resumed(&scenario, &world, &traffic, end).await;
    let mut broken = judge(&scenario, &world, &end).await;
    if broken.is_empty() && scenario.is_cut_over {
        let (found, deaths) = way_back::play(&played, &rough, &calm).await;
        met += Met { cut_over: 1, died: deaths, ..Met::default() };
        broken.extend(found);
    }
    world.database.forget_functions();
    met += rough.met();
    let Befallen { killed, lost, late, repeated, forked, rewound } = played.misfortunes.met();
    met += Met { doubled: killed + lost + late + repeated + forked + rewound, ..Met::default() };
    let changes = end.report.as_ref().map_or(0, |report| report.counts.written);
    let conflicts = end.report.as_ref().map_or(0, |report| report.counts.conflicts);
    let requests = traffic.requests() + on_the_way.requests();
    Verdict { broken, trace: traffic.trace() ^ on_the_way.trace().rotate_left(1), met, requests, conflicts, changes }
}

/// Resumes a run that found differences: its changes were still on their way. When all is calm there are none.
async fn resumed(scenario: &Scenario, world: &Arc<World>, traffic: &Arc<Traffic>, end: End) -> End {
    let differs = |failure: &RunFailure| failure.error == Kind::TablesDiffer.name();
    if !end.report.as_ref().is_some_and(|report| report.failure.as_ref().is_some_and(differs)) {
        return end;
    }
    traffic.begin(None, None);
    let lambda = Lambda::new(world.clone(), traffic.clone(), Weather::default(), Hazards::NONE, scenario.common.seed);
    let plan = world.next_plan().await;
    attempt(&plan, traffic, lambda.clone(), None, scenario.common.seed).await;
    lambda.settle().await;
    let report = summary::read(&world.ledger, &plan.run).await.expect("the ledger is there");
    End { report: report.filter(|report| report.attempt == plan.attempt), attempts: end.attempts + 1 }
}

/// Actors at work; shards split and items expire meanwhile.
async fn application(scenario: &Scenario, world: &Arc<World>) {
    let latency = Weather { latency: scenario.common.weather.latency.clone(), ..Weather::default() };
    let faults = Faults::new(scenario.common.seed, latency);
    let config = migration::client_config(world.database.client_builder());
    let client = Client::from_conf(config.http_client(world.database.faulty_http_client(&faults)).build());
    let actors = (0..scenario.common.actors).map(|number| Actor::new(number, scenario, world, &client));
    join_all(actors.map(|actor| actor.work(scenario.common.operations))).await;
}

/// Everything that is broken.
async fn judge(scenario: &Scenario, world: &World, end: &End) -> Vec<Broken> {
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
    let mut expected: Vec<_> = world.items().await.iter().filter_map(|item| scenario.shape.image(item)).collect();
    for found in world.items_of(TARGET).await {
        match expected.iter().position(|image| *image == found) {
            Some(at) => drop(expected.swap_remove(at)),
            None => broken.push(Broken::new(Promise::Ghosts, images::shown(&found))),
        }
    }
    broken.extend(expected.iter().map(|image| Broken::new(Promise::Images, images::shown(image))));
    broken
}
