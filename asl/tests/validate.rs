//! What `validate` says of a machine with many mistakes, and that it says nothing of a good one.

use asl::{
    Catch, Choice, ErrorName, ExecutionType, Fail, Flow, Map, Pass, Retry, Rule, StateMachine, Succeed, Task, validate,
};
use serde_json::json;

#[test]
fn every_mistake_is_found_at_once() {
    let machine: StateMachine = serde_json::from_str(include_str!("validate/mistakes.asl.json")).expect("a machine");
    let problems = validate(&machine).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(problems);
}

#[test]
fn a_definition_with_mistakes_is_carried_as_it_is() {
    let text = include_str!("validate/mistakes.asl.json");
    let machine: StateMachine = text.parse().expect("a machine");
    let definition: serde_json::Value = serde_json::from_str(text).expect("json");
    assert_eq!(serde_json::to_value(&machine).expect("json"), definition);
}

#[test]
fn a_good_machine_has_no_problems() {
    let segment = Flow::starting_at("MigrateSegment")
        .state(
            "MigrateSegment",
            Task::invoke("${MigrateArn}", json!({"segment.$": "$.segment", "cursor.$": "States.Array($.cursor)"}))
                .result_selector(json!({"done.$": "$.Payload.done"}))
                .retry(Retry::on(["Throttled", "Lambda.TooManyRequestsException"]).max_delay_seconds(60).full_jitter())
                .retry(Retry::on_all().interval_seconds(2).backoff_rate(1.5))
                .next("SegmentDone"),
        )
        .state(
            "SegmentDone",
            Choice::new().when(Rule::variable("$.done").is_true(), "SegmentEnd").otherwise("MigrateSegment"),
        )
        .state("SegmentEnd", Succeed::new());
    let built = StateMachine::builder("Prepare")
        .timeout_seconds(86_400)
        .state("Prepare", Pass::new().result(json!({"segments": [0, 1]})).next("Migrate"))
        .state(
            "Migrate",
            Map::distributed(ExecutionType::Standard, segment)
                .items_path("$.segments")
                .item_selector(json!({"segment.$": "$$.Map.Item.Value"}))
                .max_concurrency(asl::JsonPath::from("$.concurrency"))
                .tolerated_failure_percentage(5.0)
                .label("Migrate")
                .catch(Catch::on([ErrorName::EXCEED_TOLERATED_FAILURE_THRESHOLD], "Failed").result_path("$.error"))
                .catch(Catch::all("Failed"))
                .end(),
        )
        .state("Failed", Fail::new("MigrationFailed", "see the segments"))
        .build();
    assert_eq!(built.map(|machine| machine.flow.states.len()), Ok(3));
}

#[test]
fn a_bad_machine_is_not_built() {
    let built = StateMachine::builder("Start").state("Start", Pass::new().next("Nowhere")).build();
    let problems = built.expect_err("problems").to_string();
    assert_eq!(
        problems,
        "state `Start`: leads to the state `Nowhere`, which is not there\n\
         machine: expected a way to an end: a state with End, a Succeed or a Fail"
    );
}
