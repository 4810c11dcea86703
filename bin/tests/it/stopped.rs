//! Ctrl-C during a run: what is under way is finished, capacity is put back, and the next run does the rest.

use aws_sdk_dynamodb::types::ProvisionedThroughput;
use serde_json::{Value, json};

use crate::main_job::count;
use crate::support::{Folder, Running, Served, lines};

const STEPS: &str = "- set: { path: label, value: \"${id} of ${n}\" }\n- remove: { path: old }";
const ITEMS: u32 = 1_500;

fn items() -> Vec<Value> {
    let item = |number: u32| json!({ "id": { "S": format!("{number:05}") }, "n": { "N": number.to_string() }, "old": { "BOOL": true } });
    (0..ITEMS).map(item).collect()
}

async fn units(served: &Served) -> (i64, i64) {
    let table = served.client.describe_table().table_name("things").send().await.unwrap().table.unwrap();
    let units = table.provisioned_throughput.unwrap();
    (units.read_capacity_units.unwrap(), units.write_capacity_units.unwrap())
}

/// Leaves the table so few units that its burst credit is used up long before the run ends.
async fn slow_down(folder: &Folder) {
    let served = Served::start(folder, "table.db");
    let units = ProvisionedThroughput::builder().read_capacity_units(50).write_capacity_units(2).build().unwrap();
    served.client.update_table().table_name("things").provisioned_throughput(units).send().await.unwrap();
    served.end("TERM");
}

/// A run on this table takes minutes.
const SLOWLY: &str =
    "--database table.db --segments 700 --workers 2 --prewarm --prewarm-rcu 50 --prewarm-wcu 3 --output json";

/// Makes the folder, and begins a run that is in the middle of its work.
async fn under_way() -> (Folder, Running) {
    let folder = Folder::with_steps(STEPS);
    folder.write("data.jsonl", lines(&items()));
    assert_eq!(folder.run("--data data.jsonl --database table.db --dry-run").code, Some(0));
    slow_down(&folder).await;
    let mut running = Running::start(folder.command(SLOWLY.split_whitespace()));
    // The first line about progress comes after five seconds; by then the burst credit is used up.
    running.wait_for_line("items/s");
    (folder, running)
}

/// What a supervisor sends is as good as Ctrl-C.
#[tokio::test]
async fn sigterm_stops_in_order_too() {
    let (_folder, running) = under_way().await;
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 write units again"), "{}", ended.stderr);
}

/// It says what may be left behind.
#[tokio::test]
async fn a_second_ctrl_c_ends_at_once() {
    let (_folder, mut running) = under_way().await;
    running.signal("INT");
    running.wait_for_line("stopping: ");
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert!(ended.stderr.contains("ended at once: "), "{}", ended.stderr);
}

#[tokio::test]
async fn a_stopped_run_puts_the_capacity_back_and_the_next_one_finishes() {
    let (folder, running) = under_way().await;
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let report = ended.json();
    assert_eq!(report["status"], "stopped");
    assert!((1..u64::from(ITEMS)).contains(&count(&report, "written")), "{report}");
    assert!(ended.stderr.contains("stopping: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 write units again"), "{}", ended.stderr);

    let served = Served::start(&folder, "table.db");
    assert_eq!(units(&served).await, (50, 2));
    served.end("TERM");

    folder.run_json("--data data.jsonl --database undisturbed.db", 0);
    let rest = folder.run_json("--database table.db --prewarm", 0);
    assert_eq!(count(&rest, "scanned"), u64::from(ITEMS));
    assert_eq!(count(&rest, "written") + count(&report, "written"), u64::from(ITEMS));
    assert_eq!(folder.export_lines("table.db", "things"), folder.export_lines("undisturbed.db", "things"));
}
