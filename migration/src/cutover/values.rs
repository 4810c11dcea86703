//! Attribute values as a stream has them, as values of a table: two crates have a type each for the same thing.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::AttributeValue as OfStream;

use crate::error::Error;
use crate::item::Item;

/// An item, or its key.
pub(super) fn item(attributes: HashMap<String, OfStream>) -> Result<Item, Error> {
    attributes.into_iter().map(|(name, attribute)| Ok((name, value(attribute)?))).collect()
}

fn value(of_stream: OfStream) -> Result<AttributeValue, Error> {
    Ok(match of_stream {
        OfStream::S(text) => AttributeValue::S(text),
        OfStream::N(digits) => AttributeValue::N(digits),
        OfStream::B(blob) => AttributeValue::B(blob),
        OfStream::Ss(texts) => AttributeValue::Ss(texts),
        OfStream::Ns(numbers) => AttributeValue::Ns(numbers),
        OfStream::Bs(blobs) => AttributeValue::Bs(blobs),
        OfStream::M(map) => AttributeValue::M(item(map)?.into_iter().collect()),
        OfStream::L(list) => AttributeValue::L(list.into_iter().map(value).collect::<Result<_, _>>()?),
        OfStream::Null(null) => AttributeValue::Null(null),
        OfStream::Bool(truth) => AttributeValue::Bool(truth),
        _ => return Err(Error::invalid("a record of the stream has a value of a type that isn't known here")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::Blob;

    /// R5.
    #[test]
    fn all_types_are_the_same_here_and_there() {
        let digits = "12345678901234567890123456789012345678";
        let cases = [
            (OfStream::S("a".into()), AttributeValue::S("a".into())),
            (OfStream::N(digits.into()), AttributeValue::N(digits.into())),
            (OfStream::B(Blob::new([0])), AttributeValue::B(Blob::new([0]))),
            (OfStream::Ss(vec!["a".into()]), AttributeValue::Ss(vec!["a".into()])),
            (OfStream::Ns(vec!["1.50".into()]), AttributeValue::Ns(vec!["1.50".into()])),
            (OfStream::Bs(vec![Blob::new([1])]), AttributeValue::Bs(vec![Blob::new([1])])),
            (OfStream::Null(true), AttributeValue::Null(true)),
            (OfStream::Bool(false), AttributeValue::Bool(false)),
            (OfStream::L(vec![]), AttributeValue::L(vec![])),
        ];
        for (of_stream, expected) in cases {
            let nested = OfStream::M(HashMap::from([("x".to_owned(), OfStream::L(vec![of_stream.clone()]))]));
            let map = HashMap::from([("x".to_owned(), AttributeValue::L(vec![expected.clone()]))]);
            assert_eq!(value(of_stream).unwrap(), expected);
            assert_eq!(value(nested).unwrap(), AttributeValue::M(map));
        }
    }
}
