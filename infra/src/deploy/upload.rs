//! What a stack is deployed from, on its way to the bucket. Every object is named by what it holds or is built from, so
//! what is there already needs no second upload, and an upload that was cut off leaves nothing that is half.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aws_sdk_s3::primitives::ByteStream;
use migration::Task;
use sha2::{Digest, Sha256};

use super::aws::Aws;
use super::trouble::{Trouble, explain};
use crate::assets::Assets;
use crate::failure::Usage;

/// The most that CloudFormation reads from S3.
const LARGEST_TEMPLATE: usize = 1_048_576;

/// The tasks whose code isn't in the bucket yet.
pub async fn missing(aws: &Aws, bucket: &str, assets: &Assets) -> anyhow::Result<Vec<Task>> {
    let mut missing = Vec::new();
    for task in assets.tasks {
        if !is_there(aws, bucket, &assets.key(*task)).await? {
            missing.push(*task);
        }
    }
    Ok(missing)
}

/// Uploads a task's zip file.
pub async fn code(aws: &Aws, bucket: &str, assets: &Assets, task: Task, file: &Path) -> anyhow::Result<()> {
    let body = ByteStream::from_path(file).await.with_context(|| format!("{} can't be read", file.display()))?;
    put(aws, bucket, &assets.key(task), "application/zip", body).await
}

/// Uploads the template, and says where it is.
pub async fn template(aws: &Aws, bucket: &str, template: &str) -> anyhow::Result<String> {
    if template.len() > LARGEST_TEMPLATE {
        bail!(Usage::new(format!(
            "the template has {} bytes, and CloudFormation takes {LARGEST_TEMPLATE} at most; the migration is too large for one \
             stack",
            template.len()
        )));
    }
    let digest: String = Sha256::digest(template).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("{digest}.json");
    if !is_there(aws, bucket, &key).await? {
        let body = ByteStream::from(template.as_bytes().to_vec());
        put(aws, bucket, &key, "application/json", body).await?;
    }
    Ok(aws.url(bucket, &key))
}

/// The zip files that were built elsewhere: `TASK.zip` for each task.
pub fn built_elsewhere(folder: &Path, tasks: &[Task]) -> anyhow::Result<BTreeMap<Task, PathBuf>> {
    let files: Vec<_> = tasks.iter().map(|task| (*task, folder.join(format!("{}.zip", task.binary())))).collect();
    let absent: Vec<_> = files.iter().filter(|(_, file)| !file.is_file()).map(|(task, _)| task.binary()).collect();
    if absent.is_empty() {
        return Ok(files.into_iter().collect());
    }
    bail!(Usage::new(format!(
        "expected a zip file for each function in {}, found none for {}",
        folder.display(),
        absent.join(", ")
    )))
}

async fn is_there(aws: &Aws, bucket: &str, key: &str) -> anyhow::Result<bool> {
    let looking = aws.s3.head_object().bucket(bucket).key(key).expected_bucket_owner(&aws.account).send().await;
    match looking.map_err(|error| (error.raw_response().map(|answer| answer.status().as_u16()), Trouble::of(&error))) {
        Ok(_) => Ok(true),
        // Who may not list a bucket is told 403 of what isn't there.
        Err((Some(403 | 404), _)) => Ok(false),
        Err((_, trouble)) => Err(trouble.into_error(&format!("bucket {bucket} can't be searched"))),
    }
}

async fn put(aws: &Aws, bucket: &str, key: &str, kind: &str, body: ByteStream) -> anyhow::Result<()> {
    let putting = aws
        .s3
        .put_object()
        .bucket(bucket)
        .key(key)
        .expected_bucket_owner(&aws.account)
        .content_type(kind)
        .body(body)
        .send()
        .await;
    putting.map(drop).map_err(|error| explain(&format!("{key} can't be uploaded to {bucket}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_missing_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for task in Task::IN_PLACE.into_iter().filter(|task| *task != Task::Restore) {
            std::fs::write(folder.path().join(format!("{}.zip", task.binary())), "").unwrap();
        }
        let error = built_elsewhere(folder.path(), &Task::IN_PLACE).unwrap_err().to_string();
        assert!(error.ends_with("found none for restore"), "{error}");
        std::fs::write(folder.path().join("restore.zip"), "").unwrap();
        assert_eq!(built_elsewhere(folder.path(), &Task::IN_PLACE).unwrap().len(), Task::IN_PLACE.len());
    }
}
