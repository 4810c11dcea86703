//! Whether the role of another account allows what a copy asks of its target. That role is its owner's to write, and what it lacks
//! would show hours later: at the first change that is replayed, or when the tables are compared.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use futures_util::FutureExt;

use crate::error::{Error, Kind};
use crate::item::{AttributeType, Item};
use crate::patience::{Meter, patiently};
use crate::table::Table;

/// What no item fulfils: a write on this condition is denied, or refused, and never done.
const NEVER: &str = "attribute_exists(#key) AND attribute_not_exists(#key)";

/// Asks the target for what every copy asks of it, and changes nothing; an error names all that the role is denied. Only a write that
/// is done tells of `BatchWriteItem` and `PartiQLInsert`: the bulk begins with them.
pub(crate) async fn check(client: &Client, role: &str, table: &Table) -> Result<(), Error> {
    let (name, key, partition) = (table.name.as_str(), some_key(table), table.key.partition.name.as_str());
    let keys = KeysAndAttributes::builder().keys(key.clone()).build();
    let keys = keys.map_err(|error| Error::invalid(error.to_string()))?;
    let get = client.get_item().table_name(name).set_key(Some(key.clone()));
    let get_batch = client.batch_get_item().request_items(name, keys);
    let scan = client.scan().table_name(name).limit(1);
    let put = client.put_item().table_name(name).set_item(Some(key.clone())).condition_expression(NEVER);
    let put = put.expression_attribute_names("#key", partition);
    let delete = client.delete_item().table_name(name).set_key(Some(key)).condition_expression(NEVER);
    let delete = delete.expression_attribute_names("#key", partition);

    let denied = [
        denied("DescribeTimeToLive", || client.describe_time_to_live().table_name(name).send()).await?,
        denied("Scan", || scan.clone().send()).await?,
        denied("GetItem", || get.clone().send()).await?,
        denied("BatchGetItem", || get_batch.clone().send()).await?,
        denied("PutItem", || put.clone().send()).await?,
        denied("DeleteItem", || delete.clone().send()).await?,
    ];
    let denied: Vec<_> = denied.into_iter().flatten().map(|operation| format!("dynamodb:{operation}")).collect();
    match denied.as_slice() {
        [] => Ok(()),
        denied => Err(Error::new(
            Kind::Denied,
            format!(
                "expected the role {role} to allow what a copy needs of table {name}, found that it is denied {}: have its owner allow \
                 that, and resume the run",
                denied.join(", ")
            ),
        )),
    }
}

/// An operation, where it is denied.
async fn denied<T, E, A, F>(operation: &'static str, mut attempt: A) -> Result<Option<&'static str>, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    A: FnMut() -> F,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let asked = || attempt().map(|answer| answer.map(drop).map_err(|error| Error::from_sdk(operation, error)));
    match patiently(&Meter::default(), asked).await {
        Ok(()) => Ok(None),
        // What is refused for its condition was allowed.
        Err(error) if error.kind() == Kind::Refused => Ok(None),
        Err(error) if error.kind() == Kind::Denied => Ok(Some(operation)),
        Err(error) => Err(error),
    }
}

/// Whatever key of that table.
fn some_key(table: &Table) -> Item {
    let value = |kind: AttributeType| match kind {
        AttributeType::N => AttributeValue::N("0".into()),
        AttributeType::B => AttributeValue::B(Blob::new([0])),
        _ => AttributeValue::S("segue".into()),
    };
    table.key.attributes().map(|attribute| (attribute.name.clone(), value(attribute.kind))).collect()
}
