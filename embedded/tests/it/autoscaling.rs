//! Application Auto Scaling's scalable targets, as its own SDK sees them.

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use embedded::{Embedded, Options};

use crate::support::{by_index, client, database, provisioned, units};

const TABLE: &str = "table/Items";
const INDEX: &str = "table/Items/index/by_kind";

async fn register(client: &Client, resource: &str, dimension: ScalableDimension, limits: Option<(i32, i32)>) -> bool {
    let register = client.register_scalable_target().service_namespace(ServiceNamespace::Dynamodb);
    let register = register.resource_id(resource).scalable_dimension(dimension);
    let (min, max) = limits.unzip();
    register.set_min_capacity(min).set_max_capacity(max).send().await.is_ok()
}

/// The resource, the limits and what is suspended of each target, in order.
async fn targets(client: &Client) -> Vec<(String, i32, i32, [bool; 3])> {
    let pages = client.describe_scalable_targets().service_namespace(ServiceNamespace::Dynamodb);
    let targets = pages.max_results(2).into_paginator().items().send().try_collect().await.unwrap();
    let suspended = |it: &SuspendedState| {
        let all = [it.dynamic_scaling_in_suspended, it.dynamic_scaling_out_suspended, it.scheduled_scaling_suspended];
        all.map(Option::unwrap)
    };
    targets
        .into_iter()
        .map(|it| (it.resource_id, it.min_capacity, it.max_capacity, suspended(&it.suspended_state.unwrap())))
        .collect()
}

#[tokio::test]
async fn targets_are_registered_changed_and_described() {
    let (embedded, dynamodb) = database(Options::default());
    by_index(&dynamodb, "Items", units(5, 5), units(5, 5)).await;
    let client = embedded.autoscaling_client();
    assert!(register(&client, INDEX, ScalableDimension::DynamoDbIndexWriteCapacityUnits, Some((5, 50))).await);
    assert!(register(&client, TABLE, ScalableDimension::DynamoDbTableReadCapacityUnits, Some((1, 10))).await);
    assert!(register(&client, TABLE, ScalableDimension::DynamoDbTableWriteCapacityUnits, Some((2, 20))).await);
    let suspend = client.register_scalable_target().service_namespace(ServiceNamespace::Dynamodb).resource_id(TABLE);
    let all = SuspendedState::builder().dynamic_scaling_in_suspended(true).scheduled_scaling_suspended(true);
    let suspend = suspend.scalable_dimension(ScalableDimension::DynamoDbTableWriteCapacityUnits);
    suspend.suspended_state(all.build()).send().await.unwrap();
    // More than one page.
    let expected = [
        (TABLE.to_owned(), 1, 10, [false; 3]),
        (TABLE.to_owned(), 2, 20, [true, false, true]),
        (INDEX.to_owned(), 5, 50, [false; 3]),
    ];
    assert_eq!(targets(&client).await, expected);
    let of_table = client.describe_scalable_targets().service_namespace(ServiceNamespace::Dynamodb).resource_ids(TABLE);
    assert_eq!(of_table.send().await.unwrap().scalable_targets().len(), 2);

    let gone = || {
        let gone = client.deregister_scalable_target().service_namespace(ServiceNamespace::Dynamodb);
        gone.resource_id(INDEX).scalable_dimension(ScalableDimension::DynamoDbIndexWriteCapacityUnits).send()
    };
    gone().await.unwrap();
    assert!(gone().await.unwrap_err().into_service_error().is_object_not_found_exception());
    assert_eq!(targets(&client).await, expected[..2]);
}

#[tokio::test]
async fn a_target_needs_a_resource_and_limits() {
    let (embedded, dynamodb) = database(Options::default());
    provisioned(&dynamodb, "Items", 5, 5).await;
    let client = embedded.autoscaling_client();
    let (read, of_index) =
        (ScalableDimension::DynamoDbTableReadCapacityUnits, ScalableDimension::DynamoDbIndexReadCapacityUnits);
    assert!(!register(&client, TABLE, read.clone(), None).await, "it is new");
    assert!(!register(&client, TABLE, read.clone(), Some((9, 5))).await);
    assert!(!register(&client, TABLE, of_index.clone(), Some((1, 5))).await);
    assert!(!register(&client, INDEX, of_index, Some((1, 5))).await, "there is no such index");
    assert!(!register(&client, "table/Others", read, Some((1, 5))).await);
    assert!(targets(&client).await.is_empty());
}

#[tokio::test]
async fn targets_are_kept_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    {
        let embedded = Embedded::open(&path, Options::default()).unwrap();
        provisioned(&client(&embedded), "Items", 5, 5).await;
        let dimension = ScalableDimension::DynamoDbTableReadCapacityUnits;
        assert!(register(&embedded.autoscaling_client(), TABLE, dimension, Some((1, 10))).await);
    }
    let embedded = Embedded::open(&path, Options::default()).unwrap();
    assert_eq!(targets(&embedded.autoscaling_client()).await, [(TABLE.to_owned(), 1, 10, [false; 3])]);
}
