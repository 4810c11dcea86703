//! What a seed decides of a copy before anything happens.

use std::time::Duration;

use embedded::Hazards as OfInvocations;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::images::Shape;
use crate::migrations::text;
use crate::scenario::{Hazards, Scenario as Common};

/// The quiet period waits for as long as a worker may live that was killed: the shorter, the fewer looks.
const FUNCTION_TIME: Duration = Duration::from_secs(150);

/// All that is drawn beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// What it has in common with a migration in place.
    pub(crate) common: Common,
    pub(crate) shape: Shape,
    /// The target's write units a second; `None` is on demand.
    pub(crate) target_units: Option<i64>,
    /// How long mappings take to change.
    pub(crate) mapping_takes: Duration,
    /// Whether the source has a stream before the copy begins.
    pub(crate) has_stream: bool,
    /// Whether it is cut over in the end, with a way back.
    pub(crate) is_cut_over: bool,
    /// What befalls the invocations of mappings.
    pub(crate) misfortunes: OfInvocations,
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        // In place, the same number is another course of events.
        let mut random = StdRng::seed_from_u64(seed ^ 0xC0B7);
        let mut common = Common::draw(random.random());
        let random = &mut random;
        let shape = Shape::draw(random);
        common.bad.clear();
        common.is_tolerated = true;
        common.has_index = false;
        common.items.truncate(50);
        common.operations /= 2;
        let Hazards { killed, doubled, .. } = common.hazards;
        // A worker of two that do the same may be late, and has read what was changed meanwhile.
        let (slow, doubled) = if random.random_bool(0.4) { (0.5, doubled.max(0.3)) } else { (0.0, doubled) };
        let time = FUNCTION_TIME;
        common.hazards = Hazards { stepped: 0.0, killed: killed / 3.0, doubled, slow, time, ..common.hazards };
        for (at, item) in common.items.iter_mut().enumerate() {
            item.insert("label".into(), text(&format!("label {at:03}")));
        }
        let segments = random.random_range(1..=8);
        common.definition = format!(
            "migration: simulated\nsource: {{ table: things }}\ntarget: {{ table: others, reverse: {} }}\n{}\n\
             segments: {segments}\nprewarm: false\ntolerated_failures: {{ percentage: 0 }}",
            shape.steps_back(),
            shape.steps()
        );
        let roughness = if random.random_bool(0.3) { 0.0 } else { 0.15 };
        let mut chance = || random.random_range(0.0..=roughness);
        let (killed, lost, late, repeated) = (chance(), chance(), chance(), chance());
        // A batch that comes again after minutes meets what the queue still remembers of it, and what it doesn't.
        let longest = if random.random_bool(0.8) { 20 } else { 400 };
        let after = Duration::from_millis(1)..=Duration::from_secs(longest);
        Self {
            common,
            shape,
            target_units: random.random_bool(0.4).then(|| random.random_range(60..400)),
            mapping_takes: Duration::from_secs(random.random_range(0..15)),
            has_stream: random.random_bool(0.5),
            is_cut_over: random.random_bool(0.3),
            misfortunes: OfInvocations { killed, lost, late, repeated, forked: 0.0, rewound: 0.0, after },
        }
    }

    /// The scenario as one can read it.
    pub(crate) fn without_items(self) -> Self {
        Self { common: self.common.without_items(), ..self }
    }
}
