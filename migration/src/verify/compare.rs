//! Two items, attribute by attribute. Numbers are compared by value, sets without order, as DynamoDB does. Pure.

use crate::item::{Item, Number, same_value};

/// The names of the attributes in which two items differ, in alphabetical order.
pub(super) fn differing(left: &Item, right: &Item) -> Vec<String> {
    let changed = left.iter().filter(|(name, value)| !right.get(*name).is_some_and(|other| same_value(value, other)));
    let added = right.keys().filter(|name| !left.contains_key(*name));
    let mut names: Vec<_> = changed.map(|(name, _)| name).chain(added).cloned().collect();
    names.sort_unstable();
    names
}

/// A primary key as text that is the same for all that DynamoDB takes for the same key: numbers have more than one form.
pub(super) fn canonical(key: &Item) -> String {
    use aws_sdk_dynamodb::types::AttributeValue::N;
    let one_form = |value: &aws_sdk_dynamodb::types::AttributeValue| match value {
        N(digits) => N(digits.parse::<Number>().map_or_else(|_| digits.clone(), |number| number.to_string())),
        other => other.clone(),
    };
    let key: Item = key.iter().map(|(name, value)| (name.clone(), one_form(value))).collect();
    crate::item::json::item_to_json(&key).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::json::item_from_json;
    use serde_json::{Value, json};

    fn item(json: Value) -> Item {
        item_from_json(json).unwrap()
    }

    #[test]
    fn what_dynamodb_calls_equal_doesnt_differ() {
        let left =
            item(json!({ "n": { "N": "1.0" }, "s": { "SS": ["a", "b"] }, "deep": { "M": { "n": { "N": "1e2" } } } }));
        let right =
            item(json!({ "n": { "N": "1" }, "s": { "SS": ["b", "a"] }, "deep": { "M": { "n": { "N": "100" } } } }));
        assert_eq!(differing(&left, &right), [""; 0]);
    }

    #[test]
    fn every_attribute_that_differs_is_named() {
        let left = item(
            json!({ "same": { "S": "x" }, "type": { "N": "1" }, "gone": { "NULL": true }, "set": { "NS": ["1"] } }),
        );
        let right = item(
            json!({ "same": { "S": "x" }, "type": { "S": "1" }, "new": { "S": "" }, "set": { "NS": ["1", "2"] } }),
        );
        assert_eq!(differing(&left, &right), ["gone", "new", "set", "type"]);
        assert_eq!(differing(&right, &left), ["gone", "new", "set", "type"]);
    }

    #[test]
    fn a_key_has_one_text() {
        let text = |number: &str| canonical(&item(json!({ "year": { "N": number }, "title": { "S": "Rush" } })));
        assert_eq!(text("2013.0"), text("2013"));
        assert_ne!(text("2013"), text("2014"));
        assert_ne!(canonical(&item(json!({ "k": { "S": "1" } }))), canonical(&item(json!({ "k": { "N": "1" } }))));
    }
}
