"""boto3 on `run serve`: `served.py ENDPOINT TABLE`, a table of sample items that no run has changed yet."""

from __future__ import annotations

import sys
from typing import Any

from botocore.exceptions import ClientError

from tables import Checks, client, key_of, scan


def main(endpoint: str, table: str) -> None:
    checks = Checks()
    dynamodb = client(endpoint)
    scans(checks, dynamodb, table)
    writes(checks, dynamodb, table)
    errors(checks, dynamodb, table)
    checks.end()


def scans(checks: Checks, dynamodb: Any, table: str) -> None:
    description = dynamodb.describe_table(TableName=table)["Table"]
    checks.equal("the table is active", description["TableStatus"], "ACTIVE")
    whole = [key_of(item) for item in scan(dynamodb, table)]
    checks.that("a scan finds items", len(whole) > 0)
    checks.equal("a scan finds none twice", len(set(whole)), len(whole))
    paged = [key_of(item) for item in scan(dynamodb, table, Limit=17)]
    checks.equal("pages of 17 are the whole table", sorted(paged), sorted(whole))
    parts = [key_of(item) for segment in range(5) for item in scan(dynamodb, table, Segment=segment, TotalSegments=5)]
    checks.equal("five segments are the whole table", sorted(parts), sorted(whole))


def writes(checks: Checks, dynamodb: Any, table: str) -> None:
    key = {"year": {"N": "2525"}, "title": {"S": "Put by boto3"}}
    item = key | {"bytes": {"B": b"\x00\xff"}, "digits": {"N": "12345678901234567890123456789012345678"}}
    dynamodb.put_item(TableName=table, Item=item)
    checks.equal("what is put is got", get(dynamodb, table, key), item)
    update = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "SET #n = :new",
        "ConditionExpression": "attribute_not_exists(#n)",
        "ExpressionAttributeNames": {"#n": "label"},
        "ExpressionAttributeValues": {":new": {"S": "once"}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    answer = dynamodb.update_item(**update)
    checks.equal("a conditional update is done", get(dynamodb, table, key)["label"], {"S": "once"})
    checks.equal("and charged", answer["ConsumedCapacity"]["CapacityUnits"], 1.0)
    try:
        dynamodb.update_item(**update, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        checks.that("the same update again is refused", False)
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        checks.that("the same update again is refused", True)
        checks.equal("with the item as it is", error.response.get("Item"), item | {"label": {"S": "once"}})
    dynamodb.delete_item(TableName=table, Key=key)
    checks.equal("what is deleted is gone", get(dynamodb, table, key), None)


def errors(checks: Checks, dynamodb: Any, table: str) -> None:
    try:
        dynamodb.scan(TableName="nowhere")
        checks.that("an unknown table is no table", False)
    except dynamodb.exceptions.ResourceNotFoundException:
        checks.that("an unknown table is no table", True)
    number = "1" * 39
    try:
        dynamodb.put_item(TableName=table, Item={"year": {"N": number}, "title": {"S": "x"}})
        checks.that("39 digits are refused", False)
    except ClientError as error:
        checks.equal("39 digits are refused", error.response["Error"]["Code"], "ValidationException")


def get(dynamodb: Any, table: str, key: dict[str, Any]) -> dict[str, Any] | None:
    return dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")


if __name__ == "__main__":
    main(*sys.argv[1:])
