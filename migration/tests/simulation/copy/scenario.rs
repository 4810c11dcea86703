//! What a seed decides of a copy before anything happens.

use std::time::Duration;

use embedded::Hazards as OfInvocations;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::images::Shape;
use super::twins;
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
    /// Whether two of its items belong at one place of the target.
    pub(crate) has_twins: bool,
    /// Whether its bulk is read from an export, and what befalls that.
    pub(crate) export: Option<Export>,
    /// How long it takes until the queue counts a message.
    pub(crate) counts_lag: Duration,
    /// How often the queue hands a change over before it is a dead letter.
    pub(crate) receives: u32,
    /// Whether it is cut over in the end, with a way back.
    pub(crate) is_cut_over: bool,
    /// What befalls the invocations of mappings.
    pub(crate) misfortunes: OfInvocations,
    /// The same while it is cut over.
    pub(crate) misfortunes_at_the_end: OfInvocations,
}

/// An export of the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export {
    pub(crate) takes: Duration,
    pub(crate) files: usize,
    /// That one of its files is damaged until somebody has seen it.
    pub(crate) is_damaged: bool,
}

impl Export {
    fn draw(random: &mut StdRng) -> Self {
        Self {
            takes: Duration::from_secs(random.random_range(0..600)),
            files: random.random_range(1..6),
            is_damaged: random.random_bool(0.3),
        }
    }
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
        let has_twins = shape == Shape::Labelled && random.random_bool(0.3);
        if has_twins {
            twins::make(&mut common.items);
        }
        let export = random.random_bool(0.3).then(|| Export::draw(random));
        common.segments = random.random_range(1..=8);
        common.tolerated = if has_twins { 100 } else { 0 };
        let roughness = if random.random_bool(0.3) { 0.0 } else { 0.15 };
        let mut chance = || random.random_range(0.0..=roughness);
        let (killed, lost, late, repeated) = (chance(), chance(), chance(), chance());
        let (forked, rewound) = (chance() / 2.0, chance());
        // A batch that comes again after minutes meets what the queue still remembers of it, and what it doesn't.
        let longest = if random.random_bool(0.8) { 20 } else { 400 };
        let after = Duration::from_millis(1)..=Duration::from_secs(longest);
        let misfortunes = OfInvocations { killed, lost, late, repeated, forked, rewound, after };
        // What was written last may come when nobody expects it any more.
        let misfortunes_at_the_end = match random.random_bool(0.5) {
            true => OfInvocations {
                late: 0.3,
                after: Duration::from_secs(1)..=Duration::from_secs(400),
                ..misfortunes.clone()
            },
            false => misfortunes.clone(),
        };
        Self {
            common,
            shape,
            target_units: random.random_bool(0.4).then(|| random.random_range(60..400)),
            // Where it takes no time, changes are applied as soon as the bulk is over.
            mapping_takes: Duration::from_secs(random.random_range(0..30_u64).saturating_sub(15)),
            has_stream: random.random_bool(0.5),
            has_twins,
            export,
            counts_lag: Duration::from_secs(random.random_range(0..60)),
            // By bad luck alone no change comes a thousand times; one that can't be applied would come for ever.
            receives: if has_twins || random.random_bool(0.4) { 2 } else { 1_000 },
            // The gate is closed to a target that differs.
            is_cut_over: random.random_bool(0.3) && !has_twins,
            misfortunes,
            misfortunes_at_the_end,
        }
    }

    pub(crate) fn definition(&self) -> String {
        let Common { segments, prewarm, tolerated, .. } = &self.common;
        let bulk = if self.export.is_some() { "export" } else { "scan" };
        let (steps, steps_back) = (self.shape.steps(), self.shape.steps_back());
        format!(
            "migration: simulated\nsource: {{ table: things }}\n\
             target: {{ table: others, bulk: {bulk}, reverse: {steps_back} }}\n{steps}\n\
             segments: {segments}\nprewarm: {prewarm}\ntolerated_failures: {{ percentage: {tolerated} }}"
        )
    }

    /// The scenario as one can read it.
    pub(crate) fn without_items(self) -> Self {
        Self { common: self.common.without_items(), ..self }
    }
}
