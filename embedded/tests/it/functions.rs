//! Functions that are called by name. Time is paused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded::{Function, Options};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::mappings::{lambda, world_of};

#[tokio::test(start_paused = true)]
async fn a_function_is_called_by_name_and_bounded_in_time_and_number() {
    let embedded = world_of(Options::default());
    let under_way = Arc::new(Mutex::new((0, 0)));
    let counted = under_way.clone();
    let slow = Function::new("Slow", move |event: Value| {
        let counted = counted.clone();
        async move {
            {
                let (now, most) = &mut *counted.lock().unwrap();
                *now += 1;
                *most = *now.max(most);
            }
            sleep(Duration::from_secs(event.as_u64().unwrap())).await;
            counted.lock().unwrap().0 -= 1;
            Ok(json!("done"))
        }
    });
    embedded.register(slow.concurrency(2).timeout(Duration::from_secs(10)));
    let lambda = lambda(&embedded);
    let call = async |seconds: &str| {
        lambda
            .invoke()
            .function_name("Slow")
            .payload(aws_sdk_lambda::primitives::Blob::new(seconds))
            .send()
            .await
            .unwrap()
    };
    let (a, b, c, d) = tokio::join!(call("5"), call("5"), call("5"), call("5"));
    assert!([a, b, c, d].iter().all(|it| it.payload().unwrap().as_ref() == b"\"done\""));
    assert_eq!(under_way.lock().unwrap().1, 2);
    let timed_out = call("20").await;
    assert_eq!(timed_out.function_error(), Some("Unhandled"));
    let payload: Value = serde_json::from_slice(timed_out.payload().unwrap().as_ref()).unwrap();
    assert_eq!(payload["errorType"], "Sandbox.Timedout");
}
