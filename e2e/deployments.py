"""Scenarios: a stack is made, changed, and taken away."""

from __future__ import annotations

import json

import films
import inventory
from runs import STACK
from world import BUCKET, UNITS, World


class Deployments:
    """The scenarios share what stood in the account before them."""

    def __init__(self, world: World) -> None:
        self.before = inventory.take(world.emulator)

    def deploy(self, world: World) -> None:
        """A first deployment, with the real binaries of the functions."""
        checks = world.checks
        world.write_migration(films.migration("films"))
        outcome = world.deploy()
        checks.equal("a stack is deployed", outcome.code, 0)
        checks.that("what will change is shown", "Workflow" in outcome.said, outcome.said)
        checks.that("the events are followed", "CREATE_COMPLETE" in outcome.said, outcome.said)
        outputs = world.outputs(STACK)
        for name, value in outputs.items():
            checks.that(f"the output {name} is printed", value in outcome.said, outcome.said)
        note = json.loads((world.folder / ".segue/deployments/films.json").read_text(encoding="utf-8"))
        checks.equal("the deployment is noted", note["stack"], STACK)
        again = world.deploy()
        checks.equal("the same again is no failure", again.code, 0)
        checks.that("and says that there is nothing to do", "no changes" in again.said, again.said)

    def change(self, world: World) -> None:
        """A change in migration.yaml is refused, shown, and deployed as an update."""
        checks = world.checks
        text = films.migration("films", films.STEPS + "  - set: { path: edition, value: second }\n")
        world.write_migration(text)
        before = world.outputs(STACK)
        early = world.run.call("--segments", "5", "--yes")
        checks.equal("a migration that isn't deployed is refused", early.code, 2)
        checks.that("with what to do", "deploy" in early.stderr, early.stderr)
        diff = world.infra.call("diff", "--architecture", world.architecture, "--bucket", BUCKET)
        checks.equal("diff shows what would change", diff.code, 0)
        checks.that("of the migration", "MigrationDigest" in diff.said, diff.said)
        deployed = world.deploy()
        checks.equal("the change is deployed", deployed.code, 0)
        checks.that("as an update", "UPDATE_COMPLETE" in deployed.said, deployed.said)
        after = world.outputs(STACK)
        checks.that("the digest is another", after["MigrationDigest"] != before["MigrationDigest"], str(after))
        for output in ("StateMachineArn", "LedgerTableName", "ResultsBucketName"):
            checks.equal(f"the {output} stays", after[output], before[output])
        outcome = world.run.call("--segments", "5", "--yes", "--output", "json")
        checks.equal("now it runs", outcome.code, 0)
        items = outcome.report()["items"]
        checks.that("and writes what is new", items["written"] > 0 and items["failed"] == 0, str(items))
        checks.equal("the capacity was left alone", world.units(), UNITS)
        again = world.deploy()
        checks.that("deploy again says no changes", again.code == 0 and "no changes" in again.said, again.said)

    def destroy(self, world: World) -> None:
        """What is left is what destroy says that it keeps; with the data deleted too, nothing."""
        checks = world.checks
        outputs = world.outputs(STACK)
        kept = {("table", outputs["LedgerTableName"]), ("bucket", outputs["ResultsBucketName"])}
        given = {("table", films.TABLE)}
        outcome = world.infra.call("destroy", "--yes")
        checks.equal("the stack is destroyed", outcome.code, 0)
        left = inventory.take(world.emulator) - self.before - given
        checks.equal("what is left is the reports", left, kept)
        for kind, name in kept:
            checks.that(f"and the {kind} is named", name in outcome.said, outcome.said)
        note = world.folder / ".segue/deployments/films.json"
        checks.that("the note is gone", not note.exists())
        everything = world.infra.call("destroy", "--yes", "--delete-data")
        checks.that("the data is deleted too, where that is wanted", everything.code == 0, everything.said)
        left = inventory.take(world.emulator) - self.before
        checks.equal("then nothing is left but the user's table", left, given)
