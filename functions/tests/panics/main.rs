//! A transform that panics with an item's value in its words, in a function's real process: the error has a name that
//! no Retry matches, the words are shown nowhere (R20), and the process goes on.
//!
//! The program is its own function: called by a Lambda Runtime API it serves, else it tests.

#![allow(clippy::unwrap_used, reason = "helpers beside the tests unwrap as the tests do")]

#[path = "../it/runtime_api.rs"]
#[expect(dead_code, reason = "this program uses a part of what the others do")]
mod runtime_api;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "this program uses a part of what the others do")]
mod world;

use functions::lambda;
use migration::failures::{self, FailedItem};
use migration::transform::{Change, Failure, Functions, ItemView, Run};
use migration::{Kind, Task};
use serde_json::{Value, json};

use crate::runtime_api::Function;
use crate::world::{SECRET, World, lines};

fn panics(item: &ItemView<'_>, _: Run) -> Result<Change, Failure> {
    panic!("expected something else than {:?}", item.get("old"))
}

fn transforms() -> Functions {
    Functions::new().with("panics", panics)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        runtime.block_on(lambda::serve_with(Task::MigrateSegment, transforms())).unwrap();
    } else {
        runtime.block_on(a_panic_is_an_error_without_values());
    }
}

async fn a_panic_is_an_error_without_values() {
    let world = World::new(3, "segments: 1\ntransform: [ { function: panics } ]").await;
    world.write_plan(transforms()).await;
    let this = std::env::current_exe().unwrap();
    let (mut function, reader) = Function::start(&this, &world.variables(Task::MigrateSegment)).await;
    let work = json!({ "run": world.plan.run, "child": 0, "loops": 0 });
    for _ in 0..2 {
        let error = function.invoke(&work).await.unwrap_err();
        let message = "MigrateSegment panicked: a bug, most likely in a transform";
        assert_eq!(error, json!({ "errorType": Kind::Panicked.name(), "errorMessage": message }));
    }
    drop(function);
    let output = reader.output();
    assert!(!output.stdout.contains(SECRET), "{}", output.stdout);
    let lines = lines(&output);
    let of_message = |start: &str| {
        let has_it = |line: &&Value| line["message"].as_str().is_some_and(|message| message.starts_with(start));
        lines.iter().filter(has_it).collect::<Vec<_>>()
    };
    let places = of_message("panicked");
    assert_eq!(places.len(), 2, "{lines:?}");
    assert!(places[0]["place"].as_str().is_some_and(|place| place.contains("panics/main.rs")), "{places:?}");
    assert_eq!(of_message("fails").len(), 2, "{lines:?}");
    let failures: Vec<FailedItem> = failures::list(&world.ledger, &world.plan.run, 10).await.unwrap();
    assert!(failures.is_empty() && !Kind::TRANSIENT.contains(&Kind::Panicked));
}
