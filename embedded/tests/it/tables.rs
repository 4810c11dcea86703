//! Tables change by AWS's rules, and their descriptions say what a careful client asks.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_table::UpdateTableError;
use aws_sdk_dynamodb::types::{
    BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    KeyType, LocalSecondaryIndex, PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, Projection,
    ProjectionType, TableDescription, Tag, UpdateGlobalSecondaryIndexAction, WarmThroughput,
};
use embedded::{Embedded, Options};
use tokio::time::advance;

use crate::support::{attribute, by_index, client, database, key, on_demand, provisioned, s, table, units};

async fn describe(client: &Client) -> TableDescription {
    client.describe_table().table_name("Items").send().await.unwrap().table.unwrap()
}

async fn provision(client: &Client, read: i64, write: i64) -> Result<(), SdkError<UpdateTableError>> {
    let update = client.update_table().table_name("Items").billing_mode(BillingMode::Provisioned);
    update.provisioned_throughput(units(read, write)).send().await.map(drop)
}

async fn go_on_demand(client: &Client) -> Result<(), SdkError<UpdateTableError>> {
    client.update_table().table_name("Items").billing_mode(BillingMode::PayPerRequest).send().await.map(drop)
}

async fn warm(client: &Client, read: i64, write: i64) -> Result<(), SdkError<UpdateTableError>> {
    let warm = WarmThroughput::builder().read_units_per_second(read).write_units_per_second(write).build();
    client.update_table().table_name("Items").warm_throughput(warm).send().await.map(drop)
}

#[tokio::test]
async fn a_billing_mode_is_named_only_after_a_table_was_on_demand() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 5).await;
    assert!(describe(&client).await.billing_mode_summary().is_none());
    go_on_demand(&client).await.unwrap();
    let summary = describe(&client).await.billing_mode_summary.unwrap();
    assert_eq!(summary.billing_mode(), Some(&BillingMode::PayPerRequest));
    assert!(summary.last_update_to_pay_per_request_date_time().is_some());
    provision(&client, 7, 7).await.unwrap();
    let summary = describe(&client).await.billing_mode_summary.unwrap();
    assert_eq!(summary.billing_mode(), Some(&BillingMode::Provisioned));
}

#[tokio::test(start_paused = true)]
async fn a_table_goes_on_demand_four_times_a_day() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 5).await;
    for _ in 0..4 {
        go_on_demand(&client).await.unwrap();
        provision(&client, 5, 5).await.unwrap();
    }
    let refused = go_on_demand(&client).await.unwrap_err().into_service_error();
    assert!(refused.is_limit_exceeded_exception(), "{refused:?}");
    advance(Duration::from_secs(24 * 3_600)).await;
    go_on_demand(&client).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn units_are_lowered_four_times_a_day_and_then_hourly() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 100, 100).await;
    for units in (96..100).rev() {
        provision(&client, 100, units).await.unwrap();
    }
    let refused = provision(&client, 100, 95).await.unwrap_err().into_service_error();
    assert!(refused.is_limit_exceeded_exception(), "{refused:?}");
    provision(&client, 100, 200).await.unwrap();
    advance(Duration::from_secs(24 * 3_600)).await;
    provision(&client, 100, 95).await.unwrap();
}

#[tokio::test]
async fn an_update_that_changes_nothing_is_refused() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 5).await;
    let refused = provision(&client, 5, 5).await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert!(refused.message().unwrap().starts_with("The provisioned throughput for the table will not change."));
    let nothing = client.update_table().table_name("Items").send().await.unwrap_err();
    assert_eq!(nothing.code(), Some("ValidationException"));
}

#[tokio::test]
async fn warm_throughput_starts_with_what_a_table_has_and_only_rises() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 50, 20).await;
    let units = |table: TableDescription| {
        let warm = table.warm_throughput.unwrap();
        (warm.read_units_per_second.unwrap(), warm.write_units_per_second.unwrap())
    };
    assert_eq!(units(describe(&client).await), (50, 20));
    provision(&client, 40, 30).await.unwrap();
    assert_eq!(units(describe(&client).await), (50, 30));
    warm(&client, 100, 100).await.unwrap();
    assert_eq!(units(describe(&client).await), (100, 100));
    let refused = warm(&client, 100, 50).await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert!(refused.message().unwrap().contains("WriteUnitsPerSecond"));
    go_on_demand(&client).await.unwrap();
    assert_eq!(units(describe(&client).await), (12_000, 4_000));
}

#[tokio::test]
async fn an_index_is_warmed_by_itself() {
    let (_embedded, client) = database(Options::default());
    by_index(&client, "Items", units(5, 5), units(6, 6)).await;
    let update_index = |index: &str, units| {
        let warm = WarmThroughput::builder().write_units_per_second(units).build();
        let update = UpdateGlobalSecondaryIndexAction::builder().index_name(index).warm_throughput(warm);
        let update = GlobalSecondaryIndexUpdate::builder().update(update.build().unwrap()).build();
        client.update_table().table_name("Items").global_secondary_index_updates(update).send()
    };
    let update = |units| update_index("by_kind", units);
    update(70).await.unwrap();
    let index = describe(&client).await.global_secondary_indexes.unwrap().remove(0);
    let warm = index.warm_throughput.unwrap();
    assert_eq!((warm.read_units_per_second, warm.write_units_per_second), (Some(6), Some(70)));
    assert_eq!(index.provisioned_throughput.unwrap().write_capacity_units, Some(6));
    assert_eq!(update(60).await.unwrap_err().code(), Some("ValidationException"));
    assert_eq!(update_index("by_day", 80).await.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn a_table_can_not_start_colder_than_others() {
    let (_embedded, client) = database(Options::default());
    let cold = WarmThroughput::builder().write_units_per_second(10).build();
    let create = table(&client, "Items").billing_mode(BillingMode::PayPerRequest).warm_throughput(cold);
    assert_eq!(create.send().await.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn an_index_has_units_of_its_own() {
    let (_embedded, client) = database(Options::default());
    by_index(&client, "Items", units(5, 5), units(6, 6)).await;
    let update = |read, write| {
        let update = UpdateGlobalSecondaryIndexAction::builder().index_name("by_kind");
        let update = update.provisioned_throughput(units(read, write)).build().unwrap();
        client
            .update_table()
            .table_name("Items")
            .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().update(update).build())
    };
    update(8, 9).send().await.unwrap();
    let index = describe(&client).await.global_secondary_indexes.unwrap().remove(0);
    let given = index.provisioned_throughput.unwrap();
    assert_eq!((given.read_capacity_units, given.write_capacity_units), (Some(8), Some(9)));
    assert_eq!(update(8, 9).send().await.unwrap_err().code(), Some("ValidationException"));

    go_on_demand(&client).await.unwrap();
    let forgotten = provision(&client, 5, 5).await.unwrap_err();
    assert!(forgotten.message().unwrap().ends_with("index: by_kind"));
    let back = update(3, 3).billing_mode(BillingMode::Provisioned).provisioned_throughput(units(4, 4));
    back.send().await.unwrap();
    let index = describe(&client).await.global_secondary_indexes.unwrap().remove(0);
    assert_eq!(index.provisioned_throughput.unwrap().write_capacity_units, Some(3));
}

#[tokio::test]
async fn one_kind_of_change_at_a_time() {
    let (_embedded, client) = database(Options::default());
    by_index(&client, "Items", units(5, 5), units(5, 5)).await;
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name("by_day")
        .key_schema(key("day", KeyType::Hash))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .provisioned_throughput(units(7, 7))
        .build()
        .unwrap();
    let create = GlobalSecondaryIndexUpdate::builder().create(create).build();
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name("by_kind").build().unwrap();
    let delete = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    let update = || client.update_table().table_name("Items").attribute_definitions(attribute("day"));
    let both = update().global_secondary_index_updates(create.clone()).global_secondary_index_updates(delete.clone());
    assert!(both.send().await.unwrap_err().into_service_error().is_limit_exceeded_exception());
    let mixed = update().global_secondary_index_updates(create.clone()).provisioned_throughput(units(9, 9));
    assert_eq!(mixed.send().await.unwrap_err().code(), Some("ValidationException"));
    update().global_secondary_index_updates(create).send().await.unwrap();
    let indexes = describe(&client).await.global_secondary_indexes.unwrap();
    let created = indexes.iter().find(|it| it.index_name() == Some("by_day")).unwrap();
    assert_eq!(created.provisioned_throughput().unwrap().write_capacity_units(), Some(7));
    client.update_table().table_name("Items").global_secondary_index_updates(delete).send().await.unwrap();
    assert_eq!(describe(&client).await.global_secondary_indexes().len(), 1);
}

#[tokio::test]
async fn a_description_tells_all_of_a_table() {
    let (_embedded, client) = database(Options::default());
    let local = LocalSecondaryIndex::builder()
        .index_name("local")
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("at", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    let create = table(&client, "Items").key_schema(key("sk", KeyType::Range));
    let create = create.attribute_definitions(attribute("sk")).attribute_definitions(attribute("at"));
    create.local_secondary_indexes(local).billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    let described = describe(&client).await;
    assert_eq!(described.local_secondary_indexes()[0].index_name(), Some("local"));
    let arn = described.table_arn().unwrap();
    assert_eq!(arn, "arn:aws:dynamodb:us-east-1:000000000000:table/Items");
    let tag = Tag::builder().key("team").value("blue").build().unwrap();
    client.tag_resource().resource_arn(arn).tags(tag.clone()).send().await.unwrap();
    assert_eq!(client.list_tags_of_resource().resource_arn(arn).send().await.unwrap().tags(), [tag]);
    client.describe_time_to_live().table_name("Items").send().await.unwrap();
    let limits = client.describe_limits().send().await.unwrap();
    assert_eq!(limits.table_max_write_capacity_units(), Some(40_000));
    let kinesis = client.describe_kinesis_streaming_destination().table_name("Items").send().await.unwrap();
    assert!(kinesis.kinesis_data_stream_destinations().is_empty());
}

#[tokio::test]
async fn point_in_time_recovery_is_switched_and_described() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let update = client.update_continuous_backups().table_name("Items").point_in_time_recovery_specification(on);
    update.send().await.unwrap();
    let described = client.describe_continuous_backups().table_name("Items").send().await.unwrap();
    let described = described.continuous_backups_description.unwrap();
    let recovery = described.point_in_time_recovery_description().unwrap();
    assert_eq!(recovery.point_in_time_recovery_status(), Some(&PointInTimeRecoveryStatus::Enabled));
    assert_eq!(recovery.recovery_period_in_days(), Some(35));
}

/// A table is ACTIVE before its backups can be had.
#[tokio::test(start_paused = true)]
async fn the_recovery_of_a_new_table_is_switched_on_later() {
    let (_embedded, client) = database(Options::default().backups_take(Duration::from_secs(20)));
    on_demand(&client, "Items").await;
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let update = client.update_continuous_backups().table_name("Items").point_in_time_recovery_specification(on);
    let refused = update.clone().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ContinuousBackupsUnavailableException"), "{refused:?}");
    advance(Duration::from_secs(20)).await;
    update.send().await.unwrap();
}

#[tokio::test]
async fn everything_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    {
        let embedded = Embedded::open(&path, Options::default()).unwrap();
        let client = client(&embedded);
        provisioned(&client, "Items", 50, 20).await;
        warm(&client, 100, 100).await.unwrap();
        client.put_item().table_name("Items").item("pk", s("a")).send().await.unwrap();
    }
    let embedded = Embedded::open(&path, Options::default()).unwrap();
    let client = client(&embedded);
    assert_eq!(client.scan().table_name("Items").send().await.unwrap().count, 1);
    assert_eq!(describe(&client).await.warm_throughput.unwrap().write_units_per_second, Some(100));
    client.delete_table().table_name("Items").send().await.unwrap();
    provisioned(&client, "Items", 1, 1).await;
    assert_eq!(describe(&client).await.warm_throughput.unwrap().write_units_per_second, Some(1));
}
