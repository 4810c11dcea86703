"""Scenarios: runs on what was deployed."""

from __future__ import annotations

import json
from typing import Any

import films
from server import wait_until
from product import Outcome
from tables import Item, by_key, key_of, same_tables, scan
from world import NOW, UNITS, World

STACK = "Segue-films"
RAISED = (12_000, 4_000)
MAIN_JOB = ("--segments", "100", "--prewarm", "--yes", "--now", NOW, "--output", "json")


class Runs:
    """The scenarios share the items, and what the main job has made of them."""

    def __init__(self, source: list[Item]) -> None:
        self.source = source
        self.first_run = ""

    def migrate(self, world: World) -> None:
        """The main job on the stack: every item as in the rehearsal."""
        rehearsed = by_key(world.rehearse(self.source))
        world.fill(self.source)
        outcome = world.run.call(*MAIN_JOB)
        checks = world.checks
        checks.equal("a bare run succeeds on what was deployed", outcome.code, 0)
        checks.that("it says the stack in its first lines", STACK in outcome.stderr, outcome.stderr)
        report = outcome.report()
        self.first_run = report["run"]
        checks.equal("on Step Functions", report["engine"], "step-functions")
        checks.equal("it has succeeded", report["status"], "succeeded")
        checks.equal(
            "every segment is done", report["segments"], {"total": 100, "succeeded": 100, "failed": 0}
        )
        checks.equal("every item is scanned", report["items"]["scanned"], len(self.source))
        checks.equal("and none failed", report["items"]["failed"], 0)
        found = by_key(scan(world.emulator.client("dynamodb"), films.TABLE))
        same_tables(checks, "every item is as the embedded engine makes it", found, rehearsed)
        before = by_key(self.source)
        changed = sum(rehearsed[key] != before[key] for key in before)
        checks.equal("as many items are written as differ", report["items"]["written"], changed)
        checks.that("and that is most of them", changed > len(self.source) / 2)
        checks.equal("the capacity is put back", world.units(), UNITS)
        self.books(world, report)

    def books(self, world: World, report: dict[str, Any]) -> None:
        """What Step Functions and the ledger say of the run."""
        checks = world.checks
        execution = world.execution(STACK, report["run"])
        checks.equal("the execution has succeeded", execution["status"], "SUCCEEDED")
        map_runs = world.map_runs(execution["executionArn"])
        checks.equal("there is one Map Run", len(map_runs), 1)
        counts = map_runs[0]["executionCounts"]
        checks.equal("of which every child has succeeded", counts["succeeded"], counts["total"])
        ledger = world.ledger(STACK, report["run"])
        segments = [body for entry, body in ledger.items() if entry.startswith("segment#")]
        checks.equal("the ledger has every segment", len(segments), 100)
        for outcome in ("scanned", "written", "unchanged", "filtered", "failed"):
            total = sum(segment["counts"][outcome] for segment in segments)
            checks.equal(f"and as many items {outcome} as the report", total, report["items"][outcome])
        checks.that("it says what the capacity was", "capacity" in ledger, str(sorted(ledger)[:5]))

    def again(self, world: World) -> None:
        """R3: a second run writes nothing."""
        before = list(scan(world.emulator.client("dynamodb"), films.TABLE))
        # With another `now`, as a second run has.
        outcome = world.run.call("--segments", "7", "--yes", "--output", "json")
        world.checks.equal("a second run succeeds", outcome.code, 0)
        items = outcome.report()["items"]
        world.checks.equal("reads every item", items["scanned"], len(self.source))
        world.checks.equal("writes none", items["written"], 0)
        world.checks.equal("and says so", items["unchanged"] + items["filtered"], len(self.source))
        after = by_key(scan(world.emulator.client("dynamodb"), films.TABLE))
        same_tables(world.checks, "and leaves every item as it was", after, by_key(before))

    def looked_at(self, world: World) -> None:
        """`status` and `watch` of a run that has ended."""
        checks = world.checks
        status = world.run.call("status", self.first_run)
        checks.equal("status tells of a run that has ended", status.code, 0)
        checks.that("by its name, and how", "succeeded" in status.said and self.first_run in status.said, status.said)
        watched = world.run.call("watch", self.first_run, "--output", "json")
        checks.equal("watch ends at once where the run has", watched.code, 0)
        checks.equal("with the same report", watched.report()["run"], self.first_run)
        checks.equal("and the same counts", watched.report()["items"]["scanned"], len(self.source))

    def detached(self, world: World) -> None:
        """Begun and left, then followed from another terminal."""
        checks = world.checks
        outcome = world.run.call("--segments", "30", "--prewarm", "--yes", "--detach")
        checks.equal("a detached run leaves at once", outcome.code, 0)
        arn = execution_arn(outcome)
        checks.that("and prints the execution's ARN", arn is not None, outcome.said)
        checks.that("and its page in the console", "https://" in outcome.stdout, outcome.stdout)
        watched = world.run.call("watch", "--output", "json")
        checks.equal("watch follows the newest run to its end", watched.code, 0)
        report = watched.report()
        checks.equal("which is that one", report["run"], (arn or "").split(":")[-1])
        checks.equal("it has succeeded", report["status"], "succeeded")
        checks.equal("the capacity is put back", world.units(), UNITS)

    def failing(self, world: World) -> None:
        """R19: nothing is tolerated, and some items can't be migrated."""
        checks = world.checks
        refused = self.deploy_numbers(world, tolerated=0)
        outcome = world.run.call("--segments", "10", "--prewarm", "--yes", "--output", "json")
        checks.equal("a run that fails on some items ends with 1", outcome.code, 1)
        report = outcome.report()
        checks.equal("it has failed", report["status"], "failed")
        checks.that("some items failed", report["items"]["failed"] > 0)
        self.listed(world, outcome, report, refused, all_of_them=False)
        checks.equal("the capacity is put back all the same", world.units(), UNITS)
        execution = world.execution(STACK, report["run"])
        checks.equal("the execution has failed", execution["status"], "FAILED")
        checks.equal("under the error's own name", execution.get("error"), "Segue.TooManyFailedItems")
        world.map_runs(execution["executionArn"])

    def tolerated(self, world: World) -> None:
        """As many are tolerated: the run goes through, and lists every one."""
        checks = world.checks
        refused = self.deploy_numbers(world, tolerated=20)
        outcome = world.run.call("--segments", "10", "--prewarm", "--yes", "--output", "json")
        checks.equal("a run with failures that are tolerated ends with 0", outcome.code, 0)
        report = outcome.report()
        checks.equal("it has succeeded", report["status"], "succeeded")
        self.listed(world, outcome, report, refused, all_of_them=True)
        found = by_key(scan(world.emulator.client("dynamodb"), films.TABLE))
        rehearsed = by_key(world.rehearse(self.source))
        same_tables(checks, "what failed is as it was, the rest as in the rehearsal", found, rehearsed)
        checks.equal("the capacity is put back", world.units(), UNITS)

    def deploy_numbers(self, world: World, tolerated: float) -> set[Any]:
        """Deploys the migration that some items refuse; which those are."""
        text = films.migration("films", films.NUMBER_STEPS, films.NUMBERED, tolerated)
        world.write_migration(text)
        world.fill(self.source)
        deployed = world.deploy()
        world.checks.equal(f"a migration that tolerates {tolerated} % is deployed", deployed.code, 0)
        return {key_of(item) for item in self.source if films.not_a_number(item)}

    def listed(
        self, world: World, outcome: Outcome, report: dict[str, Any], refused: set[Any], all_of_them: bool
    ) -> None:
        """The report and `run failures` list what failed, with key and reason, and no value."""
        checks = world.checks
        lines = [json.loads(line) for line in world.run.run("failures", report["run"]).splitlines()]
        keys = [key_of(line["key"]) for line in lines]
        checks.equal("as many are listed as failed", len(keys), report["items"]["failed"])
        checks.equal("none twice", len(set(keys)), len(keys))
        if all_of_them:
            checks.equal("all of them", set(keys), refused)
        else:
            checks.that("each is one that can't be migrated", set(keys) <= refused, str(set(keys) - refused))
        checks.that("each with its reason", all("number" in line["reason"] for line in lines), str(lines[:3]))
        named = sum(json.dumps(title, ensure_ascii=False) in outcome.stderr for _, title in keys)
        checks.that("the run has named them too", named > 0, outcome.stderr)

    def aborted(self, world: World) -> None:
        """R12: an execution that is stopped comes to no Catch; the rule's state machine puts the capacity back."""
        checks = world.checks
        world.write_migration(films.migration("films"))
        world.fill(self.source)
        checks.equal("the first migration is deployed again", world.deploy().code, 0)
        stepfunctions = world.emulator.client("stepfunctions")
        outcome = world.run.call("--segments", "100", "--prewarm", "--yes", "--detach")
        arn = execution_arn(outcome)
        if arn is None:
            raise RuntimeError(f"no execution in\n{outcome.said}")
        wait_until("the table is raised", lambda: world.units() == RAISED, 60)
        stepfunctions.stop_execution(executionArn=arn, error="Stopped", cause="by hand")
        status = stepfunctions.describe_execution(executionArn=arn)["status"]
        checks.equal("an execution is stopped while the table is raised", status, "ABORTED")
        wait_until("the capacity is put back", lambda: world.units() == UNITS, 120)
        checks.that("the capacity is put back without it", True)
        afterwards = wait_until("the rule's state machine has ended", lambda: self.afterwards(world, arn), 120)
        checks.equal("by the state machine that the rule has started", afterwards, "SUCCEEDED")
        run = arn.split(":")[-1]
        status = world.run.call("status", run)
        checks.that("status says that it was stopped", "stopped" in status.said.lower(), status.said)
        # A Map Run can outlive the execution that was stopped.
        world.map_runs(arn)
        checks.equal("and it stays so", world.units(), UNITS)

    def afterwards(self, world: World, execution: str) -> str | None:
        """How the execution ended that the rule has started for an execution; None until it has."""
        resources = world.emulator.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        stepfunctions = world.emulator.client("stepfunctions")
        for resource in resources:
            arn = resource["PhysicalResourceId"]
            if resource["ResourceType"] != "AWS::StepFunctions::StateMachine" or arn in execution.replace(
                ":execution:", ":stateMachine:"
            ):
                continue
            for listed in stepfunctions.list_executions(stateMachineArn=arn)["executions"]:
                found = stepfunctions.describe_execution(executionArn=listed["executionArn"])
                if execution in found["input"] and found["status"] != "RUNNING":
                    return found["status"]
        return None


def execution_arn(outcome: Outcome) -> str | None:
    words = outcome.stdout.replace('"', " ").split()
    return next((word for word in words if word.startswith("arn:aws:states:") and ":execution:" in word), None)
