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
