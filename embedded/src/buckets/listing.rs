//! ListObjectsV2: keys by prefix, up to a thousand at a time.

use std::collections::BTreeMap;

use aws_smithy_xml::encode::XmlWriter;

use super::{etag, xml};
use crate::ObjectStore;
use crate::error::Result;
use crate::reply::Reply;

/// AWS: "Returns some or all (up to 1,000) of the objects in a bucket with each request".
const MOST_KEYS: usize = 1_000;

pub(super) async fn list(store: &ObjectStore, bucket: &str, query: &BTreeMap<String, String>) -> Result<Reply> {
    let asked = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let most = asked("max-keys").parse().unwrap_or(MOST_KEYS).min(MOST_KEYS);
    let after = if asked("continuation-token").is_empty() { asked("start-after") } else { asked("continuation-token") };
    let mut keys = store.list(asked("prefix")).await?;
    keys.retain(|key| key.as_str() > after);
    let is_truncated = keys.len() > most;
    keys.truncate(most);
    let mut members = vec![
        ("Name", bucket.to_owned()),
        ("Prefix", asked("prefix").to_owned()),
        ("KeyCount", keys.len().to_string()),
        ("MaxKeys", most.to_string()),
        ("IsTruncated", is_truncated.to_string()),
    ];
    if let Some(last) = keys.last().filter(|_| is_truncated) {
        members.push(("NextContinuationToken", last.clone()));
    }
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut writer = XmlWriter::new(&mut body);
    let mut result =
        writer.start_el("ListBucketResult").write_ns("http://s3.amazonaws.com/doc/2006-03-01/", None).finish();
    for (name, text) in &members {
        let mut member = result.start_el(name).finish();
        member.data(text);
        member.finish();
    }
    for key in &keys {
        let content = store.get(key).await?;
        let mut contents = result.start_el("Contents").finish();
        for (name, text) in [("Key", key.clone()), ("ETag", etag(&content)), ("Size", content.len().to_string())] {
            let mut member = contents.start_el(name).finish();
            member.data(&text);
            member.finish();
        }
        contents.finish();
    }
    result.finish();
    Ok(xml(200, body))
}
