//! What befalls the invocations of event source mappings, on request and by a seed: they are killed half way, their
//! answers get lost, they come late, or twice.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How likely each is, for one invocation: probabilities from 0 to 1, of which no more than one comes true at a
/// time.
#[derive(Debug, Clone, PartialEq)]
pub struct Hazards {
    /// The invocation is dropped where it stands.
    pub killed: f64,
    /// Its work is done, and it counts as failed.
    pub lost: f64,
    /// It begins later.
    pub late: f64,
    /// It is done once more, as if its answer had been lost on the way; the mapping goes on when both have ended.
    pub repeated: f64,
    /// It counts as failed while it goes on: nobody hears of how it ends.
    pub forked: f64,
    /// Its batch of a stream and the next one are done, and both come again: where the mapping was is lost.
    pub rewound: f64,
    /// How long until it is killed, begins late, comes again, or is given up.
    pub after: RangeInclusive<Duration>,
}

/// Hazards and their chance. Clones share it.
#[derive(Debug, Clone)]
pub struct Misfortunes {
    hazards: Hazards,
    state: Arc<Mutex<State>>,
}

/// How many invocations have met each hazard, and how many batches were rewound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Befallen {
    /// Killed half way.
    pub killed: u64,
    /// Done, and told of as failed.
    pub lost: u64,
    /// Begun later.
    pub late: u64,
    /// Done once more.
    pub repeated: u64,
    /// Given up, and gone on with.
    pub forked: u64,
    /// Come again with the batch behind it.
    pub rewound: u64,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    met: Befallen,
}

/// What an invocation is in for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Luck {
    #[default]
    None,
    Killed {
        after: Duration,
    },
    Lost,
    Late {
        after: Duration,
    },
    Repeated {
        after: Duration,
    },
    Forked {
        after: Duration,
    },
}

impl Misfortunes {
    /// Hazards whose chance is drawn from `seed`.
    pub fn new(seed: u64, hazards: Hazards) -> Self {
        let state = State { random: StdRng::seed_from_u64(seed), met: Befallen::default() };
        Self { hazards, state: Arc::new(Mutex::new(state)) }
    }

    /// What has happened so far.
    pub fn met(&self) -> Befallen {
        self.state().met
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn after(&self, share: f64) -> Duration {
        let (shortest, longest) = (self.hazards.after.start(), self.hazards.after.end());
        *shortest + longest.saturating_sub(*shortest).mul_f64(share)
    }

    /// Whether a batch of a stream will be rewound, and how long after it the next one comes.
    pub(super) fn draw_rewound(&self) -> Option<Duration> {
        let state = &mut *self.state();
        let (luck, share): (f64, f64) = (state.random.random(), state.random.random());
        let is_rewound = luck < self.hazards.rewound;
        state.met.rewound += u64::from(is_rewound);
        is_rewound.then(|| self.after(share))
    }

    pub(super) fn draw(&self) -> Luck {
        let state = &mut *self.state();
        let (luck, share): (f64, f64) = (state.random.random(), state.random.random());
        let after = self.after(share);
        let hazards = [
            (self.hazards.killed, Luck::Killed { after }),
            (self.hazards.lost, Luck::Lost),
            (self.hazards.late, Luck::Late { after }),
            (self.hazards.repeated, Luck::Repeated { after }),
            (self.hazards.forked, Luck::Forked { after }),
        ];
        let mut bound = 0.0;
        let met = hazards.into_iter().find(|(probability, _)| {
            bound += probability;
            luck < bound
        });
        let luck = met.map_or(Luck::None, |(_, luck)| luck);
        match luck {
            Luck::None => {}
            Luck::Killed { .. } => state.met.killed += 1,
            Luck::Lost => state.met.lost += 1,
            Luck::Late { .. } => state.met.late += 1,
            Luck::Repeated { .. } => state.met.repeated += 1,
            Luck::Forked { .. } => state.met.forked += 1,
        }
        luck
    }
}
