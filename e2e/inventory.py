"""What stands in an account, by kind and name: taken before a deployment and after it is destroyed, the difference is
what was left behind."""

from __future__ import annotations

from typing import Any

from server import Emulator

Inventory = set[tuple[str, str]]
"""Kind and name of each resource."""


def take(emulator: Emulator) -> Inventory:
    """Everything of the kinds that a stack of ours has."""
    found: Inventory = set()

    def add(kind: str, service: str, operation: str, field: str, name: str | None, **parameters: Any) -> None:
        client = emulator.client(service)
        pages = (
            client.get_paginator(operation).paginate(**parameters)
            if client.can_paginate(operation)
            else [getattr(client, operation)(**parameters)]
        )
        for page in pages:
            found.update((kind, entry if name is None else entry[name]) for entry in page.get(field) or [])

    # Stacks that are deleted are still described by their ids, and stay in lists for 90 days.
    add("stack", "cloudformation", "describe_stacks", "Stacks", "StackName")
    add("function", "lambda", "list_functions", "Functions", "FunctionName")
    add("state machine", "stepfunctions", "list_state_machines", "stateMachines", "name")
    add("rule", "events", "list_rules", "Rules", "Name")
    add("log group", "logs", "describe_log_groups", "logGroups", "logGroupName")
    add("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName")
    add("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName")
    add("role", "iam", "list_roles", "Roles", "RoleName")
    add("policy", "iam", "list_policies", "Policies", "PolicyName", Scope="Local")
    add("table", "dynamodb", "list_tables", "TableNames", None)
    add("bucket", "s3", "list_buckets", "Buckets", "Name")
    add("queue", "sqs", "list_queues", "QueueUrls", None)
    add("topic", "sns", "list_topics", "Topics", "TopicArn")
    add("event source mapping", "lambda", "list_event_source_mappings", "EventSourceMappings", "UUID")
    return found
