//! The rehearsal's database: opened, and given the table that the migration wants.

use std::io;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ProvisionedThroughput, ScalarAttributeType,
};
use embedded::{Embedded, ErrorKind, Options};
use migration::definition::{Definition, KeySchema};
use migration::item::AttributeType;
use migration::table::Table;
use migration::{Error, Kind};

use crate::args::RehearsalArgs;
use crate::engine::Clients;
use crate::errors::CliError;
use crate::{data, sample, show};

/// Sample items where nobody says how many.
const SAMPLE_ITEMS: u64 = 10_000;
/// A new table is provisioned like a small production table, so that a rehearsal shows throttling, and what
/// prewarming does about it.
const NEW_TABLE_UNITS: i64 = 1_000;

/// Opens the database, and makes and fills the migration's table where it isn't there. A temporary database
/// lasts as long as its clients. Where the table can't be filled, a file that wasn't there before isn't there
/// afterwards.
pub(crate) async fn open(args: &RehearsalArgs, definition: &Definition) -> Result<Clients, CliError> {
    if let Some(target) = &definition.target
        && target.table == definition.source.table
    {
        return Err(CliError::usage(format!(
            "expected two names, found {} for both tables: a rehearsal has one database, whatever regions they are in; \
             rehearse with another name with --table",
            target.table
        )));
    }
    let new_file = args.database.as_deref().filter(|file| !file.exists());
    let database = match &args.database {
        Some(file) => open_file(file, Options::default())?,
        None => Embedded::temporary(Options::default())?,
    };
    let clients = Clients::embedded(database.clone());
    match prepare(args, definition, &database, &clients.source).await {
        Ok(()) => Ok(clients),
        Err(error) => {
            if let Some(file) = new_file
                && is_empty(&clients.source).await
            {
                drop((clients, database));
                remove(file)?;
            }
            Err(error)
        }
    }
}

/// Opens a database file, or makes it.
pub(crate) fn open_file(file: &Path, options: Options) -> Result<Embedded, CliError> {
    Embedded::open(file, options).map_err(|error| match error.kind() {
        ErrorKind::Database => {
            let file = file.display();
            CliError::usage(format!(
                "expected {file} to be a database of this program, or no file; it is something else"
            ))
        }
        _ => error.into(),
    })
}

/// Whether the database has no table; one that can't be asked may have some.
async fn is_empty(client: &Client) -> bool {
    client.list_tables().send().await.is_ok_and(|output| output.table_names().is_empty())
}

/// Removes a database's file and what SQLite and the lock have put beside it.
fn remove(file: &Path) -> io::Result<()> {
    for ending in ["", "-journal", "-wal", "-shm", ".lock"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn prepare(
    args: &RehearsalArgs,
    definition: &Definition,
    database: &Embedded,
    client: &Client,
) -> Result<(), CliError> {
    let name = definition.source.table.as_str();
    match Table::describe(client, name).await {
        Ok(table) => stands(args, &table),
        Err(error) if error.kind() == Kind::NotFound => {
            let tables = client.list_tables().send().await;
            let tables = tables.map_err(|error| Error::from_sdk("ListTables", error))?.table_names.unwrap_or_default();
            if !tables.is_empty() && args.data.is_none() && args.items.is_none() {
                return Err(CliError::usage(format!(
                    "expected table {name} in the database, found {}; name one of them with --table, or fill a new \
                     one with --data or --items",
                    tables.join(", ")
                )));
            }
            fill(args, definition, database, client).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// A table that is there stays as it is.
fn stands(args: &RehearsalArgs, table: &Table) {
    let file = args.database.as_deref().unwrap_or(Path::new("the database")).display();
    let ignored = match (&args.data, args.items) {
        (Some(data), _) => format!("; {} is not loaded again", data.display()),
        (None, Some(_)) => "; no sample items are made".into(),
        (None, None) => String::new(),
    };
    show::line(format_args!("table {} stands in {file} as it is, with {} items{ignored}", table.name, table.items));
}

async fn fill(
    args: &RehearsalArgs,
    definition: &Definition,
    database: &Embedded,
    client: &Client,
) -> Result<(), CliError> {
    let name = definition.source.table.as_str();
    let key = definition.source.key.as_ref().ok_or_else(|| {
        CliError::usage(format!(
            "expected source.key in the migration, to create table {name} with; add for example \
             key: {{ partition: {{ name: id, type: S }} }}"
        ))
    })?;
    // Read before the table is made: a file that isn't there leaves no empty table behind.
    let items: Box<dyn Iterator<Item = Result<_, data::DataError>> + Send> = match &args.data {
        Some(file) => Box::new(data::read(file, Some(key)).map_err(|error| CliError::usage(error.to_string()))?),
        None => Box::new(samples(args.items.unwrap_or(SAMPLE_ITEMS), key)?.map(Ok)),
    };
    create(client, name, key).await?;
    let loaded = database.load(name, items).await?;
    let origin = match &args.data {
        Some(file) => format!("items of {}", file.display()),
        None => "sample items".into(),
    };
    show::line(format_args!("table {name} is made, with {} {origin}", loaded.items));
    Ok(())
}

fn samples(
    items: u64,
    key: &KeySchema,
) -> Result<impl Iterator<Item = migration::item::Item> + Send + use<>, CliError> {
    if *key != sample::key() {
        return Err(CliError::usage(
            "expected --data FILE: sample items are made only for the example table, with the key year (N), title (S)",
        ));
    }
    Ok(sample::items(items))
}

async fn create(client: &Client, name: &str, key: &KeySchema) -> Result<(), CliError> {
    let built = |error: aws_sdk_dynamodb::error::BuildError| CliError::failed(error.to_string());
    let throughput = ProvisionedThroughput::builder()
        .read_capacity_units(NEW_TABLE_UNITS)
        .write_capacity_units(NEW_TABLE_UNITS)
        .build()
        .map_err(built)?;
    let mut create = client.create_table().table_name(name).provisioned_throughput(throughput);
    for (attribute, role) in key.attributes().zip([KeyType::Hash, KeyType::Range]) {
        let kind = match attribute.kind {
            AttributeType::N => ScalarAttributeType::N,
            AttributeType::B => ScalarAttributeType::B,
            _ => ScalarAttributeType::S,
        };
        let element = KeySchemaElement::builder().attribute_name(&attribute.name).key_type(role);
        let definition = AttributeDefinition::builder().attribute_name(&attribute.name).attribute_type(kind);
        create = create.key_schema(element.build().map_err(built)?);
        create = create.attribute_definitions(definition.build().map_err(built)?);
    }
    create.send().await.map_err(|error| Error::from_sdk("CreateTable", error))?;
    Ok(())
}
