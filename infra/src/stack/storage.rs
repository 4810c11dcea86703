//! What outlives the stack: the ledger, and the bucket for the results of the Map's children.

use crate::cfn::dynamodb::{
    AttributeDefinition, AttributeType, BillingMode, KeyElement, KeyType, PointInTimeRecovery, Table,
};
use crate::cfn::s3::{
    AbortIncompleteMultipartUpload, Bucket, BucketEncryption, BucketPolicy, DefaultEncryption, EncryptionRule,
    LifecycleConfiguration, LifecycleRule, ObjectOwnership, OwnershipControls, OwnershipRule, PublicAccessBlock,
    RuleStatus, SseAlgorithm,
};
use crate::cfn::{Handle, Options, Template, TemplateError};

/// The results of a run repeat what the ledger says; they are of use while it can be redriven (14 days), and a while
/// after.
const RESULTS_DAYS: u32 = 30;
/// Step Functions finishes an upload within the run's last minutes.
const UNFINISHED_UPLOAD_DAYS: u32 = 7;

/// What the functions and the state machine write to.
pub(super) struct Storage {
    pub(super) ledger: Handle<Table>,
    pub(super) results: Handle<Bucket>,
}

pub(super) fn add(template: &mut Template) -> Result<Storage, TemplateError> {
    // What a run has done to a table is asked for long after its stack is gone.
    let ledger = template.add_with("Ledger", ledger(), Options::retain())?;
    let results = template.add_with("ResultsBucket", results(), Options::retain())?;
    // Also after the stack is gone: the bucket stays, so its policy does.
    template.add_with("ResultsBucketPolicy", BucketPolicy::tls_only(&results), Options::retain())?;
    Ok(Storage { ledger, results })
}

/// As `migration::ledger` reads and writes it. Encrypted with DynamoDB's own key, as every table is: another one would
/// cost a call of KMS and a permission for it in every function, and protects from nobody who may read the table.
fn ledger() -> Table {
    let (run, entry) = ("run".to_owned(), "entry".to_owned());
    let string =
        |name: &String| AttributeDefinition { attribute_name: name.clone(), attribute_type: AttributeType::String };
    Table {
        attribute_definitions: Some(vec![string(&run), string(&entry)]),
        billing_mode: Some(BillingMode::PayPerRequest),
        point_in_time_recovery_specification: Some(PointInTimeRecovery {
            point_in_time_recovery_enabled: Some(true),
            ..PointInTimeRecovery::default()
        }),
        ..Table::new(vec![
            KeyElement { attribute_name: run, key_type: KeyType::Hash },
            KeyElement { attribute_name: entry, key_type: KeyType::Range },
        ])
    }
}

fn results() -> Bucket {
    let encryption =
        EncryptionRule { server_side_encryption_by_default: DefaultEncryption { sse_algorithm: SseAlgorithm::S3 } };
    let expiry = LifecycleRule {
        id: Some("Expire".into()),
        expiration_in_days: Some(RESULTS_DAYS),
        abort_incomplete_multipart_upload: Some(AbortIncompleteMultipartUpload {
            days_after_initiation: UNFINISHED_UPLOAD_DAYS,
        }),
        ..LifecycleRule::new(RuleStatus::Enabled)
    };
    let owner = OwnershipRule { object_ownership: ObjectOwnership::BucketOwnerEnforced };
    Bucket {
        bucket_encryption: Some(BucketEncryption { server_side_encryption_configuration: [encryption] }),
        lifecycle_configuration: Some(LifecycleConfiguration { rules: vec![expiry] }),
        ownership_controls: Some(OwnershipControls { rules: [owner] }),
        public_access_block_configuration: Some(PublicAccessBlock::ALL),
        ..Bucket::default()
    }
}
