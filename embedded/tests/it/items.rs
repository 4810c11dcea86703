//! Items come back as they went in, and conditions fail with the item that stood there.

use crate::support::{Item, database, item, n, on_demand, s};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use embedded::Options;

fn every_type() -> Item {
    let list = vec![s(""), AttributeValue::L(vec![]), AttributeValue::M(Item::new()), AttributeValue::Null(true)];
    let map = item([("inner", AttributeValue::L(vec![n(1), AttributeValue::M(item([("deep", s("€ \" \\ \u{0}"))]))]))]);
    item([
        ("pk", s("all")),
        ("s", s("")),
        ("n_most", n("99999999999999999999999999999999999999")),
        ("n_least", n("-0.00000000000000000000000000000000000001234567890123456789012345678901234567")),
        ("b", AttributeValue::B(Blob::new(vec![0, 255, 10]))),
        ("b_empty", AttributeValue::B(Blob::new(vec![]))),
        ("bool", AttributeValue::Bool(false)),
        ("null", AttributeValue::Null(true)),
        ("ss", AttributeValue::Ss(vec!["a".into(), "b".into()])),
        ("ns", AttributeValue::Ns(vec!["1".into(), "9007199254740993".into()])),
        ("bs", AttributeValue::Bs(vec![Blob::new(vec![1]), Blob::new(vec![2])])),
        ("l", AttributeValue::L(list)),
        ("m", AttributeValue::M(map)),
    ])
}

#[tokio::test]
async fn all_ten_types_come_back_exactly() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    client.put_item().table_name("Items").set_item(Some(every_type())).send().await.unwrap();
    let got = client.get_item().table_name("Items").key("pk", s("all")).send().await.unwrap().item.unwrap();
    let mut expected = every_type();
    // DynamoDB writes numbers without an exponent and without trailing zeros; the digits are the same.
    assert_eq!(got["n_least"], expected["n_least"]);
    for set in ["ss", "ns", "bs"] {
        assert_eq!(sorted(&got[set]), sorted(&expected[set]));
        expected.insert(set.to_owned(), got[set].clone());
    }
    assert_eq!(got, expected);
}

fn sorted(set: &AttributeValue) -> Vec<Vec<u8>> {
    let mut members: Vec<Vec<u8>> = match set {
        AttributeValue::Ss(set) | AttributeValue::Ns(set) => set.iter().map(|it| it.clone().into_bytes()).collect(),
        AttributeValue::Bs(set) => set.iter().map(|it| it.clone().into_inner()).collect(),
        other => panic!("not a set: {other:?}"),
    };
    members.sort();
    members
}

#[tokio::test]
async fn a_failed_condition_returns_the_item() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    client.put_item().table_name("Items").item("pk", s("a")).item("v", n(1)).send().await.unwrap();
    let refused = client
        .update_item()
        .table_name("Items")
        .key("pk", s("a"))
        .update_expression("SET v = :new")
        .condition_expression("v = :old")
        .expression_attribute_values(":new", n(3))
        .expression_attribute_values(":old", n(2))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
    assert!(aws_sdk_dynamodb::operation::RequestId::request_id(&refused).is_some());
    let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refused) = refused
    else {
        unreachable!("checked above")
    };
    assert_eq!(refused.item, Some(item([("pk", s("a")), ("v", n(1))])));
}

#[tokio::test]
async fn refusals_are_typed() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let missing = client.put_item().table_name("Items").item("other", s("a")).send().await.unwrap_err();
    assert_eq!(missing.code(), Some("ValidationException"));
    let unknown = client.get_item().table_name("Nowhere").key("pk", s("a")).send().await.unwrap_err();
    assert!(unknown.into_service_error().is_resource_not_found_exception());
    let operation = client.list_global_tables().send().await.unwrap_err();
    assert_eq!(operation.code(), Some("UnknownOperationException"));
    let named = client.put_item().table_name("bad name").item("pk", s("a")).send().await.unwrap_err();
    assert_eq!(named.code(), Some("ValidationException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_the_same_time_lose_nothing() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let add = |_| {
        let add = client.update_item().table_name("Items").key("pk", s("counter")).update_expression("ADD v :one");
        tokio::spawn(add.expression_attribute_values(":one", n(1)).send())
    };
    for writer in (0..200).map(add).collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    let got = client.get_item().table_name("Items").key("pk", s("counter")).send().await.unwrap();
    assert_eq!(got.item.unwrap()["v"], n(200));
}
