"""Scenarios: runs that go on, on what was deployed."""

from __future__ import annotations

import json
from typing import Any

import films
from product import Outcome
from runs import RAISED, STACK, Runs
from server import wait_until
from tables import Item, by_key, key_of, same_tables, scan
from world import NOW, UNITS, World

SLOWLY = 40
"""Write units a second: the films take more than a minute."""


class Again:
    """The scenarios share the items."""

    def __init__(self, source: list[Item]) -> None:
        self.source = source

    def resumed(self, world: World) -> None:
        """Held still, stopped in order, and gone on with."""
        checks = world.checks
        rehearsed = by_key(world.rehearse(self.source))
        world.fill(self.source)
        run = self.begin(world)
        wait_until("the run writes", lambda: self.status(world, run)["items"]["written"] > 0, 120)
        checks.equal("the table is raised", world.units(), RAISED)
        for command in (("pause",), ("throttle", "--write-units", "20000")):
            asked = world.run.call(*command, run)
            checks.equal(f"{command[0]} is taken", asked.code, 0)
        stopped = world.run.call("stop", run, "--output", "json")
        checks.equal("a run is stopped in order", stopped.code, 0)
        report = stopped.report()
        checks.equal("it was stopped", report["status"], "stopped")
        checks.that("in the middle", 0 < report["items"]["written"] < len(self.source) / 2, stopped.stdout)
        checks.equal("the capacity is put back", world.units(), UNITS)
        execution = world.execution(STACK, run)
        checks.equal("its execution ended under the error's name", execution.get("error"), "Segue.Stopped")

        going_on = world.run.call("resume", run, "--yes", "--output", "json")
        checks.equal("it goes on", going_on.code, 0)
        report = going_on.report()
        checks.equal("it has succeeded", (report["run"], report["status"]), (run, "succeeded"))
        checks.equal("every item is counted once", report["items"]["scanned"], len(self.source))
        checks.equal("as another execution", world.execution(STACK, f"{run}-r2")["status"], "SUCCEEDED")
        checks.equal("the capacity is put back again", world.units(), UNITS)
        found = by_key(scan(world.emulator.client("dynamodb"), films.TABLE))
        same_tables(checks, "every item is as in an undisturbed run", found, rehearsed)
        checks.equal("status tells of the newest attempt", self.status(world, run)["status"], "succeeded")
        once_more = world.run.call("resume", run, "--yes")
        checks.that("and there is nothing to go on with", "nothing to go on with" in once_more.stderr, once_more.said)

    def begin(self, world: World) -> str:
        outcome = world.run.call(
            *("--segments", "50", "--workers", "4", "--prewarm", "--write-units", str(SLOWLY)),
            *("--now", NOW, "--yes", "--detach", "--output", "json"),
        )
        world.checks.equal("a slow run has begun", outcome.code, 0)
        return str(outcome.report()["run"])

    def status(self, world: World, run: str) -> dict[str, Any]:
        return world.run.call("status", run, "--output", "json").report()

    def retried(self, world: World) -> None:
        """R19: what failed is listed, and done after the migration was mended."""
        checks = world.checks
        refused = Runs(self.source).deploy_numbers(world, tolerated=20)
        outcome = world.run.call("--segments", "10", "--yes", "--output", "json")
        checks.equal("a run with poisoned items ends", outcome.code, 0)
        run = outcome.report()["run"]
        checks.equal("which are listed", self.failed(world, run), refused)
        migrated = by_key(world.rehearse(self.source))

        world.write_migration(films.migration("films", films.MENDED_STEPS, films.NUMBERED, 20))
        early = world.run.call("retry", run, "--yes")
        checks.equal("a migration that isn't deployed is refused", early.code, 2)
        checks.equal("the mended one is deployed", world.deploy().code, 0)
        again = world.run.call("retry", run, "--yes", "--output", "json")
        checks.equal("the failed items are taken up again", again.code, 0)
        report = again.report()
        checks.equal("none is left", report["items"]["failed"], 0)
        checks.equal("and none is listed", self.failed(world, run), set())
        checks.equal("the run is one of all items", report["items"]["scanned"], len(self.source))
        mended = by_key(world.rehearse(self.source))
        expected = {key: mended[key] if key in refused else migrated[key] for key in migrated}
        found = by_key(scan(world.emulator.client("dynamodb"), films.TABLE))
        same_tables(checks, "they are as the mended migration wants them, and no other was touched", found, expected)
        nothing = world.run.call("retry", run, "--yes")
        checks.equal("then there is nothing to take up", nothing.code, 2)

    def failed(self, world: World, run: str) -> set[Any]:
        listed: Outcome = world.run.call("failures", run)
        return {key_of(json.loads(line)["key"]) for line in listed.stdout.splitlines()}
