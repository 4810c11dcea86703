//! R2, R4, R5, R8, R20 where 25 writes share a request: each keeps its own condition and its own answer, and nothing
//! that was done is sent again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use migration::definition::WriteRequests;
use migration::item::Item;
use migration::summary::Status;
use serde_json::{Value, json};

use crate::tap::{Answer, Forward, Request, Tap, refusal};
use crate::world::{Billing, World, assert_adds_up, item, things};

const RENAME: &str = "segments: 1\ntransform: [ { rename: { path: old, to: new } } ]";
/// Reads and writes a counter: whoever writes it twice is found out.
const COUNT: &str = "segments: 1\nmarker: done\ntransform: [ { increment: { path: n, by: 1 } } ]";

/// An answer in place of the database's, which never hears of the request.
type Instead = fn(&Request) -> HttpResponse;

async fn batched(billing: Billing, items: Vec<Item>) -> World {
    World::new(billing, items).await.writing(WriteRequests::Batched)
}

/// Every request that writes to the table, and what each statement of a batch was answered.
#[derive(Default)]
struct Watch {
    single: Mutex<Vec<Value>>,
    batches: Mutex<Vec<Vec<(Value, Value)>>>,
    /// To the first batch.
    instead: Mutex<Option<Instead>>,
}

#[async_trait]
impl Tap for Watch {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        match request.operation.as_str() {
            "UpdateItem" | "DeleteItem" => self.single.lock().unwrap().push(request.body.clone()),
            "BatchExecuteStatement" => {
                let instead = self.instead.lock().unwrap().take();
                let answer = match instead {
                    Some(instead) => instead(request),
                    None => forward.await?,
                };
                let statements = request.body["Statements"].as_array().unwrap().clone();
                let body: Value = serde_json::from_slice(answer.body().bytes().unwrap()).unwrap();
                let answers = body["Responses"].as_array().cloned().unwrap_or_default();
                let answers = answers.into_iter().chain(std::iter::repeat(Value::Null));
                self.batches.lock().unwrap().push(statements.into_iter().zip(answers).collect());
                return Ok(answer);
            }
            _ => {}
        }
        forward.await
    }
}

impl Watch {
    fn instead(self, answer: Instead) -> Arc<Self> {
        Arc::new(Self { instead: Mutex::new(Some(answer)), ..self })
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(Vec::len).collect()
    }

    fn singles(&self) -> usize {
        self.single.lock().unwrap().len()
    }
}

async fn watched(mut world: World, steps: &str) -> (World, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    world.tap = Some(watch.clone());
    let summary = world.run(steps).await;
    assert_eq!((summary.status, summary.counts.failed), (Status::Succeeded, 0), "{summary:?}");
    assert_adds_up(&summary);
    (world, watch)
}

#[tokio::test]
async fn a_request_carries_25_writes_and_no_value_in_its_words() {
    let (world, watch) = watched(batched(Billing::OnDemand, things(110)).await, RENAME).await;
    let mut sizes = watch.sizes();
    sizes.sort_unstable();
    assert_eq!((sizes, watch.singles()), (vec![10, 25, 25, 25, 25], 0));
    let (statement, _) = watch.batches.lock().unwrap()[0][0].clone();
    let words = r#"UPDATE "things" SET "new" = ? REMOVE "old" WHERE "id" = ? AND "new" IS MISSING AND "old" = ?"#;
    assert_eq!(statement["Statement"], words);
    assert!(world.items().await.iter().all(|item| item["new"] == json!({ "S": "value" }) && item["old"].is_null()));
}

/// Items that are as wanted already don't ride along, and cost nothing (R4).
#[tokio::test]
async fn only_what_changes_is_part_of_a_batch() {
    let mut items = things(100);
    for other in items.iter_mut().take(20) {
        other.insert("old".into(), other["n"].clone());
    }
    let steps = "segments: 1\ntransform: [ { set: { path: old, value: value } } ]";
    let (_, watch) = watched(batched(Billing::OnDemand, items).await, steps).await;
    assert_eq!((watch.sizes(), watch.singles()), (vec![20], 0));
}

/// Every kind of condition, and every type of value (R5), in PartiQL: none falls back to a write of its own.
#[tokio::test]
async fn every_condition_can_be_said_in_a_statement() {
    let attributes = json!({
        "s": { "S": "it's \"quoted\" ?" }, "n": { "N": "12345678901234567890123456789012345678" },
        "b": { "B": "AAEC/w==" }, "ss": { "SS": ["a", "b"] }, "ns": { "NS": ["1.5", "9007199254740993"] },
        "bs": { "BS": ["AA==", "AQ=="] }, "l": { "L": [{ "NULL": true }, { "M": {} }] }, "bool": { "BOOL": false },
        "nil": { "NULL": true }, "m": { "M": {
            "select": { "N": "1" }, "a.b": { "S": "dotted" }, "deep": { "M": { "l[0]": { "NULL": true } } },
        } },
    });
    let names = ["s", "n", "b", "ss", "ns", "bs", "l", "bool", "nil"];
    let renames = names.map(|name| format!("- rename: {{ path: {name}, to: {name}2 }}\n")).concat();
    // Presence, a type, an entry of a map, an element of a list: seen, not written.
    let seen = "segments: 1\nwhere: { all: [ { path: m, exists: true }, { path: m.select, type: N }, \
                { path: 'l[0]', type: 'NULL' }, { path: m.none, exists: false }, { path: 'm.deep.`l[0]`', exists: true } ] }";
    let steps =
        format!("{seen}\ntransform:\n{renames}- set: {{ path: 'm.`a.b`', value: 1 }}\n- remove: {{ path: m.deep }}");
    let (world, watch) = watched(batched(Billing::OnDemand, vec![item("one", attributes.clone())]).await, &steps).await;
    assert_eq!((watch.sizes(), watch.singles()), (vec![1], 0));
    // In SQL null is equal to nothing, itself included.
    let (statement, _) = watch.batches.lock().unwrap()[0][0].clone();
    assert!(statement["Statement"].as_str().unwrap().contains(r#" AND attribute_type("nil", 'NULL')"#), "{statement}");
    let migrated = world.item("one").await.unwrap();
    for name in names {
        assert_eq!(migrated[format!("{name}2")], attributes[name], "{name}");
    }
    assert_eq!(migrated["m"], json!({ "M": { "select": { "N": "1" }, "a.b": { "N": "1" } } }));
}

#[tokio::test]
async fn what_partiql_has_no_words_for_is_written_alone() {
    let long = "x".repeat(9_000);
    for name in ["it\"s", "back\\slash", "new\nline", &long] {
        let mut items = things(30);
        for thing in items.iter_mut().take(7) {
            thing.insert(name.into(), thing["n"].clone());
        }
        let (world, watch) = watched(
            batched(Billing::OnDemand, items).await,
            &format!("segments: 1\ntransform: [ {{ remove: {{ path: {name:?} }} }} ]"),
        )
        .await;
        assert_eq!((watch.batches.lock().unwrap().len(), watch.singles()), (0, 7), "{name}");
        assert!(world.items().await.iter().all(|item| item[name].is_null()));
    }
}

/// R8: what was done in a batch isn't sent again with what was throttled, and all of it lands. The time is virtual.
#[tokio::test(start_paused = true)]
async fn only_throttled_statements_are_sent_again() {
    let billing = Billing::Provisioned { read_units: 1_000, write_units: 10 };
    let (world, watch) =
        watched(batched(billing, things(4_000)).await, &format!("budget: {{ write_units: 4000 }}\n{COUNT}")).await;
    let mut answered: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (statement, answer) in watch.batches.lock().unwrap().iter().flatten() {
        let parameters = statement["Parameters"].as_array().unwrap();
        let id = parameters.iter().find_map(|value| value["S"].as_str()).unwrap();
        let code = answer["Error"]["Code"].as_str().unwrap_or("done");
        answered.entry(id.to_owned()).or_default().push(code.to_owned());
    }
    assert_eq!(answered.len(), 4_000);
    for (id, answers) in &answered {
        let (last, before) = answers.split_last().unwrap();
        assert_eq!(last, "done", "{id}");
        assert!(before.iter().all(|code| code == "ProvisionedThroughputExceeded"), "{id}: {before:?}");
    }
    assert!(answered.values().any(|answers| answers.len() > 1), "the capacity was never met");
    for (at, item) in world.items().await.iter().enumerate() {
        assert_eq!(item["n"], json!({ "N": (at + 1).to_string() }));
    }
}

/// Answers every scan with each item twice.
struct Twice(Arc<Watch>);

#[async_trait]
impl Tap for Twice {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let answer = self.0.pass(request, forward).await?;
        if request.operation != "Scan" {
            return Ok(answer);
        }
        let mut body: Value = serde_json::from_slice(answer.body().bytes().unwrap()).unwrap();
        let items = body["Items"].as_array().unwrap();
        body["Items"] = items.iter().chain(items).cloned().collect();
        Ok(HttpResponse::new(answer.status(), body.to_string().into()))
    }
}

/// R8: the same item twice in a page is two batches, and one change.
#[tokio::test]
async fn a_batch_never_holds_one_key_twice() {
    let (watch, mut world) = (Arc::new(Watch::default()), batched(Billing::OnDemand, things(3)).await);
    world.tap = Some(Arc::new(Twice(watch.clone())));
    let summary = world.run(COUNT).await;
    assert_eq!((summary.counts.scanned, summary.counts.written, summary.counts.unchanged), (6, 3, 3));
    assert_eq!((watch.sizes(), watch.singles()), (vec![3, 3], 0));
}

/// An answer for each statement of a request.
fn answers(request: &Request, answer: impl Fn(usize) -> Value) -> HttpResponse {
    let statements = request.body["Statements"].as_array().unwrap().len();
    let responses: Vec<_> = (0..statements).map(answer).collect();
    HttpResponse::new(200.try_into().unwrap(), json!({ "Responses": responses }).to_string().into())
}

fn errors(request: &Request, codes: &[&str]) -> HttpResponse {
    answers(request, |at| json!({ "Error": { "Code": codes[at % codes.len()], "Message": "not now" } }))
}

#[tokio::test]
async fn whatever_passes_is_tried_again() {
    let passing: [Instead; 3] = [
        |request| {
            errors(request, &["InternalServerError", "TransactionConflict", "RequestLimitExceeded", "ThrottlingError"])
        },
        |request| answers(request, |_| json!({ "Error": { "Message": "an error without a name" } })),
        // Fewer answers than statements.
        |_| HttpResponse::new(200.try_into().unwrap(), json!({ "Responses": [] }).to_string().into()),
    ];
    for instead in passing {
        let watch = Watch::default().instead(instead);
        let mut world = batched(Billing::OnDemand, things(20)).await;
        world.tap = Some(watch.clone());
        let summary = world.run(COUNT).await;
        assert_eq!((summary.counts.written, summary.counts.failed), (20, 0));
        assert_eq!((watch.sizes(), watch.singles()), (vec![20, 20], 0));
    }
}

/// A statement, or a whole batch, that is refused leaves it to writes of their own whether the items are.
#[tokio::test]
async fn what_a_batch_is_refused_for_is_written_alone() {
    let refusing: [(Instead, usize); 2] = [
        (
            |request| {
                answers(
                    request,
                    |at| if at == 3 { json!({ "Error": { "Code": "ValidationError" } }) } else { json!({}) },
                )
            },
            1,
        ),
        (|_| refusal("ValidationException"), 20),
    ];
    for (instead, alone) in refusing {
        let watch = Watch::default().instead(instead);
        let mut world = batched(Billing::OnDemand, things(20)).await;
        world.tap = Some(watch.clone());
        let summary = world.run(COUNT).await;
        assert_eq!((summary.counts.written, watch.sizes(), watch.singles()), (20, vec![20], alone));
        assert_eq!(world.items().await.iter().filter(|item| item["done"].is_object()).count(), alone);
    }
}

/// What no retry mends ends the run, whichever statement meets it first.
#[tokio::test]
async fn a_table_that_is_gone_or_closed_fails_the_run() {
    let failing: [(Instead, &str); 2] = [
        (|request| errors(request, &["ResourceNotFound"]), "Segue.NotFound"),
        (|request| errors(request, &["AccessDenied"]), "Segue.Denied"),
    ];
    for (instead, name) in failing {
        let mut world = batched(Billing::OnDemand, things(20)).await;
        world.tap = Some(Watch::default().instead(instead));
        let summary = world.run(RENAME).await;
        assert_eq!((summary.status, summary.failure.unwrap().error.as_str()), (Status::Failed, name));
    }
}
