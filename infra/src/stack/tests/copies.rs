//! The templates of copies.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// With a way back.
const BACK: &str = "
migration: move-films
source: { table: movies }
target: { table: films, reverse: [ { remove: { path: seen } } ] }
transform: [ { set: { path: seen, value: true } } ]
";
/// Into another region.
const FAR: &str = "
migration: move-films
source: { table: movies }
target: { table: films, region: eu-west-1 }
transform: [ { set: { path: seen, value: true } } ]
";
/// Into another account.
pub(super) const AWAY: &str = "
migration: hand-over
source: { table: movies }
target: { table: films, carry: bulk, role: arn:aws:iam::123456789012:role/films }
transform: [ { set: { path: seen, value: true } } ]
";

/// The document of a copy, likewise; the functions that mappings call have no place in it.
#[test]
fn every_substitution_of_a_copy_has_a_value() {
    let properties = &written(COPY)["Resources"]["Workflow"]["Properties"];
    let document = properties["Definition"].to_string();
    let wanted: BTreeSet<_> = names(&document).into_iter().collect();
    let given: BTreeSet<_> =
        properties["DefinitionSubstitutions"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((&wanted, given.len()), (&given, migration::Task::ALL.len() - 2 + 1));
}

/// R14 and what SQS allows: FIFO by groups, ids of the stream's own, the longest retention, out of sight for six times the
/// function's time, and nothing that is given up.
#[test]
fn the_queue_of_a_copy_keeps_order_and_loses_nothing() {
    let resources = &written(COPY)["Resources"];
    let seconds = resources["ApplyChangesFunction"]["Properties"]["Timeout"].as_u64().unwrap();
    for queue in ["Changes", "DeadLetters"] {
        let properties = &resources[queue]["Properties"];
        assert_eq!(properties["FifoQueue"], true, "{queue}");
        assert_eq!(properties["ContentBasedDeduplication"], false, "{queue}");
        assert_eq!(properties["DeduplicationScope"], "messageGroup", "{queue}");
        assert_eq!(properties["FifoThroughputLimit"], "perMessageGroupId", "{queue}");
        assert_eq!(properties["MessageRetentionPeriod"], 1_209_600, "{queue}");
        assert!(properties["VisibilityTimeout"].as_u64().unwrap() >= 6 * seconds, "{queue}");
    }
    let redrive = &resources["Changes"]["Properties"]["RedrivePolicy"];
    assert_eq!(redrive["deadLetterTargetArn"], json!({ "Fn::GetAtt": ["DeadLetters", "Arn"] }));
    // R13, R14: the stack makes no mapping; the run does, when it is its turn.
    let kinds = resources.as_object().unwrap().values().map(|resource| resource["Type"].as_str().unwrap());
    assert!(!kinds.into_iter().any(|kind| kind == "AWS::Lambda::EventSourceMapping"));
}

/// Changes that nobody has applied are in no other place once the stream has forgotten them.
#[test]
fn the_queues_of_a_copy_outlive_its_stack() {
    let resources = &written(COPY)["Resources"];
    for queue in ["Changes", "DeadLetters"] {
        let policies = ["DeletionPolicy", "UpdateReplacePolicy"].map(|policy| &resources[queue][policy]);
        assert_eq!(policies, ["Retain"; 2], "{queue}");
        // Another deployment makes others beside those that stayed.
        assert!(resources[queue]["Properties"].get("QueueName").is_none(), "{queue}");
    }
}

/// What a deployment is held against while a copy goes on: see `deploy::losses`.
#[test]
fn the_outputs_say_where_the_target_stands_and_how_it_is_reached() {
    let said = |yaml: &str| {
        let outputs = &written(yaml)["Outputs"];
        ["TargetRegion", "TargetRole", "WayBack"].map(|output| outputs[output]["Value"].clone())
    };
    let here = json!({ "Ref": "AWS::Region" });
    assert_eq!(said(BACK), [here.clone(), json!(null), json!("true")]);
    assert_eq!(said(FAR), [json!("eu-west-1"), json!(null), json!(null)]);
    assert_eq!(said(AWAY), [here, json!("arn:aws:iam::123456789012:role/films"), json!(null)]);
}

/// All alarms: what they watch, when they fire, and what they say.
fn alarms(yaml: &str) -> String {
    let template = written(yaml);
    let resources = template["Resources"].as_object().unwrap().iter();
    let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.fold(String::new(), |mut all, (id, alarm)| {
        let properties = &alarm["Properties"];
        let metrics = properties["Metrics"].as_array().into_iter().flatten();
        let names = metrics.filter_map(|metric| metric["MetricStat"]["Metric"]["MetricName"].as_str());
        let names: Vec<_> = names.chain(properties["MetricName"].as_str()).collect();
        let period = properties["Period"].as_u64().or(properties["Metrics"][0]["MetricStat"]["Period"].as_u64());
        let (threshold, periods) = (&properties["Threshold"], &properties["EvaluationPeriods"]);
        writeln!(all, "{id}: {} above {threshold}, {periods} times {} s", names.join(" + "), period.unwrap()).unwrap();
        writeln!(all, "  {}", properties["AlarmDescription"].as_str().unwrap()).unwrap();
        all
    })
}

#[test]
fn the_alarms_of_a_copy_are_as_they_were_reviewed() {
    insta::assert_snapshot!(alarms(COPY));
}

/// What throttles a copy is its target; where that stands elsewhere no alarm of this region sees it.
#[test]
fn a_copy_watches_the_table_that_it_writes_to() {
    let throttled = |yaml: &str| written(yaml)["Resources"]["TargetThrottledAlarm"]["Properties"]["Dimensions"].clone();
    assert_eq!(throttled(BACK), json!([{ "Name": "TableName", "Value": "films" }]));
    for yaml in [FAR, AWAY] {
        assert_eq!(throttled(yaml), json!(null));
        assert!(written(yaml)["Resources"].get("TableThrottledAlarm").is_none());
    }
}

/// The metrics of tables on a dashboard: table, metric.
fn of_tables(yaml: &str) -> BTreeSet<String> {
    let widgets = widgets(&written(yaml));
    let lines = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten();
    let of_tables = lines.filter(|line| line[0] == "AWS/DynamoDB");
    of_tables.map(|line| format!("{} {}", line[3].as_str().unwrap(), line[1].as_str().unwrap())).collect()
}

#[test]
fn the_dashboard_of_a_copy_shows_reads_of_its_source_and_writes_of_its_target() {
    let reads = ["ConsumedReadCapacityUnits", "ProvisionedReadCapacityUnits", "ReadThrottleEvents"];
    let writes = ["ConsumedWriteCapacityUnits", "ProvisionedWriteCapacityUnits", "WriteThrottleEvents"];
    let of = |table: &str, names: [&str; 3]| names.map(|name| format!("{table} {name}")).into_iter().collect();
    let source: BTreeSet<String> = of("movies", reads);
    assert_eq!(of_tables(FAR), source);
    assert_eq!(of_tables(BACK), &source | &of("films", writes));
}

/// Stopping an execution stops nothing that carries changes.
#[test]
fn the_dashboard_of_a_copy_says_how_it_is_stopped() {
    let said = |yaml: &str| widgets(&written(yaml))[0]["properties"]["markdown"].as_str().unwrap().to_owned();
    assert!(said(BACK).contains("table movies to films") && !said(BACK).contains("stop-execution"), "{}", said(BACK));
    assert!(said(BACK).contains("cutover RUN --abort") && !said(EXAMPLE).contains("cutover"));
}

/// What a copy's functions are told, and what makes a target elsewhere.
#[test]
fn the_functions_of_a_copy_know_what_carries_it() {
    let variables = |yaml: &str, task: migration::Task| {
        written(yaml)["Resources"][format!("{task}Function")]["Properties"]["Environment"]["Variables"].clone()
    };
    let start = variables(COPY, migration::Task::StartCapture);
    assert_eq!(
        start[deployment::CAPTURE_FUNCTION_VARIABLE],
        json!({ "Fn::GetAtt": ["CaptureChangesFunction", "Arn"] })
    );
    let capture = variables(COPY, migration::Task::CaptureChanges);
    assert_eq!(capture[deployment::QUEUE_URL_VARIABLE], json!({ "Ref": "Changes" }));
    // CloudFormation would refuse the circle.
    assert!(capture.get(deployment::CAPTURE_FUNCTION_VARIABLE).is_none());
    let apply = variables(FAR, migration::Task::ApplyChanges);
    assert_eq!(apply[deployment::TARGET_REGION_VARIABLE], "eu-west-1");
    let apply = variables(AWAY, migration::Task::ApplyChanges);
    assert_eq!(apply[deployment::TARGET_ROLE_VARIABLE], "arn:aws:iam::123456789012:role/films");
    assert!(variables(EXAMPLE, migration::Task::Prepare).get(deployment::QUEUE_URL_VARIABLE).is_none());
}

/// Whether a line of a table of permissions says what a task's function may do on that.
fn is_of(line: &str, task: migration::Task, on: &str) -> bool {
    line.starts_with(&format!("{task}FunctionRole: ")) && line.ends_with(&format!(" on {on}"))
}

/// Whether a task's function may do that.
fn may(yaml: &str, task: migration::Task, action: &str, on: &str) -> bool {
    table(yaml).lines().any(|line| is_of(line, task, on) && line.contains(action))
}

/// In another account it is that account's role which says what may be done: each task that reaches the target here takes it.
#[test]
fn whoever_reaches_the_target_takes_its_role_elsewhere() {
    let role = "arn:aws:iam::123456789012:role/films";
    let reaches = |task: &&migration::Task| table(BACK).lines().any(|line| is_of(line, **task, "table/films"));
    let takes = |task: &&migration::Task| may(AWAY, **task, "sts:AssumeRole", role);
    let of = |does: &dyn Fn(&&migration::Task) -> bool| migration::Task::ALL.iter().filter(does).collect::<Vec<_>>();
    assert_eq!(of(&takes), of(&reaches));
    assert!(of(&takes).contains(&&migration::Task::CheckPrewarm));
}

/// An export is asked for by the table's ARN, and what isn't there is told from what may not be read.
#[test]
fn an_export_can_be_asked_for_and_read() {
    use migration::Task::{Export, MigrateSegment};
    assert!(may(COPY, Export, "dynamodb:DescribeTable", "table/movies"));
    assert!(may(COPY, Export, "s3:PutObjectAcl", "${ResultsBucket.Arn}/*"), "{}", table(COPY));
    assert!([Export, MigrateSegment].map(|task| may(COPY, task, "s3:ListBucket", "ResultsBucket.Arn")) == [true; 2]);
}

/// On the way back the source is what is compared with.
#[test]
fn a_way_back_can_be_verified() {
    let expires = |yaml| may(yaml, migration::Task::Prepare, "dynamodb:DescribeTimeToLive", "table/movies");
    assert!(expires(BACK) && !expires(AWAY));
}

/// A copy reads its source; only the way back writes to it.
#[test]
fn the_source_of_a_copy_is_not_written_to() {
    let writes = |yaml: &str| {
        let writing = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete"];
        let of_source = |line: &&str| line.ends_with("on table/movies");
        let table = table(yaml);
        let lines = table.lines().filter(of_source).filter(|line| writing.iter().any(|action| line.contains(action)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(writes(COPY), [""; 0]);
    assert_eq!(writes(AWAY), [""; 0]);
    assert_eq!(writes(BACK), ["ApplyChangesFunctionRole: Allow dynamodb:PutItem, dynamodb:DeleteItem on table/movies"]);
}
