//! Every struct of `infra::cfn` is held against CloudFormation's own resource schemas, so that what AWS changes shows.
//!
//! cfn-lint (PyPI) carries the schemas. SEGUE_CFN_SCHEMAS names their folder, `cfnlint/data/schemas` in its package;
//! without it these tests say that they were skipped.

mod complete;
mod schema;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

use complete::{complete, minimal, value_lists};
use schema::{Schemas, problems};

/// What CloudFormation hands on as it is: names below are not its own.
const FREE: [&str; 8] = [
    "AssumeRolePolicyDocument",
    "Definition",
    "DefinitionSubstitutions",
    "EventPattern",
    "PolicyDocument",
    "RedrivePolicy",
    "Variables",
    "Ref",
];

fn schemas() -> Option<Schemas> {
    let Some(folder) = env::var_os("SEGUE_CFN_SCHEMAS") else {
        let _unwritable = writeln!(io::stderr(), "skipped: SEGUE_CFN_SCHEMAS names no folder of resource schemas");
        return None;
    };
    Some(Schemas::read(&PathBuf::from(folder)).expect("the folder that SEGUE_CFN_SCHEMAS names"))
}

#[test]
fn every_property_is_one_of_cloudformation() {
    let Some(schemas) = schemas() else { return };
    for (kind, properties) in complete() {
        let schema = schemas.of(kind).unwrap();
        assert_eq!(problems(&schema, &properties), Vec::<String>::new(), "{kind}");
    }
}

/// What CloudFormation requires, `new` requires.
#[test]
fn nothing_required_is_optional() {
    let Some(schemas) = schemas() else { return };
    for (kind, properties) in minimal() {
        let schema = schemas.of(kind).unwrap();
        assert_eq!(problems(&schema, &properties), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn every_value_of_a_closed_list_is_one_of_cloudformation() {
    let Some(schemas) = schemas() else { return };
    for (kind, path, values) in value_lists() {
        let schema = schemas.of(kind).unwrap();
        let known = schema::values_at(&schema, path).unwrap_or_else(|| panic!("{kind} has no values at {path}"));
        for value in values {
            assert!(known.contains(&json!(value)), "{kind} {path}: {value} is none of {known:?}");
        }
    }
}

/// The test of the tests: a slip in any one place is found.
#[test]
fn a_misspelt_property_is_found() {
    let Some(schemas) = schemas() else { return };
    let mut slips = 0;
    for (kind, properties) in complete() {
        let schema = schemas.of(kind).unwrap();
        for path in paths(&properties, "") {
            let mut slipped = properties.clone();
            let (parent, name) = path.rsplit_once('/').unwrap();
            let object = slipped.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            let value = object.remove(name).unwrap();
            object.insert(format!("{name}s"), value);
            assert!(!problems(&schema, &slipped).is_empty(), "{kind}: {path} with an s");
            slips += 1;
        }
    }
    assert!(slips > 150, "{slips}");
}

/// The property names below `value` that are CloudFormation's, as JSON pointers.
fn paths(value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(name, _)| !name.starts_with("Fn::") && *name != "Ref") {
                let path = format!("{path}/{name}");
                if !FREE.contains(&name.as_str()) {
                    found.extend(paths(value, &path));
                }
                found.push(path);
            }
        }
        Value::Array(list) => {
            for (number, value) in list.iter().enumerate() {
                found.extend(paths(value, &format!("{path}/{number}")));
            }
        }
        _ => {}
    }
    found
}

/// A resource type that is added to the library is added here.
#[test]
fn every_resource_type_is_held_against_its_schema() {
    let mut declared = BTreeSet::new();
    for file in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/cfn"))) {
        let source = fs::read_to_string(file).unwrap();
        let types = source.split("const TYPE: &'static str = \"").skip(1);
        declared.extend(types.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    let all = |instances: Vec<(&str, Value)>| instances.into_iter().map(|(kind, _)| kind.to_owned()).collect();
    assert_eq!(declared, all(complete()));
    assert_eq!(declared, all(minimal()));
    assert!(declared.len() >= 16);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let entries = entries.map(|entry| entry.expect("an entry of that folder").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
