//! Lambda functions: handlers in this process, called by event source mappings and by whoever has a client.
//!
//! An invocation runs as a task of its own, as long as its function's time lasts, and never more of them at a time
//! than the function's concurrency. What a handler has under way when it is cut off is dropped where it stands.

mod hazards;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use self::hazards::Luck;
pub use self::hazards::{Befallen, Hazards, Misfortunes};
use crate::Embedded;
use crate::mappings;
use crate::reply::Reply;
use crate::request::Request;
use crate::wire::{ACCOUNT, REGION};

/// AWS: a function may take 15 minutes, and an account runs 1,000 invocations at a time unless it asks for more.
const LONGEST: Duration = Duration::from_secs(900);
const CONCURRENCY: usize = 1_000;

type Answered = Pin<Box<dyn Future<Output = Result<Value, FunctionError>> + Send>>;
type Handler = Arc<dyn Fn(Value) -> Answered + Send + Sync>;

/// A function: its handler, and the bounds that it is run in.
#[derive(Clone)]
pub struct Function {
    name: String,
    handler: Handler,
    concurrency: usize,
    timeout: Duration,
}

/// How an invocation failed: what a function in Rust returns as its diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Its `errorType`.
    pub name: String,
    /// Its `errorMessage`.
    pub message: String,
}

impl Function {
    /// A function under a name, with 15 minutes for each of up to 1,000 invocations at a time.
    pub fn new<F, A>(name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Value) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Value, FunctionError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |event| Box::pin(handler(event)));
        Self { name: name.into(), handler, concurrency: CONCURRENCY, timeout: LONGEST }
    }

    /// How many invocations there may be at a time.
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), ..self }
    }

    /// How long an invocation may take.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl FunctionError {
    /// An error of this name.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into() }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, concurrency, timeout, .. } = self;
        f.debug_struct("Function")
            .field("name", name)
            .field("concurrency", concurrency)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

/// The functions that there are, and what befalls their invocations.
#[derive(Default)]
pub(crate) struct Functions(Mutex<State>);

#[derive(Default)]
struct State {
    registered: HashMap<String, Registered>,
    hazards: Option<Misfortunes>,
}

#[derive(Clone)]
struct Registered {
    function: Function,
    free: Arc<Semaphore>,
}

impl Functions {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, function: &str) -> Option<Registered> {
        self.state().registered.get(name_of(function)).cloned()
    }

    /// How long an invocation may take.
    pub(crate) fn time_of(&self, function: &str) -> Option<Duration> {
        self.find(function).map(|registered| registered.function.timeout)
    }

    pub(crate) fn is_registered(&self, function: &str) -> bool {
        self.state().registered.contains_key(name_of(function))
    }

    /// Waits until a function may be called once more. `None` where it isn't registered.
    pub(crate) async fn turn(&self, function: &str) -> Option<OwnedSemaphorePermit> {
        let registered = self.find(function)?;
        registered.free.acquire_owned().await.ok()
    }

    /// Whether a batch of a stream will be rewound, and how long after it the next one comes.
    pub(crate) fn rewinds(&self) -> Option<Duration> {
        self.state().hazards.as_ref().and_then(Misfortunes::draw_rewound)
    }

    /// Calls a function whose turn it is.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: Value,
        turn: OwnedSemaphorePermit,
    ) -> Result<Value, FunctionError> {
        let Some(Registered { function, .. }) = self.find(function) else {
            return Err(FunctionError::new("Function.NotFound", "the function isn't registered"));
        };
        let luck = self.state().hazards.as_ref().map(Misfortunes::draw).unwrap_or_default();
        let answer = match luck {
            Luck::Repeated { after } => {
                // Nobody has heard of this one.
                let _ = function.run(event.clone(), None).await;
                tokio::time::sleep(after).await;
                function.run(event, None).await
            }
            Luck::Lost => {
                function.run(event, None).await?;
                Err(FunctionError::new("Lambda.Unknown", "the answer was lost"))
            }
            Luck::Killed { after } => function.run(event, Some(after)).await,
            Luck::Late { after } => {
                tokio::time::sleep(after).await;
                function.run(event, None).await
            }
            Luck::Forked { after } => {
                tokio::spawn(async move {
                    let _ = function.run(event, None).await;
                    drop(turn);
                });
                tokio::time::sleep(after).await;
                return Err(FunctionError::new("Lambda.Unknown", "nobody knows how the invocation has ended"));
            }
            Luck::None => function.run(event, None).await,
        };
        drop(turn);
        answer
    }
}

impl Function {
    /// One invocation, which is cut off when its time is up or when it is killed.
    async fn run(&self, event: Value, killed_after: Option<Duration>) -> Result<Value, FunctionError> {
        // A set, so that it ends with whoever waits for it.
        let mut task = JoinSet::new();
        task.spawn((self.handler)(event));
        let time = killed_after.unwrap_or(self.timeout).min(self.timeout);
        match tokio::time::timeout(time, task.join_next()).await {
            Ok(Some(Ok(answer))) => answer,
            // What a panic says may hold values.
            Ok(_) => Err(FunctionError::new("Runtime.ExitError", "the function ended without an answer")),
            Err(_) => {
                task.shutdown().await;
                let name = if killed_after.is_some() { "Lambda.Unknown" } else { "Sandbox.Timedout" };
                Err(FunctionError::new(name, "the invocation was cut off"))
            }
        }
    }
}

impl Embedded {
    /// Makes a function known under its name, in place of any other. Event source mappings that were waiting for it
    /// go to work. Needs a tokio runtime.
    pub fn register(&self, function: Function) {
        let free = Arc::new(Semaphore::new(function.concurrency));
        let name = function.name.clone();
        self.functions().state().registered.insert(name, Registered { function, free });
        self.mappings_changed();
        mappings::attend_all(self);
    }

    /// Forgets all functions; mappings wait until they are registered again. A handler that holds a client of this
    /// database keeps it open until then.
    pub fn forget_functions(&self) {
        self.functions().state().registered.clear();
    }

    /// Lets invocations from now on meet hazards; `None` for none.
    pub fn set_hazards(&self, hazards: Option<Misfortunes>) {
        self.functions().state().hazards = hazards;
    }
}

/// The ARN of a function.
pub(crate) fn arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", name_of(function))
}

/// A function may be named by name, by ARN, or by a part of its ARN.
pub(crate) fn name_of(function: &str) -> &str {
    match function.split_once("function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
        None => function,
    }
}

/// A refusal as Lambda writes it.
pub(crate) fn refusal(status: u16, code: &'static str, message: &str) -> Reply {
    let kind = if status < 500 { "User" } else { "Service" };
    let body = json!({ "Type": kind, "Message": message }).to_string().into_bytes();
    Reply { headers: vec![("x-amzn-errortype", code.to_owned())], ..json_reply(status, body) }
}

pub(crate) fn json_reply(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, media_type: "application/json", headers: Vec::new(), body }
}

/// Answers one request.
pub(crate) async fn answer(embedded: &Embedded, request: Request) -> Reply {
    if request.operation != "Invoke" {
        return mappings::answer(embedded, request).await;
    }
    let function = request.names.first().map(String::as_str).unwrap_or_default();
    let event = if request.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&request.body) };
    let Ok(event) = event else {
        return refusal(400, "InvalidRequestContentException", "Could not parse request body into json.");
    };
    let Some(turn) = embedded.functions().turn(function).await else {
        let message = format!("Function not found: {}", arn(function));
        return refusal(404, "ResourceNotFoundException", &message);
    };
    // A function goes on when whoever called it is gone.
    let (handle, function) = (embedded.clone(), function.to_owned());
    let invoked = tokio::spawn(async move { handle.functions().invoke(&function, event, turn).await });
    let lost = |_| Err(FunctionError::new("Runtime.ExitError", "the function ended without an answer"));
    match invoked.await.unwrap_or_else(lost) {
        Ok(answer) => json_reply(200, answer.to_string().into_bytes()),
        Err(FunctionError { name, message }) => {
            let body = json!({ "errorType": name, "errorMessage": message }).to_string().into_bytes();
            let headers = vec![("x-amz-function-error", "Unhandled".to_owned())];
            Reply { headers, ..json_reply(200, body) }
        }
    }
}
