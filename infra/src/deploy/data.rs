//! What outlives a stack: the ledger's table, the results' bucket, and a copy's queues. They are deleted only by what is here,
//! and only what the stack itself has made: never the table that a migration changes.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::aws::Aws;
use super::trouble::{Trouble, explain};

/// DynamoDB deletes a table within a minute or so.
const DELETION: Duration = Duration::from_secs(600);

/// Something that holds data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A DynamoDB table.
    Table(String),
    /// An S3 bucket.
    Bucket(String),
    /// An SQS queue, by its URL.
    Queue(String),
}

impl Store {
    /// What it is, and its name.
    pub fn words(&self) -> String {
        match self {
            Self::Table(name) => format!("table {name}"),
            Self::Bucket(name) => format!("bucket {name}"),
            Self::Queue(url) => format!("queue {}", url.rsplit('/').next().unwrap_or(url)),
        }
    }
}

/// The stores among resources, given as type and name. `sources` are the tables that the migration changes: whatever else
/// may be wrong, they are none of them.
pub fn stores<'r>(resources: impl IntoIterator<Item = (&'r str, &'r str)>, sources: &[&str]) -> Vec<Store> {
    let stores = resources.into_iter().filter_map(|(kind, name)| match kind {
        _ if name.is_empty() => None,
        "AWS::DynamoDB::Table" => Some(Store::Table(name.to_owned())),
        "AWS::S3::Bucket" => Some(Store::Bucket(name.to_owned())),
        "AWS::SQS::Queue" => Some(Store::Queue(name.to_owned())),
        _ => None,
    });
    stores.filter(|store| !matches!(store, Store::Table(name) if sources.contains(&name.as_str()))).collect()
}

/// Those that are there.
pub async fn still_there(aws: &Aws, stores: Vec<Store>) -> anyhow::Result<Vec<Store>> {
    let mut there = Vec::new();
    for store in stores {
        let is_there = match &store {
            Store::Table(name) => has_table(aws, name).await?,
            Store::Bucket(name) => has_bucket(aws, name).await?,
            Store::Queue(url) => has_queue(aws, url).await?,
        };
        if is_there {
            there.push(store);
        }
    }
    Ok(there)
}

async fn has_table(aws: &Aws, name: &str) -> anyhow::Result<bool> {
    let describing = aws.dynamodb().describe_table().table_name(name).send().await;
    match describing.map_err(|error| Trouble::of(&error)) {
        Ok(_) => Ok(true),
        Err(trouble) if trouble.code() == Some("ResourceNotFoundException") => Ok(false),
        Err(trouble) => Err(trouble.into_error(&format!("table {name} can't be looked at"))),
    }
}

async fn has_bucket(aws: &Aws, name: &str) -> anyhow::Result<bool> {
    let looking = aws.s3.head_bucket().bucket(name).expected_bucket_owner(&aws.account).send().await;
    match looking {
        Ok(_) => Ok(true),
        Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => Ok(false),
        Err(error) => Err(explain(&format!("bucket {name} can't be looked at"), error)),
    }
}

async fn has_queue(aws: &Aws, url: &str) -> anyhow::Result<bool> {
    let looking = aws.sqs().get_queue_attributes().queue_url(url).send().await;
    match looking {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|refusal| refusal.is_queue_does_not_exist()) => Ok(false),
        Err(error) => Err(explain(&format!("queue {url} can't be looked at"), error)),
    }
}

/// Deletes it with everything in it.
pub async fn delete(aws: &Aws, store: &Store) -> anyhow::Result<()> {
    match store {
        Store::Table(name) => delete_table(aws, name).await,
        Store::Bucket(name) => delete_bucket(aws, name).await,
        Store::Queue(url) => delete_queue(aws, url).await,
    }
}

async fn delete_table(aws: &Aws, name: &str) -> anyhow::Result<()> {
    let client = aws.dynamodb();
    let deleting = client.delete_table().table_name(name).send().await;
    deleting.map_err(|error| explain(&format!("table {name} can't be deleted"), error))?;
    let gone = client.wait_until_table_not_exists().table_name(name).wait(DELETION).await;
    gone.map(drop).with_context(|| format!("table {name} is being deleted, but isn't gone yet"))
}

async fn delete_queue(aws: &Aws, url: &str) -> anyhow::Result<()> {
    let deleting = aws.sqs().delete_queue().queue_url(url).send().await;
    deleting.map(drop).map_err(|error| explain(&format!("queue {url} can't be deleted"), error))
}

async fn delete_bucket(aws: &Aws, name: &str) -> anyhow::Result<()> {
    let doing = format!("bucket {name} can't be emptied");
    // Old versions are objects too; a bucket without versions has one of each.
    let mut pages = aws.s3.list_object_versions().bucket(name).expected_bucket_owner(&aws.account);
    loop {
        let page = pages.clone().send().await.map_err(|error| explain(&doing, error))?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let objects: Vec<_> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version.map(ToOwned::to_owned)).build().ok()
            })
            .collect();
        if !objects.is_empty() {
            delete_objects(aws, name, objects).await?;
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        pages = pages.set_key_marker(page.next_key_marker).set_version_id_marker(page.next_version_id_marker);
    }
    let deleting = aws.s3.delete_bucket().bucket(name).expected_bucket_owner(&aws.account).send().await;
    deleting.map(drop).map_err(|error| explain(&format!("bucket {name} can't be deleted"), error))
}

/// One page of them: both calls take a thousand.
async fn delete_objects(aws: &Aws, bucket: &str, objects: Vec<ObjectIdentifier>) -> anyhow::Result<()> {
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build()?;
    let deleting =
        aws.s3.delete_objects().bucket(bucket).expected_bucket_owner(&aws.account).delete(delete).send().await;
    let deleted = deleting.map_err(|error| explain(&format!("bucket {bucket} can't be emptied"), error))?;
    match deleted.errors().first() {
        None => Ok(()),
        Some(error) => {
            let (key, message) = (error.key().unwrap_or_default(), error.message().unwrap_or_default());
            bail!("bucket {bucket} can't be emptied: {key} stays ({message})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_table_is_never_among_what_can_be_deleted() {
        let resources = [
            ("AWS::DynamoDB::Table", "films"),
            ("AWS::DynamoDB::Table", "Segue-films-Ledger"),
            ("AWS::S3::Bucket", "segue-films-results"),
            ("AWS::S3::Bucket", ""),
            ("AWS::S3::BucketPolicy", "segue-films-results"),
            ("AWS::SQS::Queue", "https://sqs.us-east-1.amazonaws.com/111122223333/segue-films-Changes.fifo"),
            ("AWS::Lambda::Function", "Segue-films-Prepare"),
        ];
        let found = stores(resources, &["films"]);
        let words: Vec<_> = found.iter().map(Store::words).collect();
        assert_eq!(words, ["table Segue-films-Ledger", "bucket segue-films-results", "queue segue-films-Changes.fifo"]);
    }
}
