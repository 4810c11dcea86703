//! Transforms as a person writes them, on items as DynamoDB returns them.

use serde_json::{Value, json};

use super::*;
use crate::expression;
use crate::item::json::{item_from_json, item_to_json};

fn transform(steps: &str) -> Transform {
    let yaml = format!(
        "migration: test\nsource: {{ table: films, key: {{ partition: {{ name: year, type: N }}, sort: {{ name: title, \
         type: S }} }} }}\n{steps}"
    );
    let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let key = definition.source.key.clone().unwrap();
    let functions = Functions::new().with("shout", shout).with("rewrite", rewrite).with("rekey", rekey);
    Transform::new(definition, key, &functions, Run { now: "2026-11-20T09:30:00Z".parse().unwrap() }).unwrap()
}

fn shout(item: &ItemView<'_>, _: Run) -> Result<Change, Failure> {
    match item.get("name").map(|name| name.as_s()) {
        Some(Ok(name)) if *name != name.to_uppercase() => {
            Ok(Change::set("name", aws_sdk_dynamodb::types::AttributeValue::S(name.to_uppercase())))
        }
        Some(Err(_)) => Err(Failure::new("expected name to be a string")),
        _ => Ok(Change::Keep),
    }
}

fn rewrite(item: &ItemView<'_>, _: Run) -> Result<Change, Failure> {
    let mut item = item.to_item();
    item.remove("old");
    item.insert("new".into(), aws_sdk_dynamodb::types::AttributeValue::N("1".into()));
    Ok(Change::Put(item))
}

fn rekey(_: &ItemView<'_>, _: Run) -> Result<Change, Failure> {
    Ok(Change::set("year", aws_sdk_dynamodb::types::AttributeValue::N("1".into())))
}

fn item(attributes: Value) -> Item {
    let mut item = item_from_json(attributes).unwrap();
    item.extend(item_from_json(json!({ "year": { "N": "2013" }, "title": { "S": "Rush" } })).unwrap());
    item
}

/// The item afterwards, without its key; the failure's reason; or the verdict's name.
fn outcome(steps: &str, attributes: Value) -> Value {
    let transform = transform(steps);
    let item = item(attributes);
    match transform.apply(&item) {
        Ok(Verdict::Keep) => json!("keep"),
        Ok(Verdict::Filtered) => json!("filtered"),
        Ok(Verdict::Delete { .. }) => json!("delete"),
        Ok(Verdict::Update { edits, .. }) => {
            let mut after = edits.applied(&item);
            after.remove("year");
            after.remove("title");
            item_to_json(&after)
        }
        Err(failure) => json!(failure.to_string()),
    }
}

#[test]
fn steps_do_what_they_say_and_leave_alone_what_is_as_wanted() {
    for (step, before, after) in [
        ("set: { path: a, value: 1 }", json!({}), json!({ "a": { "N": "1" } })),
        ("set: { path: a, value: 1.0 }", json!({ "a": { "N": "1" } }), json!("keep")),
        ("set: { path: a, value: !SS [x, y] }", json!({ "a": { "SS": ["y", "x"] } }), json!("keep")),
        (
            "set: { path: 'a[1]', value: z }",
            json!({ "a": { "L": [{ "S": "x" }, { "S": "y" }] } }),
            json!({ "a": { "L": [{ "S": "x" }, { "S": "z" }] } }),
        ),
        ("set: { path: label, value: \"${year}#${title}\" }", json!({}), json!({ "label": { "S": "2013#Rush" } })),
        ("set: { path: at, value: \"${now}\" }", json!({}), json!({ "at": { "S": "2026-11-20T09:30:00Z" } })),
        ("set: { path: at, value: !N \"${now}\" }", json!({}), json!({ "at": { "N": "1795167000" } })),
        ("set: { path: a, value: \"${missing}\" }", json!({}), json!("set from a template: missing is absent")),
        ("set: { path: m.a, value: 1 }", json!({}), json!("m.a can't be set: m is absent")),
        ("set: { path: m.a, value: 1 }", json!({ "m": { "S": "" } }), json!("m.a can't be set: m is of type S")),
        ("default: { path: a, value: 0 }", json!({ "a": { "NULL": true } }), json!("keep")),
        (
            "default: { path: m.a, value: 0 }",
            json!({ "m": { "M": {} } }),
            json!({ "m": { "M": { "a": { "N": "0" } } } }),
        ),
        (
            "rename: { path: m.a, to: m.b }",
            json!({ "m": { "M": { "a": { "N": "7" } } } }),
            json!({ "m": { "M": { "b": { "N": "7" } } } }),
        ),
        ("rename: { path: a, to: b }", json!({ "b": { "N": "7" } }), json!("keep")),
        (
            "rename: { path: a, to: b }",
            json!({ "a": { "N": "7" }, "b": { "N": "7" } }),
            json!("rename of a: b is taken"),
        ),
        ("copy: { path: a, to: b }", json!({ "a": { "N": "7" }, "b": { "N": "7.0" } }), json!("keep")),
        (
            "copy: { path: a, to: b }",
            json!({ "a": { "N": "7" }, "b": { "N": "8" } }),
            json!("copy of a: b is taken by another value"),
        ),
        ("remove: { path: m.a }", json!({ "m": { "M": { "a": { "N": "7" } } } }), json!({ "m": { "M": {} } })),
        ("remove: { path: m.a }", json!({ "m": { "L": [] } }), json!("keep")),
        (
            "convert: { path: a, to: N }",
            json!({ "a": { "S": "12345678901234567890123456789012345678" } }),
            json!({ "a": { "N": "12345678901234567890123456789012345678" } }),
        ),
        ("convert: { path: a, to: N }", json!({}), json!("keep")),
        (
            "convert: { path: a, to: N }",
            json!({ "a": { "S": "secret" } }),
            json!("convert of a: expected a decimal number"),
        ),
        ("delete: {}", json!({}), json!("delete")),
        ("function: shout", json!({ "name": { "S": "x" } }), json!({ "name": { "S": "X" } })),
        ("function: shout", json!({ "name": { "S": "X" } }), json!("keep")),
        (
            "function: rewrite",
            json!({ "old": { "S": "" }, "kept": { "B": "AA==" } }),
            json!({ "kept": { "B": "AA==" }, "new": { "N": "1" } }),
        ),
        (
            "function: rekey",
            json!({}),
            json!("the transform changes the key attribute year: a key can't change in place, copy into another table"),
        ),
    ] {
        assert_eq!(outcome(&format!("transform: [ {{ {step} }} ]"), before.clone()), after, "{step} on {before}");
    }
}

#[test]
fn steps_see_what_the_steps_before_have_done() {
    let steps =
        "transform:\n  - rename: { path: a, to: b }\n  - convert: { path: b, to: S }\n  - copy: { path: b, to: c }";
    assert_eq!(outcome(steps, json!({ "a": { "N": "7" } })), json!({ "b": { "S": "7" }, "c": { "S": "7" } }));
}

#[test]
fn conditions_choose_as_dynamodb_would() {
    let attributes = json!({
        "n": { "N": "10" }, "s": { "S": "rock" }, "l": { "L": [{ "N": "1.0" }] }, "ss": { "SS": ["x"] },
        "m": { "M": { "b": { "BOOL": true } } },
    });
    for (condition, chosen) in [
        ("{ path: n, exists: true }", true),
        ("{ path: x, exists: true }", false),
        ("{ path: x, missing: true }", true),
        ("{ path: n, equals: 10.0 }", true),
        ("{ path: n, equals: \"10\" }", false),
        ("{ path: x, not_equals: 1 }", false),
        ("{ path: n, less_than: 9 }", false),
        ("{ path: n, greater_than: 9, at_most: 10 }", true),
        ("{ path: s, greater_than: 9 }", false),
        ("{ path: s, begins_with: ro }", true),
        ("{ path: s, contains: ck }", true),
        ("{ path: l, contains: 1 }", true),
        ("{ path: ss, contains: x }", true),
        ("{ path: m.b, type: BOOL }", true),
        ("{ not: { path: m.b, equals: true } }", false),
        ("{ any: [ { path: x, exists: true }, { path: m.b, equals: true } ] }", true),
        ("{ all: [ { path: n, exists: true }, { path: x, exists: true } ] }", false),
    ] {
        let steps = format!("where: {condition}\ntransform: [ {{ set: {{ path: done, value: true }} }} ]");
        assert_eq!(outcome(&steps, attributes.clone()) != json!("filtered"), chosen, "{condition}");
    }
}

/// R3: what isn't idempotent is done once, because its marker is set in the same update.
#[test]
fn a_marker_lets_an_increment_happen_once() {
    let whole = "marker: bumped\ntransform: [ { increment: { path: n, by: 2 } } ]";
    let own = "transform: [ { increment: { path: n, by: 2, marker: bumped } } ]";
    for steps in [whole, own] {
        let once = json!({ "bumped": { "BOOL": true }, "n": { "N": "7" } });
        assert_eq!(outcome(steps, json!({ "n": { "N": "5" } })), once);
        assert_eq!(outcome(steps, once), json!("keep"));
    }
    let beyond = json!({ "n": { "N": "9".repeat(38) } });
    let reason = "increment of n: expected a number of at most 38 digits, found 39 digits";
    assert_eq!(outcome("marker: m\ntransform: [ { increment: { path: n, by: 0.1 } } ]", beyond), json!(reason));
}

/// DynamoDB would refuse it: it is the item's failure, found before the write.
#[test]
fn an_item_that_would_pass_400_kb_fails() {
    let big = "x".repeat(400 * 1024 - 40);
    let reason = outcome("transform: [ { copy: { path: big, to: twice } } ]", json!({ "big": { "S": big } }));
    assert_eq!(reason, json!("the item would have 819144 bytes, DynamoDB takes at most 409600"));
}

/// R2: what is written, and on what condition, for one change of each sort.
#[test]
fn the_condition_holds_all_that_the_transform_has_seen() {
    let transform = transform(
        "where: { all: [ { path: info, exists: true }, { path: kind, equals: film } ] }\n\
         transform:\n\
         - rename: { path: info.running_time_secs, to: info.runtime_seconds }\n\
         - default: { path: info.rating, value: 0 }\n\
         - set: { path: label, value: \"${year}#${title}\" }\n\
         - set: { path: stays, value: 1 }",
    );
    let item = item(json!({
        "kind": { "S": "film" }, "stays": { "N": "1" }, "unread": { "S": "x" },
        "info": { "M": { "running_time_secs": { "N": "7380" }, "plot": { "S": "long" } } },
    }));
    let Ok(Verdict::Update { edits, seen }) = transform.apply(&item) else { panic!("expected an update") };
    let expressions = expression::update(&item, "year", &edits, &seen).unwrap();
    insta::assert_snapshot!(readable(&expressions), @r#"
    attribute_exists(year)
    AND attribute_type(info, {"S":"M"})
    AND attribute_not_exists(info.rating)
    AND info.running_time_secs = {"N":"7380"}
    AND attribute_not_exists(info.runtime_seconds)
    AND kind = {"S":"film"}
    AND attribute_not_exists(label)
    AND stays = {"N":"1"}
    SET info.rating = {"N":"0"}, info.runtime_seconds = {"N":"7380"}, label = {"S":"2013#Rush"} REMOVE info.running_time_secs
    "#);
}

/// More entries than one expression can name are written as one attribute; too many attributes fail the item.
#[test]
fn a_change_that_is_too_long_is_written_coarsely_or_fails() {
    let entries = |count: usize| (0..count).map(|at| (format!("entry{at:03}"), json!({ "S": "x" })));
    let wide: serde_json::Map<_, _> = entries(200).collect();
    let steps: String = (0..200).map(|at| format!("  - remove: {{ path: m.entry{at:03} }}\n")).collect();
    let transform_nested = transform(&format!("transform:\n{steps}"));
    let nested = item(json!({ "m": { "M": wide.clone() }, "other": { "S": "" } }));
    let Ok(Verdict::Update { edits, seen }) = transform_nested.apply(&nested) else { panic!("expected an update") };
    let expressions = expression::update(&nested, "year", &edits, &seen).unwrap();
    assert_eq!(expressions.update, "SET #1 = :1");
    assert_eq!(expressions.condition, "attribute_exists(#0) AND #1 = :0");

    let steps: String = (0..200).map(|at| format!("  - remove: {{ path: entry{at:03} }}\n")).collect();
    let transform_flat = transform(&format!("transform:\n{steps}"));
    let flat = item(Value::Object(wide));
    let Ok(Verdict::Update { edits, seen }) = transform_flat.apply(&flat) else { panic!("expected an update") };
    let failure = expression::update(&flat, "year", &edits, &seen).unwrap_err();
    assert!(failure.to_string().starts_with("the change touches 200 attributes"), "{failure}");
}

#[test]
fn an_unknown_function_is_named_with_those_that_are_known() {
    let definition =
        Definition::from_yaml("migration: test\nsource: { table: films }\ntransform: [ { function: shuot } ]");
    let key = transform("transform: [ { delete: {} } ]").key().clone();
    let functions = Functions::new().with("shout", shout);
    let run = Run { now: Timestamp::UNIX_EPOCH };
    let error = Transform::new(definition.unwrap(), key, &functions, run).err().unwrap();
    assert_eq!(error.to_string(), "expected a function registered in functions/src/transforms.rs (shout), found shuot");
}

/// The expressions with names and values in their places.
fn readable(expressions: &expression::Expressions) -> String {
    let mut text = format!("{}\n{}", expressions.condition.replace(" AND", "\nAND"), expressions.update);
    let values = expressions.values.iter().map(|(at, value)| (at, crate::item::json::value_to_json(value).to_string()));
    let mut places: Vec<_> = expressions.names.iter().map(|(at, name)| (at, name.clone())).chain(values).collect();
    // `#10` before `#1`.
    places.sort_by_key(|(at, _)| std::cmp::Reverse(at.len()));
    for (at, stands_for) in places {
        text = text.replace(at.as_str(), &stands_for);
    }
    text
}
