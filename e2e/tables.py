"""What the end-to-end checks share: clients, the example table, and checks that are counted."""

from __future__ import annotations

import base64
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, Iterator, Mapping

import boto3
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config

Item = dict[str, Any]
"""An item in DynamoDB JSON: `{"year": {"N": "1999"}, …}`."""

Key = tuple[str, str]

REGION = "eu-west-1"
CREDENTIALS = "test"
"""Key and secret alike: what these servers are sent, and don't look at."""

KEY = ("year", "title")


def client(endpoint: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS,
        aws_secret_access_key=CREDENTIALS,
        config=Config(retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=60),
    )


def environment(endpoint: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a run that shall reach `endpoint` and nothing else."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
    }


def create_movies(dynamodb: Any, table: str, read_units: int = 100, write_units: int = 100) -> None:
    """Creates the example table, and waits for it."""
    dynamodb.create_table(
        TableName=table,
        KeySchema=[
            {"AttributeName": "year", "KeyType": "HASH"},
            {"AttributeName": "title", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "year", "AttributeType": "N"},
            {"AttributeName": "title", "AttributeType": "S"},
        ],
        ProvisionedThroughput={"ReadCapacityUnits": read_units, "WriteCapacityUnits": write_units},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def from_plain(file: Path) -> list[Item]:
    """The items of a plain JSON array, made by boto3's own rules."""
    serialize = TypeSerializer().serialize
    plain = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    return [{name: serialize(value) for name, value in item.items()} for item in plain]


def from_lines(text: str) -> list[Item]:
    """The items of DynamoDB JSON lines, as `run export` writes them; binaries as boto3 has them."""
    return [{name: decoded(value) for name, value in json.loads(line)["Item"].items()} for line in text.splitlines()]


def decoded(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64decode(content)}
        case "BS":
            return {kind: [base64.b64decode(element) for element in content]}
        case "L":
            return {kind: [decoded(element) for element in content]}
        case "M":
            return {kind: {name: decoded(element) for name, element in content.items()}}
        case _:
            return value


def load(dynamodb: Any, table: str, items: list[Item]) -> None:
    """Puts all items, whatever the server leaves over at first."""
    for start in range(0, len(items), 25):
        requests = {table: [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]}
        for _ in range(20):
            requests = dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems") or {}
            if not requests:
                break
        else:
            raise RuntimeError(f"{table} takes no more items")


def scan(dynamodb: Any, table: str, **parameters: Any) -> Iterator[Item]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **parameters):
        yield from page["Items"]


def by_key(items: Iterator[Item] | list[Item]) -> dict[Key, Any]:
    """Items by their key, every number by its value and every set without order."""
    return {key_of(item): comparable({"M": item}) for item in items}


def key_of(item: Item) -> Key:
    return (item["year"]["N"], item["title"]["S"])


def comparable(value: Mapping[str, Any]) -> tuple[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return kind, Decimal(content)
        case "NS":
            return kind, frozenset(Decimal(number) for number in content)
        case "SS" | "BS":
            return kind, frozenset(content)
        case "L":
            return kind, [comparable(element) for element in content]
        case "M":
            return kind, {name: comparable(element) for name, element in content.items()}
        case _:
            return kind, content


class Checks:
    """Counts what holds and what doesn't; goes on after a failure, so that all of them are seen."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def equal(self, what: str, found: object, expected: object) -> None:
        self.that(what, found == expected, f"expected {expected!r}, found {found!r}"[:2_000])

    def that(self, what: str, holds: bool, otherwise: str = "it doesn't hold") -> None:
        self.passed += holds
        self.failed += not holds
        print(f"ok      {what}" if holds else f"FAILED  {what}: {otherwise}", flush=True)

    def end(self) -> None:
        """Says the counts, and ends the process."""
        print(f"checks: {self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)


def same_tables(checks: Checks, what: str, found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    """Compares item by item, and names the first ones that differ."""
    differing = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
    checks.that(f"{what} ({len(expected)})", not differing, f"{len(differing)} differ, such as {differing[:3]}")
