//! Sample items of the example table `movies`: what a rehearsal without data of one's own runs on.
//!
//! Item `n` is the same on every platform and in every run, and is made when it is asked for, so that a
//! large table costs no memory. Like real data the items are uneven: some lack a rating or a release date,
//! a few have titles that the example migration leaves alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use migration::definition::{KeyAttribute, KeySchema};
use migration::item::{AttributeType, Item};

/// Any other would do as well; this one stays, so that reports can be compared.
const SEED: u64 = 0x5e9e;

const FIRST: [&str; 16] = [
    "Ada", "Akira", "Alma", "Boris", "Chantal", "Dina", "Elif", "Federico", "Greta", "Ingmar", "Jean", "Lina", "Mira",
    "Orson", "Sofia", "Wim",
];
const LAST: [&str; 16] = [
    "Abe", "Berg", "Castro", "Duval", "Ek", "Fontaine", "Grau", "Hill", "Ito", "Jansen", "Kaya", "Lang", "Moreau",
    "Novak", "Okafor", "Silva",
];
const ADJECTIVES: [&str; 16] = [
    "Broken",
    "Burning",
    "Distant",
    "Electric",
    "Empty",
    "Endless",
    "Forgotten",
    "Golden",
    "Hidden",
    "Last",
    "Quiet",
    "Restless",
    "Second",
    "Silent",
    "Stolen",
    "Winter",
];
const NOUNS: [&str; 16] = [
    "Bridge", "Canal", "City", "Garden", "Harbour", "Island", "Letter", "Mirror", "Mountain", "Night", "Orchard",
    "River", "Season", "Shadow", "Station", "Voyage",
];
const GENRES: [&str; 12] = [
    "Action",
    "Adventure",
    "Biography",
    "Comedy",
    "Crime",
    "Drama",
    "Fantasy",
    "Horror",
    "Mystery",
    "Romance",
    "Thriller",
    "War",
];
const WORDS: [&str; 24] = [
    "a",
    "stranger",
    "returns",
    "to",
    "the",
    "town",
    "where",
    "nobody",
    "remembers",
    "her",
    "brother",
    "and",
    "finds",
    "old",
    "letter",
    "that",
    "changes",
    "what",
    "everyone",
    "believed",
    "about",
    "winter",
    "of",
    "storms",
];

/// The key of the example table.
pub(crate) fn key() -> KeySchema {
    let attribute = |name: &str, kind| KeyAttribute { name: name.into(), kind };
    KeySchema { partition: attribute("year", AttributeType::N), sort: Some(attribute("title", AttributeType::S)) }
}

/// The first `count` sample items.
pub(crate) fn items(count: u64) -> impl Iterator<Item = Item> + Send {
    (0..count).map(item)
}

/// The sample item with this number.
fn item(number: u64) -> Item {
    let mut dice = Dice(SEED ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let year = 1950 + dice.below(75);
    let info = info(number, year, &mut dice);
    HashMap::from([
        ("year".into(), n(year)),
        ("title".into(), s(title(number, &mut dice))),
        ("info".into(), AttributeValue::M(info)),
    ])
}

/// Unique by its number; one in fifty begins with `#`.
fn title(number: u64, dice: &mut Dice) -> String {
    let hash = if number % 50 == 49 { "#" } else { "" };
    format!("{hash}{} {} {}", dice.of(&ADJECTIVES), dice.of(&NOUNS), number + 1)
}

fn info(number: u64, year: u64, dice: &mut Dice) -> Item {
    let mut info = Item::from([
        ("directors".into(), names(1, dice)),
        ("actors".into(), names(3, dice)),
        ("genres".into(), genres(dice)),
        ("plot".into(), s(plot(dice))),
        ("rank".into(), n(number + 1)),
        ("running_time_secs".into(), n(60 * (70 + dice.below(110)))),
        ("image_url".into(), s(format!("https://images.example.com/posters/{:016x}.jpg", dice.roll()))),
    ]);
    if dice.below(10) != 0 {
        let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
        info.insert("release_date".into(), s(format!("{year}-{month:02}-{day:02}T00:00:00Z")));
    }
    if dice.below(10) != 0 {
        info.insert("rating".into(), AttributeValue::N(format!("{}.{}", 1 + dice.below(9), 1 + dice.below(9))));
    }
    info
}

fn names(count: usize, dice: &mut Dice) -> AttributeValue {
    let mut name = || s(format!("{} {}", dice.of(&FIRST), dice.of(&LAST)));
    AttributeValue::L((0..count).map(|_| name()).collect())
}

/// One to three neighbours: no genre twice.
fn genres(dice: &mut Dice) -> AttributeValue {
    let (start, count) = (dice.below(GENRES.len() as u64), 1 + dice.below(3));
    let genre = |offset| GENRES[(start + offset) as usize % GENRES.len()];
    AttributeValue::L((0..count).map(|offset| s(genre(offset).to_owned())).collect())
}

/// Long enough to bring an item to about 1 KB.
fn plot(dice: &mut Dice) -> String {
    let words = 90 + dice.below(50);
    (0..words).map(|_| dice.of(&WORDS)).collect::<Vec<_>>().join(" ")
}

fn s(text: String) -> AttributeValue {
    AttributeValue::S(text)
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// SplitMix64 (Steele, Lea and Flood 2014): integers alone, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; the tiny bias of the remainder is no matter here.
    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use migration::definition::Definition;
    use migration::item::item_bytes;
    use migration::item::json::item_to_json;
    use migration::transform::{Functions, Run, Transform, Verdict};

    use super::*;

    #[test]
    fn an_item_is_always_the_same() {
        insta::assert_json_snapshot!(item_to_json(&item(49)));
        assert_eq!(items(3).last(), Some(item(2)));
    }

    #[test]
    fn the_example_for_the_real_films_can_be_read() {
        Definition::from_yaml(include_str!("../../examples/movies.yaml")).unwrap();
    }

    #[test]
    fn items_are_unique_uneven_and_about_a_kilobyte() {
        let items: Vec<_> = items(2_000).collect();
        let titles: HashSet<_> = items.iter().filter_map(|item| item["title"].as_s().ok()).collect();
        assert_eq!(titles.len(), items.len());
        assert!(titles.iter().filter(|title| title.starts_with('#')).count() == items.len() / 50);
        let bytes = items.iter().map(item_bytes).sum::<usize>() / items.len();
        assert!((900..1_100).contains(&bytes), "{bytes}");
        for name in ["rating", "release_date"] {
            let present = items.iter().filter(|item| item["info"].as_m().is_ok_and(|info| info.contains_key(name)));
            assert!((1_700..1_900).contains(&present.count()), "{name}");
        }
    }
    /// The example migration changes every sample item but those it filters, and a second time none
    #[test]
    fn the_example_migration_fits_the_sample() {
        let definition = Definition::from_yaml(include_str!("../../migration.yaml")).unwrap();
        let key = definition.source.key.clone().unwrap();
        let run = Run { now: jiff::Timestamp::UNIX_EPOCH };
        let transform = Transform::new(definition, key, &Functions::new(), run).unwrap();
        let mut filtered = 0;
        for item in items(1_000) {
            match transform.apply(&item).unwrap() {
                Verdict::Filtered => filtered += 1,
                Verdict::Update { edits, .. } => assert!(edits.iter().count() >= 4),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(filtered, 20);
    }
}
