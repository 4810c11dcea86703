//! The SDK's attribute values as the engine's.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::types::AttributeValue as Stored;

use crate::error::{Error, ErrorKind, Result};

pub(crate) fn stored_item(item: HashMap<String, AttributeValue>) -> Result<HashMap<String, Stored>> {
    item.into_iter().map(|(name, value)| Ok((name, stored(value)?))).collect()
}

fn stored(value: AttributeValue) -> Result<Stored> {
    Ok(match value {
        AttributeValue::S(text) => Stored::S(text),
        AttributeValue::N(number) => Stored::N(number),
        AttributeValue::B(bytes) => Stored::B(bytes.into_inner()),
        AttributeValue::Bool(bool) => Stored::BOOL(bool),
        AttributeValue::Null(null) => Stored::NULL(null),
        AttributeValue::Ss(set) => Stored::SS(set),
        AttributeValue::Ns(set) => Stored::NS(set),
        AttributeValue::Bs(set) => Stored::BS(set.into_iter().map(Blob::into_inner).collect()),
        AttributeValue::L(list) => Stored::L(list.into_iter().map(stored).collect::<Result<_>>()?),
        AttributeValue::M(map) => Stored::M(stored_item(map)?),
        _ => return Err(Error::new(ErrorKind::Invalid, "an attribute has a type that this version doesn't know")),
    })
}
