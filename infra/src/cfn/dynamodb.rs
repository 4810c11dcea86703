//! DynamoDB tables.

use serde::Serialize;

use super::expr::{ArnOf, Expr, NameOf, pseudo};
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::DynamoDB::Table`.
    Table {
        /// The primary key.
        key_schema: Vec<KeyElement>,
    } {
        /// The types of all key attributes.
        attribute_definitions: Vec<AttributeDefinition>,
        /// How capacity is paid.
        billing_mode: BillingMode,
        /// Whether nobody can delete the table.
        deletion_protection_enabled: bool,
        /// Whether every moment of the last days can be restored.
        point_in_time_recovery_specification: PointInTimeRecovery,
        /// Units by the hour, where they are paid so.
        provisioned_throughput: ProvisionedThroughput,
        /// Encryption with a key of the account in place of DynamoDB's own.
        #[serde(rename = "SSESpecification")]
        sse_specification: SseSpecification,
        /// What the table's stream carries.
        stream_specification: StreamSpecification,
        /// Its name; CloudFormation makes one up.
        table_name: String,
        /// When items expire.
        time_to_live_specification: TimeToLive,
    }
}

impl Resource for Table {
    const TYPE: &'static str = "AWS::DynamoDB::Table";
    type Ref = NameOf<Self>;
}

impl HasArn for Table {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Table {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

impl Handle<Table> {
    /// The ARN of its stream, where it has one.
    pub fn stream_arn(&self) -> Expr<ArnOf<Stream>> {
        self.attribute("StreamArn")
    }
}

/// A table's stream, by its ARN.
pub struct Stream;
/// A table's secondary index, by its ARN.
pub struct Index;
/// A table's backup, by its ARN.
pub struct Backup;
/// A table's export, by its ARN.
pub struct Export;

/// The ARN of a table of this account and region that stands outside of the template.
pub fn table_arn(name: Expr<NameOf<Table>>) -> Expr<ArnOf<Table>> {
    pseudo::arn("dynamodb", ["table/".into(), name.into_text()])
}

/// The ARN of a table of this account, in another region.
pub fn table_arn_in(region: &str, name: Expr<NameOf<Table>>) -> Expr<ArnOf<Table>> {
    let place = ["arn:".into(), pseudo::partition(), format!(":dynamodb:{region}:").into(), pseudo::account_id()];
    Expr::join(place.into_iter().chain([":table/".into(), name.into_text()]))
}

impl Expr<ArnOf<Table>> {
    /// All of its streams: one that is switched on anew has another name.
    pub fn streams(self) -> Expr<ArnOf<Stream>> {
        self.followed_by("/stream/*")
    }

    /// All of its exports.
    pub fn exports(self) -> Expr<ArnOf<Export>> {
        self.followed_by("/export/*")
    }

    /// All of its indexes.
    pub fn indexes(self) -> Expr<ArnOf<Index>> {
        self.followed_by("/index/*")
    }

    /// All of its backups.
    pub fn backups(self) -> Expr<ArnOf<Backup>> {
        self.followed_by("/backup/*")
    }
}

values! {
    /// How capacity is paid.
    BillingMode {
        /// By the request: on demand.
        PayPerRequest = "PAY_PER_REQUEST",
        /// By the hour.
        Provisioned = "PROVISIONED",
    }
}

values! {
    /// A key attribute's part.
    KeyType {
        /// The partition key.
        Hash = "HASH",
        /// The sort key.
        Range = "RANGE",
    }
}

values! {
    /// A key attribute's type.
    AttributeType {
        /// Binary.
        Binary = "B",
        /// Number.
        Number = "N",
        /// String.
        String = "S",
    }
}

values! {
    /// What a stream's records hold.
    StreamViewType {
        /// The key.
        KeysOnly = "KEYS_ONLY",
        /// The item before and after.
        NewAndOldImages = "NEW_AND_OLD_IMAGES",
        /// The item after.
        NewImage = "NEW_IMAGE",
        /// The item before.
        OldImage = "OLD_IMAGE",
    }
}

/// One attribute of the primary key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// Its name.
    pub attribute_name: String,
    /// Its part.
    pub key_type: KeyType,
}

/// A key attribute's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// Its name.
    pub attribute_name: String,
    /// Its type.
    pub attribute_type: AttributeType,
}

properties! {
    /// Backups without a gap.
    PointInTimeRecovery {
        /// Whether they are made.
        point_in_time_recovery_enabled: bool,
        /// How far back they go, 1 to 35 days.
        recovery_period_in_days: u32,
    }
}

/// Units by the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProvisionedThroughput {
    /// Read units a second.
    pub read_capacity_units: u64,
    /// Write units a second.
    pub write_capacity_units: u64,
}

/// Encryption with the account's key for DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SseSpecification {
    /// `false` is DynamoDB's own key.
    #[serde(rename = "SSEEnabled")]
    pub sse_enabled: bool,
}

/// A table's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSpecification {
    /// What its records hold.
    pub stream_view_type: StreamViewType,
}

properties! {
    /// When items expire.
    TimeToLive {
        /// Whether they do.
        enabled: bool,
    } {
        /// The attribute that says when, in seconds since 1970.
        attribute_name: String,
    }
}
