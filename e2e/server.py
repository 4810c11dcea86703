"""ministack, an emulator of AWS that somebody else wrote: started on a port of its own, ended by its process.

It is no judge of everything; README.md in this folder lists what it can't show. Where it differs from what AWS
documents, the product isn't bent: the checks go round it, with a comment that names the gap.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from tables import CREDENTIALS, REGION, environment

Found = TypeVar("Found")

ACCOUNT = "000000000000"
"""What the emulator takes every caller's account to be."""

PATCHED = Path(__file__).resolve().parent / "patched.py"
START_SECONDS = 60
END_SECONDS = 20
WAIT_SCALE = "0.1"
"""Wait states and pauses between attempts take a tenth of their time."""


class Emulator:
    """A running emulator. Use it as a context manager: it ends with the block."""

    def __init__(self, python: Path, folder: Path) -> None:
        """`python` is the one that ministack is installed for."""
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = folder / "ministack.log"
        self._log = self.log.open("wb")
        self._process = subprocess.Popen(
            [python, PATCHED],
            cwd=folder,
            env=self._environment(folder),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def _environment(self, folder: Path) -> dict[str, str]:
        # Functions inherit all of it, and so reach the emulator.
        return environment(self.endpoint, os.environ) | {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "SFN_WAIT_SCALE": WAIT_SCALE,
            "TMPDIR": str(folder),
        }

    def __enter__(self) -> Emulator:
        try:
            wait_until("the emulator answers", self._is_healthy, START_SECONDS)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _is_healthy(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"the emulator ended with {self._process.returncode}:\n{self.tail()}")
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return answer.status == 200 and bool(json.load(answer))
        except OSError:
            return False

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS,
            aws_secret_access_key=CREDENTIALS,
            config=Config(
                retries={"total_max_attempts": 3},
                connect_timeout=5,
                read_timeout=60,
                s3={"addressing_style": "path"},
            ),
        )

    def tail(self, lines: int = 60) -> str:
        """The end of what it has logged."""
        text = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(text[-lines:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: str, condition: Callable[[], Found], seconds: float) -> Found:
    """Asks again and again until the answer is true, and gives it."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.1)
