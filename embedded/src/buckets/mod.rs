//! S3, as far as exports and those who read them need it: the objects of each bucket in a folder beside the database
//! file.

mod listing;

use aws_smithy_xml::encode::XmlWriter;
use md5::{Digest, Md5};

use crate::error::{Error, ErrorKind};
use crate::reply::Reply;
use crate::request::Request;
use crate::{Embedded, ObjectStore};

/// Answers one request. A bucket is there from its first object on, or since it was made.
pub(crate) async fn answer(embedded: &Embedded, request: Request) -> Reply {
    let Some(bucket) = request.names.first() else {
        return refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented");
    };
    let key = request.names.get(1).map(String::as_str).unwrap_or_default();
    let store = match embedded.bucket(bucket) {
        Ok(store) => store,
        Err(_) => return refusal(400, "InvalidBucketName", "The specified bucket is not valid."),
    };
    let answer = match request.operation.as_str() {
        "CreateBucket" => Ok(empty(200)),
        "HeadBucket" => Ok(empty(200)),
        "ListObjectsV2" => listing::list(&store, bucket, &request.query).await,
        "PutObject" => {
            let etag = etag(&request.body);
            store.put(key, request.body).await.map(|()| Reply { headers: vec![("etag", etag)], ..empty(200) })
        }
        "GetObject" => {
            store.get(key).await.map(|content| object(content, request.range.as_deref(), request.if_match.as_deref()))
        }
        "HeadObject" => store.get(key).await.map(|content| {
            let length = ("content-length", content.len().to_string());
            Reply { headers: vec![("etag", etag(&content)), length], ..empty(200) }
        }),
        "DeleteObject" => store.delete(key).await.map(|()| empty(204)),
        _ => {
            return refusal(
                501,
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
            );
        }
    };
    answer.unwrap_or_else(|error| refusal_of(&error))
}

impl Embedded {
    /// The objects of a bucket, as the clients of [`Embedded::s3_client_builder`] see them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a name that can't be a bucket's.
    pub fn bucket(&self, name: &str) -> crate::Result<ObjectStore> {
        let sound = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-' || it == '.';
        if !(3..=63).contains(&name.len()) || !name.chars().all(sound) || name.starts_with('.') {
            return Err(Error::new(ErrorKind::Invalid, format!("{name:?} can't be a bucket's name")));
        }
        Ok(self.object_store().folder(name))
    }
}

/// A refusal as S3 writes it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut writer = XmlWriter::new(&mut body);
    let mut error = writer.start_el("Error").finish();
    for (name, text) in [("Code", code), ("Message", message)] {
        let mut member = error.start_el(name).finish();
        member.data(text);
        member.finish();
    }
    error.finish();
    xml(status, body)
}

/// S3's tag of an object that was written at once: the digest of its content, in quotes.
fn etag(content: &[u8]) -> String {
    let digest: String = Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digest}\"")
}

fn xml(status: u16, body: String) -> Reply {
    Reply { status, media_type: "application/xml", headers: Vec::new(), body: body.into_bytes() }
}

fn empty(status: u16) -> Reply {
    xml(status, String::new())
}

/// An object, or the part of it that was asked for, where it is still the one that is meant.
fn object(content: Vec<u8>, range: Option<&str>, if_match: Option<&str>) -> Reply {
    let tag = etag(&content);
    if if_match.is_some_and(|wanted| wanted != "*" && wanted.trim_matches('"') != tag.trim_matches('"')) {
        return refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    let mut headers = vec![("etag", tag)];
    let (media_type, length) = ("application/octet-stream", content.len());
    let Some((first, last)) = range.and_then(bounds) else {
        return Reply { status: 200, media_type, headers, body: content };
    };
    let end = last.map_or(length, |last| last.saturating_add(1)).min(length);
    if first >= end {
        return refusal(416, "InvalidRange", "The requested range is not satisfiable");
    }
    headers.push(("content-range", format!("bytes {first}-{}/{length}", end - 1)));
    Reply { status: 206, media_type, headers, body: content[first..end].to_vec() }
}

/// The first byte, and the last where there is one, of `bytes=0-99`; S3 takes no more than one range.
fn bounds(range: &str) -> Option<(usize, Option<usize>)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    Some((first.parse().ok()?, last))
}

fn refusal_of(error: &Error) -> Reply {
    match error.kind() {
        ErrorKind::NotFound => refusal(404, "NoSuchKey", "The specified key does not exist."),
        ErrorKind::Invalid => refusal(400, "InvalidRequest", &error.to_string()),
        _ => refusal(500, "InternalError", "We encountered an internal error. Please try again."),
    }
}
