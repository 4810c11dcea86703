"""The state machine documents of a template, each in a file: `machines.py TEMPLATE FOLDER`."""

import json
import sys
from pathlib import Path


def main(template: str, folder: str) -> None:
    resources = json.loads(Path(template).read_text(encoding="utf-8"))["Resources"]
    machines = {
        name: resource["Properties"]["Definition"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    }
    if not machines:
        sys.exit(f"{template} has no state machine")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, definition in machines.items():
        (Path(folder) / f"{name}.json").write_text(json.dumps(definition, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
