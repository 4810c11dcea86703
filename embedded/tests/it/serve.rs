//! The same database over HTTP.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use embedded::{Embedded, Options};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::{item, n, on_demand, post, s};

#[tokio::test]
async fn a_client_over_http_sees_what_one_in_the_process_wrote() {
    let embedded = Embedded::temporary(Options::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn({
        let embedded = embedded.clone();
        async move { embedded.serve(listener, async { stopped.await.unwrap_or_default() }).await }
    });
    on_demand(&embedded.client(), "Items").await;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = embedded.client_builder().http_client(http).endpoint_url(format!("http://{address}"));
    let client = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
    client.put_item().table_name("Items").item("pk", s("a")).item("v", n(7)).send().await.unwrap();
    let got = embedded.client().get_item().table_name("Items").key("pk", s("a")).send().await.unwrap();
    assert_eq!(got.item, Some(item([("pk", s("a")), ("v", n(7))])));
    let refused = client.get_item().table_name("Nowhere").key("pk", s("a")).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ResourceNotFoundException"));
    drop(client);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_carries_its_checksum_and_its_request_id() {
    let embedded = Embedded::temporary(Options::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { embedded.serve(listener, std::future::pending()).await });
    let answer = post(address, "DynamoDB_20120810.ListTables", "{}").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert!(head.contains(&format!("x-amz-crc32: {}", crc32fast::hash(body.as_bytes()))));
    assert!(head.contains("x-amzn-requestid: "));
    assert_eq!(body, r#"{"TableNames":[]}"#);
    server.abort();
}

/// Whoever reaches the port, a page in a browser too, gets no further without the secret.
#[tokio::test]
async fn a_server_with_a_secret_answers_those_who_have_it() {
    let embedded = Embedded::temporary(Options::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = embedded.clone();
    let server = tokio::spawn(async move { served.serve_to("secret", listener, std::future::pending()).await });
    let with_key = |access_key_id: &str| {
        let http = aws_smithy_http_client::Builder::new().build_http();
        let config = embedded.client_builder().http_client(http).endpoint_url(format!("http://{address}"));
        let config = config.credentials_provider(Credentials::new(access_key_id, "any", None, None, "test"));
        Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
    };
    for other in ["embedded", "secre", "secrets", "terces"] {
        let refused = with_key(other).list_tables().send().await.unwrap_err();
        assert_eq!(refused.code(), Some("UnrecognizedClientException"), "{other}");
    }
    let unsigned = post(address, "DynamoDB_20120810.ListTables", "{}").await;
    assert!(unsigned.starts_with("HTTP/1.1 400"), "{unsigned}");
    assert!(with_key("secret").list_tables().send().await.unwrap().table_names().is_empty());
    server.abort();
}
