//! Items that a table deletes by itself.

use jiff::Timestamp;

use crate::item::Item;

/// Who deletes items that have expired, by what the stream says (developer guide, "DynamoDB Streams and Time to Live").
pub(crate) const PRINCIPAL: &str = "dynamodb.amazonaws.com";
/// What expired longer ago is left alone by DynamoDB.
const FIVE_YEARS_SECONDS: f64 = 5.0 * 365.0 * 24.0 * 3600.0;

/// Whether a table whose items expire by `attribute`, if they do, deletes this one by itself (developer guide, "Time to Live": a
/// number of seconds, of the last five years).
pub(crate) fn has_expired(item: &Item, attribute: Option<&str>, now: Timestamp) -> bool {
    let at = attribute.and_then(|attribute| item.get(attribute)?.as_n().ok()?.parse::<f64>().ok());
    let now = now.as_second() as f64;
    at.is_some_and(|at| at < now && at > now - FIVE_YEARS_SECONDS)
}
