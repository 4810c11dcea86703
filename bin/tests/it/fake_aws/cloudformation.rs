//! The query protocol: DescribeStacks, and STS's GetCallerIdentity.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};

use super::{Aws, REGION, error};

/// A field of a form.
pub(super) fn field(body: &Bytes, name: &str) -> Option<String> {
    let form = std::str::from_utf8(body).unwrap();
    let value = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.replace("%3A", ":").replace("%2F", "/"))
}

pub(super) fn answer(aws: &Aws, operation: &str, body: &Bytes) -> Response {
    let stack = aws.stack.lock().unwrap().clone();
    let result = match operation {
        "GetCallerIdentity" => {
            let account = stack.account;
            format!("<Arn>arn:aws:iam::{account}:user/somebody</Arn><UserId>1</UserId><Account>{account}</Account>")
        }
        "DescribeStacks" => {
            let name = field(body, "StackName").unwrap();
            if name != stack.name {
                return error(true, "ValidationError", &format!("Stack with id {name} does not exist"));
            }
            let outputs: String = stack
                .outputs
                .iter()
                .map(|(name, value)| {
                    format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
                })
                .collect();
            format!(
                "<Stacks><member><StackId>arn:aws:cloudformation:{REGION}:{}:stack/{name}/1</StackId>\
                 <StackName>{name}</StackName><CreationTime>2026-11-20T09:00:00Z</CreationTime>\
                 <StackStatus>{}</StackStatus><Outputs>{outputs}</Outputs></member></Stacks>",
                stack.account, stack.status
            )
        }
        other => return error(true, "InvalidAction", &format!("the test knows no {other}")),
    };
    let xml = format!(
        "<{operation}Response><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>1</RequestId>\
         </ResponseMetadata></{operation}Response>"
    );
    ([("content-type", "text/xml")], xml).into_response()
}
