//! An AWS in the test's own process, as far as `run` needs one: the stack, Step Functions and the caller's identity are
//! answered here, DynamoDB is the embedded one. What is started is really executed: the deployed document, with the
//! deployed functions' code.

mod cloudformation;
mod executions;
mod states;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use embedded::{Embedded, Options};
use migration::definition::Definition;
use migration::deployment::{Deployment, Output};
use migration::{Ledger, Task};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::{Ended, Folder, Running};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const STACK: &str = "Segue-tidy-movies";
pub(crate) const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:Workflow-1";
const LEDGER: &str = "Segue-tidy-movies-Ledger-1";
/// The access key of credentials that are good.
const GOOD_KEY: &str = "AKIDGOOD";

/// What the test has set, and what has happened.
pub(crate) struct Aws {
    pub(crate) stack: Mutex<FakeStack>,
    /// Access keys that have expired.
    expired: Mutex<Vec<String>>,
    /// Operations that are refused, with the error's name, and how often yet.
    refused: Mutex<HashMap<String, (String, usize)>>,
    /// Operations whose answer gets lost after they were carried out, and how often yet.
    lost: Mutex<HashMap<String, usize>>,
    pub(crate) asked: Mutex<Vec<String>>,
    /// The regions that DynamoDB was asked in for a table, with the table.
    pub(crate) tables: Mutex<BTreeSet<(String, String)>>,
    /// What Step Functions was asked for, with the requests.
    bodies: Mutex<Vec<(String, Value)>>,
    executions: executions::Executions,
}

/// The stack as CloudFormation and Step Functions show it.
#[derive(Clone)]
pub(crate) struct FakeStack {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) outputs: Vec<(&'static str, String)>,
    pub(crate) account: String,
    pub(crate) machine_kind: &'static str,
    /// Whether the machine carries CloudFormation's tags.
    pub(crate) tags_machine: bool,
}

/// The fake, and a folder that is deployed to it.
pub(crate) struct World {
    pub(crate) folder: Folder,
    pub(crate) aws: Arc<Aws>,
    pub(crate) client: Client,
    pub(crate) endpoint: String,
}

impl World {
    /// The example, deployed; its table has so many sample items.
    pub(crate) async fn with_example(items: u64) -> Self {
        Self::deployed(Folder::with_example(), items).await
    }

    /// The folder's migration, deployed.
    pub(crate) async fn deployed(folder: Folder, items: u64) -> Self {
        let yaml = std::fs::read_to_string(folder.path().join("migration.yaml")).unwrap();
        let definition = Definition::from_yaml(&yaml).unwrap();
        // Made by the binary itself, so that both engines begin with the same table.
        let made = folder.run(&format!("--engine embedded --items {items} --dry-run --database table.db"));
        assert!(made.stderr.contains("table movies is made"), "{}", made.stderr);
        let database = Embedded::open(folder.path().join("table.db"), Options::default()).unwrap();
        let client = Client::from_conf(migration::client_config(database.client_builder()).build());
        let ledger = Ledger::create(client.clone(), LEDGER).await.unwrap();
        let aws = Arc::new(Aws {
            stack: Mutex::new(FakeStack::of(&definition)),
            expired: Mutex::default(),
            refused: Mutex::default(),
            lost: Mutex::default(),
            asked: Mutex::default(),
            tables: Mutex::default(),
            bodies: Mutex::default(),
            executions: executions::Executions::new(&client, &ledger, &definition),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = database.router().layer(middleware::from_fn_with_state(aws.clone(), answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let world = Self { folder, aws, client, endpoint };
        world.note(&Deployment { stack: STACK.into(), account: ACCOUNT.into(), region: REGION.into() });
        world.credentials(GOOD_KEY);
        world
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::new(self.client.clone(), LEDGER)
    }

    /// Begins a run, and leaves it; gives its name.
    pub(crate) async fn begin(&self, flags: &str) -> String {
        let ended = self.run(&format!("{flags} --yes --detach --output json")).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.json()["run"].as_str().unwrap().to_owned()
    }

    /// Leaves the note that `infra -- deploy` leaves.
    pub(crate) fn note(&self, deployment: &Deployment) {
        std::fs::create_dir_all(self.folder.path().join(".segue/deployments")).unwrap();
        self.folder.write(&Deployment::file("tidy-movies"), serde_json::to_string(deployment).unwrap());
    }

    pub(crate) fn forget_deployment(&self) {
        std::fs::remove_file(self.folder.path().join(Deployment::file("tidy-movies"))).unwrap();
    }

    /// Signs in with that access key.
    pub(crate) fn credentials(&self, key: &str) {
        self.folder
            .write("credentials", format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n"));
    }

    /// The binary, with the credentials of the folder and this AWS.
    pub(crate) fn command(&self, args: &str) -> std::process::Command {
        let mut command = self.folder.command(args.split_whitespace());
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env_remove("SFN_ARN");
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.folder.path().join("credentials"));
        command
    }

    /// Runs that to its end, without holding up the AWS in this process.
    pub(crate) async fn run(&self, args: &str) -> Ended {
        Self::end(self.command(args)).await
    }

    pub(crate) async fn end(command: std::process::Command) -> Ended {
        Ended::of(Command::from(command).kill_on_drop(true).output().await.unwrap())
    }

    pub(crate) fn start(&self, args: &str) -> Running {
        Running::start(self.command(args))
    }
}

/// Does what waits for the process on a thread of its own, so that the AWS of this process goes on.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

impl FakeStack {
    fn of(definition: &Definition) -> Self {
        let value = |output: Output| match output {
            Output::StateMachineArn => MACHINE.to_owned(),
            Output::LedgerTableName => LEDGER.to_owned(),
            Output::ResultsBucketName => "results".to_owned(),
            Output::SourceTableName => definition.source.table.to_string(),
            Output::MigrationDigest => definition.digest(),
            Output::DashboardUrl => "https://dashboard.example/".to_owned(),
        };
        Self {
            name: STACK.into(),
            status: "CREATE_COMPLETE".into(),
            outputs: Output::ALL.map(|output| (output.name(), value(output))).into(),
            account: ACCOUNT.into(),
            machine_kind: "STANDARD",
            tags_machine: true,
        }
    }
}

impl Aws {
    /// Those credentials no longer work, in any service.
    pub(crate) fn expire(&self, key: &str) {
        self.expired.lock().unwrap().push(key.to_owned());
    }

    pub(crate) fn expire_good_key(&self) {
        self.expire(GOOD_KEY);
    }

    /// Refuses the next `times` requests of that operation.
    pub(crate) fn refuse(&self, operation: &str, error: &str, times: usize) {
        self.refused.lock().unwrap().insert(operation.to_owned(), (error.to_owned(), times));
    }

    /// Loses the next answers of that operation.
    pub(crate) fn lose(&self, operation: &str, times: usize) {
        self.lost.lock().unwrap().insert(operation.to_owned(), times);
    }

    /// Lets that function wait until it is let go on.
    pub(crate) fn hold(&self, task: Task) {
        self.executions.let_through(task, 0);
    }

    pub(crate) fn let_go(&self, task: Task) {
        self.executions.let_through(task, usize::MAX);
    }

    /// Lets one call of that function go on, and holds those after it.
    pub(crate) fn let_one_through(&self, task: Task) {
        self.executions.let_through(task, 1);
    }

    /// Lets that function fail.
    pub(crate) fn fail(&self, task: Task, error: &str) {
        self.executions.fail(task, Some(error));
    }

    pub(crate) fn mend(&self, task: Task) {
        self.executions.fail(task, None);
    }

    /// The requests of an operation of Step Functions.
    pub(crate) fn requests(&self, operation: &str) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().filter(|(asked, _)| asked == operation).map(|(_, body)| body.clone()).collect()
    }

    /// Lets Step Functions refuse every redrive.
    pub(crate) fn forbid_redrive(&self) {
        self.executions.forbid_redrive();
    }

    /// Stops the executions that are under way, as a person in the console does.
    pub(crate) fn abort_all(&self) {
        self.executions.abort_all();
    }

    /// Lets the stack's rule put back what an execution that was stopped has raised.
    pub(crate) fn follow_rule(&self) {
        self.executions.follow_rule();
    }

    /// How often an operation was asked for.
    pub(crate) fn times(&self, operation: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == operation).count()
    }

    pub(crate) fn executions(&self) -> Vec<String> {
        self.executions.names()
    }

    fn takes(&self, counts: &Mutex<HashMap<String, usize>>, operation: &str) -> bool {
        let mut counts = counts.lock().unwrap();
        match counts.get_mut(operation) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn refusal(&self, operation: &str) -> Option<String> {
        let mut refused = self.refused.lock().unwrap();
        let (error, left) = refused.get_mut(operation).filter(|(_, left)| *left > 0)?;
        *left -= 1;
        Some(error.clone())
    }
}

async fn answer(State(aws): State<Arc<Aws>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let target = text(&parts.headers, "x-amz-target");
    let is_query = target.is_empty();
    let operation = match target.split_once('.') {
        Some((_, operation)) => operation.to_owned(),
        None => cloudformation::field(&body, "Action").unwrap_or_default(),
    };
    aws.asked.lock().unwrap().push(operation.clone());
    let authorization = text(&parts.headers, "authorization");
    if let Some(table) =
        serde_json::from_slice::<Value>(&body).ok().and_then(|body| body["TableName"].as_str().map(str::to_owned))
    {
        // The scope of a signature: the key, the day, the region (AWS Signature Version 4, "Authorization header").
        let region = authorization.split('/').nth(2).unwrap_or_default().to_owned();
        aws.tables.lock().unwrap().insert((region, table));
    }
    if aws.expired.lock().unwrap().iter().any(|key| authorization.contains(&format!("Credential={key}/"))) {
        let name = if is_query { "ExpiredToken" } else { "ExpiredTokenException" };
        return error(is_query, name, "The security token included in the request is expired");
    }
    if let Some(name) = aws.refusal(&operation) {
        return error(is_query, &name, "refused by the test");
    }
    let response = if is_query {
        cloudformation::answer(&aws, &operation, &body)
    } else if target.starts_with("AWSStepFunctions.") {
        states::answer(&aws, &operation, &body)
    } else {
        next.run(Request::from_parts(parts, Body::from(body))).await
    };
    if aws.takes(&aws.lost, &operation) {
        return error(is_query, "InternalServerError", "the answer is lost");
    }
    response
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn status_of(name: &str) -> StatusCode {
    if name.starts_with("Internal") { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST }
}

fn error(is_query: bool, name: &str, message: &str) -> Response {
    if is_query {
        let xml = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{name}</Code><Message>{message}</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
        );
        return (status_of(name), [("content-type", "text/xml")], xml).into_response();
    }
    let answer = json!({ "__type": name, "message": message });
    (status_of(name), [("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

fn json_answer(answer: &Value) -> Response {
    ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

fn parsed(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}
