"""The built binaries, each call in a folder of its own and with an environment that reaches one server only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tables import environment

SECONDS = 600
"""A guard: a run takes about ten seconds, a build of the functions a few minutes."""


@dataclass
class Outcome:
    """How a call ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return self.stdout + self.stderr

    def report(self) -> dict[str, Any]:
        return json.loads(self.stdout)


class Product:
    """One binary."""

    def __init__(self, binary: Path, endpoint: str, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.environment = environment(endpoint, os.environ)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.binary, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self, process: subprocess.Popen[str]) -> Outcome:
        """Waits for the end; a call that doesn't end is killed, and is an error."""
        try:
            stdout, stderr = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Outcome(process.returncode, stdout, stderr)

    def call(self, *arguments: str | Path) -> Outcome:
        return self.end(self.start(*arguments))

    def interrupt(self, process: subprocess.Popen[str]) -> Outcome:
        """What Ctrl-C does."""
        process.send_signal(signal.SIGINT)
        return self.end(process)

    def run(self, *arguments: str | Path) -> str:
        """The stdout of a call that has to succeed."""
        return self.succeeded(self.start(*arguments)).stdout

    def succeeded(self, process: subprocess.Popen[str]) -> Outcome:
        outcome = self.end(process)
        if outcome.code != 0:
            raise RuntimeError(f"{process.args} ended with {outcome.code}:\n{outcome.stdout}\n{outcome.stderr}")
        return outcome
