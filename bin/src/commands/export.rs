//! `run export`: a table of an embedded database as DynamoDB JSON lines, as an S3 export has them.

use std::io::{self, BufWriter, Write};

use aws_sdk_dynamodb::Client;
use embedded::Options;
use migration::Error;
use migration::item::json::item_to_json;
use migration::table::Table;
use serde_json::json;

use crate::args::ExportArgs;
use crate::engine::embedded::open_file;
use crate::errors::{CliError, Ended};

pub(crate) async fn export(args: ExportArgs) -> Result<Ended, CliError> {
    // Opening a file that isn't there would make it.
    if !args.database.exists() {
        return Err(CliError::usage(format!("expected a database in {}, found no file", args.database.display())));
    }
    let database = open_file(&args.database, Options::default().enforce_capacity(false))?;
    let client = Client::from_conf(migration::client_config(database.client_builder()).build());
    Table::describe(&client, &args.table).await?;
    match write(&client, &args.table).await {
        // `run export … | head` is no failure.
        Err(ExportError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Ended::Done),
        Err(ExportError::Io(error)) => Err(error.into()),
        Err(ExportError::Read(error)) => Err(error.into()),
        Ok(()) => Ok(Ended::Done),
    }
}

enum ExportError {
    Io(io::Error),
    Read(Error),
}

async fn write(client: &Client, table: &str) -> Result<(), ExportError> {
    let mut output = BufWriter::new(io::stdout().lock());
    let mut start = None;
    loop {
        let scan = client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(start);
        let page = scan.send().await.map_err(|error| ExportError::Read(Error::from_sdk("Scan", error)))?;
        for item in page.items() {
            writeln!(output, "{}", json!({ "Item": item_to_json(item) })).map_err(ExportError::Io)?;
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return output.flush().map_err(ExportError::Io);
        }
    }
}
