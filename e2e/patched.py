"""Starts ministack, with the one gap filled that would keep the stack from being made: `patched.py`, in its own Python.

ministack 1.5.33 makes no alarms on metric math, which CloudWatch has. Such an alarm is kept here as one on the first of
its metrics: it stands, is listed and goes with the stack. Whether alarms fire is nothing that the emulator is asked.
"""

from __future__ import annotations

from typing import Any

from ministack.app import main
from ministack.services.cloudformation import provisioners

_record = provisioners._cw_metric_alarm_record


def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    queries = properties.get("Metrics")
    if queries:
        first = next(query["MetricStat"] for query in queries if "MetricStat" in query)
        of_metric = first["Metric"] | {"Period": first["Period"], "Statistic": first["Stat"]}
        properties = {key: value for key, value in properties.items() if key != "Metrics"} | of_metric
    return _record(name, properties)


provisioners._cw_metric_alarm_record = record
main()
