//! What a seed decides before anything happens: the table, its items, the migration, the weather, the hazards.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use embedded::Weather;
use migration::item::Item;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::lambda::WHOLE_TIME;
use crate::migrations::{Migration, number, text};

/// All that is drawn beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) migration: Migration,
    pub(crate) items: Vec<Item>,
    /// The ids of items that can't be migrated; the application leaves them alone.
    pub(crate) bad: Vec<String>,
    /// Read and write units a second; `None` is on demand.
    pub(crate) units: Option<(i64, i64)>,
    pub(crate) has_index: bool,
    pub(crate) update_takes: Duration,
    /// What the table is raised to meanwhile, as the definition has it.
    pub(crate) prewarm: String,
    pub(crate) segments: u32,
    /// Whether items are written one at a time, as the definition has it.
    pub(crate) writes: &'static str,
    /// Whether the bad items are few enough, of those that there were in the beginning.
    pub(crate) is_tolerated: bool,
    /// The share of the scanned items that may fail, in percent.
    pub(crate) tolerated: u64,
    pub(crate) concurrency: u32,
    /// How many items a page has at most: DynamoDB may end a page where it likes.
    pub(crate) page_items: Option<i64>,
    pub(crate) weather: Weather,
    pub(crate) hazards: Hazards,
    pub(crate) actors: u64,
    pub(crate) operations: u32,
    /// What else is drawn, while things happen, comes from here.
    pub(crate) seed: u64,
}

/// What happens to invocations and to the process as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hazards {
    /// That an invocation is killed, at one of its requests.
    pub(crate) killed: f64,
    /// That an invocation has but little time.
    pub(crate) hurried: f64,
    /// That the clock of day is stepped when one begins.
    pub(crate) stepped: f64,
    /// That an invocation is delivered twice.
    pub(crate) doubled: f64,
    /// That the whole process dies at one of its requests.
    pub(crate) dies: f64,
    /// That the credentials expire at one of its requests.
    pub(crate) expires: f64,
    /// That somebody stops, pauses or throttles the run.
    pub(crate) asked: f64,
    /// That the requests of an invocation take seconds.
    pub(crate) slow: f64,
    /// How long an invocation may take.
    pub(crate) time: Duration,
}

impl Hazards {
    pub(crate) const NONE: Self = Self {
        killed: 0.0,
        hurried: 0.0,
        stepped: 0.0,
        doubled: 0.0,
        dies: 0.0,
        expires: 0.0,
        asked: 0.0,
        slow: 0.0,
        time: WHOLE_TIME,
    };
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let random = &mut random;
        let migration = Migration::draw(random);
        let is_big = random.random_bool(0.03);
        let count = if is_big { 40 } else { random.random_range(20..=80) };
        let mut items: Vec<_> = (0..count).map(|at| item(&format!("{at:03}"), 0, random)).collect();
        if is_big {
            // A page has 1 MB: these take two or three.
            let bulk = AttributeValue::S("x".repeat(50_000));
            items.iter_mut().for_each(|item| drop(item.insert("bulk".into(), bulk.clone())));
        }
        let bad = spoil(migration, &mut items, random);
        let is_tolerated = bad.is_empty() || random.random_bool(0.8);
        let units = random.random_bool(0.5).then(|| (random.random_range(100..400), random.random_range(60..400)));
        let segments = random.random_range(1..=8);
        let prewarm = match random.random_bool(0.4) {
            true => format!("{{ read_units: {}, write_units: 5000 }}", random.random_range(50..600)),
            false => "false".into(),
        };
        // Who counts a failure three times shall fail.
        let tolerated = if is_tolerated { (200 * bad.len()).div_ceil(items.len()) as u64 } else { 0 };
        let writes = if random.random_bool(0.5) { "single" } else { "batched" };
        Self {
            migration,
            items,
            bad,
            units,
            has_index: random.random_bool(0.3),
            update_takes: Duration::from_secs(random.random_range(0..20)),
            prewarm,
            segments,
            writes,
            is_tolerated,
            tolerated,
            concurrency: random.random_range(1..=8),
            page_items: random.random_bool(0.7).then(|| random.random_range(3..20)),
            weather: weather(random),
            hazards: hazards(random),
            actors: random.random_range(1..=4),
            operations: random.random_range(10..=50),
            seed: random.random(),
        }
    }
}

impl Scenario {
    pub(crate) fn definition(&self) -> String {
        let Self { migration, segments, prewarm, writes, tolerated, .. } = self;
        format!(
            "migration: simulated\nsource: {{ table: things }}\n{}\nsegments: {segments}\nprewarm: {prewarm}\n\
             writes: {writes}\ntolerated_failures: {{ percentage: {tolerated} }}",
            migration.steps()
        )
    }

    /// The scenario as one can read it.
    pub(crate) fn without_items(self) -> Self {
        Self { items: Vec::new(), ..self }
    }

    /// Whether nothing is in the way of the migration but the application.
    pub(crate) fn has_fair_weather(&self) -> bool {
        let Weather { throttled, unavailable, reset, lost, silent, expired, .. } = self.weather;
        [throttled, unavailable, reset, lost, silent, expired] == [0.0; 6] && self.hazards == Hazards::NONE
    }
}

/// An item as the application puts it there. `edition` tells it from all others under its key.
pub(crate) fn item(id: &str, edition: i64, random: &mut StdRng) -> Item {
    let mut item = Item::from([
        ("id".into(), text(id)),
        ("edition".into(), number(edition)),
        ("kind".into(), text(if random.random_bool(0.6) { "a" } else { "b" })),
        ("status".into(), text("live")),
        ("n".into(), number(random.random_range(0..1_000))),
    ]);
    if random.random_bool(0.8) {
        item.insert("old".into(), text(&format!("old of {edition}")));
    }
    item
}

/// Makes a few items impossible to migrate.
fn spoil(migration: Migration, items: &mut [Item], random: &mut StdRng) -> Vec<String> {
    let mut bad = Vec::new();
    if !migration.can_fail() || random.random_bool(0.6) {
        return bad;
    }
    for item in items.iter_mut() {
        if random.random_bool(0.06) {
            item.insert("n".into(), text("no number"));
            bad.push(crate::model::id(item));
        }
    }
    bad
}

/// Of calm, rough and stormy.
fn weather(random: &mut StdRng) -> Weather {
    let roughness = [0.0, 0.02, 0.06][random.random_range(0..3)];
    let mut chance = || random.random_range(0.0..=roughness);
    let (throttled, unavailable, reset, lost, unprocessed) = (chance(), chance(), chance(), chance(), chance() * 3.0);
    let silent = chance() / 4.0;
    let latency = Duration::from_millis(random.random_range(0..4))..=Duration::from_millis(random.random_range(4..60));
    Weather { latency, throttled, unavailable, reset, lost, silent, expired: 0.0, unprocessed }
}

fn hazards(random: &mut StdRng) -> Hazards {
    if random.random_bool(0.2) {
        return Hazards::NONE;
    }
    let mut chance = |most: f64| random.random_range(0.0..=most);
    Hazards {
        killed: chance(0.5),
        hurried: chance(0.5),
        stepped: chance(0.3),
        doubled: chance(0.3),
        dies: chance(0.8),
        expires: chance(0.5),
        asked: chance(0.6),
        ..Hazards::NONE
    }
}
