"""`run --engine direct` on dynalite: `dynalite.py ENDPOINT RUN [MOVIES]`.

RUN is the built binary. MOVIES is the plain JSON array of films; without it, sample items are used.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from product import Product
from tables import Checks, Item, by_key, client, create_movies, from_lines, from_plain, key_of, load, same_tables, scan

MIGRATION = Path(__file__).parent.parent / "examples" / "movies.yaml"
TABLE = "movies"


class Migration(Product):
    """`run` with the example's migration."""

    def migrate(self, *arguments: str | Path) -> dict[str, Any]:
        """Runs the migration, and gives its report."""
        return json.loads(self.run("--migration", MIGRATION, "--output", "json", *arguments))


def main(endpoint: str, binary: str, movies: str | None = None) -> None:
    checks = Checks()
    dynamodb = client(endpoint)
    with tempfile.TemporaryDirectory() as folder:
        product = Migration(Path(binary).resolve(), endpoint, Path(folder))
        source, rehearsed = rehearse(checks, product, Path(movies).resolve() if movies else None)
        create_movies(dynamodb, TABLE)
        load(dynamodb, TABLE, source)
        migrate(checks, product, dynamodb, len(source), rehearsed)
        prewarm(checks, product, dynamodb)
        dynamodb.delete_table(TableName=TABLE)
        beside_a_writer(checks, product, dynamodb, source, rehearsed)
    checks.end()


def rehearse(checks: Checks, product: Migration, movies: Path | None) -> tuple[list[Item], list[Item]]:
    """The items before the migration, and after it on the embedded database."""
    data: tuple[str | Path, ...] = ("--data", movies) if movies else ("--items", "2000")
    if movies:
        source = from_plain(movies)
    else:
        product.migrate(*data, "--database", "source.db", "--dry-run")
        source = from_lines(product.run("export", "--database", "source.db", "--table", TABLE))
    report = product.migrate(*data, "--database", "rehearsed.db")
    checks.equal("the rehearsal reads every item", report["items"]["scanned"], len(source))
    checks.equal("and fails none", report["items"]["failed"], 0)
    return source, from_lines(product.run("export", "--database", "rehearsed.db", "--table", TABLE))


# dynalite enforces no capacity; a run would leave a quarter of the table's 100 units to others all the same.
BUDGET = ("--write-units", "5000", "--read-units", "5000")


def migrate(checks: Checks, product: Migration, dynamodb: Any, items: int, rehearsed: list[Item]) -> None:
    report = product.migrate("--engine", "direct", *BUDGET)
    checks.equal("the real run succeeds", report["status"], "succeeded")
    checks.equal("and reads every item", report["items"]["scanned"], items)
    same_tables(checks, "every item is as in the rehearsal", by_key(scan(dynamodb, TABLE)), by_key(rehearsed))
    again = product.migrate("--engine", "direct", "--segments", "7", *BUDGET)
    checks.equal("a second run reads every item", again["items"]["scanned"], items)
    checks.equal("and writes none", again["items"]["written"], 0)


def prewarm(checks: Checks, product: Migration, dynamodb: Any) -> None:
    process = product.start(
        *("--migration", MIGRATION, "--engine", "direct", "--output", "json", "--segments", "10"),
        *("--prewarm", "--prewarm-rcu", "500", "--prewarm-wcu", "300"),
    )
    said = product.succeeded(process).stderr
    checks.that("capacity is raised", "raised from 100 read + 100 write units to 500 read + 300 write" in said, said)
    checks.that("and nobody is told that it stays so", "NOT PUT BACK" not in said, said)
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    units = dynamodb.describe_table(TableName=TABLE)["Table"]["ProvisionedThroughput"]
    checks.equal("it is put back", (units["ReadCapacityUnits"], units["WriteCapacityUnits"]), (100, 100))


def beside_a_writer(
    checks: Checks, product: Migration, dynamodb: Any, source: list[Item], rehearsed: list[Item]
) -> None:
    """R2: while the run goes on, somebody rates films that have no rating, which the migration would set to 0."""
    dynamodb.get_waiter("table_not_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    create_movies(dynamodb, TABLE)
    load(dynamodb, TABLE, source)
    unrated = [item for item in source if "info" in item and "rating" not in item["info"]["M"]]
    process = product.start("--migration", MIGRATION, "--engine", "direct", "--output", "json", *BUDGET)
    rated = set()
    for item in unrated:
        if process.poll() is not None:
            break
        dynamodb.update_item(
            TableName=TABLE,
            Key={name: item[name] for name in ("year", "title")},
            UpdateExpression="SET info.rating = :rating",
            ExpressionAttributeValues={":rating": {"N": "7.5"}},
        )
        rated.add(key_of(item))
    stdout = product.succeeded(process).stdout
    checks.equal("a run beside a writer succeeds", json.loads(stdout)["status"], "succeeded")
    checks.that("films are rated meanwhile", len(rated) > 0)
    for item in rehearsed:
        if key_of(item) in rated:
            item["info"]["M"]["rating"] = {"N": "7.5"}
    same_tables(checks, "no rating is lost", by_key(scan(dynamodb, TABLE)), by_key(rehearsed))


if __name__ == "__main__":
    main(*sys.argv[1:])
