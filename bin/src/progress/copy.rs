//! What a copy does beside its bulk, in a line each: the same words wherever it runs.

use indicatif::HumanCount;
use migration::copy::sync::Sync;

/// How the two tables stand.
pub(crate) fn changes(sync: &Sync) -> String {
    let mut words = format!("{} changes applied, {} waiting", HumanCount(sync.applied), HumanCount(sync.backlog()));
    if let Some(seconds) = sync.oldest_unapplied_seconds {
        words.push_str(&format!(", the oldest {seconds} s old"));
    }
    if sync.dead_letters > 0 {
        words.push_str(&format!(", {} can't be applied", HumanCount(sync.dead_letters)));
    }
    words
}

/// How many items were compared.
pub(crate) fn comparing(items: u64) -> String {
    format!("comparing: {} items of both tables", HumanCount(items))
}
