//! Where a run's table and ledger are.

pub(crate) mod direct;
pub(crate) mod embedded;

use std::path::PathBuf;

use asl::interpret::{ObjectStore, ObjectSummary, TaskFailure};
use migration::Ledger;

use crate::errors::CliError;

/// What the runs of a folder leave there.
const FOLDER: &str = ".segue/runs";
const LEDGER_TABLE: &str = "segue-ledger";

/// The ledger of one run, in a file of its own: a run that is killed leaves it behind, and two runs at a time
/// don't meet.
pub(crate) struct LocalLedger {
    pub(crate) ledger: Ledger,
    pub(crate) file: PathBuf,
    pub(crate) objects: ::embedded::ObjectStore,
}

pub(crate) async fn local_ledger(run: &str) -> Result<LocalLedger, CliError> {
    std::fs::create_dir_all(FOLDER)
        .map_err(|error| CliError::failed(format!("can't make the folder {FOLDER} for the run's ledger: {error}")))?;
    let file = PathBuf::from(FOLDER).join(format!("{run}.db"));
    let database = ::embedded::Embedded::open(&file, ::embedded::Options::default().enforce_capacity(false))?;
    let client = migration::client_config(database.client_builder());
    let ledger = Ledger::create(aws_sdk_dynamodb::Client::from_conf(client.build()), LEDGER_TABLE).await?;
    Ok(LocalLedger { ledger, objects: database.object_store(), file })
}

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
