//! The way to the ledger of a run that is under way in another process of this machine: that process serves it on
//! 127.0.0.1 while the run lasts, to those who can read the note beside the ledger's file, its owner alone.
//!
//! A process that is killed leaves its note behind. So a note is believed only while somebody holds the ledger's lock,
//! and only when whoever it names answers.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ::embedded::Embedded;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};
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

/// The note: where the ledger is served, and the access key id that opens it.
#[derive(Serialize, Deserialize)]
struct Note {
    address: SocketAddr,
    access_key_id: String,
}

/// A ledger that is being served. It ends, and its note goes, when this is dropped.
pub(crate) struct Endpoint {
    note: PathBuf,
    server: AbortHandle,
}

impl Endpoint {
    /// Serves the ledger of a run that this process works on.
    pub(crate) async fn open(ledger: &Embedded, run: &RunId) -> Result<Self, CliError> {
        let note = beside(run, EXTENSION);
        // Of a process that was killed: it names nobody, or somebody else.
        remove(&note)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, access_key_id) = (listener.local_addr()?, secret()?);
        let (ledger, secret) = (ledger.clone(), access_key_id.clone());
        let server = tokio::spawn(async move { ledger.serve_to(&secret, listener, std::future::pending()).await });
        let endpoint = Self { note, server: server.abort_handle() };
        write(&endpoint.note, &Note { address, access_key_id })?;
        Ok(endpoint)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
        // One that stays behind is known by the lock.
        let _removed = remove(&self.note);
    }
}

/// The ledger of a run, through the process that works on it; nothing where nobody serves it just now.
pub(crate) async fn reach(run: &RunId) -> Result<Option<Ledger>, CliError> {
    let text = match std::fs::read_to_string(beside(run, EXTENSION)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let Ok(Note { address, access_key_id }) = serde_json::from_str(&text) else { return Ok(None) };
    // The domain would ask for most of a minute.
    if TcpStream::connect(address).await.is_err() {
        return Ok(None);
    }
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(access_key_id, "unused", None, None, "the run's note"))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Ok(Some(Ledger::new(Client::from_conf(migration::client_config(config).build()), LEDGER_TABLE)))
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
