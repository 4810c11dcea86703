//! `run serve` for a client over HTTP, and `--engine direct` on it.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::main_job::count;
use crate::refused::refused;
use crate::support::{Folder, Running, Served};

#[tokio::test]
async fn a_client_reads_and_writes_what_direct_migrates() {
    let folder = Folder::with_example();
    // A table of 200 sample items that no run has changed yet.
    assert_eq!(folder.run("--items 200 --dry-run --database table.db").code, Some(0));
    let served = Served::start(&folder, "table.db");
    let before = served.client.scan().table_name("movies").send().await.unwrap();
    assert_eq!(before.count(), 200);

    let ended = served.run_direct(&folder, "--segments 7 --output json");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report = ended.json();
    assert_eq!(report["engine"], "direct");
    assert_eq!(count(&report, "written"), 196);

    let after = served.client.scan().table_name("movies").consistent_read(true).send().await.unwrap();
    let labels = after.items().iter().filter(|item| item.contains_key("label")).count();
    assert_eq!(labels, 196);
    // What somebody adds while it is served is migrated by the next run, and that alone.
    let added = served.client.put_item().table_name("movies").item("year", AttributeValue::N("1999".into()));
    let added = added.item("title", AttributeValue::S("Added".into()));
    added.item("info", AttributeValue::M(std::collections::HashMap::new())).send().await.unwrap();
    let again = served.run_direct(&folder, "--segments 7 --output json").json();
    assert_eq!(count(&again, "scanned"), 201);
    assert_eq!(count(&again, "written"), 1);
    served.end("INT");

    // The file is whole after the server is gone.
    assert_eq!(folder.export_lines("table.db", "movies").len(), 201);
}

#[test]
fn sigterm_ends_a_server_in_order() {
    let folder = Folder::new();
    let ended = Served::start(&folder, "table.db").end("TERM");
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
}

#[test]
fn a_port_that_is_taken() {
    let folder = Folder::new();
    let served = Served::start(&folder, "table.db");
    let port = served.endpoint.rsplit(':').next().unwrap();
    let ended = refused(&folder, &format!("serve --database other.db --port {port}"));
    insta::assert_snapshot!("port_taken", ended.shown());
    served.end("TERM");
}

/// It is asked again for a while, but not without a word.
#[test]
fn an_endpoint_that_does_not_answer() {
    let folder = Folder::with_example();
    let served = Served::start(&folder, "table.db");
    let mut nobody_there = served.direct(&folder, "");
    served.end("TERM");
    let mut running = Running::start({
        nobody_there.args(["--segments", "1"]);
        nobody_there
    });
    running.wait_for_line("no answer yet");
    running.signal("TERM");
    let ended = running.end();
    assert!(
        ended.stderr.contains("engine direct: changes the real table movies at http://127.0.0.1"),
        "{}",
        ended.stderr
    );
    assert_eq!(folder.files(), ["migration.yaml", "table.db", "table.db.lock"]);
}

#[test]
fn direct_is_as_the_rehearsal() {
    let folder = Folder::with_example();
    folder.run_json("--items 300 --segments 7 --database rehearsed.db", 0);
    assert_eq!(folder.run("--items 300 --dry-run --database real.db").code, Some(0));
    let served = Served::start(&folder, "real.db");
    assert_eq!(served.run_direct(&folder, "--segments 13").code, Some(0));
    served.end("TERM");
    assert_eq!(folder.export_lines("real.db", "movies"), folder.export_lines("rehearsed.db", "movies"));
}
