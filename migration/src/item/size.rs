//! What an item weighs, and what that costs, by DynamoDB's rules
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;

/// DynamoDB takes no larger item: 400 KB, names included.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// The size of an item in bytes.
pub fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| attribute_bytes(name, value)).sum()
}

/// The size of one attribute in bytes, its name included.
pub fn attribute_bytes(name: &str, value: &AttributeValue) -> usize {
    name.len() + value_bytes(value)
}

/// The write units that writing so many bytes costs: one for each started KB.
pub fn write_units(bytes: usize) -> u64 {
    bytes.div_ceil(1024).max(1) as u64
}

/// The read units that reading so many bytes costs, eventually consistent: half a unit for each started 4 KB.
pub fn read_units(bytes: usize) -> f64 {
    bytes.div_ceil(4096).max(1) as f64 / 2.0
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => number_bytes(digits),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(members) => members.iter().map(String::len).sum(),
        AttributeValue::Ns(members) => members.iter().map(|digits| number_bytes(digits)).sum(),
        AttributeValue::Bs(members) => members.iter().map(|bytes| bytes.as_ref().len()).sum(),
        AttributeValue::M(map) => 3 + map.len() + item_bytes(map),
        AttributeValue::L(list) => 3 + list.len() + list.iter().map(value_bytes).sum::<usize>(),
        // NULL and BOOL; the SDK's enum is open, but DynamoDB has had ten types since 2014.
        _ => 1,
    }
}

/// About one byte for two significant digits, and one; one more below zero.
fn number_bytes(digits: &str) -> usize {
    let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
    let significant = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
    let trailing = mantissa.bytes().rev().filter(u8::is_ascii_digit).take_while(|digit| *digit == b'0').count();
    let significant = significant.count().saturating_sub(trailing);
    significant.div_ceil(2) + 1 + usize::from(digits.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(json: serde_json::Value) -> usize {
        item_bytes(&crate::item::json::item_from_json(json).unwrap())
    }

    /// The example of the developer guide's constraints ("Item size"): two attributes of 12 and 11 bytes.
    #[test]
    fn the_documented_item_weighs_what_the_documentation_says() {
        assert_eq!(bytes(serde_json::json!({ "shirt-color": { "S": "R" }, "shirt-size": { "S": "M" } })), 23);
    }

    /// The rules of the page that the module cites, one by one; each name is one byte.
    #[test]
    fn every_type_weighs_by_its_rule() {
        use serde_json::json;
        for (value, expected) in [
            (json!({ "S": "" }), 0),
            (json!({ "S": "über" }), 5),
            (json!({ "N": "0" }), 1),
            (json!({ "N": "27" }), 2),
            (json!({ "N": "-27" }), 3),
            (json!({ "N": "123" }), 3),
            (json!({ "N": "00100.00" }), 2),
            (json!({ "N": "0.0012" }), 2),
            (json!({ "N": "1.5E+100" }), 2),
            (json!({ "N": "9".repeat(38) }), 20),
            (json!({ "B": "AAECAw==" }), 4),
            (json!({ "BOOL": false }), 1),
            (json!({ "NULL": true }), 1),
            (json!({ "SS": ["ab", "c"] }), 3),
            (json!({ "NS": ["27", "-1"] }), 5),
            (json!({ "BS": ["AA==", "AAE="] }), 3),
            (json!({ "L": [] }), 3),
            (json!({ "M": {} }), 3),
            (json!({ "L": [{ "S": "ab" }, { "L": [] }] }), 3 + (1 + 2) + (1 + 3)),
            (json!({ "M": { "key": { "S": "ab" }, "k": { "NULL": true } } }), 3 + (1 + 3 + 2) + (1 + 1 + 1)),
        ] {
            assert_eq!(bytes(json!({ "a": value })), 1 + expected, "{value}");
        }
    }

    #[test]
    fn units_are_rounded_up_for_each_item() {
        assert_eq!([0, 1, 1024, 1025, MAX_ITEM_BYTES].map(write_units), [1, 1, 1, 2, 400]);
        assert_eq!([0, 1, 4096, 4097, MAX_ITEM_BYTES].map(read_units), [0.5, 0.5, 0.5, 1.0, 50.0]);
    }
}
