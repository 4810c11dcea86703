//! The bulk of a copy from an export: what a scan would carry, none of the source's read units, and every file accounted for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use asl::interpret::MemoryObjects;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::PointInTimeRecoverySpecification;
use aws_smithy_runtime_api::client::result::ConnectorError;
use migration::summary::{Status, Summary};
use migration::{Kind, Services, local};
use serde_json::json;

use super::Copy;
use crate::tap::{Answer, Forward, Recorder, Request, Tap, refusal, tapped};
use crate::world::{TABLE, assert_adds_up, item, things};

const BUCKET: &str = "exports";
const LINES: &str =
    "target: { table: others, bulk: export, carry: bulk }\ntransform: [ { rename: { path: old, to: new } } ]";

/// A copy by an export, of so many things.
async fn copy(count: usize) -> Copy {
    let copy = Copy::new(things(count), "id", LINES).await;
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let update = copy.world.client.update_continuous_backups().table_name(TABLE);
    update.point_in_time_recovery_specification(on).send().await.unwrap();
    copy.world.database.bucket(BUCKET).unwrap();
    copy
}

fn services(copy: &Copy) -> Arc<Services> {
    let mut services = copy.services();
    if let Some(carrier) = &mut services.carrier {
        let config = copy.world.database.s3_client_builder();
        let config = config.retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
        let config = match &copy.world.tap {
            Some(tap) => config.http_client(tapped(copy.world.database.http_client(), tap.clone())),
            None => config,
        };
        carrier.s3 = aws_sdk_s3::Client::from_conf(config.build());
    }
    Arc::new(services)
}

async fn run(copy: &Copy) -> Summary {
    local::run(services(copy), &copy.plan, MemoryObjects::new()).await.unwrap()
}

async fn resume(copy: &Copy) -> Summary {
    local::resume(services(copy), &copy.plan.run, MemoryObjects::new()).await.unwrap()
}

async fn is_carried(copy: &Copy, count: usize) -> bool {
    let expected = things(count).into_iter().map(|mut thing| {
        let old = thing.remove("old").unwrap();
        thing.insert("new".into(), old);
        migration::item::json::item_to_json(&thing)
    });
    copy.target().await == expected.collect::<Vec<_>>()
}

/// The data files of the one export that there is.
async fn files(copy: &Copy) -> Vec<String> {
    let keys = copy.world.database.bucket(BUCKET).unwrap().list("").await.unwrap();
    keys.into_iter().filter(|key| key.ends_with(".json.gz")).collect()
}

/// Scans of the source, and how many of them came before the last image was written.
#[derive(Default)]
struct Scans {
    seen: AtomicU32,
    before_the_last_write: AtomicU32,
}

#[async_trait]
impl Tap for Scans {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        match request.operation.as_str() {
            "Scan" if request.body["TableName"] == TABLE => drop(self.seen.fetch_add(1, Ordering::Relaxed)),
            "BatchWriteItem" => self.before_the_last_write.store(self.seen.load(Ordering::Relaxed), Ordering::Relaxed),
            _ => {}
        }
        forward.await
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_carries_what_a_scan_would_and_reads_nothing_of_the_table() {
    let mut copy = copy(300).await;
    let scans = Arc::new(Scans::default());
    copy.world.tap = Some(scans.clone());
    let summary = run(&copy).await;
    assert_eq!(summary.failure, None);
    assert_eq!((summary.status, summary.counts.written), (Status::Succeeded, 300));
    // The comparison afterwards reads both tables.
    let of_source = (scans.before_the_last_write.load(Ordering::Relaxed), scans.seen.load(Ordering::Relaxed));
    assert_eq!((summary.counts.read_units, of_source.0), (0.0, 0));
    assert!(of_source.1 > 0, "no scan would have been seen");
    assert_eq!(summary.segments.total as usize, files(&copy).await.len());
    assert_adds_up(&summary);
    assert!(is_carried(&copy, 300).await);
}

/// Refuses every request of one operation after so many.
struct Dying {
    operation: &'static str,
    left: AtomicU32,
}

#[async_trait]
impl Tap for Dying {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let count_down = |left: u32| left.checked_sub(1);
        let is_over = || self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down).is_err();
        if request.operation == self.operation && is_over() {
            return Ok(refusal("ExpiredTokenException"));
        }
        forward.await
    }
}

/// R7: what a file's checkpoint has passed is not written again, and the export is not begun again.
#[tokio::test(start_paused = true)]
async fn a_run_that_died_goes_on_in_the_middle_of_a_file() {
    let mut copy = copy(900).await;
    copy.world.tap = Some(Arc::new(Dying { operation: "BatchWriteItem", left: AtomicU32::new(12) }));
    let died = run(&copy).await;
    assert_eq!(died.status, Status::Failed);
    assert!((1..900).contains(&died.counts.written), "{}", died.counts.written);
    let exports = Arc::new(Recorder { operation: "ExportTableToPointInTime", seen: Mutex::default() });
    copy.world.tap = Some(exports.clone());
    let resumed = resume(&copy).await;
    assert_eq!((resumed.failure.clone(), resumed.counts.scanned, resumed.counts.written), (None, 900, 900));
    assert!(exports.seen.lock().unwrap().is_empty());
    assert!(is_carried(&copy, 900).await);
}

/// A bad file is named, holds up no other, is held against no tolerated share, and is read on once it is mended.
#[tokio::test(start_paused = true)]
async fn a_file_that_cant_be_read_fails_the_run_in_the_end_and_alone() {
    let mut copy = copy(400).await;
    // The export is made by a run that can't write.
    copy.world.tap = Some(Arc::new(Dying { operation: "BatchWriteItem", left: AtomicU32::new(0) }));
    assert_eq!(run(&copy).await.status, Status::Failed);
    copy.world.tap = None;
    let bucket = copy.world.database.bucket(BUCKET).unwrap();
    let bad = files(&copy).await.into_iter().next().unwrap();
    let whole = bucket.get(&bad).await.unwrap();
    bucket.put(&bad, whole[..whole.len() / 2].to_vec()).await.unwrap();
    let failed = resume(&copy).await;
    let failure = failed.failure.clone().unwrap();
    assert_eq!((failed.status, failure.error.as_str()), (Status::Failed, Kind::Refused.name()));
    assert!(
        failure.reason.starts_with(&format!("a file of the export can't be read: {bad}: expected gzip: ")),
        "{failure:?}"
    );
    assert_eq!((failed.segments.failed, failed.counts.failed), (1, 0));
    bucket.put(&bad, whole).await.unwrap();
    let mended = resume(&copy).await;
    assert_eq!((mended.failure, mended.counts.scanned), (None, 400));
    assert!(is_carried(&copy, 400).await);
}

/// Loses the answer to the first request of one operation, once it is carried out.
struct Losing(Mutex<bool>);

#[async_trait]
impl Tap for Losing {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let answer = forward.await;
        if request.operation == "ExportTableToPointInTime" && std::mem::replace(&mut *self.0.lock().unwrap(), false) {
            return Err(ConnectorError::timeout("lost".into()));
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_begins_no_second_export() {
    let mut copy = copy(30).await;
    copy.world.tap = Some(Arc::new(Losing(Mutex::new(true))));
    assert_eq!(run(&copy).await.counts.written, 30);
    let exports = copy.world.client.list_exports().send().await.unwrap();
    assert_eq!(exports.export_summaries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_recovery_there_is_no_export_and_it_is_said_what_to_do() {
    let copy = Copy::new(things(3), "id", LINES).await;
    let refused = local::run(services(&copy), &copy.plan, MemoryObjects::new()).await;
    let why = match refused {
        Ok(summary) => summary.failure.unwrap().reason,
        Err(error) => error.to_string(),
    };
    assert!(why.contains("point-in-time recovery"), "{why}");
}

/// R19: an item of an export that can't be carried is a failed item like any other, and is taken up again by its key.
#[tokio::test(start_paused = true)]
async fn a_failed_item_of_an_export_is_listed() {
    let mut copy = copy(50).await;
    let text = item("text", json!({ "n": { "S": "many" } }));
    copy.world.client.put_item().table_name(TABLE).set_item(Some(text)).send().await.unwrap();
    let lines = LINES.replace("rename: { path: old, to: new }", "convert: { path: n, to: N }");
    copy.plan.definition = migration::definition::Definition::from_yaml(&format!(
        "migration: test\nsource: {{ table: {TABLE} }}\nsegments: 1\ntolerated_failures: {{ percentage: 50 }}\n{lines}"
    ))
    .unwrap();
    let summary = run(&copy).await;
    assert_eq!((summary.failure.clone(), summary.counts.scanned), (None, 51));
    let failures = migration::failures::list(&copy.world.ledger, &summary.run, 10).await.unwrap();
    assert_eq!(failures.len() as u64, summary.counts.failed);
}
