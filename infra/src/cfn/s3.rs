//! S3 buckets, and who may use them.

use serde::Serialize;

use super::expr::{ArnOf, Expr, NameOf};
use super::iam::{Condition, PolicyDocument, Statement};
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::S3::Bucket`.
    Bucket {
        /// How objects are encrypted that come without a wish of their own.
        bucket_encryption: BucketEncryption,
        /// Its name; CloudFormation makes one up.
        bucket_name: String,
        /// When objects expire.
        lifecycle_configuration: LifecycleConfiguration,
        /// Whom objects belong to.
        ownership_controls: OwnershipControls,
        /// What the world can't do with it.
        public_access_block_configuration: PublicAccessBlock,
        /// Whether objects that are overwritten or deleted stay.
        versioning_configuration: VersioningConfiguration,
    }
}

impl Resource for Bucket {
    const TYPE: &'static str = "AWS::S3::Bucket";
    type Ref = NameOf<Self>;
}

impl HasArn for Bucket {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Bucket {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

/// The objects of a bucket, by their ARN.
pub struct Object;

impl Expr<ArnOf<Bucket>> {
    /// All of its objects.
    pub fn objects(self) -> Expr<ArnOf<Object>> {
        self.followed_by("/*")
    }
}

/// How objects are encrypted that come without a wish of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketEncryption {
    /// One rule.
    pub server_side_encryption_configuration: [EncryptionRule; 1],
}

/// A rule of encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptionRule {
    /// What holds where nothing else is asked for.
    pub server_side_encryption_by_default: DefaultEncryption,
}

/// What holds where nothing else is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DefaultEncryption {
    /// Whose keys.
    #[serde(rename = "SSEAlgorithm")]
    pub sse_algorithm: SseAlgorithm,
}

values! {
    /// Whose keys a bucket is encrypted with.
    SseAlgorithm {
        /// S3's own.
        S3 = "AES256",
        /// The account's key for S3.
        Kms = "aws:kms",
    }
}

/// What becomes of objects in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleConfiguration {
    /// Its rules.
    pub rules: Vec<LifecycleRule>,
}

properties! {
    /// What becomes of some objects in time.
    LifecycleRule {
        /// Whether the rule is in force.
        status: RuleStatus,
    } {
        /// When uploads are dropped that nobody finished.
        abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload,
        /// Days until objects are deleted.
        expiration_in_days: u32,
        /// The rule's name.
        id: String,
        /// Objects whose keys begin so; all where there is none.
        prefix: String,
    }
}

values! {
    /// Whether a rule is in force.
    RuleStatus {
        /// It is.
        Enabled = "Enabled",
        /// It isn't.
        Disabled = "Disabled",
    }
}

/// When uploads are dropped that nobody finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortIncompleteMultipartUpload {
    /// Days since they began.
    pub days_after_initiation: u32,
}

/// Whom objects belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControls {
    /// One rule.
    pub rules: [OwnershipRule; 1],
}

/// Whom objects belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipRule {
    /// Whom.
    pub object_ownership: ObjectOwnership,
}

values! {
    /// Whom objects belong to.
    ObjectOwnership {
        /// The bucket's owner; access control lists are off.
        BucketOwnerEnforced = "BucketOwnerEnforced",
        /// The bucket's owner, where the writer says so.
        BucketOwnerPreferred = "BucketOwnerPreferred",
        /// The writer.
        ObjectWriter = "ObjectWriter",
    }
}

/// What the world can't do with a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublicAccessBlock {
    /// Set public access control lists.
    pub block_public_acls: bool,
    /// Set public policies.
    pub block_public_policy: bool,
    /// Use public access control lists.
    pub ignore_public_acls: bool,
    /// Use public policies.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Nothing at all.
    pub const ALL: Self = Self {
        block_public_acls: true,
        block_public_policy: true,
        ignore_public_acls: true,
        restrict_public_buckets: true,
    };
}

/// Whether objects that are overwritten or deleted stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersioningConfiguration {
    /// Whether they do.
    pub status: VersioningStatus,
}

values! {
    /// Whether objects that are overwritten or deleted stay.
    VersioningStatus {
        /// They do.
        Enabled = "Enabled",
        /// They don't any more.
        Suspended = "Suspended",
    }
}

properties! {
    /// `AWS::S3::BucketPolicy`.
    BucketPolicy {
        /// The bucket.
        bucket: Expr<NameOf<Bucket>>,
        /// Who may do what with it.
        policy_document: PolicyDocument,
    } {}
}

impl BucketPolicy {
    /// Nobody gets at the bucket but through TLS.
    pub fn tls_only(bucket: &Handle<Bucket>) -> Self {
        let all = [bucket.arn().into_text(), bucket.arn().objects().into_text()];
        let denied = Statement::deny_to_all("s3:*", all, Condition::InsecureTransport);
        Self::new(bucket.name(), PolicyDocument::new([denied]))
    }
}

impl Resource for BucketPolicy {
    const TYPE: &'static str = "AWS::S3::BucketPolicy";
    type Ref = NameOf<Bucket>;
}
