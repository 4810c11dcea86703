//! What a client asks for, told apart as the services do it: DynamoDB, SQS and Application Auto Scaling by
//! `x-amz-target`, Lambda and S3 by method and path.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// Who answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// DynamoDB, its streams, and what scales it.
    Database,
    /// SQS.
    Queues,
    /// Lambda.
    Functions,
    /// S3.
    Objects,
}

/// A request, whatever it came by.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) service: Service,
    /// As the service's API reference names it; empty where there is none.
    pub(crate) operation: String,
    /// What the path names: an event source mapping, a function; a bucket and a key.
    pub(crate) names: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    /// Which part of an object is asked for, and on which condition.
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// The version of Lambda's interface, with which its paths begin.
const LAMBDA_PATH: &str = "/2015-03-31/";

impl Request {
    /// A request of a service that is told by its target.
    pub(crate) fn to(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let (service, operation) = target.rsplit_once('.').unwrap_or_default();
        let service = if service == "AmazonSQS" { Service::Queues } else { Service::Database };
        Self {
            service,
            operation: operation.to_owned(),
            names: Vec::new(),
            query: BTreeMap::new(),
            range: None,
            if_match: None,
            body: body.into(),
        }
    }

    /// A request as it is on the wire. `uri` may be whole, or a path with its query.
    pub(crate) fn read<'a>(method: &str, uri: &str, header: impl Fn(&str) -> Option<&'a str>, body: Vec<u8>) -> Self {
        if let Some(target) = header("x-amz-target") {
            return Self::to(target, body);
        }
        let path_and_query = match uri.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => uri,
        };
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let (service, operation, names) = match path.strip_prefix(LAMBDA_PATH) {
            Some(path) => {
                let parts: Vec<String> = path.trim_end_matches('/').split('/').map(decoded).collect();
                let (operation, names) = of_functions(method, parts);
                (Service::Functions, operation, names)
            }
            None => {
                let path = path.trim_start_matches('/');
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                let names: Vec<String> = [bucket, key].into_iter().filter(|it| !it.is_empty()).map(decoded).collect();
                (Service::Objects, of_objects(method, names.len()), names)
            }
        };
        let [range, if_match] = ["range", "if-match"].map(|name| header(name).map(str::to_owned));
        Self { service, operation: operation.to_owned(), names, query, range, if_match, body }
    }
}

fn of_functions(method: &str, parts: Vec<String>) -> (&'static str, Vec<String>) {
    let mut parts = parts.into_iter();
    let (kind, name, rest) = (parts.next(), parts.next(), parts.next());
    let operation = match (kind.as_deref(), method, name.is_some(), rest.as_deref()) {
        (Some("event-source-mappings"), "POST", false, None) => "CreateEventSourceMapping",
        (Some("event-source-mappings"), "GET", false, None) => "ListEventSourceMappings",
        (Some("event-source-mappings"), "GET", true, None) => "GetEventSourceMapping",
        (Some("event-source-mappings"), "PUT", true, None) => "UpdateEventSourceMapping",
        (Some("event-source-mappings"), "DELETE", true, None) => "DeleteEventSourceMapping",
        (Some("functions"), "POST", true, Some("invocations")) => "Invoke",
        _ => "",
    };
    (operation, name.into_iter().collect())
}

/// The operations of S3 that are there: on a bucket where the path names but that, else on an object.
fn of_objects(method: &str, names: usize) -> &'static str {
    match (method, names) {
        ("PUT", 1) => "CreateBucket",
        ("HEAD", 1) => "HeadBucket",
        ("GET", 1) => "ListObjectsV2",
        ("PUT", 2) => "PutObject",
        ("GET", 2) => "GetObject",
        ("HEAD", 2) => "HeadObject",
        ("DELETE", 2) => "DeleteObject",
        _ => "",
    }
}
