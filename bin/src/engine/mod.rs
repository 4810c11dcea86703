//! Where a run's table and ledger are.

pub(crate) mod choice;
pub(crate) mod clients;
pub(crate) mod direct;
pub(crate) mod embedded;
pub(crate) mod endpoint;
mod left;
pub(crate) mod local;
pub(crate) mod rehearsal;
pub(crate) mod step_functions;

use asl::interpret::{ObjectStore, ObjectSummary, TaskFailure};

pub(crate) use clients::Clients;
pub(crate) use left::{Left, SeenCopy};
pub(crate) use local::LocalLedger;

/// The folder beside the ledger, where a state machine sees S3. There is one bucket.
pub(crate) struct Objects(pub(crate) ::embedded::ObjectStore);

#[async_trait::async_trait]
impl ObjectStore for Objects {
    async fn get(&self, _bucket: &str, key: &str) -> Result<Vec<u8>, TaskFailure> {
        self.0.get(key).await.map_err(failure)
    }

    /// Only a Map that reads its items from S3 lists objects; ours are in its input.
    async fn list(&self, _bucket: &str, _prefix: &str) -> Result<Vec<ObjectSummary>, TaskFailure> {
        Err(TaskFailure::new("S3.S3Exception", "the local engine lists no objects"))
    }

    async fn put(&self, _bucket: &str, key: &str, content: Vec<u8>) -> Result<(), TaskFailure> {
        self.0.put(key, content).await.map_err(failure)
    }
}

fn failure(error: ::embedded::Error) -> TaskFailure {
    TaskFailure::new("S3.S3Exception", error.to_string())
}
