//! The main job on sample items.

use serde_json::Value;

use crate::support::Folder;

/// Every key of the object, nested ones with a dot, in order.
fn keys(value: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in value.as_object().unwrap() {
        keys.push(name.clone());
        if value.is_object() {
            keys.extend(self::keys(value).into_iter().map(|inner| format!("{name}.{inner}")));
        }
    }
    keys
}

pub(crate) fn count(report: &Value, outcome: &str) -> u64 {
    report["items"][outcome].as_u64().unwrap()
}

#[test]
fn it_prints_one_object_with_the_documented_keys() {
    let folder = Folder::with_example();
    let report = folder.run_json("--items 500 --segments 7 --prewarm", 0);
    insta::assert_snapshot!("keys_of_the_report", keys(&report).join("\n"));
    assert_eq!(report["engine"], "embedded");
    assert_eq!(report["status"], "succeeded");
    assert_eq!(report["segments"], serde_json::json!({ "total": 7, "succeeded": 7, "failed": 0 }));
    let parts =
        ["written", "deleted", "unchanged", "filtered", "gone", "failed"].map(|outcome| count(&report, outcome));
    assert_eq!(parts.iter().sum::<u64>(), count(&report, "scanned"));
    assert_eq!(count(&report, "scanned"), 500);
    // One sample item in fifty has a title that the example's `where` leaves out.
    assert_eq!(parts, [490, 0, 0, 10, 0, 0]);
}

#[test]
fn the_report_is_as_it_was_reviewed() {
    let folder = Folder::with_example();
    insta::assert_snapshot!("report", folder.run("--items 500 --segments 7 --prewarm").shown());
}

/// R3, R4
#[test]
fn a_second_run_writes_nothing() {
    let folder = Folder::with_example();
    let first = folder.run_json("--items 500 --segments 7 --database table.db", 0);
    assert_eq!(count(&first, "written"), 490);
    let exported = folder.export_lines("table.db", "movies");
    let second = folder.run_json("--segments 13 --database table.db", 0);
    assert_eq!(count(&second, "scanned"), 500);
    assert_eq!(count(&second, "written"), 0);
    assert_eq!(count(&second, "unchanged"), 490);
    assert_eq!(second["capacity"]["write_units"], 0.0);
    assert_eq!(folder.export_lines("table.db", "movies"), exported);
}

/// R1
#[test]
fn the_number_of_segments_makes_no_difference() {
    let folder = Folder::with_example();
    let exported = [1, 7, 100, 10_000].map(|segments| {
        let report = folder.run_json(&format!("--items 300 --segments {segments} --database {segments}.db"), 0);
        assert_eq!(report["segments"]["succeeded"], segments);
        assert_eq!(count(&report, "written"), 294);
        folder.export_lines(&format!("{segments}.db"), "movies")
    });
    assert_eq!(exported[0].len(), 300);
    for other in &exported[1..] {
        assert_eq!(other, &exported[0]);
    }
}

#[test]
fn an_empty_table_is_a_run_too() {
    let folder = Folder::with_example();
    let report = folder.run_json("--items 0 --segments 3 --prewarm", 0);
    assert_eq!(report["segments"]["succeeded"], 3);
    assert_eq!(count(&report, "scanned"), 0);
}

#[test]
fn a_run_leaves_its_ledger_in_the_folder_and_nothing_else() {
    let folder = Folder::with_example();
    let report = folder.run_json("--items 10 --segments 2", 0);
    let run = report["run"].as_str().unwrap();
    let foreign: Vec<_> = folder
        .files()
        .into_iter()
        .filter(|file| file != ".segue" && file != ".segue/runs" && file != "migration.yaml")
        .filter(|file| !file.starts_with(&format!(".segue/runs/{run}.db")))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
