//! A backup is a copy: later writes don't reach it, and it comes back as it was.

use aws_sdk_dynamodb::types::BackupStatus;
use embedded::Options;

use crate::support::{by_index, database, n, s, units};

#[tokio::test]
async fn a_backup_is_restored_as_it_was_with_its_indexes() {
    let (_embedded, client) = database(Options::default());
    by_index(&client, "Items", units(50, 50), units(60, 60)).await;
    for i in 0..10 {
        let put = client.put_item().table_name("Items").item("pk", s(i.to_string())).item("kind", s("x"));
        put.item("v", n(1)).send().await.unwrap();
    }
    let backup = client.create_backup().table_name("Items").backup_name("before").send().await.unwrap();
    let arn = backup.backup_details.unwrap().backup_arn;
    client.delete_item().table_name("Items").key("pk", s("0")).send().await.unwrap();

    let described = client.describe_backup().backup_arn(&arn).send().await.unwrap().backup_description.unwrap();
    assert_eq!(described.backup_details().unwrap().backup_status(), &BackupStatus::Available);
    assert_eq!(described.source_table_details().unwrap().item_count(), Some(10));
    let listed = client.list_backups().table_name("Items").send().await.unwrap();
    assert_eq!(listed.backup_summaries()[0].backup_arn(), Some(arn.as_str()));

    client.restore_table_from_backup().backup_arn(&arn).target_table_name("Restored").send().await.unwrap();
    let scan = client.scan().table_name("Restored").send().await.unwrap();
    assert_eq!(scan.count, 10);
    let query = client.query().table_name("Restored").index_name("by_kind").key_condition_expression("kind = :x");
    assert_eq!(query.expression_attribute_values(":x", s("x")).send().await.unwrap().count, 10);
    let table = client.describe_table().table_name("Restored").send().await.unwrap().table.unwrap();
    assert_eq!(table.provisioned_throughput().unwrap().write_capacity_units(), Some(50));
    let index = table.global_secondary_indexes()[0].provisioned_throughput().unwrap();
    assert_eq!(index.write_capacity_units(), Some(60));

    client.delete_backup().backup_arn(&arn).send().await.unwrap();
    let gone = client.describe_backup().backup_arn(&arn).send().await.unwrap_err().into_service_error();
    assert!(gone.is_backup_not_found_exception());
}

#[tokio::test]
async fn a_backup_of_nothing_is_refused() {
    let (_embedded, client) = database(Options::default());
    let refused = client.create_backup().table_name("Nowhere").backup_name("name").send().await.unwrap_err();
    assert!(refused.into_service_error().is_table_not_found_exception());
}

#[tokio::test]
async fn backups_are_listed_page_by_page() {
    let (_embedded, client) = database(Options::default());
    crate::support::on_demand(&client, "Items").await;
    for i in 0..3 {
        client.create_backup().table_name("Items").backup_name(format!("backup{i}")).send().await.unwrap();
    }
    let first = client.list_backups().limit(2).send().await.unwrap();
    assert_eq!(first.backup_summaries().len(), 2);
    let rest = client.list_backups().set_exclusive_start_backup_arn(first.last_evaluated_backup_arn);
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.backup_summaries()[0].backup_name(), Some("backup2"));
    assert!(rest.last_evaluated_backup_arn.is_none());
}
