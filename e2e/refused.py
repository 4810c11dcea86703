"""Scenarios: bad input. Each is refused with what is wrong and what to do, before anything is changed."""

from __future__ import annotations

import json
from typing import Any

import films
import inventory
from server import wait_until
from product import Outcome
from world import BUCKET, World

FOREIGN: dict[str, Any] = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
}
# An alarm on nothing: its creation fails, on AWS too.
UNMAKEABLE: dict[str, Any] = {
    "Description": "Segue: the migration broken of table movies",
    "Resources": {
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {"EvaluationPeriods": 1, "Threshold": 2, "ComparisonOperator": "GreaterThanThreshold"},
        }
    },
}


def stacks(world: World) -> None:
    """Stacks that aren't there, aren't ours, or can't be changed."""
    refuses(world, "a run on a stack that isn't there", run(world, "--stack", "Segue-nowhere"), "Segue-nowhere")
    create(world, "Foreign", FOREIGN, "CREATE_COMPLETE")
    refuses(world, "a run on a stack that isn't ours", run(world, "--stack", "Foreign"), "Foreign")
    world.write_migration(films.migration("foreign"))
    create(world, "Segue-foreign", FOREIGN, "CREATE_COMPLETE")
    refuses(world, "a deployment over a stack that isn't ours", world.deploy(), "Segue-foreign")
    world.write_migration(films.migration("broken"))
    create(world, "Segue-broken", UNMAKEABLE, "ROLLBACK_COMPLETE")
    refuses(world, "a deployment onto ROLLBACK_COMPLETE", world.deploy(), "ROLLBACK_COMPLETE", "destroy")
    destroyed = world.infra.call("destroy", "--yes")
    world.checks.that("which does what it says", destroyed.code == 0, destroyed.said)
    for stack in ("Foreign", "Segue-foreign"):
        world.emulator.client("cloudformation").delete_stack(StackName=stack)


def surroundings(world: World) -> None:
    """No credentials, no region, no bucket."""
    world.write_migration(films.migration("films"))
    before = inventory.take(world.emulator)
    for names, what, word in (
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "credentials", "credentials"),
        (("AWS_REGION",), "a region", "AWS_REGION"),
    ):
        kept = world.infra.environment
        # A home of its own: the profiles of whoever runs this would do as credentials.
        world.infra.environment = {name: value for name, value in kept.items() if name not in names} | {
            "HOME": str(world.folder)
        }
        refuses(world, f"a deployment without {what}", world.deploy(), word)
        world.infra.environment = kept
    unbootstrapped = world.infra.call("deploy", "--yes", "--architecture", world.architecture)
    refuses(world, "a deployment without a bucket", unbootstrapped, "bootstrap", "--bucket")
    missing = world.infra.call("deploy", "--yes", "--architecture", world.architecture, "--bucket", f"{BUCKET}-gone")
    refuses(world, "a deployment to a bucket that isn't there", missing, f"{BUCKET}-gone")
    unasked = world.infra.call("deploy", "--architecture", world.architecture, "--bucket", BUCKET)
    refuses(world, "a deployment without a terminal and without --yes", unasked, "--yes")
    left = inventory.take(world.emulator) - before
    world.checks.equal("nothing was made by any of them", {entry for entry in left if entry[0] != "stack"}, set())


def run(world: World, *arguments: str) -> Outcome:
    return world.run.call("--segments", "5", "--yes", "--engine", "step-functions", *arguments)


def refuses(world: World, what: str, outcome: Outcome, *words: str) -> None:
    world.checks.equal(f"{what} is refused as the user's to mend", outcome.code, 2)
    for word in words:
        world.checks.that(f"and it says {word}", word in outcome.stderr, outcome.stderr)


def create(world: World, name: str, template: dict[str, Any], status: str) -> None:
    """A stack that somebody else has made."""
    cloudformation = world.emulator.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    def has_status() -> bool:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == status

    wait_until(f"the stack {name} is {status}", has_status, 60)
