//! What a rehearsed copy does beside its run and after it: an application writes to the source meanwhile, and once the target
//! is in step this process goes on carrying changes, until the copy is cut over or somebody ends it.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use indicatif::{HumanCount, HumanDuration};
use migration::copy::sync::{self, Sync};
use migration::copy::{Images, current};
use migration::item::Item;
use migration::plan::{Job, Plan};
use migration::{Error, Kind, Services};

use crate::errors::CliError;
use crate::progress::LocalProgress;
use crate::signals::Signals;

/// Between two looks: nothing leaves this process.
const LOOK: Duration = Duration::from_millis(250);
/// Between two lines where there is no terminal to keep one of them up to date.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// After this long without the application's last write something is wrong that no waiting mends.
const LONGEST: Duration = Duration::from_secs(600);

/// What is wanted of a rehearsal beside the run itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Writes a second of an application.
    pub(crate) traffic: Option<u32>,
    /// Whether it ends by the cut-over.
    pub(crate) cutover: bool,
}

/// Whether a run that has succeeded leaves a target that is kept in step.
pub(crate) fn is_kept(plan: &Plan) -> bool {
    let carries = plan.definition.target.as_ref().is_some_and(|target| target.carry.has_changes());
    carries && plan.job == Job::Migrate
}

/// Carries changes until the copy is cut over or given up, from another terminal, or until somebody ends this process.
pub(crate) async fn stay(
    services: &Services,
    plan: &Plan,
    progress: &LocalProgress,
    signals: &mut Signals,
) -> Result<(), CliError> {
    let run = &plan.run;
    progress.say(&format!(
        "in step: changes go on being carried; `run cutover {run}` from another terminal ends the copy, Ctrl-C ends this \
         process"
    ));
    tokio::select! {
        ended = until_given_up(services, progress) => Ok(ended?),
        () = signals.next() => {
            progress.say("ended; what the source changes from here on is carried by nobody");
            Ok(())
        }
    }
}

/// Another run may follow under the same entry: that of the way back.
async fn until_given_up(services: &Services, progress: &LocalProgress) -> Result<(), Error> {
    while let Some(current) = current::read(&services.ledger).await? {
        progress.keep(&words(&sync::check(services, &current.run).await?), LINE_EVERY);
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Waits until the target holds what an application has written last, and everything before it; tells how long that took.
pub(crate) async fn come_up(
    services: &Services,
    plan: &Plan,
    (last, at): (Item, Instant),
) -> Result<Duration, CliError> {
    let Some(target) = &plan.definition.target else { return Ok(Duration::ZERO) };
    let images = Images::new(plan, &services.functions)?;
    let image = images.of(&last).ok().flatten();
    loop {
        let is_there = match &image {
            Some(image) => read(&services.target, target.table.as_str(), images.target_key_of(image)).await? == *image,
            None => true,
        };
        let sync = sync::check(services, &plan.run).await?;
        if is_there && sync.backlog() == 0 {
            return Ok(at.elapsed());
        }
        if at.elapsed() > LONGEST {
            let waited = HumanDuration(at.elapsed());
            return Err(CliError::failed(format!(
                "the target isn't in step {waited} after the last write: {}",
                words(&sync)
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn read(client: &Client, table: &str, key: Item) -> Result<Item, Error> {
    let get = client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
    match get.send().await.map_err(|error| Error::from_sdk("GetItem", error)) {
        Err(error) if error.kind() == Kind::Throttled => Ok(Item::new()),
        output => Ok(output?.item.unwrap_or_default()),
    }
}

/// How the two tables stand, in one line.
pub(crate) fn words(sync: &Sync) -> String {
    let mut words = format!("{} changes applied, {} waiting", HumanCount(sync.applied), HumanCount(sync.backlog()));
    if let Some(seconds) = sync.oldest_unapplied_seconds {
        words.push_str(&format!(", the oldest {seconds} s old"));
    }
    if sync.dead_letters > 0 {
        words.push_str(&format!(", {} can't be applied", HumanCount(sync.dead_letters)));
    }
    words
}
