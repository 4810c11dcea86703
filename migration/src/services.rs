//! What the tasks work with: clients, functions, and somebody who looks on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_applicationautoscaling::Client as Autoscaling;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodbstreams::Client as Streams;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_s3::Client as S3;
use aws_sdk_sqs::Client as Sqs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::copy::notes::Notes;
use crate::copy::replay::Known;
use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::ledger::Ledger;
use crate::pace::Pacer;
use crate::patience;
use crate::plan::{self, Plan, RunId};
use crate::transform::Functions;

/// Everything outside of the domain that its tasks reach.
pub struct Services {
    /// The source table's DynamoDB.
    pub source: Client,
    /// The target table's; the source's where nobody has set another.
    pub target: Client,
    /// What a copy is carried by; `None` where nothing is copied.
    pub carrier: Option<Carrier>,
    /// What scales the source table; `None` where nothing does, because it isn't on AWS.
    pub autoscaling: Option<Autoscaling>,
    /// The ledger.
    pub ledger: Ledger,
    /// The registered transforms in code.
    pub functions: Functions,
    /// Told of every page.
    pub observer: Arc<dyn Observer>,
    /// Asked before every page.
    pub stop: Stop,
    /// The [`Definition::digest`](crate::definition::Definition::digest) of the one migration that these services
    /// were deployed for, where they were.
    pub deployed: Option<String>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
    /// The attempt that workers have asked for last.
    attempt: Mutex<Option<Arc<Attempt>>>,
    /// The copy whose changes were applied last.
    pub(crate) known: Mutex<Option<Arc<Known>>>,
    /// What was captured and applied here.
    pub(crate) notes: Notes,
}

/// What a copy is carried by, apart from its tables.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// Makes and switches event source mappings, in the source's account and region.
    pub lambda: Lambda,
    /// The queue between capture and replay.
    pub sqs: Sqs,
    /// What an export is read from.
    pub s3: S3,
    /// Reads the source's stream, beside the mapping that captures it.
    pub streams: Streams,
    /// Names of what the stack has made.
    pub wiring: Wiring,
}

impl Carrier {
    /// By clients that are made as every one of the domain: without retries of their own, and with an end to waiting for an
    /// answer.
    pub fn new(
        lambda: aws_sdk_lambda::config::Builder,
        sqs: aws_sdk_sqs::config::Builder,
        s3: aws_sdk_s3::config::Builder,
        streams: aws_sdk_dynamodbstreams::config::Builder,
        wiring: Wiring,
    ) -> Self {
        let (retries, timeouts) = (RetryConfig::disabled(), patience::timeouts());
        let lambda = lambda.retry_config(retries.clone()).timeout_config(timeouts.clone());
        let sqs = sqs.retry_config(retries.clone()).timeout_config(timeouts.clone());
        let s3 = s3.retry_config(retries.clone()).timeout_config(timeouts.clone());
        let streams = streams.retry_config(retries).timeout_config(timeouts);
        Self {
            lambda: Lambda::from_conf(lambda.build()),
            sqs: Sqs::from_conf(sqs.build()),
            s3: S3::from_conf(s3.build()),
            streams: Streams::from_conf(streams.build()),
            wiring,
        }
    }
}

/// What the stack of a copy has made, by name; in a rehearsal, what stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiring {
    /// The FIFO queue of captured changes.
    pub queue_url: String,
    /// The same queue, as a mapping names it.
    pub queue_arn: String,
    /// Where changes go that can't be applied.
    pub dead_letters_url: String,
    /// The function of [`Task::CaptureChanges`](crate::Task): its name or ARN.
    pub capture_function: String,
    /// The function of [`Task::ApplyChanges`](crate::Task), likewise.
    pub replay_function: String,
    /// The bucket that an export goes to.
    pub export_bucket: String,
}

/// Looks on while a run goes on, in its own process.
pub trait Observer: Send + Sync {
    /// A page's outcomes are durable; `done` when it was its segment's last.
    fn page(&self, segment: u32, counts: &Counts, done: bool);

    /// A page of a comparison is taken down; what differs counts as failed. Nothing was migrated by it.
    fn compared(&self, _segment: u32, _counts: &Counts, _done: bool) {}
}

/// Nobody looks on.
pub struct Unobserved;

impl Observer for Unobserved {
    fn page(&self, _: u32, _: &Counts, _: bool) {}
}

/// A request to stop in order: pages under way are finished, no other is begun.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    is_requested: AtomicBool,
    is_over: AtomicBool,
}

impl Stop {
    /// Asks the workers to stop.
    pub fn request(&self) {
        self.0.is_requested.store(true, Ordering::Relaxed);
    }

    /// Lets the workers that are left know that the run has ended without them.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether a worker should begin no further page.
    pub fn is_requested(&self) -> bool {
        self.0.is_requested.load(Ordering::Relaxed) || self.is_over()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }
}

impl Services {
    /// Services that nobody looks on and nobody stops.
    pub fn new(
        source: Client,
        autoscaling: Option<Autoscaling>,
        ledger: Ledger,
        functions: Functions,
        clock: fn() -> Timestamp,
    ) -> Self {
        let observer = Arc::new(Unobserved);
        let (stop, attempt) = (Stop::default(), Mutex::new(None));
        let (target, carrier) = (source.clone(), None);
        let (deployed, known, notes) = (None, Mutex::new(None), Notes::new());
        Self {
            source,
            target,
            carrier,
            autoscaling,
            ledger,
            functions,
            observer,
            stop,
            deployed,
            clock,
            attempt,
            known,
            notes,
        }
    }

    /// The DynamoDB of a plan's source: on the way back of a copy that is the copy's target.
    pub(crate) fn source_of(&self, plan: &Plan) -> &Client {
        if plan.is_back() { &self.target } else { &self.source }
    }

    /// That of its target, likewise.
    pub(crate) fn target_of(&self, plan: &Plan) -> &Client {
        if plan.is_back() { &self.source } else { &self.target }
    }

    /// What a copy is carried by.
    pub(crate) fn carrier(&self) -> Result<&Carrier, Error> {
        self.carrier.as_ref().ok_or_else(|| {
            Error::invalid(
                "expected a queue and functions that carry changes, found none: deploy the copy, or rehearse it",
            )
        })
    }

    /// The plan of a run, as it is in the ledger.
    pub(crate) async fn plan(&self, run: &RunId) -> Result<Plan, Error> {
        plan::read(&self.ledger, run).await?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("expected the plan of run {run} in the ledger, found none"))
        })
    }

    /// What the workers of an attempt share, made once: a process may live on into another attempt, or another run.
    pub(crate) async fn attempt(&self, run: &RunId, number: u32) -> Result<Arc<Attempt>, Error> {
        let mut attempt = self.attempt.lock().await;
        match &*attempt {
            Some(known) if known.plan.run == *run && known.plan.attempt == number => Ok(known.clone()),
            _ => {
                let plan = self.plan(run).await?;
                let pacer = Pacer::new(self.ledger.clone(), &plan, (self.clock)());
                Ok(attempt.insert(Arc::new(Attempt { plan, pacer })).clone())
            }
        }
    }
}

/// What the workers of an attempt share in one process.
pub(crate) struct Attempt {
    pub(crate) plan: Plan,
    pub(crate) pacer: Pacer,
}
