//! Real kills: a process that works on a real endpoint is ended with SIGKILL at ten moments, and taken up again each
//! time. The table ends as that of an undisturbed run, and little is read twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use embedded::{Embedded, Options};
use migration::item::json::item_to_json;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Notify;

use crate::main_job::count;
use crate::support::{Ended, Folder};

const KILLS: u64 = 10;
/// The issue's own case is `SEGUE_KILL_ITEMS=100000`, which the gate runs.
const ITEMS: u64 = 10_000;
/// An increment that was done twice is seen in the table.
const STEPS: &str =
    "- increment: { path: n, by: 1, marker: counted }\n- set: { path: label, value: \"${id} of ${n}\" }";

/// The server's side of it. A moment is a number of scans and writes, whatever time they take.
#[derive(Default)]
struct Watch {
    asked: AtomicU64,
    items_read: AtomicU64,
    /// From this request on nothing is answered: the process dies in the middle of it.
    kill_at: AtomicU64,
    /// Whether that request is still carried out: its answer gets lost.
    is_carried_out: AtomicBool,
    reached: Notify,
}

impl Watch {
    fn calm() -> Self {
        Self { kill_at: AtomicU64::new(u64::MAX), ..Self::default() }
    }
}

async fn watched(State(watch): State<Arc<Watch>>, request: Request, next: Next) -> Response {
    let target = request.headers().get("x-amz-target").map(|target| target.as_bytes().to_vec()).unwrap_or_default();
    let is = |operation: &str| target.ends_with(format!(".{operation}").as_bytes());
    if !is("Scan") && !is("UpdateItem") {
        return next.run(request).await;
    }
    let (number, kill_at) = (watch.asked.fetch_add(1, Ordering::SeqCst) + 1, watch.kill_at.load(Ordering::SeqCst));
    if number < kill_at {
        let response = next.run(request).await;
        return if is("Scan") { counted(&watch, response).await } else { response };
    }
    if number == kill_at {
        if watch.is_carried_out.load(Ordering::SeqCst) {
            let response = next.run(request).await;
            if is("Scan") {
                counted(&watch, response).await;
            }
        }
        watch.reached.notify_one();
    }
    std::future::pending().await
}

/// Adds the items of a page to what was read.
async fn counted(watch: &Watch, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let page: Value = serde_json::from_slice(&body).unwrap();
    watch.items_read.fetch_add(page["Count"].as_u64().unwrap_or_default(), Ordering::SeqCst);
    Response::from_parts(parts, Body::from(body))
}

/// The tables `things` and `twin` with the same items, served.
async fn served(items: u64) -> (Arc<Watch>, Client, String) {
    let database = Embedded::temporary(Options::default().enforce_capacity(false)).unwrap();
    for table in ["things", "twin"] {
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
        let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let create = database.client().create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        create.key_schema(key).attribute_definitions(id.build().unwrap()).send().await.unwrap();
        let item = |n: u64| {
            let (id, n) = (AttributeValue::S(format!("{n:06}")), AttributeValue::N(n.to_string()));
            Ok::<_, std::convert::Infallible>([("id".to_owned(), id), ("n".to_owned(), n)].into())
        };
        database.load(table, (0..items).map(item)).await.unwrap();
    }
    let watch = Arc::new(Watch::calm());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = database.router().layer(middleware::from_fn_with_state(watch.clone(), watched));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (watch, database.client(), endpoint)
}

fn command(folder: &Folder, endpoint: &str, args: &str) -> Command {
    let mut command = folder.command(args.split_whitespace());
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-west-1");
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}

/// Runs it until the moment comes, and kills it there. It must not have ended before.
async fn killed(watch: &Watch, mut command: Command) {
    let mut child = command.spawn().unwrap();
    tokio::select! {
        () = watch.reached.notified() => {}
        status = child.wait() => {
            let ended = Ended::of(child.wait_with_output().await.unwrap());
            panic!("it ended before it was killed: {status:?} {}", ended.stderr);
        }
    }
    child.kill().await.unwrap();
}

async fn table(client: &Client, name: &str) -> Vec<String> {
    let mut pages = client.scan().table_name(name).limit(1_000).into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item_to_json(&item.unwrap()).to_string());
    }
    items.sort();
    items
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_lose_nothing_and_read_little_twice() {
    let (items, seed) = (from_environment("SEGUE_KILL_ITEMS", ITEMS), from_environment("SEGUE_KILL_SEED", 1));
    println!("SEGUE_KILL_ITEMS={items} SEGUE_KILL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (watch, client, endpoint) = served(items).await;
    let folder = Folder::with_steps(STEPS);
    let flags = "--engine direct --segments 1000 --workers 4 --output json";
    // Anywhere in the run but for its very end: each item is a write.
    let mut moments: Vec<_> = (0..KILLS).map(|_| random.random_range(1..items * 95 / 100)).collect();
    moments.sort_unstable();
    let gaps = moments.iter().zip([0].iter().chain(&moments)).map(|(moment, before)| (moment - before).max(1));

    let mut next = command(&folder, &endpoint, flags);
    for gap in gaps {
        watch.kill_at.store(watch.asked.load(Ordering::SeqCst) + gap, Ordering::SeqCst);
        watch.is_carried_out.store(random.random_bool(0.5), Ordering::SeqCst);
        killed(&watch, next).await;
        next = command(&folder, &endpoint, &format!("resume {} --output json", folder.only_run()));
    }
    watch.kill_at.store(u64::MAX, Ordering::SeqCst);
    let ended = Ended::of(next.output().await.unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(count(&ended.json(), "scanned"), items);
    let read_twice = watch.items_read.load(Ordering::SeqCst) - items;
    println!("{read_twice} of {items} items were read twice: {:.2} %", read_twice as f64 * 100.0 / items as f64);
    assert!(read_twice * 20 < items, "{read_twice} of {items} items were read twice");

    let undisturbed = Folder::with_steps(STEPS);
    let ended = Ended::of(command(&undisturbed, &endpoint, &format!("{flags} --table twin")).output().await.unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(table(&client, "things").await == table(&client, "twin").await, "the tables differ");
}
