//! What a rehearsed copy does beside its run and after it: an application writes to the source meanwhile, and once the target
//! is in step this process goes on carrying changes, until the copy is cut over or somebody ends it.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use indicatif::HumanDuration;
use jiff::Timestamp;
use migration::copy::sync::{self, Sync};
use migration::copy::{Images, books, current};
use migration::cutover::{self, Mover, Options, Phase};
use migration::item::Item;
use migration::plan::{Job, Plan};
use migration::{Error, Kind, Services, control};

use crate::errors::CliError;
use crate::progress::{LocalProgress, Phase as At, copy};
use crate::signals::Signals;
use crate::traffic::Traffic;

/// Between two looks at what waits: nothing leaves this process, but counting a long queue takes its time.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks for what was written last.
const LOOK_FOR_LAST: Duration = Duration::from_millis(100);
/// After this long without what was written last something is wrong that no waiting mends.
const LONGEST: Duration = Duration::from_secs(600);

/// What is wanted of a rehearsal beside the run itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Writes a second of an application.
    pub(crate) traffic: Option<u32>,
    /// For how long, where it doesn't go on until the cut-over.
    pub(crate) traffic_seconds: Option<u64>,
    /// Whether it ends by the cut-over.
    pub(crate) cutover: bool,
}

/// A copy that this process keeps in step.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'k> {
    pub(crate) services: &'k Services,
    pub(crate) plan: &'k Plan,
    pub(crate) progress: &'k LocalProgress,
}

/// Whether a run leaves a target that is kept in step.
pub(crate) fn is_kept(plan: &Plan) -> bool {
    let carries = plan.definition.target.as_ref().is_some_and(|target| target.carry.has_changes());
    carries && plan.job == Job::Migrate
}

impl Kept<'_> {
    /// Shows how far the changes are once the bulk is over. It doesn't end by itself.
    pub(crate) async fn look_on(self) -> Infallible {
        if self.plan.definition.target.is_none() || self.plan.job != Job::Migrate {
            return std::future::pending().await;
        }
        loop {
            self.progress.still_waits();
            tokio::time::sleep(LOOK).await;
            let Ok(course) = books::course(&self.services.ledger, &self.plan.run).await else { continue };
            let is_carried = course.in_step.is_some() || course.bulk_over.is_some() && !is_kept(self.plan);
            if is_carried {
                self.progress.keep(At::Comparing, &copy::comparing(self.progress.compared_items()));
            } else if course.bulk_over.is_some() {
                self.show().await;
            }
        }
    }

    /// Carries changes until the copy is cut over or given up, from another terminal, or until somebody ends this process. The
    /// application ends when a cut-over begins: that's what `--before` is for.
    pub(crate) async fn stay(self, traffic: Option<Traffic>, signals: &mut Signals) -> Result<(), CliError> {
        let run = &self.plan.run;
        self.progress.say(&format!(
            "in step: changes go on being carried; `run cutover {run}` from another terminal ends the copy, Ctrl-C or \
             `run stop {run}` ends this process"
        ));
        tokio::select! {
            ended = self.until_given_up(traffic) => ended,
            () = signals.next() => self.end_at_once(),
            asked = self.until_asked_to_stop() => asked.and_then(|()| self.end_at_once()),
        }
    }

    fn end_at_once(self) -> Result<(), CliError> {
        self.progress.say("ended; what the source changes from here on is carried by nobody");
        Ok(())
    }

    async fn until_asked_to_stop(self) -> Result<(), CliError> {
        while !control::read(&self.services.ledger, &self.plan.run).await?.stop {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Another run may follow under the same entry: that of the way back.
    async fn until_given_up(self, mut traffic: Option<Traffic>) -> Result<(), CliError> {
        let ledger = &self.services.ledger;
        while current::read(ledger).await?.is_some() {
            if cutover::read(ledger, &self.plan.run).await?.is_some()
                && let Some(traffic) = traffic.take()
            {
                let done = traffic.done.clone();
                traffic.end().await?;
                self.progress
                    .say(&format!("the cut-over has begun, and the application has stopped: {}", done.words()));
            }
            self.show().await;
            tokio::time::sleep(LOOK).await;
        }
        self.progress.say("the copy has ended");
        Ok(())
    }

    async fn show(self) {
        // The next look tells.
        if let Ok(sync) = sync::check(self.services, &self.plan.run).await {
            self.progress.keep(At::ApplyingChanges, &copy::changes(&sync));
        }
    }

    /// Cuts over, as `run cutover` does it: the application of the rehearsal is what is stopped before. What is worth a line of
    /// the report goes to `notes`, whether it succeeds or not.
    pub(crate) async fn cut_over(self, traffic: Option<Traffic>, notes: &mut Vec<String>) -> Result<(), CliError> {
        let mover = OfRehearsal { kept: self, traffic: Mutex::new(traffic), notes: Mutex::default() };
        let options = Options { reverse: false, within: LONGEST, verified_within: cutover::FRESH };
        let ended = cutover::cut_over(self.services, &self.plan.run, options, &mover).await;
        notes.append(&mut mover.notes.lock().unwrap_or_else(PoisonError::into_inner));
        ended?;
        notes.push("cut over    every change is applied, and nothing is carried any more".into());
        Ok(())
    }

    /// Lets the application end, and waits until the target holds what it has written last; the lines of the report.
    async fn end(self, traffic: Traffic) -> Result<Vec<String>, CliError> {
        let (done, asked) = (traffic.done.clone(), Instant::now());
        let last = traffic.end().await?;
        let was_at_work = last.1 >= asked;
        let seconds = self.come_up(last).await?.as_secs_f64();
        let mut notes = vec![format!("traffic     {}", done.words())];
        // Of one that ended long before nobody has looked how soon.
        notes.extend(was_at_work.then(|| format!("in step     {seconds:.1} s after the application's last write")));
        Ok(notes)
    }

    /// Waits until the target holds an item as the source has it, and everything else that waits; tells how long that took.
    async fn come_up(self, (last, at): (Item, Instant)) -> Result<Duration, CliError> {
        let Some(target) = &self.plan.definition.target else { return Ok(Duration::ZERO) };
        let images = Images::new(self.plan, &self.services.functions)?;
        let image = images.of(&last).ok().flatten();
        loop {
            let is_there = match &image {
                Some(image) => {
                    let key = images.target_key_of(image);
                    read(&self.services.target, target.table.as_str(), key).await? == *image
                }
                None => true,
            };
            let sync = sync::check(self.services, &self.plan.run).await?;
            if is_there && sync.backlog() == 0 {
                return Ok(at.elapsed());
            }
            if at.elapsed() > LONGEST {
                let waited = HumanDuration(at.elapsed());
                let found = copy::changes(&sync);
                return Err(CliError::failed(format!(
                    "the target isn't in step {waited} after the last write: {found}"
                )));
            }
            tokio::time::sleep(LOOK_FOR_LAST).await;
        }
    }
}

/// Moves the application of a rehearsal.
struct OfRehearsal<'k> {
    kept: Kept<'k>,
    traffic: Mutex<Option<Traffic>>,
    notes: Mutex<Vec<String>>,
}

#[async_trait]
impl Mover for OfRehearsal<'_> {
    async fn before(&self) -> Result<(), Error> {
        let traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(traffic) = traffic else { return Ok(()) };
        let notes = self.kept.end(traffic).await.map_err(|error| Error::new(Kind::Refused, error.to_string()))?;
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).extend(notes);
        Ok(())
    }

    async fn after(&self) -> Result<(), Error> {
        Ok(())
    }

    fn enters(&self, _: Phase) {}

    fn reads(&self, _: u64, _: Option<Timestamp>) {}

    fn sees(&self, sync: &Sync) {
        self.kept.progress.keep(At::ApplyingChanges, &copy::changes(sync));
    }
}

/// Nothing where it isn't there, or can't be read just now.
async fn read(client: &Client, table: &str, key: Item) -> Result<Item, Error> {
    let get = client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
    match get.send().await.map_err(|error| Error::from_sdk("GetItem", error)) {
        Err(error) if error.kind() == Kind::Throttled => Ok(Item::new()),
        output => Ok(output?.item.unwrap_or_default()),
    }
}
