//! What the tests share: tables and items in a line.

use std::collections::HashMap;
use std::net::SocketAddr;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ProvisionedThroughput, ScalarAttributeType,
};
use embedded::{Embedded, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A database and a client that doesn't retry, so that tests see every refusal.
pub(crate) fn database(options: Options) -> (Embedded, Client) {
    let embedded = Embedded::temporary(options).expect("a temporary database opens");
    let client = client(&embedded);
    (embedded, client)
}

pub(crate) fn client(embedded: &Embedded) -> Client {
    Client::from_conf(embedded.client_builder().retry_config(RetryConfig::disabled()).build())
}

/// A table with the partition key `pk`, to be completed and sent.
pub(crate) fn table(client: &Client, name: &str) -> CreateTableFluentBuilder {
    client.create_table().table_name(name).key_schema(key("pk", KeyType::Hash)).attribute_definitions(attribute("pk"))
}

pub(crate) async fn on_demand(client: &Client, name: &str) {
    table(client, name).billing_mode(BillingMode::PayPerRequest).send().await.expect("the table is created");
}

pub(crate) async fn provisioned(client: &Client, name: &str, read: i64, write: i64) {
    table(client, name).provisioned_throughput(units(read, write)).send().await.expect("the table is created");
}

pub(crate) fn units(read: i64, write: i64) -> ProvisionedThroughput {
    let units = ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write);
    units.build().expect("both units are set")
}

pub(crate) fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a whole key element")
}

pub(crate) fn attribute(name: &str) -> AttributeDefinition {
    typed(name, ScalarAttributeType::S)
}

pub(crate) fn typed(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
    definition.build().expect("a whole attribute definition")
}

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn b(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// An item of exactly so many bytes, as DynamoDB counts them: `pk` and its value, `d` and its value.
pub(crate) fn sized(pk: &str, bytes: usize) -> Item {
    let rest = bytes - "pk".len() - pk.len() - "d".len();
    item([("pk", s(pk)), ("d", s("x".repeat(rest)))])
}

/// A table with the global index `by_kind`, which holds whole items.
pub(crate) async fn by_index(
    client: &Client,
    name: &str,
    of_table: ProvisionedThroughput,
    of_index: ProvisionedThroughput,
) {
    let index = GlobalSecondaryIndex::builder()
        .index_name("by_kind")
        .key_schema(key("kind", KeyType::Hash))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .provisioned_throughput(of_index)
        .build()
        .expect("a whole index");
    let create = table(client, name).attribute_definitions(attribute("kind")).global_secondary_indexes(index);
    create.provisioned_throughput(of_table).send().await.expect("the table is created");
}

/// Sends one request over a socket, and gives the whole answer, its head included.
pub(crate) async fn post(address: SocketAddr, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: {target}\r\nconnection: close\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server answers");
    answer
}
