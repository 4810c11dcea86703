use std::collections::BTreeSet;

use super::*;

fn documents() -> [serde_json::Value; 2] {
    [in_place(), copy()].map(|document| serde_json::to_value(document.unwrap()).unwrap())
}

/// Every change to what is deployed is seen in review.
#[test]
fn the_document_is_as_it_was_reviewed() {
    insta::assert_snapshot!(in_place().unwrap().to_json());
}

#[test]
fn the_document_of_a_copy_is_as_it_was_reviewed() {
    insta::assert_snapshot!(copy().unwrap().to_json());
}

#[test]
fn the_way_back_is_as_it_was_reviewed() {
    insta::assert_snapshot!(restore_afterwards().unwrap().to_json());
}

#[test]
fn they_are_valid() {
    for document in [in_place(), copy(), restore_afterwards()] {
        assert_eq!(asl::validate(&document.unwrap()), []);
    }
}

/// CloudFormation says "'null' values are not allowed in templates", only when it deploys.
#[test]
fn nothing_is_null() {
    for document in [in_place(), copy(), restore_afterwards()] {
        assert!(!document.unwrap().to_json().contains("null"));
    }
}

/// R9: a retry on the Map would start a new Map Run; Express children end after five minutes.
#[test]
fn retries_stand_inside_standard_children() {
    let maps = documents().map(|document| document["States"].as_object().unwrap().clone()).into_iter().flatten();
    let maps: Vec<_> = maps.filter(|(_, state)| state["Type"] == "Map").collect();
    assert_eq!(maps.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Migrate", "Migrate", "Verify"]);
    for (name, map) in maps {
        assert!(map.get("Retry").is_none(), "{name}");
        assert_eq!(map["ItemProcessor"]["ProcessorConfig"]["ExecutionType"], "STANDARD", "{name}");
        let work = map["ItemProcessor"]["StartAt"].as_str().unwrap();
        assert!(map["ItemProcessor"]["States"][work]["Retry"].is_array(), "{name}");
    }
}

/// R10: every error name that a document matches is one that somebody raises.
#[test]
fn matched_errors_exist() {
    for document in documents() {
        let mut matched = Vec::new();
        collect(&document, "ErrorEquals", &mut matched);
        let known: Vec<_> =
            Kind::ALL.iter().map(|kind| kind.name()).chain(LAMBDA_ERRORS).chain(["States.ALL"]).collect();
        for name in matched.iter().flat_map(|names| names.as_array().unwrap()) {
            assert!(known.contains(&name.as_str().unwrap()), "{name} is raised by nobody");
        }
        assert!(!matched.is_empty());
    }
}

/// R12: whatever fails after the plan is written leads through Restore.
#[test]
fn every_failure_leads_through_restore() {
    for document in documents() {
        for (name, state) in document["States"].as_object().unwrap() {
            let can_fail = ["Task", "Map"].contains(&state["Type"].as_str().unwrap());
            if can_fail && !["Prepare", "Restore", "Summarise"].contains(&name.as_str()) {
                assert_eq!(state["Catch"][0]["Next"], "Restore", "{name}");
                assert_eq!(state["Catch"][0]["ErrorEquals"][0], "States.ALL", "{name}");
            }
        }
    }
}

/// A forgotten task would never be called, or would have no function. Mappings call two of them.
#[test]
fn the_documents_call_every_task() {
    let by_mappings = [Task::CaptureChanges, Task::ApplyChanges];
    let all =
        [BTreeSet::from(Task::IN_PLACE), Task::ALL.into_iter().filter(|task| !by_mappings.contains(task)).collect()];
    for (document, all) in documents().iter().zip(all) {
        let mut called = Vec::new();
        collect(document, "FunctionName", &mut called);
        let called: BTreeSet<_> =
            called.iter().map(|arn| Task::of_function_arn(arn.as_str().unwrap()).unwrap()).collect();
        assert_eq!(called, all);
    }
}

/// R13 and R14: where changes are carried, no page is read before capture is known to run, and none is applied before no
/// worker of the bulk can be alive.
#[test]
fn capture_is_first_and_replay_is_last() {
    let [_, copy] = documents();
    let changes = &["$.changes", "$.copying"][..];
    assert!(reaches(&copy, changes, &[], "Migrate") && reaches(&copy, changes, &[], "StartReplay"));
    for (first, then) in [("StartCapture", "Migrate"), ("EndBulk", "StartReplay"), ("StartReplay", "Verify")] {
        assert!(!reaches(&copy, changes, &[first], then), "{then} without {first}");
    }
    // Nor while the first is called again and again: what it answers is heeded.
    for (asked, then) in [("IsCaptureOn", "Migrate"), ("IsBulkOver", "StartReplay"), ("IsInStep", "Verify")] {
        let state = &copy["States"][asked];
        assert_eq!(state["Choices"][0]["Variable"], "$.checked.ready", "{asked}");
        assert_eq!(state["Choices"][0]["BooleanEquals"], true, "{asked}");
        let mut unanswered = copy.clone();
        unanswered["States"][asked]["Choices"] = json!([]);
        assert!(!reaches(&unanswered, changes, &[], then), "{then} before {asked}");
    }
    assert!(!reaches(&copy, &["$.copying"], &[], "StartReplay"));
    assert!(reaches(&copy, &["$.copying"], &[], "Verify"));
}

/// Whether a state can be come to from the first one, without those that are named, where of the flags of a job those are set
/// that are said.
fn reaches(document: &serde_json::Value, flags: &[&str], without: &[&str], wanted: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![document["StartAt"].as_str().unwrap().to_owned()];
    while let Some(name) = next.pop() {
        if without.contains(&name.as_str()) || !seen.insert(name.clone()) {
            continue;
        }
        let state = &document["States"][&name];
        let choices = state["Choices"].as_array().into_iter().flatten();
        let flag = choices.clone().find_map(|choice| choice["Variable"].as_str());
        let flag = flag.filter(|flag| ["$.changes", "$.copying"].contains(flag)).map(|flag| flags.contains(&flag));
        let chosen = choices.filter(|_| flag != Some(false)).map(|choice| &choice["Next"]);
        let otherwise = [&state["Next"], &state["Default"]].into_iter().filter(|_| flag != Some(true));
        next.extend(chosen.chain(otherwise).filter_map(|next| Some(next.as_str()?.to_owned())));
    }
    seen.contains(wanted)
}

fn collect(value: &serde_json::Value, field: &str, found: &mut Vec<serde_json::Value>) {
    match value {
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                if name == field {
                    found.push(value.clone());
                }
                collect(value, field, found);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, field, found)),
        _ => {}
    }
}
