"""Scenario: the same stack through the CDK CLI, which somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import films
import inventory
from product import Outcome, Product
from runs import MAIN_JOB
from tables import Item, by_key, same_tables, scan
from world import BUCKET, UNITS, World

MIGRATION = "through-cdk"
STACK = "Segue-through-cdk"


class Cdk:
    """The CLI is called in the repository, where cdk.json is; what it writes goes to the scratch folder."""

    def __init__(self, world: World, program: Path, source: list[Item]) -> None:
        self.source = source
        self.cli = Product(program, world.emulator.endpoint, world.repository)
        self.context = {
            "segue:migration": world.folder / "cdk.yaml",
            "segue:architecture": world.architecture,
            "segue:bucket": BUCKET,
        }
        self.output = world.folder / "cdk.out"

    def call(self, verb: str, *arguments: str) -> Outcome:
        context = [f"--context={name}={value}" for name, value in self.context.items()]
        return self.cli.call(verb, STACK, *arguments, *context, "--output", self.output, "--no-notices", "--ci")

    def play(self, world: World) -> None:
        checks = world.checks
        world.write_migration(films.migration(MIGRATION), "cdk.yaml")
        world.fill(self.source)
        before = inventory.take(world.emulator)
        deployed = self.call("deploy", "--require-approval", "never", "--progress", "events")
        checks.that("cdk deploy makes the stack", deployed.code == 0, deployed.said)
        rehearsed = by_key(world.rehearse(self.source, "cdk.yaml"))
        outcome = world.run.call(*MAIN_JOB, "--migration", "cdk.yaml", "--stack", STACK)
        checks.that("a run on it succeeds", outcome.code == 0, outcome.said)
        found = by_key(scan(world.emulator.client("dynamodb"), films.TABLE))
        same_tables(checks, "and every item is as the embedded engine makes it", found, rehearsed)
        checks.equal("the capacity is put back", world.units(), UNITS)
        again = self.call("deploy", "--require-approval", "never")
        checks.that("cdk deploy again finds no changes", again.code == 0 and "no changes" in again.said, again.said)
        outputs = world.outputs(STACK)
        destroyed = self.call("destroy", "--force")
        checks.that("cdk destroy takes it away", destroyed.code == 0, destroyed.said)
        kept = {("table", outputs["LedgerTableName"]), ("bucket", outputs["ResultsBucketName"])}
        checks.equal("what is left is the reports", inventory.take(world.emulator) - before, kept)
        # What `cdk destroy` leaves, `infra destroy` still finds.
        cleared = world.infra.call("destroy", "--migration", "cdk.yaml", "--yes", "--delete-data")
        checks.that("infra destroy --delete-data clears that up", cleared.code == 0, cleared.said)
        checks.equal("then nothing is left", inventory.take(world.emulator) - before, set())
