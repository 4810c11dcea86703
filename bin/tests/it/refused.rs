//! Flags and migrations that can't be right: a clear error, exit code 2, and nothing written.

use crate::support::{Ended, Folder, things};

/// What is refused before a run leaves the folder as it was.
pub(crate) fn refused(folder: &Folder, args: &str) -> Ended {
    let before = folder.files();
    let ended = folder.run(args);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert_eq!(folder.files(), before, "{}", ended.stderr);
    ended
}

#[test]
fn a_migration_that_is_not_there() {
    let folder = Folder::new();
    insta::assert_snapshot!("no_migration", refused(&folder, "").shown());
    insta::assert_snapshot!("no_such_migration", refused(&folder, "--migration nowhere/tidy.yaml").shown());
}

#[test]
fn a_migration_with_three_mistakes() {
    let folder = Folder::new();
    folder.write(
        "migration.yaml",
        "migration: test\n\
         source:\n  table: things\n  key: { partition: { name: id, type: X } }\n\
         transform:\n  - set: { path: a, valeu: 1 }\n\
         segments: none\n",
    );
    insta::assert_snapshot!("three_mistakes", refused(&folder, "--database table.db").shown());
}

#[test]
fn a_migration_that_is_no_yaml() {
    let folder = Folder::new();
    folder.write("migration.yaml", "migration: [test\nsource: }");
    insta::assert_snapshot!("no_yaml", refused(&folder, "").shown());
}

#[test]
fn a_key_attribute_that_is_renamed() {
    let folder = Folder::with_steps("- rename: { path: id, to: identity }");
    insta::assert_snapshot!("key_renamed", refused(&folder, "--database table.db").shown());
}

#[test]
fn a_number_of_39_digits_in_the_migration() {
    let folder = Folder::with_steps("- set: { path: n, value: 123456789012345678901234567890123456789 }");
    insta::assert_snapshot!("number_of_39_digits", refused(&folder, "--database table.db").shown());
}

#[test]
fn a_function_that_nobody_has_written() {
    let folder = Folder::with_example();
    folder.write("function.yaml", things("- function: nobody_wrote_this"));
    folder.write("data.jsonl", "{\"Item\":{\"id\":{\"S\":\"a\"}}}\n");
    let ended = refused(&folder, "--migration function.yaml --data data.jsonl --database table.db");
    insta::assert_snapshot!("no_such_function", ended.shown());
}

#[test]
fn segments_out_of_bounds() {
    let folder = Folder::with_example();
    for segments in ["0", "1000001", "-1", "many"] {
        let ended = refused(&folder, &format!("--segments {segments}"));
        insta::assert_snapshot!(format!("segments_{segments}"), ended.shown());
    }
}

#[test]
fn prices_that_are_none() {
    let folder = Folder::with_example();
    folder.write("prices.json", "{}");
    insta::assert_snapshot!("no_prices", refused(&folder, "--prices nowhere.json --database table.db").shown());
    insta::assert_snapshot!("wrong_prices", refused(&folder, "--prices prices.json --database table.db").shown());
}

#[test]
fn flags_that_contradict() {
    let folder = Folder::with_example();
    folder.write("data.json", "[]");
    for (name, args) in [
        ("prewarm_rcu_alone", "--prewarm-rcu 100"),
        ("prewarm_of_0", "--prewarm --prewarm-wcu 0"),
        ("direct_with_data", "--engine direct --data data.json"),
        ("direct_with_items", "--engine direct --items 5"),
        ("direct_with_database", "--engine direct --database table.db"),
        ("data_and_items", "--data data.json --items 5"),
        ("unknown_engine", "--engine elsewhere"),
    ] {
        insta::assert_snapshot!(name, refused(&folder, args).shown());
    }
}

/// Nothing of the machine's own configuration may help here, and nobody waits for an instance's metadata.
#[test]
fn direct_without_credentials() {
    let folder = Folder::with_example();
    let started = std::time::Instant::now();
    insta::assert_snapshot!("no_region_no_credentials", refused(&folder, "--engine direct").shown());
    let mut command = folder.command(["--engine", "direct"]);
    let ended = Ended::of(command.env("AWS_REGION", "eu-west-1").output().unwrap());
    insta::assert_snapshot!("no_credentials", ended.shown());
    let mut command = folder.command(["--engine", "direct"]);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    insta::assert_snapshot!("no_region", Ended::of(command.output().unwrap()).shown());
    assert_eq!(folder.files(), ["migration.yaml"]);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
