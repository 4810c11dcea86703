//! What DynamoDB would refuse about an item, found before anything is written.

use std::collections::HashSet;
use std::hash::Hash;

use aws_sdk_dynamodb::types::AttributeValue;
use migration::definition::KeySchema;
use migration::item::{AttributeType, Item, MAX_ITEM_BYTES, Number, Path, PathElement, item_bytes};

/// The largest partition and sort key values (developer guide, "Constraints", "Partition keys and sort keys").
const MAX_KEY_BYTES: [usize; 2] = [2048, 1024];

/// Checks an item's size, key and sets; the error names the attribute, never its value.
pub(super) fn item(item: &Item, schema: Option<&KeySchema>) -> Result<(), String> {
    let bytes = item_bytes(item);
    if bytes > MAX_ITEM_BYTES {
        return Err(format!("expected an item of at most {MAX_ITEM_BYTES} bytes (400 KB), found {bytes}"));
    }
    if let Some(schema) = schema {
        key(item, schema)?;
    }
    item.iter().try_for_each(|(name, value)| sets(&Path::attribute(name), value))
}

fn key(item: &Item, schema: &KeySchema) -> Result<(), String> {
    for (attribute, most) in schema.attributes().zip(MAX_KEY_BYTES) {
        let name = Path::attribute(&attribute.name);
        let value = item.get(&attribute.name);
        let value = value.ok_or_else(|| format!("{name}: expected this key attribute, found none"))?;
        let found = AttributeType::of(value);
        if found != Some(attribute.kind) {
            let found = found.map_or("something else", AttributeType::as_str);
            return Err(format!("{name}: expected a key of type {}, found {found}", attribute.kind));
        }
        let bytes = match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            _ => continue,
        };
        if bytes == 0 {
            return Err(format!("{name}: expected a key value, found an empty one"));
        }
        if bytes > most {
            return Err(format!("{name}: expected a key value of at most {most} bytes, found {bytes}"));
        }
    }
    Ok(())
}

fn sets(path: &Path, value: &AttributeValue) -> Result<(), String> {
    match value {
        AttributeValue::Ss(members) => set(path, members.iter().map(Some)),
        AttributeValue::Ns(members) => set(path, members.iter().map(|digits| digits.parse::<Number>().ok())),
        AttributeValue::Bs(members) => set(path, members.iter().map(|bytes| Some(bytes.as_ref()))),
        AttributeValue::M(map) => {
            map.iter().try_for_each(|(name, value)| sets(&path.child(PathElement::Name(name.clone())), value))
        }
        AttributeValue::L(list) => {
            let mut elements = list.iter().enumerate();
            elements.try_for_each(|(index, value)| sets(&path.child(PathElement::Index(index)), value))
        }
        _ => Ok(()),
    }
}

fn set<T: Eq + Hash>(path: &Path, members: impl ExactSizeIterator<Item = T>) -> Result<(), String> {
    let count = members.len();
    if count == 0 {
        return Err(format!("{path}: expected at least one member, found an empty set"));
    }
    if members.collect::<HashSet<_>>().len() < count {
        return Err(format!("{path}: expected each member of a set once, found one twice"));
    }
    Ok(())
}
