//! `--dry-run`: shows what a run would do, and writes nothing.

use crate::support::{Folder, Served};

const DATA: &str =
    r#"[{ "id": "a", "n": 1 }, { "id": "b", "n": 2 }, { "id": "c", "n": 3, "at": "2020-01-01T00:00:00Z" }]"#;

#[test]
fn the_sample_table_is_shown_as_it_was_reviewed() {
    let folder = Folder::with_example();
    let ended = folder.run("--items 500 --dry-run");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    insta::assert_snapshot!("dry_run", ended.shown());
    // No run was begun, so that there is no ledger.
    assert_eq!(folder.files(), ["migration.yaml"]);
}

#[test]
fn nothing_is_written() {
    let folder = Folder::with_example();
    assert_eq!(folder.run("--items 100 --dry-run --database table.db").code, Some(0));
    let before = folder.export_lines("table.db", "movies");
    assert!(before.iter().all(|item| !item.contains("runtime_seconds")));
    let report = folder.run_json("--dry-run --prewarm --database table.db", 0);
    assert_eq!(report["dry_run"], true);
    assert_eq!(report["idempotent"], true);
    assert_eq!(report["items"]["written"], 98);
    assert_eq!(folder.export_lines("table.db", "movies"), before);
    let served = Served::start(&folder, "table.db");
    assert_eq!(served.run_direct(&folder, "--dry-run").code, Some(0));
    served.end("TERM");
    assert_eq!(folder.export_lines("table.db", "movies"), before);
}

#[test]
fn a_transform_that_would_write_again_is_found() {
    for (step, idempotent) in [
        ("- set: { path: at, value: \"${now}\" }", false),
        ("- default: { path: at, value: \"${now}\" }", true),
        ("- function: updated_at", true),
        ("- set: { path: label, value: \"${label}x\" }", false),
    ] {
        let folder = Folder::with_steps(step);
        folder.write("data.json", DATA.replace("\"n\": ", "\"label\": \"l\", \"n\": "));
        let report = folder.run_json("--data data.json --dry-run", i32::from(!idempotent));
        assert_eq!(report["idempotent"], idempotent, "{step}: {report}");
    }
}

#[test]
fn what_is_not_idempotent_is_said() {
    let folder = Folder::with_steps("- set: { path: at, value: \"${now}\" }");
    folder.write("data.json", DATA);
    let ended = folder.run("--data data.json --dry-run");
    assert_eq!(ended.code, Some(1));
    let said: Vec<_> = ended.stdout.lines().filter(|line| line.contains("idempotent")).collect();
    insta::assert_snapshot!("not_idempotent", said.join("\n"));
}

/// The marker makes any transform idempotent.
#[test]
fn a_marker_mends_it() {
    let folder = Folder::with_steps("- increment: { path: n, by: 1, marker: counted }");
    folder.write("data.json", DATA);
    let report = folder.run_json("--data data.json --dry-run --database table.db", 0);
    assert_eq!(report["idempotent"], true);
    assert_eq!(folder.run_json("--database table.db", 0)["items"]["written"], 3);
    assert_eq!(folder.run_json("--database table.db", 0)["items"]["written"], 0);
    let exported = folder.export("table.db", "things", &["id"]);
    assert_eq!(exported[r#"{"S":"a"}"#]["n"]["N"], "2");
}

#[test]
fn items_that_would_fail_are_counted_with_the_reason() {
    let folder = Folder::with_steps("- convert: { path: id2, to: N }");
    folder.write("data.json", r#"[{ "id": "a", "id2": "7" }, { "id": "b", "id2": "x" }, { "id": "c", "id2": "y" }]"#);
    let ended = folder.run("--data data.json --dry-run");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    insta::assert_snapshot!("dry_run_with_failures", ended.shown());
}
