"""A real `skerry up` in a process of its own, for tests that walk the whole road."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from skerry.testing.program import surroundings

READY_TIMEOUT = 90.0
"""Generous: the tests share two processors with each other; `test_up.py` measures the real figure."""


@dataclass(frozen=True)
class Running:
    """A running stack: its process, its folder, and what it printed when it was ready."""

    process: subprocess.Popen[str]
    folder: Path
    state: Path
    facts: Mapping[str, Any]
    beside: Mapping[str, str]

    def skerry(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs a command against this stack, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "skerry", *arguments],
            env=clean_environment() | self.beside | {"SKERRY_STATE": str(self.state)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """What `skerry env` prints, for boto3 and for programs of a test."""
        done = self.skerry("env", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def hops(self, *, since: float = 0.0, session: str = "") -> list[dict[str, Any]]:
        """What the recorder kept, oldest first."""
        arguments = ["--since", str(since)] + (["--session", session] if session else [])
        done = self.skerry("hops", "--json", "--limit", "1000", *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def clean_environment() -> dict[str, str]:
    """The tests' environment without anything that steers AWS or skerry."""
    return surroundings(os.environ, {"PYTHONUNBUFFERED": "1"})


@contextlib.contextmanager
def up(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    end_within: float = 5.0,
) -> Iterator[Running]:
    """`skerry up --port 0 --json` in `folder`; ended with SIGTERM, which must take less than `end_within` s.

    `environment` is what the stack and the commands run against it get beside the tests' own.
    """
    state = folder / "state"
    process = subprocess.Popen(
        [sys.executable, "-m", "skerry", "up", "--port", "0", "--json", "--state", str(state), *arguments],
        cwd=folder,
        env=clean_environment() | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    overdue = threading.Timer(READY_TIMEOUT, process.kill)
    overdue.start()
    line = process.stdout.readline()
    overdue.cancel()
    if not line:
        _, errors = process.communicate()
        logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in (state / "logs").glob("*"))
        raise AssertionError(f"skerry up did not get ready\n{errors}\n{logs}")
    try:
        yield Running(process, folder, state, json.loads(line), environment)
    finally:
        if process.poll() is None:
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=4 * end_within)
            took = time.monotonic() - began
            failed = any(one["failed"] for one in json.loads(line)["problems"])
            assert process.returncode == int(failed), errors
            assert took < end_within, f"it took {took:.1f} s to end"
        else:
            process.communicate()
