//! What a target is created as: all of the source's definition that can be carried over, and in words what can't. Decides, and
//! calls nobody.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableInputBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, LocalSecondaryIndex,
    ProvisionedThroughput, ProvisionedThroughputDescription, ScalarAttributeType, SseSpecification, SseType,
    StreamSpecification, TableDescription, Tag,
};

use crate::capacity::Units;
use crate::definition::{KeyAttribute, KeySchema, Step, Target};
use crate::error::Error;
use crate::item::{AttributeType, Path};

/// The source, with what DescribeTable doesn't say.
pub(super) struct Source {
    pub(super) description: TableDescription,
    pub(super) tags: Vec<Tag>,
    /// The attribute that items expire by.
    pub(super) expiry: Option<String>,
    /// Whether something scales it.
    pub(super) is_scaled: bool,
}

/// A target that is to be.
pub(super) struct Blueprint {
    pub(super) create: CreateTableInputBuilder,
    /// The attribute that its items are to expire by, after the cut-over.
    pub(super) expiry: Option<String>,
    pub(super) not_copied: Vec<String>,
}

/// Draws the target with that key.
pub(super) fn draw(source: &Source, target: &Target, key: &KeySchema, steps: &[Step]) -> Result<Blueprint, Error> {
    let invalid = |error: BuildError| Error::invalid(error.to_string());
    let mut drawing = Drawing::new(source, key, steps);
    let globals = drawing.global_indexes().map_err(invalid)?;
    let locals = drawing.local_indexes(key).map_err(invalid)?;
    let mut create = CreateTableInputBuilder::default()
        .table_name(target.table.as_str())
        .set_key_schema(Some(key_schema(key).map_err(invalid)?))
        .set_attribute_definitions(Some(drawing.attribute_definitions().map_err(invalid)?))
        .set_global_secondary_indexes((!globals.is_empty()).then_some(globals))
        .set_local_secondary_indexes((!locals.is_empty()).then_some(locals))
        .set_tags(drawing.tags())
        .set_sse_specification(drawing.encryption(target));
    let description = &source.description;
    create = match is_on_demand(description) {
        true => create
            .billing_mode(BillingMode::PayPerRequest)
            .set_on_demand_throughput(description.on_demand_throughput().cloned()),
        false => create
            .billing_mode(BillingMode::Provisioned)
            .set_provisioned_throughput(units(description.provisioned_throughput()).map_err(invalid)?),
    };
    create = create
        .set_table_class(description.table_class_summary().and_then(|summary| summary.table_class()).cloned())
        .set_deletion_protection_enabled(description.deletion_protection_enabled())
        .set_stream_specification(stream(description));
    let expiry = drawing.expiry();
    drawing.rest();
    Ok(Blueprint { create, expiry, not_copied: drawing.not_copied })
}

/// What is drawn so far.
struct Drawing<'d> {
    source: &'d Source,
    steps: &'d [Step],
    /// The types of the key attributes, those of indexes included.
    types: BTreeMap<String, ScalarAttributeType>,
    not_copied: Vec<String>,
}

impl<'d> Drawing<'d> {
    fn new(source: &'d Source, key: &KeySchema, steps: &'d [Step]) -> Self {
        let types = key.attributes().map(|key| (key.name.clone(), scalar(key))).collect();
        Self { source, steps, types, not_copied: Vec::new() }
    }

    fn global_indexes(&mut self) -> Result<Vec<GlobalSecondaryIndex>, BuildError> {
        let mut indexes = Vec::new();
        for index in self.source.description.global_secondary_indexes() {
            let name = index.index_name().unwrap_or_default();
            if !self.takes(name, index.key_schema()) {
                continue;
            }
            let copy = GlobalSecondaryIndex::builder().index_name(name).set_projection(index.projection().cloned());
            let copy = copy.set_key_schema(Some(index.key_schema().to_vec()));
            let copy = match is_on_demand(&self.source.description) {
                true => copy.set_on_demand_throughput(index.on_demand_throughput().cloned()),
                false => copy.set_provisioned_throughput(units(index.provisioned_throughput())?),
            };
            indexes.push(copy.build()?);
        }
        Ok(indexes)
    }

    /// A local index has its table's partition key, and there is none on a table without a sort key.
    fn local_indexes(&mut self, key: &KeySchema) -> Result<Vec<LocalSecondaryIndex>, BuildError> {
        let mut indexes = Vec::new();
        for index in self.source.description.local_secondary_indexes() {
            let name = index.index_name().unwrap_or_default();
            let partition = index.key_schema().iter().find(|element| *element.key_type() == KeyType::Hash);
            let is_of_table = partition.is_some_and(|element| element.attribute_name() == key.partition.name);
            if !is_of_table || key.sort.is_none() {
                self.not_copied
                    .push(format!("the local index {name}: the target has another partition key, or no sort key"));
                continue;
            }
            if !self.takes(name, index.key_schema()) {
                continue;
            }
            let copy = LocalSecondaryIndex::builder().index_name(name).set_projection(index.projection().cloned());
            indexes.push(copy.set_key_schema(Some(index.key_schema().to_vec())).build()?);
        }
        Ok(indexes)
    }

    /// Whether an index can stand on the target: each of its key attributes is there, with the type that it has in the index.
    fn takes(&mut self, index: &str, key: &[KeySchemaElement]) -> bool {
        let mut types = self.types.clone();
        for name in key.iter().map(KeySchemaElement::attribute_name) {
            let definitions = self.source.description.attribute_definitions();
            let definition = definitions.iter().find(|definition| definition.attribute_name() == name);
            let Some(kind) = definition.map(|definition| definition.attribute_type().clone()) else { continue };
            if self.is_taken_away(name) {
                self.not_copied.push(format!("the index {index}: the transform takes its key attribute {name} away"));
                return false;
            }
            if types.insert(name.to_owned(), kind.clone()).is_some_and(|other| other != kind) {
                self.not_copied
                    .push(format!("the index {index}: its key attribute {name} has another type in the target"));
                return false;
            }
        }
        self.types = types;
        true
    }

    /// Whether a step takes that attribute away, or gives it another type.
    fn is_taken_away(&self, attribute: &str) -> bool {
        let is_it = |path: &Path| path.root() == attribute && path.below().is_empty();
        self.steps.iter().any(|step| match step {
            Step::Rename { path, .. } | Step::Remove { path } | Step::Convert { path, .. } => is_it(path),
            _ => false,
        })
    }

    fn attribute_definitions(&self) -> Result<Vec<AttributeDefinition>, BuildError> {
        let definition = |(name, kind): (&String, &ScalarAttributeType)| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind.clone()).build()
        };
        self.types.iter().map(definition).collect()
    }

    /// AWS's own tags, of a stack for one, are not for others to set.
    fn tags(&mut self) -> Option<Vec<Tag>> {
        let (aws, own): (Vec<_>, Vec<_>) =
            self.source.tags.iter().cloned().partition(|tag| tag.key().starts_with("aws:"));
        if !aws.is_empty() {
            self.not_copied.push(format!("{} tags that AWS has set (aws:…)", aws.len()));
        }
        (!own.is_empty()).then_some(own)
    }

    /// A key of KMS stays in its region and account.
    fn encryption(&mut self, target: &Target) -> Option<SseSpecification> {
        let encryption = self.source.description.sse_description()?;
        let is_elsewhere = target.region.is_some() || target.role.is_some();
        if is_elsewhere && encryption.kms_master_key_arn().is_some() {
            self.not_copied.push("the encryption with a key of KMS: it stays in its region and account".into());
            return None;
        }
        let kind = encryption.sse_type().cloned().unwrap_or(SseType::Kms);
        let copy = SseSpecification::builder().enabled(true).sse_type(kind);
        Some(copy.set_kms_master_key_id(encryption.kms_master_key_arn().map(str::to_owned)).build())
    }

    fn expiry(&mut self) -> Option<String> {
        let attribute = self.source.expiry.clone()?;
        if self.is_taken_away(&attribute) {
            self.not_copied.push(format!("the expiry of items: the transform takes the attribute {attribute} away"));
            return None;
        }
        Some(attribute)
    }

    /// What no request to create a table has room for.
    fn rest(&mut self) {
        let Source { description, is_scaled, .. } = self.source;
        if !description.replicas().is_empty() {
            self.not_copied.push("the replicas in other regions".into());
        }
        // What every table on demand begins with is nobody's wish.
        let begins_with = Units::ON_DEMAND_START;
        let is_warmed = description.warm_throughput().is_some_and(|warm| {
            let is_more = |units: Option<i64>, than: u64| units.is_some_and(|units| units.unsigned_abs() > than);
            is_on_demand(description)
                && (is_more(warm.read_units_per_second(), begins_with.read)
                    || is_more(warm.write_units_per_second(), begins_with.write))
        });
        if is_warmed {
            self.not_copied
                .push("its warm throughput: what is warm by use, or was paid for, stays the source's".into());
        }
        if *is_scaled {
            self.not_copied.push("what scales it (Application Auto Scaling)".into());
        }
    }
}

fn is_on_demand(description: &TableDescription) -> bool {
    description.billing_mode_summary().and_then(|summary| summary.billing_mode()) == Some(&BillingMode::PayPerRequest)
}

fn units(described: Option<&ProvisionedThroughputDescription>) -> Result<Option<ProvisionedThroughput>, BuildError> {
    let Some(described) = described else { return Ok(None) };
    ProvisionedThroughput::builder()
        .set_read_capacity_units(described.read_capacity_units())
        .set_write_capacity_units(described.write_capacity_units())
        .build()
        .map(Some)
}

/// Nobody reads it yet; whoever read the source's will want one.
fn stream(description: &TableDescription) -> Option<StreamSpecification> {
    description.stream_specification().filter(|stream| stream.stream_enabled()).cloned()
}

fn key_schema(key: &KeySchema) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element =
        |key: &KeyAttribute, kind| KeySchemaElement::builder().attribute_name(&key.name).key_type(kind).build();
    let sort = key.sort.iter().map(|sort| element(sort, KeyType::Range));
    std::iter::once(element(&key.partition, KeyType::Hash)).chain(sort).collect()
}

fn scalar(key: &KeyAttribute) -> ScalarAttributeType {
    match key.kind {
        AttributeType::N => ScalarAttributeType::N,
        AttributeType::B => ScalarAttributeType::B,
        _ => ScalarAttributeType::S,
    }
}
