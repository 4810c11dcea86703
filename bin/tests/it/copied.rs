//! Copies, rehearsed: the films under another key beside an application, and a rehearsal that stays in step.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::main_job::count;
use crate::refused::refused;
use crate::support::{Folder, Running, key_of, shared};

const EXAMPLE: &str = include_str!("../../../examples/movies-by-title.yaml");
const TARGET: &str = "movies-by-title";
const KEY: [&str; 2] = ["title", "year"];

/// What examples/movies-by-title.yaml says, done by hand on DynamoDB JSON.
fn image(film: &Value) -> Value {
    let mut film = film.clone();
    if let Some(info) = film["info"]["M"].as_object_mut()
        && let Some(seconds) = info.remove("running_time_secs")
    {
        info.insert("runtime_seconds".into(), seconds);
    }
    let label = format!("{}#{}", film["year"]["N"].as_str().unwrap(), film["title"]["S"].as_str().unwrap());
    film["label"] = json!({ "S": label });
    film["catalogue"] = json!({ "S": "films" });
    film
}

/// The target of a database, and what it should hold by what the source does.
fn both(folder: &Folder, database: &str) -> (BTreeMap<String, Value>, BTreeMap<String, Value>) {
    let source = folder.export(database, "movies", &KEY);
    let images = source.into_values().map(|film| (key_of(&film, &KEY), image(&film))).collect();
    (folder.export(database, TARGET, &KEY), images)
}

/// An attribute renamed, one added, one set on all items, and the title first; an application at work meanwhile.
#[test]
fn the_films_are_carried_beside_an_application_and_cut_over() {
    let data = shared("data/movies.json");
    if !data.exists() {
        println!("skipped the films: {} is not there", data.display());
        return;
    }
    let folder = Folder::new();
    folder.write("migration.yaml", EXAMPLE);
    let args = format!(
        "--data {} --database films.db --traffic 200 --traffic-seconds 20 --cutover --output json",
        data.display()
    );
    let ended = folder.run(&args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report = ended.json();
    assert!(count(&report, "written") > 4_000, "{report}");
    assert_eq!(count(&report, "failed"), 0);
    assert!(report["changes_applied"].as_u64().unwrap() > 0, "{report}");
    let found = &report["found"];
    for kind in ["missing", "different", "extra", "unknown"] {
        assert_eq!(found[kind], 0, "{found}");
    }
    for line in ["traffic", "cut over"] {
        let line = ended.stderr.lines().find(|said| said.trim_start().starts_with(line));
        println!("{}", line.unwrap_or_else(|| panic!("{}", ended.stderr)));
    }
    // The last look is not the program's own.
    let (target, images) = both(&folder, "films.db");
    assert!(target.len() > 4_609 && target == images, "{} items for {} images", target.len(), images.len());
}

/// Who began it may look at it from elsewhere; what the process carries ends with it, in order.
#[test]
fn a_rehearsal_stays_in_step_until_it_is_ended() {
    let folder = Folder::new();
    folder.write("migration.yaml", EXAMPLE);
    let mut running = Running::start(folder.command("--items 60 --database sample.db --segments 4".split_whitespace()));
    running.wait_for_line("in step: changes go on being carried");
    let run = folder.only_run();
    let status = folder.run(&format!("status {run}"));
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("is in step after") && ended.stdout.contains("differ      none"), "{}", ended.stdout);
    let (target, images) = both(&folder, "sample.db");
    assert_eq!((target.len(), &target), (60, &images));
}

/// Everything at once where nothing changes meanwhile: the process ends with the bulk.
#[test]
fn a_copy_of_the_items_alone_ends_by_itself() {
    let folder = Folder::new();
    folder.write("migration.yaml", EXAMPLE.replace("  create: true\n", "  create: true\n  carry: bulk\n"));
    let ended = folder.run("--items 60 --database sample.db --segments 4");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("has carried everything after"), "{}", ended.stdout);
    let (target, images) = both(&folder, "sample.db");
    assert_eq!((target.len(), &target), (60, &images));
}

/// Before anything is made: what the target can't have of the source's definition, and what nobody has looked for.
#[test]
fn a_dry_run_says_what_is_not_copied() {
    let folder = Folder::new();
    folder.write("migration.yaml", EXAMPLE);
    let ended = folder.run("--items 60 --dry-run");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in ["target      movies-by-title: it is made like movies", "not copied  a resource policy, "] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
    let object = folder.run_json("--items 60 --dry-run", 0);
    assert_eq!(object["not_copied"], json!([]));
    assert_eq!(object["not_looked_at"].as_array().map(Vec::len), Some(4));
}

#[test]
fn what_a_copy_can_not_be_is_said_before_anything_is_made() {
    let folder = Folder::with_example();
    insta::assert_snapshot!("traffic_in_place", refused(&folder, "--traffic 10 --items 5").shown());
    insta::assert_snapshot!("cutover_in_place", refused(&folder, "--cutover --items 5").shown());
    folder.write("migration.yaml", EXAMPLE);
    insta::assert_snapshot!("changes_direct", refused(&folder, "--engine direct").shown());
    insta::assert_snapshot!("traffic_direct", refused(&folder, "--engine direct --traffic 10").shown());
    folder.write("migration.yaml", EXAMPLE.replace("table: movies-by-title", "table: movies\n  region: eu-west-1"));
    insta::assert_snapshot!("one_name", refused(&folder, "--items 5").shown());
    folder.write("migration.yaml", EXAMPLE.replace("  create: true\n", ""));
    let ended = folder.run("--items 5");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    insta::assert_snapshot!("no_target", ended.shown());
}

/// Until somebody goes on with it or gives it up, its stream and its queue fill.
#[test]
fn a_copy_that_failed_says_that_capture_stays_on() {
    let folder = Folder::new();
    folder.write("migration.yaml", crate::cut_over::COPY.replace("${title}", "${nothing}"));
    let failed = folder.run("--items 3 --segments 1 --database table.db");
    insta::assert_snapshot!("failed", crate::cut_over::steady(&failed.shown()));
    let run = folder.only_run();
    assert_eq!(folder.run_json(&format!("status {run}"), 0)["capturing"], true);
    let given_up = folder.run(&format!("cutover {run} --abort"));
    assert_eq!(given_up.code, Some(0), "{}", given_up.stderr);
    assert_eq!(folder.run_json(&format!("status {run}"), 0)["capturing"], false);
    assert!(!folder.run(&format!("status {run}")).stdout.contains("stays on"));
}

/// Every copy is compared, whatever its bulk is read from: that takes more reads than the bulk.
#[test]
fn the_estimate_of_a_copy_has_its_comparison_and_its_export() {
    let folder = Folder::new();
    let estimate = |more: &str| {
        folder.write(
            "migration.yaml",
            crate::cut_over::COPY.replace("  create: true\n", &format!("  create: true\n{more}")),
        );
        folder.run_json("--items 1000 --segments 4 --dry-run", 0)["estimate"].clone()
    };
    let units = |estimate: &Value, name: &str| estimate[name].as_f64().unwrap();
    let scan = estimate("");
    assert_eq!(scan["export_dollars"], Value::Null);
    let compared = units(&scan, "compared_read_units");
    // Half a unit for each of 1,000 small items in either table, beside the scans.
    assert!(compared > 1_000.0 && units(&scan, "read_units") > compared, "{scan}");
    let export = estimate("  bulk: export\n");
    assert_eq!(
        (&export["read_units"], &export["compared_read_units"]),
        (&scan["compared_read_units"], &scan["compared_read_units"])
    );
    assert!(units(&export, "export_dollars") > 0.0, "{export}");
    assert_eq!(export["write_units"], scan["write_units"]);
    let changes = estimate("  carry: changes\n");
    assert_eq!((&changes["read_units"], &changes["write_units"]), (&scan["compared_read_units"], &json!(0.0)));
    assert!(units(&changes, "orchestration_dollars") < units(&scan, "orchestration_dollars"));
    estimate("  bulk: export\n");
    let shown = folder.run("--items 1000 --segments 4 --dry-run").stdout;
    let (_, sums) = shown.split_once("\n  units ").unwrap();
    insta::assert_snapshot!("estimate", sums);
}
