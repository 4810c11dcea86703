//! A run in this process, from its plan to its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_applicationautoscaling::Client as Autoscaling;
use indicatif::HumanCount;
use jiff::Timestamp;
use migration::capacity::{self, Capacity};
use migration::cost::Prices;
use migration::definition::Prewarm;
use migration::plan::{Engine, Plan, RunId, Scope};
use migration::prewarm::{self, Raised};
use migration::summary::{SoFar, Status, Summary};
use migration::table::Table;
use migration::{Carrier, Ledger, Services, Stop, control, local, summary};

use crate::args::Output;
use crate::commands::conclude::{conclude, to_go_on};
use crate::commands::in_step::{self, Kept, Wanted};
use crate::engine::direct;
use crate::engine::endpoint::Endpoint;
use crate::engine::rehearsal;
use crate::engine::{Clients, Left, LocalLedger, Objects};
use crate::errors::{CliError, Ended};
use crate::progress::LocalProgress;
use crate::signals::Signals;
use crate::traffic::Traffic;
use crate::{report, show};

/// Between two looks at what is asked of the run.
const HEED: Duration = Duration::from_millis(500);

/// An attempt of a run that is about to begin: the first, or one that goes on.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) table: Table,
    pub(crate) clients: Clients,
    pub(crate) prices: Prices,
    pub(crate) output: Output,
    pub(crate) ledger: LocalLedger,
    pub(crate) wanted: Wanted,
}

/// The table's capacity around a run.
struct Around {
    before: Capacity,
    raised: Option<Capacity>,
}

/// What scales a run's table. Nothing does in a rehearsal.
pub(crate) async fn autoscaling(plan: &Plan) -> Option<Autoscaling> {
    match plan.engine {
        Engine::Embedded => None,
        Engine::Direct | Engine::StepFunctions => Some(direct::autoscaling().await),
    }
}

impl Job {
    pub(crate) async fn run(self) -> Result<Ended, CliError> {
        let mut signals = Signals::listen()?;
        let LocalLedger { ledger, database, .. } = &self.ledger;
        // Held to the end of this: as long as the run goes on, others can look at it and ask it to stop.
        let _endpoint = Endpoint::open(database, self.clients.database.as_ref(), &self.plan.run).await?;
        let so_far = summary::of_plan(ledger, &self.plan).await?;
        let around = self.capacity().await?;
        self.say_plan(&around, &so_far);
        let progress = Arc::new(LocalProgress::new(&self.plan, so_far));
        let carrier = self.carrier().await?;
        let mut services = self.services(carrier.clone()).await;
        services.observer = progress.clone();
        let (stop, services) = (services.stop.clone(), Arc::new(services));
        // Services of their own, as each function has on AWS: they go on when the run has ended.
        let carrying = Arc::new(self.services(carrier).await);
        if let (Some(database), true) = (&self.clients.database, carrying.carrier.is_some()) {
            rehearsal::register(database, &carrying);
        }
        let is_said = AtomicBool::default();
        let kept = Kept { services: &carrying, plan: &self.plan, progress: &progress };
        let traffic = self.traffic().await?;
        let objects = Objects(database.object_store());
        let ran = tokio::select! {
            ran = local::run(services, &self.plan, objects) => ran,
            () = stopped_twice(&mut signals, stop, &self, &progress, &is_said) => {
                progress.finish();
                return Err(self.ended_at_once());
            }
            never = kept.look_on() => match never {},
        };
        progress.finish();
        let summary = ran?;
        if summary.status == Status::Stopped && !is_said.load(Ordering::Relaxed) {
            // Its workers have heard of it before this process did.
            progress.say("asked to stop: pages under way were finished, and capacity was put back");
        }
        if summary.status != Status::Succeeded || !in_step::is_kept(&self.plan) {
            return self.report(&summary, Vec::new()).await;
        }
        if self.wanted.cutover {
            let mut notes = Vec::new();
            let cut_over = tokio::select! {
                cut_over = kept.cut_over(traffic, &mut notes) => cut_over,
                () = signals.next() => {
                    progress.finish();
                    let run = &self.plan.run;
                    progress.say(&format!("the cut-over is broken off; with --database `run cutover {run}` goes on with it"));
                    self.report(&summary, Vec::new()).await?;
                    return Ok(Ended::Stopped);
                }
            };
            progress.finish();
            let ended = self.report(&summary, notes).await?;
            return cut_over.map(|()| ended);
        }
        let ended = self.report(&summary, Vec::new()).await?;
        kept.stay(traffic, &mut signals).await?;
        progress.finish();
        Ok(ended)
    }

    async fn report(&self, summary: &Summary, more: Vec<String>) -> Result<Ended, CliError> {
        let LocalLedger { ledger, file, .. } = &self.ledger;
        let left = Left::read(&self.clients.source, ledger, &summary.run, &self.table.name).await?;
        let mut notes = more;
        notes.push(format!("ledger      {}", file.display()));
        notes.extend(self.what_next(summary));
        conclude(summary, &self.plan, &left, &self.prices, &notes, self.output)
    }

    async fn traffic(&self) -> Result<Option<Traffic>, CliError> {
        let (Some(writes), Some(database)) = (self.wanted.traffic, &self.clients.database) else { return Ok(None) };
        let limit = self.wanted.traffic_seconds.map_or(Duration::MAX, Duration::from_secs);
        Ok(Some(Traffic::begin(database.client(), &self.table.name, &self.plan.key, writes, limit).await?))
    }

    async fn services(&self, carrier: Option<Carrier>) -> Services {
        let functions = functions::transforms::all();
        let source = self.clients.source.clone();
        let autoscaling = autoscaling(&self.plan).await;
        let mut services = Services::new(source, autoscaling, self.ledger.ledger.clone(), functions, Timestamp::now);
        services.target = self.clients.target.clone();
        services.carrier = carrier;
        services
    }

    /// What carries a copy: a rehearsal has all of it, and a direct run nothing.
    async fn carrier(&self) -> Result<Option<Carrier>, CliError> {
        match &self.clients.database {
            Some(database) if self.plan.definition.target.is_some() => Ok(Some(rehearsal::carrier(database).await?)),
            _ => Ok(self.clients.carrier.clone()),
        }
    }

    /// A run that was killed has left its table raised: what stood before is in its ledger.
    async fn capacity(&self) -> Result<Around, CliError> {
        let raised = prewarm::raised_by(&self.ledger.ledger, &self.plan.run).await?;
        if let Some(Raised { before, to, restored: false, .. }) = raised {
            return Ok(Around { before, raised: Some(to) });
        }
        let raised = self.plan.definition.prewarm.and_then(|asked| capacity::raised(&self.table, asked));
        Ok(Around { before: self.table.capacity.clone(), raised })
    }

    fn say_plan(&self, around: &Around, so_far: &SoFar) {
        let Plan { run, definition, concurrency, .. } = &self.plan;
        let segments = definition.segments.get();
        let work = match self.plan.scope {
            Scope::FailedItems => format!("{} failed items are taken up again", HumanCount(so_far.counts.failed)),
            Scope::Segments if self.plan.attempt == 1 => format!("{segments} segments"),
            Scope::Segments => format!("{segments} segments of which {} are done", so_far.segments_done),
        };
        show::line(format_args!("run {run}: {work}, {concurrency} at a time"));
        match &around.raised {
            Some(raised) => show::line(format_args!(
                "capacity is raised from {} to {} while the run lasts",
                report::words(&around.before),
                report::words(raised)
            )),
            None if definition.prewarm.is_some_and(Prewarm::is_for_good) => {
                let warming = definition.prewarm.and_then(|asked| report::warming(&self.table, asked));
                show::line(format_args!("{}", warming.unwrap_or_default()));
            }
            None if definition.prewarm.is_some() => {
                let capacity = report::words(&around.before);
                show::line(format_args!("capacity stays as it is ({capacity}): it is as much as was asked for"));
            }
            None => {}
        }
    }

    fn is_gone_afterwards(&self) -> bool {
        self.plan.engine == Engine::Embedded && self.plan.database.is_none()
    }

    fn what_next(&self, summary: &Summary) -> Option<String> {
        if self.is_gone_afterwards() {
            return Some("database    was a temporary one; --database FILE keeps it".into());
        }
        to_go_on(summary, "mend the migration")
    }

    fn ended_at_once(&self) -> CliError {
        let run = &self.plan.run;
        let next = if self.is_gone_afterwards() {
            "the database was a temporary one, and is gone".to_owned()
        } else {
            format!(
                "writes that were under way may or may not have happened, and capacity may still be raised; \
                 `run resume {run}` goes on, `run restore {run}` puts the capacity back"
            )
        };
        CliError::CutOff(format!("ended at once: {next}"))
    }
}

/// The first Ctrl-C stops in order, and so does `run stop`; this ends with a Ctrl-C after that.
async fn stopped_twice(signals: &mut Signals, stop: Stop, job: &Job, progress: &LocalProgress, is_said: &AtomicBool) {
    let by = tokio::select! {
        () = signals.next() => "stopping",
        () = asked_to_stop(&job.ledger.ledger, &job.plan.run) => "asked to stop",
    };
    stop.request();
    is_said.store(true, Ordering::Relaxed);
    progress.say(&format!("{by}: pages under way are finished, and capacity is put back; Ctrl-C again ends at once"));
    signals.next().await;
}

/// Waits until somebody asks through the ledger. What its workers notice with a lease, a backup that is waited for
/// doesn't.
async fn asked_to_stop(ledger: &Ledger, run: &RunId) {
    loop {
        tokio::time::sleep(HEED).await;
        if control::read(ledger, run).await.is_ok_and(|asked| asked.stop) {
            return;
        }
    }
}
