//! The objects that Distributed Maps read items from and write results to.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use md5::{Digest, Md5};

use super::TaskFailure;
use crate::intrinsic::hex;

/// A store of objects, as S3 is one.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// The content of an object.
    async fn get(&self, bucket: &str, key: &str) -> Result<Vec<u8>, TaskFailure>;

    /// All objects whose key begins with `prefix`, by key.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectSummary>, TaskFailure>;

    /// Writes an object, or writes it anew.
    async fn put(&self, bucket: &str, key: &str, content: Vec<u8>) -> Result<(), TaskFailure>;
}

#[async_trait]
impl<T: ObjectStore + ?Sized> ObjectStore for std::sync::Arc<T> {
    async fn get(&self, bucket: &str, key: &str) -> Result<Vec<u8>, TaskFailure> {
        (**self).get(bucket, key).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectSummary>, TaskFailure> {
        (**self).list(bucket, prefix).await
    }

    async fn put(&self, bucket: &str, key: &str, content: Vec<u8>) -> Result<(), TaskFailure> {
        (**self).put(bucket, key, content).await
    }
}

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSummary {
    /// Its key.
    pub key: String,
    /// A hash of its content, in quotes as S3 writes it.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, as `ListObjectsV2` in a machine shows it: seconds since 1970.
    pub last_modified: i64,
}

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryObjects(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl MemoryObjects {
    /// A store without objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes an object without waiting.
    pub fn insert(&self, bucket: &str, key: &str, content: impl Into<Vec<u8>>) {
        self.lock().insert((bucket.to_owned(), key.to_owned()), content.into());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        // A panic elsewhere cannot leave a map half changed.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl ObjectStore for MemoryObjects {
    async fn get(&self, bucket: &str, key: &str) -> Result<Vec<u8>, TaskFailure> {
        let found = self.lock().get(&(bucket.to_owned(), key.to_owned())).cloned();
        found.ok_or_else(|| TaskFailure::new("S3.NoSuchKeyException", "The specified key does not exist."))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectSummary>, TaskFailure> {
        let objects = self.lock();
        let found = objects.iter().filter(|((in_bucket, key), _)| in_bucket == bucket && key.starts_with(prefix));
        Ok(found
            .map(|((_, key), content)| ObjectSummary {
                key: key.clone(),
                etag: format!("\"{}\"", hex(&Md5::digest(content))),
                size: content.len() as u64,
                last_modified: 0,
            })
            .collect())
    }

    async fn put(&self, bucket: &str, key: &str, content: Vec<u8>) -> Result<(), TaskFailure> {
        self.insert(bucket, key, content);
        Ok(())
    }
}
