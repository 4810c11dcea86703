//! The bucket that the functions' code and the template go to. One that belongs to another account is never written to:
//! whoever owns it could put other code in the functions' place.

use anyhow::{Context, bail};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use serde_json::json;

use super::aws::Aws;
use super::trouble::{Trouble, explain};
use crate::assets::AssetBucket;
use crate::failure::Usage;

/// The header by which S3 says where a bucket is, whatever else it says.
const REGION: &str = "x-amz-bucket-region";

/// The bucket of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// As the template names it.
    pub asset: AssetBucket,
    /// Its name here and now.
    pub name: String,
}

/// What the user wants of it.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'w> {
    /// A bucket by name.
    pub named: Option<&'w AssetBucket>,
    /// To make one where there is none.
    pub create: bool,
}

/// What a look at a bucket says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Usable,
    Absent,
    InRegion(String),
    Forbidden,
}

/// What to do for a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one is there.
    Use(Bucket),
    /// This one is to be made.
    Create(Bucket),
    /// There is none, and none is to be made.
    None,
}

/// Looks for the bucket: the one that was named, or else the CDK's, or else the one that an earlier `--create-bucket` made.
pub async fn choose(aws: &Aws, wish: Wish<'_>) -> anyhow::Result<Choice> {
    let candidates = candidates(aws, wish.named);
    for bucket in &candidates {
        match look(aws, &bucket.name).await? {
            Found::Usable => return Ok(Choice::Use(bucket.clone())),
            Found::Absent => {}
            Found::InRegion(region) => bail!(Usage::new(format!(
                "bucket {} is in {region}, and Lambda takes code only from a bucket in the stack's own region, {}; name one \
                 that is there with --bucket",
                bucket.name, aws.region
            ))),
            Found::Forbidden => bail!(Usage::new(format!(
                "bucket {} belongs to another account than {}, or these credentials may not look at it (s3:ListBucket); \
                 name another one with --bucket",
                bucket.name, aws.account
            ))),
        }
    }
    match candidates.into_iter().next_back() {
        Some(bucket) if wish.create => Ok(Choice::Create(bucket)),
        _ => Ok(Choice::None),
    }
}

/// Says that there is no bucket, and the three ways on.
pub fn absent(aws: &Aws, named: Option<&AssetBucket>) -> anyhow::Error {
    let Aws { account, region, .. } = aws;
    let message = match named {
        Some(bucket) => format!(
            "expected the bucket {}, found none of that name; call this again with --create-bucket to make it, or name \
             one that is there",
            bucket.name()
        ),
        None => format!(
            "expected a bucket for the functions' code in account {account}, {region}, found none; there are three ways on: \
             `npx aws-cdk bootstrap aws://{account}/{region}` makes the CDK's, `--bucket NAME` takes one of yours, and \
             `--create-bucket` makes {}",
            own(aws)
        ),
    };
    Usage::new(message).into()
}

fn candidates(aws: &Aws, named: Option<&AssetBucket>) -> Vec<Bucket> {
    match named {
        Some(named) => vec![here(aws, named.clone())],
        None => vec![bootstrap(aws), here(aws, AssetBucket::Named(own(aws)))],
    }
}

/// The CDK's bucket.
pub fn bootstrap(aws: &Aws) -> Bucket {
    here(aws, AssetBucket::Bootstrap)
}

fn here(aws: &Aws, asset: AssetBucket) -> Bucket {
    let name = asset.name().replace("${AWS::AccountId}", &aws.account).replace("${AWS::Region}", &aws.region);
    Bucket { asset, name }
}

/// The bucket that `--create-bucket` makes: bucket names are the whole world's, so account and region are in it.
fn own(aws: &Aws) -> String {
    format!("segue-assets-{}-{}", aws.account, aws.region)
}

async fn look(aws: &Aws, name: &str) -> anyhow::Result<Found> {
    match aws.s3.head_bucket().bucket(name).expected_bucket_owner(&aws.account).send().await {
        Ok(found) => Ok(verdict(200, found.bucket_region(), &aws.region).unwrap_or(Found::Usable)),
        Err(error) => {
            let region = error.raw_response().and_then(|answer| answer.headers().get(REGION));
            let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
            match verdict(status, region, &aws.region) {
                Some(found) => Ok(found),
                None => Err(explain(&format!("bucket {name} can't be looked at"), error)),
            }
        }
    }
}

/// What an answer without a body means; `None` where it says nothing about the bucket.
fn verdict(status: u16, region: Option<&str>, here: &str) -> Option<Found> {
    match (status, region) {
        (404, _) => Some(Found::Absent),
        (200 | 301 | 307 | 400 | 403, Some(region)) if region != here => Some(Found::InRegion(region.to_owned())),
        (200, _) => Some(Found::Usable),
        (403, _) => Some(Found::Forbidden),
        _ => None,
    }
}

/// Makes the bucket: private, encrypted, reached by TLS only.
pub async fn create(aws: &Aws, name: &str) -> anyhow::Result<()> {
    let place = || format!("bucket {name} can't be made");
    let creating = aws.s3.create_bucket().bucket(name).set_create_bucket_configuration(location(&aws.region));
    match creating.send().await.map_err(|error| Trouble::of(&error)) {
        Ok(_) => {}
        // An answer was lost, or somebody in this account was faster.
        Err(trouble) if trouble.code() == Some("BucketAlreadyOwnedByYou") => {}
        Err(trouble) if trouble.code() == Some("BucketAlreadyExists") => {
            bail!(Usage::new(format!(
                "bucket {name} can't be made: another account has one of that name; name yours with --bucket"
            )))
        }
        Err(trouble) => return Err(trouble.into_error(&place())),
    }
    close(aws, name).await.with_context(|| {
        format!("bucket {name} is there, but not closed as it should be; delete it, and call this again")
    })
}

/// `us-east-1` is the one region that S3 doesn't take as a place.
fn location(region: &str) -> Option<CreateBucketConfiguration> {
    let constraint = BucketLocationConstraint::from(region);
    (region != "us-east-1").then(|| CreateBucketConfiguration::builder().location_constraint(constraint).build())
}

async fn close(aws: &Aws, name: &str) -> anyhow::Result<()> {
    let Aws { s3, account, .. } = aws;
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    said(
        "public access can't be blocked",
        s3.put_public_access_block()
            .bucket(name)
            .expected_bucket_owner(account)
            .public_access_block_configuration(block)
            .send()
            .await,
    )?;
    let encryption = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build()?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(encryption).build();
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build()?;
    said(
        "encryption can't be switched on",
        s3.put_bucket_encryption()
            .bucket(name)
            .expected_bucket_owner(account)
            .server_side_encryption_configuration(rules)
            .send()
            .await,
    )?;
    let policy = tls_only(&aws.partition, name);
    said(
        "its policy can't be set",
        s3.put_bucket_policy().bucket(name).expected_bucket_owner(account).policy(policy).send().await,
    )
}

fn tls_only(partition: &str, name: &str) -> String {
    let arn = format!("arn:{partition}:s3:::{name}");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
    .to_string()
}

fn said<T, E>(doing: &str, answer: Result<T, SdkError<E>>) -> anyhow::Result<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    answer.map(drop).map_err(|error| explain(doing, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_the_bucket_will_do() {
        let verdict = |status, region| verdict(status, region, "eu-central-1");
        assert_eq!(verdict(200, Some("eu-central-1")), Some(Found::Usable));
        assert_eq!(verdict(200, None), Some(Found::Usable));
        assert_eq!(verdict(404, None), Some(Found::Absent));
        assert_eq!(verdict(403, Some("eu-central-1")), Some(Found::Forbidden));
        // S3 refuses a request that is signed for another region in several ways.
        for status in [200, 301, 400, 403] {
            assert_eq!(verdict(status, Some("us-east-1")), Some(Found::InRegion("us-east-1".into())), "{status}");
        }
        assert_eq!(verdict(400, None), None);
        assert_eq!(verdict(503, None), None);
    }

    #[test]
    fn us_east_1_is_not_named_as_a_place() {
        assert!(location("us-east-1").is_none());
        let place = location("eu-central-1").and_then(|place| place.location_constraint);
        assert_eq!(place, Some(BucketLocationConstraint::EuCentral1));
    }
}
