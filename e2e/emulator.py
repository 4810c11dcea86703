"""The stack on the emulator, deployed and run with the real binaries:
`emulator.py PYTHON RUN INFRA [--movies FILE] [--cdk CDK] [--code FOLDER]`.

PYTHON is the one that ministack is installed for, RUN and INFRA are the built programs. FILE is the plain JSON array of
films; without it, made-up items are used. CDK is the CDK CLI; without it, that deployment is left out. FOLDER holds the
functions' zip files; without it, `infra deploy` builds them.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import tempfile
from pathlib import Path

import again
import cdk
import copies
import films
import refused
from deployments import Deployments
from server import Emulator
from product import Product
from runs import Runs
from tables import REGION, Checks
from world import BUCKET, World

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("python", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("infra", type=Path)
    parser.add_argument("--movies", type=Path)
    parser.add_argument("--cdk", type=Path)
    parser.add_argument("--code", type=Path)
    arguments = parser.parse_args()
    # What was started here ends with this, also when this is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    checks = Checks()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        work = folder / "work"
        work.mkdir()
        with Emulator(arguments.python.absolute(), folder) as emulator:
            world = World(
                checks=checks,
                emulator=emulator,
                run=Product(arguments.run.resolve(), emulator.endpoint, work),
                infra=Product(arguments.infra.resolve(), emulator.endpoint, work),
                repository=Path(__file__).resolve().parent.parent,
                architecture=ARCHITECTURES[platform.machine()],
                code=arguments.code.resolve() if arguments.code else None,
            )
            play(world, films.source(arguments.movies), arguments.cdk)
    checks.end()


def play(world: World, source: list[films.Item], cdk_program: Path | None) -> None:
    s3 = world.emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    deployments, runs = Deployments(world), Runs(source)
    world.scenario("bad input", refused.surroundings)
    world.scenario("stacks of others", refused.stacks)
    world.scenario("a first deployment", deployments.deploy)
    world.scenario("the main job on the stack", runs.migrate)
    world.scenario("a second run", runs.again)
    world.scenario("a run that has ended", runs.looked_at)
    world.scenario("a detached run", runs.detached)
    world.scenario("a change in the migration", deployments.change)
    world.scenario("items that can't be migrated", runs.failing)
    world.scenario("failures that are tolerated", runs.tolerated)
    world.scenario("failed items, taken up again", again.Again(source).retried)
    world.scenario("an execution that is stopped", runs.aborted)
    world.scenario("a run that is stopped in order, and goes on", again.Again(source).resumed)
    world.scenario("the stack is destroyed", deployments.destroy)
    copy = copies.Copies(source)
    world.scenario("a table is carried into another one", copy.copy)
    world.scenario("a change that can't be applied", copy.poisoned)
    world.scenario("a count", copy.counted)
    world.scenario("the cut-over", copy.cut_over)
    world.scenario("a copy's stack is destroyed", copy.destroy)
    if cdk_program:
        world.scenario("the CDK CLI", cdk.Cdk(world, cdk_program.resolve(), source).play)


if __name__ == "__main__":
    main()
