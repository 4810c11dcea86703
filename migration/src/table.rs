//! What DescribeTable says, as far as a migration needs it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    BillingMode, KeyType, ScalarAttributeType, StreamViewType, TableDescription, TableStatus,
};

use crate::capacity::{Capacity, Units};
use crate::definition::{Definition, KeyAttribute, KeySchema};
use crate::error::{Error, Kind};
use crate::item::AttributeType;
use crate::patience::{Meter, patiently};

/// A table as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its primary key.
    pub key: KeySchema,
    /// Its items, up to six hours ago.
    pub items: u64,
    /// Its size in bytes, up to six hours ago.
    pub bytes: u64,
    /// Its capacity, and that of its global indexes.
    pub capacity: Capacity,
    /// What it and each index serve at once, where DynamoDB says so.
    pub warm: Warm,
    /// Whether it and all of its global indexes are ACTIVE.
    pub is_active: bool,
    /// Whether its warm throughput, or that of an index, is being raised just now.
    pub is_warming: bool,
    /// Its stream, where it has one that is on.
    pub stream: Option<Stream>,
    /// Its ARN.
    pub arn: String,
}

/// A table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its ARN; a stream that is switched on anew has another.
    pub arn: String,
    /// Whether its records hold the item before and after.
    pub has_both_images: bool,
}

impl Stream {
    /// Whether changes can be captured from it. Its view can't be changed while it is on, and others may read it.
    pub fn check(&self, table: &str) -> Result<(), Error> {
        if self.has_both_images {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "expected the stream of table {table} to show the item before and after (NEW_AND_OLD_IMAGES), found another view; switch the \
             stream off when nobody reads it any more, and run the migration anew: it switches the stream on as it needs it"
        )))
    }
}

/// Warm throughput: what a table and its global indexes serve without growing first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Warm {
    /// The table's own.
    pub table: Option<Units>,
    /// Of each global index; where DynamoDB doesn't say, what one on demand starts with.
    pub indexes: BTreeMap<String, Units>,
}

impl Table {
    /// Asks DynamoDB.
    pub async fn describe(client: &Client, name: &str) -> Result<Self, Error> {
        Self::from_description(name, &description(client, name).await?)
    }

    fn from_description(name: &str, description: &TableDescription) -> Result<Self, Error> {
        let indexes = description.global_secondary_indexes();
        let units = |read: Option<i64>, write: Option<i64>| Units {
            read: read.unwrap_or_default().unsigned_abs(),
            write: write.unwrap_or_default().unsigned_abs(),
        };
        // Absent on tables that were never on demand.
        let on_demand = description.billing_mode_summary().and_then(|summary| summary.billing_mode())
            == Some(&BillingMode::PayPerRequest);
        let capacity = if on_demand {
            Capacity::OnDemand
        } else {
            let provisioned = description.provisioned_throughput();
            Capacity::Provisioned {
                table: provisioned
                    .map_or(Units::default(), |p| units(p.read_capacity_units(), p.write_capacity_units())),
                indexes: indexes
                    .iter()
                    .filter_map(|index| Some((index.index_name()?.to_owned(), index.provisioned_throughput()?)))
                    .map(|(name, p)| (name, units(p.read_capacity_units(), p.write_capacity_units())))
                    .collect(),
            }
        };
        let warm = Warm {
            table: description
                .warm_throughput()
                .map(|warm| units(warm.read_units_per_second(), warm.write_units_per_second())),
            indexes: indexes
                .iter()
                .filter_map(|index| Some((index.index_name()?.to_owned(), index.warm_throughput())))
                .map(|(name, warm)| {
                    let told = warm.map(|warm| units(warm.read_units_per_second(), warm.write_units_per_second()));
                    (name, told.unwrap_or(Units::ON_DEMAND_START))
                })
                .collect(),
        };
        let indexes_active = indexes.iter().all(|index| index.index_status().is_none_or(|s| s.as_str() == "ACTIVE"));
        Ok(Self {
            name: name.into(),
            key: key_schema(description)?,
            items: description.item_count().unwrap_or_default().unsigned_abs(),
            bytes: description.table_size_bytes().unwrap_or_default().unsigned_abs(),
            capacity,
            warm,
            is_warming: is_warming(description),
            stream: stream(description),
            arn: description.table_arn().unwrap_or_default().to_owned(),
            is_active: description.table_status() == Some(&TableStatus::Active) && indexes_active,
        })
    }

    /// Whether `definition` can be run on this table: changes it in place, or copies it.
    pub fn check(&self, definition: &Definition) -> Result<(), Error> {
        if let Some(expected) = &definition.source.key
            && *expected != self.key
        {
            return Err(Error::invalid(format!(
                "expected table {} to have the key {}, found {}; mend source.key in the migration",
                self.name,
                shown(expected),
                shown(&self.key)
            )));
        }
        if definition.target.is_some() {
            return Ok(());
        }
        definition.check_key(&self.key).map_err(|mistakes| Error::invalid(mistakes.join("; ")))
    }
}

fn stream(description: &TableDescription) -> Option<Stream> {
    let specification = description.stream_specification().filter(|stream| stream.stream_enabled())?;
    let has_both_images = specification.stream_view_type() == Some(&StreamViewType::NewAndOldImages);
    Some(Stream { arn: description.latest_stream_arn()?.to_owned(), has_both_images })
}

/// A table as DynamoDB describes it.
pub(crate) async fn description(client: &Client, name: &str) -> Result<TableDescription, Error> {
    let output = patiently(&Meter::default(), async || {
        let describe = client.describe_table().table_name(name);
        describe.send().await.map_err(|error| {
            let error = Error::from_control_plane("DescribeTable", error);
            if error.kind() == Kind::NotFound {
                return Error::new(
                    Kind::NotFound,
                    format!("expected a table named {name}, found none in this account, region or database"),
                );
            }
            error
        })
    })
    .await?;
    output.table.ok_or_else(|| Error::new(Kind::Refused, "DescribeTable answered without a table"))
}

/// A key in words.
pub(crate) fn shown(key: &KeySchema) -> String {
    key.attributes().map(|key| format!("{} ({})", key.name, key.kind)).collect::<Vec<_>>().join(", ")
}

/// Warming goes on beside everything else: it has a status of its own.
fn is_warming(description: &TableDescription) -> bool {
    let of_table = description.warm_throughput().and_then(|warm| warm.status()).map(TableStatus::as_str);
    let of_indexes = description.global_secondary_indexes().iter();
    let of_indexes = of_indexes.filter_map(|index| Some(index.warm_throughput()?.status()?.as_str()));
    of_indexes.chain(of_table).any(|status| status != "ACTIVE")
}

fn key_schema(description: &TableDescription) -> Result<KeySchema, Error> {
    let attribute = |wanted: KeyType| {
        let element = description.key_schema().iter().find(|element| *element.key_type() == wanted)?;
        let name = element.attribute_name();
        let definitions = description.attribute_definitions();
        let kind = definitions.iter().find(|definition| definition.attribute_name() == name)?.attribute_type();
        let kind = match kind {
            ScalarAttributeType::S => AttributeType::S,
            ScalarAttributeType::N => AttributeType::N,
            _ => AttributeType::B,
        };
        Some(KeyAttribute { name: name.to_owned(), kind })
    };
    let partition = attribute(KeyType::Hash)
        .ok_or_else(|| Error::new(Kind::Refused, "DescribeTable answered without a partition key"))?;
    Ok(KeySchema { partition, sort: attribute(KeyType::Range) })
}
