//! A file of an export that is damaged until the run has told of it.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use migration::export;
use tokio::time::sleep;

use super::world::BUCKET;
use crate::world::World;

/// Between two looks at the bucket, and at what the run has seen.
const POLL: Duration = Duration::from_secs(30);

/// The damage to an export of a run.
pub(super) struct Damage<'w> {
    world: &'w World,
    /// The key of the file, and what it has to hold.
    file: Mutex<Option<(String, Vec<u8>)>>,
}

impl<'w> Damage<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self { world, file: Mutex::default() }
    }

    /// Cuts off the end of a file as soon as there is one, and mends it when the run has told of it.
    async fn done(&self, seed: u64) {
        let store = self.world.database.bucket(BUCKET).unwrap();
        let files = loop {
            let keys = store.list("").await.unwrap();
            let files: Vec<_> = keys.into_iter().filter(|key| key.ends_with(".json.gz")).collect();
            if !files.is_empty() {
                break files;
            }
            sleep(POLL).await;
        };
        let file = files[seed as usize % files.len()].clone();
        let whole = store.get(&file).await.unwrap();
        store.put(&file, &whole[..whole.len() / 2]).await.unwrap();
        *self.file.lock().unwrap() = Some((file, whole));
        while !self.is_told_of().await {
            sleep(POLL).await;
        }
        self.mend().await;
    }

    /// The same where it is wanted, and nothing more.
    pub(super) async fn done_if(&self, is_wanted: bool, seed: u64) -> Infallible {
        if is_wanted {
            self.done(seed).await;
        }
        std::future::pending().await
    }

    /// Whether the run can't read the file.
    pub(super) async fn is_told_of(&self) -> bool {
        export::check_read(&self.world.ledger, &self.world.plan.run).await.is_err()
    }

    pub(super) async fn mend(&self) {
        let file = self.file.lock().unwrap().take();
        if let Some((key, whole)) = file {
            self.world.database.bucket(BUCKET).unwrap().put(&key, whole).await.unwrap();
        }
    }
}
