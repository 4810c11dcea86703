//! Who looks after each mapping: a task while its function is registered and the database is in use, and no longer.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Mapping, all, find, queue, stream};
use crate::Embedded;
use crate::database::WeakEmbedded;
use crate::queues::wait_for;

/// The numbers of the mappings that a task looks after.
#[derive(Default)]
pub(crate) struct Attended(Mutex<HashSet<i64>>);

impl Attended {
    fn numbers(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that every mapping is looked after whose function is registered.
pub(crate) fn attend_all(embedded: &Embedded) {
    let embedded = embedded.clone();
    tokio::spawn(async move {
        let Ok(Ok(mappings)) = embedded.with_engine(|engine| all(engine)).await else { return };
        for mapping in mappings.into_iter().filter(|it| embedded.functions().is_registered(&it.function)) {
            if embedded.attended().numbers().insert(mapping.number) {
                tokio::spawn(attend(embedded.downgrade(), mapping.number));
            }
        }
    });
}

/// A mapping as it is now, while it delivers; where it doesn't, this waits until it does. `None` when it is gone, or
/// the database is.
pub(super) async fn active(weak: &WeakEmbedded, number: i64) -> Option<(Embedded, Mapping)> {
    loop {
        let (mut changes, wait) = {
            let embedded = weak.upgrade()?;
            let mut changes = embedded.mapping_changes();
            changes.mark_unchanged();
            let found = embedded.with_engine(move |engine| (find(engine, number), engine.clock.epoch_seconds())).await;
            let (Ok(Some(mapping)), now) = found.ok()? else { return None };
            if mapping.is_active(now) && embedded.functions().is_registered(&mapping.function) {
                return Some((embedded, mapping));
            }
            let settles_in = (mapping.settles_at > now).then(|| Duration::from_secs_f64(mapping.settles_at - now));
            (changes, settles_in)
        };
        match wait {
            Some(wait) => wait_for(&mut changes, Instant::now() + wait + Duration::from_millis(1)).await,
            // Nothing but a request can change it; when the database goes, so do those who could send one.
            None => changes.changed().await.ok()?,
        }
    }
}

async fn attend(weak: WeakEmbedded, number: i64) {
    while let Some((embedded, mapping)) = active(&weak, number).await {
        drop(embedded);
        match mapping.is_of_stream() {
            true => stream::follow(&weak, mapping).await,
            false => queue::poll(&weak, mapping).await,
        }
    }
    if let Some(embedded) = weak.upgrade() {
        embedded.attended().numbers().remove(&number);
    }
}
