use super::*;
use crate::definition::{Comparison, Condition, Operand, Part, Prewarm, PrewarmKind, Step, TemplateType};
use aws_sdk_dynamodb::types::AttributeValue;

/// A file of valid surroundings with this transform and these further lines.
fn with(transform: &str, further: &str) -> String {
    format!(
        "migration: m\nsource: {{ table: movies, key: {{ partition: {{ name: year, type: N }}, \
         sort: {{ name: title, type: S }} }} }}\n{further}\ntransform:\n{transform}\n"
    )
}

fn mistakes(text: &str) -> String {
    Definition::from_yaml(text).unwrap_err().to_string()
}

fn transform(text: &str) -> Vec<Step> {
    Definition::from_yaml(&with(text, "")).unwrap_or_else(|mistakes| panic!("{mistakes}")).transform
}

/// The example of the issue that asked for this file, as it stands there.
const EXAMPLE: &str = r##"
migration: tidy-movies
source:
  table: movies
  key: { partition: { name: year, type: N }, sort: { name: title, type: S } }  # to create an embedded table
where: { all: [ { path: info, exists: true }, { not: { path: title, begins_with: "#" } } ] }
transform:
  - rename: { path: info.running_time_secs, to: info.runtime_seconds }
  - convert: { path: info.release_date, to: epoch_seconds }
  - default: { path: info.rating, value: 0 }
  - set: { path: label, value: "${year}#${title}" }
  - set: { path: tags, value: !SS [film, imported] }
  - remove: { path: info.image_url }
segments: 100
backup: false
prewarm: { read_units: 12000, write_units: 4000 }   # or false
tolerated_failures: { percentage: 0 }
"##;

#[test]
fn the_example_reads_as_it_is_meant() {
    let definition = Definition::from_yaml(EXAMPLE).unwrap();
    assert_eq!(definition.segments, TotalSegments::DEFAULT);
    assert_eq!(definition.prewarm, Some(Prewarm::DEFAULT));
    insta::assert_json_snapshot!(definition);
}

#[test]
fn what_is_left_out_has_its_default() {
    let definition = Definition::from_yaml("migration: m\nsource: { table: abc }\ntransform: [ delete ]").unwrap();
    assert_eq!(definition.condition, None);
    assert_eq!(definition.source.key, None);
    assert_eq!((definition.segments.get(), definition.backup, definition.prewarm), (100, false, None));
    assert_eq!(definition.tolerated_failures.percentage, Percentage::ZERO);
    assert_eq!(definition.marker, None);

    let budget = |text: &str| Definition::from_yaml(&with("  - delete", &format!("budget: {text}"))).unwrap().budget;
    assert_eq!(definition.budget, Budget { share: Percentage::THREE_QUARTERS, write_units: None, read_units: None });
    assert_eq!(budget("{ share: 50 }").share.get(), 50.0);
    assert_eq!(budget("{ write_units: 500 }").write_units.map(std::num::NonZeroU32::get), Some(500));

    let prewarm = |text: &str| Definition::from_yaml(&with("  - delete", &format!("prewarm: {text}"))).unwrap().prewarm;
    assert_eq!(prewarm("false"), None);
    assert_eq!(prewarm("true"), Some(Prewarm::DEFAULT));
    assert_eq!(prewarm("{ read_units: 7 }"), Some(Prewarm { read_units: 7, ..Prewarm::DEFAULT }));
    assert_eq!(prewarm("{ write_units: 7 }"), Some(Prewarm { write_units: 7, ..Prewarm::DEFAULT }));
    let warm = Prewarm { kind: PrewarmKind::WarmThroughput, ..Prewarm::DEFAULT };
    assert_eq!(prewarm("warm_throughput"), Some(warm));
    let seven = Prewarm { write_units: 7, ..warm };
    assert_eq!(prewarm("{ warm_throughput: { write_units: 7 } }"), Some(seven));
}

/// Every step and condition, there and back through JSON: a plan carries the definition to the workers.
#[test]
fn every_step_and_condition_survives_json() {
    let text = with(
        r#"
  - set: { path: "a.b[2]", value: { s: x, n: 1.50, t: true, z: null, l: [1, !B "AAE="], m: {} } }
  - set: { path: n, value: !N "${count}" }
  - set: { path: empty, value: "" }
  - default: { path: seen, value: "at ${now}" }
  - default: { path: sets, value: { s: !SS [a, "1"], n: !NS [1, 2.5], b: !BS ["", "AA=="] } }
  - rename: { path: old, to: new }
  - copy: { path: new, to: again }
  - remove: { path: "tags[0]" }
  - convert: { path: x, to: NS }
  - convert: { path: y, to: iso_8601 }
  - increment: { path: visits }
  - increment: { path: visits, by: -0.5, marker: halved }
  - function: add_updated_at
  - delete: {}"#,
        r##"
marker: done
where:
  all:
    - any: [ { path: a, exists: true }, { path: b, missing: true } ]
    - not: { path: c, equals: !SS [a, b] }
    - { path: year, at_least: 1990, less_than: 2000, greater_than: 1, at_most: 1e3, not_equals: 1995 }
    - { path: title, begins_with: "#", contains: x, type: S }
    - { path: nothing, type: NULL }
prewarm: true
backup: true
segments: 1000000
tolerated_failures: { percentage: 0.5 }"##,
    );
    let definition = Definition::from_yaml(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let json = serde_json::to_string(&definition).unwrap();
    assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), definition, "{json}");
    assert_eq!(definition.functions().collect::<Vec<_>>(), ["add_updated_at"]);
}

#[test]
fn numbers_keep_their_spelling_and_all_their_digits() {
    let most = "12345678901234567890123456789012345678";
    let steps = transform(&format!(
        "  - set: {{ path: a, value: {most} }}\n  - set: {{ path: b, value: 1.50 }}\n  - set: {{ path: c, value: !N '-1e9' }}"
    ));
    let constants = [most, "1.50", "-1e9"].map(|digits| AttributeValue::N(digits.into()));
    for (step, expected) in steps.iter().zip(constants) {
        let Step::Set { value: Operand::Constant(value), .. } = step else { panic!("{step:?}") };
        assert_eq!(value.0, expected);
    }
}

#[test]
fn strings_become_templates_and_tags_decide() {
    let steps = transform(
        "  - set: { path: a, value: !N \"${now}\" }\n  - set: { path: b, value: \"$${now}\" }\n  \
           - set: { path: c, value: !S 2013 }\n  - set: { path: d, value: { e: [\"$${x}\", yes] } }",
    );
    let Step::Set { value: Operand::Template(template), .. } = &steps[0] else { panic!("{:?}", steps[0]) };
    assert_eq!((template.kind, template.parts.as_slice()), (TemplateType::N, [Part::Now].as_slice()));
    let constants = steps[1..].iter().map(|step| match step {
        Step::Set { value: Operand::Constant(value), .. } => serde_json::to_string(value).unwrap(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        constants.collect::<Vec<_>>(),
        [r#"{"S":"${now}"}"#, r#"{"S":"2013"}"#, r#"{"M":{"e":{"L":[{"S":"${x}"},{"S":"yes"}]}}}"#]
    );
}

#[test]
fn several_comparisons_all_hold() {
    let definition =
        Definition::from_yaml(&with("  - delete", "where: { path: year, at_least: 1990, less_than: 2000 }")).unwrap();
    let Some(Condition::All(all)) = definition.condition else { panic!("{:?}", definition.condition) };
    assert!(matches!(all[0], Condition::Path(_, Comparison::AtLeast(_))));
    assert!(matches!(all[1], Condition::Path(_, Comparison::LessThan(_))));
}

#[test]
fn anchors_and_aliases_work() {
    let steps = transform(
        "  - set: { path: a, value: &tags !SS [x, y] }\n  - set: { path: b, value: *tags }\n  - remove: { path: c }",
    );
    let (Step::Set { value: a, .. }, Step::Set { value: b, .. }) = (&steps[0], &steps[1]) else { panic!("{steps:?}") };
    assert_eq!(a, b);
}

/// Every mistake of a file is said at once.
#[test]
fn a_dozen_mistakes_at_once() {
    let text = r#"migration: tidy movies
source:
  table: m
  key: { partition: { name: year, type: M }, sort: { name: title } }
wher: {}
transform:
  - renam: { path: a, to: b }
  - set: { path: a..b, value: 1, vlaue: 2 }
  - set: { path: c, value: [1, "${a}", !SS [], !SS [x, x], !B "se cret", 007, !X 1] }
  - set: { path: d, value: "${year" }
  - set: { path: n, value: 123456789012345678901234567890123456789 }
  - convert: { path: d, to: epoch_second }
  - rename: { path: info, to: info.old }
  - increment: { path: visits, by: "1" }
  - remove: tags
  - set:
    path: x
    value: y
  - function: 7
  - delete: { path: x }
where:
  any:
    - { path: year, at_least: true, equals: }
    - { path: a }
    - { all: [] }
    - { path: a, exists: yes, exists: true }
    - { not: { path: a, exists: 1 }, any: [] }
marker: info.done
segments: 0
backup: no
prewarm: { read_units: 12000000, writeunits: 5 }
tolerated_failures: { percentage: 101 }
segments: 5
writes: batches
"#;
    insta::assert_snapshot!(mistakes(text));
}

#[test]
fn keys_markers_and_order_are_checked() {
    let text = with(
        r#"  - rename: { path: title, to: name }
  - set: { path: year.x, value: 1 }
  - remove: { path: "tags[0]" }
  - increment: { path: visits }
  - increment: { path: n, marker: once }
  - increment: { path: m, marker: once }
  - increment: { path: o, marker: year }
  - set: { path: once, value: 1 }
  - delete
  - remove: { path: z }"#,
        "",
    );
    insta::assert_snapshot!(mistakes(&text));
    let key_as_marker = with("  - increment: { path: visits }\n  - remove: { path: done.x }", "marker: title");
    assert_eq!(
        mistakes(&key_as_marker),
        "line 3, column 9: expected a marker that is no key attribute, found \"title\""
    );
    let unreadable_marker = with("  - increment: { path: visits }", "marker: 5");
    assert_eq!(
        mistakes(&unreadable_marker),
        "line 3, column 9: expected the name of a marker attribute, found the number 5: if it is a name, put it in quotes"
    );
}

#[test]
fn the_key_of_the_real_table_is_checked_too() {
    let definition = Definition::from_yaml(&with("  - remove: { path: pk }", "marker: done")).unwrap();
    let key: crate::definition::KeySchema = serde_json::from_str(
        r#"{ "partition": { "name": "pk", "type": "S" }, "sort": { "name": "done", "type": "S" } }"#,
    )
    .unwrap();
    assert_eq!(
        definition.check_key(&key).unwrap_err(),
        [
            "remove would change the key attribute \"pk\", and a key can't be changed in place: copy the table into one \
         with the new key schema instead",
            "expected a marker that is no key attribute, found \"done\"",
        ]
    );
    assert_eq!(definition.check_key(definition.source.key.as_ref().unwrap()), Ok(()));
}

#[test]
fn a_file_that_is_no_migration_says_so() {
    let shown = |text: &str| format!("{text:?}\n{}\n", mistakes(text));
    let texts = [
        "",
        "# nothing yet\n",
        "- a\n",
        "migration: [m\nsource: x\n",
        "a: 1\n---\nb: 2\n",
        "a: *unknown\n",
        "a: &a [*a]\n",
        "base: &b { table: abc }\nsource: { <<: *b }\n",
        "migration: m\nsource: { table: \"arn:aws:dynamodb:eu-west-1:123456789012:table/movies\" }\ntransform: []\n",
        "migration: m\nsource: { table: abc, key: { partition: { name: a, type: S }, sort: { name: a, type: S } } }\ntransform: {}\n",
        "{ 1: a, [x]: b, null: c }",
        "migration: !S m\nsource: abc\ntransform:\n",
        "a: \"\\q\"\n",
        "a: { path: tags[0] }\n",
    ];
    insta::assert_snapshot!(texts.map(shown).join("\n"));
}

#[test]
fn hostile_files_end_in_a_mistake() {
    let deep = format!("a: {}1{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(mistakes(&deep).starts_with("line 1, column "));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(Definition::from_yaml(&bomb).is_err());
    let nested = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    assert!(mistakes(&with(&format!("  - set: {{ path: a, value: {nested} }}"), "")).contains("at most 32 levels"));
}
