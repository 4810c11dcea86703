//! After the run: a person cuts the copy over while the functions go on failing, and begins again where their process dies;
//! the application moves, and what it writes to the target from then on is carried to the source. In the end it goes back.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex as Lock};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use embedded::{Faults, Misfortunes, Weather};
use migration::copy::sync::Sync;
use migration::cutover::{self, Mover, Options, Phase};
use migration::item::Item;
use migration::{Error, Services, Task};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;

use super::application::{Actor, string};
use super::images::shown;
use super::world::TARGET;
use super::{Played, Scenario, going_back};
use crate::lambda::Lambda;
use crate::migrations::{number, text};
use crate::model::{Broken, Promise};
use crate::scenario::item;
use crate::wire::Traffic;
use crate::world::World;

/// Whoever cuts over begins so often again while everything fails; after that all is calm.
const ROUGH_TRIES: u32 = 5;
/// And so often in all: a gate that is closed opens when what failed has come again.
const MOST_TRIES: u32 = 12;
/// Between two tries: longer than a message may be hidden.
const PATIENCE: Duration = Duration::from_secs(600);
const WITHIN: Duration = Duration::from_secs(3 * 3_600);

/// How long a request of somebody far away takes, and its answer. The nearer, the more looks there are into quiet minutes.
const FAR_AWAY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(4);

/// Where whoever cuts over may die.
const PHASES: [Phase; 6] =
    [Phase::Draining, Phase::EndingCapture, Phase::EndingReplay, Phase::TurningRound, Phase::Moving, Phase::Clearing];

/// What whoever cuts over has come to.
enum Tried {
    Over,
    Died,
    Refused(Error),
}

/// Cuts over, has the application write to the target, and gives what is broken when all is calm again.
pub(super) async fn play(played: &Played<'_>, rough: &Lambda, calm: &Lambda) -> (Vec<Broken>, u64) {
    let Played { scenario, world, traffic, .. } = played;
    let random = &mut StdRng::seed_from_u64(scenario.common.seed ^ 0xBAC);
    let application = Application::new(scenario, world, traffic);
    let person = played.lambda();
    played.turn(rough, true);
    let misfortunes = Misfortunes::new(scenario.common.seed, scenario.misfortunes_at_the_end.clone());
    world.database.set_hazards(Some(misfortunes));
    let mut deaths = 0;
    for number in 1.. {
        let is_rough = number <= ROUGH_TRIES;
        if !is_rough {
            played.turn(calm, false);
        }
        traffic.begin(None, None);
        let phase = *PHASES.choose(random).expect("there are some");
        let death = (is_rough && random.random_bool(0.7)).then(|| (phase, random.random_range(0..20)));
        *application.death.lock().unwrap() = death;
        let weather = if is_rough { scenario.common.weather.clone() } else { Weather::default() };
        let latency = if random.random_bool(0.8) { FAR_AWAY } else { weather.latency.clone() };
        let weather = Weather { latency, ..weather };
        let services = person.services(Task::StartReplay, &Faults::new(random.random(), weather));
        match attempt(played, &services, &application).await {
            Tried::Over => break,
            Tried::Died => deaths += 1,
            Tried::Refused(error) if number >= MOST_TRIES => {
                return (vec![Broken::new(Promise::Ends, format!("the cut-over: {error}"))], deaths);
            }
            Tried::Refused(_) => {
                tokio::time::sleep(PATIENCE).await;
                super::retried(played, &world.plan.run).await;
            }
        }
    }
    application.moved().await;
    played.turn(calm, false);
    // What is late already comes yet.
    tokio::time::sleep(*scenario.misfortunes_at_the_end.after.end() + super::CALM).await;
    super::retried(played, &world.plan.run.back()).await;
    // Whoever goes back sets right what was lost.
    let mut broken = application.judge().await;
    broken.extend(going_back::play(played).await);
    broken.extend(application.judge().await);
    (broken, deaths)
}

async fn attempt(played: &Played<'_>, services: &Services, application: &Application<'_>) -> Tried {
    let options = Options { reverse: true, within: WITHIN, verified_within: cutover::FRESH };
    tokio::select! {
        biased;
        () = played.traffic.death() => Tried::Died,
        done = cutover::cut_over(services, &played.world.plan.run, options, application) => match done {
            Ok(_) => Tried::Over,
            Err(error) if error.to_string().contains("is cut over already") => Tried::Over,
            Err(error) => Tried::Refused(error),
        },
    }
}

/// The application: on the source until it is stopped, on the target from when it is moved.
struct Application<'a> {
    scenario: &'a Scenario,
    world: &'a Arc<World>,
    traffic: &'a Traffic,
    /// In which phase whoever cuts over dies, and how many requests later.
    death: Lock<Option<(Phase, u64)>>,
    /// What left the source out of the target when the application was moved, and every id that it has written since.
    left_out: Lock<Option<Vec<Item>>>,
    written: Lock<BTreeSet<String>>,
    random: Mutex<StdRng>,
}

impl<'a> Application<'a> {
    fn new(scenario: &'a Scenario, world: &'a Arc<World>, traffic: &'a Traffic) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(scenario.common.seed ^ 0xA11));
        let (death, left_out, written) = (Lock::default(), Lock::default(), Lock::default());
        Self { scenario, world, traffic, death, left_out, written, random }
    }

    fn client(&self) -> &Client {
        &self.world.client
    }

    /// Writes to the target for a while.
    async fn moved(&self) {
        let mut random = self.random.lock().await;
        for _ in 0..self.scenario.common.operations {
            let most_ms = *[0, 0, 20, 1_000, 20_000].choose(&mut *random).expect("there are some");
            tokio::time::sleep(Duration::from_millis(random.random_range(0..=most_ms))).await;
            self.operation(&mut random).await;
        }
    }

    async fn operation(&self, random: &mut StdRng) {
        let shape = self.scenario.shape;
        let images = self.world.items_of(TARGET).await;
        let edition = random.random_range(1_000_000..2_000_000);
        let found = images.choose(random).cloned();
        let (mut image, is_new) = match found {
            Some(image) if random.random_bool(0.8) => (image, false),
            _ => {
                let id = format!("moved {edition}");
                let mut image = item(&id, edition, random);
                image.insert("label".into(), text(&id));
                image.insert("seen".into(), text("x"));
                (image, true)
            }
        };
        self.written.lock().unwrap().insert(string(&image, "id"));
        match random.random_range(0..5) {
            0 if !is_new => self.delete(&image).await,
            1 if !is_new => {
                // A key that changes: the old place goes first, as two of one id have one place in the source.
                self.delete(&image).await;
                image.insert(shape.key().0.into(), text(&format!("turned {edition}")));
                self.put(&image).await;
            }
            2 => {
                for value in [1, 2, 1] {
                    image.insert("n".into(), number(value));
                    self.put(&image).await;
                }
            }
            _ => {
                image.insert("edition".into(), number(edition));
                self.put(&image).await;
            }
        }
    }

    /// Until the target takes it: it may throttle.
    async fn put(&self, image: &Item) {
        self.written.lock().unwrap().insert(string(image, "id"));
        let put = || self.client().put_item().table_name(TARGET).set_item(Some(image.clone())).send();
        while is_throttled("PutItem", put().await) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn delete(&self, image: &Item) {
        let (partition, sort) = self.scenario.shape.key();
        let key = || [Some(partition), sort].into_iter().flatten().map(|name| (name.to_owned(), image[name].clone()));
        let delete = || self.client().delete_item().table_name(TARGET).set_key(Some(key().collect())).send();
        while is_throttled("DeleteItem", delete().await) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The source holds what leads back from every item of the target, what was left out, and nothing else.
    async fn judge(&self) -> Vec<Broken> {
        let shape = self.scenario.shape;
        let written = self.written.lock().unwrap().clone();
        let left_out = self.left_out.lock().unwrap().clone().unwrap_or_default();
        let left_out = left_out.into_iter().filter(|item| !written.contains(&string(item, "id")));
        let images = self.world.items_of(TARGET).await;
        let mut expected: Vec<_> = images.iter().map(|image| shape.back(image)).chain(left_out).collect();
        let mut broken = Vec::new();
        for found in self.world.items().await {
            match expected.iter().position(|item| *item == found) {
                Some(at) => drop(expected.swap_remove(at)),
                None => broken.push(Broken::new(Promise::Ghosts, format!("in the source: {}", shown(&found)))),
            }
        }
        let missing = |item: &Item| Broken::new(Promise::Images, format!("of the source: {}", shown(item)));
        broken.extend(expected.iter().map(missing));
        broken
    }
}

/// Whether a write has to be tried again. Nothing else may be wrong with it.
fn is_throttled<T, E>(operation: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> bool
where
    E: ProvideErrorMetadata + std::error::Error + Send + std::marker::Sync + 'static,
{
    let Err(error) = answer else { return false };
    let error = Error::from_sdk(operation, error);
    assert!(error.kind().is_transient(), "{error}");
    true
}

#[async_trait]
impl Mover for Application<'_> {
    /// It writes until it is stopped; one that was stopped before has stopped.
    async fn before(&self) -> Result<(), Error> {
        let common = &self.scenario.common;
        let actors = (0..common.actors).map(|number| Actor::new(number, self.scenario, self.world, self.client()));
        futures_util::future::join_all(actors.map(|actor| actor.back_at_work(common.operations / 4))).await;
        Ok(())
    }

    /// It begins on the target, at once.
    async fn after(&self) -> Result<(), Error> {
        if self.left_out.lock().unwrap().is_none() {
            let items = self.world.items().await;
            let left_out = items.into_iter().filter(|item| self.scenario.shape.image(item).is_none()).collect();
            *self.left_out.lock().unwrap() = Some(left_out);
        }
        let mut random = self.random.lock().await;
        for _ in 0..3 {
            self.operation(&mut random).await;
        }
        Ok(())
    }

    fn enters(&self, phase: Phase) {
        if let Some((_, requests)) = self.death.lock().unwrap().take_if(|(at, _)| *at == phase) {
            self.traffic.begin(Some(requests), None);
        }
    }

    fn reads(&self, _: u64, _: Option<jiff::Timestamp>) {}

    fn sees(&self, _: &Sync) {}
}
