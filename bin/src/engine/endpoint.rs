//! The way to the ledger of a run that is under way in another process of this machine, and to the tables of a rehearsal:
//! that process serves them on 127.0.0.1 while the run lasts, to those who can read the note beside the ledger's file, its
//! owner alone.
//!
//! A process that is killed leaves its note behind. So a note is believed only while somebody holds the ledger's lock,
//! and only when whoever it names answers.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ::embedded::Embedded;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use migration::Ledger;
use migration::plan::RunId;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::engine::local::{LEDGER_TABLE, beside};
use crate::errors::CliError;

const EXTENSION: &str = ".endpoint";
/// As many as nobody guesses.
const SECRET_BYTES: usize = 16;

/// The note: where the ledger is served, where a rehearsal's database is, and the access key id that opens both.
#[derive(Serialize, Deserialize)]
struct Note {
    address: SocketAddr,
    #[serde(default)]
    database: Option<SocketAddr>,
    access_key_id: String,
}

/// A ledger that is being served, with the database of its run where that is this process's. It ends, and its note goes, when
/// this is dropped.
pub(crate) struct Endpoint {
    note: PathBuf,
    servers: Vec<AbortHandle>,
}

impl Endpoint {
    /// Serves the ledger of a run that this process works on.
    pub(crate) async fn open(ledger: &Embedded, database: Option<&Embedded>, run: &RunId) -> Result<Self, CliError> {
        let note = beside(run, EXTENSION);
        // Of a process that was killed: it names nobody, or somebody else.
        remove(&note)?;
        let access_key_id = secret()?;
        let mut endpoint = Self { note, servers: Vec::new() };
        let address = endpoint.serve(ledger, &access_key_id).await?;
        let database = match database {
            Some(database) => Some(endpoint.serve(database, &access_key_id).await?),
            None => None,
        };
        write(&endpoint.note, &Note { address, database, access_key_id })?;
        Ok(endpoint)
    }

    async fn serve(&mut self, embedded: &Embedded, secret: &str) -> Result<SocketAddr, CliError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (embedded, secret) = (embedded.clone(), secret.to_owned());
        let server = tokio::spawn(async move { embedded.serve_to(&secret, listener, std::future::pending()).await });
        self.servers.push(server.abort_handle());
        Ok(address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.servers.iter().for_each(AbortHandle::abort);
        // One that stays behind is known by the lock.
        let _removed = remove(&self.note);
    }
}

/// The ledger of a run, through the process that works on it; nothing where nobody serves it just now.
pub(crate) async fn reach(run: &RunId) -> Result<Option<Ledger>, CliError> {
    let Some(note) = read(run)? else { return Ok(None) };
    let configuration = configuration(note.address, &note).await;
    Ok(configuration.map(|configuration| Ledger::new(functions::client::dynamodb(&configuration), LEDGER_TABLE)))
}

/// The way to the database of a rehearsal, likewise.
pub(crate) async fn reach_database(run: &RunId) -> Result<Option<SdkConfig>, CliError> {
    match read(run)? {
        Some(note @ Note { database: Some(address), .. }) => Ok(configuration(address, &note).await),
        _ => Ok(None),
    }
}

fn read(run: &RunId) -> Result<Option<Note>, CliError> {
    match std::fs::read_to_string(beside(run, EXTENSION)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        text => Ok(serde_json::from_str(&text?).ok()),
    }
}

/// Nothing where nobody answers: the domain would ask for most of a minute.
async fn configuration(address: SocketAddr, note: &Note) -> Option<SdkConfig> {
    TcpStream::connect(address).await.ok()?;
    let credentials = Credentials::new(&note.access_key_id, "unused", None, None, "the run's note");
    let builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Some(builder.build())
}

fn secret() -> Result<String, CliError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::failed(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Nobody ever sees half a note; a temporary file is its owner's alone from the first.
fn write(file: &std::path::Path, note: &Note) -> Result<(), CliError> {
    let folder = file.parent().unwrap_or(std::path::Path::new("."));
    let temporary = NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&temporary, note).map_err(io::Error::from)?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn remove(note: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_file(note) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
