//! The rehearsal's database: opened, and given the table that the migration wants.

use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ProvisionedThroughput, ScalarAttributeType,
};
use embedded::{Embedded, Options};
use migration::definition::{Definition, KeySchema};
use migration::item::AttributeType;
use migration::table::Table;
use migration::{Error, Kind};

use crate::args::MigrateArgs;
use crate::errors::CliError;
use crate::{data, sample, show};

/// Sample items where nobody says how many.
const SAMPLE_ITEMS: u64 = 10_000;
/// A new table is provisioned like a small production table, so that a rehearsal shows throttling, and what
/// prewarming does about it.
const NEW_TABLE_UNITS: i64 = 1_000;

/// Opens the database, and makes and fills the migration's table where it isn't there. A temporary database
/// lasts as long as the client.
pub(crate) async fn open(args: &MigrateArgs, definition: &Definition) -> Result<Client, CliError> {
    let database = match &args.database {
        Some(file) => Embedded::open(file, Options::default())?,
        None => Embedded::temporary(Options::default())?,
    };
    let client = Client::from_conf(migration::client_config(database.client_builder()).build());
    let name = &definition.source.table;
    match Table::describe(&client, name).await {
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
            fill(args, definition, &database, &client).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(client)
}

/// A table that is there stays as it is.
fn stands(args: &MigrateArgs, table: &Table) {
    let file = args.database.as_deref().unwrap_or(Path::new("the database")).display();
    let ignored = match (&args.data, args.items) {
        (Some(data), _) => format!("; {} is not loaded again", data.display()),
        (None, Some(_)) => "; no sample items are made".into(),
        (None, None) => String::new(),
    };
    show::line(format_args!("table {} stands in {file} as it is, with {} items{ignored}", table.name, table.items));
}

async fn fill(
    args: &MigrateArgs,
    definition: &Definition,
    database: &Embedded,
    client: &Client,
) -> Result<(), CliError> {
    let name = &definition.source.table;
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
