//! Between bytes and typed requests: how a malformed body is refused, and the region in names.
//!
//! The engine's request types mark the class of a refusal with a prefix in serde's message; everything else is
//! classified as DynamoDB does: what is missing is a ValidationException, what has the wrong JSON type is a
//! SerializationException.

use dynoxide::DynoxideError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reply::{Answer, Fault};

/// The region that everything here is in.
pub(crate) const REGION: &str = "us-east-1";
/// The account that everything here is in.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region and account in the names of everything here.
pub(crate) const ARN_PREFIX: &str = "arn:aws:dynamodb:us-east-1:000000000000:";
/// What the engine writes instead.
const ENGINE_ARN_PREFIX: &str = "arn:aws:dynamodb:dynoxide:000000000000:";

/// Reads a request.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| refusal(&error.to_string()).into())
}

/// Writes a response.
pub(crate) fn write<T: Serialize>(response: &T) -> Answer {
    serde_json::to_vec(response).map_err(Fault::internal)
}

/// Reads a request that may name resources by ARN.
pub(crate) fn parse_with_arns<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    parse(&replace(body.to_vec(), ARN_PREFIX, ENGINE_ARN_PREFIX))
}

/// Writes a response that names resources by ARN. Not for responses that carry items: their text is not ours
/// to change.
pub(crate) fn write_with_arns<T: Serialize>(response: &T) -> Answer {
    Ok(replace(write(response)?, ENGINE_ARN_PREFIX, ARN_PREFIX))
}

fn replace(body: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    match String::from_utf8(body) {
        Ok(text) => text.replace(from, to).into_bytes(),
        Err(not_text) => not_text.into_bytes(),
    }
}

fn refusal(message: &str) -> DynoxideError {
    let text = without_position(message);
    let marked = |marker: &str| message.strip_prefix(marker);
    if let Some(rest) = marked("SERIALIZATION_AS_READ:") {
        DynoxideError::SerializationException(rest.to_owned())
    } else if let Some(rest) = marked("VALIDATION_AS_READ:") {
        DynoxideError::ValidationException(rest.to_owned())
    } else if let Some(rest) = text.strip_prefix("SERIALIZATION:") {
        DynoxideError::SerializationException(rest.to_owned())
    } else if let Some(rest) = text.strip_prefix("VALIDATION_REQUEST:") {
        DynoxideError::ValidationException(format!("1 validation error detected: {rest}"))
    } else if let Some(rest) = text.strip_prefix("VALIDATION:") {
        DynoxideError::ValidationException(rest.to_owned())
    } else if text.contains("AttributeValue")
        || ["missing field", "unknown variant", "invalid type: null"].iter().any(|it| text.contains(it))
    {
        DynoxideError::ValidationException(text.to_owned())
    } else {
        DynoxideError::SerializationException(text.to_owned())
    }
}

/// serde_json ends its messages with " at line 1 column 20".
fn without_position(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |end| &message[..end])
}
