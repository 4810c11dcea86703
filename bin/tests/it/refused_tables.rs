//! Tables and databases that a run can't work on.

use crate::refused::refused;
use crate::support::{Folder, Served, things};

#[test]
fn an_unknown_table_in_a_database_with_others() {
    let folder = Folder::with_example();
    assert_eq!(folder.run("--items 20 --segments 2 --database table.db").code, Some(0));
    insta::assert_snapshot!("unknown_table", refused(&folder, "--table films --database table.db").shown());
    let ended = refused(&folder, "export --table films --database table.db");
    insta::assert_snapshot!("export_of_an_unknown_table", ended.shown());
    let ended = refused(&folder, "export --table movies --database nowhere.db");
    insta::assert_snapshot!("export_of_no_database", ended.shown());
}

#[test]
fn an_unknown_table_behind_an_endpoint() {
    let folder = Folder::with_example();
    let served = Served::start(&folder, "table.db");
    let before = folder.files();
    let ended = served.run_direct(&folder, "");
    assert_eq!(folder.files(), before);
    insta::assert_snapshot!("unknown_table_direct", ended.shown());
    served.end("TERM");
}

#[test]
fn a_key_that_is_not_the_tables() {
    let folder = Folder::with_example();
    assert_eq!(folder.run("--items 20 --segments 2 --database table.db").code, Some(0));
    folder.write("other.yaml", things("- remove: { path: a }"));
    let ended = refused(&folder, "--migration other.yaml --table movies --database table.db");
    insta::assert_snapshot!("key_is_another", ended.shown());
    // Without a key in the migration, the table's own decides what may change.
    folder.write(
        "keyless.yaml",
        "migration: test\nsource: { table: movies }\ntransform:\n  - set: { path: title, value: x }\n",
    );
    let ended = refused(&folder, "--migration keyless.yaml --database table.db");
    insta::assert_snapshot!("key_changed", ended.shown());
}

#[test]
fn a_database_that_another_process_has() {
    let folder = Folder::with_example();
    let served = Served::start(&folder, "table.db");
    insta::assert_snapshot!("database_in_use", refused(&folder, "--items 5 --database table.db").shown());
    served.end("INT");
    assert_eq!(folder.run("--items 5 --segments 2 --database table.db").code, Some(0));
}

#[test]
fn a_database_that_is_none() {
    let folder = Folder::with_example();
    folder.write("table.db", "this is no database, but a file that somebody needs");
    let ended = folder.run("--database table.db");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let content = std::fs::read_to_string(folder.path().join("table.db")).unwrap();
    assert_eq!(content, "this is no database, but a file that somebody needs");
    insta::assert_snapshot!("no_database", ended.shown());
}
