//! Asks replay to bring one item in step, whatever has become of it: in the item's own message group, so that it is applied
//! behind the changes that came before, and before those that come after (R14).

use serde_json::{Value, json};

use crate::copy::change::{Change, What, digest};
use crate::copy::queue;
use crate::error::Error;
use crate::plan::RunId;
use crate::services::Services;

/// Sends the message. `place` is where its image may stand besides, by the target's key. Sent again, it is applied again,
/// which changes nothing.
pub(crate) async fn send(services: &Services, run: &RunId, key: &Value, place: Option<&Value>) -> Result<(), Error> {
    let now = (services.clock)();
    let what = What::Refresh { old_target_key: place.cloned() };
    let mut change = Change { run: run.clone(), event: String::new(), at: now, key: key.clone(), what };
    // Two of one item at one moment are two where their places differ. 128 characters at most (SQS API reference, SendMessage).
    change.event = format!("refresh-{}-{}", now.as_nanosecond(), &digest(json!([key, place]))[..32]);
    queue::send(services.carrier()?, &change).await
}
