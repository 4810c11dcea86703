//! The objects of an export: files of items, each of a range of hashes, and the manifests that tell of them.

use std::io::Write;

use aws_smithy_types::DateTime;
use aws_smithy_types::base64;
use aws_smithy_types::date_time::Format;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use rusqlite::params;
use serde_json::{Value, json};

use crate::engine::{Engine, quoted};
use crate::reply::{Answer, Fault};
use crate::wire::ARN_PREFIX;

/// The engine's hashes begin with three digits that name one of so many buckets.
const BUCKETS: usize = 4096;

/// An export that was asked for.
pub(super) struct Export {
    pub(super) id: String,
    pub(super) table: String,
    pub(super) table_arn: String,
    pub(super) table_id: Value,
    pub(super) bucket: String,
    pub(super) prefix: Option<String>,
    /// In seconds since the epoch.
    pub(super) at: f64,
    pub(super) completes_at: f64,
}

/// What is written to the bucket.
pub(super) struct Object {
    pub(super) key: String,
    pub(super) content: Vec<u8>,
}

impl Export {
    pub(super) fn arn(&self) -> String {
        format!("{ARN_PREFIX}table/{}/export/{}", self.table, self.id)
    }

    fn key(&self, name: &str) -> String {
        let prefix = self.prefix.as_ref().map_or(String::new(), |prefix| format!("{}/", prefix.trim_end_matches('/')));
        format!("{prefix}AWSDynamoDB/{}/{name}", self.id)
    }
}

/// All objects of an export, and its description as DescribeExport gives it when it is complete.
pub(super) fn write(engine: &Engine, export: &Export, token: Option<&str>) -> Answer<(Vec<Object>, Value)> {
    let partitions = || engine.tables.get(&export.table).map_or(1, |table| table.partitions.count());
    let files = engine.options.export_files.unwrap_or_else(partitions).clamp(1, BUCKETS);
    let mut objects = vec![Object { key: export.key("_started"), content: Vec::new() }];
    let (mut items, mut bytes, mut list) = (0, 0, String::new());
    for number in 0..files {
        let edge = |number: usize| match BUCKETS * number / files {
            BUCKETS => "g".to_owned(),
            bucket => format!("{bucket:03x}"),
        };
        let file = file(engine, &export.table, &edge(number), &edge(number + 1))?;
        items += file.items;
        bytes += file.bytes;
        let key = export.key(&format!("data/{number:026}.json.gz"));
        let line = json!({
            "itemCount": file.items,
            "md5Checksum": base64::encode(Md5::digest(&file.content)),
            "etag": hexadecimal(&file.content),
            "dataFileS3Key": key,
        });
        list += &format!("{line}\n");
        objects.push(Object { key, content: file.content });
    }
    let time = |seconds: f64| {
        let time = DateTime::from_millis((seconds * 1e3) as i64);
        time.fmt(Format::DateTime).map_err(Fault::internal)
    };
    let summary = json!({
        "version": "2020-06-30",
        "exportArn": export.arn(),
        "startTime": time(export.at)?,
        "endTime": time(export.completes_at)?,
        "tableArn": export.table_arn,
        "tableId": export.table_id,
        "exportTime": time(export.at)?,
        "s3Bucket": export.bucket,
        "s3Prefix": export.prefix,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": null,
        "manifestFilesS3Key": export.key("manifest-files.json"),
        "billedSizeBytes": bytes,
        "itemCount": items,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    });
    for (name, content) in [("manifest-files", list), ("manifest-summary", summary.to_string())] {
        let checksum = base64::encode(Md5::digest(&content)).into_bytes();
        objects.push(Object { key: export.key(&format!("{name}.json")), content: content.into_bytes() });
        objects.push(Object { key: export.key(&format!("{name}.checksum")), content: checksum });
    }
    let description = json!({
        "ExportArn": export.arn(),
        "StartTime": export.at,
        "EndTime": export.completes_at,
        "ExportManifest": export.key("manifest-summary.json"),
        "TableArn": export.table_arn,
        "TableId": export.table_id,
        "ExportTime": export.at,
        "ClientToken": token,
        "S3Bucket": export.bucket,
        "S3Prefix": export.prefix,
        "S3SseAlgorithm": "AES256",
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": "FULL_EXPORT",
        "BilledSizeBytes": bytes,
        "ItemCount": items,
    });
    Ok((objects, description))
}

/// One file of items.
struct File {
    items: u64,
    /// As DynamoDB counts them.
    bytes: i64,
    content: Vec<u8>,
}

fn file(engine: &Engine, table: &str, first: &str, end: &str) -> Answer<File> {
    let sql = format!(
        "SELECT item_json, item_size FROM {} WHERE hash_prefix >= ?1 AND hash_prefix < ?2 ORDER BY hash_prefix, pk, sk",
        quoted(table)
    );
    let mut statement = engine.storage.conn().prepare_cached(&sql)?;
    let mut rows = statement.query(params![first, end])?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let (mut items, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        let item = row.get_ref(0)?;
        writeln!(packed, "{{\"Item\":{}}}", item.as_str().map_err(Fault::internal)?).map_err(Fault::internal)?;
        items += 1;
        bytes += row.get::<_, i64>(1)?;
    }
    // A file of no items may be an object of no bytes.
    let content = if items == 0 { Vec::new() } else { packed.finish().map_err(Fault::internal)? };
    Ok(File { items, bytes, content })
}

fn hexadecimal(content: &[u8]) -> String {
    Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
