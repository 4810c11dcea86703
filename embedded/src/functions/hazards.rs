//! What befalls the invocations of event source mappings, on request and by a seed: they are killed half way, their
//! answers get lost, they come late, or twice.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// How long until it is killed, begins late, or comes again.
    pub after: RangeInclusive<Duration>,
}

/// Hazards and their chance. Clones share it.
#[derive(Debug, Clone)]
pub struct Misfortunes {
    hazards: Hazards,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    met: u64,
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
}

impl Misfortunes {
    /// Hazards whose chance is drawn from `seed`.
    pub fn new(seed: u64, hazards: Hazards) -> Self {
        let state = State { random: StdRng::seed_from_u64(seed), met: 0 };
        Self { hazards, state: Arc::new(Mutex::new(state)) }
    }

    /// How many invocations have met one.
    pub fn met(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).met
    }

    pub(super) fn draw(&self) -> Luck {
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (luck, share): (f64, f64) = (state.random.random(), state.random.random());
        let (shortest, longest) = (self.hazards.after.start(), self.hazards.after.end());
        let after = *shortest + longest.saturating_sub(*shortest).mul_f64(share);
        let hazards = [
            (self.hazards.killed, Luck::Killed { after }),
            (self.hazards.lost, Luck::Lost),
            (self.hazards.late, Luck::Late { after }),
            (self.hazards.repeated, Luck::Repeated { after }),
        ];
        let mut bound = 0.0;
        let met = hazards.into_iter().find(|(probability, _)| {
            bound += probability;
            luck < bound
        });
        state.met += u64::from(met.is_some());
        met.map_or(Luck::None, |(_, luck)| luck)
    }
}
