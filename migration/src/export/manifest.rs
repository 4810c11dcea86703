//! What an export says of itself: its manifests, in the layout of "DynamoDB table export output format" (developer guide).

use aws_sdk_dynamodb::types::ExportDescription;
use jiff::Timestamp;
use serde::Deserialize;

use super::Contents;
use super::object::Object;
use crate::error::{Error, Kind};
use crate::services::Carrier;

/// `manifest-summary.json`, as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    export_time: Timestamp,
    manifest_files_s3_key: String,
    item_count: u64,
    output_format: String,
}

/// A line of `manifest-files.json`: a file of items.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataFile {
    /// How many items it holds.
    pub(crate) item_count: u64,
    /// The MD5 of the object, in base64.
    pub(crate) md5_checksum: String,
    /// The object's key.
    pub(crate) data_file_s3_key: String,
}

/// Reads what a complete export holds.
pub(super) async fn contents(carrier: &Carrier, export: &ExportDescription) -> Result<Contents, Error> {
    let key = export
        .export_manifest()
        .ok_or_else(|| Error::new(Kind::Refused, "the export is complete, and DescribeExport names no manifest"))?;
    let summary: Summary = read(key, &Object::new(carrier, key).whole().await?)?;
    if summary.output_format != "DYNAMODB_JSON" {
        return Err(Error::new(
            Kind::Refused,
            format!("{key}: expected an export in DYNAMODB_JSON, found {}", summary.output_format),
        ));
    }
    let mut contents =
        Contents { at: summary.export_time, manifest: summary.manifest_files_s3_key, files: 0, items: 0 };
    let (mut files, mut items) = (0, 0);
    each(carrier, &contents.manifest, |number, file| {
        files = number + 1;
        items += file.item_count;
    })
    .await?;
    if items != summary.item_count {
        return Err(Error::new(
            Kind::Refused,
            format!("{key}: expected files of {} items, found a list of {items}", summary.item_count),
        ));
    }
    (contents.files, contents.items) = (files, items);
    Ok(contents)
}

/// Hands over all files, with their numbers.
pub(super) async fn files(
    carrier: &Carrier,
    contents: &Contents,
    mut each_file: impl FnMut(u32, DataFile),
) -> Result<(), Error> {
    let mut found = 0;
    each(carrier, &contents.manifest, |number, file| {
        found = number + 1;
        each_file(number, file);
    })
    .await?;
    if found != contents.files {
        let expected = contents.files;
        return Err(Error::new(
            Kind::Refused,
            format!("{}: expected a list of {expected} files as before, found {found}", contents.manifest),
        ));
    }
    Ok(())
}

async fn each(carrier: &Carrier, key: &str, mut each: impl FnMut(u32, DataFile)) -> Result<(), Error> {
    let list = Object::new(carrier, key).whole().await?;
    let lines = list.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    for (number, line) in (0..).zip(lines) {
        each(number, read(key, line)?);
    }
    Ok(())
}

fn read<'j, T: Deserialize<'j>>(key: &str, json: &'j [u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::new(Kind::Refused, format!("{key}: expected a manifest of an export: {error}")))
}
