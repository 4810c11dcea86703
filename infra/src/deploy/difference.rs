//! What two templates differ in, entry by entry. The order of keys is no difference. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

/// Lines around each change.
const CONTEXT: usize = 2;
/// Sections of a template that hold named entries. All others are compared as a whole.
const SECTIONS: [&str; 6] = ["Metadata", "Parameters", "Conditions", "Mappings", "Resources", "Outputs"];

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `Resources.Workflow`, or a section's name.
    pub place: String,
    /// A resource's type.
    pub kind: Option<String>,
    /// What is different.
    pub what: What,
}

/// In which way an entry differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has changed: pieces of its text, each of some lines.
    Changed(Vec<Vec<Line>>),
}

/// A line of a changed entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `+`, `-` or a space.
    pub sign: char,
    /// Its text, as JSON.
    pub text: String,
}

/// All differences, in the order of the new template; what is gone comes after what is there.
pub fn differences(deployed: &Value, ours: &Value) -> Vec<Difference> {
    let (deployed, ours) = (entries(deployed), entries(ours));
    let gone = deployed.iter().filter(|(place, _)| !ours.contains_key(*place)).map(|(place, value)| Difference {
        place: place.clone(),
        kind: kind(value),
        what: What::Removed,
    });
    let rest = ours.iter().filter_map(|(place, value)| {
        let what = match deployed.get(place) {
            Some(before) if before == value => return None,
            Some(before) => What::Changed(pieces(before, value)),
            None => What::Added,
        };
        Some(Difference { place: place.clone(), kind: kind(value), what })
    });
    rest.chain(gone).collect()
}

/// The template's entries by their places.
fn entries(template: &Value) -> Map<String, Value> {
    let mut entries = Map::new();
    for (section, value) in template.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(named) if SECTIONS.contains(&section.as_str()) => {
                entries.extend(named.iter().map(|(name, value)| (format!("{section}.{name}"), value.clone())));
            }
            _ => drop(entries.insert(section.clone(), value.clone())),
        }
    }
    entries
}

fn kind(entry: &Value) -> Option<String> {
    entry.get("Type").and_then(Value::as_str).map(ToOwned::to_owned)
}

fn pieces(before: &Value, after: &Value) -> Vec<Vec<Line>> {
    let (before, after) = (format!("{:#}", sorted(before)), format!("{:#}", sorted(after)));
    let diff = TextDiff::from_lines(&before, &after);
    let groups = diff.grouped_ops(CONTEXT);
    let line = |change: similar::Change<&str>| Line {
        sign: match change.tag() {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        },
        text: change.value().trim_end_matches('\n').to_owned(),
    };
    groups.iter().map(|group| group.iter().flat_map(|op| diff.iter_changes(op)).map(line).collect()).collect()
}

/// The same with keys in alphabetical order, so that only contents are compared. A text that holds a document, such as a
/// dashboard, is shown as that document.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let keys: BTreeSet<_> = map.keys().collect();
            Value::Object(keys.into_iter().map(|key| (key.clone(), sorted(&map[key]))).collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::String(text) if text.starts_with('{') => match serde_json::from_str(text) {
            Ok(document) => sorted(&document),
            Err(_) => value.clone(),
        },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(deployed: &Value, ours: &Value) -> Vec<(String, &'static str)> {
        let word = |what: &What| match what {
            What::Added => "added",
            What::Removed => "removed",
            What::Changed(_) => "changed",
        };
        differences(deployed, ours).iter().map(|found| (found.place.clone(), word(&found.what))).collect()
    }

    #[test]
    fn entries_are_new_changed_or_gone() {
        let deployed = json!({ "Description": "a", "Resources": {
            "Old": { "Type": "AWS::SNS::Topic" }, "Same": { "Type": "T", "A": 1, "B": 2 }, "Other": { "Type": "T", "A": 1 },
        } });
        let ours = json!({ "Description": "b", "Resources": {
            "Same": { "B": 2, "Type": "T", "A": 1 }, "Other": { "Type": "T", "A": 2 }, "New": { "Type": "T" },
        } });
        let expected = [
            ("Description".into(), "changed"),
            ("Resources.Other".into(), "changed"),
            ("Resources.New".into(), "added"),
            ("Resources.Old".into(), "removed"),
        ];
        assert_eq!(places(&deployed, &ours), expected);
        assert_eq!(places(&ours, &ours), []);
    }

    #[test]
    fn a_document_inside_of_a_text_is_read() {
        let metadata =
            |seconds: u32| json!({ "Metadata": { "Migration": format!("{{\n  \"seconds\": {seconds}\n}}") } });
        let found = differences(&metadata(1), &metadata(2));
        let What::Changed(pieces) = &found[0].what else { panic!("{found:?}") };
        let text: Vec<_> = pieces[0].iter().map(|line| format!("{}{}", line.sign, line.text.trim_start())).collect();
        assert_eq!(text, [" {", "-\"seconds\": 1", "+\"seconds\": 2", " }"]);
        // Where only its spaces differ there is a difference, though no line shows it.
        let spaced = json!({ "Metadata": { "Migration": "{ \"seconds\": 1 }" } });
        assert_eq!(differences(&metadata(1), &spaced).len(), 1);
    }

    #[test]
    fn a_changed_entry_shows_its_lines_and_little_else() {
        let machine = |seconds: u32| {
            json!({ "Resources": { "Workflow": { "Type": "T", "Properties": { "Definition": {
                "StartAt": "Wait", "States": { "Wait": { "Type": "Wait", "Seconds": seconds, "End": true } },
                "Comment": "far away",
            } } } } })
        };
        let found = differences(&machine(10), &machine(20));
        let What::Changed(pieces) = &found[0].what else { panic!("{found:?}") };
        let text: Vec<_> = pieces[0].iter().map(|line| format!("{}{}", line.sign, line.text.trim_start())).collect();
        assert_eq!(
            text,
            [" \"Wait\": {", " \"End\": true,", "-\"Seconds\": 10,", "+\"Seconds\": 20,", " \"Type\": \"Wait\"", " }"]
        );
        assert_eq!(pieces.len(), 1);
    }
}
