//! Faults on request: the weather between one client and the database.
//!
//! Everything that happens is drawn from the seed, in the order in which requests come; time is tokio's. So one
//! seed gives one course of events, where the requests themselves come in one order. Each client may have
//! weather of its own: the application's may be fair while the migration's is not.

mod partial;
mod refusals;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::result::ConnectorError;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use crate::Embedded;
use crate::reply::Reply;
use crate::request::Request;

/// How likely each fault is, for one request: probabilities from 0 to 1, of which no more than one comes true at a
/// time. The default is calm.
#[derive(Debug, Clone, PartialEq)]
pub struct Weather {
    /// How long a request and its answer are under way, half of it each.
    pub latency: RangeInclusive<Duration>,
    /// Refused for lack of capacity, with reasons; nothing is done.
    pub throttled: f64,
    /// Answered with status 500 or 503; nothing is done.
    pub unavailable: f64,
    /// The connection breaks before the request arrives.
    pub reset: f64,
    /// The work is done, but the connection breaks before the answer arrives.
    pub lost: f64,
    /// The work is done, but no answer ever comes: only the client's own timeout ends the request.
    pub silent: f64,
    /// Refused because the credentials have expired.
    pub expired: f64,
    /// That one entry of a batch comes back unprocessed, or one statement refused; for each by itself, in requests
    /// that meet no other fault.
    pub unprocessed: f64,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::ZERO,
            throttled: 0.0,
            unavailable: 0.0,
            reset: 0.0,
            lost: 0.0,
            silent: 0.0,
            expired: 0.0,
            unprocessed: 0.0,
        }
    }
}

/// Where a client is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before that request arrives: its work is not done.
    Before,
    /// After its work is done, before the answer arrives.
    After,
}

/// The weather of a client, to be changed and looked at while it is in use. Clones share it.
#[derive(Debug, Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    is_cut_off: Arc<watch::Sender<bool>>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    weather: Weather,
    slow: Option<(u64, RangeInclusive<Duration>)>,
    cut: Option<(u64, Cut)>,
    requests: BTreeMap<String, u64>,
    seen: u64,
    met: u64,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Answered { unprocessed: f64 },
    Throttled,
    Unavailable,
    Reset,
    Lost,
    Silent,
    Expired,
    CutOff(Cut),
}

/// A request's fate, how long each half of its way takes, and the randomness for what else has to be drawn: a
/// request draws as much whatever its fate is, so that other weather leaves later requests their luck.
struct Drawn {
    fate: Fate,
    half: Duration,
    random: StdRng,
}

impl Faults {
    /// Weather whose chance is drawn from `seed`.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let state = State { random, weather, slow: None, cut: None, requests: BTreeMap::new(), seen: 0, met: 0 };
        Self { state: Arc::new(Mutex::new(state)), is_cut_off: Arc::new(watch::Sender::new(false)) }
    }

    /// Other weather for the requests that come from now on.
    pub fn change(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Weather and chance as of a client that is new; what was counted before stays counted.
    pub fn renew(&self, seed: u64, weather: Weather) {
        let state = &mut *self.state();
        (state.random, state.weather) = (StdRng::seed_from_u64(seed), weather);
        (state.seen, state.slow, state.cut) = (0, None, None);
    }

    /// From request `number` on, counted from 0 over all operations, a request and its answer are under way for so long.
    pub fn slow_from(&self, number: u64, latency: RangeInclusive<Duration>) {
        self.state().slow = Some((number, latency));
    }

    /// From request `number` on, counted from 0 over all operations, nothing gets through any more and nothing is
    /// answered, as if the process or its network were gone; [`Cut`] says what becomes of that request itself.
    pub fn cut_off_at(&self, number: u64, cut: Cut) {
        self.state().cut = Some((number, cut));
    }

    /// Comes back when a request has met the cut: the moment to drop whatever made it.
    pub async fn cut_off(&self) {
        // The sender lives as long as this handle, so there is no other way out.
        let _ = self.is_cut_off.subscribe().wait_for(|is_cut_off| *is_cut_off).await;
    }

    /// How many requests there were of each operation, those with faults included.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.state().requests.clone()
    }

    /// How many requests met a fault; latency is none.
    pub fn met(&self) -> u64 {
        self.state().met
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one request through the weather.
    pub(crate) async fn pass(&self, embedded: &Embedded, request: Request) -> Result<(String, Reply), ConnectorError> {
        let Drawn { fate, half, mut random } = self.state().draw(&request.operation);
        if fate == Fate::CutOff(Cut::Before) {
            return self.end().await;
        }
        tokio::time::sleep(half).await;
        let answer = match fate {
            Fate::Reset => return Err(ConnectorError::io("the connection was reset before the request".into())),
            Fate::Throttled => embedded.refuse(refusals::throttled(&request, random.random())),
            Fate::Unavailable => embedded.refuse(refusals::unavailable(request.service, random.random())),
            Fate::Expired => embedded.refuse(refusals::expired(request.service)),
            Fate::Answered { unprocessed } if unprocessed > 0.0 => {
                let chosen = || random.random_bool(unprocessed);
                match partial::split(&request, chosen) {
                    Some(split) => split.answered(embedded, request).await,
                    None => embedded.respond(request).await,
                }
            }
            _ => embedded.respond(request).await,
        };
        tokio::time::sleep(half).await;
        match fate {
            Fate::Lost => Err(ConnectorError::io("the connection was reset before the answer".into())),
            Fate::Silent => std::future::pending().await,
            Fate::CutOff(_) => self.end().await,
            _ => Ok(answer),
        }
    }

    async fn end<T>(&self) -> T {
        self.is_cut_off.send_replace(true);
        std::future::pending().await
    }
}

impl State {
    fn draw(&mut self, operation: &str) -> Drawn {
        let number = self.seen;
        self.seen += 1;
        *self.requests.entry(operation.to_owned()).or_default() += 1;
        let (luck, way, seed): (f64, f64, u64) = (self.random.random(), self.random.random(), self.random.random());
        let latency = match &self.slow {
            Some((from, latency)) if number >= *from => latency,
            _ => &self.weather.latency,
        };
        let (shortest, longest) = (latency.start(), latency.end());
        let half = (*shortest + longest.saturating_sub(*shortest).mul_f64(way)) / 2;
        let fate = match self.cut {
            Some((at, cut)) if number == at => Fate::CutOff(cut),
            Some((at, _)) if number > at => Fate::CutOff(Cut::Before),
            _ => self.weather.fate(luck),
        };
        self.met += u64::from(!matches!(fate, Fate::Answered { .. }));
        Drawn { fate, half, random: StdRng::seed_from_u64(seed) }
    }
}

impl Weather {
    fn fate(&self, luck: f64) -> Fate {
        let faults = [
            (self.throttled, Fate::Throttled),
            (self.unavailable, Fate::Unavailable),
            (self.reset, Fate::Reset),
            (self.lost, Fate::Lost),
            (self.silent, Fate::Silent),
            (self.expired, Fate::Expired),
        ];
        let mut bound = 0.0;
        let met = faults.into_iter().find(|(probability, _)| {
            bound += probability;
            luck < bound
        });
        met.map_or(Fate::Answered { unprocessed: self.unprocessed.clamp(0.0, 1.0) }, |(_, fate)| fate)
    }
}
