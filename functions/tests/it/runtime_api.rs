//! A Lambda Runtime API for one process, and the process.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// Longer than any call of these tests takes on a busy machine; a process that is stuck shall fail its test.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a process tells the API.
#[derive(Debug)]
pub(crate) enum Told {
    Answer { request: String, answer: Value },
    Error { request: String, error: Value },
    InitError(Value),
}

struct Invocation {
    request: String,
    deadline_ms: u128,
    event: Vec<u8>,
}

#[derive(Clone)]
struct Api {
    invocations: Arc<Mutex<mpsc::Receiver<Invocation>>>,
    told: mpsc::Sender<Told>,
}

/// A function's process.
pub(crate) struct Function {
    process: Process,
    invocations: mpsc::Sender<Invocation>,
    told: mpsc::Receiver<Told>,
    requests: u32,
}

/// Ends with its handle, also where a test fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a process has written.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Function {
    /// Starts a program with these variables, and none of ours.
    pub(crate) async fn start(program: &Path, variables: &[(&str, String)]) -> (Self, Reader) {
        let (invocations, waiting) = mpsc::channel(1);
        let (tell, told) = mpsc::channel(8);
        let api = Api { invocations: Arc::new(Mutex::new(waiting)), told: tell };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{request}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "it")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let reader = Reader { stdout: read(child.stdout.take().unwrap()), stderr: read(child.stderr.take().unwrap()) };
        (Self { process: Process(child), invocations, told, requests: 0 }, reader)
    }

    /// Invokes it, with a whole Lambda function's time ahead.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Value, Value> {
        self.invoke_within(event.to_string().into_bytes(), Duration::from_secs(900)).await
    }

    /// Invokes it with any bytes; so much time is left. An error is as the process reports it.
    pub(crate) async fn invoke_within(&mut self, event: Vec<u8>, time: Duration) -> Result<Value, Value> {
        self.requests += 1;
        let request = format!("request-{}", self.requests);
        let deadline_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() + time.as_millis();
        self.invocations.send(Invocation { request: request.clone(), deadline_ms, event }).await.unwrap();
        match self.told().await {
            Told::Answer { request: of, answer } if of == request => Ok(answer),
            Told::Error { request: of, error } if of == request => Err(error),
            other => panic!("expected an answer to {request}, found {other:?}"),
        }
    }

    /// The next thing that it tells.
    pub(crate) async fn told(&mut self) -> Told {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        told.expect("the process told nothing").expect("the API is gone")
    }

    /// The code that it has ended with by itself.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        tokio::task::spawn_blocking(move || self.process.0.wait().unwrap().code()).await.unwrap()
    }
}

/// Reads what a process writes, until it ends.
pub(crate) struct Reader {
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Reader {
    /// Everything, once the process has ended.
    pub(crate) fn output(self) -> Output {
        Output { stdout: self.stdout.join().unwrap(), stderr: self.stderr.join().unwrap() }
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

async fn next(State(api): State<Api>) -> Response {
    let invocation = api.invocations.lock().await.recv().await;
    let Some(Invocation { request, deadline_ms, event }) = invocation else {
        // Nobody invokes any more; Lambda would leave the process frozen here.
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", request),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:it".into()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1".into(),
        ),
        ("content-type", "application/json".into()),
    ];
    (headers, event).into_response()
}

async fn answer(State(api): State<Api>, Segment(request): Segment<String>, body: Bytes) -> StatusCode {
    api.tell(Told::Answer { request, answer: json(&body) }).await
}

async fn error(State(api): State<Api>, Segment(request): Segment<String>, body: Bytes) -> StatusCode {
    api.tell(Told::Error { request, error: json(&body) }).await
}

async fn init_error(State(api): State<Api>, body: Bytes) -> StatusCode {
    api.tell(Told::InitError(json(&body))).await
}

impl Api {
    async fn tell(&self, told: Told) -> StatusCode {
        self.told.send(told).await.unwrap();
        StatusCode::ACCEPTED
    }
}

fn json(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}
