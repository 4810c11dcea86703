"""What the scenarios on the emulator share: the binaries, the folder they work in, and looks at what they did."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import films
from server import Emulator, wait_until
from product import Outcome, Product
from tables import Checks, Item, create_movies, from_lines, load

NOW = "2026-11-20T12:00:00Z"
"""What `${now}` is, on the emulator and in the rehearsal."""

UNITS = (1_000, 1_000)
"""The table's read and write units where nothing raises them."""

BUCKET = "segue-code"


@dataclass
class World:
    """One emulator, and a scratch folder as a user's: with a migration.yaml, and deployments noted in `.segue`."""

    checks: Checks
    emulator: Emulator
    run: Product
    infra: Product
    repository: Path
    architecture: str
    code: Path | None

    @property
    def folder(self) -> Path:
        return self.run.folder

    def scenario(self, name: str, play: Callable[[World], None]) -> None:
        """Plays it; one that breaks off counts as failed, and the next begins all the same."""
        print(f"-- {name}", flush=True)
        failed = self.checks.failed
        try:
            play(self)
        except Exception:  # noqa: BLE001: whatever it is, it is shown, and counted as a failure
            self.checks.that(name, False, traceback.format_exc())
        if self.checks.failed > failed:
            self.explain()

    def explain(self) -> None:
        """What the emulator knows about a failure."""
        print(f"== the emulator's log\n{self.emulator.tail()}")
        cloudformation = self.emulator.client("cloudformation")
        for stack in cloudformation.describe_stacks()["Stacks"]:
            print(f"== events of {stack['StackName']}, {stack['StackStatus']}")
            for event in cloudformation.describe_stack_events(StackName=stack["StackName"])["StackEvents"][:40]:
                reason = event.get("ResourceStatusReason", "")
                print(f"{event['LogicalResourceId']:30} {event['ResourceStatus']:30} {reason}")

    def write_migration(self, text: str, name: str = "migration.yaml") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def deploy(self, *arguments: str) -> Outcome:
        """`infra deploy`, for this machine's processor and with a bucket of our own."""
        if self.code:
            arguments = ("--code", str(self.code), *arguments)
        return self.infra.call("deploy", "--yes", "--architecture", self.architecture, "--bucket", BUCKET, *arguments)

    def outputs(self, stack: str) -> dict[str, str]:
        described = self.emulator.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def units(self, table: str = films.TABLE) -> tuple[int, int]:
        """The table's read and write units."""
        described = self.emulator.client("dynamodb").describe_table(TableName=table)["Table"]
        throughput = described["ProvisionedThroughput"]
        return throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]

    def fill(self, items: list[Item], table: str = films.TABLE) -> None:
        """Makes the table anew, provisioned, with these items."""
        dynamodb = self.emulator.client("dynamodb")
        if table in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=table)
            dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        create_movies(dynamodb, table, *UNITS)
        load(dynamodb, table, items)

    def rehearse(self, items: list[Item], migration: str = "migration.yaml") -> list[Item]:
        """What the embedded engine makes of the items with the same migration and the same `now`."""
        database = self.folder / "rehearsed.db"
        database.unlink(missing_ok=True)
        lines = self.folder / "source.jsonl"
        films.write_lines(items, lines)
        self.run.call(
            *("--engine", "embedded", "--migration", migration, "--now", NOW),
            *("--data", lines, "--database", database, "--output", "json"),
        )
        return from_lines(self.run.run("export", "--database", database, "--table", films.TABLE))

    def execution(self, stack: str, run: str) -> dict[str, Any]:
        """The run's execution on Step Functions."""
        machine = self.outputs(stack)["StateMachineArn"]
        arn = machine.replace(":stateMachine:", ":execution:") + f":{run}"
        return self.emulator.client("stepfunctions").describe_execution(executionArn=arn)

    def map_runs(self, execution: str) -> list[dict[str, Any]]:
        """The execution's Map Runs, when all of them have ended; none where it was stopped before its Map."""
        stepfunctions = self.emulator.client("stepfunctions")
        runs: list[dict[str, Any]] = []

        def have_ended() -> bool:
            listed = stepfunctions.list_map_runs(executionArn=execution)["mapRuns"]
            runs[:] = [stepfunctions.describe_map_run(mapRunArn=run["mapRunArn"]) for run in listed]
            return all(run["status"] != "RUNNING" for run in runs)

        wait_until("every Map Run has ended", have_ended, 120)
        return runs

    def ledger(self, stack: str, run: str) -> dict[str, Any]:
        """The run's entries that are JSON in the stack's ledger, by their sort keys."""
        entries: dict[str, Any] = {}
        pages = self.emulator.client("dynamodb").get_paginator("query").paginate(
            TableName=self.outputs(stack)["LedgerTableName"],
            KeyConditionExpression="#run = :run",
            ExpressionAttributeNames={"#run": "run"},
            ExpressionAttributeValues={":run": {"S": run}},
            ConsistentRead=True,
        )
        for page in pages:
            bodies = (item for item in page["Items"] if "body" in item)
            entries.update((item["entry"]["S"], json.loads(item["body"]["S"])) for item in bodies)
        return entries
