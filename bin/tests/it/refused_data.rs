//! Data files that can't be loaded: a clear error, exit code 2, and no database left half made.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::refused::refused;
use crate::support::Folder;

fn folder(data: impl AsRef<[u8]>) -> Folder {
    let folder = Folder::with_steps("- default: { path: version, value: 2 }");
    folder.write("data", data);
    folder
}

const ARGS: &str = "--data data --database table.db";

#[test]
fn a_file_that_is_not_there() {
    let folder = Folder::with_example();
    insta::assert_snapshot!("no_data", refused(&folder, "--data nowhere.json --database table.db").shown());
}

#[test]
fn a_file_that_is_no_json() {
    insta::assert_snapshot!("data_no_json", refused(&folder("id,name\n1,a\n"), ARGS).shown());
    insta::assert_snapshot!("data_broken_json", refused(&folder("[{\"id\": \"a\"}, {\"id\": \"b\",]"), ARGS).shown());
    insta::assert_snapshot!("data_empty", refused(&folder(""), ARGS).shown());
}

#[test]
fn a_gzip_that_is_cut_off() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for number in 0..5_000 {
        writeln!(encoder, "{{\"Item\":{{\"id\":{{\"S\":\"{number}\"}}}}}}").unwrap();
    }
    let whole = encoder.finish().unwrap();
    let ended = refused(&folder(&whole[..whole.len() / 2]), ARGS);
    // Where exactly it ends is the compressor's matter.
    let shown = regex_lite::Regex::new(r"line \d+").unwrap().replace(&ended.shown(), "line [number]").into_owned();
    insta::assert_snapshot!("data_gzip_cut_off", shown);
}

#[test]
fn a_number_of_39_digits() {
    let folder = folder("[{\"id\": \"a\"}, {\"id\": \"b\", \"n\": 123456789012345678901234567890123456789}]");
    insta::assert_snapshot!("data_39_digits", refused(&folder, ARGS).shown());
}

#[test]
fn an_item_over_400_kb() {
    let text = "x".repeat(400 * 1024);
    let ended = refused(&folder(format!("[{{\"id\": \"a\", \"text\": \"{text}\"}}]")), ARGS);
    insta::assert_snapshot!("data_over_400_kb", ended.shown());
}

#[test]
fn an_item_without_its_key() {
    insta::assert_snapshot!("data_without_key", refused(&folder("[{\"name\": \"a\"}]"), ARGS).shown());
}

#[test]
fn data_without_a_key_schema_to_load_it_by() {
    let folder = folder("[{\"id\": \"a\"}]");
    folder.write("migration.yaml", "migration: test\nsource: { table: things }\ntransform:\n  - remove: { path: a }\n");
    insta::assert_snapshot!("data_without_key_schema", refused(&folder, ARGS).shown());
}

/// A database that was there before keeps what it had.
#[test]
fn other_tables_survive_a_load_that_fails() {
    let folder = Folder::with_example();
    assert_eq!(folder.run("--items 20 --segments 2 --database table.db").code, Some(0));
    let before = folder.export_lines("table.db", "movies");
    folder.write("data", "[{\"year\": 1, \"title\": \"a\"}, 7]");
    insta::assert_snapshot!("load_beside_others", refused(&folder, &format!("--table films {ARGS}")).shown());
    assert_eq!(folder.export_lines("table.db", "movies"), before);
    assert_eq!(folder.run("export --database table.db --table films").code, Some(2));
}
