//! The 4,609 films of DynamoDB's getting-started guide, where they are at hand.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::main_job::count;
use crate::support::{Folder, key_of, shared};

const KEY: [&str; 2] = ["year", "title"];

/// Plain JSON as DynamoDB JSON.
fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(truth) => json!({ "BOOL": truth }),
        Value::Number(number) => json!({ "N": digits(&number.to_string()) }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(list) => json!({ "L": list.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(map) => json!({ "M": typed_map(map) }),
    }
}

fn typed_map(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.clone(), typed(value))).collect()
}

/// DynamoDB trims zeros after the point.
fn digits(number: &str) -> String {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => number.to_owned(),
    }
}

/// What examples/movies.yaml says, done by hand.
fn migrated(movie: &Value) -> Value {
    let label = format!("{}#{}", movie["year"], movie["title"].as_str().unwrap());
    let mut movie = movie.clone();
    let is_chosen = movie["info"].is_object() && !movie["title"].as_str().unwrap().starts_with('#');
    if !is_chosen {
        return Value::Object(typed_map(movie.as_object().unwrap()));
    }
    let info = movie["info"].as_object_mut().unwrap();
    if let Some(seconds) = info.remove("running_time_secs") {
        info.insert("runtime_seconds".into(), seconds);
    }
    if let Some(date) = info.get_mut("release_date") {
        *date = json!(epoch_seconds(date.as_str().unwrap()));
    }
    info.entry("rating").or_insert(json!(0));
    info.remove("image_url");
    movie["label"] = json!(label);
    Value::Object(typed_map(movie.as_object().unwrap()))
}

/// `2013-09-02T00:00:00Z` in seconds since 1970, by the calendar's rules (Hinnant, "days_from_civil").
fn epoch_seconds(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    assert!(text.len() == 20 && text.ends_with('Z'), "{text}");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19)
}

#[test]
fn the_calendar_is_right() {
    assert_eq!(epoch_seconds("1970-01-01T00:00:00Z"), 0);
    assert_eq!(epoch_seconds("2000-02-29T12:34:56Z"), 951_827_696);
    assert_eq!(epoch_seconds("1915-02-08T00:00:00Z"), -1_732_406_400);
}

#[test]
fn every_film_is_as_the_migration_says() {
    let data = shared("data/movies.json");
    let Ok(text) = std::fs::read_to_string(&data) else {
        println!("skipped the films: {} is not there", data.display());
        return;
    };
    let movies: Vec<Value> = serde_json::from_str(&text).unwrap();
    let folder = Folder::new();
    folder.write("migration.yaml", include_str!("../../../examples/movies.yaml"));
    let args = format!("--data {} --segments 100 --database films.db", data.display());
    let first = folder.run_json(&args, 0);
    assert_eq!(count(&first, "scanned"), 4_609);
    assert_eq!(count(&first, "failed"), 0);
    let expected: BTreeMap<_, _> = movies
        .iter()
        .map(|movie| {
            let item = migrated(movie);
            (key_of(&item, &KEY), item)
        })
        .collect();
    assert_eq!(folder.export("films.db", "movies", &KEY), expected);

    let second = folder.run_json(&args, 0);
    assert_eq!(count(&second, "scanned"), 4_609);
    assert_eq!(count(&second, "written"), 0);
}
