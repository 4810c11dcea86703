//! A person at the command line, who stops, pauses or throttles a run while it goes on.

use std::num::NonZeroU32;
use std::time::Duration;

use migration::control;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::world::World;

/// Asks for one thing, at some time.
pub(crate) struct Person<'w> {
    world: &'w World,
    random: StdRng,
}

impl<'w> Person<'w> {
    pub(crate) fn new(world: &'w World, seed: u64) -> Self {
        Self { world, random: StdRng::seed_from_u64(seed) }
    }

    pub(crate) async fn ask(mut self) {
        let (ledger, run) = (&self.world.ledger, &self.world.plan.run);
        let random = &mut self.random;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..3_000))).await;
        let units = |random: &mut StdRng| NonZeroU32::new(random.random_range(0..2_000));
        let asked = match random.random_range(0..3) {
            0 => control::stop(ledger, run).await,
            1 => {
                let paused = control::pause(ledger, run).await;
                tokio::time::sleep(Duration::from_secs(random.random_range(0..300))).await;
                paused.and(control::go_on(ledger, run).await)
            }
            _ => control::throttle(ledger, run, units(random), units(random)).await,
        };
        asked.expect("the ledger is there");
    }
}
