//! The template of two migrations that have little in common, and what has to hold of every template.

mod copies;
mod requests;

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::cfn::dashboard::COLUMNS;

const EXAMPLE: &str = include_str!("../../../migration.yaml");
/// With a backup, deletes and no prewarm; on a table and under a name that need care.
const OTHER: &str = "
migration: drop_old-sessions
source: { table: app.Sessions_v2-eu }
where: { path: ttl, less_than: 1700000000 }
transform:
  - delete: {}
segments: 7
backup: true
prewarm: false
tolerated_failures: { percentage: 1.5 }
";

/// A copy.
const COPY: &str = include_str!("../../../examples/movies-by-title.yaml");
fn assets() -> Assets {
    Assets {
        architecture: Default::default(),
        bucket: Default::default(),
        sources: "0".repeat(64),
        tasks: &migration::Task::IN_PLACE,
    }
}

fn definition(yaml: &str) -> Definition {
    Definition::from_yaml(yaml).unwrap()
}

fn written(yaml: &str) -> Value {
    serde_json::to_value(template(&definition(yaml), &assets()).unwrap()).unwrap()
}

/// All values below `value`, with itself.
fn each<'v>(value: &'v Value, seen: &mut impl FnMut(&'v Value)) {
    seen(value);
    match value {
        Value::Array(list) => list.iter().for_each(|value| each(value, seen)),
        Value::Object(map) => map.values().for_each(|value| each(value, seen)),
        _ => {}
    }
}

/// The `${names}` of a text.
fn names(text: &str) -> Vec<&str> {
    let parts = text.split("${").skip(1);
    parts.filter(|part| !part.starts_with('!')).map(|part| part.split_once('}').unwrap().0).collect()
}

fn reviewed(yaml: &str) -> String {
    let mut template = written(yaml);
    for machine in ["Workflow", "RestoreAfterwards"] {
        // The documents have their own snapshots, in `migration`.
        template["Resources"][machine]["Properties"]["Definition"] = json!("…");
    }
    format!("{template:#}")
}

#[test]
fn the_template_is_as_it_was_reviewed() {
    insta::assert_snapshot!("example", reviewed(EXAMPLE));
}

#[test]
fn the_template_of_another_migration_is_as_it_was_reviewed() {
    insta::assert_snapshot!("other", reviewed(OTHER));
}

#[test]
fn two_synths_are_the_same_to_the_byte() {
    let text = || serde_json::to_string(&template(&definition(EXAMPLE), &assets()).unwrap()).unwrap();
    assert_eq!(text(), text());
}

/// CloudFormation takes 1 MB (1,000,000 bytes to be safe) from a bucket.
#[test]
fn the_template_is_small_enough() {
    let size = |yaml| serde_json::to_string_pretty(&written(yaml)).unwrap().len();
    assert!(size(EXAMPLE) < 200_000, "{}", size(EXAMPLE));
    assert!(size(OTHER) < 200_000, "{}", size(OTHER));
}

/// CloudFormation refuses a template with a null anywhere.
#[test]
fn nothing_is_null() {
    for yaml in [EXAMPLE, OTHER] {
        each(&written(yaml), &mut |value| assert!(!value.is_null()));
    }
}

#[test]
fn every_reference_resolves() {
    for yaml in [EXAMPLE, OTHER] {
        let mut template = written(yaml);
        for machine in ["Workflow", "RestoreAfterwards"] {
            template["Resources"][machine]["Properties"].as_object_mut().unwrap().remove("Definition");
        }
        let resources = template["Resources"].as_object().unwrap();
        let is_there =
            |name: &str| name.starts_with("AWS::") || resources.contains_key(name.split('.').next().unwrap());
        let mut found = 0;
        each(&template, &mut |value| {
            let Value::Object(map) = value else { return };
            if let Some(name) = map.get("Ref") {
                assert!(is_there(name.as_str().unwrap()), "{name}");
                found += 1;
            }
            if let Some(path) = map.get("Fn::GetAtt") {
                assert!(is_there(path[0].as_str().unwrap()), "{path}");
                found += 1;
            }
            for name in map.get("Fn::Sub").map(|text| names(text.as_str().unwrap())).unwrap_or_default() {
                assert!(is_there(name), "{name}");
                found += 1;
            }
        });
        assert!(found > 100, "{found}");
    }
}

/// A substitution without a value deploys, and fails at the first call; a value without a place is refused.
#[test]
fn every_substitution_of_the_documents_has_a_value() {
    let template = written(EXAMPLE);
    for (machine, number) in [("Workflow", migration::Task::IN_PLACE.len() + 1), ("RestoreAfterwards", 1)] {
        let properties = &template["Resources"][machine]["Properties"];
        let document = properties["Definition"].to_string();
        let wanted: BTreeSet<_> = names(&document).into_iter().collect();
        let given: BTreeSet<_> =
            properties["DefinitionSubstitutions"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(wanted, given, "{machine}");
        assert_eq!(given.len(), number, "{machine}");
    }
}

#[test]
fn the_outputs_are_those_that_run_looks_for() {
    let template = written(EXAMPLE);
    let outputs = template["Outputs"].as_object().unwrap();
    assert_eq!(outputs.keys().map(String::as_str).collect::<Vec<_>>(), Output::ALL.map(Output::name));
    assert!(outputs.values().all(|output| !output["Description"].as_str().unwrap().is_empty()));
    assert_eq!(outputs["MigrationDigest"]["Value"], definition(EXAMPLE).digest());
}

/// The digest that Prepare holds a run against is the one that the stack tells.
#[test]
fn prepare_alone_knows_the_digest() {
    let template = written(EXAMPLE);
    for task in migration::Task::IN_PLACE {
        let function = &template["Resources"][format!("{task}Function")];
        let variables = function["Properties"]["Environment"]["Variables"].as_object().unwrap();
        let digest = variables.get(deployment::MIGRATION_DIGEST_VARIABLE);
        let expected = (task == migration::Task::Prepare).then(|| json!(definition(EXAMPLE).digest()));
        assert_eq!(digest, expected.as_ref(), "{task}");
    }
}

#[test]
fn what_was_deployed_can_be_read() {
    let metadata = written(OTHER)["Metadata"]["SegueMigration"].as_str().unwrap().to_owned();
    let read: Definition = serde_json::from_str(&metadata).unwrap();
    assert_eq!(read, definition(OTHER));
}

/// Statements of the roles and policies: who, the statement.
fn statements(template: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        let inline = properties["Policies"].as_array().into_iter().flatten().map(|policy| &policy["PolicyDocument"]);
        let document = properties.get("PolicyDocument").into_iter();
        for document in inline.chain(document) {
            let all = document["Statement"].as_array().unwrap();
            found.extend(all.iter().map(|statement| (id.clone(), statement.clone())));
        }
    }
    found
}

/// As a person reads it: `Ledger.Arn`, `table/movies`.
fn shown(resource: &Value) -> String {
    let place = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:";
    match resource {
        Value::String(text) => text.clone(),
        Value::Object(map) => match map.iter().next().unwrap() {
            (_, Value::Array(path)) => format!("{}.{}", path[0].as_str().unwrap(), path[1].as_str().unwrap()),
            (_, text) => text.as_str().unwrap().replace(place, ""),
        },
        other => other.to_string(),
    }
}

fn table(yaml: &str) -> String {
    let mut table = String::new();
    for (id, statement) in statements(&written(yaml)) {
        let words = |name: &str| match &statement[name] {
            Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
            other => shown(other),
        };
        let effect = statement["Effect"].as_str().unwrap();
        writeln!(table, "{id}: {effect} {} on {}", words("Action"), words("Resource")).unwrap();
    }
    table
}

#[test]
fn permissions_are_as_they_were_reviewed() {
    insta::assert_snapshot!("permissions_of_the_example", table(EXAMPLE));
    insta::assert_snapshot!("permissions_of_the_other", table(OTHER));
    insta::assert_snapshot!("permissions_of_a_copy", table(COPY));
}

/// `*` stands where IAM knows no ARN, or where something is taken from everyone.
#[test]
fn no_star_where_an_arn_is_possible() {
    let unscoped: Vec<_> = crate::cfn::iam::UnscopedAction::ALL.iter().map(|action| action.name()).collect();
    let mut stars = 0;
    for (id, statement) in [EXAMPLE, OTHER, COPY, copies::AWAY].iter().flat_map(|yaml| statements(&written(yaml))) {
        if statement["Resource"].as_array().unwrap().contains(&json!("*")) {
            let actions = statement["Action"].as_array().unwrap();
            assert!(actions.iter().all(|action| unscoped.contains(&action.as_str().unwrap())), "{id}: {statement}");
            stars += 1;
        }
    }
    assert!(stars > 0);
}

/// The deletes of a table, and its backups, are a matter of the migration.
#[test]
fn what_the_migration_does_not_do_is_not_allowed() {
    let (example, other) = (table(EXAMPLE), table(OTHER));
    // The ledger's entries are deleted in any case.
    let of_source = |table: &str, action| table.lines().any(|line| line.contains(action) && !line.contains("Ledger"));
    for action in ["DeleteItem", "CreateBackup", "DescribeBackup"] {
        assert!(!of_source(&example, action), "{action}");
        assert!(of_source(&other, action), "{action}");
    }
}

/// Everything that acts on DynamoDB names the ledger or the migration's table.
#[test]
fn no_other_table_is_named() {
    for (id, statement) in statements(&written(EXAMPLE)) {
        let actions = statement["Action"].as_array().unwrap();
        if actions.iter().any(|action| action.as_str().unwrap().starts_with("dynamodb:")) {
            for resource in statement["Resource"].as_array().unwrap() {
                assert!(["Ledger.Arn", "table/movies"].contains(&shown(resource).as_str()), "{id}: {resource}");
            }
        }
    }
}

fn widgets(template: &Value) -> Vec<Value> {
    let body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

#[test]
fn widgets_lie_side_by_side_on_the_grid() {
    let widgets = widgets(&written(EXAMPLE));
    let mut taken = BTreeSet::new();
    for widget in &widgets {
        let side = |name: &str| u32::try_from(widget[name].as_u64().unwrap()).unwrap();
        assert!(side("width") > 0 && side("height") > 0 && side("x") + side("width") <= COLUMNS, "{widget}");
        for x in side("x")..side("x") + side("width") {
            for y in side("y")..side("y") + side("height") {
                assert!(taken.insert((x, y)), "two widgets at {x}, {y}");
            }
        }
    }
    assert!(widgets.len() > 8);
}

/// A formula that names a line which isn't there shows nothing, and says so only on the page.
#[test]
fn every_formula_finds_its_lines() {
    let functions = ["FILL", "PERIOD", "RUNNING", "SUM"];
    for widget in [EXAMPLE, COPY, copies::AWAY].into_iter().flat_map(|yaml| widgets(&written(yaml))) {
        let lines = widget["properties"]["metrics"].as_array().cloned().unwrap_or_default();
        let options: Vec<_> = lines.iter().map(|line| line.as_array().unwrap().last().unwrap().clone()).collect();
        let ids: Vec<_> = options.iter().filter_map(|options| options["id"].as_str()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        for formula in options.iter().filter_map(|options| options["expression"].as_str()) {
            let words = formula.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
                assert!(functions.contains(&word) || ids.contains(&word), "{word} in {formula}");
            }
        }
    }
}

/// Every metric that the workers write can be seen.
#[test]
fn the_dashboard_shows_every_metric() {
    let widgets = json!(widgets(&written(EXAMPLE))).to_string();
    for metric in deployment::Metric::ALL {
        let line =
            format!(r#"["{}","{}","{}""#, deployment::METRICS_NAMESPACE, metric.name(), deployment::METRICS_DIMENSION);
        assert!(widgets.contains(&line), "{line}");
    }
}

#[test]
fn alarms_say_what_to_do() {
    for (yaml, number) in [(EXAMPLE, 4), (OTHER, 4), (COPY, 9), (copies::AWAY, 8)] {
        let template = written(yaml);
        let resources = template["Resources"].as_object().unwrap().values();
        let alarms: Vec<_> = resources.filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm").collect();
        assert_eq!(alarms.len(), number);
        for alarm in alarms {
            let description = alarm["Properties"]["AlarmDescription"].as_str().unwrap();
            // CloudWatch takes 1,024 characters.
            assert!(description.len() < 1024 && description.contains('`'), "{description}");
            assert_eq!(alarm["Properties"]["AlarmActions"][0]["Ref"], "AlarmTopic");
        }
    }
}
