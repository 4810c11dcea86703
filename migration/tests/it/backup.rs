//! A backup that was asked for is there, whole, before the first write.

use migration::summary::Status;

use crate::world::{Billing, TABLE, World, things};

#[tokio::test]
async fn a_backup_holds_the_items_as_they_were() {
    let world = World::new(Billing::OnDemand, things(20)).await;
    let before = world.items().await;
    let summary = world.run("backup: true\ntransform: [ { rename: { path: old, to: new } } ]").await;
    assert_eq!((summary.status, summary.counts.written), (Status::Succeeded, 20));
    let backups = world.client.list_backups().table_name(TABLE).send().await.unwrap().backup_summaries.unwrap();
    let [backup] = backups.as_slice() else { panic!("expected one backup, found {}", backups.len()) };
    assert_eq!(backup.backup_name.as_deref(), Some(summary.run.to_string().as_str()));
    let arn = backup.backup_arn.clone().unwrap();
    world.client.restore_table_from_backup().target_table_name("restored").backup_arn(arn).send().await.unwrap();
    assert_eq!(world.items_of("restored").await, before);
}

#[tokio::test]
async fn a_table_without_that_wish_has_no_backup() {
    let world = World::new(Billing::OnDemand, things(2)).await;
    world.run("transform: [ { rename: { path: old, to: new } } ]").await;
    assert!(world.client.list_backups().send().await.unwrap().backup_summaries().is_empty());
}
