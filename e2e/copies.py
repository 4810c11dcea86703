"""Scenarios: a table is carried into another one by a deployed stack, while an application writes to it.

Streams, the FIFO queue, mappings and functions are the emulator's; what is looked at is what people and the application see:
both tables, the queue, the books of the ledger, and what the commands say.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import films
from server import wait_until
from tables import Item, by_key, same_tables, scan
from world import NOW, World

MIGRATION = "copy.yaml"
STACK = "Segue-films-by-title"
TARGET = "films-by-title"
WRITES_A_SECOND = 60
VISIBILITY_SECONDS = 5
SYNC_SECONDS = 120
"""A guard: the emulator polls streams and queues once a second."""

YAML = f"""\
migration: films-by-title

source:
  table: {films.TABLE}
  key: {{ partition: {{ name: year, type: N }}, sort: {{ name: title, type: S }} }}

target:
  table: {TARGET}
  create: true
  key: {{ partition: {{ name: title, type: S }}, sort: {{ name: year, type: N }} }}

transform:
  - rename: {{ path: info.running_time_secs, to: info.runtime_seconds }}
  - set: {{ path: catalogue, value: films }}
  - convert: {{ path: poison, to: N }}

segments: 20
"""


def image(item: Item) -> Item:
    """What the target has to hold of an item."""
    made = dict(item) | {"catalogue": {"S": "films"}}
    if "running_time_secs" in made.get("info", {}).get("M", {}):
        info = dict(made["info"]["M"])
        info["runtime_seconds"] = info.pop("running_time_secs")
        made["info"] = {"M": info}
    return made


class Application:
    """Writes, updates, deletes and makes films anew, until it is stopped."""

    def __init__(self, dynamodb: Any, source: list[Item]) -> None:
        self.dynamodb = dynamodb
        self.keys = [{"year": item["year"], "title": item["title"]} for item in source]
        self.random = random.Random(5)
        self.writes = 0
        self.error: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()
            if self.error:
                raise self.error

    def _work(self) -> None:
        try:
            while not self._over.wait(1 / WRITES_A_SECOND):
                self._write()
                self.writes += 1
        except Exception as error:  # noqa: BLE001: it is raised where the application is waited for
            self.error = error

    def _write(self) -> None:
        key = self.random.choice(self.keys)
        what = self.random.random()
        if what < 0.2:
            self.dynamodb.delete_item(TableName=films.TABLE, Key=key)
        elif what < 0.5:
            number = {"N": str(self.writes)}
            self.dynamodb.put_item(TableName=films.TABLE, Item=key | {"seen": number})
        else:
            self.dynamodb.update_item(
                TableName=films.TABLE,
                Key=key,
                UpdateExpression="ADD looked_at :one SET changed_by = :now",
                ExpressionAttributeValues={":one": {"N": "1"}, ":now": {"S": str(self.writes)}},
            )


class Copies:
    """The scenarios share the copy that goes on."""

    def __init__(self, source: list[Item]) -> None:
        self.source = source
        self.run = ""

    def copy(self, world: World) -> None:
        """The stack carries all films and what the application does meanwhile; replay is killed in the middle."""
        checks, dynamodb = world.checks, world.emulator.client("dynamodb")
        world.write_migration(YAML, MIGRATION)
        deployed = world.deploy("--migration", MIGRATION)
        checks.equal("a copy's stack is deployed", deployed.code, 0)
        self.hurry(world)
        world.fill(self.source)
        application = Application(dynamodb, self.source)
        with application.at_work():
            process = world.run.start(
                *("--migration", MIGRATION, "--segments", "20", "--yes", "--now", NOW, "--output", "json")
            )
            killed = wait_until("replay is at work", lambda: kill_function("ApplyChanges"), SYNC_SECONDS)
            outcome = world.run.end(process)
        checks.that("the replay is killed in the middle", killed > 0)
        checks.equal("the run ends in step", (outcome.code, outcome.stderr if outcome.code else ""), (0, ""))
        report = outcome.report()
        self.run = report["run"]
        checks.equal("it has succeeded", report["status"], "succeeded")
        checks.equal("no item failed", report["items"]["failed"], 0)
        checks.that("the application has written meanwhile", application.writes > WRITES_A_SECOND)
        self.is_in_step(world, "after the application's last write every film is as it is to be")
        self.books(world)

    def hurry(self, world: World) -> None:
        """What a function that was killed, or has failed, leaves undone comes again after seconds, not after six minutes."""
        sqs = world.emulator.client("sqs")
        sqs.set_queue_attributes(
            QueueUrl=world.outputs(STACK)["QueueUrl"], Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )

    def is_in_step(self, world: World, what: str) -> None:
        """Waits until the queue is empty and the target holds the images, and compares item for item."""
        dynamodb = world.emulator.client("dynamodb")

        def expected() -> dict[Any, Any]:
            return by_key([image(item) for item in scan(dynamodb, films.TABLE)])

        def found() -> dict[Any, Any]:
            return by_key(scan(dynamodb, TARGET))

        try:
            wait_until("the target has come up", lambda: self.waiting(world) == 0 and found() == expected(), SYNC_SECONDS)
        except TimeoutError:
            pass
        same_tables(world.checks, what, found(), expected())

    def waiting(self, world: World, queue: str = "QueueUrl") -> int:
        """The messages of a queue, in whatever state."""
        names = [
            "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
        ]
        url = world.outputs(STACK)[queue]
        attributes = world.emulator.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def books(self, world: World) -> None:
        """R13, R14: capture ran before the first page, replay after the last."""
        course = world.ledger(STACK, self.run)["copy"]
        checks = world.checks
        checks.that("the target was created, the stream switched on", course["target_made"] and course["stream_enabled_by_us"])
        moments = [course[moment] for moment in ("bulk_from", "bulk_over", "in_step")]
        checks.equal("capture, bulk, replay: in this order", moments, sorted(moments))
        mappings = world.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        states = {mapping["UUID"]: mapping["State"] for mapping in mappings}
        checks.equal(
            "both mappings go on", [states.get(course[mapping]) for mapping in ("capture", "replay")], ["Enabled"] * 2
        )

    def poisoned(self, world: World) -> None:
        """A change that can't be applied is put aside with its reason; nothing is cut over until it is retried, or dropped by name."""
        checks, dynamodb = world.checks, world.emulator.client("dynamodb")
        key = {"year": {"N": "1999"}, "title": {"S": "poisoned"}}
        dynamodb.put_item(TableName=films.TABLE, Item=key | {"poison": {"S": "no number"}})
        wait_until("the change is put aside", lambda: self.waiting(world, "DeadLettersUrl") == 1, SYNC_SECONDS)
        listed = [json.loads(line) for line in world.run.run("changes", self.run).splitlines()]
        checks.equal("it is listed with its item's key", [letter["key"] for letter in listed], [key])
        checks.that("and its reason, without the value", "no number" not in json.dumps(listed), str(listed))
        refused = world.run.call("cutover", self.run, "--yes")
        checks.that("the cut-over is refused", refused.code != 0, refused.said)
        checks.that("with what to do", f"run changes {self.run}" in refused.said, refused.said)
        dynamodb.put_item(TableName=films.TABLE, Item=key | {"poison": {"S": "7"}})
        world.run.run("changes", self.run, "--retry")
        checks.equal("a change that is retried is no dead letter", self.waiting(world, "DeadLettersUrl"), 0)
        dynamodb.put_item(TableName=films.TABLE, Item=key | {"title": {"S": "dropped"}, "poison": {"S": "none either"}})
        wait_until("another is put aside", lambda: self.waiting(world, "DeadLettersUrl") == 1, SYNC_SECONDS)
        dynamodb.delete_item(TableName=films.TABLE, Key=key | {"title": {"S": "dropped"}})
        world.run.run("changes", self.run, "--drop", json.dumps(key | {"title": {"S": "dropped"}}))
        checks.equal("nor is one that is dropped by name", self.waiting(world, "DeadLettersUrl"), 0)
        number = {"poison": {"N": "7"}, "catalogue": {"S": "films"}}
        wait_until(
            "the retried change is applied",
            lambda: dynamodb.get_item(TableName=TARGET, Key=key, ConsistentRead=True).get("Item") == key | number,
            SYNC_SECONDS,
        )
        checks.that("what was retried is applied as the item is now", True)

    def counted(self, world: World) -> None:
        """A count of the source on the same stack is exact, where DescribeTable is hours behind."""
        counted = world.run.call("count", "--migration", MIGRATION, "--yes", "--output", "json")
        world.checks.equal("the source is counted on the stack", (counted.code, counted.said if counted.code else ""), (0, ""))
        report = counted.report()
        items = sum(1 for _ in scan(world.emulator.client("dynamodb"), films.TABLE))
        world.checks.equal("exactly", (report["engine"], report["items"]), ("step-functions", items))

    def cut_over(self, world: World) -> None:
        """Nothing waits, both tables are the same: the copy ends, and leaves nothing at work."""
        checks = world.checks
        verified = world.run.call("verify", self.run, "--yes")
        checks.equal("both tables are the same", (verified.code, verified.said if verified.code else ""), (0, ""))
        outcome = world.run.call("cutover", self.run, "--yes", "--before", "touch before", "--after", "touch after")
        checks.equal("the copy is cut over", (outcome.code, outcome.said if outcome.code else ""), (0, ""))
        checks.that("with the commands of its user", all((world.folder / name).exists() for name in ("before", "after")))
        mappings = world.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        checks.equal("no mapping is at work", [mapping["State"] for mapping in mappings if mapping["State"] == "Enabled"], [])
        stream = world.emulator.client("dynamodb").describe_table(TableName=films.TABLE)["Table"].get("StreamSpecification")
        checks.that("the stream is switched off again", not (stream or {}).get("StreamEnabled"), str(stream))

    def destroy(self, world: World) -> None:
        """The stack goes; both tables stay, and the queues until the data is deleted too."""
        checks = world.checks
        outputs = world.outputs(STACK)
        queues = {outputs["QueueUrl"], outputs["DeadLettersUrl"]}
        outcome = world.infra.call("destroy", "--yes", "--migration", MIGRATION)
        checks.equal("a copy's stack is destroyed", (outcome.code, outcome.said if outcome.code else ""), (0, ""))
        tables = world.emulator.client("dynamodb").list_tables()["TableNames"]
        checks.that("both tables stay", {films.TABLE, TARGET} <= set(tables), str(tables))
        left = self.queues(world)
        checks.that("both queues stay", queues <= left, str(left))
        everything = world.infra.call("destroy", "--yes", "--delete-data", "--migration", MIGRATION)
        checks.equal("the data is deleted too", (everything.code, everything.said if everything.code else ""), (0, ""))
        checks.equal("and no queue is left", queues & self.queues(world), set())

    def queues(self, world: World) -> set[str]:
        return set(world.emulator.client("sqs").list_queues().get("QueueUrls", []))


def kill_function(task: str) -> int:
    """Kills the processes of a task's function, as a machine that fails does; says how many there were."""
    killed = 0
    for process in Path("/proc").iterdir():
        try:
            name = environment_of(process).get("AWS_LAMBDA_FUNCTION_NAME", "")
            if task in name and (process / "exe").readlink().name == "bootstrap":
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except (OSError, ValueError):
            continue
    return killed


def environment_of(process: Path) -> dict[str, str]:
    words = (process / "environ").read_bytes().split(b"\0")
    return dict(word.decode().split("=", 1) for word in words if b"=" in word)
