//! [`Embedded`], the handle: opening, closing, and the way of a request through it.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::faults::Faults;
use crate::functions::Functions;
use crate::http::{
    InProcess, autoscaling_client_builder, client_builder, lambda_client_builder, s3_client_builder,
    sqs_client_builder, streams_client_builder,
};
use crate::mappings::Attended;
use crate::objects::ObjectStore;
use crate::reply::{Fault, Reply};
use crate::request::{Request, Service};
use crate::{buckets, exports, functions, operations, queues, streams};

/// How the database behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Whether requests beyond a table's capacity are throttled. Default: yes.
    pub enforce_capacity: bool,
    /// How long UpdateTable takes; the table is `UPDATING` and goes on as before meanwhile. Default: no time.
    pub update_takes: Duration,
    /// Whether requests are worked on the thread that awaits them. A simulation on one thread then takes the same
    /// course each time; others would wait for the database with all that they have under way. Default: no.
    pub on_own_thread: bool,
    /// How long an event source mapping takes to be made, enabled, disabled, changed or deleted. Default: no time.
    pub mapping_takes: Duration,
    /// How long an export takes. Default: no time.
    pub export_takes: Duration,
    /// How long after CreateTable point-in-time recovery can be switched on. AWS: some moments, although the table is ACTIVE
    /// before. Default: no time.
    pub backups_take: Duration,
    /// How many files an export has. Default: one for each partition of the table.
    pub export_files: Option<usize>,
    /// How long it takes until a message that was sent is counted among those of its queue. AWS: up to a minute.
    /// Default: no time.
    pub counts_lag: Duration,
    /// What time of day it is when the database is opened; it goes on with tokio's clock. Default: the system's.
    pub opened_at: Option<SystemTime>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enforce_capacity: true,
            update_takes: Duration::ZERO,
            on_own_thread: false,
            mapping_takes: Duration::ZERO,
            export_takes: Duration::ZERO,
            backups_take: Duration::ZERO,
            export_files: None,
            counts_lag: Duration::ZERO,
            opened_at: None,
        }
    }
}

impl Options {
    /// Whether requests beyond a table's capacity are throttled.
    pub fn enforce_capacity(mut self, enforce: bool) -> Self {
        self.enforce_capacity = enforce;
        self
    }

    /// How long UpdateTable takes.
    pub fn update_takes(mut self, duration: Duration) -> Self {
        self.update_takes = duration;
        self
    }

    /// Whether requests are worked on the thread that awaits them.
    pub fn on_own_thread(mut self, on_own_thread: bool) -> Self {
        self.on_own_thread = on_own_thread;
        self
    }

    /// How long a change of an event source mapping takes.
    pub fn mapping_takes(mut self, duration: Duration) -> Self {
        self.mapping_takes = duration;
        self
    }

    /// How long an export takes.
    pub fn export_takes(mut self, duration: Duration) -> Self {
        self.export_takes = duration;
        self
    }

    /// How long after CreateTable point-in-time recovery can be switched on.
    pub fn backups_take(mut self, duration: Duration) -> Self {
        self.backups_take = duration;
        self
    }

    /// How many files an export has.
    pub fn export_files(mut self, files: usize) -> Self {
        self.export_files = Some(files);
        self
    }

    /// How long it takes until a message that was sent is counted.
    pub fn counts_lag(mut self, duration: Duration) -> Self {
        self.counts_lag = duration;
        self
    }

    /// What time of day it is when the database is opened.
    pub fn opened_at(mut self, time: SystemTime) -> Self {
        self.opened_at = Some(time);
        self
    }
}

/// A DynamoDB in this process, on one SQLite file. Clones share it; the last one closes it.
///
/// Calls need a tokio runtime, of any flavour. Time is tokio's: under a paused clock throttling, burst credit
/// and updates follow it.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    on_own_thread: bool,
    engine: Arc<Mutex<Engine>>,
    requests: AtomicU64,
    path: PathBuf,
    functions: Functions,
    attended: Attended,
    /// Told of every change that somebody who waits may be waiting for; the numbers say nothing.
    streams: watch::Sender<u64>,
    queues: watch::Sender<u64>,
    mappings: watch::Sender<u64>,
}

/// A handle that doesn't keep the database.
#[derive(Clone)]
pub(crate) struct WeakEmbedded(Weak<Inner>);

impl WeakEmbedded {
    pub(crate) fn upgrade(&self) -> Option<Embedded> {
        self.0.upgrade().map(|inner| Embedded { inner })
    }
}

/// What stands around an open database file: the lock, and the folder of a temporary one. The engine keeps it,
/// so that a request that outlives the last handle still has both.
#[derive(Debug)]
pub(crate) struct Place {
    _lock: File,
    _temporary: Option<TempDir>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens the database in a file, or makes it. A table that was half loaded when its process died is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process, or another `Embedded` of this one, has it open.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_in(path.as_ref(), options, None)
    }

    /// Makes a database that lives as long as its handles.
    pub fn temporary(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("embedded-").tempdir();
        let folder = folder.map_err(|error| Error::because(ErrorKind::Io, "can't make a temporary folder", error))?;
        Self::open_in(&folder.path().join("database"), options, Some(folder))
    }

    fn open_in(path: &Path, options: Options, temporary: Option<TempDir>) -> Result<Self> {
        let lock = lock(path)?;
        let name = path
            .to_str()
            .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("the path {} is not valid UTF-8", path.display())))?;
        let durable = temporary.is_none();
        let place = Place { _lock: lock, _temporary: temporary };
        let on_own_thread = options.on_own_thread;
        let engine = Engine::open(name, durable, options, place)?;
        let inner = Inner {
            on_own_thread,
            engine: Arc::new(Mutex::new(engine)),
            requests: AtomicU64::new(0),
            path: path.to_owned(),
            functions: Functions::default(),
            attended: Attended::default(),
            streams: watch::Sender::new(0),
            queues: watch::Sender::new(0),
            mappings: watch::Sender::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A client of this database, with the SDK's own retries. See [`Embedded::client_builder`] for others.
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(self.client_builder().build())
    }

    /// The configuration of a client, to be tuned: retries, interceptors, timeouts.
    pub fn client_builder(&self) -> aws_sdk_dynamodb::config::Builder {
        client_builder(self)
    }

    /// A client of the Application Auto Scaling of this database.
    pub fn autoscaling_client(&self) -> aws_sdk_applicationautoscaling::Client {
        aws_sdk_applicationautoscaling::Client::from_conf(self.autoscaling_client_builder().build())
    }

    /// The configuration of such a client.
    pub fn autoscaling_client_builder(&self) -> aws_sdk_applicationautoscaling::config::Builder {
        autoscaling_client_builder(self)
    }

    /// The configuration of a client of the SQS of this database.
    pub fn sqs_client_builder(&self) -> aws_sdk_sqs::config::Builder {
        sqs_client_builder(self)
    }

    /// The configuration of a client of its Lambda: event source mappings, and invocations of functions that were
    /// [registered](Embedded::register).
    pub fn lambda_client_builder(&self) -> aws_sdk_lambda::config::Builder {
        lambda_client_builder(self)
    }

    /// The configuration of a client of its tables' streams.
    pub fn streams_client_builder(&self) -> aws_sdk_dynamodbstreams::config::Builder {
        streams_client_builder(self)
    }

    /// The configuration of a client of its S3.
    pub fn s3_client_builder(&self) -> aws_sdk_s3::config::Builder {
        s3_client_builder(self)
    }

    /// The HTTP client that takes requests to this database, for a configuration made elsewhere. It answers
    /// whatever the endpoint, the region and the credentials are.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess { embedded: self.clone(), faults: None })
    }

    /// The same through the weather of `faults`, which every client has for itself.
    pub fn faulty_http_client(&self, faults: &Faults) -> SharedHttpClient {
        SharedHttpClient::new(InProcess { embedded: self.clone(), faults: Some(faults.clone()) })
    }

    /// Objects beside the database file, in place of S3.
    pub fn object_store(&self) -> ObjectStore {
        ObjectStore::of(self, beside(&self.inner.path, ".objects"))
    }

    /// Answers one request. The SDK's client and the server both come through here: what should happen to
    /// every request (faults, latency, counting) belongs around this call.
    pub(crate) async fn respond(&self, request: Request) -> (String, Reply) {
        let request_id = self.request_id();
        let reply = match request.service {
            Service::Database => self.respond_from_database(request).await,
            Service::Queues => queues::answer(self, request).await,
            Service::Functions => functions::answer(self, request).await,
            Service::Objects => buckets::answer(self, request).await,
        };
        (request_id, reply)
    }

    async fn respond_from_database(&self, request: Request) -> Reply {
        if request.operation == "ExportTableToPointInTime" {
            return exports::begin(self, request.body).await.into();
        }
        let may_write = operations::may_write(&request.operation);
        let reply = self.with_engine(move |engine| operations::answer(engine, &request.operation, &request.body)).await;
        if may_write {
            self.streams_changed();
        }
        reply.unwrap_or_else(|_| Err(Fault::internal("the request failed inside the database"))).into()
    }

    /// Deletes the items whose time to live has passed, as DynamoDB does now and then, and says how many they were.
    /// Their stream records have its own identity.
    ///
    /// # Errors
    /// [`ErrorKind::Database`].
    pub async fn expire_items(&self) -> Result<usize> {
        let expired = self.with_engine(streams::expire).await?;
        self.streams_changed();
        expired.map_err(|fault| Error::new(ErrorKind::Database, format!("items could not be expired: {fault:?}")))
    }

    pub(crate) fn is_on_own_thread(&self) -> bool {
        self.inner.on_own_thread
    }

    pub(crate) fn functions(&self) -> &Functions {
        &self.inner.functions
    }

    pub(crate) fn attended(&self) -> &Attended {
        &self.inner.attended
    }

    pub(crate) fn downgrade(&self) -> WeakEmbedded {
        WeakEmbedded(Arc::downgrade(&self.inner))
    }

    pub(crate) fn streams_changed(&self) {
        self.inner.streams.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn queues_changed(&self) {
        self.inner.queues.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn mappings_changed(&self) {
        self.inner.mappings.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn stream_changes(&self) -> watch::Receiver<u64> {
        self.inner.streams.subscribe()
    }

    pub(crate) fn queue_changes(&self) -> watch::Receiver<u64> {
        self.inner.queues.subscribe()
    }

    pub(crate) fn mapping_changes(&self) -> watch::Receiver<u64> {
        self.inner.mappings.subscribe()
    }

    /// Answers a request with a refusal, without a look at the database.
    pub(crate) fn refuse(&self, refusal: Reply) -> (String, Reply) {
        (self.request_id(), refusal)
    }

    fn request_id(&self) -> String {
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        format!("{number:0>52X}")
    }

    /// Runs something on the engine, off the async threads. Waiters come in turn, and only the one whose turn
    /// it is holds a thread. The hop costs 20 to 35 microseconds; to a thread of the engine's own and back it
    /// costs 60 to 75, and a paused clock would leap while it runs.
    pub(crate) async fn with_engine<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T> {
        let mut engine = self.inner.engine.clone().lock_owned().await;
        if self.inner.on_own_thread {
            return Ok(run(&mut engine));
        }
        let done = tokio::task::spawn_blocking(move || run(&mut engine)).await;
        done.map_err(|error| Error::because(ErrorKind::Database, "the database failed in the middle of a call", error))
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Takes the lock beside the database file. (Not of the file itself: closing a second handle on it would
/// release SQLite's own locks.)
fn lock(path: &Path) -> Result<File> {
    let name = beside(path, ".lock");
    let cant = |error| Error::because(ErrorKind::Io, format!("can't open the database file {}", path.display()), error);
    let lock = File::options().create(true).truncate(false).write(true).open(&name).map_err(cant)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Locked,
            format!("another process has the database file {} open; end it or use another file", path.display()),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(cant(error)),
    }
}
