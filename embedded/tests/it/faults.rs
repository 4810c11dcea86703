//! Faults on request: what each does to a request and its work, and that one seed gives one course. Time is paused.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    BatchStatementErrorCodeEnum, BatchStatementRequest, KeysAndAttributes, Put, PutRequest, TransactWriteItem,
    WriteRequest,
};
use embedded::{Cut, Embedded, Faults, Options, Weather};
use tokio::time::Instant;

use crate::support::{database, item, n, on_demand, s};

/// A table `Items`, a client that meets no weather, and one that does.
async fn world(faults: &Faults) -> (Embedded, Client, Client) {
    let (embedded, calm) = database(Options::default().on_own_thread(true));
    on_demand(&calm, "Items").await;
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(30)).build();
    let config = embedded.client_builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    let client = Client::from_conf(config.http_client(embedded.faulty_http_client(faults)).build());
    (embedded, calm, client)
}

/// What a put came to: an error's code, or how the connection ended.
async fn put(client: &Client, pk: &str) -> String {
    match client.put_item().table_name("Items").item("pk", s(pk)).send().await {
        Ok(_) => "done".into(),
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or("no code").into(),
        Err(SdkError::DispatchFailure(failure)) if failure.is_io() => "connection".into(),
        Err(SdkError::TimeoutError(_)) => "timeout".into(),
        Err(error) => panic!("expected another error, found {error:?}"),
    }
}

async fn stands(client: &Client, pk: &str) -> bool {
    client.get_item().table_name("Items").key("pk", s(pk)).send().await.unwrap().item.is_some()
}

fn rough() -> Weather {
    Weather {
        latency: Duration::from_millis(1)..=Duration::from_millis(20),
        throttled: 0.1,
        unavailable: 0.1,
        reset: 0.1,
        lost: 0.1,
        silent: 0.1,
        expired: 0.1,
        unprocessed: 0.0,
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_says_what_it_is_and_does_what_it_says() {
    let none = Weather::default;
    let cases = [
        (
            Weather { throttled: 1.0, ..none() },
            vec!["ProvisionedThroughputExceededException", "ThrottlingException"],
            false,
        ),
        (Weather { unavailable: 1.0, ..none() }, vec!["InternalServerError", "ServiceUnavailableException"], false),
        (Weather { reset: 1.0, ..none() }, vec!["connection"], false),
        (Weather { expired: 1.0, ..none() }, vec!["ExpiredTokenException"], false),
        (Weather { lost: 1.0, ..none() }, vec!["connection"], true),
        (Weather { silent: 1.0, ..none() }, vec!["timeout"], true),
    ];
    for (weather, expected, is_done) in cases {
        let faults = Faults::new(1, weather.clone());
        let (_embedded, calm, client) = world(&faults).await;
        let mut met = Vec::new();
        for number in 0..20 {
            met.push(put(&client, &number.to_string()).await);
            assert_eq!(stands(&calm, &number.to_string()).await, is_done, "{weather:?}");
        }
        met.sort_unstable();
        met.dedup();
        assert_eq!(met, expected);
        assert_eq!((faults.met(), faults.requests()["PutItem"]), (20, 20));
    }
}

/// What a client learns from a throttle: which limit of which table.
#[tokio::test(start_paused = true)]
async fn a_throttle_names_its_reason() {
    let faults = Faults::new(3, Weather { throttled: 1.0, ..Weather::default() });
    let (_embedded, _, client) = world(&faults).await;
    let scanned = client.scan().table_name("Items").send().await.unwrap_err().into_service_error();
    let reasons = match &scanned {
        error if error.is_provisioned_throughput_exceeded_exception() => "TableReadProvisionedThroughputExceeded",
        _ => "TableReadKeyRangeThroughputExceeded",
    };
    assert!(format!("{scanned:?}").contains(reasons), "{scanned:?}");
    assert!(format!("{scanned:?}").contains("table/Items"), "{scanned:?}");
    let put = Put::builder().table_name("Items").item("pk", s("a")).build().unwrap();
    let transaction = client.transact_write_items().transact_items(TransactWriteItem::builder().put(put).build());
    let refused = transaction.send().await.unwrap_err().into_service_error();
    assert!(refused.is_transaction_canceled_exception(), "{refused:?}");
    let listed = client.list_tables().send().await.unwrap_err();
    assert_eq!(listed.code(), Some("ThrottlingException"));
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_course() {
    let mut courses = Vec::new();
    for seed in [5, 5, 6] {
        let (_embedded, _, client) = world(&Faults::new(seed, rough())).await;
        let start = Instant::now();
        let mut course = Vec::new();
        for number in 0..100 {
            course.push((put(&client, &number.to_string()).await, start.elapsed()));
        }
        courses.push(course);
    }
    assert_eq!(courses[0], courses[1]);
    assert_ne!(courses[0], courses[2]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_as_long_as_the_weather_says() {
    let latency = Duration::from_millis(40)..=Duration::from_millis(60);
    let (_embedded, _, client) = world(&Faults::new(1, Weather { latency, ..Weather::default() })).await;
    let start = Instant::now();
    for number in 0..50 {
        assert_eq!(put(&client, &number.to_string()).await, "done");
    }
    // Halves are rounded up to the timer's milliseconds.
    assert!((2_000..=3_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn weather_can_change() {
    let faults = Faults::new(1, Weather { reset: 1.0, ..Weather::default() });
    let (_embedded, _, client) = world(&faults).await;
    assert_eq!(put(&client, "a").await, "connection");
    faults.change(Weather::default());
    assert_eq!(put(&client, "a").await, "done");
    assert_eq!(faults.met(), 1);
}

/// Whoever is cut off can be dropped at that very moment, and nothing of it happens later.
#[tokio::test(start_paused = true)]
async fn nothing_gets_through_from_the_cut_on() {
    for cut in [Cut::Before, Cut::After] {
        let faults = Faults::new(1, Weather::default());
        let (_embedded, calm, client) = world(&faults).await;
        faults.cut_off_at(2, cut);
        let puts = async {
            for number in 0..5 {
                put(&client, &number.to_string()).await;
            }
        };
        tokio::select! {
            () = puts => panic!("expected to be cut off"),
            () = faults.cut_off() => {}
        }
        assert_eq!(put(&client, "later").await, "timeout");
        let mut standing = Vec::new();
        for pk in ["0", "1", "2", "3", "later"] {
            standing.push(stands(&calm, pk).await);
        }
        assert_eq!(standing, [true, true, cut == Cut::After, false, false]);
    }
}

const FIVE: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Half of the entries or so: for every seed all of what comes back wasn't done, and the rest was.
#[tokio::test(start_paused = true)]
async fn entries_of_a_batch_come_back_unprocessed() {
    let mut parts = 0;
    for seed in 0..20 {
        let faults = Faults::new(seed, Weather { unprocessed: 0.5, ..Weather::default() });
        let (_embedded, calm, client) = world(&faults).await;
        let write = |pk: &&str| {
            let put = PutRequest::builder().set_item(Some(item([("pk", s(*pk))]))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        let batch = client.batch_write_item().request_items("Items", FIVE.iter().map(write).collect());
        let Ok(written) = batch.send().await else {
            assert!(!stands(&calm, "a").await);
            continue;
        };
        let back = written.unprocessed_items.unwrap_or_default().remove("Items").unwrap_or_default();
        let back: Vec<_> = back.iter().map(|write| write.put_request().unwrap().item["pk"].clone()).collect();
        for pk in FIVE {
            assert_eq!(stands(&calm, pk).await, !back.contains(&s(pk)));
        }
        parts += u32::from(!back.is_empty());
        let keys = FIVE.iter().map(|pk| item([("pk", s(*pk))])).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().unwrap();
        let Ok(read) = client.batch_get_item().request_items("Items", keys).send().await else { continue };
        let found = read.responses.unwrap_or_default().remove("Items").unwrap_or_default().len();
        let unread = read.unprocessed_keys.unwrap_or_default().remove("Items");
        let unread = unread.map_or(0, |unread| {
            assert_eq!(unread.consistent_read(), Some(true));
            unread.keys().len()
        });
        assert!(found <= 5 - back.len() && found + unread >= 5 - back.len() && found + unread <= 5);
    }
    assert!(parts > 10, "only {parts} batches of 20 came back in part");
}

/// Each statement keeps its place, the refused ones too.
#[tokio::test(start_paused = true)]
async fn statements_of_a_batch_are_refused_one_by_one() {
    let mut refused = 0;
    for seed in 0..20 {
        let faults = Faults::new(seed, Weather { unprocessed: 0.5, ..Weather::default() });
        let (_embedded, calm, client) = world(&faults).await;
        for pk in FIVE {
            put(&calm, pk).await;
        }
        let statement = |pk: &&str| {
            let statement = BatchStatementRequest::builder().statement("UPDATE \"Items\" SET seen = ? WHERE pk = ?");
            statement.parameters(n(1)).parameters(s(*pk)).build().unwrap()
        };
        let batch = client.batch_execute_statement().set_statements(Some(FIVE.iter().map(statement).collect()));
        let answer = batch.send().await.unwrap();
        assert_eq!(answer.responses().len(), 5);
        for (pk, response) in FIVE.iter().zip(answer.responses()) {
            let got = calm.get_item().table_name("Items").key("pk", s(*pk)).send().await.unwrap().item.unwrap();
            assert_eq!(got.contains_key("seen"), response.error().is_none(), "{pk}");
            if let Some(error) = response.error() {
                assert_eq!(error.code(), Some(&BatchStatementErrorCodeEnum::ThrottlingError));
                refused += 1;
            }
        }
    }
    assert!((20..80).contains(&refused), "{refused} of 100 were refused");
}
