//! R5: what the migration doesn't name stays exactly as it was, whatever its type.

use serde_json::{Value, json};

use crate::support::{Folder, key_of, lines};

/// All ten types, at the edges of what they can hold, beside what the migration changes.
fn items() -> Vec<Value> {
    let base64_of_all_bytes = "AAECAwT7/P3+/w==";
    let everything = |id: &str| {
        json!({
            "id": { "S": id },
            "old": { "S": "moved" },
            "string": { "S": "quotes \" \\ \u{1F3AC} \u{0} ${id}" },
            "empty_string": { "S": "" },
            "digits38": { "N": "12345678901234567890123456789012345678" },
            "fraction38": { "N": "-0.12345678901234567890123456789012345678" },
            "beyond_2_53": { "N": "9007199254740993" },
            "true": { "BOOL": true },
            "false": { "BOOL": false },
            "null": { "NULL": true },
            "binary": { "B": base64_of_all_bytes },
            "empty_binary": { "B": "" },
            "strings": { "SS": ["a", "b", "c"] },
            "numbers": { "NS": ["1", "2.5", "99999999999999999999999999999999999999"] },
            "binaries": { "BS": ["AQ==", "Ag=="] },
            "list": { "L": [{ "N": "1" }, { "L": [] }, { "M": { "deep": { "L": [{ "NULL": true }] } } }] },
            "empty_list": { "L": [] },
            "empty_map": { "M": {} },
            "map": { "M": {
                "kept": { "N": "0.1" }, "gone": { "S": "x" }, "dotted.name": { "S": "y" }, "empty": { "S": "" },
                "set": { "NS": ["3"] },
            } },
        })
    };
    vec![everything("one"), everything("two"), json!({ "id": { "S": "bare" } })]
}

const STEPS: &str = r#"
- rename: { path: old, to: new }
- remove: { path: map.gone }
- default: { path: version, value: 2 }
"#;

/// What those steps make of an item, by hand.
fn migrated(item: &Value) -> Value {
    let mut item = item.clone();
    let attributes = item.as_object_mut().unwrap();
    if let Some(old) = attributes.remove("old") {
        attributes.insert("new".into(), old);
    }
    if let Some(map) = attributes.get_mut("map") {
        map["M"].as_object_mut().unwrap().remove("gone");
    }
    attributes.insert("version".into(), json!({ "N": "2" }));
    sorted(&item)
}

/// Sets have no order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(name, value)| match (name.as_str(), value) {
                    ("SS" | "NS" | "BS", Value::Array(members)) => {
                        let mut members: Vec<_> = members.iter().map(|member| member.as_str().unwrap()).collect();
                        members.sort_unstable();
                        (name.clone(), json!(members))
                    }
                    _ => (name.clone(), sorted(value)),
                })
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[test]
fn only_what_the_migration_says_changes() {
    let folder = Folder::with_steps(STEPS);
    folder.write("data.jsonl", lines(&items()));
    let report = folder.run_json("--data data.jsonl --database table.db", 0);
    assert_eq!(report["items"]["written"], 3);
    let exported = folder.export("table.db", "things", &["id"]);
    assert_eq!(exported.len(), 3);
    for item in items() {
        let found = &exported[&key_of(&item, &["id"])];
        assert_eq!(sorted(found), migrated(&item));
    }
    let again = folder.run_json("--database table.db", 0);
    assert_eq!(again["items"]["written"], 0);
}

/// What `export` writes can be loaded again, and is the same table.
#[test]
fn an_export_can_be_loaded() {
    let folder = Folder::with_steps("- remove: { path: nothing_has_this }");
    folder.write("data.jsonl", lines(&items()));
    folder.run_json("--data data.jsonl --database first.db", 0);
    let exported = folder.export_lines("first.db", "things");
    folder.write("exported.jsonl", exported.join("\n"));
    folder.run_json("--data exported.jsonl --database second.db", 0);
    assert_eq!(folder.export_lines("second.db", "things"), exported);
}
